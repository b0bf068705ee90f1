"""Camera poses as nerfstudio's transforms.json.

frames[i].transform_matrix   camera-to-world, 4 x 4, camera axes of OpenGL (x right, y up, z backwards), world z up
fl_x, fl_y, cx, cy, w, h     in pixels, for all frames or in the first one; or camera_angle_x in radians
Frames go by file_path where every one has it, else as they stand. A world turned by nerfstudio stays turned.
"""

from __future__ import annotations

import math
from typing import Any

import torch

from ..geometry import Poses, check_poses, flip_camera, from_z_up, pixel_intrinsics, share_intrinsics, to_z_up
from ..timeline import MAX_FRAMES
from .json_text import checked_list, checked_number, checked_numbers, checked_object, dump, load, shown
from .poses_json import PICTURE, read_fps, read_intrinsics


def read(text: str) -> Poses:
    """Parse transforms.json.

    Raises:
        ValueError: in one sentence, which member or frame is wrong, and what was found.
    """
    data = checked_object(load(text), "transforms.json")
    entries = [
        checked_object(entry, f"frames[{i}]") for i, entry in enumerate(checked_list(data.get("frames"), "frames"))
    ]
    if not 1 <= len(entries) <= MAX_FRAMES:
        raise ValueError(f"frames: found {len(entries)}, expected 1 to {MAX_FRAMES}")
    matrices = [
        _matrix(entry.get("transform_matrix"), f"frames[{i}].transform_matrix") for i, entry in enumerate(entries)
    ]
    names = [entry.get("file_path") for entry in entries]
    order = list(range(len(entries)))
    if all(isinstance(name, str) for name in names):
        order.sort(key=lambda i: names[i])
    c2w = torch.tensor([matrices[i] for i in order], dtype=torch.float64)
    check_poses(c2w)
    return Poses(from_z_up(flip_camera(c2w)), _intrinsics({**entries[order[0]], **data}), read_fps(data.get("fps")))


def write(poses: Poses) -> str:
    """Write transforms.json."""
    members: dict[str, Any] = {"camera_model": "OPENCV"}
    members |= {} if poses.fps is None else {"fps": poses.fps}
    if poses.intrinsics is not None:
        lens = pixel_intrinsics(poses.intrinsics, *PICTURE)
        members |= dict(zip(("fl_x", "fl_y", "cx", "cy", "w", "h"), (*lens, *PICTURE), strict=True))
    matrices = to_z_up(flip_camera(poses.c2w)).tolist()
    members["frames"] = [
        {"file_path": f"images/frame_{frame:06}.png", "transform_matrix": matrix}
        for frame, matrix in enumerate(matrices)
    ]
    return dump(members)


def _matrix(value: Any, field: str) -> list[list[float]]:
    rows = checked_list(value, field)
    if len(rows) == 3:
        rows = [*rows, [0, 0, 0, 1]]
    if len(rows) != 4:
        raise ValueError(f"{field} must have four rows, not {shown(value)}")
    return [checked_numbers(row, f"{field}[{i}]", 4) for i, row in enumerate(rows)]


def _intrinsics(members: dict[str, Any]) -> tuple[float, float, float, float] | None:
    """Return normalised intrinsics; `None` where focal length or picture is not said."""
    if "w" not in members or "h" not in members:
        return None
    width, height = checked_number(members["w"], "w"), checked_number(members["h"], "h")
    if not (1 <= width <= 1e5 and 1 <= height <= 1e5):
        raise ValueError(f"w and h must be from 1 to 100000, not {width:g} and {height:g}")
    if "fl_x" in members:
        fx = checked_number(members["fl_x"], "fl_x")
    elif "camera_angle_x" in members:
        angle = checked_number(members["camera_angle_x"], "camera_angle_x")
        if not 0.001 <= angle <= 3.14:
            raise ValueError(f"camera_angle_x must be radians from 0.001 to 3.14, not {angle:g}")
        fx = width / 2 / math.tan(angle / 2)
    else:
        return None
    fy = checked_number(members.get("fl_y", fx), "fl_y")
    cx, cy = checked_number(members.get("cx", width / 2), "cx"), checked_number(members.get("cy", height / 2), "cy")
    return read_intrinsics(list(share_intrinsics((fx, fy, cx, cy), width, height)))
