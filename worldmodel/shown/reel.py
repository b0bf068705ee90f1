"""Reels: the frames of a walk as small pictures that a page can scrub through, some frames to a picture (a strip).

Frames are (frames, height, width, 3) in 0..1. A reel's pictures are to be looked at and are no copy: they are JPEG, and
large frames are made smaller by a whole factor, because that costs next to nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..track.timeline import held_spans
from ..track.track import Track

MOST_SIDE = 640
"""Pixels of the longer side of a frame in a strip."""
MOST_FRAMES, COLUMNS = 16, 4
"""Frames in a strip, and in one of its rows: 2560 pixels, which every browser takes."""
SMALL = 192
"""Pixels of the longer side up to which a frame keeps all of its colours, as JPEG would smear them."""
FINE, USUAL = {"quality": 92, "subsampling": 0}, {"quality": 84}
ENDING = ".jpg"


class Strip(NamedTuple):
    """Frames of one chunk in one picture, row after row, `COLUMNS` to a row."""

    chunk: int
    """Absolute number of the chunk."""
    frames: int
    path: Path
    bytes: int


def reel_size(height: int, width: int) -> tuple[int, int]:
    """Return (h, w) pixels of a frame in a strip."""
    factor = _factor(height, width)
    return max(1, height // factor), max(1, width // factor)


def _factor(height: int, width: int) -> int:
    return -(-max(height, width) // MOST_SIDE)


class StripWriter:
    """Cuts a stream of frames into strips and writes each when its last frame has come; no strip spans two chunks."""

    def __init__(
        self, folder: Path, first_chunk: int, length: Callable[[int], int], made: Callable[[Strip], None]
    ) -> None:
        """Begin.

        Args:
            folder: that is there; no other writer gives the names that this one gives.
            first_chunk: absolute number of the chunk whose frames come first.
            length: returns the frames of a chunk, by its absolute number.
            made: called with each strip, in the thread that brought its last frame.
        """
        self._folder, self._length, self._made = folder, length, made
        self._chunk, self._left = first_chunk, length(first_chunk)
        self._waiting: list[Image.Image] = []
        self._stem, self._number = uuid.uuid4().hex[:16], 0

    def append(self, frames: Tensor) -> None:
        """Take frames, any number of them.

        Raises:
            OSError: a strip cannot be written.
        """
        for pixels in _fitted(frames):
            self._waiting.append(Image.fromarray(pixels))
            self._left -= 1
            if not self._left or len(self._waiting) == MOST_FRAMES:
                self._write()
            if not self._left:
                self._chunk += 1
                self._left = self._length(self._chunk)

    def _write(self) -> None:
        waiting, self._waiting = self._waiting, []
        path = self._folder / f"{self._stem}_{self._number:05}{ENDING}"
        self._number += 1
        laid_out(waiting).save(path, "JPEG", **(FINE if max(waiting[0].size) <= SMALL else USUAL))
        self._made(Strip(self._chunk, len(waiting), path, path.stat().st_size))


def laid_out(pictures: Sequence[Image.Image]) -> Image.Image:
    """Return pictures of one size in rows of `COLUMNS`; a strip of fewer is as wide as they are."""
    width, height = pictures[0].size
    columns = min(COLUMNS, len(pictures))
    sheet = Image.new("RGB", (columns * width, -(-len(pictures) // COLUMNS) * height))
    for index, picture in enumerate(pictures):
        sheet.paste(picture, (index % COLUMNS * width, index // COLUMNS * height))
    return sheet


def _fitted(frames: Tensor) -> np.ndarray:
    """Return frames (f, H, W, 3) as bytes (f, h, w, 3) in the size that they have in a strip.

    Of each square of pixels two on its diagonal are averaged, which looks as good and reads half as much.
    """
    size = height, width = frames.shape[1:3]
    factor, (rows, columns) = _factor(*size), reel_size(*size)
    if factor > 1:
        within = frames[:, : rows * factor, : columns * factor]
        down, right = min(factor // 2, height - 1), min(factor // 2, width - 1)
        frames = (within[:, ::factor, ::factor].float() + within[:, down::factor, right::factor]) / 2
    return frames.detach().float().mul(255).add_(0.5).clamp_(0, 255).to("cpu", torch.uint8).contiguous().numpy()


def told_runs(track: Track) -> dict[str, Any]:
    """Return what a track says as runs of equal frames, plain values, for the page to draw.

    Returns:
        `words`: the keys; `keys`: word -> [first frame, frames] of each time it is held; `turns`: [first frame, yaw,
        pitch] where the turn becomes another, in degrees a frame.
    """
    held = {word: held_spans((track.keys[:, column] > 0).tolist()) for column, word in enumerate(track.words)}
    turns = [[round(float(value), 3) for value in row] for row in track.mouse.tolist()]
    begins = [0, *(index for index, (one, other) in enumerate(pairwise(turns), 1) if one != other)] if turns else []
    return {
        "words": list(track.words),
        "keys": {word: [list(span) for span in spans] for word, spans in held.items() if spans},
        "turns": [[index, *turns[index]] for index in begins],
    }
