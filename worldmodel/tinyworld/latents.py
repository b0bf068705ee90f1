"""Encoded walks: what the world model trains on, made shard by shard so that training can begin with the first.

Shapes: N walks, R rows of actions = frames, T latents, h x w latent grid.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from ..storage.tensors import save_tensors
from ..vae.tiny import TinyVAE
from . import data, engine, pilot
from .player import TAIL

log = logging.getLogger(__name__)
SHORT, LONG = 33, 117
"""Frames of a walk: three chunks from the start, or ten, of which training sees later ones too."""
PACE = 1.1
"""Steps that a held key moves in these walks. What the model is not sure of it averages, and an average of ways is a
short one: learning from single steps it walked 0.8 to 0.93 of the way it was told."""


@torch.inference_mode()
def encode_walks(vae: TinyVAE, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Encode films (N, 3, F, H, W) in -1..1.

    Returns:
        latents (N, 16, T, h, w), and (N, 16, TAIL, h, w): what follows latent 0 when grey follows the first frame.
    """
    memory: dict[str, Tensor] = {}
    first = vae.encode(pixels[:, :, :1], memory)
    grey = vae.encode(torch.zeros_like(pixels[:, :, :1]).expand(-1, -1, 4 * TAIL, -1, -1), dict(memory))
    rest = vae.encode(pixels[:, :, 1:], memory)
    return torch.cat([first, rest], 2), grey


def make_walks(
    random: np.random.Generator, count: int, frames: int, pace: float = PACE
) -> tuple[engine.Worlds, pilot.Walks]:
    """Let `count` walkers play in training worlds: random, held, tapped and scripted actions, or exploring."""
    worlds, which, start = data.draw_starts(random, count)
    rows = frames - 1
    if random.random() < 0.2:
        return worlds, pilot.explore(worlds, which, start, rows, random, pace)
    actions, tapped = pilot.random_actions(random, count, rows), pilot.tapped_actions(random, count, rows)
    for walker in range(count):
        kind = random.random()
        if kind < 0.4:
            held = pilot.single_actions()[random.choice(len(pilot.SINGLE_ODDS), p=pilot.SINGLE_ODDS)]
            rows_held = rows if kind < 0.3 else int(random.integers(8, rows + 1))
            actions.keys[walker, :rows_held] = held.keys[0, 0]
            actions.turns[walker, :rows_held] = held.turns[0, 0]
        elif kind < 0.5:
            half = pilot.Actions(*(value[walker : walker + 1, : rows // 2] for value in actions))
            both = pilot.there_and_back(half)
            actions.keys[walker, : 2 * (rows // 2)] = both.keys[0]
            actions.turns[walker, : 2 * (rows // 2)] = both.turns[0]
        elif kind < 0.8:
            actions.keys[walker], actions.turns[walker] = tapped.keys[walker], tapped.turns[walker]
    return worlds, _freest(
        worlds, [start, *(engine.random_starts(worlds, which, random) for _ in range(5))], actions, pace
    )


def _freest(
    worlds: engine.Worlds, starts: list[tuple[Tensor, Tensor]], actions: pilot.Actions, pace: float
) -> pilot.Walks:
    """Play actions from several starts and keep the walks that walls stop least, or a key would mean to stand still."""
    which = torch.arange(len(actions.keys))
    played = [pilot.play(worlds, which, start, actions, pace) for start in starts]
    freest = torch.stack([walks.bumped.sum(1) for walks in played]).argmin(0)
    places, yaws, bumped = (
        torch.stack([getattr(walks, name) for walks in played])[freest, which] for name in ("places", "yaws", "bumped")
    )
    return pilot.Walks(which, actions, places, yaws, bumped)


def write_shards(
    vae: TinyVAE, folder: Path, seed: int, minutes: float, count: int = 64, device: torch.device | str = "cpu"
) -> None:
    """Write shards of encoded walks for `minutes`; every fourth is made of long walks.

    Several processes may write into one folder, each with a seed of its own.

    Args:
        device: where frames are rendered and encoded; the walking itself is done by the CPU.
    """
    folder.mkdir(parents=True, exist_ok=True)
    number = len(list(folder.glob(f"{seed:03d}_*.safetensors")))
    vae = vae.to(device)
    until = time.monotonic() + 60 * minutes
    while time.monotonic() < until:
        frames = LONG if number % 4 == 3 else SHORT
        random = np.random.default_rng([17, seed, number])
        worlds, walks = make_walks(random, count if frames == SHORT else count // 4, frames)
        film = pilot.film(worlds.to(device), walks, data.PICTURE).permute(0, 4, 1, 2, 3) * 2 - 1
        latents, tail = zip(*(encode_walks(vae, piece) for piece in film.split(8)), strict=True)
        unread = torch.zeros(len(film), 1)
        shard = {
            "latents": torch.cat(latents).half().cpu(),
            "tail": torch.cat(tail).half().cpu(),
            "keys": torch.cat([walks.actions.keys, unread[..., None].expand(-1, -1, 4)], 1),
            "turns": torch.cat([walks.actions.turns.float(), unread], 1),
        }
        path = folder / f"{seed:03d}_{number:05d}.safetensors"
        save_tensors(path, {name: value.contiguous() for name, value in shard.items()})
        number += 1
        if number % 10 == 0:
            log.info("%d shards", number)


class Shards:
    """All shards of a folder, looked for anew at times, kept on the device that trains; `only` the walks of the places
    with these seeds, or all."""

    def __init__(self, folder: Path, device: torch.device | str = "cpu", only: tuple[int, ...] = ()) -> None:
        self.folder, self.device, self.only = folder, torch.device(device), only
        self.known: set[str] = set()
        self.short: dict[str, Tensor] = {}
        self.long: dict[str, Tensor] = {}

    def refresh(self) -> None:
        """Read the shards that are new.

        Raises:
            ValueError: there is none at all.
        """
        fresh: tuple[list, list] = [], []
        for path in sorted(self.folder.glob("*.safetensors")):
            if path.name not in self.known:
                self.known.add(path.name)
                shard = load_file(path)
                if self.only:
                    kept = torch.isin(shard["seeds"], torch.tensor(self.only))
                    shard = {name: value[kept] for name, value in shard.items()}
                fresh[shard["keys"].shape[1] == LONG].append(shard)
        self.short, self.long = (self._joined(*both) for both in zip((self.short, self.long), fresh, strict=True))
        if not self.short:
            raise ValueError(f"--shards: found no encoded walks in {self.folder}; run `encode` on it first.")

    def _joined(self, known: dict[str, Tensor], fresh: list[dict[str, Tensor]]) -> dict[str, Tensor]:
        if not fresh:
            return known
        parts = [known, *fresh] if known else fresh
        return {name: torch.cat([part[name].to(self.device) for part in parts]) for name in fresh[0]}

    def draw(self, random: np.random.Generator, batch: int, long: bool) -> dict[str, Tensor]:
        """Draw walks at random; all tensors of a shard, with `batch` in front, float32 on the device."""
        walks = self.long if long and self.long else self.short
        rows = torch.from_numpy(random.integers(len(walks["keys"]), size=batch)).to(self.device)
        return {name: value.index_select(0, rows).float() for name, value in walks.items()}
