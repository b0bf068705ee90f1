"""Who walks through the places: an explorer who looks where it goes, and comes home if told to.

Rows are actions, one per frame; row i moves the camera from frame i to frame i + 1. Keys and turns are the pilot's.

Shapes: F walkers, R rows, N cells per side.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .. import pilot
from ..pilot import Actions, Walks
from . import engine, plans

FAR = 5.0
"""Cells that a new goal is away at least, where the place allows it."""
NEAR_WALL = 2.0
"""What a cell beside a wall costs more than one in the open."""
_STEPS = np.array([[1, 0], [-1, 0], [0, 1], [0, -1]])


def explore(
    places: engine.Places,
    which: Tensor,
    start: tuple[Tensor, Tensor],
    rows: int,
    random: np.random.Generator,
    pace: float = 1.0,
    home_after: np.ndarray | None = None,
) -> Walks:
    """Walk from goal to goal in wide bends, away from walls, looking around and standing still at times.

    Args:
        places, which, start: as `pilot.play` takes them.
        rows: to walk.
        random: draws goals and pauses.
        pace: steps that a held key moves.
        home_after: (F,) rows after which each walker goes back to its start, turns as it stood there, and stays;
            `None`: never.
    """
    place, yaw = start[0].double().clone(), start[1].double().clone()
    walkers = np.arange(len(which))
    turning_back = np.full(len(which), rows) if home_after is None else home_after
    home = np.zeros(len(which), bool)
    guide = Guide(places.cells[which].numpy(), random)
    for walker in walkers:
        guide.aim(walker, place[walker].numpy())
    rate, pause, glance = np.zeros(len(which)), np.zeros(len(which), int), np.zeros(len(which))
    keys, turns = torch.zeros(len(which), rows, 4), torch.zeros(len(which), rows, dtype=torch.float64)
    stood, yaws, bumped = [place], [yaw], []
    for row in range(rows):
        for walker in np.nonzero(turning_back == row)[0]:
            guide.aim(walker, place[walker].numpy(), (start[0][walker].numpy() / engine.CELL).astype(int))
        arrived, to_start = guide.arrived(place.numpy()), (start[0] - place).numpy()
        away = np.linalg.norm(to_start, axis=1)
        home |= (away < 0.35) & (turning_back <= row)
        for walker in np.nonzero(arrived & (turning_back > row))[0]:
            guide.aim(walker, place[walker].numpy())
            pause[walker] = random.integers(8, 40) if random.random() < 0.35 else 0
            glance[walker] = random.uniform(-3, 3)
        error = guide.error(place.numpy(), yaw.numpy())
        straight = np.arctan2(to_start[:, 0], to_start[:, 1]) - yaw.numpy()
        straight = np.degrees(np.where(home, (start[1] - yaw).numpy(), straight))
        error = np.where((turning_back <= row) & (away < 2.5) | home, (straight + 180) % 360 - 180, error)
        standing = (pause > 0) & ~home
        wanted = np.where(standing, glance, np.clip(error * 0.12, -pilot.FASTEST, pilot.FASTEST))
        rate += np.clip(wanted - rate, -0.5, 0.5)
        turns[:, row] = torch.from_numpy(np.round(rate, 3))
        keys[:, row, 0] = torch.from_numpy(((np.abs(error) < 55) & ~standing & ~home).astype(np.float32))
        pause = np.maximum(pause - 1, 0)
        moved = pace * pilot.moves(keys[:, row : row + 1])
        step = engine.walk(places, which, place, yaw, moved, turns[:, row : row + 1].deg2rad())
        place, yaw = step[0][:, 1], step[1][:, 1]
        stood.append(place)
        yaws.append(yaw)
        bumped.append(step[2][:, 0])
    return Walks(which, Actions(keys, turns), torch.stack(stood, 1), torch.stack(yaws, 1), torch.stack(bumped, 1))


class Guide:
    """The way from every cell of F plans (F, N, N) to each walker's goal."""

    def __init__(self, cells: np.ndarray, random: np.random.Generator) -> None:
        self.free, self.random = cells == 0, random
        wall = np.pad(~self.free, ((0, 0), (1, 1), (1, 1)), constant_values=True)
        size = cells.shape[1]
        beside = np.zeros(cells.shape, bool)
        for x in range(3):
            for z in range(3):
                beside |= wall[:, x : x + size, z : z + size]
        self.cost = 1 + NEAR_WALL * beside
        self.fields = np.zeros(cells.shape)
        self.goals = np.zeros((len(cells), 2), int)

    def aim(self, walker: int, place: np.ndarray, goal: np.ndarray | None = None) -> None:
        """Choose a goal for one walker, or take the cell that is given."""
        cells = np.argwhere(self.free[walker])
        away = np.abs((cells + 0.5) * engine.CELL - place).sum(1) / engine.CELL
        open_cells = cells[(away > FAR) & (self.cost[walker][tuple(cells.T)] == 1)]
        chosen = open_cells if len(open_cells) else cells
        self.goals[walker] = chosen[self.random.integers(len(chosen))] if goal is None else goal
        self.fields[walker] = costs(self.free[walker], self.cost[walker], tuple(self.goals[walker]))

    def arrived(self, place: np.ndarray) -> np.ndarray:
        """Tell who is near its goal, (F,)."""
        return (np.abs((self.goals + 0.5) * engine.CELL - place) < 0.9 * engine.CELL).all(1)

    def error(self, place: np.ndarray, yaw: np.ndarray) -> np.ndarray:
        """Return the degrees to turn right to face the way two to three cells ahead."""
        walker = np.arange(len(place))
        cell = np.clip((place / engine.CELL).astype(int), 0, plans.SIDE - 1)
        ahead = []
        for _ in range(3):
            around = cell[:, None] + _STEPS
            values = self.fields[walker[:, None], around[..., 0], around[..., 1]]
            best = values.argmin(1)
            closer = values[walker, best] < self.fields[walker, cell[:, 0], cell[:, 1]]
            cell = np.where(closer[:, None], around[walker, best], cell)
            ahead.append((cell + 0.5) * engine.CELL)
        toward = 0.25 * ahead[0] + 0.4 * ahead[1] + 0.35 * ahead[2] - place
        error = np.degrees(np.arctan2(toward[:, 0], toward[:, 1]) - yaw)
        return (error + 180) % 360 - 180


def costs(free: np.ndarray, cost: np.ndarray, goal: tuple[int, ...]) -> np.ndarray:
    """Return what the way from every cell (N, N) to the goal costs; walls are infinitely far."""
    field = np.full(free.shape, np.inf)
    field[goal] = 0
    while True:
        padded = np.pad(field, 1, constant_values=np.inf)
        size = len(field)
        near = np.min([padded[1 + x : 1 + x + size, 1 + z : 1 + z + size] for x, z in _STEPS], axis=0) + cost
        shorter = np.where(free, np.minimum(field, near), np.inf)
        if np.array_equal(shorter, field):
            return field
        field = shorter


def crowding(places: engine.Places, walks: Walks) -> Tensor:
    """Tell how much of a walk is spent against walls or facing them closely, (F,) in 0..2."""
    ahead = torch.stack([walks.yaws.sin(), walks.yaws.cos()], -1)
    which = walks.which[:, None].expand(walks.yaws.shape).flatten()
    near = ~engine.fits(places, which, (walks.places + 1.7 * ahead).flatten(0, 1), 0.2).view(walks.yaws.shape)
    return walks.bumped.float().mean(1) + near.float().mean(1)
