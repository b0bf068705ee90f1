"""Camera poses as NumPy arrays, in one .npz or as poses.npy with intrinsics.npy beside it.

c2w (F, 4, 4) or (F, 3, 4)     camera-to-world, OpenCV axes, metres; intrinsics as shares of width and height
poses                          as LingBot-World has them: intrinsics in pixels of a picture of 832 x 480, 16 a second
intrinsics                     fx, fy, cx, cy (4,) or (F, 4), or a matrix (3, 3) or (F, 3, 3)
fps (), width (), height ()    may be missing

LingBot-World's unit is that of the film its poses were found in. Source: README.md and wan/image2video.py in
github.com/Robbyant/lingbot-world (commit 6ca87d4; arXiv:2601.20540).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import BinaryIO

import numpy as np
import torch

from ..camera.poses import Poses
from ..reading.asked import AS_IT_IS, Asked
from .arrays import Wanted, check_shape, header_of, read_array, shown_shape
from .frames import Frames, poses_of_frames
from .lens import Lens, checked_shares, is_pixels, lens_of_pixels
from .matrices import matrices_of_rows
from .poses_json import read_fps

_MATRICES = ((None, 4, 4), (None, 3, 4))
_LENSES = ((4,), (None, 4), (3, 3), (None, 3, 3))
WANTED = {
    "c2w": Wanted("iuf", _MATRICES),
    "poses": Wanted("iuf", _MATRICES),
    "intrinsics": Wanted("iuf", _LENSES),
    **{name: Wanted("iuf", ((), (1,))) for name in ("fps", "width", "height")},
}
LINGBOT = 832, 480
"""Width and height of the picture whose pixels LingBot-World's intrinsics are."""
LINGBOT_FPS = 16.0
_CENTRE = 0.1
"""Largest part by which the centre of a lens in LingBot-World's pixels may be off the picture's middle."""


def of_arrays(arrays: Mapping[str, np.ndarray], asked: Asked = AS_IT_IS) -> Poses:
    """Make poses of arrays, `c2w` before `poses`.

    Raises:
        ValueError: in one sentence, which array is wrong, and what was found.
    """
    lingbot = "c2w" not in arrays
    matrices = arrays["poses" if lingbot else "c2w"].astype(np.float64)
    c2w = matrices_of_rows(matrices[:, :3].reshape(len(matrices), 12))
    if matrices.shape[1] == 4:
        c2w[:, 3] = torch.from_numpy(np.ascontiguousarray(matrices[:, 3]))
    fps = _single(arrays, "fps")
    rate = read_fps(fps) if fps is not None else (LINGBOT_FPS if lingbot else None)
    notes: tuple[str, ...] = ()
    if lingbot and fps is None and not asked.fps:
        notes = (f"The rate is LingBot-World's, {LINGBOT_FPS:g} poses a second.",)
    lenses, told = _lenses(arrays, lingbot) if "intrinsics" in arrays else ((), ())
    size = tuple(_single(arrays, name) for name in ("width", "height"))
    picture = LINGBOT if told and None in size else size
    return poses_of_frames(Frames(c2w, "frame {}".format, None, rate, lenses, (*told, *notes), (), picture), asked)


def used(arrays: Mapping[str, np.ndarray]) -> tuple[str, ...]:
    """Return the names of the arrays that `of_arrays` makes something of."""
    size = ("width", "height") if {"width", "height", "intrinsics"} <= {*arrays} else ()
    return ("c2w" if "c2w" in arrays else "poses", "intrinsics", "fps", *size)


def read_npy(file: BinaryIO, beside: BinaryIO | None, asked: Asked = AS_IT_IS) -> Poses:
    """Read poses.npy, and intrinsics.npy where it is there; both at their beginning.

    Raises:
        ValueError: in one sentence, which of them is wrong, and what was found.
    """
    arrays = {"poses": read_array(file, "poses", WANTED["poses"], _size(file))}
    if beside is not None:
        arrays["intrinsics"] = read_array(beside, "intrinsics", WANTED["intrinsics"], _size(beside))
    return of_arrays(arrays, asked)


def is_poses(file: BinaryIO) -> str | None:
    """Return what a .npy is where it is no poses, `None` where it is; the file stays at its beginning."""
    kind, shape = header_of(file, "poses")
    file.seek(0)
    try:
        check_shape(shape, "poses", _MATRICES)
    except ValueError:
        return f"an array of shape {shown_shape(shape)} and type {kind}"
    return None


def _lenses(arrays: Mapping[str, np.ndarray], lingbot: bool) -> tuple[list[Lens | None], tuple[str, ...]]:
    """Return the lens of every frame, or one for all, and what was done to it."""
    values = arrays["intrinsics"].astype(np.float64)
    if values.shape[-2:] == (3, 3):
        if values[..., [0, 1, 2, 2], [1, 0, 0, 1]].any() or (values[..., 2, 2] != 1).any():
            raise ValueError("intrinsics must be matrices of the form fx 0 cx, 0 fy cy, 0 0 1; write fx, fy, cx, cy")
        values = np.stack([values[..., 0, 0], values[..., 1, 1], values[..., 0, 2], values[..., 1, 2]], -1)
    kinds, where = np.unique(values.reshape(-1, 4), axis=0, return_inverse=True)
    size = [_single(arrays, name) for name in ("width", "height")]
    notes: tuple[str, ...] = ()
    if len(kinds) and np.isfinite(kinds).all() and is_pixels(kinds[0].tolist()):
        if None in size and lingbot and np.abs(kinds[0, 2:] / LINGBOT * 2 - 1).max() <= _CENTRE:
            size = list(LINGBOT)
            notes = (f"The lens is in pixels of LingBot-World's picture of {size[0]} x {size[1]}: divided by these.",)
        if None not in size:
            found = [lens_of_pixels(lens, *size) for lens in kinds.tolist()]
            why = next((why for _, why in found if why), None)
            if why:
                raise ValueError(f"intrinsics: {why}; write them as shares of width and height")
            return [found[i][0] for i in where.ravel().tolist()], notes
    lenses = [checked_shares(lens) for lens in kinds.tolist()]
    return [lenses[i] for i in where.ravel().tolist()], notes


def _single(arrays: Mapping[str, np.ndarray], name: str) -> float | None:
    return float(arrays[name].reshape(())) if name in arrays else None


def _size(file: BinaryIO) -> int:
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return size
