"""Camera poses as a COLMAP model in text: cameras.txt and images.txt in one folder, and points3D.txt, written empty.

images.txt: `id qw qx qy qz tx ty tz camera name`, world-to-camera in OpenCV axes, each followed by a line of points
(x y id, over and over), which may be empty; other programs leave these lines out. Frames go by name. cameras.txt:
`id model width height parameters…`, in pixels. The unit of length and the world's axes are arbitrary. Source:
colmap.github.io/format.html and src/colmap/sensor/models.h (Schönberger, Frahm, CVPR 2016).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import torch

from ..camera.poses import Poses, invert, picture_of, pixel_intrinsics, poses_of, rotation_quaternions
from ..reading.asked import AS_IT_IS, Asked
from ..reading.limits import MAX_FRAMES
from ..reading.words import shortened
from .frames import Frames, picture_names, poses_of_frames
from .lens import Lens, lens_of_pixels, no_lens
from .lines import is_number, no_number, rows, turns
from .several import chosen

_ONE, _TWO = (0, 0, 1, 2), (0, 1, 2, 3)
MODELS = {
    "SIMPLE_PINHOLE": _ONE, "PINHOLE": _TWO, "SIMPLE_RADIAL": _ONE, "RADIAL": _ONE, "OPENCV": _TWO, "FULL_OPENCV": _TWO,
    "SIMPLE_DIVISION": _ONE, "DIVISION": _TWO,
}  # fmt: skip
"""Camera models that are a pinhole near their centre, and where fx, fy, cx, cy stand among their parameters."""
WIDE = (
    "OPENCV_FISHEYE", "SIMPLE_RADIAL_FISHEYE", "RADIAL_FISHEYE", "THIN_PRISM_FISHEYE", "RAD_TAN_THIN_PRISM_FISHEYE",
    "SIMPLE_FISHEYE", "FISHEYE", "FOV", "EUCM", "EQUIRECTANGULAR",
)  # fmt: skip
"""Camera models whose angle no fx says: fisheyes and panoramas."""
_LONG = 2000
"""Letters from which on a line holds points: no name of a picture is that long."""


class Model(NamedTuple):
    """The files' texts, the points not read; the lines of an open file do as well."""

    cameras: str
    images: str | Iterable[str]
    points: str = ""


class _Camera(NamedTuple):
    """A lens, or why there is none, and the names of its distortion."""

    lens: Lens | None
    why: str = ""
    distortion: str = ""
    picture: tuple[float, float] | None = None


class _Images(NamedTuple):
    """What images.txt says, line by line: values are qw qx qy qz tx ty tz; and the lines that held points."""

    lines: list[int]
    values: list[list[float]]
    cameras: list[str]
    names: list[str]
    points: list[int]


def read(model: Model, asked: Asked = AS_IT_IS) -> Poses:
    """Parse a model; of several cameras it takes one, and its first picture's lens.

    Raises:
        ValueError: in one sentence, which file and line is wrong, and what was found.
    """
    try:
        cameras = _cameras(model.cameras, asked)
    except ValueError as error:
        raise ValueError(f"cameras.txt: {error}") from None
    try:
        return _read(_images(model.images, cameras, asked), cameras, asked)
    except ValueError as error:
        told = str(error)
        raise ValueError(told if told.startswith("camera: ") else f"images.txt: {told}") from None


def _read(images: _Images, cameras: dict[str, _Camera], asked: Asked) -> Poses:
    order, notes = chosen(images.names, images.cameras, asked)
    lines = [images.lines[i] for i in order]
    values = np.array([images.values[i] for i in order], dtype=np.float64)
    lenses = [cameras[images.cameras[i]] for i in order]

    def name(row: int) -> str:
        return f"line {lines[row]}"

    c2w = invert(poses_of(turns(values[:, :4], name), torch.from_numpy(np.ascontiguousarray(values[:, 4:]))))
    reasons = list(dict.fromkeys(camera.why for camera in lenses if camera.why))
    if reasons:
        lens = [None]
        notes = (*notes, no_lens("; ".join(reasons[:2])))
    else:
        lens = [camera.lens for camera in lenses]
    distortion = sorted({camera.distortion for camera in lenses if camera.distortion and not camera.why})
    unused = (*distortion, *["points"] * bool(images.points))
    frames = Frames(c2w, name, lenses=lens, notes=notes, unused=unused, picture=lenses[0].picture)
    return poses_of_frames(frames, asked)


