"""The times of a file's rows: their unit, their order, and poses at an even rate.

T rows  t (T,) seconds from the first row on
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..camera.poses import interpolate
from ..reading.limits import MAX_FRAMES
from ..reading.words import shortened

SECONDS, MICROSECONDS, NANOSECONDS = 1.0, 1e6, 1e9
_UNITS = {NANOSECONDS: "nanoseconds", MICROSECONDS: "microseconds", 1e3: "milliseconds", SECONDS: "seconds"}
_EPOCH = 3e8, 4e9
"""Seconds since 1970 that a camera's clock shows: from 1979 to 2096."""
_MOST = 1e20
"""Largest time: nanoseconds since 1970 have nineteen digits."""
_EVEN = 0.01
"""Part of a step by which an even row of times may be off."""
_DIGITS = 1e-5
"""Part of a rate that is due to the digits of times since 1970, and no rate of its own."""
_FINE = 60.0
"""Poses a second at which uneven times are read where no rate meets them all."""
_RATES = (1, 2, 4, 5, 6, 8, 10, 12, 12.5, 15, 16, 20, 24, 25, 30, 48, 50, 60, 90, 100, 120, 200, 240)
LEAST_RATE, MOST_RATE = 0.01, 1000.0
_BLOCK = 8
"""Rows in a run from which on times that begin again are a second walk and no rows out of place."""


class Stamps(NamedTuple):
    """Times as a file writes them.

    Args:
        texts: of the rows.
        unit: how many of what they count are a second; `None` where the file does not say.
    """

    texts: Sequence[str]
    unit: float | None = None


class Spaced(NamedTuple):
    """Poses at an even rate, and what was done for it."""

    c2w: Tensor
    fps: float | None
    notes: tuple[str, ...]


def spaced(c2w: Tensor, stamps: Stamps, rows: Sequence[str], fps: float = 0.0) -> Spaced:
    """Read poses at their times, and give them an even rate.

    Args:
        c2w: (T, 4, 4).
        stamps: T times in any order.
        rows: how messages call each row, such as "line 3".
        fps: poses a second where times are frame numbers; 0 if nobody knows.

    Raises:
        ValueError: the times begin again in the middle, or reach too far.
    """
    texts = [shortened(text) for text in stamps.texts]
    values = np.array([float(text) for text in stamps.texts])
    wrong = np.flatnonzero(np.abs(values) > _MOST)
    if len(wrong):
        raise ValueError(f"{rows[wrong[0]]}: the time {texts[wrong[0]]} is none that a clock shows")
    order, notes = _in_order(values, texts, rows)
    values, c2w = values[order], c2w[torch.from_numpy(order)]
    kept = np.concatenate([[True], np.diff(values) > np.spacing(np.abs(values).max())])
    if not kept.all():
        at = int(order[np.flatnonzero(~kept)[0]])
        notes.append(_equal(int((~kept).sum()), len(kept), texts[at], rows[at]))
        values, c2w = values[kept], c2w[torch.from_numpy(kept)]
    if len(values) < 2:
        return Spaced(c2w, None, tuple(notes))
    unit, told = _unit(values, stamps.unit, fps, texts)
    t = values - values[0] if unit is None else (values - values[0]) / unit
    numbers = unit is None or unit == fps  # of frames, which are exact
    rounding = max(_rounding(stamps.texts) * (not numbers), float(np.spacing(np.abs(values).max()))) / (unit or 1.0)
    even, rate, how = _at_even_rate(c2w, t, rounding, unit is None)
    if fps and not numbers:
        how.append("fps is not used: the file has a time for every pose.")
    return Spaced(even, None if unit is None else rate, (*told, *how, *notes))


