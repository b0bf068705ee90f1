"""Start pictures as Matrix-Game 3.0's two pipelines prepare them.

Neither keeps its colours within -1 to 1: bicubic resizing overshoots at edges, and the VAE is given that.

Shapes: H x W the picture given, h x w the model's. Source: Matrix-Game 3.0, `utils/transform.py` and
`pipeline/inference_interactive_pipeline.py`.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate

SMALLEST = 16
"""Pixels of a side below which nothing is left to crop."""
MULTIPLE = 32
"""Sides of the model's picture are multiples of it: 16 pixels a latent, 2 latents a token."""


def cropped_picture(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Cut the middle with the model's aspect ratio and resize it, smoothed: the batch pipeline's way.

    Args:
        image: (1, H, W, 3 or 4) in 0..1; a fourth channel is left out.
        size: (h, w), rounded to multiples of 32.

    Returns:
        (1, 3, h, w) float32, mostly within -1 and 1.

    Raises:
        ValueError: more than one picture, too small, no colours, or not numbers.
    """
    return cropped_colours(image, size).movedim(-1, 1) * 2 - 1


def cropped_colours(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Return what `cropped_picture` does as a host has pictures: (1, h, w, 3), mostly in 0..1."""
    picture = _channels_first(image)
    height, width = (round(side / MULTIPLE) * MULTIPLE for side in size)
    picture = _middle(picture, height / width)
    return interpolate(picture, (height, width), mode="bicubic", align_corners=True, antialias=True).movedim(1, -1)


def stretched_picture(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize the whole picture, whatever its aspect ratio, without smoothing: the interactive pipeline's way.

    Args, Returns, Raises: as `cropped_picture`; the size is taken as it is.
    """
    return interpolate(_channels_first(image) * 2 - 1, size, mode="bicubic", align_corners=False)


def _middle(picture: Tensor, aspect: float) -> Tensor:
    """Cut the middle of a picture (1, 3, H, W) whose height is to be `aspect` of its width."""
    height, width = picture.shape[-2:]
    if height / width > aspect:
        kept, kept_width = int(width * aspect), width
    else:
        kept, kept_width = height, int(height / aspect)
    top, left = round((height - kept) / 2), round((width - kept_width) / 2)
    return picture[..., top : top + kept, left : left + kept_width]


def _channels_first(image: Tensor) -> Tensor:
    if image.dim() != 4 or image.shape[0] != 1:
        found = f"a batch of {image.shape[0]} pictures" if image.dim() == 4 else f"shape {tuple(image.shape)}"
        raise ValueError(f"image: found {found}, expected one picture; choose one with Get Image from Batch.")
    _, height, width, channels = image.shape
    if channels not in (3, 4):
        raise ValueError(f"image: found {channels} channels, expected 3 (red, green, blue); convert the picture.")
    if min(height, width) < SMALLEST:
        raise ValueError(
            f"image: found {width} x {height} pixels, expected at least {SMALLEST} on each side; use a larger picture."
        )
    picture = image[..., :3].to("cpu", torch.float32).movedim(-1, 1)
    if not bool(torch.isfinite(picture).all()):
        raise ValueError("image: found NaN or infinity, expected numbers from 0 to 1; check the node before.")
    return picture
