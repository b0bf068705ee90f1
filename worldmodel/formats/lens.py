"""A lens out of a file: which unit its numbers are in, and which one is kept where a file has several.

lens  fx, fy, cx, cy as shares of the picture's width and height
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..camera.poses import MAX_PIXELS, share_intrinsics
from ..reading.json_text import checked_numbers, is_number, shown
from ..reading.words import shortened

Lens = tuple[float, float, float, float]
_FOCAL = 0.01, 150.0
"""Shares a focal length may be: 178 degrees from edge to edge, and less than half a degree."""
_CENTRE = -3.0, 4.0
"""Shares the principal point may be at; that of a picture in pixels lies far beyond, 8 for a picture of 16."""
_SAME = 1e-3
"""Largest part by which lenses of one walk may differ without a word."""


def checked_shares(value: object, field: str = "intrinsics") -> Lens:
    """Return fx, fy, cx, cy as shares of the picture.

    Raises:
        ValueError: they are not four numbers, no lens, or pixels.
    """
    fx, fy, cx, cy = checked_numbers(value, field, 4)
    if fx <= 0 or fy <= 0 or min(fx, fy) < _FOCAL[0] or min(cx, cy) < _CENTRE[0]:
        raise ValueError(f"{field} must be shares of width and height, focal lengths above 0, not {shown(value)}")
    if max(fx, fy) > _FOCAL[1] or max(cx, cy) > _CENTRE[1]:
        raise ValueError(
            f"{field}: found {shown(value)}, expected shares of width and height; these look like pixels: divide fx "
            "and cx by the picture's width, fy and cy by its height"
        )
    return fx, fy, cx, cy


def is_pixels(value: Sequence[float]) -> bool:
    """Tell whether fx, fy, cx, cy can be pixels only."""
    fx, fy, cx, cy = value
    return max(fx, fy) > _FOCAL[1] or max(cx, cy) > _CENTRE[1]


def lens_of_pixels(pixels: Sequence[float], width: float, height: float) -> tuple[Lens | None, str | None]:
    """Turn fx, fy, cx, cy in pixels of a picture into shares.

    Returns:
        The lens and `None`, or `None` and why these numbers are no lens.
    """
    if not all(map(math.isfinite, (*pixels, width, height))) or not (1 <= width <= 1e5 and 1 <= height <= 1e5):
        return None, f"a picture of {width:g} x {height:g} has no lens"
    fx, fy, cx, cy = share_intrinsics(tuple(pixels), width, height)
    if _FOCAL[0] <= min(fx, fy) and max(fx, fy) <= _FOCAL[1] and _CENTRE[0] <= min(cx, cy) <= max(cx, cy) <= _CENTRE[1]:
        return (fx, fy, cx, cy), None
    found = ", ".join(f"{value:.6g}" for value in pixels)
    told = f"{found} are no fx, fy, cx, cy in pixels of a picture of {width:g} x {height:g}"
    if 0 < pixels[0] <= 20 and 0 < pixels[1] <= 20:
        told += "; these look like shares: multiply by width and height"
    return None, told


def picture_of_pixels(size: Sequence[object] | None) -> tuple[int, int] | None:
    """Return a picture's width and height, `None` where they are no whole pixels."""
    if size is None or not all(is_number(side) and 1 <= side <= MAX_PIXELS and side == int(side) for side in size):
        return None
    return int(size[0]), int(size[1])


def no_lens(why: str) -> str:
    """Say that a file's lens is not taken, and what follows from that."""
    return f"The lens is left out: {why}. The poses are whole; where a lens is needed, field_of_view gives one."


def one_lens(lenses: Sequence[Lens | None], what: str = "picture") -> tuple[Lens | None, tuple[str, ...]]:
    """Return the first of a walk's lenses, and a sentence if it changes on the way.

    Args:
        lenses: of every frame, in order.
        what: how the sentence calls a frame.
    """
    known = np.array([lens for lens in lenses if lens is not None]).reshape(-1, 4)
    if not len(known):
        return None, ()
    first = tuple(known[0].tolist())
    if np.ptp(known, axis=0).max() <= _SAME:
        return first, ()
    longest, widest = (_angle(focal) for focal in (known[:, 0].max(), known[:, 0].min()))
    how = f"{longest} to {widest} across" if longest != widest else "in height or centre"
    return first, (
        f"The lens changes from {what} to {what}, {how}: the walk keeps that of the first, {_angle(first[0])}; the "
        "zoom is left out.",
    )


def _angle(focal: float) -> str:
    """Say a horizontal field of view."""
    return f"{math.degrees(2 * math.atan(0.5 / focal)):.1f} degrees"


def listed(names: Sequence[str], most: int = 8) -> str:
    """Say some names, and how many more there are."""
    told = ", ".join(shortened(name) for name in names[:most])
    return told + f" and {len(names) - most} more" * (len(names) > most)
