"""Camera poses as 3D Gaussian Splatting writes them beside a trained scene: cameras.json, an entry for a picture.

position, rotation   place and axes of the camera in the world: camera-to-world, OpenCV axes, rows of a 3 x 3
fx, fy               in pixels of a picture of width and height; the principal point is its middle
img_name             its order, numbers in it as numbers: the list begins with the pictures kept for testing

The world is the one COLMAP chose, unit and up included. Source: utils/camera_utils.py (camera_to_JSON) in
github.com/graphdeco-inria/gaussian-splatting (Kerbl et al., SIGGRAPH 2023).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from ..camera.poses import Poses
from ..reading.asked import AS_IT_IS, Asked
from ..reading.json_text import is_number
from ..reading.limits import MAX_FRAMES
from .frames import Frames, poses_of_frames
from .lens import Lens, lens_of_pixels, no_lens
from .matrices import numbers_of
from .nerfstudio import cameras_of
from .several import chosen

_READ = ("id", "img_name", "width", "height", "position", "rotation", "fx", "fy")


def matches(data: object) -> bool:
    """Tell whether JSON is one of these."""
    return (
        isinstance(data, list)
        and bool(data)
        and all(isinstance(v, dict) and {"position", "rotation"} <= {*v} for v in data)
    )


def parse(data: Any, asked: Asked = AS_IT_IS) -> Poses:
    """Read poses out of their JSON.

    Raises:
        ValueError: in one sentence, which entry is wrong, and what was found.
    """
    if len(data) > MAX_FRAMES:
        raise ValueError(f"found {len(data)} cameras, expected at most {MAX_FRAMES}; cut the file")
    c2w = torch.zeros(len(data), 4, 4, dtype=torch.float64)
    c2w[:, 3, 3] = 1
    for i, entry in enumerate(data):
        if not i % 1024:
            asked.check()
        c2w[i, :3, :3] = torch.from_numpy(_numbers(entry["rotation"], 3, f"[{i}].rotation")).reshape(3, 3)
        c2w[i, :3, 3] = torch.from_numpy(_numbers(entry["position"], 0, f"[{i}].position"))
    lenses, why = [], []
    for entry in data:
        lens, reason = _lens(entry)
        lenses.append(lens)
        why += [reason] * bool(reason and reason not in why)
    names = [entry.get("img_name") for entry in data]
    order, notes = list(range(len(data))), ()
    if all(isinstance(name, str) for name in names):
        order, notes = chosen(names, cameras_of(lenses, c2w, names), asked)
    elif all(is_number(entry.get("id")) for entry in data):
        order.sort(key=lambda i: data[i]["id"])
    unused = tuple(dict.fromkeys(name for entry in data for name in entry if name not in _READ))
    notes = (*notes, *[no_lens("; ".join(why[:2]))] * bool(why))
    frames = Frames(
        c2w[order], lambda i: f"[{order[i]}]", lenses=[lenses[i] for i in order], notes=notes, unused=unused
    )
    picture = tuple(data[order[0]].get(side) for side in ("width", "height"))
    return poses_of_frames(frames._replace(picture=picture), asked)


def _numbers(value: Any, rows: int, name: str) -> Any:
    """Return three numbers, or three rows of them."""
    flat = (
        [number for row in value if isinstance(row, list) for number in row]
        if rows and isinstance(value, list)
        else value
    )
    if not isinstance(flat, list) or len(flat) != (9 if rows else 3):
        raise ValueError(f"{name} must be three {'rows of three ' * bool(rows)}numbers")
    return numbers_of(flat, lambda _: name)


def _lens(entry: Mapping[str, Any]) -> tuple[Lens | None, str | None]:
    numbers = [entry.get(name) for name in ("fx", "fy", "width", "height")]
    if all(number is None for number in numbers):
        return None, None
    if not all(map(is_number, numbers)):
        return None, "fx, fy, width and height are not all numbers"
    fx, fy, width, height = numbers
    return lens_of_pixels((fx, fy, width / 2, height / 2), width, height)
