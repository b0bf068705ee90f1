"""A family: models that share a network, a context and a way to be told; the one place that ties these together."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from torch import nn

from ..rollout.contexts import About, Context
from ..rollout.samplers import Sampler, Settings
from ..variants import Variant


class Family(NamedTuple):
    """What the code must know of a family, besides the data of its variants.

    Args:
        name: as its variants have it.
        network: built from a checkpoint's sizes; called with x and a `call`.
        sampler: how its chunks are denoised.
        numbers: those of a variant that its context goes by.
        context: makes what it looks back on.
    """

    name: str
    network: type[nn.Module]
    sampler: type[Sampler]
    numbers: Callable[[Variant], tuple[int, ...]]
    context: Callable[[About], Context]

    def settings(self, variant: Variant) -> Settings:
        """Return a variant's own settings."""
        return Settings(self.sampler.wished(variant.steps, variant.shift), self.numbers(variant))
