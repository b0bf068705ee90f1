"""Rotary positions as formulas: no tables, hence no longest rollout.

Shapes: N positions, d numbers per head, r = rotated pairs (r <= d / 2).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

COMPLEX_DEVICES = ("cpu", "cuda", "meta")
"""Where complex products are known to work and to be fast: one kernel in place of eight; and where they are counted."""


class Rotation(NamedTuple):
    """Cosine and sine of every rotated pair of a head."""

    turns: Tensor
    """(N, r, 2) float32."""

    @property
    def cos(self) -> Tensor:
        """(N, r)."""
        return self.turns[..., 0]

    @property
    def sin(self) -> Tensor:
        """(N, r)."""
        return self.turns[..., 1]


def as_float64(tensor: Tensor) -> Tensor:
    """Return `tensor` in float64; on the CPU where the device (Apple's MPS) has no such type."""
    return (tensor.cpu() if tensor.device.type == "mps" else tensor).double()


def axis_angles(positions: Tensor, size: int, theta: float) -> Tensor:
    """Return position * theta^(-2j / size) for the size / 2 pairs of one axis.

    Args:
        positions: (N,) absolute positions.
        size: numbers of a head that belong to this axis.
        theta: base of the frequencies.

    Returns:
        (N, size / 2) angles in radians, float64.
    """
    places = as_float64(positions)
    pairs = torch.arange(0, size, 2, device=places.device, dtype=torch.float64)
    return places[:, None] * torch.pow(torch.tensor(theta, dtype=torch.float64, device=places.device), -pairs / size)


def rotation(angles: Tensor, device: torch.device) -> Rotation:
    """Return the rotation by float64 angles (N, r), on `device`."""
    return Rotation(torch.stack((angles.cos(), angles.sin()), dim=-1).to(device, torch.float32))


def grid_rotation(latents: Tensor, height: int, width: int, size: int) -> Rotation:
    """Return the rotation of Wan's video tokens (arXiv:2503.20314).

    Args:
        latents: (T,) absolute latent indices; they may repeat and need not be sorted.
        height, width: token grid of one latent.
        size: numbers per head, split into time | height | width.

    Returns:
        Rotation of T * height * width positions and size / 2 pairs, tokens in (t, h, w) order.
    """
    spatial = 2 * (size // 6)
    time = axis_angles(latents, size - 2 * spatial, 10000.0)
    rows = axis_angles(torch.arange(height, device=time.device), spatial, 10000.0)
    columns = axis_angles(torch.arange(width, device=time.device), spatial, 10000.0)
    grid = (latents.shape[0], height, width, -1)
    angles = torch.cat(
        (time[:, None, None].expand(grid), rows[None, :, None].expand(grid), columns[None, None].expand(grid)), dim=-1
    )
    return rotation(angles.flatten(0, 2), latents.device)


def head_bases(heads: int, spread: float, theta: float = 10000.0) -> Tensor:
    """Return a base for every head, evenly spaced over theta * (1 - spread) ... theta * (1 + spread): (H,) float64."""
    return theta * (1 + spread * torch.linspace(-1, 1, heads, dtype=torch.float64))


def headwise_angles(positions: Tensor, size: int, bases: Tensor) -> Tensor:
    """Return what `axis_angles` does for every head's own base.

    Args:
        positions: (N,) absolute positions.
        size: numbers of a head that belong to this axis.
        bases: (H,) float64, on the CPU.

    Returns:
        (N, H, size / 2) angles in radians, float64.
    """
    places = as_float64(positions)
    powers = torch.arange(0, size, 2, dtype=torch.float64) / size
    return places[:, None, None] * torch.pow(bases[:, None], -powers).to(places.device)


def headwise_grid_turns(latents: Tensor, height: int, width: int, size: int, bases: Tensor) -> tuple[Tensor, ...]:
    """Return what `grid_rotation` does for every head's own base, which holds for all three axes; axis by axis.

    Args:
        latents: (T,) absolute latent indices; they may repeat and need not be sorted.
        height, width: token grid of one latent.
        size: numbers per head, split into time | height | width.
        bases: (H,) float64, on the CPU.

    Returns:
        Three times float32 cosines and sines: (T, 1, 1, H, r, 2), (height, 1, H, r, 2), (width, H, r, 2).
    """
    spatial = 2 * (size // 6)
    axes = (latents, size - 2 * spatial), (torch.arange(height), spatial), (torch.arange(width), spatial)
    time, rows, columns = (rotation(headwise_angles(at, part, bases), latents.device).turns for at, part in axes)
    return time[:, None, None], rows[:, None], columns


def rotate_grid(x: Tensor, turns: tuple[Tensor, ...]) -> Tensor:
    """Rotate video tokens by the turns of their three axes, which spares a table as large as x.

    Args:
        x: (B, N, H, d), tokens in (t, h, w) order; it may be overwritten.
        turns: of `headwise_grid_turns`.

    Returns:
        x's shape and dtype.
    """
    if x.dtype != torch.float32:
        return rotate_grid(x.float(), turns).to(x.dtype)
    grid = x.unflatten(1, [len(axis) for axis in turns])  # (B, T, height, width, H, d)
    parts = grid.split([2 * axis.shape[-2] for axis in turns], dim=-1)
    turned = [rotate_first(part, axis) for part, axis in zip(parts, turns, strict=True)]
    return torch.cat(turned, dim=-1).flatten(1, 3) if torch.is_grad_enabled() else x


def rotate_first(x: Tensor, turns: Tensor) -> Tensor:
    """Rotate as `rotate` does; where no gradient is wanted, in x itself, so that the rest is not copied."""
    if torch.is_grad_enabled():
        return rotate(x, turns)
    first = x[..., : 2 * turns.shape[-2]]
    if x.dtype == torch.float32 and _is_complex(x):
        torch.view_as_complex(first.unflatten(-1, (-1, 2))).mul_(torch.view_as_complex(turns))
    else:
        first.copy_(rotate(first, turns))
    return x


def rotate(x: Tensor, turns: Tensor) -> Tensor:
    """Rotate the first 2r numbers of every head, interleaved pairs; the rest passes through.

    Args:
        x: (..., d).
        turns: float32, (..., r, 2) of a `Rotation`, broadcast against x's leading axes.

    Returns:
        x's shape and dtype, computed in float32.
    """
    rotated = 2 * turns.shape[-2]
    pairs = x[..., :rotated].float().unflatten(-1, (-1, 2))
    turned = (complex_product if _is_complex(x) else real_product)(pairs, turns).flatten(-2).to(x.dtype)
    return turned if rotated == x.shape[-1] else torch.cat((turned, x[..., rotated:]), dim=-1)


def _is_complex(x: Tensor) -> bool:
    # a compiler fuses real arithmetic, and leaves complex numbers alone
    return x.device.type in COMPLEX_DEVICES and not torch.compiler.is_compiling()


def real_product(pairs: Tensor, turns: Tensor) -> Tensor:
    """Return the pairs (..., r, 2) turned by (cos, sin) (..., r, 2), written out."""
    (even, odd), (cos, sin) = pairs.unbind(-1), turns.unbind(-1)
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1)


def complex_product(pairs: Tensor, turns: Tensor) -> Tensor:
    """Return the same as a product of complex numbers."""
    return torch.view_as_real(torch.view_as_complex(pairs) * torch.view_as_complex(turns))
