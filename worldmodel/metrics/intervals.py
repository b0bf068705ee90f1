"""95 % intervals.

Shapes: N independent tracks.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from torch import Tensor

Z = 1.96


class Estimate(NamedTuple):
    """A figure with the ends of its 95 % interval."""

    value: float
    low: float
    high: float


def share_interval(hits: int, count: int) -> tuple[float, float]:
    """Return the ends of Wilson's 95 % interval of hits among count."""
    if count == 0:
        return 0.0, 1.0
    share = hits / count
    middle = (share + Z * Z / (2 * count)) / (1 + Z * Z / count)
    half = Z * math.sqrt(share * (1 - share) / count + Z * Z / (4 * count * count)) / (1 + Z * Z / count)
    return max(0.0, middle - half), min(1.0, middle + half)


def share_of(hits: Tensor) -> Estimate:
    """Return the share of true values among (N,) with Wilson's interval."""
    return Estimate(hits.double().mean().item(), *share_interval(int(hits.sum()), len(hits)))


def mean_of(values: Tensor) -> Estimate:
    """Return the mean of (N,) with Student's interval; the differences of pairs make it a paired comparison."""
    values = values.double()
    half = _student(len(values) - 1) * values.std().item() / math.sqrt(len(values)) if len(values) > 1 else math.inf
    return Estimate(values.mean().item(), values.mean().item() - half, values.mean().item() + half)


def ratio_of(values: Tensor, others: Tensor) -> Estimate:
    """Return the ratio of the means of pairs (N,), with the interval of its linearised error."""
    values, others = values.double(), others.double()
    ratio = (values.mean() / others.mean()).item()
    _, low, high = mean_of((values - ratio * others) / others.mean())
    return Estimate(ratio, ratio + low, ratio + high)


def _student(freedom: int) -> float:
    """Return the 97.5 % point of Student's t, by its expansion in 1 / freedom (good to 1 % from 4 on)."""
    z = 1.959964
    first, second = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3
