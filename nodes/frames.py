"""Frames of a world: a range as two inputs say it, its pictures in one tensor, and the last one of some chunks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from ..worldmodel.shown.side_by_side import Span
from ..worldmodel.world.state import World, variant_of
from .host import decoder
from .host.progress import Progress
from .host.vae import kind_of
from .schema import INT32

FIRST_FRAME = {"default": 0, "min": 0, "max": INT32}
LAST_FRAME = {"default": -1, "min": -1, "max": INT32}


def chosen_span(first: int, last: int, total: int) -> Span:
    """Return the frames that are asked for.

    Args:
        first: the first one; a link may bring one below 0, which there is not.
        last: the last one; below 0 the last there is.
        total: how many there are.

    Raises:
        ValueError: there are no such frames.
    """
    last = total - 1 if last < 0 else last
    if not 0 <= first <= last < total:
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


def last_frames(world_vae: Any, world: World, chunks: Sequence[int]) -> Tensor:
    """Decode the last frame of some chunks, without decoding what lies far from all of them.

    Args:
        world_vae: belongs to the world.
        chunks: rising.

    Returns:
        (chunks, H, W, 3) in 0..1.
    """
    variant = variant_of(world.start)
    together = 1 + kind_of(world_vae).reach // variant.chunking.later  # nearer ones share the frames before them
    runs: list[list[int]] = []
    for index in chunks:
        if runs and index - runs[-1][-1] <= together:
            runs[-1].append(index)
        else:
            runs.append([index])
    pictures = []
    bar = Progress(len(chunks))
    for run in runs:
        ends = [variant.chunking.first_frame(index + 1) - 1 for index in run]
        frame = ends[0]
        for piece in decoder.decode_frames(world_vae, world, ends[0], ends[-1]):
            wanted = [end - frame for end in ends if frame <= end < frame + len(piece)]
            pictures.extend(piece[wanted])
            frame += len(piece)
            bar.advance(len(wanted))
    return torch.stack(pictures)
