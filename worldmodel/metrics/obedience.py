"""Does the model do what the keys say? Judged against the true renders of Tiny World.

A start counts if the true films of the action and of its opposite differ clearly. It is obeyed if the generated
frames are nearer to the commanded film than to the opposite one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch

from ..tinyworld import data, pilot
from ..tinyworld.player import Player
from .intervals import share_interval
from .pictures import psnr, squared_error

CLEARLY = 25.0
"""dB: the true films of the two actions must not be more alike than this."""
PAIRS = (("forward", "back"), ("left", "right"), ("yaw_right", "yaw_left"))


class Obedience(NamedTuple):
    """One action's row: hits among the counted starts, with Wilson's 95 % interval, and the PSNR to the truth in dB."""

    action: str
    counted: int
    share: float
    low: float
    high: float
    commanded: float
    opposite: float


def hold(name: str, walkers: int, rows: int) -> pilot.Actions:
    """Return an action by its name held for all rows, `yaw_right` being 1.5 degrees per frame."""
    turn = {"yaw_right": pilot.TURN, "yaw_left": -pilot.TURN}.get(name, 0.0)
    return pilot.hold((name,), turn, walkers, rows)


def measure(player: Player, starts: int, seed: int = 0, chunks: int = 1, batch: int = 32) -> Iterator[Obedience]:
    """Measure obedience on held-out worlds, each action held from the start image for `chunks` chunks.

    Args:
        player: the model.
        starts: starts per action that must count; more are tried until there are so many.
        seed: of the starts and of the noise.
        chunks: the last of them is judged (of the first chunk, the frames after the start image).
        batch: starts generated together.

    Yields:
        One row per action.
    """
    for pair in PAIRS:
        for action, other in (pair, pair[::-1]):
            yield _row(player, action, other, starts, seed, chunks, batch)


def _row(player: Player, action: str, other: str, starts: int, seed: int, chunks: int, batch: int) -> Obedience:
    random = np.random.default_rng(
        [23, seed, pilot.WORDS.index(action) if action in pilot.WORDS else 4 + (action == "yaw_left")]
    )
    frames = player.variant.first_frame(chunks)
    judged = slice(max(1, player.variant.first_frame(chunks - 1)), frames)
    right, wrong = [], []
    while sum(map(len, right)) < starts:
        worlds, which, start = data.draw_starts(random, batch, held_out=True)
        films = []
        for name in (action, other):
            walks = pilot.play(worlds, which, start, hold(name, batch, frames - 1))
            films.append(pilot.film(worlds, walks, data.PICTURE).permute(0, 1, 4, 2, 3))
        differ = psnr(squared_error(films[0], films[1])[:, judged].mean(1)) <= CLEARLY
        if not differ.any():
            continue
        first = (films[0][differ, 0] * 255).round() / 255
        film = player.play(first, hold(action, len(first), frames), chunks, int(random.integers(2**31)))
        made = film.transpose(1, 2)[:, judged]
        for truth, kept in zip(films, (right, wrong), strict=True):
            kept.append(squared_error(made, truth[differ][:, judged]).mean(1))
    near, far = torch.cat(right)[:starts], torch.cat(wrong)[:starts]
    hits = int((near < far).sum())
    low, high = share_interval(hits, starts)
    return Obedience(action, starts, hits / starts, low, high, psnr(near).mean().item(), psnr(far).mean().item())
