"""A procedural first-person world on a grid, rendered in batches with exact poses and depth.

Axes are OpenCV's: x right, y down, z forward; heights are measured down from the eye, which walks at y = 0.
Yaw is in radians, 0 looks along +z, positive turns right. Lengths are metres.

Shapes: W worlds, N cells per side, F frames, H x W picture.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..variants import VARIANTS
from . import textures

CELLS = 16
CELL = 1.5
EYE = 1.0
WALL = 2.2
RADIUS = 0.4
FOCAL = VARIANTS["tiny_world"].lens.focal
"""Focal length as a share of the picture's width: 79.6 degrees across."""
FOG = 8.0
HELD_OUT_SEEDS = 10_000
"""Worlds below this seed are never trained on; the nodes offer only these."""


class Worlds(NamedTuple):
    """Some worlds, one per seed, as tensors.

    cells (W, N, N) holds 0 where one can walk, else the texture's number plus one, indexed [x, z];
    colours (W, N, N, 2, 3) the two colours of each cell; floor (W, 3, 3) two colours and the sky's horizon;
    sky (W, 3) the zenith; floor_kind (W,); skyline (W, 3, 4) rows (amplitude, frequency, phase) of four waves;
    hills (W, 3) the colour of the distant hills.
    """

    cells: Tensor
    colours: Tensor
    floor: Tensor
    sky: Tensor
    floor_kind: Tensor
    skyline: Tensor
    hills: Tensor
    seeds: tuple[int, ...]

    def to(self, device: torch.device | str) -> Worlds:
        """Return the same worlds on another device."""
        return Worlds(*(value.to(device) if isinstance(value, Tensor) else value for value in self))

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
        return self.colours[which, x, z, 0]

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
    """Rendered frames: pixels (F, H, W, 3) in 0..1; depth (F, H, W), optical axis, in metres, inf in the sky."""

    pixels: Tensor
    depth: Tensor


def build_worlds(seeds: list[int] | tuple[int, ...]) -> Worlds:
    """Build one world per seed; equal seeds give equal worlds on every machine."""
    parts = [_build_one(seed) for seed in seeds]
    stacked = [torch.from_numpy(np.stack(column)) for column in zip(*parts, strict=True)]
    return Worlds(*stacked, seeds=tuple(int(seed) for seed in seeds))


def _build_one(seed: int) -> tuple[np.ndarray, ...]:
    if seed < 0:
        raise ValueError(f"seed: {seed} is negative; a world's seed is 0 or more.")
    random = np.random.default_rng([7, seed])
    cells = _floor_plan(random)
    hue = random.random((CELLS, CELLS))
    bright = _hsv(hue, random.uniform(0.35, 0.9, hue.shape), random.uniform(0.65, 1.0, hue.shape))
    dark = _hsv(
        hue + random.uniform(-0.2, 0.2, hue.shape),
        random.uniform(0.4, 0.9, hue.shape),
        random.uniform(0.12, 0.45, hue.shape),
    )
    colours = np.stack([bright, dark], axis=2).astype(np.float32)
    tint = random.random()
    floor = np.stack(
        [
            _hsv(tint, random.uniform(0.1, 0.5), random.uniform(0.45, 0.7)),
            _hsv(tint + random.uniform(-0.1, 0.1), random.uniform(0.1, 0.5), random.uniform(0.2, 0.38)),
            _hsv(random.uniform(0.02, 0.65), random.uniform(0.05, 0.3), random.uniform(0.75, 0.95)),
        ]
    ).astype(np.float32)
    sky = _hsv(random.uniform(0.5, 0.72), random.uniform(0.4, 0.75), random.uniform(0.4, 0.9)).astype(np.float32)
    hills = _hsv(random.random(), random.uniform(0.2, 0.5), random.uniform(0.25, 0.5)).astype(np.float32)
    skyline = np.stack(
        [random.uniform(0.02, 0.06, 4), np.array([1, 3, 5, 11]), random.uniform(0, 2 * math.pi, 4)]
    ).astype(np.float32)
    floor_kind = np.int64(random.integers(textures.FLOORS))
    return cells, colours, floor, sky, floor_kind, skyline, hills


