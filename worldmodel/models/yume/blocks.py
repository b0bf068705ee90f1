"""One block of Wan 2.2, as Yume 1.5 runs it: two timesteps in one pass, those of the history and of the new latents.

Shapes: B batch, N tokens, of which the first H are the history's, C model width, d numbers per head.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm

from ...layers.attention import attention
from ...layers.kept import Kept, once
from ...layers.lean import activated
from ...layers.norms import lean_norm_by
from ...layers.rope import turned
from ...layers.wan import SelfAttention, TextAttention, cast_like, feed_forward_layers, modulation_parameter

EPSILON = 1e-6
WHOLE = 64
"""Tokens that the feed-forward's kernel is asked with a multiple of, as their number changes from chunk to chunk."""


class Shared(NamedTuple):
    """What all blocks of one pass share."""

    turns: Tensor
    """(N, 1, d / 2, 2) cosines and sines."""
    history: int
    """H."""
    text: Callable[[], Tensor]
    """Embedded words (B, words, C)."""
    said: Kept | None
    options: dict


class CompressedSelfAttention(SelfAttention):
    """Self-attention among all tokens, whatever grid each of them comes from."""

    def forward(self, x: Tensor, turns: Tensor, options: dict, skipped: int = 0) -> Tensor:
        """Return the attended tokens (B, N - skipped, C) of x (B, N, C): those from number `skipped` on."""
        heads = (self.heads, -1)
        v = self.v(x).unflatten(-1, heads)
        k = turned(lean_norm_by(self.norm_k, self.k(x)).unflatten(-1, heads), turns)
        q = turned(lean_norm_by(self.norm_q, self.q(x[:, skipped:])).unflatten(-1, heads), turns[skipped:])
        return self.o(attention(q, k, v, override=self.override, transformer_options=options))


class Block(nn.Module):
    """Self-attention, text, feed-forward; a residual each."""

    def __init__(self, dim: int, heads: int, ffn_dim: int, *, operations: Any, **placement: Any):
        super().__init__()
        self.cast = getattr(operations, "cast", cast_like)
        self.self_attn = CompressedSelfAttention(dim, heads, operations=operations, **placement)
        self.norm3 = operations.LayerNorm(dim, eps=EPSILON, **placement)
        self.cross_attn = TextAttention(dim, heads, operations=operations, **placement)
        self.ffn = feed_forward_layers(dim, ffn_dim, operations=operations, **placement)
        self.modulation = modulation_parameter(6, dim, **placement)

    def modulations(self, levels: Tensor, dtype: torch.dtype) -> tuple[Tensor, ...]:
        """Return shift, gain and gate of the attention, then those of the feed-forward, (K, C) each.

        Args:
            levels: (K, 6, C) float32, the projected time embedding of each timestep plus `GAINS`.
            dtype: of the results.
        """
        return (self.cast(self.modulation, levels) + levels).to(dtype).unbind(1)

    def forward(self, x: Tensor, told: tuple[Tensor, ...], shared: Shared, index: int, last: bool = False) -> Tensor:
        """Return x (B, N, C) after block number `index`; what was given may be changed where no gradient is wanted.

        Args:
            told: what `modulations` returns.
            last: nobody reads the history after this block; it is left out of what it returns.
        """
        options, history = {**shared.options, "block_index": index}, shared.history
        skipped = history if last else 0
        normed = modulated_norm(x, *told[:2], history)
        attended = self.self_attn(normed, shared.turns, options, skipped)
        del normed
        if last:
            x, history = x[:, skipped:], 0
        x = gated(x, told[2], attended, history)
        words = once(shared.said, (index, "text"), lambda: self.cross_attn.keys_values(shared.text()))
        x = added(x, self.cross_attn(self.norm3(x), words, options))
        normed = modulated_norm(x, *told[3:5], history)
        return gated(x, told[5], activated(self.ffn, normed, whole=WHOLE), history)


def modulated_norm(x: Tensor, shift: Tensor, gain: Tensor, history: int) -> Tensor:
    """Return the layer norm of x (B, N, C) times gain plus shift, (K, C) each: row 0 for the history, the last for
    the rest."""
    size = x.shape[-1:]
    new = layer_norm(x[:, history:], size, gain[-1], shift[-1], EPSILON)
    return torch.cat((layer_norm(x[:, :history], size, gain[0], shift[0], EPSILON), new), dim=1) if history else new


def gated(x: Tensor, gate: Tensor, change: Tensor, history: int) -> Tensor:
    """Return x + gate * change, (B, N, C), gate (K, C) as in `modulated_norm`; in x where no gradient is wanted."""
    change = change.to(x.dtype)
    if torch.is_grad_enabled():
        old = torch.addcmul(x[:, :history], gate[0], change[:, :history])
        return torch.cat((old, torch.addcmul(x[:, history:], gate[-1], change[:, history:])), dim=1)
    if history:
        x[:, :history].addcmul_(gate[0], change[:, :history])
    x[:, history:].addcmul_(gate[-1], change[:, history:])
    return x


def added(x: Tensor, change: Tensor) -> Tensor:
    """Return x + change; in x where no gradient is wanted."""
    return x + change.to(x.dtype) if torch.is_grad_enabled() else x.add_(change)
