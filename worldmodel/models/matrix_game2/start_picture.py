"""Start pictures as the authors of Matrix-Game 2.0 prepare them (inference.py of its release).

Shapes: H x W the picture given, h x w the model's.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from ...storage.pixels import to_bytes

SMALLEST = 16
"""Pixels of a side below which nothing is left to crop."""


CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


def crop(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Cut the middle with the wanted aspect ratio.

    Args:
        picture: RGB.
        size: (h, w).
    """
    height, width = size
    new_width, new_height = picture.width, picture.height
    if picture.height / picture.width > height / width:
        new_height = int(picture.width * height / width)
    else:
        new_width = int(picture.height * width / height)
    # fractional, and PIL rounds each of the four to the nearest even: the crop may be one pixel larger
    left, top = (picture.width - new_width) / 2, (picture.height - new_height) / 2
    box = (left, top, left + new_width, top + new_height)
    return picture.crop(box)


def crop_and_resize(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Cut the middle of an RGB picture and resize it to (h, w), bilinear with antialiasing."""
    return crop(picture, size).resize((size[1], size[0]), Image.Resampling.BILINEAR)


def prepare_picture(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the picture a world starts with.

    Args:
        image: (1, H, W, 3 or 4) in 0..1; a fourth channel is left out.
        size: (h, w).

    Returns:
        (h, w, 3) float32 in 0..1 on the CPU. An image of the right size comes back as it is.

    Raises:
        ValueError: more than one picture, too small, no colours, or not numbers.
    """
    if image.dim() != 4 or image.shape[0] != 1:
        found = f"a batch of {image.shape[0]} pictures" if image.dim() == 4 else f"shape {tuple(image.shape)}"
        raise ValueError(f"image: found {found}, expected one picture; choose one with Get Image from Batch.")
    _, height, width, channels = image.shape
    if channels not in (3, 4):
        raise ValueError(f"image: found {channels} channels, expected 3 (red, green, blue); convert the picture.")
    if min(height, width) < SMALLEST:
        raise ValueError(
            f"image: found {width} x {height} pixels, expected at least {SMALLEST} on each side (the model's own "
            f"picture is {size[1]} x {size[0]}); use a larger picture."
        )
    picture = image[0, :, :, :3].to("cpu", torch.float32)
    if not bool(torch.isfinite(picture).all()):
        raise ValueError("image: found NaN or infinity, expected numbers from 0 to 1; check the node before.")
    if (height, width) == size:
        return picture.clamp(0, 1)
    whole = Image.fromarray(to_bytes(picture))
    return torch.from_numpy(np.array(crop_and_resize(whole, size))).float() / 255


def clip_pixels(
    picture: Tensor, side: int, mean: Sequence[float] = CLIP_MEAN, std: Sequence[float] = CLIP_STD
) -> Tensor:
    """Return what the CLIP tower sees: the picture squeezed to a square, bicubic without antialiasing.

    Args:
        picture: (h, w, 3) in 0..1.
        side: pixels of the square.
        mean, std: per channel.

    Returns:
        (1, 3, side, side).
    """
    pixels = picture.movedim(-1, 0)[None] * 2 - 1
    pixels = interpolate(pixels, size=(side, side), mode="bicubic", align_corners=False) * 0.5 + 0.5
    scale = (torch.tensor(list(values)).view(1, 3, 1, 1) for values in (mean, std))
    return (pixels - next(scale)) / next(scale)
