"""The places that a person chooses from: the levels by their names, and held-out random layouts by number."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ...reading.words import shortened
from . import engine, plans

LAYOUT = "random layout"
MENU = (*plans.NAMES, LAYOUT)


def place_in(
    level: str, world_seed: int, place: int, seeds: range = range(engine.HELD_OUT_SEEDS)
) -> tuple[engine.Places, tuple[Tensor, Tensor]]:
    """Return a place and a start in it.

    Args:
        level: one of MENU.
        world_seed: which random layout; read for LAYOUT alone.
        place: which start; those in levels were not trained on.
        seeds: the layouts that may be chosen; by itself those that were kept out of the training.

    Returns:
        The place, and where one stands: (1, 2) metres, and yaw (1,) radians.

    Raises:
        ValueError: there is no such level, or no such layout may be chosen.
    """
    if level not in MENU:
        raise ValueError(f"level: found {shortened(level)!r}, expected one of {', '.join(MENU)}; choose one of these.")
    if level == LAYOUT and world_seed not in seeds:
        raise ValueError(
            f"world_seed: found {world_seed}, expected {seeds.start} to {seeds.stop - 1}, the layouts there are to "
            "choose from; choose one of these."
        )
    seed = world_seed if level == LAYOUT else engine.level_seed(level)
    places = engine.build([seed])
    # negative seeds are levels', which a generator's seed may not be
    random = np.random.default_rng([61, seed if seed >= 0 else engine.HELD_OUT_SEEDS - seed, place])
    return places, engine.random_starts(places, torch.zeros(1, dtype=torch.long), random)
