"""Does the film follow a drawn path? The camera's motion through each chunk, found in the film itself.

The last frame of a chunk is explained by the last frame of the chunk before: with the true depth, the earlier generated
frame is seen from poses around the commanded one, and the pose from which it matches the later generated frame best
is where the film went. Only pixels count whose surface the earlier frame showed. So a world that has become another
one is judged by its motion and not by its looks, as long as its ground plan is still near the true one.

Depth is taken where the film has come to, by adding up what was found: a film that fell behind stands farther from
what it walks towards than the command says, and would seem to walk even less. Where nothing was found, the command
stands in.

Shapes: B walks, C chunks, K candidates, H x W picture.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
from einops import rearrange
from torch import Tensor
from torch.nn.functional import grid_sample

from ...metrics.intervals import Estimate, mean_of, share_of
from ...metrics.pictures import psnr
from ...rollout.sampling import Levels
from ...variants import Variant
from ..player import Player
from ..scene import clips, engine
from ..visibility import traced
from .drift import films
from .suites import Tracks

FRAMES = 57
"""Of a drawn path; as many whole chunks as they hold are judged."""
SEED = 6_000
SCALES = torch.linspace(0, 2, 9, dtype=torch.float64)
DEGREES = torch.linspace(-9, 9, 7, dtype=torch.float64)
"""The first candidates: shares of the commanded way, and degrees from the commanded turn."""
HALVINGS = 4
LEAST_METRES, LEAST_DEGREES = 0.3, 3.0
"""Commanded motion of a chunk below which there is nothing to respond to."""
SHARE, MATCH = 0.25, 18.0
"""Share of the pixels that must be known, and dB of the best match: less shows no motion."""

CLEARLY = 0.5
"""dB by which the match must get worse half of the commanded way, or 6 degrees, to each side."""
_BESIDE = torch.tensor([[0.5, 0.0], [-0.5, 0.0], [0.0, 6.0], [0.0, -6.0]], dtype=torch.float64)


class Motion(NamedTuple):
    """Commanded and found motion of each chunk (B, C): metres along the commanded way, degrees to the right; found is
    NaN where the film does not show it."""

    metres: Tensor
    degrees: Tensor
    found_metres: Tensor
    found_degrees: Tensor

    def part(self, chunks: slice) -> Motion:
        """Return the motion of some chunks; what the first shows of itself is the given picture, not the model's."""
        return Motion(*(value[:, chunks] for value in self))


class _Chunk(NamedTuple):
    """A chunk to explain: worlds, the film's pose before it (B, 2) and (B,), the commanded motion from there, and the
    two frames (B, 3, H, W)."""

    worlds: engine.Places
    place: Tensor
    yaw: Tensor
    way: Tensor
    turn: Tensor
    before: Tensor
    after: Tensor


def measure(player: Player, tracks: Tracks, walks: int, levels: Levels | None = None) -> tuple[Motion, Motion]:
    """Let the model follow the first `walks` tracks of a suite; return its motion, and that of the true films through
    the VAE, which shows what the measure itself can tell."""
    found = []
    for number, batch in tracks.batches(walks, 16):
        frames = player.variant.chunking.first_frame(chunks_in(player.variant))
        pieces = list(films(player, batch, frames, SEED + number, levels))
        made, coded = (torch.cat([getattr(piece, name) for piece in pieces], 1) for name in ("made", "coded"))
        found.append((explain(made, batch, player.variant), explain(coded, batch, player.variant)))
    return tuple(Motion(*map(torch.cat, zip(*motions, strict=True))) for motions in zip(*found, strict=True))


def chunks_in(variant: Variant) -> int:
    """Return how many whole chunks of a variant a drawn path holds."""
    return next(count for count in range(FRAMES, 0, -1) if variant.chunking.first_frame(count) <= FRAMES)


def explain(film: Tensor, tracks: Tracks, variant: Variant) -> Motion:
    """Find the motion of films (B, F, 3, H, W) in 0..1 that follow tracks, chunk by chunk from the start on."""
    worlds, walk = tracks.walk()
    ends = [0, *(variant.chunking.first_frame(chunk + 1) - 1 for chunk in range(chunks_in(variant)))]
    place, yaw, motions = walk.places[:, 0], walk.yaws[:, 0], []
    for begin, end in pairwise(ends):
        turn = walk.yaws[:, end] - walk.yaws[:, begin]
        way = _turned(walk.places[:, end] - walk.places[:, begin], yaw - walk.yaws[:, begin])
        motion = _explain(_Chunk(worlds, place, yaw, way, turn, film[:, begin], film[:, end]))
        share = (motion.found_metres / motion.metres).nan_to_num(1.0)
        place = place + share[:, None] * way
        yaw = yaw + motion.found_degrees.deg2rad().where(~motion.found_degrees.isnan(), turn)
        motions.append(motion)
    return Motion(*(torch.stack(column, 1) for column in zip(*motions, strict=True)))


