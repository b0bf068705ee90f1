"""Who sees whom where many blocks are run in one pass: the sink, so many blocks before, and one's own.

Shapes: T latents, b blocks.
"""

from __future__ import annotations

import torch
from torch import Tensor


def block_mask(latents: int, block: int, sink: int, before: int) -> Tensor:
    """Return who sees whom by whole blocks, bool (T, T), row sees column.

    Args:
        latents: of the pass.
        block: latents of a block, which see each other.
        sink: latents at the front that all later ones see.
        before: blocks that a block sees before itself.
    """
    frames = torch.arange(latents)
    blocks = frames // block
    back = blocks[:, None] - blocks
    return (back >= 0) & ((back <= before) | (frames < sink))


def by_blocks(mask: Tensor, block: int) -> Tensor:
    """Return whether a block sees none (0), some (1) or all (2) of another, int64 (b, b), of a mask (T, T)."""
    seen = mask.unflatten(0, (-1, block)).unflatten(2, (-1, block)).transpose(1, 2).flatten(2)
    return seen.any(2).long() + seen.all(2)


def window_mask(latents: int, block: int, sink: int, window: int) -> Tensor:
    """Return which latents each block reads through a rolling window, bool (b, T), the sink counted inside it."""
    ends = torch.arange(block, latents + 1, block)[:, None]
    frames = torch.arange(latents)
    return (frames < ends) & ((frames < sink) | (frames >= ends - (window - sink)))
