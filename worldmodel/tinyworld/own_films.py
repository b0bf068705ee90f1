"""A model's own films as the history it learns from, with the true films as what should follow.

Where places are known, what comes next can be known from a film that went a little astray: the model learns to find
back (training on a generated past: Matrix-Game 2.0, arXiv:2508.13009, appendix A). Films are rolled out with the newest
averaged weights, and the newest of them are kept.

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
from .train_dit import CHUNK, LEVELS, VARIANT, flow_error, side_by_side

WALKS, KEPT, EVERY = 16, 8, 12
"""Walks of a rollout, rollouts that are kept, and updates from own films from one to the next."""
CLIPS = 12
TAUGHT = 2
"""Chunks that a clip teaches, after one of history."""


class Film(NamedTuple):
    """Rolled-out walks: made and true latents (B, C, T, h, w), normalised, and what they were told."""

    made: Tensor
    true: Tensor
    told: Conditions


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

    def loss(self, network: nn.Module, random: np.random.Generator) -> Tensor:
        """Return the flow-matching error of some chunks of one film, given the own chunks before them; roll out a new
        film at times."""
        if self.learnt % EVERY == 0:
            self.add(network, random)
        self.learnt += 1
        film = self.films[random.integers(len(self.films))]
        rows = torch.from_numpy(random.permutation(len(film.true))[: CLIPS * self.scale]).to(film.true.device)
        made, true = film.made.index_select(0, rows), film.true.index_select(0, rows)
        told = Conditions(*(value.index_select(0, rows) for value in film.told))
        first = int(random.integers(0, true.shape[2] // CHUNK - TAUGHT))
        columns, mask, clean = side_by_side(first, 1 + TAUGHT, true.device, given=1)
        history, truth = made[:, :, columns[:clean]], true[:, :, columns[clean:]]
        return flow_error(network, history, truth, told, (columns, mask), random)[0].mean()