def _turned(way: Tensor, angle: Tensor) -> Tensor:
    """Turn ways (B, 2) in x and z by angles (B,) in radians, positive to the right."""
    x, z = way.unbind(-1)
    return torch.stack([x * angle.cos() + z * angle.sin(), z * angle.cos() - x * angle.sin()], -1)


def _explain(chunk: _Chunk) -> Motion:
    """Find the motion of one chunk, each field (B,)."""
    tried = torch.cartesian_prod(SCALES, DEGREES).expand(len(chunk.place), -1, -1)
    error, known = _errors(chunk, tried)
    at = tried[torch.arange(len(error)), error.argmin(1)]
    step = torch.tensor([SCALES[1] - SCALES[0], DEGREES[1] - DEGREES[0]], dtype=torch.float64)
    around = torch.cartesian_prod(*2 * [torch.tensor([0.0, -1.0, 1.0], dtype=torch.float64)])
    for _ in range(HALVINGS):
        step = step / 2
        tried = at[:, None] + around * step
        error, known = _errors(chunk, tried)
        least, best = error.min(1)
        at = tried[torch.arange(len(best)), best]
    sides = _errors(chunk, at[:, None] + _BESIDE)[0].unflatten(1, (2, 2)).amin(2)  # (B, 2): beside in way, and in turn
    shown = (psnr(least) >= MATCH) & (known >= SHARE)
    clear = shown[:, None] & (psnr(sides) <= psnr(least)[:, None] - CLEARLY)
    metres, turned = chunk.way.norm(dim=-1), chunk.turn.rad2deg()
    found = torch.where(clear, torch.stack([at[:, 0] * metres, turned + at[:, 1]], -1), torch.nan)
    return Motion(metres, turned, *found.unbind(-1))


def _errors(chunk: _Chunk, tried: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean squared error (B, K) of the earlier frame seen from tried poses (B, K, 2), each a share of the
    commanded way and degrees beside the commanded turn, and the share (B,) of pixels that it is taken over.

    Inside a wall it is infinite.
    """
    count, candidates = tried.shape[:2]
    share, beside = tried.unbind(-1)
    places = torch.cat([chunk.place[:, None], chunk.place[:, None] + share[..., None] * chunk.way[:, None]], 1)
    yaws = torch.cat([chunk.yaw[:, None], chunk.yaw[:, None] + chunk.turn[:, None] + beside.deg2rad()], 1)
    which = torch.arange(count)[:, None].expand(-1, candidates + 1)
    cells = chunk.worlds.cells
    cell = (places / chunk.worlds.cell).floor().long().clamp(0, cells.shape[-1] - 1)
    free = cells[which, cell[..., 0], cell[..., 1]] == 0
    places = torch.where(free[..., None], places, places[:, :1])
    pieces = zip(which.flatten().split(64), places.flatten(0, 1).split(64), yaws.flatten().split(64), strict=True)
    depth = torch.cat([chunk.worlds.render(*piece, clips.PICTURE).depth for piece in pieces])
    grid, seen = traced(depth.unflatten(0, (count, -1)), places, yaws, chunk.worlds.focal)
    looked = grid_sample(chunk.before, grid.flatten(1, 2), mode="bilinear", padding_mode="border", align_corners=False)
    looked = rearrange(looked, "b c (k h) w -> b k c h w", k=candidates + 1)[:, 1:]
    difference = (looked - chunk.after[:, None]).square().mean(2)
    seen = seen[:, 1:] & torch.isfinite(depth.unflatten(0, (count, -1)))[:, 1:]
    # every candidate is judged on the same pixels as far as it knows them
    error = (difference * seen).sum((2, 3)) / seen.sum((2, 3)).clamp_min(1)
    enough = seen.float().mean((2, 3)) >= SHARE / 2
    return torch.where(free[:, 1:] & enough, error, torch.inf), seen.float().mean((1, 2, 3))


class Slopes(NamedTuple):
    """Found over commanded motion: metres, degrees, and the share of the chunks whose way was found."""

    metres: Estimate
    degrees: Estimate
    shown: Estimate


def slopes(motion: Motion) -> Slopes:
    """Return the slopes of motions (B, C) as the means over walks of each walk's slope."""
    return Slopes(
        _slope(motion.metres, motion.found_metres, LEAST_METRES),
        _slope(motion.degrees, motion.found_degrees, LEAST_DEGREES),
        share_of(~motion.found_metres.isnan().flatten()),
    )


def _slope(asked: Tensor, found: Tensor, least: float) -> Estimate:
    known = ~found.isnan() & (asked.abs() >= least)
    product = torch.where(known, asked * found.nan_to_num(), 0).sum(1)
    square = torch.where(known, asked.square(), 0).sum(1)
    return mean_of((product / square)[square > 0])
