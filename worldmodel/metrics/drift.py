"""How a rollout ages: chunk by chunk against the true film of the same walk.

Shapes: W walks, C chunks.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..tinyworld import data, pilot
from ..tinyworld.player import Player
from .pictures import brightness, psnr, saturation, sharpness, squared_error


class Drift(NamedTuple):
    """Per chunk: PSNR to the truth in dB, and the ratio to the truth of the means over all walks."""

    psnr: list[float]
    saturation: list[float]
    brightness: list[float]
    sharpness: list[float]
    change: list[float]


def films(player: Player, walks: int, chunks: int, seed: int = 0, batch: int = 16) -> tuple[Tensor, Tensor]:
    """Let a pilot explore held-out worlds and the model follow its actions.

    Returns:
        made and true films, (W, F, 3, H, W) in 0..1.
    """
    random = np.random.default_rng([29, seed])
    frames = player.variant.first_frame(chunks)
    made, true = [], []
    for size in [batch] * (walks // batch) + ([walks % batch] if walks % batch else []):
        worlds, which, start = data.draw_starts(random, size, held_out=True)
        walk = pilot.explore(worlds, which, start, frames, random)
        film = pilot.film(worlds, walk, data.PICTURE, slice(0, frames)).permute(0, 1, 4, 2, 3)
        first = (film[:, 0] * 255).round() / 255
        made.append(player.play(first, walk.actions, chunks, int(random.integers(2**31))).transpose(1, 2))
        true.append(film)
    return torch.cat(made), torch.cat(true)


def measure(player: Player, made: Tensor, true: Tensor) -> Drift:
    """Compare films (W, F, 3, H, W) in 0..1 chunk by chunk."""
    chunks = (made.shape[1] + 3) // 12
    columns: dict[str, list[float]] = {name: [] for name in Drift._fields}
    for chunk in range(chunks):
        span = slice(player.variant.first_frame(chunk), player.variant.first_frame(chunk + 1))
        one, other = made[:, span], true[:, span]
        columns["psnr"].append(psnr(squared_error(one, other)).mean().item())
        for measured in (saturation, brightness, sharpness, change):
            columns[measured.__name__].append((measured(one).mean() / measured(other).mean()).item())
    return Drift(**columns)


def change(film: Tensor) -> Tensor:
    """Return the mean absolute difference of neighbouring frames of films (W, F, 3, H, W)."""
    return (film[:, 1:] - film[:, :-1]).abs().mean((-3, -2, -1))
