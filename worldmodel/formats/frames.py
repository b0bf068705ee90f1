"""The frames of a camera's file made into poses: what is no pose left out, times made even, lenses made one.

N frames as the file has them, c2w (N, 4, 4) in our axes
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..camera.poses import MAX_METRES, Poses, check_poses, interpolate
from ..reading.asked import AS_IT_IS, Asked
from .lens import Lens, one_lens, picture_of_pixels
from .stamps import Stamps, spaced


def picture_name(frame: int) -> str:
    """Return the name of a frame's picture, as every format that names pictures writes it."""
    return f"frame_{frame:06}.png"


def picture_names(frames: int, numbers: range | None = None) -> list[str]:
    """Return the names of some frames' pictures; `numbers`: of the frames, if they do not count from 0 on."""
    return [picture_name(number) for number in (range(frames) if numbers is None else numbers)]


class Frames(NamedTuple):
    """What a file says, frame by frame.

    Args:
        c2w: (N, 4, 4) float64, NaN where the file has none.
        names: how a message calls frame i, such as "line 3".
        stamps: the frames' times; `None` if the file has none.
        fps: poses a second that the format or a member says; `None` if neither does.
        lenses: of all frames, or of each one; `None` where a lens is not known.
        notes: what the reader has to say, the most important first.
        unused: names of what the file holds beside this.
        picture: width and height in pixels of the first frame's picture; `None` if the file does not say.
    """

    c2w: Tensor
    names: Callable[[int], str]
    stamps: Stamps | None = None
    fps: float | None = None
    lenses: Sequence[Lens | None] = ()
    notes: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    picture: tuple[float, float] | None = None


def poses_of_frames(frames: Frames, asked: Asked = AS_IT_IS) -> Poses:
    """Make poses of a file's frames, and say what was done.

    Raises:
        ValueError: names the first frame that is no pose, or says what is wrong with the times.
    """
    whole = frames.c2w.isfinite().all(-1).all(-1)
    if not whole.any():
        check_poses(frames.c2w, frames.names)  # names the first one
    at = np.flatnonzero(whole.numpy()).tolist()
    c2w, moved = _near(frames.c2w[whole])
    check_poses(c2w, lambda i: frames.names(at[i]))
    notes = [*frames.notes, *moved]
    lens, zoom = one_lens(frames.lenses)
    if frames.stamps is not None:
        stamps = frames.stamps._replace(texts=[frames.stamps.texts[i] for i in at])
        even = spaced(c2w, stamps, [frames.names(i) for i in at], asked.fps)
        c2w, fps = even.c2w, even.fps
        notes += even.notes
    else:
        fps = asked.fps or frames.fps
        if len(at) < len(whole):  # they keep their places in the walk
            filled = np.interp(np.arange(at[0], at[-1] + 1), at, np.arange(len(at)))
            c2w = interpolate(c2w, torch.from_numpy(filled))
    if len(at) < len(whole):
        notes.append(_left_out(frames, whole))
    picture = None if lens is None else picture_of_pixels(frames.picture)
    return Poses(c2w, lens, fps, (*notes, *zoom), frames.unused, picture)


def _near(c2w: Tensor) -> tuple[Tensor, list[str]]:
    """Bring a walk that is far from its origin, as on a map of the earth, near to it: numbers have so many digits."""
    places = c2w[:, :3, 3]
    if places.abs().max() <= MAX_METRES or (places - places[0]).abs().max() > MAX_METRES:
        return c2w, []
    near = c2w.clone()
    near[:, :3, 3] -= places[0].clone()
    far = float(places[0].norm())
    return near, [f"The walk begins {far:.6g} units from its origin: it was moved to begin there."]


def _left_out(frames: Frames, whole: Tensor) -> str:
    lost = (~whole).nonzero()[:, 0].tolist()
    count = f"{len(lost)} of {len(whole)} poses hold" if len(lost) > 1 else f"One of {len(whole)} poses holds"
    first = f"{frames.names(lost[0])}{' the first' * (len(lost) > 1)}"
    return f"{count} no numbers ({first}): left out, the camera goes across."
