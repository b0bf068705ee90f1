"""The frames that a world of Yume 1.5 begins behind: a picture that stood still, or the end of a film.

Its encoder looks at 17 frames, or 4n + 1 of a film; as the VAE is causal, 17 equal frames do not give 5 equal latents,
so all of them are encoded. Source: Yume 1.5 (github.com/stdstu12/YUME), fastvideo/sample/sample_5b.py.

Shapes: F frames of H x W given, h x w the model's.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from ...variants import AS_RELEASED

STANDING = 17
"""Frames of a picture that stands still."""
MOST_FRAMES = 81
"""Of a film's end: 21 latents, the most that keep at least a sixteenth of their tokens."""
SMALLEST = 16
"""Pixels of a side below which nothing is left to resize."""


def frames_behind(image: Tensor, size: tuple[int, int], form: str) -> Tensor:
    """Return what a world begins behind.

    A picture stands still for 17 frames. Of a film the last 4n + 1 frames count, up to 81; one that is shorter than 17
    begins with its first frame standing still. As released, only a film's first frame counts, and pictures are
    stretched; else their middle is cut.

    Args:
        image: (F, H, W, 3 or 4) in 0..1; what is transparent is black.
        size: (h, w).
        form: of the world.

    Returns:
        (4n + 1, h, w, 3).

    Raises:
        ValueError: too small, no colours, or not numbers.
    """
    if image.dim() != 4 or not len(image) or image.shape[-1] not in (3, 4):
        raise ValueError(
            f"image: found shape {tuple(image.shape)}, expected pictures (frames, height, width, 3); convert them."
        )
    _, height, width, channels = image.shape
    if min(height, width) < SMALLEST:
        raise ValueError(
            f"image: found {width} x {height} pixels, expected at least {SMALLEST} on each side; use a larger picture."
        )
    released = form == AS_RELEASED
    film = (image[:1] if released else image[-MOST_FRAMES:]).to("cpu", torch.float32)
    if not bool(torch.isfinite(film).all()):
        raise ValueError("image: found NaN or infinity, expected numbers from 0 to 1; check the node before.")
    if channels == 4:
        film = film[..., :3] * film[..., 3:]
    film = film[(len(film) - 1) % 4 :] if len(film) > STANDING else film
    film = _resized(film, size, cut=not released)
    return torch.cat((film[:1].expand(max(STANDING - len(film), 0), -1, -1, -1), film))


def _resized(film: Tensor, size: tuple[int, int], cut: bool) -> Tensor:
    """Return pictures (F, H, W, 3) in another size: their middle, smoothed, or the whole, stretched."""
    pictures = film.movedim(-1, 1)
    if tuple(pictures.shape[2:]) == tuple(size):
        return film
    if cut:
        height, width = pictures.shape[2:]
        high, wide = min(height, round(width * size[0] / size[1])), min(width, round(height * size[1] / size[0]))
        top, left = (height - high) // 2, (width - wide) // 2
        pictures = pictures[..., top : top + high, left : left + wide]
    shown = interpolate(pictures, size, mode="bilinear", align_corners=False, antialias=cut)
    return shown.movedim(1, -1)
