"""The share of a view that another view sees too, exactly.

Two pyramids share a convex body. Its volume is a sum over its edges: with d the distance of a face's plane from the
origin along its outward normal, a face contributes d / 3 of its area, and its area is half the sum over its edges of
length times their distance from the foot of the plane. An edge between planes d and d' whose normals have cosine c
and sine s therefore contributes length * (2 d d' - c (d^2 + d'^2)) / (6 s). With the origin in the apex of the first
pyramid, its side planes have d = 0 and the edges between them drop out. The edges that are left are those between a
plane of one and a plane of the other (25 lines), the base of the first (4) and the edges of the second (8), each cut
to what lies inside all planes.

Symbols: N pairs, L lines. Arrays are float64 with N last.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from torch import Tensor

from .views import FAR, Measure, Views, cameras_of, planes_of, seen_from

SHRUNK = 1e-6
"""Metres by which the first pyramid is smaller on every side: planes of two views then never coincide, which would
count a face twice or not at all. It is its volume that the share is of."""
_PARALLEL = 1e-9
"""Sine below which two planes have no line in common; `SHRUNK` keeps such planes apart over the length of a view."""
_TINY, _FAR_OFF = 1e-200, 1e250
"""In place of a rate of 0, and beyond what any room over that comes to."""
_PIECE = 128
"""Pairs at a time: what a step touches stays in the processor's cache."""
VOLUME = Measure(np.array([0, 0, 0.75 * FAR]), FAR**2 * np.array([0.2, 0.2, 3 / 80]))
"""How the volume of a view is spread."""
_HALF = math.sqrt(0.5)
_SIDES = np.array([[_HALF, 0, -_HALF], [-_HALF, 0, -_HALF], [0, _HALF, -_HALF], [0, -_HALF, -_HALF], [0, 0, 1]])
"""(5, 3) outward normals of a pyramid of slope 1: right, left, down, up, base."""


def overlap(query: Tensor, others: Tensor) -> np.ndarray:
    """Return the share of a view that each other view sees too.

    Args:
        query: (4, 4) camera-to-world.
        others: (N, 4, 4).

    Returns:
        (N,) float64 between 0 and 1.
    """
    return shares(seen_from(cameras_of(query[None]), cameras_of(others)))


def shares(views: Views) -> np.ndarray:
    """Return the share (N,) of the view at the origin that each of these pyramids holds; infinite slopes hold all."""
    height = FAR - 2 * SHRUNK
    views = views._replace(apex=views.apex - np.array([[0.0], [0.0], [SHRUNK]]))
    count = len(views.slope)
    volumes = np.empty(count)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for start in range(0, count, _PIECE):
            piece = slice(start, start + _PIECE)
            volumes[piece] = _shared_volumes(views.part(piece), height)
    found = np.clip(volumes * (3 / (4 * height**3)), 0, 1)
    return np.where(np.isinf(views.slope), 1.0, found)


class _Planes(NamedTuple):
    """The planes of N pyramids, in the order of `_SIDES`."""

    normals: np.ndarray
    """(5, 3, N) outward, of length 1."""
    offsets: np.ndarray
    """(5, N) distances from the origin."""


def _planes(views: Views) -> _Planes:
    normals, offsets = planes_of(views)
    length = np.sqrt(1 + views.slope * views.slope)
    normals[:4] /= length
    offsets[:4] /= length
    return _Planes(-normals, offsets)


def _shared_volumes(views: Views, height: float) -> np.ndarray:
    planes = _planes(views)
    six = _between(planes, height) + _base_of_first(planes, height) + _edges_of_second(views, planes, height)
    return six / 6


def _between(planes: _Planes, height: float) -> np.ndarray:
    """Sum over the 25 lines in which a plane of one pyramid meets a plane of the other."""
    count = planes.offsets.shape[1]
    ours = _SIDES[:, None, :, None]  # (5, 1, 3, 1)
    theirs = planes.normals[None]  # (1, 5, 3, N)
    depth = np.array([0, 0, 0, 0, height])[:, None, None]
    cosine = ours[:, :, 0] * theirs[:, :, 0] + ours[:, :, 1] * theirs[:, :, 1] + ours[:, :, 2] * theirs[:, :, 2]
    along = _cross(ours, theirs)  # (3, 5, 5, N)
    sine = np.sqrt(along[0] * along[0] + along[1] * along[1] + along[2] * along[2])
    meets = sine > _PARALLEL
    sine = np.maximum(sine, _PARALLEL)
    along /= sine
    away = (planes.offsets - cosine * depth) / sine  # of the line from the foot of our plane
    point = _cross(along.transpose(1, 2, 0, 3), ours) * away
    point[2, 4] += height
    low, high = np.full((5, 5, count), -_FAR_OFF), np.full((5, 5, count), _FAR_OFF)
    room, rate = _inside_first(point, along, height)
    own = np.arange(5)
    room[own, own], rate[own, own] = 1, 0  # a line lies in its own planes
    _cut(low, high, room, rate)
    room, rate = _inside_second(point, along, planes)
    room[own, :, own], rate[own, :, own] = 1, 0
    _cut(low, high, room, rate)
    length = np.maximum(high - low, 0) * meets
    square = depth * depth + planes.offsets * planes.offsets
    weighted = length * (2 * depth * planes.offsets - cosine * square) / sine
    # one after another: a plain sum takes another order where there is one pair only
    return np.add.accumulate(weighted.reshape(25, count))[-1]


