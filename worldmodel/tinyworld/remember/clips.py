"""Clips of the form with memory: a chunk of a walk, what lies before it, and what it looks at again.

Shapes: B clips, M memory latents, C = 16 channels, h x w latent grid.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from .form import NONE, PAST, SPANS, Window, window_of
from .loops import Loops

Remembers = Literal["retrieved", "random", "nothing"]
REMEMBERS: tuple[Remembers, ...] = ("retrieved", "random", "nothing")
"""What a clip looks at: what the family's plan chooses, anything of its past, or nothing."""
FIRST = 0.1
"""Share of the batches that are first chunks."""
STILL = 0.1
"""How often a chunk is drawn in which the camera stands still, beside one in which it moves."""
AGAIN, LONG_AGO = 3.0, 12
"""How often a chunk is drawn that looks, beside the sink, at two latents or more from so many before its past."""
FEWER = 0.1
"""Share of the batches that look at fewer latents than there are."""


class Clip(NamedTuple):
    """Chunks and what is known of them, normalised.

    Args:
        truth: (B, C, new, h, w) latents that are made noisy.
        past: (B, C, P, h, w) right before them.
        memory: (B, C, M, h, w); `None`: nothing is looked at.
        window: what they are told.
    """

    truth: Tensor
    past: Tensor
    memory: Tensor | None
    window: Window


class Clips:
    """An endless supply of clips out of a folder of encoded walks."""

    def __init__(self, folder: Path, remembers: Remembers, mean: Tensor, std: Tensor) -> None:
        self.loops, self.remembers, self.mean, self.std = Loops(folder), remembers, mean, std
        self.counts = self.odds = np.zeros((0, 0))

    def refresh(self) -> None:
        """Take up walks that are new; raises `ValueError` where there is none."""
        if not self.loops.refresh():
            return
        walks = self.loops.walks
        self.counts = (walks["looks"][..., 0] != NONE).sum(-1).numpy()  # (walks, chunks)
        moved = walks["poses"].diff(dim=1).abs().amax(-1) > 1e-6
        chunks = self.counts.shape[1]
        moving = [moved[:, max(SPANS.end(chunk) - SPANS.later - 1, 0) : SPANS.end(chunk) - 1].float().mean(1) > 0.2
                  for chunk in range(chunks)]  # fmt: skip
        first = torch.tensor([SPANS.latents(chunk).start for chunk in range(chunks)])[:, None]
        again = ((walks["looks"][..., 0] > 1) & (walks["looks"][..., 0] < first - LONG_AGO)).sum(-1) > 1
        self.odds = np.where(torch.stack(moving, 1).numpy(), np.where(again.numpy(), AGAIN, 1.0), STILL)

    def draw(self, random: np.random.Generator, batch: int) -> Clip:
        """Draw first chunks, or later ones that all look at equally many latents."""
        if random.random() < FIRST:
            rows = torch.from_numpy(random.integers(len(self.counts), size=batch))
            return self.cut(rows, torch.zeros(batch, dtype=torch.long), torch.zeros(batch, 0, 2, dtype=torch.long))
        odds = self.odds[:, 1:].ravel() / self.odds[:, 1:].sum()
        counts = self.counts[:, 1:].ravel()
        count = counts[random.choice(len(odds), p=odds)]
        alike = odds * (counts == count)
        chosen = random.choice(len(odds), batch, p=alike / alike.sum())
        rows, chunk = (torch.from_numpy(part) for part in np.divmod(chosen, self.counts.shape[1] - 1))
        return self.cut(rows, chunk + 1, self._looks(rows, chunk + 1, int(count), random))

    def _looks(self, rows: Tensor, chunk: Tensor, count: int, random: np.random.Generator) -> Tensor:
        if self.remembers == "nothing":
            count = 0
        looks = self.loops.walks["looks"][rows, chunk, :count].long()
        if self.remembers == "random":
            behind = np.array([SPANS.latent_of(SPANS.candidates(int(one)).stop - 1) for one in chunk])[:, None]
            looks[..., 0] = torch.from_numpy(random.integers(1, behind + 1, (len(rows), count)))
        if count and random.random() < FEWER:
            kept = torch.from_numpy(random.permutation(count)[: random.integers(count)].copy()).sort().values
            looks = looks[:, kept]
        return looks

    def cut(self, rows: Tensor, chunk: Tensor, looks: Tensor) -> Clip:
        """Cut chunks (B,) of walks (B,) that look at latents (B, M, 2)."""
        walks = self.loops.walks
        window = window_of(walks, rows, chunk, looks)
        given = PAST if int(chunk[0]) else 1

        def latents(at: Tensor) -> Tensor:
            found = walks["latents"][rows[:, None], :, at].float().transpose(1, 2)  # (B, C, T, h, w)
            return (found - self.mean) / self.std

        seen = latents(window.first[:, None] + torch.arange(window.cameras.shape[1]))
        memory = latents(window.looks) if looks.shape[1] else None
        return Clip(seen[:, :, given:], seen[:, :, :given], memory, window)
