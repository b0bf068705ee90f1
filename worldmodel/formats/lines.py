"""Lines of numbers, checked by their line's number."""

from __future__ import annotations

import math

from ..timeline import shortened


def number(text: str, line: int) -> float:
    """Read a finite number.

    Raises:
        ValueError: it is none; names the line, counted from 1.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"line {line}: {shortened(text)!r} is no number")
    return value


def quaternion(w: float, x: float, y: float, z: float, line: int) -> tuple[float, float, float, float]:
    """Check a quaternion, which files round: its length must be near 1.

    Raises:
        ValueError: it is no rotation; names the line.
    """
    length = math.hypot(w, x, y, z)
    if not abs(length - 1) <= 0.01:
        raise ValueError(f"line {line}: the quaternion must have length 1, not {length:.6g}")
    return w, x, y, z
