"""Cameras strewn anywhere, looking anywhere."""

from __future__ import annotations

import torch
from torch import Tensor

from worldmodel.camera.poses import poses_of, quaternion_rotations


def random_poses(count: int, metres: float, seed: int = 0) -> Tensor:
    """Return poses (count, 4, 4) that lie so many metres apart, more or less."""
    generator = torch.Generator().manual_seed(seed)
    turns = quaternion_rotations(torch.randn(count, 4, generator=generator, dtype=torch.float64))
    return poses_of(turns, torch.randn(count, 3, generator=generator, dtype=torch.float64) * metres)
