"""Matrix-Game's action module: mouse and keyboard as attention inside a block.

Source: Matrix-Game 2.0 (arXiv:2508.13009), wan/modules/action_module.py of its release.

Shapes: B batch, T latents, S tokens per latent, N = T * S, C model width, A = heads * 64 module width, K keys.
Names are historical: `mouse_attn_q` makes the queries of the keyboard path.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..layers.attention import attention
from ..layers.cache import KVCache
from ..layers.norms import unit_norm
from ..layers.rope import Rotation, axis_angles, rotate, rotation

HEAD_SIZE = 64
WINDOW_FRAMES = 12
"""Video frames of actions that one latent reads: 3 latents of 4 frames."""
ROTATED = 8
"""Of 64; the other 56 belong to a 1 x 1 spatial grid, whose positions are all 0."""


def action_rotation(latents: Tensor, rotated: int = ROTATED) -> Rotation:
    """Return the rotation of (T, rotated / 2) for latent indices (T,)."""
    return rotation(axis_angles(latents, rotated, 256.0), latents.device)


class ActionInputs(NamedTuple):
    """What the action modules of one forward share."""

    keyboard: Tensor
    """(B, T, 12, K) windows."""
    mouse: Tensor | None
    """(B, T, 12, 2) windows; `None` skips the mouse path."""
    positions: Rotation
    """Rotation of (T, 4)."""
    cache: KVCache | None
    commit: bool
    mask: Tensor | None
    """bool (T, T), training only."""


class HeadNorm(nn.Module):
    """RMS norm over one head whose stored weight is ignored, as the authors' class does."""

    def __init__(self, size: int, *, dtype: torch.dtype | None = None, device: torch.device | None = None):
        super().__init__()
        # frozen: it receives no gradient, and an optimiser should not meet it
        self.weight = nn.Parameter(torch.ones(size, dtype=dtype, device=device), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        return unit_norm(x, 1e-6)


class ActionModule(nn.Module):
    """Add what mouse and keyboard do to the residual stream."""

    def __init__(
        self, *, dim: int, heads: int, keyboard_dim: int, keyboard_width: int, mouse: bool, operations: Any,
        head_size: int = HEAD_SIZE, **placement: Any,
    ):  # fmt: skip
        super().__init__()
        width = heads * head_size
        self.heads = heads
        self.keyboard_embed = nn.Sequential(
            operations.Linear(keyboard_dim, keyboard_width, **placement),
            nn.SiLU(),
            operations.Linear(keyboard_width, keyboard_width, **placement),
        )
        self.mouse_attn_q = operations.Linear(dim, width, bias=False, **placement)
        self.keyboard_attn_kv = operations.Linear(WINDOW_FRAMES * keyboard_width, 2 * width, bias=False, **placement)
        self.proj_keyboard = operations.Linear(width, dim, bias=False, **placement)
        self.key_attn_q_norm = HeadNorm(head_size, **placement)
        self.key_attn_k_norm = HeadNorm(head_size, **placement)
        self.has_mouse = mouse
        if mouse:
            self.mouse_mlp = nn.Sequential(
                operations.Linear(dim + 2 * WINDOW_FRAMES, width, **placement),
                nn.GELU(approximate="tanh"),
                operations.Linear(width, width, **placement),
                operations.LayerNorm(width, eps=1e-5, **placement),
            )
            self.t_qkv = operations.Linear(width, 3 * width, bias=False, **placement)
            self.proj_mouse = operations.Linear(width, dim, bias=False, **placement)
            self.img_attn_q_norm = HeadNorm(head_size, **placement)
            self.img_attn_k_norm = HeadNorm(head_size, **placement)

    def forward(self, x: Tensor, inputs: ActionInputs, block: int) -> Tensor:
        """Return x (B, N, C) with both residuals added; `block` names the slots in the cache."""
        if self.has_mouse and inputs.mouse is not None:
            x = x + self._mouse(x, inputs, inputs.mouse, block).to(x.dtype)
        return x + self._keyboard(x, inputs, block).to(x.dtype)

    def _mouse(self, x: Tensor, inputs: ActionInputs, mouse: Tensor, block: int) -> Tensor:
        """Attend over time at each spatial position; three queries over a few keys, so no override of a host."""
        batch, latents = mouse.shape[:2]
        frames = x.unflatten(1, (latents, -1))
        tokens = frames.shape[2]
        window = mouse.flatten(2).to(x.dtype)[:, :, None].expand(-1, -1, tokens, -1)  # time-major (12 x 2)
        hidden = self.mouse_mlp(torch.cat((frames, window), dim=-1).flatten(1, 2))
        # (B, T * S, 3A) -> 3 x (B * S, T, H, 64)
        qkv = self.t_qkv(hidden).view(batch, latents, tokens, 3, self.heads, HEAD_SIZE)
        q, k, v = (part.flatten(0, 1) for part in qkv.permute(3, 0, 2, 1, 4, 5).unbind(0))
        turns = inputs.positions.turns[:, None]  # (T, 1, 4, 2)
        q = rotate(self.img_attn_q_norm(q), turns)
        k = rotate(self.img_attn_k_norm(k), turns)
        if inputs.cache is not None:
            k, v = inputs.cache.extend((block, "mouse"), k, v, per_latent=1, commit=inputs.commit)
        out = attention(q, k, v, mask=inputs.mask)  # (B * S, T, A)
        return self.proj_mouse(out.unflatten(0, (batch, tokens)).transpose(1, 2).flatten(1, 2))

    def _keyboard(self, x: Tensor, inputs: ActionInputs, block: int) -> Tensor:
        """Attend from every token to one entry per latent; a handful of keys, so no override of a host."""
        latents = inputs.keyboard.shape[1]
        turns = inputs.positions.turns[:, None]  # (T, 1, 4, 2)

        def keys_values() -> tuple[Tensor, Tensor]:
            embedded = self.keyboard_embed(inputs.keyboard.to(x.dtype)).flatten(2)
            k, v = self.keyboard_attn_kv(embedded).unflatten(-1, (2, self.heads, HEAD_SIZE)).unbind(2)
            return rotate(self.key_attn_k_norm(k), turns), v

        cache = inputs.cache
        k, v = keys_values() if cache is None else cache.of_chunk((block, "keyboard"), keys_values)
        if cache is not None:
            k, v = cache.extend((block, "keyboard"), k, v, per_latent=1, commit=inputs.commit)
        q = self.key_attn_q_norm(self.mouse_attn_q(x).unflatten(-1, (self.heads, HEAD_SIZE)))
        tokens = x.shape[1] // latents
        # every token has the position of its latent
        q = rotate(q.unflatten(1, (latents, tokens)), turns[:, None]).flatten(1, 2)
        mask = None if inputs.mask is None else inputs.mask.repeat_interleave(tokens, dim=0)
        return self.proj_keyboard(attention(q, k, v, mask=mask))
