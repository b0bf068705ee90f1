"""Errors the model makes, kept to spoil what it is given: memory and past, as its own films spoil them later on.

Source: Matrix-Game 3.0's error buffer. Shapes: B clips, C = 16 channels, T latents, h x w latent grid.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

SIZE, LEAST = 2000, 64
"""Chunks of residuals that are kept, and that must be there before any is used."""
LEVELS = (0.3, 0.75)
"""Noise levels whose clean estimates err as those of a rollout's last step do."""
SPOILED, STRONGEST = 0.8, 1.5
"""Share of the clips that are spoiled, and the greatest strength."""


class ErrorBuffer:
    """Residuals of clean estimates, whole chunks (K, C, new, h, w)."""

    def __init__(self, size: int = SIZE) -> None:
        self.size, self.pushed = size, 0
        self.chunks: Tensor | None = None

    @property
    def ready(self) -> bool:
        """Whether there are enough."""
        return self.pushed >= LEAST

    def push(self, residuals: Tensor, sigma: Tensor) -> None:
        """Keep residuals (B, C, new, h, w) of clips at noise levels (B,), in place of the oldest, where they tell."""
        kept = residuals.detach()[(sigma > LEVELS[0]) & (sigma < LEVELS[1])][-self.size :]
        if self.chunks is None:
            self.chunks = residuals.new_zeros(self.size, *residuals.shape[1:])
        self.chunks[(self.pushed + torch.arange(len(kept))) % self.size] = kept
        self.pushed += len(kept)

    def spoil(self, past: Tensor, memory: Tensor | None, random: np.random.Generator) -> tuple[Tensor, Tensor | None]:
        """Add residuals of random strength to most clips.

        Args:
            past: (B, C, P, h, w), which gets those of the ends of chunks.
            memory: (B, C, M, h, w), each of which gets one of anywhere; `None`: nothing is looked at.
        """
        if not self.ready:
            return past, memory
        known, batch = min(self.pushed, self.size), len(past)
        strength = random.uniform(0, STRONGEST, batch) * (random.random(batch) < SPOILED)
        strength = torch.from_numpy(strength).to(past)[:, None, None, None, None]
        ends = self.chunks[torch.from_numpy(random.integers(known, size=batch)), :, -past.shape[2] :]
        past = past + strength * ends
        if memory is not None:
            shape = batch, memory.shape[2]
            latents = torch.from_numpy(random.integers(self.chunks.shape[2], size=shape))
            each = self.chunks[torch.from_numpy(random.integers(known, size=shape)), :, latents]  # (B, M, C, h, w)
            memory = memory + strength * each.transpose(1, 2)
        return past, memory
