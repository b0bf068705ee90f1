"""Camera poses as a COLMAP model in text: cameras.txt and images.txt in one folder.

images.txt: `id qw qx qy qz tx ty tz camera name`, world-to-camera in OpenCV axes, each followed by a line of points,
which may be empty. Frames go by name. cameras.txt: `id model width height parameters…`, in pixels.
"""

from __future__ import annotations

from typing import NamedTuple

import torch

from ..geometry import (
    Poses,
    check_poses,
    invert,
    pixel_intrinsics,
    poses_of,
    quaternion_rotations,
    rotation_quaternions,
    share_intrinsics,
)
from ..timeline import MAX_FRAMES, shortened
from .lines import number, quaternion
from .poses_json import PICTURE, read_intrinsics

MODELS = {
    "SIMPLE_PINHOLE": (0, 0, 1, 2), "PINHOLE": (0, 1, 2, 3), "SIMPLE_RADIAL": (0, 0, 1, 2), "RADIAL": (0, 0, 1, 2),
    "OPENCV": (0, 1, 2, 3), "FULL_OPENCV": (0, 1, 2, 3),
}  # fmt: skip
"""Camera models, and where fx, fy, cx, cy stand among their parameters; distortion is left out."""


class Model(NamedTuple):
    """The two files' texts."""

    cameras: str
    images: str


def read(model: Model) -> Poses:
    """Parse a model; it takes the intrinsics of the first frame's camera.

    Raises:
        ValueError: in one sentence, which file and line is wrong, and what was found.
    """
    try:
        cameras = _cameras(model.cameras)
    except ValueError as error:
        raise ValueError(f"cameras.txt: {error}") from None
    try:
        frames = sorted(_images(model.images, cameras))
        c2w = invert(
            poses_of(
                quaternion_rotations(torch.tensor([frame[1] for frame in frames], dtype=torch.float64)),
                torch.tensor([frame[2] for frame in frames], dtype=torch.float64),
            )
        )
        check_poses(c2w)
    except ValueError as error:
        raise ValueError(f"images.txt: {error}") from None
    return Poses(c2w, cameras[frames[0][3]])


def write(poses: Poses) -> Model:
    """Write a model of one PINHOLE camera and no points.

    Raises:
        ValueError: the poses have no intrinsics, which COLMAP cannot do without.
    """
    if poses.intrinsics is None:
        raise ValueError("intrinsics: found none, expected them for COLMAP; give a field of view.")
    lens = " ".join(map(repr, pixel_intrinsics(poses.intrinsics, *PICTURE)))
    cameras = f"# CAMERA_ID MODEL WIDTH HEIGHT PARAMS[]\n1 PINHOLE {PICTURE[0]} {PICTURE[1]} {lens}\n"
    w2c = invert(poses.c2w)
    lines = ["# IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME"]
    turns, places = rotation_quaternions(w2c[:, :3, :3]).tolist(), w2c[:, :3, 3].tolist()
    for frame, (turn, place) in enumerate(zip(turns, places, strict=True)):
        lines += [f"{frame + 1} {' '.join(map(repr, (*turn, *place)))} 1 frame_{frame:06}.png", ""]
    return Model(cameras, "\n".join(lines) + "\n")


def _cameras(text: str) -> dict[str, tuple[float, float, float, float]]:
    """Return normalised intrinsics by the camera's number."""
    cameras = {}
    for line, row in enumerate(text.splitlines(), start=1):
        cells = row.split()
        if not cells or cells[0].startswith("#"):
            continue
        if len(cells) < 4 or cells[1] not in MODELS:
            found = shortened(cells[1] if len(cells) > 1 else row)
            raise ValueError(f"line {line}: camera model {found!r} is not one of {', '.join(MODELS)}")
        width, height, *parameters = (number(cell, line) for cell in cells[2:])
        if not (1 <= width <= 1e5 and 1 <= height <= 1e5) or len(parameters) <= max(MODELS[cells[1]]):
            raise ValueError(f"line {line}: expected id {cells[1]} width height and its parameters")
        pixels = [parameters[place] for place in MODELS[cells[1]]]
        try:
            cameras[cells[0]] = read_intrinsics(list(share_intrinsics(tuple(pixels), width, height)))
        except ValueError as error:
            raise ValueError(f"line {line}: {error}") from None
    return cameras


def _images(text: str, cameras: dict[str, tuple[float, float, float, float]]) -> list[tuple]:
    """Return name, quaternion, place and camera of every frame, in the file's order."""
    frames, is_points = [], False
    for line, row in enumerate(text.splitlines(), start=1):
        cells = row.split()
        if is_points:  # also where it is empty
            is_points = False
            continue
        if not cells or cells[0].startswith("#"):
            continue
        if len(cells) < 10:
            raise ValueError(f"line {line}: found {len(cells)} values, expected id qw qx qy qz tx ty tz camera name")
        if cells[8] not in cameras:
            raise ValueError(f"line {line}: camera {shortened(cells[8])!r} is not in cameras.txt")
        if len(frames) == MAX_FRAMES:
            raise ValueError(f"line {line}: more than {MAX_FRAMES} frames; cut the model")
        w, x, y, z, *place = (number(cell, line) for cell in cells[1:8])
        frames.append((" ".join(cells[9:]), quaternion(w, x, y, z, line), tuple(place), cells[8]))
        is_points = True
    if not frames:
        raise ValueError("found no frame, expected lines of id qw qx qy qz tx ty tz camera name")
    return frames
