"""Few steps with noise in between, whose levels are looked up by whole timesteps.

As LingBot-World's release has it: its timesteps are whole numbers, several levels of its table share one, and what goes
back to clean takes the first of these, what goes out to noise again the second.

Source: LingBot-World (github.com/Robbyant/lingbot-world), wan/image2video_fast.py and wan/utils/fm_solvers_unipc.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from .samplers import AfterStep, Velocity, said_levels
from .sampling import LEVELS, Levels, add_noise, clean_from_velocity, warped_steps
from .unipc import UniPC


class Looked(NamedTuple):
    """Rows of the table, (J,) each, one per step."""

    timesteps: Tensor
    """Whole numbers, int64."""
    clean: Tensor
    """Row that goes back to clean."""
    noise: Tensor
    """Row that goes out to noise."""


def table(shift: float) -> Levels:
    """Return the 1000 timesteps, whole numbers, and levels that steps are looked up in."""
    return UniPC(LEVELS, shift).levels()


def looked_up(steps: tuple[int, ...], shift: float) -> Looked:
    """Return the rows of some steps; step n is entry 1000 - n.

    Raises:
        ValueError: as `warped_steps`.
    """
    warped_steps(steps, shift)  # the same numbers are refused
    numbers = table(shift).timesteps.long().numpy()
    timesteps = numbers[[LEVELS - step for step in steps]]
    rows = [np.flatnonzero(numbers == timestep) for timestep in timesteps]
    first, second = ([row[min(place, len(row) - 1)] for row in rows] for place in (0, 1))
    return Looked(torch.from_numpy(timesteps), torch.tensor(first), torch.tensor(second))


class Lookups(NamedTuple):
    """The sampler, as data.

    Args:
        steps: falling numbers of the table, 1000 ... 1.
        shift: of the table.
    """

    steps: tuple[int, ...]
    shift: float

    def levels(self) -> Levels:
        """Return the steps' timesteps and the levels that go back to clean.

        Raises:
            ValueError: as `warped_steps`.
        """
        rows = looked_up(self.steps, self.shift)
        return Levels(rows.timesteps.float(), table(self.shift).sigmas[rows.clean])

    def noise_levels(self) -> Tensor:
        """Return (J,) the levels that go out to noise again; nobody asks for the first."""
        return table(self.shift).sigmas[looked_up(self.steps, self.shift).noise]

    def said(self) -> str:
        """Say its numbers."""
        return said_levels(self.steps, self.shift)

    def sample(self, predict: Velocity, draws: Iterator[Tensor], after_step: AfterStep | None = None) -> Tensor:
        """Denoise, one pass of the network and one draw a step; see `Sampler.sample`."""
        x = clean = next(draws)
        noise_levels = self.noise_levels()
        for number, (timestep, sigma) in enumerate(zip(*self.levels(), strict=True)):
            if number > 0:
                x = add_noise(clean, next(draws), noise_levels[number])
            clean = clean_from_velocity(x, predict(x, timestep), sigma)
            if after_step is not None:
                after_step(number, clean)
        return clean
