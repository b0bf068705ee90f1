"""The walks of `round_trips.py`: written in every format, and held against what a tool makes of them."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from round_trips import LENS, NEAR, RATE, Line
from torch import Tensor

from worldmodel.camera import poses as geometry
from worldmodel.camera.poses import Poses, interpolate, to_z_up
from worldmodel.formats import blender
from worldmodel.formats.camera_set import ENDING, CameraSet
from worldmodel.formats.files import FORMATS, OF_CAMERAS, Content, write_track_file
from worldmodel.formats.frames import picture_names
from worldmodel.storage.writing import Numbered

FRAMES = 24
HALF_DEGREES = 1e-3
"""Largest error of the direction halfway between two frames."""
SIDE, GREY = 128, 10
"""Of the pictures of a set: the longer side in pixels, and by how much each is lighter than the one before, of 255."""


def flight(seed: int) -> Tensor:
    """Draw a smooth flight that rolls, loops and climbs, some metres around the origin: (FRAMES, 4, 4)."""
    draw = torch.Generator().manual_seed(seed)
    knots = torch.randn(7, 7, dtype=torch.float64, generator=draw)
    turns = geometry.quaternion_rotations(knots[:, :4])
    return interpolate(geometry.poses_of(turns, knots[:, 4:] * 2), torch.linspace(0, 6, FRAMES, dtype=torch.float64))


WALKS = {
    "tiny world": Poses(flight(3), (0.6, 0.9, 0.5, 0.5), 16.0, picture=(96, 64)),
    "portrait off centre": Poses(flight(4), (0.9, 0.51, 0.44, 0.56), 24000 / 1001, picture=(1080, 1920)),
}
"""The second one's pixels are not quite square."""
NUMBERS = {"tiny world": range(33, 33 + FRAMES), "portrait off centre": range(4, 4 + 3 * FRAMES, 3)}
"""Of the frames of the sets, in a longer world."""


def points_of(poses: Poses) -> Tensor:
    """Return places that every frame's camera sees: (frames, 8, 3) in our world."""
    draw = torch.Generator().manual_seed(5)
    ahead = torch.rand(poses.frames, 8, 3, dtype=torch.float64, generator=draw) * 0.8 - 0.4
    ahead[..., 2] = 1
    ahead = ahead * (1 + 4 * torch.rand(poses.frames, 8, 1, dtype=torch.float64, generator=draw))
    return ahead @ poses.c2w[:, :3, :3].mT + poses.c2w[:, None, :3, 3]


def seen(poses: Poses, points: Tensor) -> Tensor:
    """Return where cameras see points (frames, P, 3): (frames, P, 2) as shares, from the left and from the top."""
    fx, fy, cx, cy = poses.intrinsics
    x, y, z = ((points - poses.c2w[:, None, :3, 3]) @ poses.c2w[:, :3, :3]).unbind(-1)
    return torch.stack([fx * x / z + cx, fy * y / z + cy], -1)


def pixels_of(poses: Poses) -> list[list[float]]:
    """Return places in a picture, in pixels from the left and from the top."""
    width, height = poses.picture
    return [[width * 0.1, height * 0.2], [width * 0.5, height * 0.5], [width * 0.9, height * 0.7]]


def write_walks(folder: Path) -> None:
    """Write every walk in every format of cameras, and the points that their cameras are to see."""
    folder.mkdir(parents=True)
    for name, poses in WALKS.items():
        for form in OF_CAMERAS:
            end = f".colmap{FORMATS[form]}" if form == "COLMAP" else FORMATS[form]
            write_track_file(Content(poses=poses), folder / f"{name}{end}", form)
        write_set(folder, name, poses)
    shutil.copy(blender.WRITE_POSES, folder)
    points = {name: points_of(poses) for name, poses in WALKS.items()}
    _dump(folder / "points.json", {name: each.tolist() for name, each in points.items()})
    _dump(folder / "points_z_up.json", {name: _z_up(each).tolist() for name, each in points.items()})
    _dump(folder / "pixels.json", {name: pixels_of(poses) for name, poses in WALKS.items()})


