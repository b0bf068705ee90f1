"""Procedural patterns of Tiny World, filtered over a pixel's footprint so that they never alias.

A pattern is a number in 0..1 that mixes a cell's two colours. Lengths are metres.
"""

from __future__ import annotations

import torch
from torch import Tensor

WALLS = 10
FLOORS = 3
PERIOD, CELL_OF_FLOOR = 0.75, 1.5


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


def wall(kind: Tensor, along: Tensor, below: Tensor, pixel: Tensor, slant: Tensor) -> Tensor:
    """Mix of a wall's two colours.

    Args:
        kind: (F, W) pattern number, 0..WALLS-1.
        along: (F, W) metres along the wall.
        below: (F, H, W) metres below the wall's top.
        pixel: (F, W) size of a pixel at the wall in metres.
        slant: (F, W) stretch of a pixel along the wall by the oblique view, 1 or more.

    Returns:
        (F, H, W) in 0..1.
    """
    u, v = (along / PERIOD)[:, None], below / PERIOD
    wide, high = (pixel * slant / PERIOD)[:, None], (pixel / PERIOD)[:, None]
    both = (wide + high).clamp_max(1.0)
    kind = kind[:, None].expand_as(v)
    square_u, square_v = square(u, wide), square(v, high)
    row = square(v, 2 * high)
    brick = 1 - (1 - pulse(2 * v, 2 * high, 0.18)) * (
        1 - torch.lerp(pulse(u, wide, 0.1), pulse(u + 0.5, wide, 0.1), (row + 1) / 2)
    )
    zigzag = (u - u.floor() - 0.5).abs()
    soft = (1.5 * both).clamp(0.1, 1.0)
    diamond = (zigzag + (v - v.floor() - 0.5).abs() - 0.5) / soft
    round_dot = 0.35 - ((u - u.floor() - 0.5) ** 2 + (v - v.floor() - 0.5) ** 2).sqrt()
    patterns = (
        (square_u * square_v + 1) / 2,
        ((square_u + 1) / 2).expand_as(v),
        (square_v + 1) / 2,
        (square(u + v, both) + 1) / 2,
        1 - (1 - pulse(u, wide, 0.2)) * (1 - pulse(v, high, 0.2)),
        pulse(u + 0.2, wide, 0.6) * pulse(v + 0.3, high, 0.65),
        1 - brick,
        (round_dot / soft + 0.5).clamp(0, 1),
        (square(v + zigzag, both) + 1) / 2,
        (diamond + 0.5).clamp(0, 1),
    )
    mix = torch.zeros_like(v)
    for number, pattern in enumerate(patterns):
        mix = torch.where(kind == number, pattern, mix)
    return mix


def floor(kind: Tensor, ground: Tensor, pixel: Tensor, down: Tensor) -> Tensor:
    """Mix of a floor's colours at ground (F, H, W, 2) metres; pixel (F, H, W) metres, down (1, H, 1) a ray's slope."""
    stretched = (pixel / down.clamp_min(0.02) / CELL_OF_FLOOR).clamp_max(1.0)
    x, z = (ground / CELL_OF_FLOOR).unbind(-1)
    square_x, square_z = square(x, stretched), square(z, stretched)
    patterns = (
        (square_x * square_z + 1) / 2,
        1 - (1 - pulse(x, stretched, 0.15)) * (1 - pulse(z, stretched, 0.15)),
        (square_x + 1) / 2,
    )
    kind = kind[:, None, None].expand_as(x)
    mix = torch.zeros_like(x)
    for number, pattern in enumerate(patterns):
        mix = torch.where(kind == number, pattern, mix)
    return mix
