"""First-person views of plans on a grid, rendered in batches with exact poses, depth and material maps.

Axes are OpenCV's: x right, y down, z forward; heights in `themes` are above the ground, the eye walks at EYE above it
and at y = 0. Yaw is in radians, 0 looks along +z, positive turns right. Lengths are metres.

A ray meets walls one behind the other: a tower stands above the houses before it. Of each column the first HITS
walls are kept that rise higher in the picture than all before.

Shapes: P places, N cells per side, F frames, H x W picture, K hits.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from . import patterns, plans, themes

CELL = 2.0
EYE = 1.0
RADIUS = 0.6
FOCAL = 0.5
"""Focal length as a share of the picture's width: 90 degrees across."""
FOG = 40.0
HITS = 3
HELD_OUT_SEEDS = 10_000
"""Layouts below this seed are never trained on."""
FOOT, BLOCK_HEIGHT = 0.25, 1.5
LIGHT = (0.82, 0.91, 1.0, 0.72)
"""By the side of a wall that is seen: from -x, +x, -z, +z."""


class Places(NamedTuple):
    """Some places as tensors: cells (P, N, N) of `plans`, square (P, N, N), theme (P,), heights (P, N, N) metres, and
    seeds: that of a random layout, or -1, -2, ... for the levels."""

    cells: Tensor
    square: Tensor
    theme: Tensor
    heights: Tensor
    seeds: tuple[int, ...]

    def to(self, device: torch.device | str) -> Places:
        """Return the same places on another device."""
        return Places(*(value.to(device) if isinstance(value, Tensor) else value for value in self))

    @property
    def focal(self) -> float:
        """Focal length of every view, as a share of the picture's width."""
        return FOCAL

    @property
    def cell(self) -> float:
        """Metres along a cell's side."""
        return CELL

    def colour(self, which: int, x: int, z: int) -> Tensor:
        """Return the colour (3,) of a wall on a map."""
        material = min(int(self.cells[which, x, z]) - 1, themes.MATERIALS - 1)
        return _look(self.cells.device).walls[int(self.theme[which]), material, 0]

    def render(self, which: Tensor, place: Tensor, yaw: Tensor, size: tuple[int, int]) -> View:
        """Render frames; see `render`."""
        return render(self, which, place, yaw, size)

    def walk(
        self, which: Tensor, place: Tensor, yaw: Tensor, moves: Tensor, turns: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Walk tracks; see `walk`."""
        return walk(self, which, place, yaw, moves, turns)

    def fits(self, which: Tensor, place: Tensor) -> Tensor:
        """Tell where one can stand; see `fits`."""
        return fits(self, which, place)


class View(NamedTuple):
    """Rendered frames: pixels (F, H, W, 3) in 0..1; depth (F, H, W), optical axis, in metres, inf in the sky; materials
    (F, H, W) uint8, SURFACES numbers to a theme."""

    pixels: Tensor
    depth: Tensor
    materials: Tensor


def build(seeds: list[int] | tuple[int, ...]) -> Places:
    """Build one place per seed: a layout for 0 and above, level number n for -1 - n.

    Raises:
        ValueError: there is no such level.
    """
    made = [_plan(int(seed)) for seed in seeds]
    cells = torch.from_numpy(np.stack([plan.cells for plan in made]))
    theme = torch.tensor([plan.theme for plan in made])
    heights = _heights()[theme[:, None, None], cells]
    square = torch.from_numpy(np.stack([plan.square for plan in made]))
    return Places(cells, square, theme, heights, tuple(int(seed) for seed in seeds))


@lru_cache(maxsize=4096)
def _plan(seed: int) -> plans.Plan:
    if seed >= 0:
        return plans.layout(seed)
    if -seed > len(plans.NAMES):
        raise ValueError(f"seed: found {seed}, expected 0 or more, or -1 to {-len(plans.NAMES)} for a level.")
    return plans.level(plans.NAMES[-seed - 1])


def level_seed(name: str) -> int:
    """Return the number by which a level goes among seeds."""
    return -1 - plans.NAMES.index(name)


@lru_cache(maxsize=1)
def _heights() -> Tensor:
    """Height by theme and cell (themes, 6)."""
    rows = [[0.0, *(material.height for material in theme.materials), BLOCK_HEIGHT] for theme in themes.THEMES]
    return torch.tensor(rows)


class _Look(NamedTuple):
    """The themes as tensors, indexed by theme (and material)."""

    walls: Tensor  # (themes, MATERIALS, 3, 3): first, second, foot
    patterns: Tensor  # (themes, MATERIALS)
    floors: Tensor  # (themes, 2, 2, 3): street and square, first and second
    sky: Tensor  # (themes, 4, 3): zenith, horizon, hills, sun
    waves: Tensor  # (themes, 2, 3)
    peak: Tensor  # (themes, 3)
    sun: Tensor  # (themes, 2)


@lru_cache(maxsize=4)
def _look(device: torch.device) -> _Look:
    names, all_themes = list(patterns.WALLS), themes.THEMES
    columns = (
        [[[m.first, m.second, m.foot] for m in theme.materials] for theme in all_themes],
        [[names.index(m.pattern) for m in theme.materials] for theme in all_themes],
        [[[floor.first, floor.second] for floor in (theme.street, theme.square)] for theme in all_themes],
        [[theme.sky.zenith, theme.sky.horizon, theme.sky.hills, theme.sky.sun] for theme in all_themes],
        [theme.sky.waves for theme in all_themes],
        [theme.sky.peak for theme in all_themes],
        [theme.sky.sun_at for theme in all_themes],
    )
    return _Look(*(torch.tensor(column, device=device) for column in columns))


class _Hits(NamedTuple):
    """Walls of each column, nearest first, (F, K, W): depth, kind (0: none), metres along, side that is seen, slant."""

    depth: Tensor
    kind: Tensor
    along: Tensor
    facing: Tensor
    slant: Tensor


def render(places: Places, which: Tensor, place: Tensor, yaw: Tensor, size: tuple[int, int]) -> View:
    """Render frames of several places at once.

    Args:
        places: on the device that shall render.
        which: (F,) the place of each frame.
        place: (F, 2) x and z of the eye in metres, in a free cell.
        yaw: (F,) radians, positive to the right.
        size: height and width of the picture; any.
    """
    height, width = size
    device = places.cells.device
    which, place, yaw = which.to(device), place.to(device).double(), yaw.to(device).double()
    focal = FOCAL * width
    across = (torch.arange(width, device=device, dtype=torch.float64) + 0.5 - width / 2) / focal
    sin, cos = yaw.sin()[:, None], yaw.cos()[:, None]
    direction = torch.stack([sin + cos * across, cos - sin * across], dim=-1)
    hits = _cast(places, which, place, direction)
    down = (torch.arange(height, device=device) + 0.5 - height / 2) / focal
    return _shade(places, which, place.float(), direction.float(), hits, down, focal)


def _cast(places: Places, which: Tensor, place: Tensor, direction: Tensor) -> _Hits:
    """Walk every ray through the grid. direction (F, W, 2) has length 1 along the optical axis."""
    frames, columns = direction.shape[:2]
    x, z = ((place[:, axis] / CELL).floor().long()[:, None].expand(frames, columns) for axis in (0, 1))
    forward = direction > 0
    step_x, step_z = (torch.where(forward[..., axis], 1, -1) for axis in (0, 1))
    safe = direction.where(direction.abs() > 1e-9, torch.where(forward, 1e-9, -1e-9))
    pace_x, pace_z = (CELL / safe.abs()).unbind(-1)
    next_x = ((x + forward[..., 0]) * CELL - place[:, :1]) / safe[..., 0]
    next_z = ((z + forward[..., 1]) * CELL - place[:, 1:]) / safe[..., 1]
    flat, heights = (value.flatten() for value in (places.cells, places.heights))
    base = which[:, None] * plans.SIDE**2
    highest = torch.full_like(next_x, -1.0)
    count = torch.zeros_like(x)
    inside = torch.ones_like(x, dtype=torch.bool)
    found = next_x.new_zeros(HITS, 5, frames, columns)
    found[:, 0] = 1e3
    for _ in range(2 * plans.SIDE):
        along_z = next_z < next_x
        depth = torch.where(along_z, next_z, next_x)
        x, z = torch.where(along_z, x, x + step_x), torch.where(along_z, z + step_z, z)
        next_x, next_z = torch.where(along_z, next_x, next_x + pace_x), torch.where(along_z, next_z + pace_z, next_z)
        inside = inside & (x >= 0) & (x < plans.SIDE) & (z >= 0) & (z < plans.SIDE)
        if not inside.any():
            break
        at = base + (x * plans.SIDE + z).clamp(0, plans.SIDE**2 - 1)
        kind = flat[at]
        rise = (heights[at].double() - EYE) / depth
        new = inside & (kind > 0) & (rise > highest)
        if not new.any():
            continue
        highest = torch.where(new, rise, highest)
        wall = torch.stack([depth, *(value.double() for value in (kind, along_z, x, z))])
        for slot in range(HITS):
            found[slot] = torch.where(new & (count == slot), wall, found[slot])
        count = count + new
    depth, kind, side, cell_x, cell_z = found.transpose(0, 2).unbind(1)
    hit = place[:, None, None] + direction[:, None] * depth[..., None]
    along = torch.where(side == 1, hit[..., 0] - cell_x * CELL, hit[..., 1] - cell_z * CELL)
    normal = torch.where(side == 1, direction[:, None, :, 1], direction[:, None, :, 0]).abs()
    slant = direction.norm(dim=-1)[:, None] / normal.clamp_min(0.05)
    step = torch.where(side == 1, step_z[:, None], step_x[:, None])
    facing = 2 * side.long() + (step > 0)
    return _Hits(depth.float().clamp_min(1e-3), kind.long(), along.float(), facing, slant.float())


def _shade(
    places: Places, which: Tensor, place: Tensor, direction: Tensor, hits: _Hits, down: Tensor, focal: float
) -> View:
    theme, look = places.theme[which], _look(down.device)
    horizon = look.sky[theme, 1][:, None, None]
    upper = int((down < 0).sum())
    first = theme.to(torch.uint8)[:, None, None] * themes.SURFACES
    pixels = torch.empty(len(which), len(down), direction.shape[1], 3, device=down.device)
    seen = torch.full(pixels.shape[:3], torch.inf, device=down.device)
    kinds = (first + themes.SKY).expand(seen.shape).clone()

    far = (EYE / down[upper:].clamp_min(1e-3))[None, :, None].expand(len(which), -1, direction.shape[1])
    floor = _floor(places, which, place[:, None, None] + direction[:, None] * far[..., None], far / focal, down[upper:])
    pixels[:, upper:] = torch.lerp(horizon, floor, (-far / FOG).exp()[..., None])
    pixels[:, :upper] = _sky(look, theme, direction, down[:upper], focal)
    seen[:, upper:], kinds[:, upper:] = far, first + themes.FLOOR
    for slot in reversed(range(HITS)):
        rows = slice(0, len(down) if slot == 0 else upper)
        _paint(places, which, hits, slot, down[rows], focal, (pixels[:, rows], seen[:, rows], kinds[:, rows]))
    return View(pixels.clamp_(0, 1), seen, kinds)


def _paint(
    places: Places,
    which: Tensor,
    hits: _Hits,
    slot: int,
    down: Tensor,
    focal: float,
    onto: tuple[Tensor, Tensor, Tensor],
) -> None:
    """Paint the walls of one slot over what lies behind them."""
    frame, column = torch.nonzero(hits.kind[:, slot] > 0, as_tuple=True)
    if not len(frame):
        return
    depth, kind, along, facing, slant = (value[frame, slot, column] for value in hits)
    theme, look = places.theme[which[frame]], _look(down.device)
    material = (kind - 1).clamp_max(themes.MATERIALS - 1)
    height = _heights().to(depth.device)[theme, kind]
    above = EYE - down[None] * depth[:, None]
    pixel = (depth / focal)[:, None]
    u, wide = (along / CELL)[:, None], pixel * slant[:, None] / CELL
    mix, number = torch.empty_like(above), look.patterns[theme, material]
    for index, pattern in enumerate(patterns.WALLS.values()):
        some = number == index
        if some.any():
            mix[some] = pattern(u[some], above[some], wide[some], pixel[some])
    first, second, foot = look.walls[theme, material].unbind(1)
    colour = torch.lerp(first[:, None], second[:, None], mix[..., None])
    colour = torch.lerp(colour, foot[:, None], patterns.between(above, -1.0, FOOT, pixel)[..., None])
    colour = colour * torch.tensor(LIGHT, device=depth.device)[facing][:, None, None]
    colour = torch.lerp(look.sky[theme, 1][:, None], colour, (-depth / FOG).exp()[:, None, None])
    covers = patterns.between(above, 0.0, height[:, None], pixel)
    pixels, seen, kinds = onto
    pixels[frame, :, column] = torch.lerp(pixels[frame, :, column], colour, covers[..., None])
    solid = covers >= 0.5
    seen[frame, :, column] = torch.where(solid, depth[:, None], seen[frame, :, column])
    named = (theme * themes.SURFACES + material).to(torch.uint8)[:, None]
    kinds[frame, :, column] = torch.where(solid, named, kinds[frame, :, column])


def _floor(places: Places, which: Tensor, ground: Tensor, pixel: Tensor, down: Tensor) -> Tensor:
    """Colour the ground (F, h, W, 2) metres, seen at pixel (F, h, W) metres, by rays of slopes down (h,)."""
    footprint = pixel / down.clamp_min(0.02)[None, :, None] / CELL
    x, z = (ground / CELL).unbind(-1)
    share = torch.zeros_like(x)
    half = (footprint / 4).clamp_max(0.5)
    for aside, ahead in ((-1, -1), (-1, 1), (1, -1), (1, 1)):
        cell = [
            (value + sign * half).floor().long().clamp(0, plans.SIDE - 1) for value, sign in ((x, aside), (z, ahead))
        ]
        share += places.square[which[:, None, None], cell[0], cell[1]] / 4
    out = torch.empty(*x.shape, 3, device=x.device)
    theme, look = places.theme[which], _look(x.device)
    for number in theme.unique().tolist():
        some = theme == number
        parts = []
        for kind, made in enumerate((themes.THEMES[number].street, themes.THEMES[number].square)):
            mix = patterns.floor(made.pattern, x[some], z[some], footprint[some])
            parts.append(torch.lerp(*look.floors[number, kind], mix[..., None]))
        out[some] = torch.lerp(*parts, share[some][..., None])
    return out


def _sky(look: _Look, theme: Tensor, direction: Tensor, down: Tensor, focal: float) -> Tensor:
    azimuth = torch.atan2(direction[..., 0], direction[..., 1])[:, None]
    height = (-down[None, :, None] / direction.norm(dim=-1)[:, None]).clamp_min(0)
    zenith, horizon, hills, sun = (value[:, None, None] for value in look.sky[theme].unbind(1))
    colour = torch.lerp(horizon, zenith, (height / 0.5).clamp(0, 1).sqrt()[..., None])
    at, tall = look.sun[theme][:, None, None].unbind(-1)
    away = (_turn(azimuth - at) ** 2 + (height - tall) ** 2).sqrt()
    colour = torch.lerp(colour, sun, _edge((0.09 - away) * focal)[..., None])
    tall, count, phase = look.waves[theme].unbind(-1)
    ridge = 0.07 + ((azimuth[..., None] * count[:, None, None] + phase[:, None, None]).sin() * tall[:, None, None]).sum(
        -1
    )
    at, tall, wide = look.peak[theme][:, None, None].unbind(-1)
    ridge = torch.maximum(ridge, tall * (1.3 - _turn(azimuth - at).abs() / wide))
    return torch.lerp(colour, hills, _edge((ridge - height) * focal)[..., None])


def _turn(angle: Tensor) -> Tensor:
    return torch.remainder(angle + math.pi, 2 * math.pi) - math.pi


def _edge(distance: Tensor) -> Tensor:
    """Coverage of a pixel whose centre lies `distance` pixels inside an edge."""
    return (distance + 0.5).clamp(0, 1)


def walk(
    places: Places, which: Tensor, place: Tensor, yaw: Tensor, moves: Tensor, turns: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Walk many tracks with collision; row i moves the camera from frame i to frame i + 1.

    Args:
        places: on the CPU.
        which: (F,) the place of each walker.
        place: (F, 2) x and z of frame 0 in metres.
        yaw: (F,) radians of frame 0.
        moves: (F, rows, 2) metres to the right and ahead in each row, in the camera's axes of the row's frame.
        turns: (F, rows) radians added after the move.

    Returns:
        places (F, rows + 1, 2), yaws (F, rows + 1), bumped (F, rows) where a wall shortened the step. Float64.
    """
    stood, yaws = [place.double()], [yaw.double()]
    bumped = torch.zeros(moves.shape[:2], dtype=torch.bool)
    for row in range(moves.shape[1]):
        here, heading = stood[-1], yaws[-1]
        right, ahead = moves[:, row].double().unbind(-1)
        sin, cos = heading.sin(), heading.cos()
        step = torch.stack([right * cos + ahead * sin, ahead * cos - right * sin], dim=-1)
        there = here.clone()
        for axis in range(2):
            tried = there.clone()
            tried[:, axis] += step[:, axis]
            there = torch.where(fits(places, which, tried)[:, None], tried, there)
        stood.append(there)
        yaws.append(heading + turns[:, row].double())
        bumped[:, row] = (there - here - step).abs().amax(-1) > 1e-9
    return torch.stack(stood, 1), torch.stack(yaws, 1), bumped


def fits(places: Places, which: Tensor, place: Tensor, radius: float = RADIUS) -> Tensor:
    """Tell for each place (F, 2) whether a body of that radius stands there without touching a wall."""
    free = torch.ones(len(place), dtype=torch.bool)
    for corner in ((-radius, -radius), (-radius, radius), (radius, -radius), (radius, radius)):
        cell = ((place + torch.tensor(corner, dtype=place.dtype)) / CELL).floor().long().clamp(0, plans.SIDE - 1)
        free &= places.cells[which, cell[:, 0], cell[:, 1]] == 0
    return free


def random_starts(places: Places, which: Tensor, random: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Draw a standing place and a heading with room to look for each walker: (F, 2) metres and (F,) radians."""
    count = len(which)
    place, yaw = torch.zeros(count, 2, dtype=torch.float64), torch.zeros(count, dtype=torch.float64)
    missing = torch.ones(count, dtype=torch.bool)
    while missing.any():
        tried = torch.from_numpy(random.uniform(CELL, CELL * (plans.SIDE - 1), (count, 2)))
        turn = torch.from_numpy(random.uniform(-math.pi, math.pi, count))
        good = missing & fits(places, which, tried, 0.95)
        for metres in (1.5, 3.0, 4.5):
            ahead = tried + torch.stack([turn.sin(), turn.cos()], -1) * metres
            good &= fits(places, which, ahead, 0.3)
        place[good], yaw[good] = tried[good], turn[good]
        missing &= ~good
    return place, yaw
