"""Views of a camera as pyramids, relative to one of them.

A view is what a camera sees up to a depth: a pyramid of slope 1 (90 degrees across and down, as Matrix-Game 3.0 has
it), its apex in the camera. Many poses that are nearly one are bounded by one larger pyramid.

Symbols: N views. Arrays are float64 with N last, so that every step runs along memory.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from torch import Tensor

FAR = 30.0
"""Metres up to which a view counts (specification of Matrix-Game 3.0's retrieval)."""
REACH = FAR * math.sqrt(3)
"""Metres from the camera to the farthest corner of its view."""


_LEAST_ROOM = 0.1
"""Below it an enlarged view is more than 20 times as wide."""


class Cameras(NamedTuple):
    """Poses, component by component.

    Args:
        axes: (3, 3, N); axes[i, k] is component i, in the world, of the camera's axis k.
        places: (3, N) metres.
    """

    axes: np.ndarray
    places: np.ndarray

    def part(self, index: np.ndarray | slice) -> Cameras:
        """Return some of them."""
        return Cameras(self.axes[..., index], self.places[:, index])


class Views(NamedTuple):
    """Pyramids in the axes of a camera that looks at them.

    Args:
        axes: (3, 3, N); axes[k, i] is component i of axis k.
        apex: (3, N).
        slope: (N,) half the width at depth 1.
        height: (N,) from apex to base.
    """

    axes: np.ndarray
    apex: np.ndarray
    slope: np.ndarray
    height: np.ndarray

    def part(self, index: np.ndarray | slice) -> Views:
        """Return some of them."""
        return Views(self.axes[..., index], self.apex[:, index], self.slope[index], self.height[index])


class Planes(NamedTuple):
    """The planes of N pyramids: right, left, down, up, base.

    Args:
        inward: (5, 3, N) normals; of length sqrt(1 + slope^2), the last of length 1.
        room: (5, N) by which the origin lies inside, on the same scale.
    """

    inward: np.ndarray
    room: np.ndarray


class Measure(NamedTuple):
    """How a view's weight is spread over it: centre and variances along its axes, (3,) each."""

    centre: np.ndarray
    variances: np.ndarray


def planes_of(views: Views) -> Planes:
    """Return the planes of pyramids."""
    across, down, ahead = views.axes
    slanted = views.slope * ahead
    inward = np.stack([slanted - across, slanted + across, slanted - down, slanted + down, -ahead])
    room = -(inward[:, 0] * views.apex[0] + inward[:, 1] * views.apex[1] + inward[:, 2] * views.apex[2])
    room[4] += views.height
    return Planes(inward, room)


def rough_shares(views: Views, measure: Measure) -> np.ndarray:
    """Bound the share (N,) of the view at the origin that each of these pyramids holds, at next to no cost.

    No more of it lies inside than inside any one plane; and no more than var / (var + a^2) of a weight lies more than
    a beyond its mean (Cantelli's inequality).
    """
    wide = np.isinf(views.slope)
    inward, room = planes_of(views._replace(slope=np.where(wide, 1, views.slope)))
    x, y, z = measure.variances
    variance = x * inward[:, 0] ** 2 + y * inward[:, 1] ** 2 + z * inward[:, 2] ** 2
    beyond = np.maximum(-room - measure.centre[2] * inward[:, 2], 0)  # centres lie on the axis
    shares = (variance / (variance + beyond * beyond)).min(0)
    return np.where(wide, 1.0, shares)


def cameras_of(c2w: Tensor) -> Cameras:
    """Return poses (N, 4, 4) component by component."""
    poses = c2w.detach().double().cpu().numpy()
    return Cameras(np.ascontiguousarray(poses[:, :3, :3].transpose(1, 2, 0)), np.ascontiguousarray(poses[:, :3, 3].T))


def seen_from(queries: Cameras, others: Cameras, spread: tuple[np.ndarray, np.ndarray] | None = None) -> Views:
    """Return others' views in the axes of the cameras that look at them.

    Sums are written out: each view's numbers are then the same in whatever company it comes.

    Args:
        queries: one camera for each of the others, or one for all.
        others: poses.
        spread: (N,) metres and (N,) radians by which poses may differ from these; each view then holds all of theirs.
    """
    turn = queries.axes  # used as [component, axis]
    away = others.places - queries.places
    axes = turn[0] * others.axes[0][:, None] + turn[1] * others.axes[1][:, None] + turn[2] * others.axes[2][:, None]
    apex = turn[0] * away[0] + turn[1] * away[1] + turn[2] * away[2]
    if spread is None:
        ones = np.ones(apex.shape[1])
        return Views(axes, apex, ones, FAR * ones)
    slope, setback, height = enlarged(*spread)
    return Views(axes, apex - setback * axes[2], slope, height)


def enlarged(metres: np.ndarray, radians: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a pyramid that holds every view whose camera is moved and turned by no more than this.

    A corner of a view lies atan(sqrt(2)) off its axis, where its depth is 1 / sqrt(3) of its distance; so a side plane
    of slope w leaves room for a turn of asin((w - 1) / sqrt(3 (1 + w^2))) everywhere, which is solved for w. Moving
    the apex back by sqrt(1 + w^2) / w metres makes room for a metre on all sides.

    Args:
        metres, radians: (N,); a turn of 33 degrees or more has no such pyramid, or a useless one: an infinite slope.

    Returns:
        (N,) each: slope, how far behind the camera the apex lies, height.
    """
    room = 1 - 3 * np.sin(np.minimum(radians, math.pi / 2)) ** 2
    wide = room < _LEAST_ROOM
    room = np.where(wide, 1.0, room)
    slope = np.where(wide, np.inf, (1 + np.sqrt(1 - room * room)) / room)
    setback = metres * np.sqrt(1 + 1 / (slope * slope))
    return slope, setback, FAR * (np.cos(radians) + math.sqrt(2) * np.sin(radians)) + metres + setback
