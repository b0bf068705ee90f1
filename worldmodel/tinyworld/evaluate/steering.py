"""How far does the model turn when told to turn? The yaw of generated frames, found by rendering the truth around it.

The camera stands and turns at a fixed rate. Every frame is compared with true renders at yaws around the commanded
one, over the columns that all of them share with the start frame; the smallest squared error, refined by a parabola,
is the frame's yaw. The response is the slope of found over commanded yaw: 1 where the model turns as far as it is told.

Shapes: N starts, B starts of a batch, R rates, F frames, P yaws of a panorama, W columns. Yaws are degrees from the
start frame's.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from ...metrics.intervals import Estimate, mean_of
from ...metrics.pictures import psnr
from ...rollout.sampling import Levels
from .. import pilot
from ..player import Player
from ..scene import clips, engine
from .drift import through_vae
from .suites import CLEARLY, Tracks

RATES = (-3.0, -1.5, -0.7, 0.7, 1.5, 3.0)
"""Degrees per frame."""
CHUNKS = 2
REACH = 8.0
"""Degrees to each side of the commanded yaw that are searched."""
GRID = 0.5
"""Degrees between two renders."""
APART = 3.0
"""Degrees by which two views must clearly differ, else a yaw cannot be found there."""
FARTHEST = 54.0
"""Degrees of commanded yaw beyond which less than a quarter of the columns is left to compare."""
SEED = 4_000


class Panorama(NamedTuple):
    """True views from the start places in all directions that are searched: (B, P, 3, H, W), at yaws (P,)."""

    views: Tensor
    yaws: Tensor
    focal: float = engine.FOCAL


class Steering(NamedTuple):
    """Commanded yaw (R, F), and found yaw of the generated and of the true frames through the VAE, (N, R, F), NaN where
    it cannot be found."""

    commanded: Tensor
    made: Tensor
    coded: Tensor


def look_around(tracks: Tracks) -> Panorama:
    """Render the panoramas of starts."""
    steps = round((FARTHEST + REACH) / GRID)
    yaws = torch.arange(-steps, steps + 1) * GRID
    count = len(tracks.seeds)
    return Panorama(turned(tracks, yaws.expand(count, -1)), yaws, tracks.worlds().focal)


def turned(tracks: Tracks, yaws: Tensor) -> Tensor:
    """Render the start places' views (B, F, 3, H, W) at yaws (B, F)."""
    worlds = tracks.worlds()
    count, frames = yaws.shape
    places = tracks.places[:, None].expand(-1, frames, -1)
    nothing = pilot.Actions(torch.empty(0), torch.empty(0))
    walks = pilot.Walks(torch.arange(count), nothing, places, tracks.yaws[:, None] + yaws.deg2rad(), torch.empty(0))
    return pilot.film(worlds, walks, clips.PICTURE).movedim(-1, 2)


def find_yaw(film: Tensor, commanded: Tensor, panorama: Panorama) -> Tensor:
    """Find the yaw of every frame.

    Args:
        film: (B, F, 3, H, W) in 0..1.
        commanded: (F,) the yaws around which to look.
        panorama: of the film's places.

    Returns:
        (B, F), NaN where true views APART look too much alike.
    """
    found = []
    for frame, yaw in zip(film.unbind(1), commanded.tolist(), strict=True):
        found.append(_find_one(frame, yaw, panorama))
    return torch.stack(found, 1)


def _find_one(frame: Tensor, yaw: float, panorama: Panorama) -> Tensor:
    reach, apart, middle = round(REACH / GRID), round(APART / GRID), len(panorama.yaws) // 2 + round(yaw / GRID)
    columns = shared_columns(yaw, frame.shape[-1], panorama.focal)
    near = panorama.views[:, middle - reach : middle + reach + 1, ..., columns]
    error = (near - frame[:, None, ..., columns]).square().mean((2, 3, 4))
    sides = (near[:, [reach - apart, reach + apart]] - near[:, reach : reach + 1]).square().mean((2, 3, 4))
    clear = (psnr(sides) <= CLEARLY).all(1)
    best = error.argmin(1).clamp(1, 2 * reach - 1)
    before, at, after = (error.gather(1, best[:, None] + side)[:, 0] for side in (-1, 0, 1))
    shift = ((before - after) / (2 * (before - 2 * at + after)).clamp_min(1e-9)).clamp(-1, 1)
    return torch.where(clear, panorama.yaws[middle - reach] + (best + shift) * GRID, torch.nan)


def shared_columns(yaw: float, width: int, share: float = engine.FOCAL) -> Tensor:
    """Return the indices of the columns whose direction the start frame showed, at every yaw within REACH of `yaw`."""
    across = (torch.arange(width) + 0.5 - width / 2) / (share * width)
    half = math.degrees(math.atan(0.5 / share))
    angle = across.atan().rad2deg()
    return ((angle + yaw + REACH <= half) & (angle + yaw - REACH >= -half)).nonzero()[:, 0]


def measure(player: Player, tracks: Tracks, starts: int, levels: Levels | None = None) -> Steering:
    """Turn at every rate from the first `starts` places of a suite."""
    frames = player.variant.chunking.first_frame(CHUNKS)
    commanded = torch.tensor(RATES)[:, None] * torch.arange(frames)
    rows = []
    for number, batch in tracks.batches(starts, 8):
        panorama, count = look_around(batch), len(batch.seeds)
        made, coded = [], []
        for index, rate in enumerate(RATES):
            told = pilot.hold((), rate, count, frames)
            true = turned(batch, commanded[index].double().expand(count, -1))
            first = (true[:, 0] * 255).round() / 255
            film = player.play(first, told, CHUNKS, SEED + len(RATES) * number + index, levels).transpose(1, 2)
            judged = (commanded[index].abs() > 0) & (commanded[index].abs() <= FARTHEST)
            for kept, shown in ((made, film), (coded, through_vae(player, true, {}, {}))):
                yaws = torch.full((count, frames), torch.nan)
                yaws[:, judged] = find_yaw(shown[:, judged], commanded[index, judged], panorama)
                kept.append(yaws)
        rows.append((torch.stack(made, 1), torch.stack(coded, 1)))
    return Steering(commanded, *(torch.cat(column) for column in zip(*rows, strict=True)))


def response(commanded: Tensor, found: Tensor, frames: slice = slice(None)) -> Estimate:
    """Return the slope of found (N, R, F) over commanded yaw (R, F): the mean over starts of each start's slope."""
    found, commanded = found[..., frames], commanded[:, frames].expand(found[..., frames].shape)
    known = ~found.isnan()
    product, square = (
        torch.where(known, commanded * other, 0).sum((1, 2)) for other in (found.nan_to_num(), commanded)
    )
    return mean_of((product / square)[square > 0])