def set_picture(poses: Poses) -> tuple[int, int]:
    """Return the width and height of a set's pictures."""
    width, height = (round(side * SIDE / max(poses.picture)) for side in poses.picture)
    return width, height


def write_set(folder: Path, name: str, poses: Poses) -> None:
    """Write a walk as a set: pictures that tell their number by their grey, and the depth of as many metres."""
    width, height = set_picture(poses)
    with CameraSet(Numbered(folder, f"{name} set", 1, ENDING, "set"), poses, NUMBERS[name]) as written:
        for frame in range(poses.frames):
            written.add(
                torch.full((1, height, width, 3), frame * GREY / 255), torch.full((1, height, width), frame + 1.0)
            )
        written.finish()


def compare(probe: str, found: dict[str, Any], folder: Path) -> Iterator[Line]:
    """Hold what a tool found against what was written."""
    of_walks = {"colmap": _colmap, "evo": _evo, "nerfstudio": _nerfstudio, "blender": _blender}[probe]
    for name, poses in WALKS.items():
        for line in of_walks(poses, found["walks"][name], folder / name):
            yield line._replace(what=f"{name}: {line.what}")
    if "alone" in found:
        theirs = blender.read((folder / "tiny world.theirs.json").read_text(encoding="utf-8"))
        yield Line("run by itself: poses", _apart(blender.read(found["alone"]).c2w, theirs.c2w), NEAR)
    for kind, camera in found.get("cameras", {}).items():
        for line in _exported(camera, folder):
            yield line._replace(what=f"{kind}: {line.what}")


def _colmap(poses: Poses, found: dict[str, Any], _: Path) -> Iterator[Line]:
    size = torch.tensor(poses.picture, dtype=torch.float64)
    yield Line("poses", _apart(found["poses"], poses.c2w[:, :3]), NEAR)
    yield from _lens(poses, found)
    yield Line("what the camera sees", _apart(_tensor(found["seen"]) / size, seen(poses, points_of(poses))), NEAR)


def _evo(poses: Poses, found: dict[str, Any], _: Path) -> Iterator[Line]:
    yield Line("poses", _apart(found["poses"], poses.c2w), NEAR)
    yield Line("rate", abs(found["rate"] / poses.fps - 1), RATE)
    yield Line("its error against itself", found["error"], 0.0)


def _nerfstudio(poses: Poses, found: dict[str, Any], _: Path) -> Iterator[Line]:
    yield Line("poses", _apart(found["poses"], to_z_up(geometry.flip_camera(poses.c2w))[:, :3]), NEAR)
    yield from _lens(poses, found)
    (fx, fy, cx, cy), (width, height) = poses.intrinsics, poses.picture
    at = _tensor(pixels_of(poses)) / torch.tensor([width, height])
    rays = torch.stack([(at[:, 0] - cx) / fx, (at[:, 1] - cy) / fy, torch.ones(len(at))], 1)  # (P, 3)
    world = _z_up(torch.einsum("fij,pj->pfi", poses.c2w[:, :3, :3], rays / rays.norm(dim=1, keepdim=True)))
    yield Line("rays", _apart(_tensor(found["rays"]).reshape(world.shape), world), NEAR)
    yield Line("order of frames", float(found["files"] != sorted(found["files"])), 0.0)
    a_set, frames = found["set"], range(poses.frames)
    yield Line("set: poses", _apart(a_set["poses"], found["poses"]), NEAR)
    pictures = poses._replace(picture=set_picture(poses))
    yield from (line._replace(what=f"set: {line.what}") for line in _lens(pictures, a_set))
    yield Line("set: pictures", float(a_set["greys"] != [GREY * frame for frame in frames]), 0.0)
    yield Line("set: depth", _apart(a_set["depths"], [frame + 1 for frame in frames]), NEAR)


