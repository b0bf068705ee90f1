"""Which past pose saw most of a view: asked of all, or of an index that leaves out whole neighbourhoods.

The index sorts poses into cells of a grid over places and directions. A cell's poses differ from its first one by a
known distance and turn at most, so one enlarged view bounds the overlap of them all; cells are then looked into in the
order of their bounds, as long as a bound is not below what was found. Both ways pick the same.

Symbols: N poses, C cells, Q queries, P pairs of a query and a cell or pose.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, repeat
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from .forms import Form, Poses, poses_from
from .views import REACH, Cameras, Views

SIDE_METRES, SIDE_DEGREES = 1.5, 7.5
"""Of a cell: a walk leaves it after a dozen frames, and a view enlarged by so much is still much of a view."""
_AT_ONCE = (16, 128, 1024)
"""Poses that a query looks at before the rest is compared with what was found, round after round."""
_FIRST = 3
"""Poses of those that are scored before the rest is compared, where a bound is at hand."""


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
    asked = np.zeros(len(frames), dtype=np.int64)
    scores = form.score(poses.part(slice(query, query + 1)), asked, poses.part(frames))
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
    members: np.ndarray
    """How many poses each cell holds."""
    head_places: np.ndarray
    metres: np.ndarray
    radians: np.ndarray

    @classmethod
    def empty(cls, frames: int) -> _Columns:
        """Return room for so many frames."""
        whole, real = (lambda kind=kind: np.zeros(frames, dtype=kind) for kind in (np.int64, float))
        axes, places, rounded = np.zeros((3, 3, frames)), np.zeros((3, frames)), torch.zeros(frames, 4, 4)
        return cls(axes, places, rounded, whole(), whole(), whole(), np.zeros((3, frames)), real(), real())

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


class _Pairs:
    """Pairs of a query and a cell that was not looked into yet, and bounds of what the cell's poses see of the query's.

    A bound is rough at first, and sharp once `sharpen` reckoned it.
    """

    def __init__(self, query: np.ndarray, cell: np.ndarray, rough: np.ndarray, views: Views, squares: np.ndarray):
        """Take pairs (P,); squares: of the distances of their cells, of which nearer ones come first."""
        self._query, self._cell, self._bound, self._views, self._squares = query, cell, rough, views, squares
        self._rows = np.arange(len(query))
        self._sharp = np.zeros(len(query), dtype=bool)

    def may_reach(self, scores: np.ndarray) -> bool:
        """Drop the pairs whose bounds are below what was found for their queries, and tell whether there are others."""
        self._keep(self._bound >= np.maximum(scores, 1)[self._query])
        return len(self._rows) > 0

    def sharpen(self, form: Form, scores: np.ndarray, first: int) -> None:
        """Reckon the bounds of all pairs whose query found something, and of so many of the others' most promising."""
        chosen = ~self._sharp & (scores[self._query] > 0)
        if not scores.all():
            order = np.lexsort((self._squares, -self._bound, self._sharp, self._query))
            chosen[order[_rank(self._query[order]) < first]] = True
            chosen &= ~self._sharp
        self._bound[chosen] = form.most(self._views.part(self._rows[chosen]))
        self._sharp |= chosen

    def taken(self, scores: np.ndarray, members: np.ndarray, at_once: int) -> tuple[np.ndarray, np.ndarray]:
        """Take the most promising pairs out, so many that each query gets about `at_once` poses: queries and cells."""
        ready = np.flatnonzero(self._sharp & (self._bound >= np.maximum(scores, 1)[self._query]))
        ready = ready[np.lexsort((-self._bound[ready], self._query[ready]))]
        query, cell = self._query[ready], self._cell[ready]
        before = np.cumsum(members[cell]) - members[cell]
        before -= before[np.searchsorted(query, query)] if len(query) else before
        out = ready[before < at_once]
        found = self._query[out], self._cell[out]
        left = np.ones(len(self._rows), dtype=bool)
        left[out] = False
        self._keep(left)
        return found

    def _keep(self, which: np.ndarray) -> None:
        self._query, self._cell, self._bound = self._query[which], self._cell[which], self._bound[which]
        self._squares, self._rows, self._sharp = self._squares[which], self._rows[which], self._sharp[which]


def _rank(sorted_values: np.ndarray) -> np.ndarray:
    """Number the places among equals."""
    return np.arange(len(sorted_values)) - np.searchsorted(sorted_values, sorted_values)