def _floor_plan(random: np.random.Generator) -> np.ndarray:
    """Scatter blocks and walls until at least half of the inside is one connected place."""
    while True:
        solid = random.random((CELLS, CELLS)) < random.uniform(0.12, 0.28)
        for _ in range(random.integers(1, 4)):
            line, start = random.integers(2, CELLS - 2), random.integers(1, CELLS - 6)
            length = random.integers(3, 6)
            if random.random() < 0.5:
                solid[line, start : start + length] = True
            else:
                solid[start : start + length, line] = True
        solid[[0, -1], :] = solid[:, [0, -1]] = True
        free = largest_place(~solid)
        if free.sum() >= (CELLS - 2) ** 2 // 2:
            return np.where(free, 0, 1 + random.integers(textures.WALLS, size=(CELLS, CELLS))).astype(np.int64)


def largest_place(free: np.ndarray) -> np.ndarray:
    """Return the largest 4-connected part of a boolean grid as a boolean grid."""
    label, best = np.zeros(free.shape, int), (0, 0)
    for origin in zip(*np.nonzero(free), strict=True):
        if label[origin]:
            continue
        name, size, queue = label.max() + 1, 0, [origin]
        label[origin] = name
        while queue:
            x, z = queue.pop()
            size += 1
            for cell in ((x + 1, z), (x - 1, z), (x, z + 1), (x, z - 1)):
                if free[cell] and not label[cell]:
                    label[cell] = name
                    queue.append(cell)
        best = max(best, (size, name))
    return label == best[1] if best[1] else free


def _hsv(hue: np.ndarray | float, saturation: np.ndarray | float, value: np.ndarray | float) -> np.ndarray:
    """Convert hue (turns), saturation and value (0..1) to RGB in the last axis."""
    hue, saturation, value = np.broadcast_arrays(np.asarray(hue, float), saturation, value)
    wheel = np.abs(((hue[..., None] + np.array([1.0, 2 / 3, 1 / 3])) % 1) * 6 - 3) - 1
    return value[..., None] * (1 - saturation[..., None] * (1 - np.clip(wheel, 0, 1)))


class _Hits(NamedTuple):
    depth: Tensor
    kind: Tensor
    colours: Tensor
    along: Tensor
    facing: Tensor
    slant: Tensor


def render(worlds: Worlds, which: Tensor, place: Tensor, yaw: Tensor, size: tuple[int, int]) -> View:
    """Render frames of several worlds at once.

    Args:
        worlds: the worlds, on the device that shall render.
        which: (F,) the world of each frame.
        place: (F, 2) x and z of the eye in metres, in a walkable cell.
        yaw: (F,) radians, positive to the right.
        size: height and width of the picture; any.

    Returns:
        View: pixels and depth, float32.
    """
    height, width = size
    device = worlds.cells.device
    which, place, yaw = which.to(device), place.to(device).double(), yaw.to(device).double()
    focal = FOCAL * width
    across = (torch.arange(width, device=device, dtype=torch.float64) + 0.5 - width / 2) / focal
    sin, cos = yaw.sin()[:, None], yaw.cos()[:, None]
    direction = torch.stack([sin + cos * across, cos - sin * across], dim=-1)
    hits = _cast(worlds, which, place, direction)
    down = ((torch.arange(height, device=device) + 0.5 - height / 2) / focal)[None, :, None]
    return _shade(worlds, which, place, direction.float(), hits, down, focal)


