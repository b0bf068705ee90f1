"""Which past pose saw most of a view: asked of all, or of an index that leaves out whole neighbourhoods.

The index sorts poses into cells of a grid over places and directions. A cell's poses differ from its first one by a
known distance and turn at most, so one enlarged view bounds the overlap of them all; cells are then looked into in the
order of their bounds, as long as a bound is not below what was found. Both ways pick the same.

Symbols: N poses, C cells.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from .forms import Form, Poses, poses_from
from .views import REACH, Cameras, Views

SIDE_METRES = 1.5
SIDE_DEGREES = 7.5
_AT_ONCE = 64
"""Poses scored before the rest is compared with what was found."""
_FIRST = 8
"""The same for the first ones, where each has a bound of its own."""
_FIRST_CELLS, _CELLS = 32, 256
"""Cells whose bounds are reckoned at once."""


class Pick(NamedTuple):
    """The past frame that saw most of a view, and how much of it, between 0 and 1."""

    frame: int
    overlap: float


def pick_from_all(poses: Poses, query: int, allowed: np.ndarray, form: Form) -> Pick | None:
    """Score every allowed frame and take the best, the oldest of equals.

    Args:
        poses: of all frames.
        query: the frame whose view is asked for.
        allowed: (N,) bool, which frames may be taken.
        form: how overlap is reckoned.

    Returns:
        `None` where no frame is allowed.
    """
    frames = np.flatnonzero(allowed)
    if not len(frames):
        return None
    scores = form.score(poses.part(slice(query, query + 1)), poses.part(frames))
    best = int(scores.argmax())  # the first of equals
    return Pick(int(frames[best]), float(scores[best] / form.whole))


class _Columns(NamedTuple):
    """What the index keeps of every frame, and of every cell; there are no more cells than frames."""

    axes: np.ndarray
    places: np.ndarray
    rounded: Tensor
    last: np.ndarray
    """The last of the frames in which the camera stood as in this one, for the first of them."""
    head: np.ndarray
    """First frame of each cell."""
    head_places: np.ndarray
    metres: np.ndarray
    radians: np.ndarray

    @classmethod
    def empty(cls, frames: int) -> _Columns:
        """Return room for so many frames."""
        whole, real = (lambda kind=kind: np.zeros(frames, dtype=kind) for kind in (np.int64, float))
        axes, places, rounded = np.zeros((3, 3, frames)), np.zeros((3, frames)), torch.zeros(frames, 4, 4)
        return cls(axes, places, rounded, whole(), whole(), np.zeros((3, frames)), real(), real())

    def grown(self, frames: int) -> _Columns:
        """Return room for so many frames, and in it what is there."""
        room = self.empty(frames)
        count = len(self.last)
        for name, column in zip(self._fields, room, strict=True):
            if name in ("axes", "places", "head_places"):
                column[..., :count] = getattr(self, name)
            else:
                column[:count] = getattr(self, name)
        return room


class PoseIndex:
    """Poses of a walk, frame by frame, and the cells they lie in; it grows with the walk."""

    def __init__(self, c2w: Tensor | None = None):
        """Take the poses there are.

        Args:
            c2w: (N, 4, 4) camera-to-world.

        Raises:
            ValueError: a pose is not made of numbers.
        """
        self.frames = 0
        self._cells: dict[tuple[int, ...], int] = {}
        self._members: list[list[int]] = []
        self._columns = _Columns.empty(0)
        self._standing = 0
        if c2w is not None:
            self.extend(c2w)

    def extend(self, c2w: Tensor) -> None:
        """Add the poses (N, 4, 4) of the next frames.

        Raises:
            ValueError: a pose is not made of numbers.
        """
        check_finite(c2w, self.frames)
        first, self.frames = self.frames, self.frames + len(c2w)
        if self.frames > len(self._columns.last):
            self._columns = self._columns.grown(2 * self.frames)
        added, rows, columns = poses_from(c2w), slice(first, self.frames), self._columns
        columns.axes[..., rows], columns.places[:, rows] = added.cameras
        columns.rounded[rows] = added.rounded
        columns.last[rows] = np.arange(first, self.frames)
        frames, cells = self._sort_in(first)
        self._widen(frames, cells)

    @property
    def poses(self) -> Poses:
        """All poses."""
        return self._poses(slice(self.frames))

    def pick(self, query: int, allowed: np.ndarray, form: Form) -> Pick | None:
        """Take the allowed frame that saw most of a view, as `pick_from_all` does."""
        view = self._poses(slice(query, query + 1))
        cells, views, rough = self._near(view, form)
        best, at, step = Pick(-1, 0), 0, _FIRST_CELLS
        while at < len(cells) and rough[at] >= max(best.overlap, 1):
            some = slice(at, at + step)
            best = self._look_into(view, cells[some], form.most(views.part(some)), (allowed, form, best))
            at, step = at + step, _CELLS
        if best.overlap:
            return best._replace(overlap=best.overlap / form.whole)
        return Pick(int(allowed.argmax()), 0.0) if allowed.any() else None  # nothing saw any of it

    def _near(self, view: Poses, form: Form) -> tuple[np.ndarray, Views, np.ndarray]:
        """Return cells that may see something of a view, what their poses see at most, and a rough bound of it.

        The highest bounds come first, and of equal ones the nearest cells.
        """
        columns, cells = self._columns, slice(len(self._members))
        away = columns.head_places[:, cells] - view.cameras.places
        squares = (away * away).sum(0)
        near = np.flatnonzero(squares <= (2 * REACH + 1 + columns.metres[cells]) ** 2)
        heads = self._poses(columns.head[near]).cameras
        views = form.neighbourhoods(view, heads, columns.metres[near], columns.radians[near])
        rough = form.rough(views)
        order = np.lexsort((squares[near], -rough))
        return near[order], views.part(order), rough[order]

    def _look_into(self, view: Poses, cells: np.ndarray, bounds: np.ndarray, search: tuple) -> Pick:
        """Look into cells in the order of their bounds, as long as they may hold better than what was found."""
        allowed, form, best = search
        order = np.argsort(-bounds, kind="stable")
        cells, bounds, at = cells[order], bounds[order], 0
        while at < len(cells) and bounds[at] >= max(best.overlap, 1):
            taken: list[int] = []
            while at < len(cells) and bounds[at] >= max(best.overlap, 1) and len(taken) < _AT_ONCE:
                taken += self._members[cells[at]]
                at += 1
            best = self._better(view, self._that_may(np.array(taken), allowed), form, best)
        return best

    def _better(self, view: Poses, frames: np.ndarray, form: Form, best: Pick) -> Pick:
        """Score frames and take the best of them and of what was found; overlaps are scores here."""
        bounds, step = form.bound(view, self._poses(frames)), _FIRST
        if bounds is None:
            bounds, step = np.full(len(frames), form.whole), _AT_ONCE
        order = np.argsort(-bounds, kind="stable")
        frames, bounds, at = frames[order], bounds[order], 0
        while at < len(frames) and bounds[at] >= max(best.overlap, 1):
            some = frames[at : at + step][bounds[at : at + step] >= best.overlap]
            scores = form.score(view, self._poses(some))
            highest = int(scores.max())
            frame = int(some[scores == highest].min())
            if (highest, -frame) > (best.overlap, -best.frame):
                best = Pick(frame, highest)
            at, step = at + step, _AT_ONCE
        return best

    def _that_may(self, frames: np.ndarray, allowed: np.ndarray) -> np.ndarray:
        """Return those that are allowed; where the camera stood still, the first frame stands for all of them."""
        may = allowed[frames]
        for at in np.flatnonzero(~may & (self._columns.last[frames] > frames)):
            still = allowed[frames[at] : self._columns.last[frames[at]] + 1]
            may[at] = still.any()
            frames[at] += int(still.argmax())
        return frames[may]

    def _poses(self, frames: np.ndarray | slice) -> Poses:
        return Poses(Cameras(self._columns.axes, self._columns.places), self._columns.rounded).part(frames)

    def _sort_in(self, first: int) -> tuple[list[int], list[int]]:
        """Put frames into cells; return those that are not their predecessor's twins, and their cells."""
        columns = self._columns
        before = max(first - 1, 0)
        added = self._poses(slice(before, self.frames)).cameras
        still = (added.axes[..., 1:] == added.axes[..., :-1]).all((0, 1))
        still &= (added.places[:, 1:] == added.places[:, :-1]).all(0)
        frames, cells = [], []
        standing = self._standing
        for frame, key, twin in zip(range(before, self.frames), _keys(added), [False, *still.tolist()], strict=True):
            if frame < first:
                continue
            if twin:
                columns.last[standing] = frame
                continue
            standing = frame
            cell = self._cells.setdefault(key, len(self._members))
            if cell == len(self._members):
                self._members.append([])
                columns.head[cell], columns.head_places[:, cell] = frame, columns.places[:, frame]
            self._members[cell].append(frame)
            frames.append(frame)
            cells.append(cell)
        self._standing = standing
        return frames, cells

    def _widen(self, frames: list[int], cells: list[int]) -> None:
        """Let cells hold poses: how far from the first one, and turned by how much."""
        columns = self._columns
        own, head = self._poses(np.array(frames, dtype=np.int64)), self._poses(columns.head[cells])
        away = own.cameras.places - head.cameras.places
        turned = own.cameras.axes - head.cameras.axes
        chord = np.sqrt((turned * turned).sum((0, 1)) / 8)  # the sine of half the turn
        np.maximum.at(columns.metres, cells, np.sqrt((away * away).sum(0)))
        np.maximum.at(columns.radians, cells, 2 * np.arcsin(np.minimum(chord, 1)))


