"""Lines of numbers, checked by their line's number."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Iterator

from ..timeline import shortened
from .asked import nothing

_DIGITS = re.compile("([0-9]+)")
_OFTEN = 1024
"""Lines between two looks at whether the user has stopped."""


def rows(text: str, check: Callable[[], None] = nothing) -> Iterator[tuple[int, str]]:
    """Yield the lines of a text with their numbers, counted from 1, one at a time.

    Args:
        text: with line ends of any system.
        check: called now and then; raises what is to end the reading.
    """
    for line, row in enumerate(io.StringIO(text, newline=None), start=1):
        if not line % _OFTEN:
            check()
        yield line, row


def natural(name: str) -> tuple[tuple[str | tuple[int, str], ...], str]:
    """Return a key that sorts names as people count: frame 9 before frame 10, however many zeros lead."""
    parts: list[str | tuple[int, str]] = []
    for place, part in enumerate(_DIGITS.split(name)):
        number = part.lstrip("0")
        parts.append((len(number), number) if place % 2 else part)  # as text: a name may have thousands of digits
    return tuple(parts), name


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
