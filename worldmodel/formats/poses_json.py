"""Camera poses as versioned JSON (`type` "poses", version 1): dense data, shown by the editors and not edited.

c2w        twelve numbers a frame, the upper three rows of camera-to-world in OpenCV axes, row by row, in metres
intrinsics [fx, fy, cx, cy] as shares of width and height; may be missing
picture    [width, height] in pixels, of which they are shares; may be missing
fps        frames a second; may be missing
Every number is written with all its digits.
"""

from __future__ import annotations

from typing import Any

from ..camera.poses import MAX_PIXELS, Poses, check_poses
from ..reading.asked import AS_IT_IS, Asked
from ..reading.document import check_version
from ..reading.json_text import checked_number, checked_numbers, dump, load, shown
from .lens import Lens, checked_shares
from .matrices import matrices_of_rows, numbers_of

VERSION = 1
_READ = ("type", "version", "c2w", "intrinsics", "picture", "fps")


def matches(data: object) -> bool:
    """Tell whether JSON is one of these."""
    return isinstance(data, dict) and data.get("type") == "poses"


def read(text: str, asked: Asked = AS_IT_IS) -> Poses:
    """Parse poses; see `parse`."""
    return parse(load(text), asked)


def parse(data: Any, asked: Asked = AS_IT_IS) -> Poses:
    """Read poses out of their JSON.

    Raises:
        ValueError: in one sentence, which member or frame is wrong, and what was found.
    """
    if not matches(data):
        found = data.get("type") if isinstance(data, dict) else data
        raise ValueError(f'type must be "poses", not {shown(found)}')
    check_version({"version": data.get("version")}, VERSION)  # told as null where there is none
    numbers = data.get("c2w")
    if not isinstance(numbers, list) or not numbers or len(numbers) % 12:
        found = f"{len(numbers)} of them" if isinstance(numbers, list) else shown(numbers)
        raise ValueError(f"c2w must be a list of twelve numbers a frame, not {found}")
    c2w = matrices_of_rows(numbers_of(numbers, "c2w[{}]".format).reshape(-1, 12))
    check_poses(c2w)
    said, lens = read_fps(data.get("fps")), read_intrinsics(data.get("intrinsics"))
    return Poses(c2w, lens, asked.fps or said, unused=unread(data, _READ), picture=read_picture(data.get("picture")))


def write(poses: Poses) -> str:
    """Write poses; reading gives every number back."""
    members = {"type": "poses", "version": VERSION}
    members |= {} if poses.fps is None else {"fps": poses.fps}
    members |= {} if poses.intrinsics is None else {"intrinsics": list(poses.intrinsics)}
    members |= {} if poses.picture is None else {"picture": list(poses.picture)}
    return dump({**members, "c2w": poses.c2w[:, :3].double().flatten().tolist()})


def read_intrinsics(value: object) -> Lens | None:
    """Return fx, fy, cx, cy as shares of the picture.

    Raises:
        ValueError: they are not four numbers, no lens, or pixels.
    """
    return None if value is None else checked_shares(value)


def unread(data: dict[str, Any], names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of members that no one reads."""
    return tuple(name for name in data if name not in names)


def rate_of(value: object) -> tuple[float | None, tuple[str, ...]]:
    """Return frames a second of a file that could do without, and a sentence where the value is none."""
    try:
        return read_fps(value), ()
    except ValueError as error:
        return None, (f"The file's rate is left out: {error}.",)


def read_picture(value: object) -> tuple[int, int] | None:
    """Return a picture's width and height in pixels.

    Raises:
        ValueError: they are not two whole numbers from 1 to 100000.
    """
    if value is None:
        return None
    width, height = checked_numbers(value, "picture", 2)
    if not all(side == int(side) and 1 <= side <= MAX_PIXELS for side in (width, height)):
        raise ValueError(f"picture must be width and height in pixels, from 1 to {MAX_PIXELS}, not {shown(value)}")
    return int(width), int(height)


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
