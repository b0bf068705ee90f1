"""Encoded walks: what the world model trains on, made shard by shard so that training can begin with the first.

Shapes: N walks, F frames, T latents, h x w latent grid.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from ..storage.tensors import save_tensors
from ..vae.tiny import TinyVAE
from .player import TAIL

log = logging.getLogger(__name__)
SHORT, LONG = 33, 117
"""Frames of a walk: three chunks from the start, or ten, of which training sees later ones too."""


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


def write_missing(folder: Path, seed: int, count: int, make: Callable[[int], dict[str, Tensor]]) -> None:
    """Write shards until a folder holds so many of a seed; several processes may, each with a seed of its own.

    Args:
        make: the tensors of a shard by its number, which with the seed says what is in it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        path = folder / f"{seed:03d}_{number:05d}.safetensors"
        if path.exists():
            continue
        shard = {name: value.contiguous() for name, value in make(number).items()}
        save_tensors(path, shard)
        log.info("%d of %d shards", number + 1, count)


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
