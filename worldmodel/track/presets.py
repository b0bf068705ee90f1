"""Ready-made tracks: walk, look around, there and back, random from a seed, and the demos of Matrix-Game 2's authors.

Turns stay within 4 degrees a frame, the range Tiny World was played in, and begin and end softly.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import NamedTuple

from ..reading.json_text import shown
from ..reading.limits import MAX_FRAMES
from ..reading.words import shortened
from .short_text import DEGREES
from .timeline import Keyframe, Timeline, canonical, curve_keyframes
from .track import sample_curve

Action = tuple[tuple[str, ...], float]
"""Keys held together, and degrees to the right per frame."""

FASTEST = 4.0
"""Degrees per frame."""
_RAMP = 4
"""Frames in which a turn reaches its speed."""


def walk(frames: int, seed: int = 0) -> Timeline:
    """Walk on all the way, the view swaying 14 degrees to the right and back every 48 frames."""
    sway = [Keyframe(frame, (0, 1.2, 0, -1.2)[frame // 12 % 4], "smooth") for frame in range(0, frames + 12, 12)]
    return _cut(Timeline(frames, keys=_lanes(forward=[(0, frames)]), yaw=tuple(sway)))


def look_around(frames: int, seed: int = 0) -> Timeline:
    """Stand still and look 60 degrees to the right, to the left, and ahead again; long tracks look again."""
    looks = max(1, frames // 72)
    yaw: list[Keyframe] = []
    for look in range(looks):
        row, end = look * frames // looks, (look + 1) * frames // looks
        rest = (end - row) // 24
        side = max(4, (end - row - 4 * rest) // 4)
        ramp = min(_RAMP, side // 3)
        speed = min(FASTEST, 60 / (side - ramp - 1))
        for direction, length in ((1, side), (-1, 2 * side - ramp - 1), (1, side)):
            yaw += _turn(row + rest, length, direction * speed, ramp)
            row += rest + length
    return _cut(Timeline(frames, yaw=tuple(yaw)))


def there_and_back(frames: int, seed: int = 0) -> Timeline:
    """Walk along a bend, then backwards over the same places: the last frame stands where the first one stood.

    A row moves first and turns then, so the way back undoes each turn one row before the move it followed.
    """
    rows = frames - 1  # the last row's effect is no longer seen
    there = max(0, (rows - 1) // 2)
    back = rows - there
    bent, ramp = max(4, there // 2), max(1, min(_RAMP, there // 6))
    bend = _turn(there // 4, bent, min(1.5, 45 / (bent - ramp - 1)), ramp)
    yaw = [round(float(value), 3) for value in sample_curve(bend, there)]
    curve = yaw + [0.0] * (rows - 2 * there - 1) + [-value for value in reversed(yaw)] + [0.0] * 2
    keys = _lanes(forward=[(0, there)], back=[(back, there)])
    return canonical(Timeline(frames, keys=keys, yaw=curve_keyframes(curve[:frames])))


def random_walk(frames: int, seed: int = 0) -> Timeline:
    """Play like a person: mostly forward, with bends, glances, side steps and pauses; the same for the same seed."""
    draw = random.Random(seed)
    lanes: dict[str, list[tuple[int, int]]] = {}
    yaw: list[Keyframe] = []
    row = 0
    while row < frames:
        kind = draw.random()
        length = 10 + int(draw.random() * (30 if kind < 0.6 else 10))
        turning = draw.random() < (0.5 if kind < 0.6 else 0.75)
        side = "left" if draw.random() < 0.5 else "right"
        speed = 1.0 + draw.random() * (FASTEST - 1.5)
        if kind < 0.8:  # walk on, now and then also to the side
            lanes.setdefault("forward", []).append((row, length))
        if 0.6 <= kind < 0.8:
            lanes.setdefault(side, []).append((row + 2, length - 4))
        if kind >= 0.9:  # a short way back
            lanes.setdefault("back", []).append((row, length // 2))
        if turning and not 0.6 <= kind < 0.8:
            first = int(draw.random() * length / 4)
            yaw += _turn(row + first, length - first, speed if side == "right" else -speed, ramp=2)
        row += length
    return _cut(Timeline(frames, keys=_lanes(**lanes), yaw=tuple(yaw)))


def demo(actions: tuple[Action, ...]) -> Callable[[int, int], Timeline]:
    """Return the preset that plays like the authors of Matrix-Game 2: one frame, then 12 frames per random action.

    With the seed of their command it is their very walk (utils/conditions.py of their release).
    """

    def play(frames: int, seed: int = 0) -> Timeline:
        draw = random.Random(seed)
        keys: dict[str, list[tuple[int, int]]] = {}
        yaw: list[float] = []
        while len(yaw) < frames:
            draw.randint(0, 0)  # they draw the length too, from a list of one
            words, degrees = actions[draw.randint(0, len(actions) - 1)]
            length = 12 if yaw else 1
            for word in words:
                keys.setdefault(word, []).append((len(yaw), length))
            yaw += [degrees] * length
        return _cut(Timeline(frames, keys=_lanes(**keys), yaw=curve_keyframes(yaw[:frames])))

    return play


def _with_turns(*held: tuple[str, ...]) -> tuple[Action, ...]:
    return tuple((words, degrees) for words in held for degrees in (-DEGREES, DEGREES))


_TURNS = _with_turns(())
_SINGLES = (("forward",), ("left",), ("right",))
_DOUBLES = (("forward", "left"), ("forward", "right"))
# in the authors' order and as often as there, because a seed draws by position
_UNIVERSAL = (
    *5 * tuple((words, 0.0) for words in _DOUBLES),
    *5 * _TURNS,
    *5 * tuple((words, 0.0) for words in _SINGLES),
    *_with_turns(*_SINGLES, *_DOUBLES),
)
_DRIVES = (("forward",), ("back",))
_GTA_DRIVE = (*2 * _TURNS, *2 * tuple((words, 0.0) for words in _DRIVES), *_with_turns(*_DRIVES))
_TEMPLE_RUN = tuple(
    ((word,) if word else (), 0.0) for word in ("jump", "slide", "left", "right", "turn_left", "turn_right", "")
)

DEMOS = {
    "matrix_game_2_universal": "Matrix-Game 2 demo",
    "matrix_game_2_gta_drive": "GTA drive demo",
    "matrix_game_2_templerun": "Temple Run demo",
}
"""Variant -> the preset its authors' command plays."""