def _in_order(values: np.ndarray, texts: list[str], rows: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """Return the order of times that may stand in any, and a sentence if it is not the file's."""
    back = np.flatnonzero(np.diff(values) < 0) + 1
    if not len(back):
        return np.arange(len(values)), []
    late = int((values < np.maximum.accumulate(values)).sum())
    at, before = int(back[0]), int(back[0]) - 1
    found = f"{rows[at]} has the time {texts[at]}, after {texts[before]}"
    runs = sorted(
        (values[first], values[after - 1]) for first, after in zip([0, *back], [*back, len(values)], strict=True)
    )
    if late > _BLOCK * len(back) and any(b[0] <= a[1] for a, b in pairwise(runs)):
        raise ValueError(
            f"{found}, expected rising times; they begin again there, as if several walks stood one behind another: "
            "keep one of them"
        )
    count = f"{late} of {len(values)} times come" if late > 1 else f"One of {len(values)} times comes"
    return np.argsort(values, kind="stable"), [f"{count} before an earlier one ({found}): read in the order of time."]


def _equal(dropped: int, rows: int, text: str, row: str) -> str:
    """Say that rows with the time of another were left out."""
    count = f"{dropped} of {rows} times stand" if dropped > 1 else f"One of {rows} times stands"
    told = f"{count} twice ({row}: {text}): the first of each is kept."
    if dropped * 2 >= rows:
        told += " The times may have been rounded when they were written: write them with more digits."
    return told


def _unit(values: np.ndarray, unit: float | None, fps: float, texts: list[str]) -> tuple[float | None, list[str]]:
    """Return how many counts are a second, `None` for frames of an unknown rate, and a sentence where it was guessed.

    Args:
        values: (T,) rising.
        unit: what the format says.
        fps: what the user says.
        texts: for the sentence.
    """
    step, whole = float(np.median(np.diff(values))), bool((values % 1 == 0).all())
    if unit is not None and step >= unit / 1e5:
        return unit, []
    shown = f"{texts[0]}, {texts[1]}{', …' * (len(texts) > 2)}"
    since_1970 = [name for name in _UNITS if _EPOCH[0] <= abs(values[0]) / name <= _EPOCH[1]]
    if since_1970:
        unit = since_1970[0]
    elif not whole:
        return SECONDS, []
    elif step >= 1e6:
        unit = NANOSECONDS
    elif step >= 1e3:
        unit = MICROSECONDS
    elif fps:
        return fps, [f"The times are frame numbers ({shown}): read as {fps:g} a second."]
    else:
        return None, [
            f"The times are whole numbers ({shown}): read as frame numbers, which do not say how many are a second. "
            "Give that as fps (1 if they are seconds, 1000 if they are milliseconds)."
        ]
    return unit, [] if unit == SECONDS else [f"The times are {_UNITS[unit]} ({shown}), not seconds: read as such."]


def _rounding(texts: Sequence[str]) -> float:
    """Return a unit of the last digit that any of the times has: some programs round, others cut."""
    digits = 0
    for text in texts:
        number, _, power = text.lower().partition("e")
        digits = max(digits, len(number.partition(".")[2].strip()) - (int(power) if power.strip("+-").isdigit() else 0))
    return 10.0 ** -min(max(digits, -20), 20)


def _at_even_rate(c2w: Tensor, t: np.ndarray, rounding: float, counted: bool) -> tuple[Tensor, float, list[str]]:
    """Interpolate poses at an even rate, unless their times are even already.

    Args:
        c2w: (T, 4, 4).
        t: (T,) rising, from 0 on.
        rounding: largest error of a time, by its digits.
        counted: they are frame numbers, whose rate is 1.
    """
    last, steps = float(t[-1]), np.diff(t)
    step = last / (len(t) - 1)
    off = float(np.abs(t - step * np.arange(len(t))).max())
    if off <= max(_EVEN, min(1.01 * rounding / step, 0.25)) * step and LEAST_RATE <= 1 / step <= MOST_RATE:
        plain = [rate for rate in _RATES if abs(rate * step - 1) < _DIGITS]
        return c2w, float((plain or [1 / step])[0]), []
    if counted and last >= MAX_FRAMES:
        raise ValueError(
            f"the times are frame numbers and reach over {last:.9g} frames, expected at most {MAX_FRAMES}; cut it"
        )
    rate = 1.0 if counted else _rate(t, steps, rounding)
    frames = int(last * rate + _EVEN) + 1
    at = np.interp(np.minimum(np.arange(frames) / rate, last), t, np.arange(len(t)))
    unit, every = ("frames", "one a frame") if counted else ("s", f"{rate:.4g} a second")
    told = (
        f"The times are uneven, {steps.min():.4g} to {steps.max():.4g} {unit} apart: the {len(t)} poses were read at "
        f"their times, as {frames} poses, {every}."
    )
    return interpolate(c2w, torch.from_numpy(at)), rate, [told]


def _rate(t: np.ndarray, steps: np.ndarray, rounding: float) -> float:
    """Choose a rate at which uneven times are read: the lowest that meets every one of them, or else a fine one."""
    last, median = float(t[-1]), float(np.median(steps))
    most = min(MOST_RATE, (MAX_FRAMES - 1) / last)
    if most < LEAST_RATE:
        raise ValueError(
            f"the times reach over {last:.4g} s, expected at most {(MAX_FRAMES - 1) / LEAST_RATE:.4g}; are they "
            "seconds? Write them in seconds, or cut the file"
        )
    own = [rate for rate in (1 / median, 1 / float(steps.min())) if not np.isclose(rate, _RATES, _DIGITS, 0).any()]
    for rate in sorted({*_RATES, *own}):
        if not LEAST_RATE <= rate <= most:
            continue
        off = np.abs(t * rate - np.round(t * rate)).max()
        if off <= max(_EVEN, min(1.01 * rounding * rate, 0.05)):
            return float(rate)
    return min(most, max(_FINE, min(1 / median, 240.0)))
