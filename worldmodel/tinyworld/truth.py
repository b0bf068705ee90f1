"""What is true of a walk through Tiny World: where one stands, what stops one, and how far a goal is.

Poses are x and z in metres and the yaw in radians, in the plan's axes, as `scene.overhead` has them. Row i of a track
moves from pose i to pose i + 1, so F frames have F + 1 poses.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from ..binding.bind import bind_track
from ..reading.json_text import checked_numbers, is_whole, shown
from ..reading.words import shortened
from ..track.track import parse_track
from ..variants import BUILT_IN, VARIANTS
from . import pilot
from .scene import engine, overhead, plans

NEAREST, FARTHEST = 3.0, 9.0
"""Metres from the start within which a goal lies."""
_MOST_SEED = 2**63 - 1


def truth(asked: dict[str, Any]) -> dict[str, Any]:
    """Walk through the true place: {level, world_seed, place, track, from, goal} -> {poses, stopped, goal, distances}.

    `track` is a track's text; none, or left out, asks for the start alone. `from` is the pose in which it begins; none:
    the start of `place`. `stopped` are the rows that a wall shortened. `goal` is a seed: of it a place is drawn which
    one can walk to, and `distances` are the straight metres to it, of each pose; without it both are null.

    Raises:
        ValueError: there is no such place, one cannot stand there, or the text is no track.
    """
    chosen = overhead.chosen(asked)
    places, start = overhead.place_of(*chosen)
    begins, text, goal = asked.get("from"), asked.get("track"), asked.get("goal")
    pose = start if begins is None else checked_numbers(begins, "from", 3)
    if begins is not None and not _can_stand(places, pose):
        raise ValueError(f"from: found {shown(begins)}, expected a pose between the walls; walk from the start.")
    poses, stopped = [list(pose)], []
    if text is not None:
        poses, stopped = _walked(places, pose, text)
    answer: dict[str, Any] = {"poses": poses, "stopped": stopped, "goal": None, "distances": None}
    if goal is None:
        return answer
    if not is_whole(goal) or not 0 <= goal <= _MOST_SEED:
        raise ValueError(f"goal: found {shown(goal)}, expected a whole number from 0 to {_MOST_SEED}; change it.")
    x, z = _goal(*chosen, goal)
    return answer | {"goal": [x, z], "distances": [math.hypot(one[0] - x, one[1] - z) for one in poses]}


QUESTIONS = {"truth": truth}


def _walked(places: engine.Places, pose: list[float], text: Any) -> tuple[list[list[float]], list[int]]:
    if not isinstance(text, str):
        raise ValueError(f"track: found {shortened(shown(text))}, expected the text of a track; write one.")
    track = parse_track(text)
    bound = bind_track(track, VARIANTS[BUILT_IN])
    actions = pilot.Actions(bound.controls.keyboard[None], bound.turns[None, :, 0].double())
    stood = torch.tensor([pose[:2]], dtype=torch.float64), torch.tensor([pose[2]], dtype=torch.float64)
    walks = pilot.play(places, torch.zeros(1, dtype=torch.long), stood, actions)
    walked = torch.cat([walks.places[0], walks.yaws[0, :, None]], 1)[: track.frames + 1]
    return walked.tolist(), torch.nonzero(walks.bumped[0, : track.frames])[:, 0].tolist()


def _can_stand(places: engine.Places, pose: list[float]) -> bool:
    x, z, yaw = pose
    side = plans.SIDE * engine.CELL
    if not (0 <= x < side and 0 <= z < side and math.isfinite(yaw)):
        return False
    return bool(engine.fits(places, torch.zeros(1, dtype=torch.long), torch.tensor([[x, z]], dtype=torch.float64)))


@lru_cache(maxsize=64)
def _goal(level: str, world_seed: int, place: int, seed: int) -> tuple[float, float]:
    """Draw a place that one can walk to from the start."""
    places, (x, z, _) = overhead.place_of(level, world_seed, place)
    reached = _reached(places.cells[0].numpy(), int(x / engine.CELL), int(z / engine.CELL))
    random, which = np.random.default_rng([67, place, seed]), torch.zeros(1, dtype=torch.long)
    nearest, farthest = NEAREST, FARTHEST
    while True:
        stood, _ = engine.random_starts(places, which, random)
        goal = stood[0].tolist()
        away, cell = math.hypot(goal[0] - x, goal[1] - z), tuple(int(value / engine.CELL) for value in goal)
        if nearest <= away <= farthest and reached[cell]:
            return goal[0], goal[1]
        nearest, farthest = 0.99 * nearest, 1.01 * farthest  # a yard may have no such place


def _reached(cells: np.ndarray, x: int, z: int) -> np.ndarray:
    """Mark the free cells that one comes to from a cell, step by step along the axes."""
    reached = np.zeros(cells.shape, bool)
    open_cells = [(x, z)]
    while open_cells:
        x, z = open_cells.pop()
        if 0 <= x < plans.SIDE and 0 <= z < plans.SIDE and not reached[x, z] and cells[x, z] == plans.FREE:
            reached[x, z] = True
            open_cells += [(x - 1, z), (x + 1, z), (x, z - 1), (x, z + 1)]
    return reached
