"""Camera poses as HY-WorldPlay takes them: {"0": {"extrinsic": [[…]], "K": [[…]]}, "1": …}.

extrinsic   camera-to-world, 4 x 4, OpenCV axes; the unit is the model's (its own walks go 0.08 a pose)
K           3 x 3, in pixels of a picture twice as large as its centre, as HY-WorldPlay takes it

A pose stands for a latent, that is for four frames of a film at 24 a second: six poses a second. Poses go by the
numbers of their members, whatever the order in the file. Source: hyvideo/generate.py, generate_custom_trajectory.py in
github.com/Tencent-Hunyuan/HY-WorldPlay (commit da2d0c2).
"""

from __future__ import annotations

from typing import Any

from ..camera.poses import Poses
from ..reading.asked import AS_IT_IS, Asked
from ..reading.limits import MAX_FRAMES
from ..reading.words import shortened
from .frames import Frames, poses_of_frames
from .lens import Lens, lens_of_pixels, no_lens
from .lines import natural
from .matrices import matrices_of, numbers_of

FPS = 24 / 4
"""Poses a second: a latent spans four frames."""
_READ = ("extrinsic", "K")


def matches(data: object) -> bool:
    """Tell whether JSON is one of these."""
    return (
        isinstance(data, dict) and bool(data) and all(isinstance(v, dict) and "extrinsic" in v for v in data.values())
    )


def parse(data: Any, asked: Asked = AS_IT_IS) -> Poses:
    """Read poses out of their JSON.

    Raises:
        ValueError: in one sentence, which member is wrong, and what was found.
    """
    if len(data) > MAX_FRAMES:
        raise ValueError(f"found {len(data)} poses, expected at most {MAX_FRAMES}; cut the file")
    names = sorted(data, key=natural)
    asked.check()
    c2w = matrices_of([data[name]["extrinsic"] for name in names], lambda i: f"{shortened(names[i])}.extrinsic")
    lenses, why = _lenses([data[name].get("K") for name in names])
    unused = tuple(dict.fromkeys(member for name in names for member in data[name] if member not in _READ))
    told = f"A pose for each latent of four frames at 24 a second: {FPS:g} poses a second."
    notes = why if asked.fps else (*why, told)
    return poses_of_frames(Frames(c2w, lambda i: f'"{shortened(names[i])}"', None, FPS, lenses, notes, unused), asked)


def _lenses(matrices: list[Any]) -> tuple[list[Lens | None], tuple[str, ...]]:
    """Return the lens of every pose, and why one has none."""
    if all(matrix is None for matrix in matrices):
        return [None], ()
    known: dict[str, tuple[Lens | None, str | None]] = {}
    lenses = []
    for matrix in matrices:
        key = repr(matrix)
        if key not in known:
            known[key] = _lens(matrix)
        lenses.append(known[key][0])
    why = list(dict.fromkeys(reason for _, reason in known.values() if reason))
    return lenses, (no_lens("; ".join(why[:2])),) if why else ()


def _lens(matrix: Any) -> tuple[Lens | None, str | None]:
    rows = matrix if isinstance(matrix, list) and len(matrix) == 3 else []
    if not rows or not all(isinstance(row, list) and len(row) == 3 for row in rows):
        return None, "a K is no matrix of three rows of three numbers"
    try:
        fx, skew, cx, zero, fy, cy, *last = numbers_of([number for row in rows for number in row], str).tolist()
    except ValueError:
        return None, "a K holds other things than numbers"
    if skew or zero or last != [0, 0, 1]:
        return None, "a K is not of the form fx 0 cx, 0 fy cy, 0 0 1"
    if not 1 <= cx <= 1e5 or not 1 <= cy <= 1e5:
        return None, f"the centre of a K, {cx:g}, {cy:g}, is that of no picture in pixels"
    return lens_of_pixels((fx, fy, cx, cy), 2 * cx, 2 * cy)
