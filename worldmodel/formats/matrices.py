"""Matrices of a JSON file: many at once, and the first that is wrong by its name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..reading.json_text import is_number, shown

_LAST_ROW = [0, 0, 0, 1]


def matrices_of(values: Sequence[Any], names: Callable[[int], str]) -> Tensor:
    """Read matrices of four rows, or of the upper three, as lists of rows or row by row in one list.

    Args:
        values: N of them, out of JSON; `None` for a frame without a pose, if another has one.
        names: how a message calls each.

    Returns:
        (N, 4, 4) float64; NaN and infinity stand as they are.

    Raises:
        ValueError: names the first that is no matrix.
    """
    none = None if all(value is None for value in values) else [np.nan] * 12
    flat = [none if value is None else _flat(value) for value in values]
    for i, numbers in enumerate(flat):
        if numbers is None:
            raise ValueError(f"{names(i)} must have four rows of four numbers, not {shown(values[i])}")
    whole = numbers_of(
        [number for numbers in flat for number in numbers[:12]],
        lambda at: f"{names(at // 12)}[{at % 12 // 4}][{at % 4}]",
    )
    matrices = torch.zeros(len(flat), 4, 4, dtype=torch.float64)
    matrices[:, 3] = torch.tensor(_LAST_ROW, dtype=torch.float64)
    matrices[:, :3] = torch.from_numpy(whole).unflatten(0, (-1, 3, 4))
    full = [i for i, numbers in enumerate(flat) if len(numbers) == 16]
    if full:
        last = numbers_of(
            [number for i in full for number in flat[i][12:]], lambda at: f"{names(full[at // 4])}[3][{at % 4}]"
        )
        matrices[full, 3] = torch.from_numpy(last).unflatten(0, (-1, 4))
    return matrices


def numbers_of(values: Sequence[Any], names: Callable[[int], str]) -> np.ndarray:
    """Return numbers (N,) out of JSON, NaN and infinity as they are; `None` is NaN.

    Raises:
        ValueError: names the first that is no number.
    """
    if not {*map(type, values)} <= {int, float}:  # true is no number, and neither is a text
        at = next((i for i, value in enumerate(values) if value is not None and not is_number(value)), None)
        if at is not None:
            raise ValueError(f"{names(at)} must be a number, not {shown(values[at])}")
        values = [np.nan if value is None else value for value in values]
    try:
        return np.array(values, dtype=np.float64)
    except OverflowError:
        raise ValueError("a number has too many digits; write it shorter") from None


def _flat(value: Any) -> list[Any] | None:
    """Return 12 or 16 values row by row, `None` if these are no three or four rows."""
    if not isinstance(value, list):
        return None
    if len(value) in (3, 4):
        if not all(isinstance(row, list) and len(row) == 4 for row in value):
            return None
        value = list(chain.from_iterable(value))
    return value if len(value) in (12, 16) else None


def matrices_of_rows(values: np.ndarray) -> Tensor:
    """Make matrices (R, 4, 4) of their upper three rows (R, 12), row by row; NaN where a number is missing."""
    matrices = torch.zeros(len(values), 4, 4, dtype=torch.float64)
    matrices[:, :3] = torch.from_numpy(np.ascontiguousarray(values, dtype=np.float64)).unflatten(1, (3, 4))
    matrices[:, 3, 3] = 1
    return matrices
