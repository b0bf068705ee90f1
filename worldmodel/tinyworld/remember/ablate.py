"""What memory and the error buffer are worth: three twins, the same but for one thing, and the first played astray.

with       looks at what the runtime chooses, and is spoiled by the error buffer
without    is trained and played without memory
unspoilt   is trained without the error buffer
random     is the first, played with any frames of its past in place of those chosen
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..export import open_player
from .clips import Clips
from .train import BATCH, RECIPE, Recipe, begin_run, flow_error, train, update

log = logging.getLogger(__name__)
TWINS: dict[str, Recipe] = {
    "with": RECIPE,
    "without": RECIPE._replace(remembers="nothing"),
    "unspoilt": RECIPE._replace(errors=False),
}
TIMED = 3
"""Updates that are timed, after one that is not."""


def seconds_of_update(run: Path, shards: Path, begin_with: Path | None, seed: int) -> float:
    """Return the processor seconds of an update of the first twin; nothing of it is kept.

    Raises:
        ValueError: there are no walks, or no such weights.
    """
    trial = begin_run(run / "trial", 1.0, 1e-3, seed, begin_with, RECIPE)
    clips, random = Clips(shards, "retrieved", trial.extra["mean"], trial.extra["std"]), np.random.default_rng(seed)
    clips.refresh()
    for number in range(TIMED + 1):
        if number == 1:
            begin = time.process_time()
        update(trial, flow_error(trial.model, clips.draw(random, BATCH), random)[0].mean(), 0.9)
    return (time.process_time() - begin) / TIMED


def said_beforehand(seconds: float, updates: int) -> str:
    """Return how long the three trainings take, of a time for an update."""
    minutes = len(TWINS) * updates * seconds / 60
    return (
        f"{len(TWINS)} twins of {updates} updates, {seconds:.1f} s each on one thread: about {minutes:.0f} minutes of "
        "a core; then they are judged. It resumes where it was stopped."
    )


def train_twins(
    run: Path, shards: Path, updates: int, rate: float, seed: int, begin_with: Path | None, say: Callable[[str], None]
) -> dict[str, Path]:
    """Train the twins one after another, from the same weights, on the same walks, and return their runs.

    Args:
        run: folder of the runs, which resume.
        shards: folder of encoded walks.
        updates: of each twin.
        rate: peak learning rate.
        seed: of weights and draws.
        begin_with: weights to begin with; `None`: fresh ones.
        say: is told beforehand how long it takes.
    """
    say(said_beforehand(seconds_of_update(run, shards, begin_with, seed), updates))
    runs = {}
    for name, recipe in TWINS.items():
        runs[name] = run / name
        train(runs[name], shards, 0.0, rate, seed, begin_with, recipe._replace(updates=updates))
        say(f"{name}: {updates} updates done")
        open_player(runs[name])  # a run that cannot be played stops here, and not after the last
    return runs
