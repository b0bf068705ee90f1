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
SIDE = 10
"""Points a side of the grid."""
POINTS = SIDE**3
_PIECE = 128
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


def counted(query: Tensor, others: Tensor) -> Tensor:
    """Count the points of a view that other views see.

    Args:
        query: (4, 4) float32, in the release's axes (`camera.poses.to_matrix_game3`).
        others: (N, 4, 4).

    Returns:
        (N,) int64 of 1000.
    """
    points = query[:3, :3] @ grid_points() + query[:3, 3:4]
    return torch.cat([_seen(points, piece).sum(1) for piece in others.split(_PIECE)] or [torch.zeros(0).long()])


def _seen(points: Tensor, others: Tensor) -> Tensor:
    """Tell which points (3, P) in the world each camera sees, (N, P)."""
    back = others[:, :3, :3].transpose(1, 2)
    moved = torch.bmm(back, points.expand(len(others), -1, -1)).sub_(torch.bmm(back, others[:, :3, 3:4]))
    x, y, z = moved.unbind(1)
    before = z.clamp(min=1e-6)
    u = x.mul_(WIDTH / 2).div_(before).add_(WIDTH / 2)
    v = y.mul_(HEIGHT / 2).div_(before).add_(HEIGHT / 2)
    seen = (z > NEAR).logical_and_(z < FAR)
    for inside in (u >= 0, u <= WIDTH, v >= 0, v <= HEIGHT):
        seen.logical_and_(inside)
    return seen


def rounding(query: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the metres by which rounding to float32 may move a point between cameras at these places, (N,)."""
    return 1e-6 * (np.abs(query).sum(0) + np.abs(others).sum(0) + 200)


def most(views: Views) -> np.ndarray:
    """Bound how many points of the grid of the view at the origin each of these pyramids holds.

    On a ray p = z (x, y, 1) a plane's condition is z * rate + room >= 0; the grid's depths between the last bound from
    below and the first from above are counted.

    Args:
        views: pyramids enlarged by `rounding` at least.

    Returns:
        (N,) int64 of 1000.
    """
    wide = np.isinf(views.slope)
    inward, room = planes_of(views._replace(slope=np.where(wide, 1, views.slope)))
    inward, room = inward.astype(np.float32), room.astype(np.float32)
    side = np.linspace(-1, 1, SIDE, dtype=np.float32)
    counts = np.empty(len(wide), dtype=np.int64)
    for start in range(0, len(wide), _PIECE):
        piece = slice(start, start + _PIECE)
        x = inward[:, 0, None, piece] * side[:, None] + inward[:, 2, None, piece]  # (5, SIDE, n)
        y = inward[:, 1, None, piece] * side[:, None]
        rate = (x[:, :, None] + y[:, None]).reshape(5, SIDE * SIDE, -1)
        counts[piece] = _depths_between(rate, room[:, None, piece]).sum(0)
    return np.where(wide, POINTS, counts)


def _depths_between(rate: np.ndarray, room: np.ndarray) -> np.ndarray:
    """Count the grid's depths on rays (5, rays, n) that lie inside all five planes: (rays, n); `rate` is used up.

    As in `overlap`, a huge number added by the sign of the rate takes a bound out of the wrong reduction.
    """
    rate += _TINY
    bound = room / rate
    np.negative(bound, out=bound)  # a least depth where the rate is positive, else a greatest
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
