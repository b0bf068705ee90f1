"""Patterns of walls and floors, averaged over a pixel's footprint so that they never alias.

A pattern is a number in 0..1, the share of the second colour. Lengths across are cells; heights are metres above the
ground. Rows of columns: n columns of a picture, H rows.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Pattern = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


def _triangle(x: Tensor) -> Tensor:
    """Periodic integral of the square wave of period 1: 0 at whole numbers, 0.5 between."""
    return 0.5 - (x - x.floor() - 0.5).abs()


def square(x: Tensor, footprint: Tensor) -> Tensor:
    """Average over `footprint` of a wave that is +1 in the first half of each period and -1 in the second."""
    half = footprint.clamp(1e-4, 1.0) / 2
    return ((_triangle(x + half) - _triangle(x - half)) / (2 * half)).clamp(-1, 1)


def pulse(x: Tensor, footprint: Tensor, duty: float) -> Tensor:
    """Average over `footprint` of a wave that is 1 in the first `duty` of each period and 0 in the rest."""
    half = footprint.clamp(1e-4, 1.0) / 2
    high, low = x + half, x - half
    area = (
        duty * (high.floor() - low.floor())
        + (high - high.floor()).clamp_max(duty)
        - (low - low.floor()).clamp_max(duty)
    )
    return area / (2 * half)


def between(value: Tensor, low: float | Tensor, high: float | Tensor, footprint: Tensor) -> Tensor:
    """Return how much of a footprint around `value` lies between two bounds."""
    wide = footprint.clamp_min(1e-4)
    return ((value - low) / wide + 0.5).clamp(0, 1) - ((value - high) / wide + 0.5).clamp(0, 1)


def _band(u: Tensor, v: Tensor, wide: Tensor, high: Tensor) -> Tensor:
    return (between(v, 0.9, 1.6, high)).expand(torch.broadcast_shapes(u.shape, v.shape))


def _hoops(u: Tensor, v: Tensor, wide: Tensor, high: Tensor) -> Tensor:
    return ((1 - square(v / 1.5, high / 1.5)) / 2).expand(torch.broadcast_shapes(u.shape, v.shape))


def _check(u: Tensor, v: Tensor, wide: Tensor, high: Tensor) -> Tensor:
    return (1 - square(u, wide) * square(v / 1.7, high / 1.7)) / 2


def _columns(u: Tensor, v: Tensor, wide: Tensor, high: Tensor) -> Tensor:
    return pulse(u + 0.15, wide, 0.3).expand(torch.broadcast_shapes(u.shape, v.shape))


def _timber(u: Tensor, v: Tensor, wide: Tensor, high: Tensor) -> Tensor:
    return 1 - (1 - pulse(u + 0.1, wide, 0.2)) * (1 - between(v, 1.0, 1.3, high))


def _window(u: Tensor, v: Tensor, wide: Tensor, high: Tensor) -> Tensor:
    return pulse(u - 0.25, wide, 0.5) * between(v, 0.8, 1.8, high)


def _diamond(u: Tensor, v: Tensor, wide: Tensor, high: Tensor) -> Tensor:
    away = (u - u.floor() - 0.5).abs() + (v - 1.1).abs() / 2
    return _soft(0.42 - away, wide + high / 2, 2 * (0.42 - (v - 1.1).abs() / 2))


def _disc(u: Tensor, v: Tensor, wide: Tensor, high: Tensor) -> Tensor:
    row = (v / 2 - (v / 2).floor() - 0.5) * 2
    away = ((2 * (u - u.floor() - 0.5)) ** 2 + row**2).sqrt()
    return _soft(0.62 - away, 2 * wide + high, (0.62**2 - row**2).clamp_min(0).sqrt())


def _arch(u: Tensor, v: Tensor, wide: Tensor, high: Tensor) -> Tensor:
    aside = 2 * (u - u.floor() - 0.5)
    up = (v - 1.1).clamp_min(0)
    return _soft(0.62 - (aside**2 + up**2).sqrt(), 2 * wide + high, (0.62**2 - up**2).clamp_min(0).sqrt())


def _zigzag(u: Tensor, v: Tensor, wide: Tensor, high: Tensor) -> Tensor:
    tooth = (u - u.floor() - 0.5).abs()
    return (1 - square(v / 1.4 + tooth, high / 1.4 + wide)) / 2


def _soft(inside: Tensor, footprint: Tensor, mean: Tensor) -> Tensor:
    """Blur an edge over the footprint, and fade to each row's mean where the footprint is as wide as the pattern."""
    sharp = (inside / footprint.clamp_min(1e-3) + 0.5).clamp(0, 1)
    return torch.lerp(sharp, mean.clamp(0, 1).expand_as(sharp), (footprint - 0.5).clamp(0, 1))


WALLS: dict[str, Pattern] = {
    "band": _band,
    "hoops": _hoops,
    "check": _check,
    "columns": _columns,
    "timber": _timber,
    "window": _window,
    "diamond": _diamond,
    "disc": _disc,
    "arch": _arch,
    "zigzag": _zigzag,
}
"""Of u (n, 1) cells along the wall, v (n, H) metres above the ground, and a pixel's size in both: (n, H)."""
FLOORS = ("check", "tiles", "waves")


def floor(kind: str, x: Tensor, z: Tensor, footprint: Tensor) -> Tensor:
    """Return a floor's pattern at x, z in cells, averaged over the footprint in cells; any shape."""
    if kind == "check":
        return (1 - square(x / 2, footprint / 2) * square(z / 2, footprint / 2)) / 2
    if kind == "tiles":
        return 1 - (1 - pulse(x + 0.07, footprint, 0.14)) * (1 - pulse(z + 0.07, footprint, 0.14))
    return (1 - square((x + z) / 2, footprint / 2)) / 2
