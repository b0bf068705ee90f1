"""The form with memory at play, many starts at once: what the measures judge.

The nodes play one world through `Session`; here the same network, plan and sampler run on a batch.

Shapes: B starts, R rows of actions, F frames, C = 16 channels, h x w latent grid.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ...memory.index import PoseIndex
from ...memory.plan import plan
from ...rollout.samplers import count_of
from ...rollout.sampling import Levels
from ...rollout.unipc import UniPC
from ..pilot import Actions, moves
from ..player import Player, encode_start, padded
from .clips import Remembers
from .form import NONE, PAST, SLOTS, SPANS, call_of, index_of, slots_of, window_of


class Way(NamedTuple):
    """Where a batch's cameras stand: places (B, F, 2) metres and yaws (B, F) radians."""

    places: Tensor
    yaws: Tensor


class MemoryPlayer(Player):
    """A `Player` whose network looks at its films again; `remembers` says at what."""

    remembers: Remembers = "retrieved"

    def looking_at(self, remembers: Remembers) -> MemoryPlayer:
        """Return one that looks at something else."""
        other = MemoryPlayer(*self)
        other.remembers = remembers
        return other

    def see(self, first: Tensor, chunks: int) -> Tensor:
        """Return the latent of start frames (B, 3, H, W) in 0..1: (B, 16, 1, h, w), normalised."""
        return (encode_start(self.vae, first * 2 - 1, 0) - self.mean) / self.std

    @torch.inference_mode()
    def roll_latents(
        self, image: Tensor, actions: Actions, chunks: int, seed: int, levels: Levels | None = None,
        way: Way | None = None,
    ) -> Iterator[Tensor]:  # fmt: skip
        """Roll a batch out from what `see` returned; yield each chunk's normalised latents (B, 16, 7 or 6, h, w).

        Args:
            image, actions, chunks, seed: as `Player.roll` takes them.
            levels: as many as the sampler is to take; it finds them itself. `None`: the variant's own.
            way: where the cameras stand; `None`: where the actions lead if no wall is in the way, as the nodes reckon.
        """
        sampler = UniPC(count_of(self.variant.steps) if levels is None else len(levels.sigmas), self.variant.shift)
        frames = SPANS.end(chunks - 1)
        keys, turns = (padded(value, frames) for value in actions)
        way = Way(*(padded(value, frames) for value in way or way_of(actions)))
        walks = {"keys": keys, "turns": turns, "poses": torch.cat([way.places, way.yaws[..., None]], -1)}
        plans = [index_of(*one) for one in zip(way.places, way.yaws, strict=True)]
        random, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
        made = image
        for chunk in range(chunks):
            looks = np.stack([self._looks(index, chunk, random) for index in plans])
            noise = torch.randn(len(image), image.shape[1], SPANS.later // SPANS.frames_per_latent, *image.shape[-2:],
                                generator=generator)  # fmt: skip
            new = torch.empty_like(noise)
            counts = (looks[..., 0] != NONE).sum(-1)
            for count in np.unique(counts):
                rows = torch.from_numpy(np.flatnonzero(counts == count))
                given = made[rows]
                chosen = torch.from_numpy(looks[rows.numpy(), :count])
                window = window_of(walks, rows, torch.full_like(rows, chunk), chosen)
                at = window.looks[:, None, :, None, None].expand(-1, given.shape[1], -1, *given.shape[-2:])
                call = call_of(window, given[:, :, -PAST:] if chunk else given, given.gather(2, at) if count else None)
                new[rows] = sampler.sample(
                    lambda x, timestep, call=call: self.network(x, call=call.at(timestep)), iter([noise[rows]])
                )
            yield torch.cat([image, new], 2) if not chunk else new
            made = torch.cat([made, new], 2)

    def _looks(self, index: PoseIndex, chunk: int, random: np.random.Generator) -> np.ndarray:
        """Return what a walk's chunk looks at, (SLOTS, 2) as `planned` has it."""
        if self.remembers == "nothing" or not chunk:
            return np.full((SLOTS, 2), NONE, np.int64)
        looks = slots_of(plan(index, chunk, spans=SPANS), chunk).astype(np.int64)
        if self.remembers == "random":
            there = looks[:, 0] != NONE
            behind = SPANS.latent_of(SPANS.candidates(chunk).stop - 1)
            looks[there, 0] = random.integers(1, behind + 1, there.sum())
        return looks


def way_of(actions: Actions) -> Way:
    """Return where actions (B, R, ...) lead from the origin if no wall is in the way, frames 0 ... R."""
    turns = actions.turns.double().deg2rad()
    yaws = torch.cat([torch.zeros_like(turns[:, :1]), turns.cumsum(1)], 1)
    right, ahead = moves(actions.keys).unbind(-1)
    sin, cos = yaws[:, :-1].sin(), yaws[:, :-1].cos()
    steps = torch.stack([right * cos + ahead * sin, ahead * cos - right * sin], -1)
    return Way(torch.cat([torch.zeros_like(steps[:, :1]), steps.cumsum(1)], 1), yaws)
