"""Overlap of views as Matrix-Game 3.0's release reckons it: a grid of a view's points, counted where another sees them.

The points lie on the very planes of the view, so rounding decides for up to a tenth of them: to pick what the release
picks, `counted` repeats its operations in its order and in float32. `most` bounds what that can come to, from the rays
of the grid alone: of a ray the points between two depths are seen.

Symbols: N poses, P = 1000 points on 100 rays of 10 depths. Source: Matrix-Game 3.0, `utils/cam_utils.py`,
`select_memory_idx_fov` with use_gpu (its name; it runs on the CPU).
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor

from .views import FAR, Measure, Views, planes_of

NEAR = 0.1
WIDTH, HEIGHT = 1280, 720
"""Pixels of the picture that points are projected into, whatever the model's own picture is."""
_HALVES = np.array([[WIDTH / 2], [HEIGHT / 2]], dtype=np.float32)
SIDE = 10
"""Points a side of the grid."""
POINTS = SIDE**3
_PIECE, _VIEWS = 32, 128
"""Pairs of views at a time: what a step touches stays in the processor's cache."""
_DEPTH_STEP = (FAR - NEAR) / (SIDE - 1)
_TINY, _FAR_OFF = np.float32(1e-20), np.float32(1e28)
_SLACK = 1e-4
"""Of a depth step, for the float32 of `most`."""


@cache
def grid_points() -> Tensor:
    """Return the points of a view in its camera's axes, (3, P) float32; nobody writes to them."""
    side, depth = torch.linspace(-1, 1, SIDE), torch.linspace(NEAR, FAR, SIDE)
    x, y, z = (part.reshape(-1) for part in torch.meshgrid(side, side, depth, indexing="ij"))
    return torch.stack([x * z, y * z, z])


@cache
def grid_measure() -> Measure:
    """Return how the points are spread."""
    points = grid_points().double()
    return Measure(points.mean(1).numpy(), points.var(1, correction=0).numpy())


def counted(queries: Tensor, which: np.ndarray, others: Tensor) -> np.ndarray:
    """Count the points of views that other views see, pair by pair.

    Args:
        queries: (Q, 4, 4) float32, in the release's axes (`camera.poses.to_matrix_game3`).
        which: (N,) int64, the query of each pair.
        others: (N, 4, 4), the other view of each pair.

    Returns:
        (N,) int64 of 1000.
    """
    asked, which = np.unique(which, return_inverse=True)
    points = torch.stack([queries[row, :3, :3] @ grid_points() + queries[row, :3, 3:4] for row in asked])
    counts = np.empty(len(which), dtype=np.int64)
    for start in range(0, len(which), _PIECE):
        piece = slice(start, start + _PIECE)
        world = points.expand(len(which[piece]), -1, -1) if len(points) == 1 else points[torch.from_numpy(which[piece])]
        counts[piece] = np.count_nonzero(_seen(world, others[piece]), axis=1)
    return counts


def _seen(points: Tensor, others: Tensor) -> np.ndarray:
    """Tell which of its points (N, 3, P) in the world each camera sees, (N, P).

    Products are summed as the release sums them, by the same call; what follows is rounded alike everywhere.
    """
    back = others[:, :3, :3].transpose(1, 2)
    moved = torch.bmm(back, points).sub_(torch.bmm(back, others[:, :3, 3:4])).numpy()
    depth, pixels = moved[:, 2], moved[:, :2]
    pixels *= _HALVES
    pixels /= np.maximum(depth, np.float32(1e-6))[:, None]
    pixels += _HALVES
    inside = (pixels >= 0) & (pixels <= 2 * _HALVES)
    return (depth > NEAR) & (depth < FAR) & inside[:, 0] & inside[:, 1]


def rounding(queries: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the metres by which rounding to float32 may move a point between cameras at places (3, N): (N,)."""
    return 1e-6 * (np.abs(queries).sum(0) + np.abs(others).sum(0) + 200)


def most(views: Views) -> np.ndarray:
    """Bound how many points of the grid of the view at the origin each of these pyramids holds.

    On a ray p = z (x, y, 1) a plane's condition is z * rate >= lack; the grid's depths between the last bound from
    below and the first from above are counted.

    Args:
        views: pyramids enlarged by `rounding` at least.

    Returns:
        (N,) int64 of 1000.
    """
    wide = np.isinf(views.slope)
    inward, room = planes_of(views._replace(slope=np.where(wide, 1, views.slope)))
    inward, lack = inward.astype(np.float32), (-room).astype(np.float32)
    side = np.linspace(-1, 1, SIDE, dtype=np.float32)
    counts = np.empty(len(wide), dtype=np.int64)
    for start in range(0, len(wide), _VIEWS):
        piece = slice(start, start + _VIEWS)
        x = inward[:, 0, None, piece] * side[:, None] + inward[:, 2, None, piece]  # (5, SIDE, n)
        y = inward[:, 1, None, piece] * side[:, None]
        rate = (x[:, :, None] + y[:, None]).reshape(5, SIDE * SIDE, -1)
        counts[piece] = _depths_between(rate, lack[:, None, piece]).sum(0)
    return np.where(wide, POINTS, counts)


def _depths_between(rate: np.ndarray, lack: np.ndarray) -> np.ndarray:
    """Count the grid's depths on rays (5, rays, n) that lie inside all five planes: (rays, n); `rate` is used up.

    As in `overlap`, a huge number added by the sign of the rate takes a bound out of the wrong reduction.
    """
    rate += _TINY
    bound = lack / rate  # a least depth where the rate is positive, else a greatest
    sign = np.copysign(_FAR_OFF, rate)
    np.add(sign, _FAR_OFF, out=rate)
    rate += bound
    greatest = rate.min(0)
    sign -= _FAR_OFF
    sign += bound
    least = sign.max(0)
    first = np.ceil((least - NEAR) * (1 / _DEPTH_STEP) - _SLACK)
    last = np.floor((greatest - NEAR) * (1 / _DEPTH_STEP) + _SLACK)
    return np.maximum(np.minimum(last, SIDE - 1) - np.maximum(first, 0) + 1, 0)
