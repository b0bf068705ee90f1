"""One block of a causal Wan network: self-attention, camera, text, feed-forward; a residual each.

Shapes: B batch, T latents, S tokens per latent, N = T * S, C model width, H heads, d = C / H, M entries of a cache.
Source: LingBot-World (github.com/Robbyant/lingbot-world), wan/modules/model_fast.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import layer_norm

from ...layers.attention import Group, attention, grouped_attention
from ...layers.camera_rays import CameraInjector
from ...layers.kept import Kept, Part, once
from ...layers.lean import activated, written
from ...layers.norms import lean_norm_by, trains
from ...layers.rope import rotate_anew, rotate_into, turned
from ...layers.sink_cache import SinkCache
from ...layers.wan import (
    SelfAttention,
    TextAttention,
    by_latent,
    cast_like,
    feed_forward_layers,
    modulation_parameter,
)

EPSILON = 1e-6


class Shared(NamedTuple):
    """What all blocks of one pass share."""

    turns: Tensor
    """(N, 1, d / 2, 2) cosines and sines of absolute positions."""
    window_turns: Callable[[int], Tensor] | None
    """The same of a window of so many entries, counted from 0; `None`: positions are absolute."""
    cache: SinkCache | None
    commit: bool
    tokens: int
    """S."""
    camera: Callable[[], Tensor] | None
    """Camera tokens (B, N, C)."""
    text: Callable[[], Tensor]
    """Embedded words (B, words, C)."""
    groups: list[Group] | None
    kept: Kept | Part | None
    said: Kept | Part | None
    options: dict


class WindowedSelfAttention(SelfAttention):
    """Self-attention among the tokens of a pass and those in a cache."""

    def forward(self, x: Tensor, shared: Shared, options: dict, index: int) -> Tensor:
        """Return the attended tokens (B, N, C) of x (B, N, C)."""
        heads = (self.heads, -1)
        cache, slot, absolute = shared.cache, (index, "self"), shared.window_turns is None
        like = x.unflatten(-1, heads)
        room = None if cache is None or trains(x) else cache.place(slot, like, per_latent=shared.tokens)
        v = self.v(x).unflatten(-1, heads) if room is None else written(self.v, x, room[1])
        k = lean_norm_by(self.norm_k, self.k(x)).unflatten(-1, heads)
        q = lean_norm_by(self.norm_q, self.q(x)).unflatten(-1, heads)
        if absolute:
            k = turned(k, shared.turns) if room is None else rotate_into(k, shared.turns, room[0])
            q = turned(q, shared.turns)
        if cache is not None:
            k, v = cache.extend(slot, k, v, per_latent=shared.tokens, commit=shared.commit)
        if not absolute:  # keys are kept as they are, and turned where they stand today
            turns = shared.window_turns(k.shape[1])
            k, q = rotate_anew(k, turns), turned(q, turns[len(turns) - q.shape[1] :])
        if shared.groups is not None:
            return self.o(grouped_attention(q, k, v, shared.groups))
        return self.o(attention(q, k, v, override=self.override, transformer_options=options))


class Block(CameraInjector):
    """A Wan block; where the model reads a camera, its tokens are scaled and shifted before the text."""

    def __init__(self, dim: int, heads: int, ffn_dim: int, camera: bool, *, operations: Any, **placement: Any):
        super().__init__()
        self.cast = getattr(operations, "cast", cast_like)
        self.self_attn = WindowedSelfAttention(dim, heads, operations=operations, **placement)
        self.norm3 = operations.LayerNorm(dim, eps=EPSILON, **placement)
        self.cross_attn = TextAttention(dim, heads, operations=operations, **placement)
        self.ffn = feed_forward_layers(dim, ffn_dim, operations=operations, **placement)
        self.modulation = modulation_parameter(6, dim, **placement)
        if camera:
            self.build_camera_injector(dim, operations=operations, **placement)

    def modulations(self, levels: Tensor, dtype: torch.dtype) -> tuple[Tensor, ...]:
        """Return shift, gain and gate of the attention, then those of the feed-forward, (B, T, 1, C) each.

        Args:
            levels: (B, T, 6, C) float32, the projected time embedding plus `GAINS`; T is 1 where all are equal.
            dtype: of the results.
        """
        return (self.cast(self.modulation, levels) + levels).to(dtype).split(1, dim=2)

    def forward(self, x: Tensor, told: tuple[Tensor, ...], shared: Shared, index: int) -> Tensor:
        """Return x (B, N, C) after block number `index`; what was given may be changed where no gradient is wanted.

        Args:
            told: what `modulations` returns.
        """
        options = {**shared.options, "block_index": index}
        shift1, gain1, gate1, shift2, gain2, gate2 = told
        x = gated(x, gate1, self.self_attn(modulated_norm(x, gain1, shift1), shared, options, index))
        if shared.camera is not None:
            shift, gain = once(shared.kept, (index, "camera"), lambda: self.camera_modulation(shared.camera()))
            x = torch.addcmul(shift, x, gain)
        words = once(shared.said, (index, "text"), lambda: self.cross_attn.keys_values(shared.text()))
        x = added(x, self.cross_attn(self.norm3(x), words, options))
        return gated(x, gate2, activated(self.ffn, modulated_norm(x, gain2, shift2)))


def modulated_norm(x: Tensor, gain: Tensor, shift: Tensor) -> Tensor:
    """Return the layer norm of x (B, N, C) times gain plus shift, (B, T, 1, C) each; T is 1 where all are equal."""
    size = x.shape[-1:]
    if gain.numel() == size[0]:
        return layer_norm(x, size, gain.flatten(), shift.flatten(), EPSILON)
    return torch.addcmul(shift, by_latent(layer_norm(x, size, eps=EPSILON), gain.shape[1]), gain).flatten(1, 2)


def gated(x: Tensor, gate: Tensor, change: Tensor) -> Tensor:
    """Return x + gate * change, (B, N, C), gate (B, T, 1, C); in x where no gradient is wanted."""
    latents = gate.shape[1]
    parts = by_latent(x, latents), gate, by_latent(change.to(x.dtype), latents)
    if torch.is_grad_enabled():
        return torch.addcmul(*parts).flatten(1, 2)
    parts[0].addcmul_(*parts[1:])
    return x


def added(x: Tensor, change: Tensor) -> Tensor:
    """Return x + change; in x where no gradient is wanted."""
    return x + change.to(x.dtype) if torch.is_grad_enabled() else x.add_(change)
