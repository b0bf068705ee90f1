"""What the latents of each kind of VAE are, as data."""

from __future__ import annotations

from typing import NamedTuple


class LatentFormat(NamedTuple):
    """Latents that a model and a VAE speak of.

    Args:
        name: as files and messages have it.
        channels: numbers of a latent pixel.
        pixels: side in pixels of what it stands for.
        frames: how many a latent spans; a video's first spans one.
    """

    name: str
    channels: int
    pixels: int
    frames: int


WAN21 = LatentFormat("wan21", channels=16, pixels=8, frames=4)
WAN22 = LatentFormat("wan22", channels=48, pixels=16, frames=4)
TINY_WORLD = LatentFormat("tiny_world", channels=16, pixels=8, frames=4)
