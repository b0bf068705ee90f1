"""Samplers as data: which noise levels are visited, and how a chunk is denoised along them.

Shapes: x, velocity, noise (C, c, h, w); J levels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from ..reading.words import counted, shortened
from .sampling import Levels, renoise_sample, warped_steps

Velocity = Callable[[Tensor, Tensor], Tensor]
"""(x, timestep) -> velocity."""
AfterStep = Callable[[int, Tensor], None]
"""Told a step's number, from 0, and its clean estimate; may raise to stop."""


class Sampler(Protocol):
    """A way from noise to clean latents; a tuple of plain values, which stand in the keys of what it made."""

    def levels(self) -> Levels:
        """Return the levels it visits.

        Raises:
            ValueError: there are none.
        """
        ...

    def sample(self, predict: Velocity, draws: Iterator[Tensor], after_step: AfterStep | None = None) -> Tensor:
        """Return clean latents, in the layout and dtype of the noise.

        Args:
            predict: the network, (x, timestep) -> velocity; of two experts, the one whose timestep it is.
            draws: independent noise, as much as the sampler asks for.
            after_step: called after every step.
        """
        ...

    def said(self) -> str:
        """Say its numbers in a few words."""
        ...


class Renoise(NamedTuple):
    """Few steps, each back to clean and out again with fresh noise (self-forcing, arXiv:2506.08009, algorithm 2)."""

    steps: tuple[int, ...]
    """Falling numbers of the shifted table, 1000 ... 1."""
    shift: float

    def levels(self) -> Levels:
        """Return the listed levels; see `warped_steps`."""
        return _listed(self.steps, self.shift)

    def sample(self, predict: Velocity, draws: Iterator[Tensor], after_step: AfterStep | None = None) -> Tensor:
        """Return clean latents; see `renoise_sample`."""
        return renoise_sample(predict, draws, self.levels(), after_step)

    def said(self) -> str:
        """Say its numbers."""
        return said_levels(self.steps, self.shift)


def said_levels(steps: tuple[int, ...], shift: float) -> str:
    """Say which noise levels are visited: their numbers alone read as a count."""
    return f"{counted(len(steps), 'step')} (noise {', '.join(map(str, steps))}); shift {shift:g}"


@lru_cache(64)
def _listed(steps: tuple[int, ...], shift: float) -> Levels:
    with torch.inference_mode(False):  # they outlive whoever asks first
        return warped_steps(steps, shift)


def count_of(steps: tuple[int, ...]) -> int:
    """Return how many steps were asked for, of a sampler that finds its levels itself.

    Raises:
        ValueError: levels were listed.
    """
    if len(steps) != 1:
        found = shortened(", ".join(map(str, steps)))
        raise ValueError(f"steps: found {found}, expected how many, such as 3, for this model; write one number.")
    return steps[0]


class Settings(NamedTuple):
    """How a rollout samples and looks back; the variant's own unless the artist changes them."""

    sampler: Sampler
    numbers: tuple[Any, ...] = ()
    """Values that the context goes by, as the family has them; a window's length in latents, for one."""

    def plain(self) -> list[Any]:
        """Return all that a chunk depends on, as plain values: the sampler's, then the context's."""
        return [*self.sampler, *map(_plain, self.numbers)]


def _plain(value: Any) -> Any:
    """Return a value whose parts are plain; what is none has a digest."""
    return tuple(map(_plain, value)) if type(value) is tuple else getattr(value, "digest", value)
