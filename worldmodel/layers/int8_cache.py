"""Keys and values of a cache in 8 bits: half the memory of 16, and as many latents more.

Each head's numbers are cut into four groups, and each group has a scale of its own, in 8 bits too. Its 255 levels lie
closer where numbers are more frequent, as is best for normally distributed ones (Panter and Dite, 1951). What a pass
brings is attended to as it is, and rounded when it is committed.

Shapes: B batch, M entries, H heads, d numbers per head, g groups of a head.
"""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor
from torch.nn.functional import pad

from .cache import Pair
from .sink_cache import SinkCache, _Block

GROUPS = 4
"""Of a head; each has a scale."""
MOST = 127
REACH = 2.0
"""How far apart the levels lie at their ends: those of normally distributed numbers cut off at so many deviations."""
STEPS = 32
"""Of an octave, in which the scales of a head's groups lie below that of its largest number, at most 8 octaves."""
TRIED = (1, 0, -1, -2)
"""Steps beside the largest number's own that are tried for a group's scale; the one with the least error is kept."""


@cache
def levels(device: torch.device) -> Tensor:
    """Return the 255 levels from -1 to 1, float32."""
    share = torch.arange(-MOST, MOST + 1, dtype=torch.float64) / MOST
    placed = torch.erfinv(share * math.erf(REACH / math.sqrt(6))) * math.sqrt(6) / REACH
    return placed.float().to(device)


def packed(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return x (..., d) as int8 (..., d) and scales (..., 1 + g) as int8: the head's octave, then how far below it."""
    size, known = x.shape[-1], levels(x.device)
    each, borders = -(-size // GROUPS), (known[1:] + known[:-1]) / 2
    cells = pad(x.float(), (0, GROUPS * each - size)).unflatten(-1, (GROUPS, each))
    most = cells.abs().amax(-1)
    octave = most.amax(-1, keepdim=True).clamp_min(2.0**-100).log2().ceil().clamp(-100, 100)
    own = ((octave - most.clamp_min(2.0**-120).log2()) * STEPS).floor()
    found = None
    for beside in TRIED:
        below = (own + beside).clamp(0, 2 * MOST + 1)
        scale = torch.exp2(octave - below / STEPS)[..., None]
        places = torch.bucketize(cells / scale, borders)
        off = (known[places] * scale - cells).square_().sum(-1)
        if found is None:
            found = off, below, places
            continue
        better = off < found[0]
        found = (
            torch.where(better, off, found[0]), torch.where(better, below, found[1]),
            torch.where(better[..., None], places, found[2]),
        )  # fmt: skip
    _, below, places = found
    scales = torch.cat((octave, below - MOST - 1), dim=-1).to(torch.int8)
    return (places - MOST).to(torch.int8).flatten(-2)[..., :size], scales


def unpacked(numbers: Tensor, scales: Tensor, dtype: torch.dtype) -> Tensor:
    """Return (..., d) of what `packed` made."""
    size = numbers.shape[-1]
    each = -(-size // GROUPS)
    units = levels(numbers.device)[numbers.int() + MOST]
    return (units * _size_of(scales).repeat_interleave(each, dim=-1)[..., :size]).to(dtype)


def _size_of(scales: Tensor) -> Tensor:
    """Return what a level of 1 stands for in each group (..., g)."""
    octave, below = scales[..., :1].float(), scales[..., 1:].float() + MOST + 1
    return torch.exp2(octave - below / STEPS)


def share_of(size: int) -> float:
    """Return how much of 16 bits keys and values take here, of heads that are so wide."""
    return (size + 1 + GROUPS) / (2 * size)


class Int8Cache(SinkCache):
    """A cache whose committed entries lie in 8 bits; see `SinkCache`."""

    def new_block(self) -> Int8Block:
        """Return an empty place for a slot's keys and values."""
        return Int8Block()


class Int8Block(_Block):
    """Keys, their scales, values, their scales; each in one tensor as long as the window."""

    def write(self, current: Pair, per_latent: int, window: int, sink: int, commit: bool) -> Pair:
        """Return history ++ current, and pack the current entries if they stay."""
        self.per_latent = per_latent
        new, self.dtype = current[0].shape[1], current[0].dtype
        if window:
            self._drop(self.committed + new - window * per_latent, sink * per_latent)
        seen = tuple(torch.cat((old, part), dim=1) for old, part in zip(self._old(current), current, strict=True))
        if commit:
            parts = [part for half in current for part in packed(half)]
            end = self.committed + new
            self._grow(parts, end, window * per_latent)
            for part, entries in zip(self.parts, parts, strict=True):
                part[:, self.committed : end] = entries
            self.committed = end
        return seen

    def place(self, current: Pair, per_latent: int, window: int, sink: int) -> None:
        """Return no place: what is written is rounded."""

    def history(self) -> Pair:
        """Return the committed entries in the precision of the network."""
        keys, key_scales, values, value_scales = self.stored()
        return unpacked(keys, key_scales, self.dtype), unpacked(values, value_scales, self.dtype)

    dtype = torch.float32
    """Of the network: that of the last pass."""

    def _old(self, like: Pair) -> Pair:
        return self.history() if self.parts else tuple(part[:, :0] for part in like)
