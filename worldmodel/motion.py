"""Keys and mouse to camera poses.

Row i of a track moves the camera from frame i to frame i + 1: first the step, along the heading of frame i, then the
turn. Axes are OpenCV's (x right, y down, z forward), poses are camera-to-world.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .track import Track

_DIRECTIONS = {"forward": (0.0, 1.0), "back": (0.0, -1.0), "left": (-1.0, 0.0), "right": (1.0, 0.0)}


def integrate(track: Track, step_metres: float, start: Tensor | None = None) -> Tensor:
    """Return the camera's pose at every frame of a track, as if nothing stood in its way.

    Opposite keys cancel and diagonals are as fast as straight lines. The pitch looks up and down and does not bend
    the walk. The last row's effect belongs to a frame after the track; add an idle row to see it.

    Args:
        track: what was asked for; only forward, back, left and right move the camera.
        step_metres: metres per frame while one of them is held.
        start: (4, 4) pose of frame 0, level; the origin, looking along z, without it.

    Returns:
        (frames, 4, 4) float64 camera-to-world.
    """
    steps = ground_steps(track) * step_metres  # (frames, 2)
    yaw, pitch = _before(track.mouse.double().deg2rad()).unbind(1)
    sin, cos = yaw.sin(), yaw.cos()
    moved = torch.stack([steps[:, 0] * cos + steps[:, 1] * sin, steps[:, 1] * cos - steps[:, 0] * sin], 1)
    poses = torch.eye(4, dtype=torch.float64).repeat(track.frames, 1, 1)
    poses[:, :3, :3] = rotations(yaw, pitch)
    poses[:, 0, 3], poses[:, 2, 3] = _before(moved).unbind(1)
    return poses if start is None else start.double() @ poses


def ground_steps(track: Track) -> Tensor:
    """Return each row's step in the camera's own axes: (frames, 2) right and ahead, of length 0 or 1, float64."""
    steps = torch.zeros(track.frames, 2, dtype=torch.float64)
    for column, word in enumerate(track.words):
        if word in _DIRECTIONS:
            steps += track.keys[:, column, None].double() * torch.tensor(_DIRECTIONS[word], dtype=torch.float64)
    return steps / steps.norm(dim=1, keepdim=True).clamp_min(1.0)


def rotations(yaw: Tensor, pitch: Tensor) -> Tensor:
    """Return camera-to-world rotations (…, 3, 3) of a level camera turned right by yaw, then up by pitch (radians)."""
    sy, cy, sp, cp = yaw.sin(), yaw.cos(), pitch.sin(), pitch.cos()
    zero = torch.zeros_like(sy)
    rows = [cy, sy * sp, sy * cp, zero, cp, -sp, -sy, cy * sp, cy * cp]
    return torch.stack(rows, -1).unflatten(-1, (3, 3))


def _before(rows: Tensor) -> Tensor:
    """Sum up the rows that lie before each row."""
    return torch.cat([torch.zeros_like(rows[:1]), rows[:-1].cumsum(0)])
