"""The image context of Tiny World: the start frame's latent in patches, each with its place."""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor

POSITION_NUMBERS = 64


def patch_context(latent: Tensor) -> Tensor:
    """Cut a normalised latent into 2 x 2 patches and append a fixed 2-D sine-cosine position to each.

    Attention has no positions of its own here, and the embedding begins with a LayerNorm: bare patches would lose
    their scale and their place.

    Args:
        latent: (..., 16, h, w) of the start frame, h and w even.

    Returns:
        (..., h/2 * w/2, 128): 64 numbers of the patch, 64 of its position.
    """
    rows, columns = latent.shape[-2] // 2, latent.shape[-1] // 2
    patches = rearrange(latent, "... c (rows y) (columns x) -> ... rows columns (c y x)", y=2, x=2)
    places = positions(rows, columns).to(latent).expand(*patches.shape[:-1], -1)
    return torch.cat([patches, places], -1).flatten(-3, -2)


def positions(rows: int, columns: int) -> Tensor:
    """Return (rows, columns, 64): sines and cosines of row and column at 16 wavelengths each, float32."""
    wave = 20.0 ** -(torch.arange(POSITION_NUMBERS // 4) / (POSITION_NUMBERS // 4))
    parts = []
    for axis, count in enumerate((rows, columns)):
        angle = torch.arange(count)[:, None] * wave
        part = torch.cat([angle.sin(), angle.cos()], -1)
        shape = (rows, columns, part.shape[-1])
        parts.append((part[:, None] if axis == 0 else part[None]).expand(shape))
    return torch.cat(parts, -1)
