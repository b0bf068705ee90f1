"""CameraNet of Hunyuan-GameCraft-1.0: a camera map to tokens that are added to the picture's.

Shapes: B batch, F frames, H x W pixels, f latents, h x w = H/8 x W/8 cells, C model width, N = f * h/2 * w/2 tokens.
Source: Hunyuan-GameCraft (github.com/Tencent-Hunyuan/Hunyuan-GameCraft-1.0), hymm_sp/modules/cameranet.py.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import pixel_unshuffle, relu

CELL, GIVEN = 8, 4
HALVES = (34, 66)
"""Frames of two clips behind each other: each half keeps its first frame."""


class CameraNet(nn.Module):
    """The net at any width, under the released names."""

    def __init__(self, dim: int = 3072, channels: int = 16, device: torch.device | str | None = None):
        """Build it with random weights; `dim` is the model's width."""
        super().__init__()
        values = 6 * CELL * CELL
        widths = values // 2, values // 4
        self.encode_first = _stage(values, widths[0], device)
        self.encode_second = _stage(*widths, device)
        self.final_proj = nn.Conv2d(widths[1], channels, 1, device=device)
        self.scale = nn.Parameter(torch.ones(1, device=device))
        self.camera_in = nn.Module()
        self.camera_in.proj = nn.Conv3d(channels, dim, (1, 2, 2), (1, 2, 2), device=device)

    def forward(self, rays: Tensor) -> Tensor:
        """Return the tokens (B, N, C) of a camera map (B, F, 6, H, W)."""
        batch = rays.shape[0]
        x = pixel_unshuffle(rays.flatten(0, 1), CELL)
        for stage in (self.encode_first, self.encode_second):
            x = compressed(relu(stage(x)).unflatten(0, (batch, -1))).flatten(0, 1)
        x = self.final_proj(x).unflatten(0, (batch, -1)).movedim(1, 2)  # (B, channels, f, h, w)
        return self.camera_in.proj(x).flatten(2).transpose(1, 2) * self.scale

    def of_latents(self, rays: Tensor, latents: int) -> Tensor:
        """Return what is added to so many latents, 9, 10 or 18, of the map of the last 33 frames.

        In front of a clip stand a picture, or a clip before it: they are told of a map of zeros, which is not nothing.

        Raises:
            ValueError: another number of latents.
        """
        told = self(rays)
        if latents == 9:
            return told
        if latents not in (10, 18):
            raise ValueError(f"latents: found {latents}, expected 9, 10 or 18; give a whole clip.")
        before = rays[:, :GIVEN] if latents == 10 else rays
        return torch.cat((self(torch.zeros_like(before)), told), dim=1)


def compressed(x: Tensor) -> Tensor:
    """Halve time (B, F, ...): the first frame of an odd number stays, and pairs of the others are averaged."""
    frames = x.shape[1]
    if frames in HALVES:
        return torch.cat([_compressed(half, keeps=True) for half in x.chunk(2, dim=1)], dim=1)
    return _compressed(x, keeps=frames % 2 == 1)


def _compressed(x: Tensor, keeps: bool) -> Tensor:
    first, rest = x[:, :keeps], x[:, keeps:]
    rest = rest[:, : rest.shape[1] // 2 * 2].unflatten(1, (-1, 2)).mean(2) if rest.shape[1] > 1 else rest[:, :0]
    return torch.cat((first, rest), dim=1)


def _stage(before: int, after: int, device: torch.device | str | None) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, after, 1, device=device), nn.GroupNorm(2, after, device=device))