def _base_of_first(planes: _Planes, height: float) -> np.ndarray:
    """Sum over the four edges of the base of the first pyramid."""
    corners = np.array([[1, -1, -1, 1], [1, 1, -1, -1], [1, 1, 1, 1]]) * height  # (3, 4)
    along = (np.roll(corners, -1, 1) - corners)[..., None]
    low, high = np.zeros((4, planes.offsets.shape[1])), np.ones((4, planes.offsets.shape[1]))
    _cut(low, high, *_inside_second(corners[..., None], along, planes))
    return np.maximum(high - low, 0).sum(0) * (2 * height**3)  # 2 * height long, and height^2 for both planes


def _edges_of_second(views: Views, planes: _Planes, height: float) -> np.ndarray:
    """Sum over the eight edges of the second pyramids: four from the apex, four around the base."""
    across, down, ahead = views.axes
    slope = views.slope
    right, low_side = slope * across, slope * down
    rays = np.stack([ahead + right + low_side, ahead + right - low_side, ahead - right - low_side,
                     ahead - right + low_side], 1)  # fmt: skip
    rays *= views.height  # (3, 4, N) from the apex to the corners of the base
    apex = views.apex[:, None]
    point = np.concatenate([np.broadcast_to(apex, rays.shape), apex + rays], 1)
    along = np.concatenate([rays, np.roll(rays, -1, 1) - rays], 1)
    low, high = np.zeros(point.shape[1:]), np.ones(point.shape[1:])
    _cut(low, high, *_inside_first(point, along, height))
    share = np.maximum(high - low, 0)
    right, left, bottom, top, base = planes.offsets
    square = slope * slope
    upright = _weight(np.stack([right, right, left, left]), np.stack([bottom, top, top, bottom]), square / (1 + square))
    around = _weight(np.stack([right, top, left, bottom]), base, -slope / np.sqrt(1 + square))
    reach = views.height * np.sqrt(1 + 2 * square)
    return (share[:4] * upright).sum(0) * reach + (share[4:] * around).sum(0) * (2 * slope * views.height)


def _weight(one: np.ndarray, other: np.ndarray, cosine: np.ndarray) -> np.ndarray:
    """What a metre of an edge between planes at these distances contributes, times six."""
    return (2 * one * other - cosine * (one * one + other * other)) / np.sqrt(1 - cosine * cosine)


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cross product of (5, 5, 3, N): (3, 5, 5, N)."""
    ax, ay, az = a[:, :, 0], a[:, :, 1], a[:, :, 2]
    bx, by, bz = b[:, :, 0], b[:, :, 1], b[:, :, 2]
    return np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx])


def _inside_first(point: np.ndarray, along: np.ndarray, height: float) -> tuple[np.ndarray, np.ndarray]:
    """Return how far points (3, …, N) lie inside the first pyramid's planes, and how fast their lines leave it.

    Returns:
        room and rate, (5, …, N); a line is inside up to room / rate where the rate is positive, and from there on else.
    """
    x, y, z = point
    dx, dy, dz = along
    room = np.stack([z - x, z + x, z - y, z + y, height - z])
    return room, np.stack([dx - dz, -dx - dz, dy - dz, -dy - dz, dz])


def _inside_second(point: np.ndarray, along: np.ndarray, planes: _Planes) -> tuple[np.ndarray, np.ndarray]:
    """The same for the second pyramids' planes."""
    shape = (5, *(1,) * (point.ndim - 2), -1)
    x, y, z = (planes.normals[:, part].reshape(shape) for part in range(3))
    room = planes.offsets.reshape(shape) - (x * point[0] + y * point[1] + z * point[2])
    return room, x * along[0] + y * along[1] + z * along[2]


def _cut(low: np.ndarray, high: np.ndarray, room: np.ndarray, rate: np.ndarray) -> None:
    """Cut spans (…, N) of lines to what lies inside five planes; room and rate are used up.

    Adding 0 or twice a huge number, by the sign of the rate, takes a bound out of the wrong reduction at a fraction of
    what choosing costs.
    """
    rate += _TINY  # a line along a plane is inside all the way, or nowhere
    room /= rate
    sign = np.copysign(_FAR_OFF, rate)
    np.subtract(_FAR_OFF, sign, out=rate)
    rate += room
    np.minimum(high, rate.min(0), out=high)
    sign += _FAR_OFF
    room -= sign
    np.maximum(low, room.max(0), out=low)
