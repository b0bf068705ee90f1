"""Walks worth recording: drawn by kind from a seed, tagged, and turned down when nothing comes of them.

A walk of F frames has F rows of actions; row i moves the camera from frame i to frame i + 1, so there are F + 1 poses
and the last row's effect is not filmed.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from . import pilot
from .pilot import Actions
from .scene import engine, plans, walkers

KINDS = ("explore", "random", "held", "there_and_back")
MIXED = "mixed"
_ODDS = (0.35, 0.35, 0.15, 0.15)
SPLITS = {
    "train": (engine.HELD_OUT_SEEDS, 2**31), "held-out": (0, engine.HELD_OUT_SEEDS), "levels": (-len(plans.NAMES), 0),
}  # fmt: skip
"""First seed and end of the worlds of each split; the levels are trained in, their starts and walks held out."""
LEAST_FRAMES = 9
LEAST_METRES, LEAST_DEGREES = 0.05, 0.5
"""A walk that never leaves its start by more than this has no motion and no rotation."""
STRETCH = 8
"""Rows that a pause, a look around or a step aside lasts to be named in the tags."""


class Walk(NamedTuple):
    """One walk through one world: a random layout, or a level.

    Args:
        worlds: the place, alone.
        kind: which suite played it; "track" if an artist did.
        keys: (F, 4) float32 multi-hot, in the pilot's order.
        turns: (F,) float64 degrees, right positive, whole thousandths.
        places: (F + 1, 2) float64 metres.
        yaws: (F + 1,) float64 radians.
        bumped: (F,) where a wall shortened the row's step.
    """

    worlds: engine.Places
    kind: str
    keys: Tensor
    turns: Tensor
    places: Tensor
    yaws: Tensor
    bumped: Tensor

    @property
    def frames(self) -> int:
        """How many frames are filmed."""
        return len(self.keys)

    @property
    def world_seed(self) -> int:
        """The seed of the walk's layout, or the negative number of its level."""
        return self.worlds.seeds[0]


def split_of(world_seed: int) -> str:
    """Name the split that a world belongs to; no world is in two."""
    return next(name for name, (first, end) in SPLITS.items() if first <= world_seed < end)


def draw_walk(seed: int, candidate: int, kind: str, frames: int, split: str) -> Walk:
    """Draw one walk: its world, start and actions depend on these five arguments alone."""
    random = np.random.default_rng([23, seed, candidate])
    worlds = engine.build([int(random.integers(*SPLITS[split]))])
    start = engine.random_starts(worlds, torch.zeros(1, dtype=torch.long), random)
    return pilot_walk(worlds, start, kind, frames, random)


def pilot_walk(
    worlds: engine.Places, start: tuple[Tensor, Tensor], kind: str, frames: int, random: np.random.Generator
) -> Walk:
    """Let the pilot walk from a start (place (1, 2), yaw (1,)) in a world; "mixed" draws the kind too."""
    if kind == MIXED:
        kind = str(random.choice(KINDS, p=_ODDS))
    if kind == "explore":
        which = torch.zeros(1, dtype=torch.long)
        actions = walkers.explore(worlds, which, start, frames, random).actions
    elif kind == "random":
        actions = _exact(pilot.random_actions(random, 1, frames))
    elif kind == "held":
        one = pilot.single_actions()[random.integers(len(pilot.single_actions()))]
        actions = Actions(one.keys.expand(1, frames, 4).clone(), one.turns.expand(1, frames).clone())
    else:
        actions = _there_and_back(worlds, start, frames, random)
    return play(worlds, start, actions, kind)


def play(worlds: engine.Places, start: tuple[Tensor, Tensor], actions: Actions, kind: str) -> Walk:
    """Walk actions (1, F, ...) from a start; turns are rounded to thousandths, as a track's text writes them."""
    keys, turns = _exact(actions)
    walks = pilot.play(worlds, torch.zeros(1, dtype=torch.long), start, Actions(keys, turns))
    return Walk(worlds, kind, keys[0], turns[0], walks.places[0], walks.yaws[0], walks.bumped[0])


def _exact(actions: Actions) -> Actions:
    turns = torch.from_numpy(np.round(actions.turns.double().numpy(), 3) + 0.0)
    return Actions(actions.keys, turns)


