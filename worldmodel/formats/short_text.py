"""The short text of a track, for typing: `forward*24 right+yaw_right*12 idle*8`.

text  = step step ...            one after another
step  = part+part*count          held together for `count` frames, one frame without a count
part  = a key's word | yaw_left | yaw_right | pitch_up | pitch_down | idle
turns take degrees per frame in brackets, `yaw_right(2.5)`, and 1.5 without
"""

from __future__ import annotations

import re

from ..timeline import MAX_DEGREES, MAX_FRAMES, WORDS, Timeline, canonical, curve_keyframes, shortened, unknown_word

DEGREES = 1.5
"""Turn of one frame when none is given; 0.1 of a Matrix-Game mouse."""

_TURNS = {"yaw_right": (1.0, 0.0), "yaw_left": (-1.0, 0.0), "pitch_up": (0.0, 1.0), "pitch_down": (0.0, -1.0)}
_STEP = re.compile(r"(?P<parts>[^*]*?)(?:\*(?P<count>[^*]*))?")
_PART = re.compile(r"(?P<word>[^()]+)(?:\((?P<degrees>[^()]*)\))?")


def read(text: str) -> Timeline:
    """Parse the short text; empty text is not handled here.

    Raises:
        ValueError: in one sentence, the frame, the word and what to write instead.
    """
    keys: dict[str, list[tuple[int, int]]] = {}
    yaw: list[float] = []
    pitch: list[float] = []
    for step in re.sub(r"\s*([+*(])\s*|\s+(?=\))", r"\1", text.strip()).split():
        frame = len(yaw)
        words, turn, count = _step(step, frame)
        if frame + count > MAX_FRAMES:
            raise ValueError(
                f"frame {frame}: '{shortened(step)}' makes the track longer than {MAX_FRAMES} frames; hold it for less"
            )
        for word in words:
            keys.setdefault(word, []).append((frame, count))
        yaw += [turn[0]] * count
        pitch += [turn[1]] * count
    return canonical(
        Timeline(
            frames=len(yaw),
            keys=tuple((word, tuple(spans)) for word, spans in keys.items()),
            yaw=curve_keyframes(yaw),
            pitch=curve_keyframes(pitch),
        )
    )


def _step(step: str, frame: int) -> tuple[list[str], tuple[float, float], int]:
    """Split one step into the words held, the turn (yaw, pitch) in degrees per frame, and its frames."""
    matched, step = _STEP.fullmatch(step), shortened(step)
    if not matched:
        raise ValueError(f"frame {frame}: '{step}' has more than one '*'; write a step as forward*24")
    count = _count(matched["count"], step, frame)
    words, turn = [], [0.0, 0.0]
    for part in matched["parts"].split("+"):
        word, degrees = _part(part, step, frame)
        if word in _TURNS:
            for axis, sign in enumerate(_TURNS[word]):
                turn[axis] += sign * degrees
        elif word != "idle":
            words.append(word)
    if max(map(abs, turn)) > MAX_DEGREES:
        raise ValueError(f"frame {frame}: '{step}' turns more than {MAX_DEGREES:g} degrees in a frame; use less")
    return words, (turn[0], turn[1]), count


def _count(text: str | None, step: str, frame: int) -> int:
    if text is None:
        return 1
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text[:9]) <= MAX_FRAMES or len(text) > 9:
        raise ValueError(f"frame {frame}: '{step}' needs a whole number of frames from 1 to {MAX_FRAMES} after '*'")
    return int(text)


def _part(part: str, step: str, frame: int) -> tuple[str, float]:
    matched, part = _PART.fullmatch(part), shortened(part)
    if not matched:
        raise ValueError(f"frame {frame}: '{part}' in '{step}' is not a key; write a step as right+yaw_right(2.5)*12")
    word, degrees = matched["word"], matched["degrees"]
    if word not in (*WORDS, *_TURNS, "idle"):
        raise ValueError(f"frame {frame}: {unknown_word(word, (*WORDS, *_TURNS, 'idle'))}")
    if degrees is None:
        return word, DEGREES
    if word not in _TURNS:
        raise ValueError(f"frame {frame}: '{word}' takes no number in brackets; write {word}*12 to hold it")
    try:
        value = float(degrees)
    except ValueError:
        value = -1.0
    if not 0 <= value <= MAX_DEGREES:
        raise ValueError(
            f"frame {frame}: {word} takes degrees per frame from 0 to {MAX_DEGREES:g}, not '{shortened(degrees)}'"
        )
    return word, value