def _keep_best(scores: np.ndarray, frames: np.ndarray, which: np.ndarray, found: np.ndarray, new: np.ndarray) -> None:
    """Write a query's best score, and the oldest frame that has it, over what was best so far."""
    order = np.lexsort((found, -new, which))
    first = order[_rank(which[order]) == 0]
    query, score, frame = which[first], new[first], found[first]
    better = (score > scores[query]) | ((score == scores[query]) & (frame < frames[query]))
    scores[query[better]], frames[query[better]] = score[better], frame[better]


class PoseIndex:
    """Rigid poses of a walk, frame by frame, and the cells they lie in; it grows with the walk.

    What is asked of it says which frames may be taken, so it may hold frames behind those. A walk that went back and on
    another way has another index.
    """

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
        return self.picks((query,), allowed, form)[0]

    def picks(self, queries: Sequence[int], allowed: np.ndarray, form: Form) -> list[Pick | None]:
        """Do so for several views at once, which is faster.

        Args:
            queries: frames whose views are asked for.
            allowed: (frames,) bool, which frames may be taken.
            form: how overlap is reckoned.
        """
        views = self._poses(np.array(queries, dtype=np.int64))
        scores, frames = np.zeros(len(queries), dtype=np.int64), np.full(len(queries), self.frames)
        pairs = self._near(views, form)
        for at_once in chain(_AT_ONCE, repeat(_AT_ONCE[-1])):
            if not pairs.may_reach(scores):
                break
            pairs.sharpen(form, scores, 2 * at_once)
            which, cells = pairs.taken(scores, self._columns.members, at_once)
            which, found = self._that_may(which, cells, allowed)
            self._score(views, (which, found), form, (scores, frames))
        unseen = Pick(int(allowed.argmax()), 0.0) if allowed.any() else None
        return [
            Pick(int(frame), float(score / form.whole)) if score else unseen
            for score, frame in zip(scores, frames, strict=True)
        ]

    def _score(
        self, views: Poses, pairs: tuple[np.ndarray, np.ndarray], form: Form, best: tuple[np.ndarray, np.ndarray]
    ) -> None:
        """Score frames (queries and frames of pairs) and write what is better over what was best (scores and frames).

        Where a bound costs less than a score, the few with the highest bounds are scored before the others.
        """
        which, found = pairs
        if not form.bounds_each:
            return _keep_best(*best, which, found, form.score(views, which, self._poses(found)))
        bounds = form.bound(views, which, self._poses(found))
        order = np.lexsort((-bounds, which))
        first = np.zeros(len(which), dtype=bool)
        first[order[_rank(which[order]) < _FIRST]] = True
        for some in (first, ~first):
            some &= bounds >= np.maximum(best[0], 1)[which]
            if some.any():
                scores = form.score(views, which[some], self._poses(found[some]))
                _keep_best(*best, which[some], found[some], scores)
        return None

    def _near(self, views: Poses, form: Form) -> _Pairs:
        """Return the cells that may see something of each view, and a rough bound of how much."""
        columns, cells = self._columns, slice(len(self._members))
        away = columns.head_places[:, None, cells] - views.cameras.places[..., None]  # (3, Q, C)
        squares = (away * away).sum(0)
        query, cell = np.nonzero(squares <= (2 * REACH + 1 + columns.metres[cells]) ** 2)
        heads = self._poses(columns.head[cell]).cameras
        asked = views.cameras.part(query)
        neighbours = form.neighbourhoods(asked, heads, columns.metres[cell], columns.radians[cell])
        return _Pairs(query, cell, form.rough(neighbours), neighbours, squares[query, cell])

    def _that_may(self, which: np.ndarray, cells: np.ndarray, allowed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the allowed frames in queries' cells; where the camera stood still, one stands for all of them."""
        frames = np.fromiter(chain.from_iterable(self._members[cell] for cell in cells), dtype=np.int64)
        which = np.repeat(which, self._columns.members[cells])
        may = allowed[frames]
        for at in np.flatnonzero(~may & (self._columns.last[frames] > frames)):
            still = allowed[frames[at] : self._columns.last[frames[at]] + 1]
            may[at] = still.any()
            frames[at] += int(still.argmax())
        return which[may], frames[may]

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
            columns.members[cell] += 1
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
