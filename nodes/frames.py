"""A range of frames as two inputs say it, and its pictures in one tensor."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ..worldmodel.shown.side_by_side import Span
from .host.progress import Progress
from .schema import INT32

FIRST_FRAME = {"default": 0, "min": 0, "max": INT32}
LAST_FRAME = {"default": -1, "min": -1, "max": INT32}


def chosen_span(first: int, last: int, total: int) -> Span:
    """Return the frames that are asked for.

    Args:
        first: the first one.
        last: the last one; below 0 the last there is.
        total: how many there are.

    Raises:
        ValueError: there are no such frames.
    """
    last = total - 1 if last < 0 else last
    if first > last or last >= total:
        raise ValueError(
            f"first_frame, last_frame: found {first} to {last}, expected a range within 0 to {total - 1}; change them."
        )
    return Span(first, last)


def gathered(pieces: Iterator[Tensor], span: Span) -> Tensor:
    """Put a span's pieces (f, H, W, 3) into one tensor (frames, H, W, 3), which is made once; show the progress."""
    total = span.last + 1 - span.first
    images, row, bar = None, 0, Progress(total)
    for piece in pieces:
        if images is None:
            images = torch.empty(total, *piece.shape[1:], dtype=piece.dtype, device=piece.device)
        images[row : row + len(piece)] = piece
        row += len(piece)
        bar.advance(len(piece))
    assert images is not None and row == total, f"{row} of {total} frames were made"
    return images