def _keys(cameras: Cameras) -> list[tuple[int, ...]]:
    """Return the cell of the grid that each pose lies in."""
    x, y, z = cameras.axes[:, 2]
    angles = np.degrees([np.arctan2(x, z), np.arcsin(np.clip(y, -1, 1))])
    grid = np.floor(np.concatenate([cameras.places / SIDE_METRES, angles / SIDE_DEGREES]))
    return list(map(tuple, grid.astype(np.int64).T.tolist()))


def check_finite(c2w: Tensor, first: int = 0) -> None:
    """Check that poses (N, 4, 4) are made of numbers.

    Args:
        c2w: poses.
        first: frame of the first of them.

    Raises:
        ValueError: names the first frame of which that is not so, or the shape.
    """
    if c2w.dim() != 3 or tuple(c2w.shape[1:]) != (4, 4):
        raise ValueError(
            f"poses: found shape {tuple(c2w.shape)}, expected (frames, 4, 4); pass one camera-to-world matrix a frame."
        )
    wrong = ~torch.isfinite(c2w).flatten(1).all(1)
    if wrong.any():
        raise ValueError(
            f"poses: found NaN or infinity in frame {first + int(wrong.nonzero()[0])}, expected a camera of finite "
            "numbers; correct the track or the camera file."
        )