def _cast(worlds: Worlds, which: Tensor, place: Tensor, direction: Tensor) -> _Hits:
    """Walk every ray through the grid to its first wall. direction (F, W, 2) has length 1 along the optical axis."""
    frames, columns = direction.shape[:2]
    cell = (place / CELL).floor().long()[:, None].expand(frames, columns, 2).clone()
    step = torch.where(direction > 0, 1, -1)
    pace = CELL / direction.abs().clamp_min(1e-9)
    border = (cell + (step > 0)) * CELL
    following = ((border - place[:, None]) / direction.where(direction.abs() > 1e-9, 1e-9 * step)).clone()
    depth = torch.zeros(frames, columns, dtype=torch.float64, device=direction.device)
    side = torch.zeros(frames, columns, dtype=torch.long, device=direction.device)
    world = which[:, None].expand(frames, columns)
    kind = torch.zeros_like(side)
    for _ in range(2 * CELLS):
        going = kind == 0
        if not going.any():
            break
        axis = (following[..., 1] < following[..., 0]).long()
        depth = torch.where(going, following.gather(-1, axis[..., None])[..., 0], depth)
        side = torch.where(going, axis, side)
        move = torch.nn.functional.one_hot(axis, 2) * going[..., None]
        cell = cell + step * move
        following = following + pace * move
        kind = torch.where(going, worlds.cells[world, cell[..., 0], cell[..., 1]], kind)
    hit = place[:, None] + direction * depth[..., None]
    other = 1 - side
    along = hit.gather(-1, other[..., None])[..., 0] - cell.gather(-1, other[..., None])[..., 0] * CELL
    normal = direction.gather(-1, side[..., None])[..., 0].abs()
    slant = direction.norm(dim=-1) / normal.clamp_min(0.05)
    facing = 2 * side + (step.gather(-1, side[..., None])[..., 0] > 0)
    colours = worlds.colours[world, cell[..., 0], cell[..., 1]]
    return _Hits(depth.float().clamp_min(1e-3), kind - 1, colours, along.float(), facing, slant.float())


_LIGHT = (0.72, 0.86, 1.0, 0.6)


def _shade(
    worlds: Worlds, which: Tensor, place: Tensor, direction: Tensor, hits: _Hits, down: Tensor, focal: float
) -> View:
    depth = hits.depth[:, None, :]
    drop = down * depth
    pixel = depth / focal
    mix = textures.wall(hits.kind, hits.along, WALL - EYE + drop, pixel[:, 0], hits.slant)
    light = torch.tensor(_LIGHT, device=depth.device)[hits.facing][:, None, :, None]
    wall = torch.lerp(hits.colours[:, None, :, 1], hits.colours[:, None, :, 0], mix[..., None]) * light

    horizon = worlds.floor[which, 2][:, None, None]
    far = (EYE / down.clamp_min(1e-3)).expand(len(which), -1, depth.shape[-1])
    ground = place.float()[:, None, None] + direction[:, None] * far[..., None]
    tiles = textures.floor(worlds.floor_kind[which], ground, far / focal, down)
    floor = torch.lerp(worlds.floor[which, 1][:, None, None], worlds.floor[which, 0][:, None, None], tiles[..., None])

    covers_floor = _edge((EYE - drop) / pixel)
    covers_sky = _edge((drop + WALL - EYE) / pixel)
    wall = torch.lerp(horizon, wall, (-depth / FOG).exp()[..., None])
    floor = torch.lerp(horizon, floor, (-far / FOG).exp()[..., None])
    sky = _sky(worlds, which, direction, down, focal)
    pixels = torch.lerp(floor, torch.lerp(sky, wall, covers_sky[..., None]), covers_floor[..., None])
    seen = torch.where(covers_floor < 0.5, far, torch.where(covers_sky < 0.5, torch.inf, depth.expand_as(far)))
    return View(pixels.clamp(0, 1), seen)


def _edge(distance: Tensor) -> Tensor:
    """Coverage of a pixel whose centre lies `distance` pixels inside an edge."""
    return (distance + 0.5).clamp(0, 1)


def _sky(worlds: Worlds, which: Tensor, direction: Tensor, down: Tensor, focal: float) -> Tensor:
    azimuth = torch.atan2(direction[..., 0], direction[..., 1])
    height = (-down / direction.norm(dim=-1)[:, None, :]).clamp_min(0)
    blend = (height / 0.5).clamp(0, 1).sqrt()[..., None]
    colour = torch.lerp(worlds.floor[which, 2][:, None, None], worlds.sky[which][:, None, None], blend)
    amplitude, frequency, phase = worlds.skyline[which].unbind(1)
    wave = (azimuth[..., None] * frequency[:, None] + phase[:, None]).sin() * amplitude[:, None]
    hill = 0.12 + wave.sum(-1)
    covered = _edge((hill[:, None] - height) * focal)[..., None]
    return torch.lerp(colour, worlds.hills[which][:, None, None], covered)


