"""Few steps by two experts: the first goes no further back than to the level at which the second one takes over.

What CausalWan2.2 was distilled for, as arithmetic: no model here is sampled so yet, because how its first block is told
was never run. Within the first phase a step goes back to the boundary, and out again to the next level with just as
much fresh noise as that level has more; its last step hands over what it has. The second phase goes back to clean and
out again, as `Renoise`.

    x = (1 - sigma) clean + sigma noise
    a = (1 - sigma) / (1 - boundary),  b = sqrt(sigma^2 - (a boundary)^2)

Source: FastVideo (github.com/hao-ai-lab/FastVideo), its causal denoising stage.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from .samplers import AfterStep, Velocity
from .sampling import LEVELS, Levels, add_noise, clean_from_velocity, warped_steps
from .wrappers import is_high


class TwoPhases(NamedTuple):
    """The sampler, as data.

    Args:
        steps: falling numbers of the shifted table, 1000 ... 1.
        shift: of the table.
        boundary: the timestep, in [0, 1000], from which on the expert for much noise is asked.
    """

    steps: tuple[int, ...]
    shift: float
    boundary: float

    def levels(self) -> Levels:
        """Return the listed levels; see `warped_steps`."""
        return warped_steps(self.steps, self.shift)

    def high(self) -> list[bool]:
        """Tell for each step whether it is the expert's for much noise."""
        return [is_high(timestep, self.boundary) for timestep in self.levels().timesteps]

    def said(self) -> str:
        """Say its numbers."""
        return f"steps {', '.join(map(str, self.steps))}; shift {self.shift:g}; experts meet at {self.boundary:g}"

    def sample(self, predict: Velocity, draws: Iterator[Tensor], after_step: AfterStep | None = None) -> Tensor:
        """Denoise, one pass of a network a step; see `Sampler.sample`.

        A draw is taken for each step behind another of its own phase, besides the initial noise.
        """
        levels, high, bound = self.levels(), self.high(), torch.tensor(self.boundary / LEVELS)
        x = clean = next(draws)
        for number, (timestep, sigma) in enumerate(zip(*levels, strict=True)):
            velocity = predict(x, timestep)
            clean = clean_from_velocity(x, velocity, sigma)
            if after_step is not None:
                after_step(number, clean)
            if number == len(high) - 1:
                break
            later = levels.sigmas[number + 1]
            if not high[number]:
                x = add_noise(clean, next(draws), later)
                continue
            x = clean_from_velocity(x, velocity, sigma - bound)
            if high[number + 1]:
                x = out_again(x, next(draws), later, bound)
        return clean


def out_again(x: Tensor, noise: Tensor, sigma: Tensor, boundary: Tensor) -> Tensor:
    """Return x, which is at the level `boundary`, at a noisier one, in the noise's dtype."""
    a = (1 - sigma) / (1 - boundary)
    b = (sigma**2 - (a * boundary) ** 2).clamp_min(0).sqrt()
    return (a * x.float() + b * noise.float()).to(noise.dtype)
