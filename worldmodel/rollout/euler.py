"""Euler's way down the noise levels: every step straight along the velocity, and no noise on the way.

Latents at a level are (1 - sigma) clean + sigma noise; the velocity is noise - clean.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from .samplers import AfterStep, Velocity
from .sampling import Levels, check_own_levels


class Euler(NamedTuple):
    """The sampler, as data.

    Args:
        count: steps.
        shift: of the noise levels shift * u / (1 + (shift - 1) * u), u evenly from 1 down, 0 left out.
    """

    count: int
    shift: float = 7.0

    def levels(self) -> Levels:
        """Return the steps' levels, float64 and not rounded.

        Raises:
            ValueError: as `check_own_levels`.
        """
        check_own_levels(self.count, self.shift)
        u = torch.linspace(1, 0, self.count + 1, dtype=torch.float64)[:-1]
        sigmas = self.shift * u / (1 + (self.shift - 1) * u)
        return Levels(1000 * sigmas, sigmas)

    def said(self) -> str:
        """Say its numbers."""
        return f"{self.count} Euler steps; shift {self.shift:g}"

    def sample(self, predict: Velocity, draws: Iterator[Tensor], after_step: AfterStep | None = None) -> Tensor:
        """Denoise, one pass of the network a step, of the initial noise alone; see `Sampler.sample`."""
        timesteps, sigmas = self.levels()
        falls = [*sigmas.tolist(), 0.0]
        x = next(draws)
        for number, timestep in enumerate(timesteps):
            velocity = predict(x, timestep)
            if after_step is not None:
                after_step(number, x - falls[number] * velocity)
            x = x + (falls[number + 1] - falls[number]) * velocity
        return x
