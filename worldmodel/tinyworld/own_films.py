"""A model's own films as the history it learns from, with the true films as what should follow.

Where places are known, what comes next can be known from a film that went a little astray: the model learns to find
back (training on a generated past: Matrix-Game 2.0, arXiv:2508.13009, appendix A). From a film that shows another place
by now it cannot be known, and who is asked for it all the same learns to paint an average: such pasts are left out.
Films are rolled out with the newest weights, and the newest of them are kept.

Shapes: B walks, T latents of a long walk, C = 16 channels, h x w latent grid.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ..layers.cache import KVCache
from ..rollout.sampling import Levels, renoise_sample
from .latents import Shards
from .player import Conditions, build_conditions
from .precision import mixed_precision
from .train_dit import CHUNK, LEVELS, REMEMBERED, VARIANT, flow_error, side_by_side

WALKS, KEPT, EVERY = 16, 8, 16
"""Walks of a rollout, rollouts that are kept, and updates from own films from one to the next."""
CLIPS = 10
TAUGHT = 2
"""Chunks that a clip teaches, after as many of history as they see, or as there are."""
LOST = 1.0
"""Squared error of a chunk of normalised latents from which on a film counts as one of another place."""


class Film(NamedTuple):
    """Rolled-out walks: made and true latents (B, C, T, h, w), normalised, and what they were told."""

    made: Tensor
    true: Tensor
    told: Conditions

    def on_the_way(self, begin: int) -> Tensor:
        """Return the walks (K,) that are not lost in the chunk before chunk `begin`; in the first one none is."""
        before = slice((begin - 1) * CHUNK, begin * CHUNK)
        wrong = (self.made[:, :, before] - self.true[:, :, before]).square().flatten(1).mean(1)
        return (wrong < (LOST if begin > 1 else float("inf"))).nonzero().flatten()

    def some(self, rows: Tensor) -> Film:
        """Return these walks (K,) of it."""
        told = Conditions(*(value.index_select(0, rows) for value in self.told))
        return Film(self.made.index_select(0, rows), self.true.index_select(0, rows), told)


class OwnFilms:
    """The newest rollouts of a model in training."""

    def __init__(self, shards: Shards, mean: Tensor, std: Tensor, scale: int = 1) -> None:
        self.shards, self.mean, self.std, self.scale = shards, mean, std, scale
        self.levels = Levels(*(values.to(shards.device) for values in LEVELS))
        self.films: list[Film] = []
        self.learnt = 0

    @torch.no_grad()
    def add(self, network: nn.Module, random: np.random.Generator) -> None:
        """Roll long walks out from their starts to their ends."""
        walks = self.shards.draw(random, WALKS * self.scale, long=True)
        true, tail = ((walks[name] - self.mean) / self.std for name in ("latents", "tail"))
        chunks = true.shape[2] // CHUNK
        image = torch.cat([true[:, :, :1], tail], 2)
        told = build_conditions(image, walks["keys"], walks["turns"], VARIANT, chunks * CHUNK)
        cache, made = KVCache(VARIANT.window, CHUNK), []
        for chunk in range(chunks):
            cache.begin_chunk()
            made.append(self._chunk(network, true, told, cache, chunk))
        self.films.append(Film(torch.cat(made, 2), true, told))
        del self.films[:-KEPT]

    def _chunk(self, network: nn.Module, true: Tensor, told: Conditions, cache: KVCache, chunk: int) -> Tensor:
        span = slice(chunk * CHUNK, (chunk + 1) * CHUNK)
        columns = torch.arange(span.start, span.stop, device=true.device)
        step = told.step(columns, true.new_zeros(len(true), CHUNK), cache=cache)

        def predict(x: Tensor, timestep: Tensor) -> Tensor:
            with mixed_precision(true.device):
                return network(x, call=step._replace(timesteps=timestep.expand(len(x), CHUNK)))

        made = renoise_sample(predict, iter(lambda: torch.randn_like(true[:, :, span]), None), self.levels)
        with mixed_precision(true.device):
            network(made, call=step._replace(commit=True, read=False))
        return made

    def _drawn(self, begin: int, random: np.random.Generator) -> Film:
        """Draw walks that are not lost before chunk `begin`, out of as many films as it takes."""
        parts: list[Film] = []
        for number in random.permutation(len(self.films)):
            missing = CLIPS * self.scale - sum(len(part.true) for part in parts)
            film = self.films[number]
            rows = film.on_the_way(begin)
            parts.append(film.some(rows[torch.from_numpy(random.permutation(len(rows))[:missing]).to(rows.device)]))
        made, true = (torch.cat(values) for values in zip(*(part[:2] for part in parts), strict=True))
        told = Conditions(*(torch.cat(values) for values in zip(*(part.told for part in parts), strict=True)))
        return Film(made, true, told) if len(true) else self._drawn(begin - 1, random)

    def loss(self, network: nn.Module, random: np.random.Generator) -> Tensor:
        """Return the flow-matching error of some chunks of one film, given the own chunks before them; roll out a new
        film at times."""
        if self.learnt % EVERY == 0:
            self.add(network, random)
        self.learnt += 1
        begin = int(random.integers(1, self.films[0].true.shape[2] // CHUNK - TAUGHT + 1))
        made, true, told = self._drawn(begin, random)
        given = min(begin, REMEMBERED)
        columns, mask, clean = side_by_side(begin - given, given + TAUGHT, true.device, given)
        history, truth = made[:, :, columns[:clean]], true[:, :, columns[clean:]]
        return flow_error(network, history, truth, told, (columns, mask), random)[0].mean()
