"""Keys of Hunyuan-GameCraft-1.0 as a camera: a key is held for a clip of 33 frames, and each clip begins at rest.

A pose is written as world-to-camera, and a place counts ten times; so `w` moves the camera along +z, its view.

Shapes: F frames, H x W pixels.
Source: Hunyuan-GameCraft (arXiv:2506.17201; github.com/Tencent-Hunyuan/Hunyuan-GameCraft-1.0), hymm_sp/data_kits.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

FRAMES = 33
PLACES = 10.0
INTRINSICS = (0.50505, 0.8979, 0.5, 0.5)
"""fx, fy, cx, cy as shares of width and height."""
MOVES = {"w": (0.0, 0.0, -1.0), "s": (0.0, 0.0, 1.0), "a": (1.0, 0.0, 0.0), "d": (-1.0, 0.0, 0.0)}
"""Way of a clip at speed 1, as the row has it."""
TURNS = {"left_rot": (1.0, 0.0), "right_rot": (-1.0, 0.0), "up_rot": (0.0, -1.0), "down_rot": (0.0, 1.0)}
"""Degrees of a clip at speed 1 about y and about x, as the row has it."""


def pose_rows(key: str, speed: float, frames: int = FRAMES) -> Tensor:
    """Return the rows of a clip, (F + 1, 3, 4) float64 world-to-camera; the last one is never reached.

    Args:
        key: of `MOVES` or `TURNS`.
        speed: the release's, 0 to 3.
        frames: of the clip.
    """
    shares = torch.arange(frames + 1, dtype=torch.float64) / frames
    rows = torch.eye(4, dtype=torch.float64)[:3].expand(frames + 1, 3, 4).clone()
    if key in MOVES:
        rows[:, :, 3] = shares[:, None] * speed * torch.tensor(MOVES[key], dtype=torch.float64)
        return rows
    about_y, about_x = (shares * math.radians(speed * degrees) for degrees in TURNS[key])
    rows[:, :, :3] = _about_y(about_y) @ _about_x(about_x)
    return rows


def relative_poses(rows: Tensor) -> Tensor:
    """Return camera-to-world poses (F, 4, 4) float32 as seen from the first one, of rows (F, 3, 4)."""
    w2c = torch.eye(4, dtype=torch.float64).expand(len(rows), 4, 4).clone()
    w2c[:, :3] = rows
    relative = w2c[:1] @ torch.linalg.inv(w2c)
    relative[0] = torch.eye(4, dtype=torch.float64)
    relative[:, :3, 3] *= PLACES
    return relative.float()


def ray_map(poses: Tensor, height: int, width: int) -> Tensor:
    """Return each pixel's ray (F, 6, H, W): moment o x d, then unit direction d, of relative poses (F, 4, 4)."""
    fx, fy, cx, cy = INTRINSICS
    x = ((torch.arange(width) + 0.5) / width - cx) / fx
    y = ((torch.arange(height) + 0.5) / height - cy) / fy
    ahead = torch.stack(torch.broadcast_tensors(x, y[:, None], torch.ones(())), dim=-1).to(poses)
    ahead = ahead / ahead.norm(dim=-1, keepdim=True)
    directions = torch.einsum("fij,hwj->fhwi", poses[:, :3, :3], ahead)
    origins = poses[:, None, None, :3, 3].expand_as(directions)
    return torch.cat((torch.linalg.cross(origins, directions, dim=-1), directions), dim=-1).movedim(-1, 1)


def _about_y(angles: Tensor) -> Tensor:
    cos, sin, zero, one = angles.cos(), angles.sin(), torch.zeros_like(angles), torch.ones_like(angles)
    return torch.stack((cos, zero, sin, zero, one, zero, -sin, zero, cos), -1).unflatten(-1, (3, 3))


def _about_x(angles: Tensor) -> Tensor:
    cos, sin, zero, one = angles.cos(), angles.sin(), torch.zeros_like(angles), torch.ones_like(angles)
    return torch.stack((one, zero, zero, zero, cos, -sin, zero, sin, cos), -1).unflatten(-1, (3, 3))
