"""Camera poses to Blender and back.

To Blender goes a Python script, opened in its text editor and run there: it makes a scene with a camera of its own and
a key in every frame (`blender_scripts/walk.py`). Back comes JSON, which `blender_scripts/write_poses.py` writes of any
camera; the first script can do that too. That JSON is read here.

{"type": "blender_camera", "version": 1, "fps": …, "matrices": […16 numbers, row by row, a frame…],
 "intrinsics": [fx, fy, cx, cy as shares], "picture": [width, height], "intrinsics_per_frame": [where they change]}

Blender's camera axes are OpenGL's (x right, y up, z backwards), its world has z up.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch

from ..camera.poses import Poses, check_poses, flip_camera, from_z_up, picture_of, rotation_quaternions, to_z_up
from ..reading.asked import AS_IT_IS, Asked
from ..reading.json_text import checked_list, dump, load, shown
from ..reading.limits import MAX_FRAMES
from .lens import Lens, one_lens
from .matrices import numbers_of
from .poses_json import read_fps, read_intrinsics, read_picture, unread

KIND, VERSION = "blender_camera", 1
_READ = ("type", "version", "fps", "matrices", "intrinsics", "picture", "intrinsics_per_frame")
_WALK = Path(__file__).with_name("blender_scripts") / "walk.py"
WRITE_POSES = _WALK.with_name("write_poses.py")
"""The script that writes a camera of Blender's for `read`."""


def matches(data: object) -> bool:
    """Tell whether JSON is what the script writes."""
    return isinstance(data, dict) and data.get("type") == KIND


def read(text: str, asked: Asked = AS_IT_IS) -> Poses:
    """Parse the JSON that the script writes; see `parse`."""
    return parse(load(text), asked)


def parse(data: Any, asked: Asked = AS_IT_IS) -> Poses:
    """Read poses out of what the script writes.

    Raises:
        ValueError: in one sentence, which member or frame is wrong, and what was found.
    """
    if not matches(data) or data.get("version") != VERSION:
        found = data.get("type") if isinstance(data, dict) else data
        raise ValueError(f'type must be "{KIND}" and version {VERSION}, not {shown(found)}')
    numbers = checked_list(data.get("matrices"), "matrices")
    if not numbers or len(numbers) % 16 or len(numbers) > 16 * MAX_FRAMES:
        raise ValueError(f"matrices must be a list of sixteen numbers a frame, not {len(numbers)} of them")
    c2w = torch.from_numpy(numbers_of(numbers, "matrices[{}]".format)).reshape(-1, 4, 4)
    check_poses(c2w)
    said = read_fps(data.get("fps"))
    lens, zoom = _lenses(data, len(c2w))
    picture = read_picture(data.get("picture"))
    return Poses(from_z_up(flip_camera(c2w)), lens, asked.fps or said, zoom, unread(data, _READ), picture)


def _lenses(data: dict[str, Any], frames: int) -> tuple[Lens | None, tuple[str, ...]]:
    """Return the lens, and a sentence where it changes on the way."""
    numbers = data.get("intrinsics_per_frame")
    if numbers is None:
        return read_intrinsics(data.get("intrinsics")), ()
    if len(checked_list(numbers, "intrinsics_per_frame")) != 4 * frames:
        raise ValueError(f"intrinsics_per_frame must be four numbers a frame, not {len(numbers)} of them")
    return one_lens([read_intrinsics(numbers[i : i + 4]) for i in range(0, 4 * frames, 4)], "frame")


def write(poses: Poses, images: str = "", numbers: range | None = None) -> str:
    """Write the script.

    Args:
        poses: of the frames.
        images: folder of the frames' pictures beside the script, which are shown behind the camera; "": none.
        numbers: of the frames, in the names of their pictures; `None`: they count from 0 on.
    """
    numbers = range(poses.frames) if numbers is None else numbers
    c2w = to_z_up(flip_camera(poses.c2w))
    turns = rotation_quaternions(c2w[:, :3, :3])
    # neighbours on the same side, else Blender would turn the long way round between two frames
    flips = torch.where((turns[1:] * turns[:-1]).sum(1) < 0, -1.0, 1.0).cumprod(0)
    turns[1:] *= flips[:, None]
    rows = torch.cat([c2w[:, :3, 3], turns], 1).tolist()
    lens = poses.intrinsics
    values = {
        "FPS": repr(poses.fps),
        "PICTURE": repr(None if lens is None else picture_of(poses)),
        "INTRINSICS": repr(lens),
        "IMAGES": repr(images),
        "FIRST": repr(numbers.start),
        "EVERY": repr(numbers.step),
        "POSES": "[\n" + "".join(f"    {dump(row)},\n" for row in rows) + "]",
    }
    script = _WALK.read_text(encoding="utf-8")
    for name, value in values.items():
        script = re.sub(f"(?m)^{name} = [^ \\n]+", lambda _, text=f"{name} = {value}": text, script, count=1)
    back = WRITE_POSES.read_text(encoding="utf-8")
    imports = back[back.index("import json") : back.index("\n\nCAMERA")]
    functions = back[back.index("def write_poses") : back.index("def run")]
    script = script.replace("import bpy\n", f"{imports}\n", 1)
    return script.replace("def make_walk", f"{functions}def make_walk", 1)
