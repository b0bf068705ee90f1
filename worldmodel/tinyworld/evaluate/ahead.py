"""How good is one chunk alone? The model is given the true past of a walk, and walks on from there.

A film of long ago may be wrong because it went on from what was wrong before. Here the past is the truth, so that what
is lost was lost in a chunk or two.

Shapes: B walks, P pasts, F frames that follow, H x W picture.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ...metrics.pictures import psnr, sharpness, squared_error
from .. import pilot
from ..player import Player
from ..scene import clips
from .reading import WARM_UP
from .suites import Tracks

SEED = 12_000
PASTS = (1, 3, 5, 7)
"""True chunks that are given."""
CHUNKS = 2
"""Chunks that are made after them."""
FRAMES = (1, 6, 12, 24)
"""Frames after the last true one that are told of."""


class Ahead(NamedTuple):
    """Of each walk and past (N, P, F): dB to the truth, the same of the last true frame standing still, and sharpness
    of the generated and of the true film."""

    made: Tensor
    frozen: Tensor
    sharp: Tensor
    sharp_true: Tensor


@torch.inference_mode()
def measure(player: Player, tracks: Tracks, walks: int) -> Ahead:
    """Measure the first `walks` tracks, after each of PASTS."""
    rows = []
    for number, batch in tracks.batches(walks, 12):
        chunking, chunks = player.variant.chunking, PASTS[-1] + CHUNKS
        worlds, walked = batch.walk(frames=chunking.first_frame(chunks))
        film = pilot.film(worlds, walked, clips.PICTURE).movedim(-1, 2)
        true = torch.cat([player.vae.encode(one[None].transpose(1, 2) * 2 - 1) for one in film])
        true = (true - player.mean) / player.std
        image, columns = player.see((film[:, 0] * 255).round() / 255, chunks), []
        for past in PASTS:
            given = true[:, :, : chunking.first_latent(past)]
            rolled = player.roll_latents(image, walked.actions, past + CHUNKS, SEED + number, past=given)
            latents = torch.cat(list(rolled), 2)[:, :, max(0, chunking.first_latent(past) - WARM_UP) :]
            begin, end = chunking.first_frame(past), chunking.first_frame(past + CHUNKS)
            made = player.show(latents, {}).transpose(1, 2)[:, begin - end :]
            truth = film[:, begin:end]
            stands = film[:, begin - 1 : begin]
            columns.append((psnr(squared_error(made, truth)), psnr(squared_error(stands, truth)),
                            sharpness(made), sharpness(truth)))  # fmt: skip
        rows.append([torch.stack(column, 1) for column in zip(*columns, strict=True)])
    return Ahead(*(torch.cat(column) for column in zip(*rows, strict=True)))
