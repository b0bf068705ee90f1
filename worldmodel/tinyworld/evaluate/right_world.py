"""Does the model show the world it was started in? Judged over the surfaces that the start frame showed.

Beside the model stand two that know less: the start frame standing still, and the same model, from the same start,
obeying another track's actions.

Shapes: N tracks, B tracks of a batch, F frames, H x W picture.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ...metrics.pictures import psnr, sharpness
from ...rollout.sampling import Levels
from .. import pilot
from ..player import Player
from ..scene import clips
from ..visibility import seen_from_first
from .suites import Tracks

JUDGED = slice(1, 25)
SEED = 2_000


class Rightness(NamedTuple):
    """Of each track (N,): dB of the model, of the frozen start frame and of another track's actions, and the share of
    the frames' pixels that counts."""

    made: Tensor
    frozen: Tensor
    astray: Tensor
    seen: Tensor


class Plain(NamedTuple):
    """Of each track (N,): dB of the model and the mean sharpness of its frames."""

    made: Tensor
    sharpness: Tensor


class Truth(NamedTuple):
    """A batch of true films: first (B, 3, H, W) as the model gets it, film (B, F, 3, H, W), seen (B, F, H, W)."""

    first: Tensor
    film: Tensor
    seen: Tensor
    actions: pilot.Actions


def truth_of(tracks: Tracks) -> Truth:
    """Render the judged frames of tracks and tell what of them the start frame showed."""
    worlds, walks = tracks.walk()
    view = pilot.views(worlds, walks, clips.PICTURE, slice(0, JUDGED.stop))
    seen = seen_from_first(view.depth, walks.places[:, : JUDGED.stop], walks.yaws[:, : JUDGED.stop], worlds.focal)
    film = view.pixels.movedim(-1, 2)
    return Truth((film[:, 0] * 255).round() / 255, film[:, JUDGED], seen[:, JUDGED], walks.actions)


def seen_psnr(made: Tensor, truth: Truth) -> Tensor:
    """Return the dB (B,) of films (B, F or 1, 3, H, W) over all seen pixels of a track together."""
    error = (made - truth.film).square().mean(2) * truth.seen
    return psnr(error.sum((1, 2, 3)) / truth.seen.sum((1, 2, 3)))


def play(player: Player, truth: Truth, actions: pilot.Actions, seed: int, levels: Levels | None = None) -> Tensor:
    """Return the judged frames (B, F, 3, H, W) that the model makes of the start frames."""
    return player.play(truth.first, actions, chunks_of(player), seed, levels).transpose(1, 2)[:, JUDGED]


def chunks_of(player: Player) -> int:
    """Return how many chunks hold the judged frames."""
    return player.variant.chunking.chunk_of(JUDGED.stop - 1) + 1


def measure(player: Player, tracks: Tracks, starts: int, levels: Levels | None = None) -> Rightness:
    """Measure the first `starts` tracks of a suite."""
    rows = []
    following = type(tracks)(*(value.roll(-1, 0) for value in tracks))
    for (number, batch), (_, other) in zip(tracks.batches(starts), following.batches(starts), strict=True):
        truth = truth_of(batch)
        made, astray = (play(player, truth, told, SEED + number, levels) for told in (truth.actions, other.actions()))
        rows.append(
            (
                *(seen_psnr(film, truth) for film in (made, truth.first[:, None], astray)),
                truth.seen.float().mean((1, 2, 3)),
            )
        )
    return Rightness(*(torch.cat(column) for column in zip(*rows, strict=True)))


def measure_plain(player: Player, tracks: Tracks, starts: int, levels: Levels | None = None) -> Plain:
    """Measure only the model itself."""
    rows = []
    for number, batch in tracks.batches(starts):
        truth = truth_of(batch)
        made = play(player, truth, truth.actions, SEED + number, levels)
        rows.append((seen_psnr(made, truth), sharpness(made).mean(1)))
    return Plain(*(torch.cat(column) for column in zip(*rows, strict=True)))
