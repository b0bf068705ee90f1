"""The camera as LingBot-World reads it: from frame to frame, one pose a latent, as rays (o, d) of every pixel.

As released, poses are resampled over the whole walk and its longest step has length 1, so that what lies ahead decides
about what lies behind; a rollout takes every fourth pose, and one length that is fixed when the world is started.

Shapes: F video frames, T latents, h, w latent grid.
Source: LingBot-World (github.com/Robbyant/lingbot-world), wan/utils/cam_utils.py and wan/image2video_fast.py.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from ...camera.poses import interpolate
from ...layers.camera_rays import framewise_poses, packed_rays, ray_tokens, seen_from

RECORDED_FOR = (480, 832)
"""Height and width in pixels of the picture that `intrinsics.npy` speaks of."""
FRAMES_PER_LATENT = 4
LATENT_PIXELS = 8


class Length(NamedTuple):
    """How much of a film is made of a recorded walk, as released.

    Args:
        poses: that are used, 4n + 1.
        latents: a whole number of blocks.
        frames: of the film.
    """

    poses: int
    latents: int
    frames: int


def released_length(poses: int, frames: int, block: int) -> Length:
    """Return what the release makes of so many poses, where so many frames were asked for, in blocks of latents."""
    used = min(*((count - 1) // FRAMES_PER_LATENT * FRAMES_PER_LATENT + 1 for count in (poses, frames)))
    latents = (used - 1) // FRAMES_PER_LATENT + 1
    latents -= latents % block
    return Length(used, latents, (latents - 1) * FRAMES_PER_LATENT + 1)


def released_grid(width: int, height: int, area: int) -> tuple[int, int]:
    """Return the latent grid (h, w) of a picture's shape within an area in pixels; the floors are the release's."""
    cell = LATENT_PIXELS, 2
    high = math.sqrt(area * (height / width)) // cell[0] // cell[1] * cell[1]
    wide = math.sqrt(area / (height / width)) // cell[0] // cell[1] * cell[1]
    return round(high), round(wide)


def lens_in(intrinsics: Tensor, height: int, width: int) -> Tensor:
    """Return fx, fy, cx, cy (4,) in pixels of a picture, of a row (4,) in those of `RECORDED_FOR`, as released."""
    fx, fy, cx, cy = intrinsics
    across, down = width / RECORDED_FOR[1], height / RECORDED_FOR[0]
    return torch.stack((fx * across, fy * down, cx * across, cy * down))


def shares_of(lens: Tensor, height: int, width: int) -> tuple[float, ...]:
    """Return a lens (4,) in pixels of a picture as shares of its width and height."""
    return tuple((lens.double() / torch.tensor([width, height, width, height])).tolist())


def resampled(c2w: Tensor, latents: int) -> Tensor:
    """Return one pose a latent (T, 4, 4), stretched over a whole walk (F, 4, 4), as released."""
    return interpolate(c2w.double(), torch.linspace(0, len(c2w) - 1, latents, dtype=torch.float64))


def released_steps(c2w: Tensor, latents: int) -> Tensor:
    """Return the poses (T, 4, 4) float32 that the release tells its model of a walk (F, 4, 4)."""
    return framewise_poses(resampled(c2w, latents).float().double())


def steps(c2w: Tensor, before: Tensor | None, metres: float) -> Tensor:
    """Return each pose as seen from the one before it.

    Args:
        c2w: (T, 4, 4) float64, one pose a latent.
        before: (4, 4) of the latent before; `None`: the first one is where the world begins.
        metres: way that counts as 1.

    Returns:
        (T, 4, 4) float64.
    """
    moved = seen_from(torch.cat((c2w[:1] if before is None else before[None], c2w[:-1])), c2w)
    moved[:, :3, 3] /= metres
    return moved


def tokens_of(poses: Tensor, grid: tuple[int, int], intrinsics: tuple[float, ...], cell: int = LATENT_PIXELS) -> Tensor:
    """Return the rays by tokens (1, N, 6 * cell * cell * 4) of poses (T, 4, 4) in a latent grid (h, w)."""
    return ray_tokens(packed(poses, grid, intrinsics, cell))


def packed(poses: Tensor, grid: tuple[int, int], intrinsics: tuple[float, ...], cell: int = LATENT_PIXELS) -> Tensor:
    """Return the packed rays (1, 6 * cell * cell, T, h, w) of poses (T, 4, 4)."""
    height, width = (side * cell for side in grid)
    return packed_rays(poses, height, width, intrinsics=intrinsics, cell=cell)[None]
