"""Contact sheets: the true film of each walk above the generated one, at some frames, to be looked at.

Shapes: B walks, K shown frames, H x W picture.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ...metrics.pictures import psnr, squared_error
from .. import pilot
from ..player import Player
from ..scene import clips
from .reading import made_windows
from .suites import Tracks

SHOWN = (0, 12, 24, 48, 100, 200, 400, 1000)
SEED = 7_000


class Shown(NamedTuple):
    """Frames (B, K, 3, H, W) in 0..1 of true and generated films."""

    true: Tensor
    made: Tensor


def watch(player: Player, tracks: Tracks, frames: tuple[int, ...] = SHOWN, seed: int = SEED) -> Shown:
    """Let the model follow tracks and keep some frames."""
    worlds, walks = tracks.walk(frames=frames[-1] + 1)
    kept = walks._replace(places=walks.places[:, list(frames)], yaws=walks.yaws[:, list(frames)])
    true = pilot.film(worlds, kept, clips.PICTURE).movedim(-1, 2)
    first = (pilot.film(worlds, walks, clips.PICTURE, slice(0, 1))[:, 0].movedim(-1, 1) * 255).round() / 255
    made = made_windows(player, first, walks.actions, tuple((frame, frame + 1) for frame in frames), seed)
    return Shown(true, torch.cat(made, 1))


def gains(shown: Shown) -> list[float]:
    """Return by how many dB each generated frame is nearer to the truth than the first frame of the film, (K,)."""
    made, frozen = (psnr(squared_error(film, shown.true)) for film in (shown.made, shown.true[:, :1]))
    return (made - frozen)[:, 1:].mean(0).tolist()


def sheet(shown: Shown, scale: int = 1) -> Image.Image:
    """Draw the walks one below the other, each the true film above the generated one."""
    pairs = torch.stack([shown.true, shown.made], 1).flatten(0, 1)  # (2B, K, 3, H, W)
    rows = pairs.permute(0, 3, 1, 4, 2).flatten(2, 3).flatten(0, 1)
    picture = Image.fromarray((rows.clamp(0, 1) * 255).round().byte().numpy().astype(np.uint8))
    return picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST)