def write(poses: Poses, numbers: range | None = None) -> Model:
    """Write a model of one PINHOLE camera; its list of points is empty, and COLMAP opens no model without one.

    Args:
        poses: of the frames.
        numbers: of the frames, in the names of their pictures; `None`: they count from 0 on.

    Raises:
        ValueError: the poses have no intrinsics, which COLMAP cannot do without.
    """
    if poses.intrinsics is None:
        raise ValueError("intrinsics: found none, expected them for COLMAP; give a field of view.")
    width, height = picture_of(poses)
    lens = " ".join(map(repr, pixel_intrinsics(poses.intrinsics, width, height)))
    cameras = f"# CAMERA_ID MODEL WIDTH HEIGHT PARAMS[]\n1 PINHOLE {width} {height} {lens}\n"
    w2c = invert(poses.c2w)
    lines = ["# IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME"]
    turns, places = rotation_quaternions(w2c[:, :3, :3]).tolist(), w2c[:, :3, 3].tolist()
    for number, (turn, place, name) in enumerate(
        zip(turns, places, picture_names(poses.frames, numbers), strict=True), 1
    ):
        lines += [f"{number} {' '.join(map(repr, (*turn, *place)))} 1 {name}", ""]
    return Model(cameras, "\n".join(lines) + "\n", "# POINT3D_ID X Y Z R G B ERROR TRACK[]\n")


def _cameras(text: str, asked: Asked) -> dict[str, _Camera]:
    """Return cameras by their number; one that is not understood has no lens."""
    cameras: dict[str, _Camera] = {}
    for line, row in rows(text, asked.check):
        cells = row.split(maxsplit=40)
        if cells and not cells[0].startswith("#"):
            cameras[cells[0]] = _camera(cells, line)
    return cameras


def _camera(cells: Sequence[str], line: int) -> _Camera:
    kind = cells[1] if len(cells) > 1 else ""
    if kind in WIDE:
        return _Camera(None, f"{kind} (line {line}) is no pinhole, its angle is another")
    if kind not in MODELS:
        return _Camera(None, f"camera model {shortened(kind)!r} (line {line}) is none of COLMAP's")
    numbers = [float(cell) for cell in cells[2:] if is_number(cell)]
    places = MODELS[kind]
    if len(numbers) < len(cells) - 2 or len(numbers) < 3 + max(places):
        return _Camera(None, f"line {line} has not the parameters of {kind}")
    width, height, *parameters = numbers
    lens, why = lens_of_pixels([parameters[place] for place in places], width, height)
    bent = any(parameters[max(places) + 1 :])
    return _Camera(lens, f"{why} (line {line})" if why else "", f"the distortion of {kind}" * bent, (width, height))


def _images(text: str | Iterable[str], cameras: dict[str, _Camera], asked: Asked) -> _Images:
    """Return what every picture's line says, in the file's order."""
    images, after_pose = _Images([], [], [], [], []), False
    for line, row in rows(text, asked.check):
        cells = row.split(maxsplit=9)  # a line of points may be long: it is not taken apart
        if after_pose and (not cells or _is_points(cells, cameras)):
            after_pose = False
            images.points.extend([line] * bool(cells))
            continue
        if not cells or cells[0].startswith("#"):
            continue
        if len(cells) < 10:
            raise ValueError(f"line {line}: found {len(cells)} values, expected id qw qx qy qz tx ty tz camera name")
        if cells[8] not in cameras:
            raise ValueError(f"line {line}: camera {shortened(cells[8])!r} is not in cameras.txt")
        if len(images.lines) == MAX_FRAMES:
            raise ValueError(f"line {line}: more than {MAX_FRAMES} frames; cut the model")
        try:
            images.values.append([*map(float, cells[1:8])])
        except ValueError:
            raise no_number(cells[1:8], line) from None
        images.lines.append(line)
        images.cameras.append(cells[8])
        images.names.append(cells[9].strip())
        after_pose = True
    if not images.lines:
        raise ValueError("found no frame, expected lines of id qw qx qy qz tx ty tz camera name")
    return images


def _is_points(cells: Sequence[str], cameras: dict[str, _Camera]) -> bool:
    """Tell whether a line behind a pose holds points, which come in threes, and is not the next pose.

    Args:
        cells: of the line, the tenth being all the rest of it.
        cameras: that a pose may have.
    """
    if not all(map(is_number, cells[:9])):
        return False
    if len(cells) < 10 or len(cells[9]) > _LONG:
        return True
    rest = cells[9].split()
    return all(map(is_number, rest)) and (len(rest) % 3 == 0 or cells[8] not in cameras)
