"""Walks that come back, encoded, with what each of their chunks looks at again: what the form with memory trains on.

Shapes: N walks, F frames = rows of actions, T latents, h x w latent grid.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from ...vae.tiny import TinyVAE
from ..latents import write_missing
from ..pilot import Actions, Walks
from ..precision import mixed_precision
from ..scene import clips, engine, plans, walkers
from .form import SPANS, planned

CHUNKS = 21
FRAMES = SPANS.end(CHUNKS - 1)
WALKS, AT_ONCE = 12, 4
"""Walks of a shard, and of a film that is rendered at once."""
KINDS = (0.55, 0.2, 0.25)
"""Shares of walks that come home, that go from goal to goal, and that are pressed as players press."""
HOME = (0.2, 0.7)
"""Share of a walk after which it turns home, drawn between these."""


def draw_walks(random: np.random.Generator, places: engine.Places, frames: int = FRAMES) -> Walks:
    """Let one walker play in each place."""
    count, rows = len(places.seeds), frames - 1
    which = torch.arange(count)
    kind = random.choice(len(KINDS), count, p=KINDS)
    home = np.where(kind == 0, (random.uniform(*HOME, count) * rows).astype(int), rows)
    start = engine.random_starts(places, which, random)
    explored = walkers.explore(places, which, start, rows, random, home_after=home)
    pressed = clips.draw_walks(random, places, frames, exploring=0.0)
    return clips.better(explored, pressed, torch.from_numpy(kind == 2))


def write_loops(
    vae: TinyVAE,
    folder: Path,
    seed: int,
    shards: int,
    levels: float,
    only: tuple[str, ...] = plans.NAMES,
    device: torch.device | str = "cpu",
) -> None:
    """Write shards until the folder holds so many of this seed.

    Several processes may write into one folder, each with a seed of its own.

    Args:
        levels: share of the walks in levels; the others lead through random layouts.
        only: levels that are walked in, and whose themes the layouts have.
        device: where frames are rendered and encoded.
    """
    vae, numbers = vae.to(device), tuple(plans.NAMES.index(name) for name in only)

    def make(number: int) -> dict[str, Tensor]:
        random = np.random.default_rng([53, seed, number])
        places = clips.draw_places(random, WALKS, levels, numbers)
        return encoded(vae, places, draw_walks(random, places), device)

    write_missing(folder, seed, shards, make)


@torch.inference_mode()
def encoded(vae: TinyVAE, places: engine.Places, walks: Walks, device: torch.device | str = "cpu") -> dict[str, Tensor]:
    """Render and encode walks.

    Returns:
        latents (N, 16, T, h, w) half; keys (N, F, 4) and turns (N, F), the last row of which is never read; poses
        (N, F, 3): x, z in metres, yaw in radians; looks (N, chunks, SLOTS, 2), see `planned`; seeds (N,) of the places.
    """
    latents = []
    for rows in torch.arange(len(walks.yaws)).split(AT_ONCE):
        part = Walks(walks.which[rows], Actions(*(value[rows] for value in walks.actions)),
                     *(value[rows] for value in walks[2:]))  # fmt: skip
        film = clips.film(places, part, device=device)
        with mixed_precision(film.device):
            latents.append(vae.encode(film).half().cpu())
    unread = torch.zeros(len(walks.yaws), 1)
    chunks = (walks.yaws.shape[1] - SPANS.first) // SPANS.later + 1
    looks = np.stack([planned(*one, chunks) for one in zip(walks.places, walks.yaws, strict=True)])
    shard = {
        "latents": torch.cat(latents),
        "keys": torch.cat([walks.actions.keys, unread[..., None].expand(-1, -1, 4)], 1).byte(),
        "turns": torch.cat([walks.actions.turns.float(), unread], 1),
        "poses": torch.cat([walks.places, walks.yaws[..., None]], -1),
        "looks": torch.from_numpy(looks),
        "seeds": torch.tensor(places.seeds),
    }
    return {name: value.contiguous() for name, value in shard.items()}


class Loops:
    """All shards of a folder, looked for anew at times."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.known: set[str] = set()
        self.walks: dict[str, Tensor] = {}

    def refresh(self) -> bool:
        """Read the shards that are new, and tell whether there were some.

        Raises:
            ValueError: there is none at all.
        """
        fresh = [path for path in sorted(self.folder.glob("*.safetensors")) if path.name not in self.known]
        parts = [*([self.walks] if self.walks else []), *map(load_file, fresh)]
        self.known.update(path.name for path in fresh)
        if not parts:
            raise ValueError(f"--shards: found no encoded walks in {self.folder}; run `loops` on it first.")
        if fresh:
            self.walks = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
        return bool(fresh)
