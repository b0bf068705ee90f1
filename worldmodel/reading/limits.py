"""Limits of what is read, and the one rounding that files and the page share."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

DEFAULT_FRAMES = 57
"""Length of an empty track: 5 chunks of Matrix-Game 2 (9 + 4 * 12)."""
MAX_FRAMES = 100_000


def thousandths(value: float) -> float:
    """Round half up to three decimals, by the arithmetic that JavaScript has too; never negative zero."""
    return math.floor(value * 1000 + 0.5) / 1000 + 0.0


def all_thousandths(values: Sequence[float] | np.ndarray) -> np.ndarray:
    """Return `thousandths` of many values, as float64."""
    return np.floor(np.asarray(values, dtype=np.float64) * 1000 + 0.5) / 1000 + 0.0
