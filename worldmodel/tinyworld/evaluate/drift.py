"""How a rollout ages: frame by frame beside the true film of the same walk, which is also sent through the VAE.

Shapes: W walks, F frames, B walks of a batch, M measures.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from ...metrics.intervals import Estimate, ratio_of
from ...metrics.pictures import brightness, saturation, sharpness
from ...rollout.sampling import Levels
from .. import pilot
from ..player import Player
from ..scene import clips
from .suites import Tracks

MEASURES = ("saturation", "brightness", "sharpness", "change")
SEED = 1_000
SHOWN = (0, 12, 24, 48, 100, 200, 400)
"""Frames of the first walks that are kept as pictures."""


class Piece(NamedTuple):
    """The films of one chunk, (B, frames, 3, H, W) in 0..1: generated, true, and true through the VAE."""

    first: int
    made: Tensor
    true: Tensor
    coded: Tensor


class Ageing(NamedTuple):
    """The measures of every frame of every walk, each (M, W, F), change being 0 in frame 0; and the pictures of the
    first batch at the frames SHOWN, each (3, B, 3, H, W): true, true through the VAE, generated."""

    made: Tensor
    true: Tensor
    coded: Tensor
    pictures: dict[int, Tensor]


def films(player: Player, tracks: Tracks, frames: int, seed: int, levels: Levels | None = None) -> Iterator[Piece]:
    """Let the model follow tracks for at least `frames` frames, and show its films beside the true ones."""
    variant = player.variant
    chunks = next(chunks for chunks in range(1, frames + 1) if variant.chunking.first_frame(chunks) >= frames)
    frames = variant.chunking.first_frame(chunks)
    worlds, walks = tracks.walk(frames=min(frames, tracks.turns.shape[1] + 1))
    first = (pilot.film(worlds, walks, clips.PICTURE, slice(0, 1))[:, 0].movedim(-1, 1) * 255).round() / 255
    seeing, showing = {}, {}
    for chunk, made in enumerate(player.roll(first, walks.actions, chunks, seed, levels)):
        begin = variant.chunking.first_frame(chunk)
        true = pilot.film(worlds, walks, clips.PICTURE, slice(begin, begin + made.shape[2])).movedim(-1, 2)
        coded = through_vae(player, true, seeing, showing)
        yield Piece(begin, made.transpose(1, 2)[:, : true.shape[1]], true, coded)


@torch.inference_mode()
def through_vae(player: Player, film: Tensor, seeing: dict, showing: dict) -> Tensor:
    """Encode and decode the next piece (B, frames, 3, H, W) of films; the dictionaries are the streams' memory."""
    latents = player.vae.encode(film.transpose(1, 2) * 2 - 1, seeing)
    return (player.vae.decode(latents, showing).transpose(1, 2) + 1) / 2


def watch(player: Player, tracks: Tracks, walks: int, frames: int, levels: Levels | None = None) -> Ageing:
    """Measure every frame 0 ... `frames` of the first `walks` tracks; only one chunk's pictures are held at a time."""
    batches, pictures = [], {}
    for number, batch in tracks.batches(walks, 8):
        columns: list[list[Tensor]] = [[], [], []]
        last: list[Tensor | None] = [None, None, None]
        for piece in films(player, batch, frames + 1, SEED + number, levels):
            for kind, film in enumerate(piece[1:]):
                columns[kind].append(_measured(film, last[kind]))
                last[kind] = film[:, -1:].clone()
            if number == 0:
                pictures.update(_shown(piece))
        batches.append([torch.cat(column, -1)[..., : frames + 1] for column in columns])
    return Ageing(*(torch.cat(column, 1) for column in zip(*batches, strict=True)), pictures)


def _shown(piece: Piece) -> dict[int, Tensor]:
    """Return the piece's pictures at the frames SHOWN."""
    frames = range(piece.first, piece.first + piece.true.shape[1])
    films = torch.stack([piece.true, piece.coded, piece.made])
    return {frame: films[:, :, frame - piece.first].clone() for frame in SHOWN if frame in frames}


def _measured(film: Tensor, last: Tensor | None) -> Tensor:
    """Return the measures (M, B, frames) of a film that goes on from a last frame (B, 1, 3, H, W)."""
    before = torch.cat([film[:, :1] if last is None else last, film[:, :-1]], 1)
    change = (film - before).abs().mean((-3, -2, -1))
    return torch.stack([saturation(film), brightness(film), sharpness(film), change])


def spans(frames: int) -> tuple[slice, slice]:
    """Return the frames that count as early and as late in a film of frames 0 ... `frames`."""
    return slice(1, min(frames, 50) + 1), slice(frames - frames // 5, frames + 1)


def ratio(ageing: Ageing, measure: str, span: slice, to: str = "coded") -> Estimate:
    """Return the ratio of the means over all walks, generated to `coded` or `true`, in a span of frames."""
    index = MEASURES.index(measure)
    made, other = (getattr(ageing, name)[index, :, span].mean(-1) for name in ("made", to))
    return ratio_of(made, other)


def curve(ageing: Ageing, measure: str, width: int = 12) -> Tensor:
    """Return the ratio to the truth through the VAE over time, means of `width` frames (F // width,)."""
    index = MEASURES.index(measure)
    made, coded = (value[index, :, 1:].mean(0) for value in (ageing.made, ageing.coded))
    steps = len(made) // width
    made, coded = (value[: steps * width].unflatten(0, (steps, width)).mean(-1) for value in (made, coded))
    return made / coded
