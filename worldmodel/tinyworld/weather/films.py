"""Walks on which the weather and the light change where chunks begin, encoded: what the form with events trains on.

Shapes: N walks, F frames = rows of actions, T latents, h x w latent grid.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...vae.tiny import TinyVAE
from ..latents import LONG, encode_walks, write_missing
from ..pilot import Walks, views
from ..precision import mixed_precision
from ..scene import clips, engine, plans
from ..scene.events import under
from .form import EVENTS, VARIANT

CHUNKS = 10
WALKS, AT_ONCE = 16, 8
"""Walks of a shard, and of a film that is rendered at once."""
CLEAR = 0.4
"""Share of the stretches of a walk without an event."""
LONGEST = 4
"""Chunks of a stretch, at most."""
PICTURED = 0.5
"""Share of the walks that begin under an event whose start picture shows it already."""


def draw_events(random: np.random.Generator, walks: int, chunks: int) -> Tensor:
    """Draw the event of each chunk, (walks, chunks) numbers of `EVENTS`: stretches of one to four chunks."""
    drawn = np.zeros((walks, chunks), np.int64)
    for walk in drawn:
        chunk = 0
        while chunk < chunks:
            length = int(random.integers(1, LONGEST + 1))
            walk[chunk : chunk + length] = 0 if random.random() < CLEAR else random.integers(1, len(EVENTS))
            chunk += length
    return torch.from_numpy(drawn)


def film(places: engine.Places, walks: Walks, events: Tensor, pictured: Tensor | None = None) -> Tensor:
    """Render walks under events as pixels (N, 3, F, H, W) in -1..1.

    Args:
        events: (N, chunks) of the frames of each chunk; the start picture is without one.
        pictured: (N,) whose start picture is under the first chunk's event; `None`: none is.
    """
    seen = views(places, walks, clips.PICTURE)
    chunks = [VARIANT.chunking.chunk_of(frame) for frame in range(seen.pixels.shape[1])]
    names = [[EVENTS[walk[chunk]] for chunk in chunks] for walk in events.tolist()]
    for number, row in enumerate(names):
        row[0] = row[0] if pictured is not None and bool(pictured[number]) else EVENTS[0]
    flat = engine.View(*(part.flatten(0, 1) for part in seen))
    pixels = under(flat, [name for row in names for name in row]).pixels.unflatten(0, seen.pixels.shape[:2])
    return pixels.permute(0, 4, 1, 2, 3) * 2 - 1


def write_films(
    vae: TinyVAE, folder: Path, seed: int, shards: int, levels: float, only: tuple[str, ...] = plans.NAMES
) -> None:
    """Write shards until the folder holds so many of this seed; several processes may, each with a seed of its own.

    A shard is as `scene.latents.write_shards` has it, with `events` (N, chunks) besides.

    Args:
        levels: share of the walks in levels; the others lead through random layouts.
        only: levels that are walked in, and whose themes the layouts have.
    """
    numbers = tuple(plans.NAMES.index(name) for name in only)

    def make(number: int) -> dict[str, Tensor]:
        random = np.random.default_rng([59, seed, number])
        places = clips.draw_places(random, WALKS, levels, numbers)
        walks = clips.draw_walks(random, places, LONG)
        events = draw_events(random, WALKS, CHUNKS)
        return encoded(vae, places, walks, events, torch.from_numpy(random.random(WALKS) < PICTURED))

    write_missing(folder, seed, shards, make)


@torch.inference_mode()
def encoded(vae: TinyVAE, places: engine.Places, walks: Walks, events: Tensor, pictured: Tensor) -> dict[str, Tensor]:
    """Return the tensors of a shard; see `write_films` and `film`."""
    latents, tails = [], []
    for rows in torch.arange(len(walks.yaws)).split(AT_ONCE):
        part = walks_at(walks, rows)
        pixels = film(places, part, events[rows], pictured[rows])
        with mixed_precision(pixels.device):
            both = encode_walks(vae, pixels)
        latents.append(both[0].half())
        tails.append(both[1].half())
    unread = torch.zeros(len(walks.yaws), 1)
    return {
        "latents": torch.cat(latents),
        "tail": torch.cat(tails),
        "keys": torch.cat([walks.actions.keys, unread[..., None].expand(-1, -1, 4)], 1),
        "turns": torch.cat([walks.actions.turns.float(), unread], 1),
        "events": events,
        "seeds": torch.tensor(places.seeds),
    }


def walks_at(walks: Walks, rows: Tensor) -> Walks:
    """Return some of the walks."""
    actions = type(walks.actions)(*(part[rows] for part in walks.actions))
    return Walks(walks.which[rows], actions, *(part[rows] for part in walks[2:]))
