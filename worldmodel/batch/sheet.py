"""A film's contact sheet: frames from all of it in one row, from left to right."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

PICTURES = 8
_WIDTH = 192
"""Pixels of a picture; films that are smaller stay as they are."""


class Sheet(NamedTuple):
    """A film at a glance.

    Args:
        frames: that it has.
        size: (width, height) of its pictures in pixels.
        jpeg: `PICTURES` of them in a row, fewer of a shorter film.
    """

    frames: int
    size: tuple[int, int]
    jpeg: bytes


def read_sheet(film: Path) -> Sheet:
    """Read a film once and keep a few frames.

    Raises:
        ValueError: it cannot be read.
    """
    from ..shown.ffmpeg import FFmpegError, decoded

    try:
        return sheet_of(decoded(film))
    except FFmpegError as error:
        raise ValueError(f"{film.name}: found no film that can be read ({error}).") from None


def sheet_of(pictures: Iterable[np.ndarray]) -> Sheet:
    """Make a sheet of pictures (height, width, 3), uint8; what is kept meanwhile does not grow with their number.

    Raises:
        ValueError: there are none.
    """
    from PIL import Image

    kept: list[tuple[int, Image.Image]] = []
    step, count, size = 1, 0, (0, 0)
    for count, picture in enumerate(pictures, 1):
        if (count - 1) % step:
            continue
        if len(kept) == 4 * PICTURES:
            kept, step = kept[::2], 2 * step
            if (count - 1) % step:
                continue
        image = Image.fromarray(picture)
        size = image.size
        if image.width > _WIDTH:
            image = image.resize((_WIDTH, round(image.height * _WIDTH / image.width)), Image.Resampling.BOX)
        kept.append((count - 1, image))
    if not count:
        raise ValueError("found no frame in the film.")
    shown = min(PICTURES, len(kept))
    wanted = [number * (count - 1) / max(1, shown - 1) for number in range(shown)]
    chosen = [min(kept, key=lambda each: abs(each[0] - frame))[1] for frame in wanted]
    width, height = chosen[0].size
    sheet = Image.new("RGB", (width * shown, height))
    for number, image in enumerate(chosen):
        sheet.paste(image, (number * width, 0))
    data = io.BytesIO()
    sheet.save(data, "JPEG", quality=85)
    return Sheet(count, size, data.getvalue())
