"""UniPC for flows: few steps, each predicted from the clean estimates before it and corrected by the one after it.

Second order, in its B2 form, on estimates of the clean latents (UniPC, arXiv:2302.04867, algorithms 1 and 2), with the
noise levels of Wan (`wan/utils/fm_solvers_unipc.py` of Matrix-Game 3.0's release). A corrected sample is never put
through the network again.

    x = (1 - sigma) clean + sigma noise;  lambda = ln((1 - sigma) / sigma)

In float32 it is exact. In bfloat16 samples, estimates stay float32 and samples are rounded where the release rounds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from .samplers import AfterStep, Velocity
from .sampling import LEVELS, Levels, check_own_levels

GREATEST_SIGMA = float(np.float32(1 - 1 / LEVELS))
"""Of the levels before they are shifted; so the first step is a little less than pure noise."""


class UniPC(NamedTuple):
    """The sampler, as data.

    Args:
        count: steps.
        shift: of the noise levels.
    """

    count: int
    shift: float = 5.0

    def levels(self) -> Levels:
        """Return the steps' timesteps, whole numbers, and noise levels.

        Raises:
            ValueError: as `check_own_levels`.
        """
        check_own_levels(self.count, self.shift)
        u = np.linspace(GREATEST_SIGMA, 0, self.count + 1)[:-1]
        sigmas = self.shift * u / (1 + (self.shift - 1) * u)
        return Levels(torch.from_numpy(np.floor(sigmas * LEVELS)).float(), torch.from_numpy(sigmas).float())

    def said(self) -> str:
        """Say its numbers."""
        return f"{self.count} steps; shift {self.shift:g}"

    def sample(self, predict: Velocity, draws: Iterator[Tensor], after_step: AfterStep | None = None) -> Tensor:
        """Denoise, one pass of the network a step, of the initial noise alone; see `Sampler.sample`."""
        levels = self.levels()
        sigmas = torch.cat([levels.sigmas, torch.zeros(1)])  # of the steps, and of what is clean
        logs = torch.log(1 - sigmas) - torch.log(sigmas)  # lambda, infinite at the end
        x = before = next(draws)
        cleans: list[Tensor] = []
        order = 0
        for number, timestep in enumerate(levels.timesteps):
            clean = x - sigmas[number] * predict(x, timestep).float()
            if after_step is not None:
                after_step(number, clean.to(x.dtype))
            if number:
                x = _corrected(before, [*cleans, clean], sigmas[: number + 1], logs[: number + 1], order)
            cleans = [*cleans[-1:], clean]
            order = min(2, self.count - number, number + 1)
            before, x = x, _predicted(x, cleans, sigmas[: number + 2], logs[: number + 2], order)
        return x


def _predicted(x: Tensor, cleans: list[Tensor], sigmas: Tensor, logs: Tensor, order: int) -> Tensor:
    """Go from the last but one level to the last; at second order along the slope of the last two estimates."""
    sigma, step = sigmas[-1], logs[-1] - logs[-2]
    weight = (1 - sigma) * torch.expm1(-step)
    moved = sigma / sigmas[-2] * x - weight * cleans[-1]  # in bfloat16 the first product is rounded, as released
    if order == 2:
        back = (logs[-3] - logs[-2]) / step
        moved = moved - weight * (0.5 * ((cleans[-2] - cleans[-1]) / back))
    return moved.to(x.dtype)


def _corrected(before: Tensor, cleans: list[Tensor], sigmas: Tensor, logs: Tensor, order: int) -> Tensor:
    """Go from the last but one level to the last again, now that an estimate was made there.

    Args:
        before: the corrected sample at the last but one level.
        cleans: estimates, the last one made at the last level.
        sigmas, logs: up to that level.
        order: of the prediction that led there.
    """
    sigma, step = sigmas[-1], logs[-1] - logs[-2]
    rise = torch.expm1(-step)
    weight = (1 - sigma) * rise
    moved = sigma / sigmas[-2] * before - weight * cleans[-2]
    new = cleans[-1] - cleans[-2]
    if order == 1:
        return (moved - weight * (0.5 * new)).to(before.dtype)
    back = (logs[-3] - logs[-2]) / step
    first = rise / -step - 1
    second = first / -step - 0.5
    matrix = torch.stack([torch.ones(2), torch.stack([back, torch.ones(())])])
    shares = torch.linalg.solve(matrix, torch.stack([first / rise, second * 2 / rise]))
    shares = shares.to(before.dtype).float()  # rounded with the samples, as released
    slope = (cleans[-3] - cleans[-2]) / back
    return (moved - weight * (shares[0] * slope + shares[1] * new)).to(before.dtype)
