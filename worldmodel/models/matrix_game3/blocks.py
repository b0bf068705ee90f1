"""One block of Matrix-Game 3.0: self-attention, camera, text, actions where the block has them, feed-forward.

Shapes: B batch, T latents, S tokens per latent, N = T * S, C model width, H heads, d = C / H.
Source: Matrix-Game 3.0 (github.com/SkyworkAI/Matrix-Game), wan/modules/model.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ...layers.attention import attention
from ...layers.camera_rays import CameraInjector
from ...layers.kept import Kept, once
from ...layers.lean import activated
from ...layers.norms import lean_norm_by
from ...layers.rope import rotate_grid
from ...layers.wan import (
    SelfAttention,
    TextAttention,
    cast_like,
    feed_forward_layers,
    gated,
    modulate,
    modulation_parameter,
)
from .action import Actions, ClipActionModule, with_mouse


class Shared(NamedTuple):
    """What all blocks of one pass share."""

    turns: tuple[Tensor, ...]
    """Cosines and sines of `layers.rope.headwise_grid_turns`, each head's own."""
    camera: Callable[[], Tensor]
    """Camera tokens (B, N, C)."""
    text: Callable[[], Tensor]
    """Embedded words (B, words, C)."""
    actions: Actions
    kept: Kept | None
    options: dict


class HeadwiseSelfAttention(SelfAttention):
    """Self-attention in which every head turns by positions of its own; everything sees everything."""

    def forward(self, x: Tensor, turns: tuple[Tensor, ...], options: dict, first: int = 0) -> Tensor:
        """Return the attended tokens (B, N', C) of x (B, N, C): those of the latents from number `first` on."""
        heads, (time, places) = (self.heads, -1), turns
        latents = time.shape[-6]
        skipped = first * x.shape[1] // latents
        v = self.v(x).unflatten(-1, heads)
        k = rotate_grid(lean_norm_by(self.norm_k, self.k(x)).unflatten(-1, heads), turns)
        q = lean_norm_by(self.norm_q, self.q(x[:, skipped:])).unflatten(-1, heads)
        q = rotate_grid(q, (time.narrow(-6, first, latents - first), places))
        return self.o(attention(q, k, v, override=self.override, transformer_options=options))


class Block(CameraInjector):
    """A Wan block whose stream is scaled and shifted by the camera, and *replaced* by its norm before the text."""

    def __init__(
        self, dim: int, heads: int, ffn_dim: int, action: ClipActionModule | None, *, operations: Any, **placement: Any
    ):
        super().__init__()
        self.cast = getattr(operations, "cast", cast_like)
        self.norm1 = operations.LayerNorm(dim, eps=1e-6, elementwise_affine=False, **placement)
        self.self_attn = HeadwiseSelfAttention(dim, heads, operations=operations, **placement)
        self.build_camera_injector(dim, operations=operations, **placement)
        self.norm3 = operations.LayerNorm(dim, eps=1e-6, **placement)
        self.cross_attn = TextAttention(dim, heads, operations=operations, **placement)
        if action is not None:
            self.action_model = action
        self.norm2 = operations.LayerNorm(dim, eps=1e-6, elementwise_affine=False, **placement)
        self.ffn = feed_forward_layers(dim, ffn_dim, operations=operations, **placement)
        self.modulation = modulation_parameter(6, dim, **placement)

    @property
    def acts(self) -> bool:
        """Whether the block has an action module."""
        return hasattr(self, "action_model")

    def modulations(self, levels: Tensor, of_latent: Tensor, dtype: torch.dtype) -> tuple[Tensor, ...]:
        """Return shift, gain and gate of the attention, then those of the feed-forward, (B, T, 1, C) each.

        Args:
            levels: (K, 6, C) float32, the projected time embedding of each noise level plus `GAINS`.
            of_latent: (B, T) which of the levels a latent has.
            dtype: of the results.
        """
        table = (self.cast(self.modulation, levels) + levels).to(dtype)
        return table[of_latent].split(1, dim=2)

    def forward(self, x: Tensor, told: tuple[Tensor, ...], shared: Shared, index: int, first: int = 0) -> Tensor:
        """Return x (B, N, C) after block number `index`.

        Args:
            told: what `modulations` returns.
            first: latents at the beginning that nobody reads after this block; they are left out of what it returns.
        """
        options = {**shared.options, "block_index": index}
        skipped = first * x.shape[1] // told[0].shape[1]
        normed = modulate(self.norm1(x), *told[:2])
        gate1, shift2, gain2, gate2 = (part[:, first:] for part in told[2:])
        x = gated(x[:, skipped:], gate1, self.self_attn(normed, shared.turns, options, first))
        del normed
        shift, gain = once(shared.kept, (index, "camera"), lambda: self.camera_modulation(shared.camera()[:, skipped:]))
        x = self.norm3(torch.addcmul(shift, x, gain))
        words = once(shared.kept, (index, "text"), lambda: self.cross_attn.keys_values(shared.text()))
        change = self.cross_attn(x, words, options).to(x.dtype)
        if self.acts:
            keys = once(shared.kept, (index, "keys"), lambda: self.action_model.keyboard_keys_values(shared.actions))
            x = with_mouse(x, change, shared.actions.mouse)
            del change
            x = self.action_model.act(x, shared.actions, keys)
        else:
            x = x + change
            del change
        return gated(x, gate2, activated(self.ffn, modulate(self.norm2(x), shift2, gain2)))
