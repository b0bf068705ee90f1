"""A place as the editors show it: its ground plan, and what one sees where one stands.

Poses are x and z in metres and the yaw in radians, in the plan's axes: x to the right, z ahead, 0 along +z, positive to
the right. A track's path begins at its own origin and looks ahead; `start` is where that lies in the plan.
"""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ...reading.json_text import checked_numbers, is_whole, shown
from ...variants import BUILT_IN, VARIANTS
from . import engine, menu, plans, themes

SCALE = 2
"""Of a picture's sides against the model's, which are too small to walk by."""
QUALITY = 90
"""Of a picture's JPEG: a few thousand bytes, written in a millisecond."""

MOST_RUNS = 8
"""Runs of frames that are named."""


def ground_plan(asked: dict[str, Any]) -> dict[str, Any]:
    """Say what stands where: {level, world_seed, place} -> {title, side, cell, radius, cells, colours, start}.

    `cells` are side rows of side letters, the row at z = 0 first: of each cell the place in `colours` (#rrggbb); a
    capital letter is a wall. `cell` is the length of its side in metres, `radius` how far a body keeps from walls, and
    `start` the pose at frame 0.

    Raises:
        ValueError: there is no such place.
    """
    level, seed, number = chosen(asked)
    places, pose = place_of(level, seed, number)
    cells, square = places.cells[0].numpy(), places.square[0].numpy()
    theme = themes.THEMES[int(places.theme[0])]
    floors = [_mixed(floor.first, floor.second) for floor in (theme.street, theme.square)]
    walls = [_mixed(material.first, material.second) for material in theme.materials]
    kinds = np.where(cells > 0, 1 + np.minimum(cells, themes.MATERIALS), square.astype(np.int64))
    letters = [chr((ord("A") if kind > 1 else ord("a")) + kind) for kind in range(2 + themes.MATERIALS)]
    return {
        "title": f"{level} {seed}" if level == menu.LAYOUT else level,
        "side": plans.SIDE,
        "cell": engine.CELL,
        "radius": engine.RADIUS,
        "cells": ["".join(letters[kind] for kind in row) for row in kinds.T],
        "colours": dict(zip(letters, [*floors, *walls], strict=True)),
        "start": pose,
    }


def picture(asked: dict[str, Any]) -> bytes:
    """Show what one sees: {level, world_seed, place, pose} -> a JPEG, SCALE times as large as the model's pictures.

    Raises:
        ValueError: there is no such place, or one cannot stand there.
    """
    (places, _), pose = place_of(*chosen(asked)), checked_numbers(asked.get("pose"), "pose", 3)
    x, z, yaw = pose
    side = plans.SIDE * engine.CELL
    inside = 0 <= x < side and 0 <= z < side
    if not inside or int(places.cells[0, int(x / engine.CELL), int(z / engine.CELL)]):
        raise ValueError(f"pose: found {shown(pose)}, expected a place between the walls; walk from the plan's start.")
    size = tuple(SCALE * length for length in VARIANTS[BUILT_IN].picture)
    place, heading = torch.tensor([[x, z]], dtype=torch.float64), torch.tensor([yaw], dtype=torch.float64)
    pixels = places.render(torch.zeros(1, dtype=torch.long), place, heading, size).pixels[0]
    return _jpeg(pixels)


def stopped_words(bumped: Tensor) -> str:
    """Say in which frames a wall shortened a walk's step; nothing if none did.

    Args:
        bumped: (frames,) bool.
    """
    marked = torch.cat([bumped.new_zeros(1), bumped, bumped.new_zeros(1)]).int().diff()
    borders = (torch.nonzero(marked == 1)[:, 0].tolist(), torch.nonzero(marked == -1)[:, 0].tolist())
    runs = [f"{first}-{end - 1}" if end - first > 1 else str(first) for first, end in zip(*borders, strict=True)]
    if not runs:
        return ""
    more = f" and {len(runs) - MOST_RUNS} times more" if len(runs) > MOST_RUNS else ""
    return f"track: a wall stops the walk, or lets it slide, in frames {', '.join(runs[:MOST_RUNS])}{more}."


def chosen(asked: dict[str, Any]) -> tuple[str, int, int]:
    """Return what is asked for; no level is a random layout, as for the node."""
    level = asked.get("level")
    if level is not None and not isinstance(level, str):
        raise ValueError(f"level must be the name of a level, not {shown(level)}")
    seed, place = (_number(asked.get(name), name) for name in ("world_seed", "place"))
    return menu.LAYOUT if level is None else level, seed, place


def _number(value: Any, field: str) -> int:
    if not is_whole(value) or not 0 <= value < 2**31:
        raise ValueError(f"{field} must be a whole number from 0 to {2**31 - 1}, not {shown(value)}")
    return value


@lru_cache(maxsize=16)
def place_of(level: str, world_seed: int, place: int) -> tuple[engine.Places, list[float]]:
    """Return a place and the pose in which one begins there."""
    places, (stood, yaw) = menu.place_in(level, world_seed, place)
    return places, [*stood[0].tolist(), float(yaw[0])]


def _mixed(first: themes.Colour, second: themes.Colour) -> str:
    return "#" + "".join(f"{round(255 * (a + b) / 2):02x}" for a, b in zip(first, second, strict=True))


def _jpeg(pixels: Tensor) -> bytes:
    """Write a picture (H, W, 3) in 0..1."""
    written = io.BytesIO()
    Image.fromarray((pixels * 255).round().byte().numpy()).save(written, "JPEG", quality=QUALITY)
    return written.getvalue()
