"""A camera's path as nerfstudio's viewer exports it (camera_path.json), frame by frame.

camera_path[i].camera_to_world   sixteen numbers, row by row, camera axes of OpenGL (x right, y up, z backwards)
camera_path[i].fov               from bottom to top, in degrees
render_width, render_height      in pixels
seconds, fps                     the film's length and rate; its frames last `seconds` together, whatever fps says

The world is that of the trained scene: z up, in a unit that nerfstudio chose. Source: viewer/render_panel.py,
cameras/camera_paths.py and scripts/render.py in github.com/nerfstudio-project/nerfstudio (commit 50e0e3c).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ..camera.poses import Poses, flip_camera, from_z_up
from ..reading.asked import AS_IT_IS, Asked
from ..reading.json_text import checked_list, checked_object, is_number, shown
from ..reading.limits import MAX_FRAMES
from .frames import Frames, poses_of_frames
from .lens import Lens, no_lens
from .matrices import matrices_of
from .poses_json import rate_of, unread

_READ = ("camera_path", "render_width", "render_height", "fps", "seconds", "camera_type")
_READ_OF_FRAME = ("camera_to_world", "fov", "aspect")


def matches(data: object) -> bool:
    """Tell whether JSON is one of these."""
    return isinstance(data, dict) and isinstance(data.get("camera_path"), list)


def parse(data: Any, asked: Asked = AS_IT_IS) -> Poses:
    """Read a path out of its JSON.

    Raises:
        ValueError: in one sentence, which member or frame is wrong, and what was found.
    """
    entries = [
        checked_object(entry, f"camera_path[{i}]") for i, entry in enumerate(checked_list(data["camera_path"], ""))
    ]
    if not 1 <= len(entries) <= MAX_FRAMES:
        raise ValueError(f"camera_path: found {len(entries)} frames, expected 1 to {MAX_FRAMES}; export the path again")
    asked.check()
    names = "camera_path[{}].camera_to_world".format
    c2w = matrices_of([entry.get("camera_to_world") for entry in entries], names)
    lenses, why = _lenses(data, entries)
    fps, told = _rate(data, len(entries))
    of_frames = dict.fromkeys(name for entry in entries for name in entry if name not in _READ_OF_FRAME)
    unused = (*unread(data, _READ), *of_frames, *["aspect"] * _is_other_picture(data, entries))
    picture = data.get("render_width"), data.get("render_height")
    c2w = from_z_up(flip_camera(c2w))
    return poses_of_frames(Frames(c2w, names, None, fps, lenses, (*told, *why), unused, picture), asked)


def _rate(data: Mapping[str, Any], frames: int) -> tuple[float | None, tuple[str, ...]]:
    """Return poses a second, and a sentence where the two members that tell it differ."""
    fps, odd = rate_of(data.get("fps"))
    seconds = data.get("seconds")
    if not is_number(seconds) or not math.isfinite(seconds) or seconds <= 0:
        return fps, odd
    rate = frames / seconds
    if not 0.01 <= rate <= 1000:
        return fps, (*odd, f"The film's length is left out: {frames} frames in {seconds:g} s.")
    if fps is not None and abs(fps * seconds - frames) > 1:
        odd = (
            f"The {frames} frames last {seconds:g} s, {rate:.4g} a second, and fps is {fps:g}: the length counts, as "
            "when nerfstudio renders.",
        )
    else:
        rate = fps or rate
    return rate, odd


def _is_other_picture(data: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether a frame's aspect is that of another picture than the film's, which nerfstudio renders."""
    size = [data.get("render_width"), data.get("render_height")]
    aspects = {entry["aspect"] for entry in entries if is_number(entry.get("aspect"))}
    if not all(is_number(length) and length > 0 for length in size):
        return bool(aspects)
    return any(not abs(aspect * size[1] / size[0] - 1) < 0.01 for aspect in aspects)


def _lenses(data: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> tuple[list[Lens | None], tuple[str, ...]]:
    """Return the lens of every frame, and why there is none."""
    kind, size = data.get("camera_type", "perspective"), [data.get("render_width"), data.get("render_height")]
    if not isinstance(kind, str) or kind.lower() not in ("perspective", "pinhole"):
        return [None], (no_lens(f"camera_type {shown(kind)} is no pinhole"),)
    if not all(is_number(length) and 1 <= length <= 1e5 for length in size):
        return [None], (no_lens("render_width and render_height are no picture"),)
    fovs = [entry.get("fov") for entry in entries]
    wrong = next((fov for fov in fovs if not is_number(fov) or not 0.4 <= fov <= 178), None)
    if wrong is not None or None in fovs:
        return [None], (no_lens(f"a fov of {shown(wrong)} degrees"),) if wrong is not None else ()
    lenses = {}
    for fov in set(fovs):
        upright = 0.5 / math.tan(math.radians(fov) / 2)
        lenses[fov] = (upright * size[1] / size[0], upright, 0.5, 0.5)
    return [lenses[fov] for fov in fovs], ()