def _blender(poses: Poses, found: dict[str, Any], path: Path) -> Iterator[Line]:
    matrices = to_z_up(geometry.flip_camera(poses.c2w))
    yield Line("poses", _apart(found["poses"], matrices), NEAR)
    yield Line("what the camera sees", _apart(_from_top(found["seen"]), seen(poses, points_of(poses))), NEAR)
    yield Line("picture", float(found["size"] != list(poses.picture)), 0.0)
    yield Line("rate", abs(found["rate"] / poses.fps - 1), RATE)
    yield Line("range", float(found["range"] != [0, poses.frames - 1]), 0.0)
    between = interpolate(matrices, torch.arange(poses.frames - 1) + 0.5)
    half = _tensor(found["half"])
    apart = (half[:, :3, :3] - between[:, :3, :3]).flatten(1).norm(dim=1).max()
    yield Line("degrees halfway between frames", math.degrees(2 * math.asin(float(apart) / math.sqrt(8))), HALF_DEGREES)
    yield Line("metres halfway between frames", _apart(half[:, :3, 3], between[:, :3, 3]), NEAR)
    yield Line("keys that are not linear", float(not found["linear"]), 0.0)
    yield Line("what was in the scene is changed", float(not found["untouched"]), 0.0)
    back = blender.read(path.with_name(f"{path.name}.walk.json").read_text(encoding="utf-8"))
    a_set, names = found["set"], picture_names(poses.frames, NUMBERS[path.name])
    yield Line("set: pictures behind the camera", float(a_set["behind"] != names), 0.0)
    yield Line("set: their size", float(a_set["size"] != [*set_picture(poses)]), 0.0)
    yield Line("set: poses", _apart(a_set["poses"], found["poses"]), NEAR)
    yield Line("written back: poses", _apart(back.c2w, poses.c2w), NEAR)
    yield Line("written back: lens", _apart(back.intrinsics, poses.intrinsics), LENS)
    yield Line("written back: rate", abs(back.fps / poses.fps - 1), RATE)


def _exported(camera: dict[str, Any], folder: Path) -> Iterator[Line]:
    """Hold a camera that Blender wrote against what Blender saw through it."""
    text = (folder / camera["file"]).read_text(encoding="utf-8")
    back, lenses = blender.read(text), json.loads(text).get("intrinsics_per_frame")
    yield Line("what was in the scene is changed", float(not camera["untouched"]), 0.0)
    if back.intrinsics is None:
        return
    per_frame = _tensor(lenses or [*back.intrinsics] * back.frames).unflatten(0, (-1, 4))
    points = geometry.from_z_up(_homogeneous(camera["points"]))[..., :3, 0]
    ours = torch.cat(
        [seen(Poses(*one), at) for *one, at in zip(back.c2w[:, None], per_frame, points[:, None], strict=True)]
    )
    yield Line("what the camera sees", _apart(_from_top(camera["seen"]), ours), NEAR)


def _lens(poses: Poses, found: dict[str, Any]) -> Iterator[Line]:
    pixels = geometry.pixel_intrinsics(poses.intrinsics, *poses.picture)
    yield Line("lens", max(abs(a / b - 1) for a, b in zip(found["lens"], pixels, strict=True)), LENS)
    yield Line("picture", float(found["size"] != list(poses.picture)), 0.0)


def _homogeneous(points: list[Any]) -> Tensor:
    """Turn points (…, 3) into columns (…, 4, 1)."""
    points = _tensor(points)
    return torch.cat([points, torch.ones_like(points[..., :1])], -1)[..., None]


def _z_up(points: Tensor) -> Tensor:
    """Turn points or directions (…, 3) of our world into one whose z points up."""
    return torch.stack([points[..., 0], points[..., 2], -points[..., 1]], -1)


def _from_top(places: list[Any]) -> Tensor:
    """Count shares of a picture from the top, which Blender counts from the bottom."""
    x, y = _tensor(places).unbind(-1)
    return torch.stack([x, 1 - y], -1)


def _apart(a: Any, b: Any) -> float:
    return float((_tensor(a) - _tensor(b)).abs().max())


def _tensor(values: Any) -> Tensor:
    return torch.as_tensor(values, dtype=torch.float64)


def _dump(path: Path, values: Any) -> None:
    path.write_text(json.dumps(values), encoding="utf-8")
