"""Rotary positions as formulas: no tables, hence no longest rollout.

Shapes: N positions, d numbers per head, r = rotated pairs (r <= d / 2).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

COMPLEX_DEVICES = ("cpu", "cuda")
"""Where complex products are known to work and to be fast: one kernel in place of eight."""


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
    """Return the rotation of Wan's video tokens (specs/matrix_game2.md 6.3).

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


def rotate(x: Tensor, turns: Tensor) -> Tensor:
    """Rotate the first 2r numbers of every head, interleaved pairs; the rest passes through.

    Args:
        x: (..., d).
        turns: float32, (..., r, 2) of a `Rotation`, broadcast against x's leading axes.

    Returns:
        x's shape and dtype, computed in float32.
    """
    rotated = 2 * turns.shape[-2]
    # a compiler fuses real arithmetic, and leaves complex numbers alone
    is_complex = x.device.type in COMPLEX_DEVICES and not torch.compiler.is_compiling()
    pairs = x[..., :rotated].float().unflatten(-1, (-1, 2))
    turned = (complex_product if is_complex else real_product)(pairs, turns).flatten(-2).to(x.dtype)
    return turned if rotated == x.shape[-1] else torch.cat((turned, x[..., rotated:]), dim=-1)


def real_product(pairs: Tensor, turns: Tensor) -> Tensor:
    """Return the pairs (..., r, 2) turned by (cos, sin) (..., r, 2), written out."""
    (even, odd), (cos, sin) = pairs.unbind(-1), turns.unbind(-1)
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1)


def complex_product(pairs: Tensor, turns: Tensor) -> Tensor:
    """Return the same as a product of complex numbers."""
    return torch.view_as_real(torch.view_as_complex(pairs) * torch.view_as_complex(turns))
