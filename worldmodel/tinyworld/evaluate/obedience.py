"""Does the model do what the keys say? Judged against the true renders of Tiny World.

A start is obeyed if the generated frames are nearer to the film of the commanded action than to that of its opposite.
The suite holds only starts at which these two films differ clearly.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ...metrics.pictures import psnr, squared_error
from ...rollout.sampling import Levels
from .. import pilot
from ..player import Player
from ..scene import clips
from .suites import OPPOSITES, Tracks, hold

FRAMES = 9
"""The start image and the eight frames that are judged: a chunk, or the beginning of one."""
SEED = 3_000


class Obedience(NamedTuple):
    """Of each start (N,): whether it was obeyed, and the dB to the films of the action and of its opposite."""

    obeyed: Tensor
    commanded: Tensor
    opposite: Tensor


def measure(player: Player, tracks: Tracks, action: str, starts: int, levels: Levels | None = None) -> Obedience:
    """Hold one action from the first `starts` places of its suite."""
    rows = []
    for number, batch in tracks.batches(starts):
        count = len(batch.seeds)
        films = []
        for name in (action, OPPOSITES[action]):
            worlds, walks = batch.walk(hold(name, count, FRAMES - 1))
            films.append(pilot.film(worlds, walks, clips.PICTURE).movedim(-1, 2))
        first = (films[0][:, 0] * 255).round() / 255
        made = player.play(first, hold(action, count, FRAMES), 1, SEED + number, levels).transpose(1, 2)
        made = made[:, :FRAMES]
        near, far = (squared_error(made, film)[:, 1:].mean(1) for film in films)
        rows.append((near < far, psnr(near), psnr(far)))
    return Obedience(*(torch.cat(column) for column in zip(*rows, strict=True)))
