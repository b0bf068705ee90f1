"""Keys and mouse row by row, as other programs' tables and logs hold them: what is used of them, and what is told."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ..reading.words import counted, shortened
from ..track.track import Track
from ..variants import VARIANTS

SYNONYMS = {"backward": "back", "backwards": "back", "space": "jump"}
"""Other names of keys that mean one of ours and nothing else."""
OTHER_KEYS = (
    "shift", "ctrl", "control", "alt", "tab", "esc", "escape", "enter", "sneak", "crouch", "sprint", "run", "attack",
    "use", "drop", "inventory", "interact", "swaphands", "pickitem", "fire", "reload", "zoom", "brake", "handbrake",
    "throttle", "gas", "steer", "light", "map",
)  # fmt: skip
"""Keys of games that no model knows, some of which look like a misspelt one."""
ARROWS = {"up": "forward", "down": "back"}
"""Names that may mean a step or a look."""
# mouse_dx, dy, delta_x, mouse.x, movementX, cursor_y …, but not x and y, which are places
_PIXELS = re.compile(r"(?:mouse|cursor|pointer|movement|delta|rel|d)(?:[_. ]?(?:delta|movement|move|rel|d))?[_. ]?[xy]")
_NAMED = 8
"""Most keys that a note names."""
_RATE_OFF, _UNEVEN = 0.02, 0.5
"""Part by which a rate is another one, and part of a step by which a step is uneven."""


class Walk(NamedTuple):
    """A walk, and what its reader has to say.

    Args:
        track: keys and mouse.
        notes: whole sentences, the most important first.
        unused: names of what the file holds beside that.
    """

    track: Track
    notes: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()


def counts_pixels(name: str) -> bool:
    """Tell whether a name is that of mouse movement as a mouse counts it, in no unit of angle."""
    return _PIXELS.fullmatch(name.strip().lower()) is not None


def names_of(names: Iterable[str]) -> tuple[str, ...]:
    """Return names for the list of what is not used."""
    return tuple(shortened(name) or '""' for name in names)


def keys_note(frames: Mapping[str, int]) -> str | None:
    """Say which keys are held that no model knows, and for how many frames."""
    if not frames:
        return None
    longest = sorted(frames, key=lambda name: -frames[name])
    told = [f"{shortened(name)} ({counted(frames[name], 'frame')})" for name in longest[:_NAMED]]
    return f"Left out are keys that no model knows: {', '.join(told)}{', …' * (len(frames) > _NAMED)}."


def time_note(times: np.ndarray, name: str, is_seconds: bool = True) -> str | None:
    """Say what the times of rows mean, where a row a frame is not what they ask for.

    Args:
        times: (F,) when each row was written; NaN where it says nothing.
        name: of the column or member.
        is_seconds: whether they are seconds, else nobody knows.
    """
    steps = np.diff(times)
    if not len(steps) or not np.isfinite(steps).all():
        return None
    middle = float(np.median(steps))
    if middle <= 0 or float(np.abs(steps - middle).max()) > _UNEVEN * middle:
        apart = f"{steps.min():.4g} to {steps.max():.4g}{' s' * is_seconds}"
        return (
            f"The rows are unevenly apart by {shortened(name)}, {apart}: each is played as one frame, so the walk's "
            "timing is not the file's."
        )
    rate = 1 / float(steps.mean())
    if not is_seconds or any(abs(rate / variant.fps - 1) < _RATE_OFF for variant in VARIANTS.values()):
        return None
    return (
        f"{rate:.4g} rows a second by {shortened(name)}: each is played as one frame of the model, whatever its rate; "
        "Retime Track changes that."
    )


def frame_note(frames: np.ndarray, name: str, rows: Sequence[str]) -> str | None:
    """Say where the numbers of rows do not count on by one.

    Args:
        frames: (F,) numbers in the order in which the rows are played.
        name: of the column or member.
        rows: how messages call each row.
    """
    odd = np.flatnonzero(np.diff(frames) != 1)
    if not len(odd):
        return None
    at = int(odd[0]) + 1
    return (
        f"{shortened(name)} goes from {frames[at - 1]:.9g} to {frames[at]:.9g} ({rows[at]}): the rows are played one "
        "after another, as if nothing was missing or repeated."
    )
