"""Encoded walks through the places: what the world model trains on, shard by shard, with where each walk went.

Shapes: N walks, R rows of actions = frames, T latents, h x w latent grid.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...vae.tiny import TinyVAE
from ..latents import LONG, SHORT, encode_walks, write_missing
from ..precision import mixed_precision
from . import clips, plans

WALKS = {SHORT: 48, LONG: 16}
"""Walks of a shard by their frames; short and long shards take turns."""
LEVELS = 0.6
"""Share of the walks that lead through a level; the others lead through random layouts."""


def write_shards(
    vae: TinyVAE,
    folder: Path,
    seed: int,
    shards: int,
    levels: float = LEVELS,
    only: tuple[str, ...] = plans.NAMES,
    device: torch.device | str = "cpu",
) -> None:
    """Write shards of encoded walks until the folder holds so many of this seed.

    Several processes may write into one folder, each with a seed of its own.

    Args:
        levels: share of the walks in levels.
        only: levels that are walked in, and whose themes the layouts have.
        device: where frames are rendered and encoded; the walking itself is done by the CPU.
    """
    vae, numbers = vae.to(device), tuple(plans.NAMES.index(name) for name in only)

    def make(number: int) -> dict[str, Tensor]:
        frames = LONG if number % 2 else SHORT
        random = np.random.default_rng([47, seed, number])
        places = clips.draw_places(random, WALKS[frames], levels, numbers)
        walks = clips.draw_walks(random, places, frames)
        film = clips.film(places, walks, device=device)
        with mixed_precision(film.device):
            latents, tail = zip(*(encode_walks(vae, piece) for piece in film.split(8)), strict=True)
        unread = torch.zeros(len(film), 1)
        return {
            "latents": torch.cat(latents).half().cpu(),
            "tail": torch.cat(tail).half().cpu(),
            "keys": torch.cat([walks.actions.keys, unread[..., None].expand(-1, -1, 4)], 1),
            "turns": torch.cat([walks.actions.turns.float(), unread], 1),
            "poses": torch.cat([walks.places, walks.yaws[..., None]], -1).float(),
            "seeds": torch.tensor(places.seeds),
        }

    write_missing(folder, seed, shards, make)
