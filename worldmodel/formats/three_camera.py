"""A camera of the host's 3D viewer (`LOAD3D_CAMERA`): three.js axes, x right, y up, looking along -z; metres."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..camera.poses import check_poses, flip_camera, poses_of, quaternion_rotations
from ..reading.json_text import is_number, shown

_OTHER_WORLD = torch.diag(torch.tensor([1.0, -1.0, -1.0, 1.0], dtype=torch.float64))
_NO_WAY = 1e-6
"""Length below which a direction is none."""


def read(info: Mapping[str, Any]) -> Tensor:
    """Return the camera's pose in our axes: (4, 4) float64 camera-to-world.

    Args:
        info: `position`, and `quaternion` or else `target`; all other members are about the viewer.

    Raises:
        ValueError: a member is missing or holds no finite numbers.
    """
    if not isinstance(info, Mapping):
        raise ValueError(f"start_camera must be a camera of the 3D viewer, not {shown(str(info))}")
    place = _numbers(info, "position", "xyz")
    if info.get("quaternion") is not None:
        w, x, y, z = _numbers(info, "quaternion", "wxyz")
        quaternion = torch.tensor([w, x, y, z], dtype=torch.float64)
        if quaternion.norm() < _NO_WAY:
            raise ValueError("start_camera.quaternion is zero, expected a turn; place the camera again")
        turn = quaternion_rotations(quaternion)
    else:
        turn = _towards(torch.tensor(_numbers(info, "target", "xyz"), dtype=torch.float64) - torch.tensor(place))
    pose = _OTHER_WORLD @ flip_camera(poses_of(turn, torch.tensor(place, dtype=torch.float64)))
    try:
        check_poses(pose[None])
    except ValueError as error:
        raise ValueError(f"start_camera: {str(error).removeprefix('frame 0: ')}") from None
    return pose


def _towards(way: Tensor) -> Tensor:
    """Return the rotation (3, 3) of a viewer's camera that looks along a way and stands upright."""
    if way.norm() < _NO_WAY:
        raise ValueError("start_camera.target is where the camera is, expected another place; place the camera again")
    back = -way / way.norm()
    across = torch.linalg.cross(torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64), back)
    if across.norm() < _NO_WAY:  # straight up or down: any right is right
        across = torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)
    right = across / across.norm()
    return torch.stack([right, torch.linalg.cross(back, right), back], 1)


def _numbers(info: Mapping[str, Any], name: str, axes: str) -> list[float]:
    member = info.get(name)
    values = [member.get(axis) for axis in axes] if isinstance(member, Mapping) else [None]
    if not all(is_number(value) and math.isfinite(value) for value in values):
        raise ValueError(f"start_camera.{name} must hold the numbers {', '.join(axes)}, not {shown(member)}")
    return [float(value) for value in values]