def walk(
    worlds: Worlds, which: Tensor, place: Tensor, yaw: Tensor, moves: Tensor, turns: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Walk many tracks with collision; row i moves the camera from frame i to frame i + 1.

    Args:
        worlds: the worlds, on the CPU.
        which: (F,) the world of each walker.
        place: (F, 2) x and z of frame 0 in metres.
        yaw: (F,) radians of frame 0.
        moves: (F, rows, 2) metres to the right and ahead in each row, in the camera's axes of the row's frame.
        turns: (F, rows) radians added after the move.

    Returns:
        places (F, rows + 1, 2), yaws (F, rows + 1), bumped (F, rows) where a wall shortened the step. Float64.
    """
    places, yaws = [place.double()], [yaw.double()]
    bumped = torch.zeros(moves.shape[:2], dtype=torch.bool)
    for row in range(moves.shape[1]):
        here, heading = places[-1], yaws[-1]
        right, ahead = moves[:, row].double().unbind(-1)
        sin, cos = heading.sin(), heading.cos()
        step = torch.stack([right * cos + ahead * sin, ahead * cos - right * sin], dim=-1)
        there = here.clone()
        for axis in range(2):
            tried = there.clone()
            tried[:, axis] += step[:, axis]
            there = torch.where(fits(worlds, which, tried)[:, None], tried, there)
        places.append(there)
        yaws.append(heading + turns[:, row].double())
        bumped[:, row] = (there - here - step).abs().amax(-1) > 1e-9
    return torch.stack(places, 1), torch.stack(yaws, 1), bumped


def fits(worlds: Worlds, which: Tensor, place: Tensor) -> Tensor:
    """Tell for each place (F, 2) whether a body of RADIUS stands there without touching a wall."""
    free = torch.ones(len(place), dtype=torch.bool)
    for corner in ((-RADIUS, -RADIUS), (-RADIUS, RADIUS), (RADIUS, -RADIUS), (RADIUS, RADIUS)):
        cell = ((place + torch.tensor(corner, dtype=place.dtype)) / CELL).floor().long().clamp(0, CELLS - 1)
        free &= worlds.cells[which, cell[:, 0], cell[:, 1]] == 0
    return free


def poses(place: Tensor, yaw: Tensor) -> Tensor:
    """Return camera-to-world poses (…, 4, 4), float64, of eyes at place (…, 2) looking along yaw (…)."""
    sin, cos = yaw.double().sin(), yaw.double().cos()
    zero, one = torch.zeros_like(sin), torch.ones_like(sin)
    x, z = place.double().unbind(-1)
    rows = [cos, zero, sin, x, zero, one, zero, zero, -sin, zero, cos, z, zero, zero, zero, one]
    return torch.stack(rows, -1).unflatten(-1, (4, 4))


def random_starts(worlds: Worlds, which: Tensor, random: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Draw a standing place and a heading with an open view for each walker: (F, 2) metres and (F,) radians."""
    count = len(which)
    place, yaw = torch.zeros(count, 2, dtype=torch.float64), torch.zeros(count, dtype=torch.float64)
    missing = torch.ones(count, dtype=torch.bool)
    while missing.any():
        tried = torch.from_numpy(random.uniform(CELL, CELL * (CELLS - 1), (count, 2)))
        turn = torch.from_numpy(random.uniform(-math.pi, math.pi, count))
        ahead = tried + torch.stack([turn.sin(), turn.cos()], -1) * 1.2
        good = missing & fits(worlds, which, tried) & fits(worlds, which, ahead)
        place[good], yaw[good] = tried[good], turn[good]
        missing &= ~good
    return place, yaw
