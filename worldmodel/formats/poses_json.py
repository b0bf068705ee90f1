"""Camera poses as versioned JSON (`type` "poses", version 1): dense data, shown by the editors and not edited.

c2w        twelve numbers a frame, the upper three rows of camera-to-world in OpenCV axes, row by row, in metres
intrinsics [fx, fy, cx, cy] as shares of width and height; may be missing
fps        frames a second; may be missing
Every number is written with all its digits.
"""

from __future__ import annotations

import torch

from ..geometry import Poses, check_poses
from .document import check_version
from .json_text import checked_number, checked_numbers, dump, load, shown

VERSION = 1
PICTURE = (640, 352)
"""Width and height, in pixels, that formats with pixels are written for: poses know only shares."""


def read(text: str) -> Poses:
    """Parse poses.

    Raises:
        ValueError: in one sentence, which member or frame is wrong, and what was found.
    """
    data = load(text)
    if not isinstance(data, dict) or data.get("type") != "poses":
        found = data.get("type") if isinstance(data, dict) else data
        raise ValueError(f'type must be "poses", not {shown(found)}')
    check_version({"version": data.get("version")}, VERSION)  # told as null where there is none
    numbers = data.get("c2w")
    if not isinstance(numbers, list) or not numbers or len(numbers) % 12:
        found = f"{len(numbers)} of them" if isinstance(numbers, list) else shown(numbers)
        raise ValueError(f"c2w must be a list of twelve numbers a frame, not {found}")
    c2w = torch.zeros(len(numbers) // 12, 4, 4, dtype=torch.float64)
    rows = torch.tensor(checked_numbers(numbers, "c2w", len(numbers)), dtype=torch.float64)
    c2w[:, :3], c2w[:, 3, 3] = rows.unflatten(0, (-1, 3, 4)), 1
    check_poses(c2w)
    return Poses(c2w, read_intrinsics(data.get("intrinsics")), read_fps(data.get("fps")))


def write(poses: Poses) -> str:
    """Write poses; reading gives every number back."""
    members = {"type": "poses", "version": VERSION}
    members |= {} if poses.fps is None else {"fps": poses.fps}
    members |= {} if poses.intrinsics is None else {"intrinsics": list(poses.intrinsics)}
    return dump({**members, "c2w": poses.c2w[:, :3].double().flatten().tolist()})


def read_intrinsics(value: object) -> tuple[float, float, float, float] | None:
    """Return fx, fy, cx, cy as shares of the picture.

    Raises:
        ValueError: they are not four numbers, or a focal length is not above 0.
    """
    if value is None:
        return None
    fx, fy, cx, cy = checked_numbers(value, "intrinsics", 4)
    if not (0 < fx < 1e4 and 0 < fy < 1e4 and abs(cx) < 1e4 and abs(cy) < 1e4):
        raise ValueError(f"intrinsics must be shares of width and height, focal lengths above 0, not {shown(value)}")
    return fx, fy, cx, cy


def read_fps(value: object) -> float | None:
    """Return frames a second.

    Raises:
        ValueError: it is no number between 0.01 and 1000.
    """
    if value is None:
        return None
    fps = checked_number(value, "fps")
    if not 0.01 <= fps <= 1000:
        raise ValueError(f"fps must be from 0.01 to 1000, not {shown(value)}")
    return fps