class Preset(NamedTuple):
    """A ready-made track.

    Args:
        make: (frames, seed) to timeline.
        sentence: what it is, for a menu.
        seeded: whether the seed changes it.
        frames: a length that suits it, whole chunks of Tiny World and Matrix-Game 2.
        model: the variant whose keys it plays, where it is one model's alone.
    """

    make: Callable[[int, int], Timeline]
    sentence: str
    seeded: bool = False
    frames: int = 57
    model: str | None = None


_DEMOS = (
    Preset(
        demo(_UNIVERSAL),
        "Another key or turn every 12 frames, at random, as the authors' command plays.",
        seeded=True,
        model="matrix_game_2_universal",
    ),
    Preset(
        demo(_GTA_DRIVE),
        "Drives and steers another way every 12 frames, at random, as the authors' command plays.",
        seeded=True,
        model="matrix_game_2_gta_drive",
    ),
    Preset(
        demo(_TEMPLE_RUN),
        "Jumps, slides, steps and turns every 12 frames, at random, as the authors' command plays.",
        seeded=True,
        model="matrix_game_2_templerun",
    ),
)

PRESETS: dict[str, Preset] = {
    "walk": Preset(walk, "Walks on, the view swaying to the right and back."),
    "look around": Preset(look_around, "Stands still and looks to the right, to the left and ahead again.", frames=69),
    "there and back": Preset(there_and_back, "Walks along a bend, then backwards over the same places.", frames=117),
    "random from a seed": Preset(
        random_walk, "Walks like a person, with bends, glances, side steps and pauses.", seeded=True, frames=117
    ),
    **{DEMOS[demonstrated.model]: demonstrated for demonstrated in _DEMOS},
}


def preset(name: str, frames: int, seed: int = 0) -> Timeline:
    """Return a ready-made track of some length; only those that are `seeded` read the seed.

    Raises:
        ValueError: no preset has the name, or the length is not a whole number from 1 to `MAX_FRAMES`.
    """
    if name not in PRESETS:
        raise ValueError(f"preset: found '{shortened(name)}', expected one of {', '.join(PRESETS)}")
    if isinstance(frames, bool) or not isinstance(frames, int) or not 1 <= frames <= MAX_FRAMES:
        raise ValueError(f"frames must be a whole number from 1 to {MAX_FRAMES}, not {shown(frames)}")
    return PRESETS[name].make(frames, seed)


def _lanes(**spans: list[tuple[int, int]]) -> tuple[tuple[str, tuple[tuple[int, int], ...]], ...]:
    return tuple((word, tuple(held)) for word, held in spans.items())


def _turn(first: int, length: int, speed: float, ramp: int) -> list[Keyframe]:
    """Turn by speed * (length - ramp - 1) degrees, from standing to standing; needs length > 2 * ramp."""
    fast, end = first + ramp, first + length - 1
    return [
        Keyframe(first, 0.0, "smooth"),
        Keyframe(fast, speed),
        *([Keyframe(end - ramp, speed, "smooth")] if end - ramp > fast else []),
        Keyframe(end, 0.0),
    ]


def _cut(timeline: Timeline) -> Timeline:
    """Drop what lies beyond the end; a curve that is cut through ends on the value it has there."""
    last = timeline.frames - 1
    keys = tuple(
        (word, tuple((start, min(length, last + 1 - start)) for start, length in spans if start <= last))
        for word, spans in timeline.keys
    )
    inside = [keyframe for keyframe in timeline.yaw if keyframe.frame <= last]
    if len(inside) < len(timeline.yaw) and (not inside or inside[-1].frame < last):
        inside.append(Keyframe(last, float(sample_curve(timeline.yaw, last + 1)[last])))
    return canonical(timeline._replace(keys=keys, yaw=tuple(inside)))
