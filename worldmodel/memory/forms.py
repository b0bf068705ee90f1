"""The two ways to reckon how much of a view another one saw: as released, and exactly.

A form scores poses, and bounds the score of every pose near a given one. Scores are whole numbers, so that equal views
are equal and the oldest of them can be taken.

Symbols: N poses.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from ..camera.poses import to_matrix_game3
from . import released
from .overlap import VOLUME, shares
from .views import Cameras, Views, rough_shares, seen_from

FormName = Literal["exact", "released"]
_ROUNDING = 1e-5
"""By which a share may be off that was reckoned in another way."""


class Poses(NamedTuple):
    """Poses, ready for either form.

    Args:
        cameras: N poses in our axes, float64.
        rounded: (N, 4, 4) the same in the release's axes, float32.
    """

    cameras: Cameras
    rounded: Tensor

    def part(self, index: np.ndarray | slice) -> Poses:
        """Return some of them."""
        rows = index if isinstance(index, slice) else torch.from_numpy(index)
        return Poses(self.cameras.part(index), self.rounded[rows])


class Form(Protocol):
    """A way to reckon.

    Pairs of views are told by poses of queries, which of them each pair asks, and the other pose of each pair.
    """

    whole: int
    """The score of a view that is seen completely."""
    bounds_each: bool
    """Whether a bound of a pose's score costs less than the score."""

    def score(self, queries: Poses, which: np.ndarray, others: Poses) -> np.ndarray:
        """Return the score (N,) int64 of each pair."""

    def neighbourhoods(self, queries: Cameras, others: Cameras, metres: np.ndarray, radians: np.ndarray) -> Views:
        """Return views that hold all that can be scored for poses so near to each of the others."""

    def rough(self, views: Views) -> np.ndarray:
        """Bound the scores in such views at next to no cost: (N,) float64."""

    def most(self, views: Views) -> np.ndarray:
        """Bound the scores in such views: (N,) int64."""

    def bound(self, queries: Poses, which: np.ndarray, others: Poses) -> np.ndarray:
        """Bound the score of each pair: (N,) int64."""


class Exact:
    """The shared volume, in millionths of the query's view."""

    whole = 1_000_000
    bounds_each = False

    def score(self, queries: Poses, which: np.ndarray, others: Poses) -> np.ndarray:
        """Return the share that each of the others saw."""
        return self._millionths(seen_from(queries.cameras.part(which), others.cameras))

    def neighbourhoods(self, queries: Cameras, others: Cameras, metres: np.ndarray, radians: np.ndarray) -> Views:
        """Return enlarged views."""
        return seen_from(queries, others, (metres, radians))

    def rough(self, views: Views) -> np.ndarray:
        """Bound the volume by the planes of a view, one by one."""
        return (rough_shares(views, VOLUME) + _ROUNDING) * self.whole

    def most(self, views: Views) -> np.ndarray:
        """Bound the volume by that of the enlarged view."""
        return self._millionths(views) + 1

    def bound(self, queries: Poses, which: np.ndarray, others: Poses) -> np.ndarray:
        """Bound it by the whole: nothing better costs less than the score."""
        return np.full(len(which), self.whole)

    def _millionths(self, views: Views) -> np.ndarray:
        return np.rint(shares(views) * self.whole).astype(np.int64)


class Released:
    """The points of a grid that the other view sees, as Matrix-Game 3.0's release counts them."""

    whole = released.POINTS
    bounds_each = True

    def score(self, queries: Poses, which: np.ndarray, others: Poses) -> np.ndarray:
        """Count the points, with the release's rounding."""
        return released.counted(queries.rounded, which, others.rounded)

    def neighbourhoods(self, queries: Cameras, others: Cameras, metres: np.ndarray, radians: np.ndarray) -> Views:
        """Return enlarged views, in which there is room for rounding too."""
        metres = metres + released.rounding(queries.places, others.places)
        return seen_from(queries, others, (metres, radians))

    def rough(self, views: Views) -> np.ndarray:
        """Bound the points by the planes of a view, one by one."""
        return (rough_shares(views, released.grid_measure()) + _ROUNDING) * self.whole

    def most(self, views: Views) -> np.ndarray:
        """Bound the points by those in the enlarged view."""
        return released.most(views)

    def bound(self, queries: Poses, which: np.ndarray, others: Poses) -> np.ndarray:
        """Bound the points by those that rounding may let in."""
        still = np.zeros(len(which))
        return released.most(self.neighbourhoods(queries.cameras.part(which), others.cameras, still, still))


FORMS: dict[FormName, Form] = {"exact": Exact(), "released": Released()}


def poses_from(c2w: Tensor) -> Poses:
    """Make camera-to-world poses (N, 4, 4) ready for either form."""
    poses = c2w.detach().cpu().double().numpy()
    axes = np.ascontiguousarray(poses[:, :3, :3].transpose(1, 2, 0))
    places = np.ascontiguousarray(poses[:, :3, 3].T)
    return Poses(Cameras(axes, places), to_matrix_game3(c2w.detach().cpu().double()).float())
