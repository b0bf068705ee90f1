"""The places that a person chooses from: the levels by their names, and held-out random layouts by number."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from . import engine, plans

LAYOUT = "random layout"
MENU = (*plans.NAMES, LAYOUT)


def place_in(level: str, layout: int, place: int) -> tuple[engine.Places, tuple[Tensor, Tensor]]:
    """Return a place and a start in it; neither the starts in levels nor the layouts were trained on.

    Args:
        level: one of MENU.
        layout: which random layout, 0 up to HELD_OUT_SEEDS; read for LAYOUT alone.
        place: which start.

    Returns:
        The place, and where one stands: (1, 2) metres, and yaw (1,) radians.

    Raises:
        ValueError: there is no such level, or the layout may have been trained on.
    """
    if level not in MENU:
        raise ValueError(f"level: found {level!r}, expected one of {', '.join(MENU)}; choose one of these.")
    if level == LAYOUT and not 0 <= layout < engine.HELD_OUT_SEEDS:
        raise ValueError(
            f"layout: found {layout}, expected 0 to {engine.HELD_OUT_SEEDS - 1}, which were kept out of the training; "
            "choose one of these."
        )
    seed = layout if level == LAYOUT else engine.level_seed(level)
    places = engine.build([seed])
    # negative seeds are levels', which a generator's seed may not be
    random = np.random.default_rng([61, seed if seed >= 0 else engine.HELD_OUT_SEEDS - seed, place])
    return places, engine.random_starts(places, torch.zeros(1, dtype=torch.long), random)
