"""Where the camera looks, as numbers a network reads: relative poses, packed rays, and what a block does with them.

A latent of h x w cells holds the rays of its cells' pixels, `cell` x `cell` each, as channels: component, then row and
column within the cell. The layout is `origin_direction`: a ray's origin (3), then its unit direction (3).

Shapes: T latents, H x W pixels, h, w cells, N = T * h/2 * w/2 tokens, C model width.
Source: Matrix-Game 3.0 (github.com/SkyworkAI/Matrix-Game), utils/cam_utils.py.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from .lean import raised

COMPONENTS = 6
"""Numbers of a ray."""
QUARTER_TURN = (0.5, 0.5, 0.5, 0.5)
"""fx, fy, cx, cy as shares of width and height: 90 degrees along both sides, so that pixels are not square."""
PATCH = 2
"""Cells along each side of a token."""


def framewise_poses(c2w: Tensor, metres: float | None = None) -> Tensor:
    """Return each pose as seen from the one before it; the farthest step of the window has length 1.

    Args:
        c2w: (..., T, 4, 4) camera-to-world poses, one per latent; a mirrored world makes no difference.
        metres: way that counts as 1 in every window; `None`: the farthest step does.

    Returns:
        (..., T, 4, 4) float32; the first is the identity.
    """
    first, later = c2w[..., :1, :, :], c2w[..., 1:, :, :]
    steps = torch.cat((_identity_like(first), seen_from(c2w[..., :-1, :, :], later)), dim=-3)
    if metres is None:
        farthest = steps[..., :3, 3].norm(dim=-1).amax(-1)[..., None, None]
        steps[..., :3, 3] /= torch.where(farthest > 0, farthest, torch.ones_like(farthest))
    else:
        steps[..., :3, 3] /= metres
    return steps.float()


def memory_poses(queries: Tensor, memories: Tensor, metres: float | None = None) -> Tensor:
    """Return the poses of memories as seen from those that fetched them; each place has length 1, or is 0.

    Args:
        queries, memories: (..., 4, 4) camera-to-world poses.
        metres: way that counts as 1, so that a place says how far away it is; `None`: it does not.

    Returns:
        (..., 4, 4) in the dtype of the queries.
    """
    poses = seen_from(queries, memories)
    if metres is not None:
        poses[..., :3, 3] /= metres
        return poses
    length = poses[..., :3, 3].norm(dim=-1, keepdim=True)
    poses[..., :3, 3] /= torch.where(length > 0, length, torch.ones_like(length))
    return poses


def seen_from(observers: Tensor, c2w: Tensor) -> Tensor:
    """Return the poses (…, 4, 4) in the axes of their observers (…, 4, 4)."""
    seen = _identity_like(c2w)
    back = observers[..., :3, :3].mT
    seen[..., :3, :3] = back @ c2w[..., :3, :3]
    seen[..., :3, 3:] = back @ (c2w[..., :3, 3:] - observers[..., :3, 3:])
    return seen


def packed_rays(
    poses: Tensor, height: int, width: int, *, intrinsics: tuple[float, ...] = QUARTER_TURN, cell: int = 16
) -> Tensor:
    """Return the rays of every pixel, packed by cells.

    Args:
        poses: (T, 4, 4) relative camera poses.
        height, width: of the picture in pixels, multiples of `cell`.
        intrinsics: fx, fy, cx, cy as shares of the picture's width and height.
        cell: pixels along each side of a latent's cell.

    Returns:
        (6 * cell * cell, T, H / cell, W / cell) in the poses' dtype.
    """
    fx, fy, cx, cy = intrinsics
    place = {"dtype": poses.dtype, "device": poses.device}
    x = ((torch.arange(width, **place) + 0.5) / width - cx) / fx  # (W,)
    y = ((torch.arange(height, **place) + 0.5) / height - cy) / fy  # (H,)
    ahead = torch.stack(torch.broadcast_tensors(x, y[:, None], torch.ones((), **place)), dim=-1)  # (H, W, 3)
    ahead = ahead / ahead.norm(dim=-1, keepdim=True)
    directions = torch.einsum("tij,hwj->tihw", poses[:, :3, :3], ahead)  # (T, 3, H, W)
    rays = torch.cat((poses[:, :3, 3, None, None].expand_as(directions), directions), dim=1)
    # (T, 6, h * dy, w * dx) -> (6 * dy * dx, T, h, w)
    cells = rays.unflatten(3, (-1, cell)).unflatten(2, (-1, cell)).permute(1, 3, 5, 0, 2, 4)
    return cells.flatten(0, 2)


def ray_tokens(rays: Tensor) -> Tensor:
    """Return packed rays (B, K, T, h, w) by tokens: (B, N, K * 4), the place within the token fastest."""
    batch, channels, latents, rows, columns = rays.shape
    grid = rays.view(batch, channels, latents, rows // PATCH, PATCH, columns // PATCH, PATCH)
    # (B, K, T, h/2, 2, w/2, 2) -> (B, T, h/2, w/2, K, 2, 2)
    return grid.permute(0, 2, 3, 5, 1, 4, 6).flatten(4).flatten(1, 3)


class RayEmbedding(nn.Module):
    """Base of a network that reads packed rays; the released names lie on the network itself."""

    def build_ray_embedding(self, dim: int, cell: int, *, operations: Any, **placement: Any) -> None:
        """Add the layers: cells of `cell` x `cell` pixels, tokens of `dim` numbers."""
        values = COMPONENTS * cell * cell * PATCH * PATCH
        self.patch_embedding_wancamctrl = operations.Linear(values, dim, **placement)
        self.c2ws_hidden_states_layer1 = operations.Linear(dim, dim, **placement)
        self.c2ws_hidden_states_layer2 = operations.Linear(dim, dim, **placement)

    def embed_rays(self, rays: Tensor) -> Tensor:
        """Return camera tokens (B, N, C) of rays by tokens (B, N, K * 4)."""
        tokens = self.patch_embedding_wancamctrl(rays)
        return tokens + self.c2ws_hidden_states_layer2(silu(self.c2ws_hidden_states_layer1(tokens)))


class CameraInjector(nn.Module):
    """Base of a block whose tokens are scaled and shifted by the camera's; the released names lie on the block."""

    def build_camera_injector(self, dim: int, *, operations: Any, **placement: Any) -> None:
        """Add the layers, `dim` numbers wide."""
        for name in ("cam_injector_layer1", "cam_injector_layer2", "cam_scale_layer", "cam_shift_layer"):
            setattr(self, name, operations.Linear(dim, dim, **placement))

    def camera_modulation(self, camera: Tensor) -> tuple[Tensor, Tensor]:
        """Return shift and gain, (B, N, C) each, of camera tokens (B, N, C)."""
        hidden = self.cam_injector_layer2(silu(self.cam_injector_layer1(camera))) + camera
        return self.cam_shift_layer(hidden), raised(self.cam_scale_layer, hidden, 1)


def _identity_like(poses: Tensor) -> Tensor:
    return torch.eye(4, dtype=poses.dtype, device=poses.device).expand(poses.shape).clone()
