"""Clips of Tiny World for training and for judging: pixels with the actions and poses that made them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from . import engine, pilot

PICTURE = (64, 96)


class Clips:
    """An endless, seeded supply of training clips; each step brings some new ones and draws from a pool of recent ones.

    Rendering is cheaper than training but not free: a clip is drawn about `reuse` times before the pool forgets it.
    """

    def __init__(
        self, frames: int, batch: int, seed: int, reuse: int = 4, pool: int = 512, device: torch.device | str = "cpu"
    ) -> None:
        self.frames, self.batch, self.reuse, self.size, self.device = frames, batch, reuse, pool, device
        self.random = np.random.default_rng([11, seed])
        self.pool: list[Tensor] = []
        self.owed = 0.0

    def draw(self) -> Tensor:
        """Return pixels (batch, 3, frames, H, W) in -1..1."""
        self.owed += self.batch / self.reuse
        if self.owed >= 8 or not self.pool:
            fresh = max(8, int(self.owed))
            self.owed = max(0.0, self.owed - fresh)
            self.pool.extend(self._render(fresh).unbind(0))
            del self.pool[: -self.size]
        chosen = self.random.integers(len(self.pool), size=self.batch)
        clips = torch.stack([self.pool[index] for index in chosen])
        return clips.permute(0, 4, 1, 2, 3).float() / 127.5 - 1

    def _render(self, count: int) -> Tensor:
        worlds, which, start = draw_starts(self.random, count)
        actions = pilot.random_actions(self.random, count, self.frames - 1)
        walks = pilot.play(worlds, which, start, actions)
        return (pilot.film(worlds.to(self.device), walks, PICTURE) * 255).round().byte()


def draw_starts(
    random: np.random.Generator, count: int, held_out: bool = False
) -> tuple[engine.Worlds, Tensor, tuple[Tensor, Tensor]]:
    """Draw `count` worlds of the training split (or the held-out one) with a random start in each."""
    low, high = (0, engine.HELD_OUT_SEEDS) if held_out else (engine.HELD_OUT_SEEDS, 2**31)
    worlds = engine.build_worlds([int(seed) for seed in random.integers(low, high, count)])
    which = torch.arange(count)
    return worlds, which, engine.random_starts(worlds, which, random)


def held_out_clips(count: int, frames: int, seed: int = 0) -> Tensor:
    """Render fixed clips of held-out worlds: pixels (count, 3, frames, H, W) in -1..1."""
    random = np.random.default_rng([13, seed])
    worlds, which, start = draw_starts(random, count, held_out=True)
    walks = pilot.play(worlds, which, start, pilot.random_actions(random, count, frames - 1))
    return pilot.film(worlds, walks, PICTURE).permute(0, 4, 1, 2, 3) * 2 - 1
