"""Camera poses as nerfstudio's transforms.json, which Instant NGP and Record3D write too.

frames[i].transform_matrix   camera-to-world, 4 x 4, camera axes of OpenGL (x right, y up, z backwards), world z up
fl_x, fl_y, cx, cy, w, h     in pixels, for all frames or in each one; or camera_angle_x, camera_angle_y in radians
camera_model                 a fisheye or a panorama has no pinhole's lens
frames[i].timestamp          where every frame has one

Frames go by timestamp or else by file_path, numbers in it as numbers, or else as they stand. The unit of length is
arbitrary, and a world turned by nerfstudio stays turned. Source: docs.nerf.studio/quickstart/data_conventions.html
(Tancik et al., SIGGRAPH 2023).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from ..camera.poses import MAX_METRES, Poses, flip_camera, from_z_up, picture_of, pixel_intrinsics, to_z_up
from ..reading.asked import AS_IT_IS, Asked
from ..reading.json_text import checked_list, checked_object, dump, is_number, load, shown
from ..reading.limits import MAX_FRAMES
from .frames import Frames, picture_names, poses_of_frames
from .lens import Lens, lens_of_pixels, no_lens
from .lines import natural
from .matrices import matrices_of
from .poses_json import rate_of
from .several import chosen
from .stamps import Stamps

PINHOLES = ("OPENCV", "PINHOLE", "SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL", "FULL_OPENCV", "PERSPECTIVE")
"""Camera models that are a pinhole near their centre."""
_LENS = ("camera_model", "is_fisheye", "fl_x", "fl_y", "cx", "cy", "w", "h", "camera_angle_x", "camera_angle_y")
_DISTORTION = ("k1", "k2", "k3", "k4", "k5", "k6", "p1", "p2")
_READ = ("frames", "fps", "type", *_LENS)
_READ_OF_FRAME = ("file_path", "transform_matrix", "timestamp", *_LENS)
_MOST_LENSES = 8
"""Lenses that the cameras of a rig may have; more are a zoom."""
_JUMP = 4.0
"""Steps of a camera from which on a change of lens that comes with a jump is another camera."""


def matches(data: object) -> bool:
    """Tell whether JSON is one of these."""
    return isinstance(data, dict) and data.get("type") is None and isinstance(data.get("frames"), list)


def read(text: str, asked: Asked = AS_IT_IS) -> Poses:
    """Parse transforms.json; see `parse`."""
    return parse(load(text), asked)


def parse(data: Any, asked: Asked = AS_IT_IS) -> Poses:
    """Read transforms.json out of its JSON.

    Raises:
        ValueError: in one sentence, which member or frame is wrong, and what was found.
    """
    data = checked_object(data, "transforms.json")
    entries = [
        checked_object(entry, f"frames[{i}]") for i, entry in enumerate(checked_list(data.get("frames"), "frames"))
    ]
    if not 1 <= len(entries) <= MAX_FRAMES:
        raise ValueError(f"frames: found {len(entries)}, expected 1 to {MAX_FRAMES}")
    asked.check()
    c2w = matrices_of([entry.get("transform_matrix") for entry in entries], "frames[{}].transform_matrix".format)
    lenses, why = _lenses(data, entries)
    names = [entry.get("file_path") for entry in entries]
    order, notes = list(range(len(entries))), ()
    if all(isinstance(name, str) for name in names):
        order, notes = chosen(names, cameras_of(lenses, c2w, names), asked)
    stamps = [entry.get("timestamp") for entry in entries]
    fps, odd = rate_of(data.get("fps"))
    timed = all(is_number(stamp) and math.isfinite(stamp) for stamp in stamps)
    frames = Frames(
        from_z_up(flip_camera(c2w[order])),
        lambda i: f"frames[{order[i]}]",
        Stamps([repr(stamps[i]) for i in order]) if timed else None,
        fps,
        [lenses[i] for i in order],
        (*notes, *why, *odd),
        _unused(data, entries, timed),
        tuple(data.get(side, entries[order[0]].get(side)) for side in ("w", "h")),
    )
    return poses_of_frames(frames, asked)


def cameras_of(lenses: Sequence[Lens | None], c2w: Tensor, names: Sequence[str]) -> list[str] | None:
    """Tell cameras apart by their lenses: few of them, and a jump where the lens changes; `None` if it is one.

    Args:
        lenses: of the frames, as they stand.
        c2w: (F, 4, 4) of the frames.
        names: of the frames' pictures, by which they go.
    """
    kinds = Counter(lenses)
    if not 1 < len(kinds) <= _MOST_LENSES or min(kinds.values()) < 2:
        return None
    number = {lens: i for i, lens in enumerate(kinds)}
    order = sorted(range(len(names)), key=[natural(name) for name in names].__getitem__)
    camera = np.array([number[lenses[i]] for i in order])
    places = c2w[order, :3, 3].nan_to_num().clamp(-MAX_METRES, MAX_METRES).numpy()
    step = [np.linalg.norm(np.diff(places[camera == i], axis=0), axis=1) for i in range(len(kinds))]
    switched = np.flatnonzero(np.diff(camera))
    jump = np.linalg.norm(places[switched + 1] - places[switched], axis=1)
    if not np.median(jump) > _JUMP * np.median(np.concatenate(step)):
        return None
    return [str(number[lens] + 1) for lens in lenses]


def write(poses: Poses, depth: str = "", numbers: range | None = None) -> str:
    """Write transforms.json.

    Args:
        poses: of the frames.
        depth: folder of the frames' depth maps beside it, in millimetres; "": there are none.
        numbers: of the frames, in the names of their pictures; `None`: they count from 0 on.
    """
    members: dict[str, Any] = {"camera_model": "OPENCV"}
    members |= {} if poses.fps is None else {"fps": poses.fps}
    if poses.intrinsics is not None:
        picture = picture_of(poses)
        lens = pixel_intrinsics(poses.intrinsics, *picture)
        members |= dict(zip(("fl_x", "fl_y", "cx", "cy", "w", "h"), (*lens, *picture), strict=True))
    matrices = to_z_up(flip_camera(poses.c2w)).tolist()
    members["frames"] = [
        {
            "file_path": f"images/{name}",
            **({"depth_file_path": f"{depth}/{name}"} if depth else {}),
            "transform_matrix": matrix,
        }
        for name, matrix in zip(picture_names(poses.frames, numbers), matrices, strict=True)
    ]
    return dump(members)


def _lenses(data: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> tuple[list[Lens | None], tuple[str, ...]]:
    """Return the lens of every frame, and why one has none."""
    shared = {name: data[name] for name in _LENS if name in data}
    said = [name for name in _LENS if any(name in kind for kind in _kinds(entries))]
    known: dict[tuple, tuple[Lens | None, str | None]] = {}
    lenses, reasons = [], []
    for entry in entries:
        own = {name: entry[name] for name in said if name in entry} if said else {}
        key = tuple(map(repr, own.items()))
        if key not in known:
            known[key] = _lens({**own, **shared})  # what stands above all frames counts, as for nerfstudio
            reasons += [known[key][1]] if known[key][1] else []
        lenses.append(known[key][0])
    return lenses, (no_lens("; ".join(reasons[:2])),) if reasons else ()


def _lens(members: Mapping[str, Any]) -> tuple[Lens | None, str | None]:
    """Return a lens, or why there is none; neither where the file does not speak of it."""
    model = members.get("camera_model", PINHOLES[0])
    if members.get("is_fisheye") or not isinstance(model, str) or model.upper() not in PINHOLES:
        found = "a fisheye" if members.get("is_fisheye") else f"camera_model {shown(model)}"
        return None, f"{found} is no pinhole, its angle is another than fl_x says"
    numbers = {name: value for name, value in members.items() if name not in ("camera_model", "is_fisheye")}
    wrong = [name for name, value in numbers.items() if not is_number(value) or not math.isfinite(value)]
    if wrong:
        return None, f"{wrong[0]} is {shown(numbers[wrong[0]])}, no number"
    angles = [numbers.get("camera_angle_x"), numbers.get("camera_angle_y")]
    if any(angle is not None and not 0.001 <= angle <= 3.14 for angle in angles):
        return None, "camera_angle_x and camera_angle_y must be radians from 0.001 to 3.14"
    across, upright = (None if angle is None else 0.5 / math.tan(angle / 2) for angle in angles)
    if "w" not in numbers or "h" not in numbers:
        if across is not None and upright is not None and "fl_x" not in numbers:
            return (across, upright, 0.5, 0.5), None
        found = [name for name in ("fl_x", "camera_angle_x") if name in numbers]
        return None, f"{found[0]} alone, without w and h" if found else None
    width, height = float(numbers["w"]), float(numbers["h"])
    fx = numbers.get("fl_x", None if across is None else across * width)
    if fx is None:
        return None, None
    fy = numbers.get("fl_y", fx if upright is None or "fl_x" in numbers else upright * height)
    return lens_of_pixels((fx, fy, numbers.get("cx", width / 2), numbers.get("cy", height / 2)), width, height)


def _unused(data: Mapping[str, Any], entries: Sequence[Mapping[str, Any]], timed: bool) -> tuple[str, ...]:
    """Return the names of members that nobody read."""
    kinds = _kinds(entries)
    of_frames = dict.fromkeys(name for kind in kinds for name in kind if name not in _READ_OF_FRAME)
    names = [name for name in dict.fromkeys([*data, *of_frames]) if name not in _READ]
    names += [] if timed or not any("timestamp" in kind for kind in kinds) else ["timestamp"]
    both = [name for name in _LENS if name in data and any(name in kind for kind in kinds)]
    names += [
        f"frames[].{name}" for name in both if any(entry.get(name, data[name]) != data[name] for entry in entries)
    ]
    bent = [name for name in names if name in _DISTORTION]
    some = any(members.get(name) for members in (data, *entries) for name in bent)
    told = [name for name in names if name not in _DISTORTION]
    return (*told, *[f"{', '.join(bent)} (distortion)"] * some)


def _kinds(entries: Sequence[Mapping[str, Any]]) -> set[tuple[str, ...]]:
    """Return the sets of members that frames have: few, of many frames."""
    return {tuple(entry) for entry in entries}
