"""Does the model show a place as it was when it comes back? Judged over the surfaces that the start frame showed.

A loop leaves its start, turns home and stands there as at the beginning. The frames right after it has come home are
compared with the true ones, wherever the start frame showed their surfaces. The cameras stand where the true walk
leads, so that a wall that stops a step is no error of the model's.

Shapes: N loops, B of a batch, F frames, J judged frames, H x W picture.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ...metrics.pictures import psnr
from .. import pilot
from ..player import Player
from ..remember.player import MemoryPlayer, Way
from ..scene import clips, engine
from ..visibility import seen_from_first
from . import reading
from .drift import through_vae
from .reader import Reader
from .reading import WARM_UP
from .suites import LOOP, Tracks

SEED = 9_000
NEAR, DEGREES = 1.0, 20.0
"""Metres from the start, and degrees from where it looked, within which a walker is home."""
JUDGED = (0, 4, 8, 12)
"""Frames after the return that are judged."""
RETURNS = (200, LOOP - JUDGED[-1])
"""Frames after which a loop may return to be judged: the first, and the last."""
BATCH = 16
AWAY_UNTIL = (30, 100)
"""Rows at which a glance has turned away, and has turned back."""


class Revisits(NamedTuple):
    """Of each loop (N,): share of right wall and landmark pixels, mean over the materials, NaN where too few are seen;
    and dB; both over the surfaces that the start showed."""

    walls: Tensor
    psnr: Tensor


def returns(walks: pilot.Walks) -> Tensor:
    """Return the frame from which on each walker is home for good, (N,)."""
    away = (walks.places - walks.places[:, :1]).norm(dim=-1)
    turned = walks.yaws - walks.yaws[:, :1]
    turned = torch.atan2(turned.sin(), turned.cos()).abs().rad2deg()
    out = (away > NEAR) | (turned > DEGREES)
    return (out * torch.arange(1, out.shape[1] + 1)).amax(1)


def by_return(tracks: Tracks, loops: int) -> tuple[Tracks, Tensor]:
    """Return the first `loops` tracks that return in time, sorted by their returns, and these frames."""
    _, walks = tracks.walk()
    back = returns(walks)
    some = torch.nonzero((back >= RETURNS[0]) & (back <= RETURNS[1]))[:loops, 0]
    some = some[back[some].argsort(stable=True)]
    return Tracks(*(value[some] for value in tracks)), back[some]


class Truth(NamedTuple):
    """A batch of walks with what is seen at the judged frames: start (B, 3, H, W) as a model gets it, frames (B, J),
    film (B, J, 3, H, W), and materials, inverse depth and what the start showed, (B, J, H, W)."""

    walks: pilot.Walks
    start: Tensor
    frames: Tensor
    film: Tensor
    materials: Tensor
    near: Tensor
    seen: Tensor


def truth_of(worlds: engine.Places, walks: pilot.Walks, frames: Tensor) -> Truth:
    """Render the start and the judged frames (B, J) of walks."""
    at = torch.cat([torch.zeros_like(frames[:, :1]), frames], 1)
    rows = torch.arange(len(frames))[:, None]
    part = walks._replace(places=walks.places[rows, at], yaws=walks.yaws[rows, at])
    view = pilot.views(worlds, part, clips.PICTURE)
    seen = seen_from_first(view.depth, part.places, part.yaws, worlds.focal)[:, 1:]
    film = view.pixels.movedim(-1, 2)
    start = (film[:, 0] * 255).round() / 255
    return Truth(walks, start, frames, film[:, 1:], view.materials[:, 1:].long(), 1 / view.depth[:, 1:], seen)


def seen_psnr(film: Tensor, truth: Truth) -> Tensor:
    """Return the dB (B,) of judged frames (B, J, 3, H, W) over what the start showed."""
    error = (film - truth.film).square().mean(2) * truth.seen
    return psnr(error.sum((1, 2, 3)) / truth.seen.sum((1, 2, 3)).clamp_min(1))


def revisits(players: dict[str, MemoryPlayer], reader: Reader, tracks: Tracks, loops: int) -> dict[str, Revisits]:
    """Measure players, and "vae": true frames through the VAE.

    Args:
        players: by any other names.
        reader: says what is read.
        tracks: walks that come home.
        loops: how many of them that return in time are judged.
    """
    tracks, back = by_return(tracks, loops)
    found: dict[str, list[Revisits]] = {name: [] for name in (*players, "vae")}
    for number, first in enumerate(range(0, len(back), BATCH)):
        span = slice(first, first + BATCH)
        truth = truth_of(*tracks.part(span).walk(), back[span, None] + torch.tensor(JUDGED))
        films = {"vae": _alone(players, truth.film)}
        films.update({name: judged_frames(player, truth, SEED + number) for name, player in players.items()})
        for name, film in films.items():
            said = reading.read_films(reader, film)
            right = reading.judged(said, truth.materials, truth.near, truth.seen).walls
            found[name].append(Revisits(right, seen_psnr(film, truth)))
    return {name: Revisits(*map(torch.cat, zip(*parts, strict=True))) for name, parts in found.items()}


def glance(walkers: int) -> pilot.Actions:
    """Return actions that look a quarter turn away, stay so, and look back."""
    rows = AWAY_UNTIL[-1] + 24
    turns = torch.zeros(walkers, rows, dtype=torch.float64)
    for sign, end in ((1, AWAY_UNTIL[0]), (-1, AWAY_UNTIL[-1])):
        turns[:, end - 30 : end] = sign * 3.0
    return pilot.Actions(torch.zeros(walkers, rows, 4), turns)


def glances(players: dict[str, MemoryPlayer], tracks: Tracks, starts: int) -> dict[str, Tensor]:
    """Measure players that look away and back: dB (N,) over what the start showed."""
    found: dict[str, list[Tensor]] = {name: [] for name in players}
    for number, batch in tracks.batches(starts):
        worlds, walks = batch.walk(glance(len(batch.seeds)))
        frames = AWAY_UNTIL[-1] + 1 + torch.tensor(JUDGED).expand(len(batch.seeds), -1)
        truth = truth_of(worlds, walks, frames)
        for name, player in players.items():
            found[name].append(seen_psnr(judged_frames(player, truth, SEED + number), truth))
    return {name: torch.cat(parts) for name, parts in found.items()}


def _alone(players: dict[str, MemoryPlayer], frames: Tensor) -> Tensor:
    """Send frames (B, J, 3, H, W) through the VAE, each by itself."""
    player: Player = next(iter(players.values()))
    return through_vae(player, frames.flatten(0, 1)[:, None], {}, {})[:, 0].unflatten(0, frames.shape[:2])


@torch.inference_mode()
def judged_frames(player: MemoryPlayer, truth: Truth, seed: int) -> Tensor:
    """Return the judged frames (B, J, 3, H, W) of films that a player makes; only what leads to them is decoded."""
    start, walks, frames = truth.start, truth.walks, truth.frames
    chunking = player.variant.chunking
    first = (frames[:, 0] - 1) // chunking.frames_per_latent + 1 - WARM_UP
    at = first[:, None] + torch.arange(WARM_UP + 2 + (JUDGED[-1] - 1) // chunking.frames_per_latent)
    chunks = chunking.chunk_of_latent(int(at.max())) + 1
    way = Way(walks.places, walks.yaws)
    rolled = player.roll_latents(player.see(start, chunks), walks.actions, chunks, seed, way=way)
    latents = torch.cat(list(rolled), 2)
    index = at[:, None, :, None, None].expand(-1, latents.shape[1], -1, *latents.shape[-2:])
    film = player.show(latents.gather(2, index), {}).transpose(1, 2)
    # the first of them is decoded to one frame, the last of its four
    return film[torch.arange(len(frames))[:, None], frames - chunking.frames_per_latent * first[:, None]]
