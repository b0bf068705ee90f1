"""Rotary positions as formulas: no tables, hence no longest rollout.

Shapes: N positions, d numbers per head, r = rotated pairs (r <= d / 2).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Rotation(NamedTuple):
    """Cosines and sines, float32, one per rotated pair."""

    cos: Tensor
    sin: Tensor


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
    """Return the float32 cosines and sines of float64 angles, on `device`."""
    return Rotation(angles.cos().to(device, torch.float32), angles.sin().to(device, torch.float32))


def grid_rotation(latents: Tensor, height: int, width: int, size: int) -> Rotation:
    """Return the rotation of Wan's video tokens (specs/matrix_game2.md 6.3).

    Args:
        latents: (T,) absolute latent indices; they may repeat and need not be sorted.
        height, width: token grid of one latent.
        size: numbers per head, split into time | height | width.

    Returns:
        Rotation of (T * height * width, size / 2), tokens in (t, h, w) order.
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


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate the first 2r numbers of every head, interleaved pairs; the rest passes through.

    Args:
        x: (..., d).
        cos, sin: float32, (..., r), broadcast against x's leading axes.

    Returns:
        x's shape and dtype, computed in float32.
    """
    rotated = 2 * cos.shape[-1]
    even, odd = x[..., :rotated].float().unflatten(-1, (-1, 2)).unbind(-1)
    turned = torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1).flatten(-2).to(x.dtype)
    return turned if rotated == x.shape[-1] else torch.cat((turned, x[..., rotated:]), dim=-1)
