"""The short text of a track, for typing: `forward*24 right+yaw_right*12 idle*8`.

text  = step step ...            one after another
step  = part+part*count          held together for `count` frames, one frame without a count
part  = a key's word | yaw_left | yaw_right | pitch_up | pitch_down | idle
turns take degrees per frame in brackets, `yaw_right(2.5)`, and 1.5 without
"""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from ..reading.limits import MAX_FRAMES
from ..reading.words import shortened
from .timeline import MAX_DEGREES, WORDS, Span, Timeline, canonical, curve_keyframes, unknown_word

DEGREES = 1.5
"""Turn of one frame when none is given; 0.1 of a Matrix-Game mouse."""
MAX_LETTERS = 40 * MAX_FRAMES
"""Length of a text that says every frame of the longest track by itself."""

_TURNS = {"yaw_right": (1.0, 0.0), "yaw_left": (-1.0, 0.0), "pitch_up": (0.0, 1.0), "pitch_down": (0.0, -1.0)}
_GLUED = re.compile(r" ?([+*(]) ?| (?=\))")
"""Spaces inside a step, where only single ones are left: a run of them would be tried from each of its places."""
_STEP = re.compile(r"(?P<parts>[^*]*?)(?:\*(?P<count>[^*]*))?")
_PART = re.compile(r"(?P<word>[^()]+)(?:\((?P<degrees>[^()]*)\))?")


class Step(NamedTuple):
    """The words held, the turn (yaw, pitch) in degrees per frame, and for how many frames."""

    words: tuple[str, ...]
    turn: tuple[float, float]
    count: int


def read(text: str) -> Timeline:
    """Parse the short text; empty text is not handled here.

    Raises:
        ValueError: in one sentence, the frame, the word and what to write instead.
    """
    if len(text) > MAX_LETTERS:
        raise ValueError(
            f"found {len(text)} letters, expected at most {MAX_LETTERS}; hold a step for many frames as forward*24"
        )
    keys: dict[str, list[Span]] = {}
    turns: list[tuple[float, float]] = []
    counts: list[int] = []
    met: dict[str, Step] = {}  # most texts say a few steps over and over
    frame = 0
    for step in _GLUED.sub(r"\1", " ".join(text.split())).split():
        if step not in met:
            met[step] = _step(step, frame)
        words, turn, count = met[step]
        if frame + count > MAX_FRAMES:
            raise ValueError(
                f"frame {frame}: '{shortened(step)}' makes the track longer than {MAX_FRAMES} frames; hold it for less"
            )
        for word in words:
            keys.setdefault(word, []).append((frame, count))
        turns.append(turn)
        counts.append(count)
        frame += count
    yaw, pitch = np.repeat(np.array(turns).reshape(-1, 2), counts, axis=0).T
    return canonical(
        Timeline(
            frames=frame,
            keys=tuple((word, tuple(spans)) for word, spans in keys.items()),
            yaw=curve_keyframes(yaw),
            pitch=curve_keyframes(pitch),
        )
    )


def _step(step: str, frame: int) -> Step:
    """Split one step; the frame is for messages."""
    matched, step = _STEP.fullmatch(step), shortened(step)
    if not matched:
        raise ValueError(f"frame {frame}: '{step}' has more than one '*'; write a step as forward*24")
    count = _count(matched["count"], step, frame)
    words: list[str] = []
    turn = [0.0, 0.0]
    for part in matched["parts"].split("+"):
        word, degrees = _part(part, step, frame)
        if word in _TURNS:
            for axis, sign in enumerate(_TURNS[word]):
                turn[axis] += sign * degrees
        elif word != "idle" and word not in words:
            words.append(word)
    if max(map(abs, turn)) > MAX_DEGREES:
        raise ValueError(f"frame {frame}: '{step}' turns more than {MAX_DEGREES:g} degrees in a frame; use less")
    return Step(tuple(words), (turn[0], turn[1]), count)


def _count(text: str | None, step: str, frame: int) -> int:
    if text is None:
        return 1
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text[:9]) <= MAX_FRAMES or len(text) > 9:
        raise ValueError(f"frame {frame}: '{step}' needs a whole number of frames from 1 to {MAX_FRAMES} after '*'")
    return int(text)


def _part(part: str, step: str, frame: int) -> tuple[str, float]:
    matched = _PART.fullmatch(part)
    if not matched:
        raise ValueError(
            f"frame {frame}: '{shortened(part)}' in '{step}' is not a key; write a step as right+yaw_right(2.5)*12"
        )
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