def _there_and_back(
    worlds: engine.Places, start: tuple[Tensor, Tensor], frames: int, random: np.random.Generator
) -> Actions:
    """Play at random for half the time, without keys from the first wall on, and undo it: the last frame is the first.

    A row moves first and turns then, so the way back undoes each turn one row before the move it followed.
    """
    there = _exact(pilot.random_actions(random, 1, (frames - 2) // 2))
    bumped = play(worlds, start, there, "there").bumped.nonzero()
    if len(bumped):
        there.keys[:, int(bumped[0]) :] = 0
    return undone(there, frames)


def undone(there: Actions, rows: int) -> Actions:
    """Append the exact way back to actions (1, n, ...), a pause between them and one after them up to `rows`."""
    length = there.turns.shape[1]
    pause = rows - 1 - (2 * length + 1)
    assert pause >= 0, f"{rows} rows are too few for {length} there and {length + 1} back"
    none, still = there.keys.new_zeros(1, 1, 4), there.turns.new_zeros(1, 1)
    back_keys = there.keys.flip(1)[..., [1, 0, 3, 2]]
    keys = torch.cat([there.keys, none.expand(1, pause, 4), none, back_keys, none], 1)
    turns = torch.cat([there.turns, still.expand(1, pause), 0.0 - there.turns.flip(1), still, still], 1)
    return Actions(keys, turns)


def return_error(walk: Walk) -> float:
    """Walk a walk's actions there and exactly back where no wall stands: how far from the start it ends.

    Returns:
        The larger of metres and radians; float64 leaves less than 1e-9.
    """
    start = walk.places[:1], walk.yaws[:1]
    actions = undone(Actions(walk.keys[None], walk.turns[None]), 2 * walk.frames + 2)
    open_world = walk.worlds._replace(cells=torch.zeros_like(walk.worlds.cells))
    back = play(open_world, start, actions, walk.kind)
    return float(max((back.places[-1] - start[0][0]).abs().max(), (back.yaws[-1] - start[1][0]).abs()))


def stuck(walk: Walk) -> bool:
    """Tell whether something was asked and yet the view neither moved nor turned; who only stands is not stuck."""
    moved = (walk.places[: walk.frames] - walk.places[0]).norm(dim=1).max() > LEAST_METRES
    turned = (walk.yaws[: walk.frames] - walk.yaws[0]).abs().max().rad2deg() > LEAST_DEGREES
    return bool(_asked(walk).any()) and not bool(moved) and not bool(turned)


def tags(walk: Walk) -> list[str]:
    """Name what happens in a walk, by the rows whose effect is seen.

    idle: nothing is pressed at all; pause, look, back, strafe: nothing pressed, turns alone, the key back, a step to
    the side without forward or back, for `STRETCH` rows; bump: a wall shortened a step; blocked: it kept the walker in
    place for more than half the time; revisit: a cell of the world is entered again after twice `STRETCH` rows.
    """
    keys, turning = walk.keys[:-1] > 0, walk.turns[:-1] != 0
    forward, back, left, right = keys.unbind(1)
    held, bumped = keys.any(1), walk.bumped[:-1]
    moved = (walk.places[1:-1] - walk.places[:-2]).norm(dim=1) > 1e-9
    named = {
        "idle": not bool(_asked(walk).any()),
        "pause": bool(_asked(walk).any()) and _lasts(~held & ~turning),
        "look": _lasts(~held & turning),
        "back": _lasts(back),
        "strafe": _lasts((left | right) & ~forward & ~back),
        "bump": bool(bumped.any()),
        "blocked": int((bumped & ~moved & ~turning).sum()) * 2 > len(bumped),
        "revisit": _revisits(walk),
    }
    return [name for name, true in named.items() if true]


def _asked(walk: Walk) -> Tensor:
    return walk.keys[:-1].any(1) | (walk.turns[:-1] != 0)


def _lasts(flags: Tensor) -> bool:
    if len(flags) < STRETCH:
        return False
    return bool(flags.unfold(0, STRETCH, 1).all(1).any())


def _revisits(walk: Walk) -> bool:
    """Tell whether the walker enters a cell that was left some time ago."""
    left: dict[tuple[int, int], int] = {}
    cells = [tuple(cell) for cell in (walk.places[: walk.frames] / engine.CELL).floor().long().tolist()]
    for frame, cell in enumerate(cells):
        if frame and cells[frame - 1] != cell and frame - left.get(cell, frame) > 2 * STRETCH:
            return True
        left[cell] = frame
    return False
