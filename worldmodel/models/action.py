"""Matrix-Game's action module: mouse and keyboard as attention inside a block.

Source: Matrix-Game 2.0 (arXiv:2508.13009), wan/modules/action_module.py of its release.

Shapes: B batch, T latents, S tokens per latent, N = T * S, C model width, A = heads * 64 module width, K keys.
Names are historical: `mouse_attn_q` makes the queries of the keyboard path.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..layers.attention import attention, attention_at_places
from ..layers.cache import KVCache
from ..layers.lean import added, apart, fed
from ..layers.norms import unit_norm
from ..layers.rope import axis_angles, rotate_part, turn_matrices

HEAD_SIZE = 64
WINDOW_FRAMES = 12
"""Video frames of actions that one latent reads: 3 latents of 4 frames."""
ROTATED = 8
"""Of 64; the other 56 belong to a 1 x 1 spatial grid, whose positions are all 0."""


def action_turns(latents: Tensor, rotated: int = ROTATED) -> Tensor:
    """Return the turns (T, rotated / 2, 2, 2) of latent indices (T,), as `layers.rope.rotate_part` reads them."""
    return turn_matrices(axis_angles(latents, rotated, 256.0), latents.device)


class ActionInputs(NamedTuple):
    """What the action modules of one forward share."""

    keyboard: Tensor
    """(B, T, 12, K) windows."""
    mouse: Tensor | None
    """(B, T, 12, 2) windows; `None` skips the mouse path."""
    turns: Tensor
    """(T, 4, 2, 2) of `action_turns`."""
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
            x = added(x, self.proj_mouse, self._mouse(x, inputs, inputs.mouse, block))
        return added(x, self.proj_keyboard, self._keyboard(x, inputs, block))

    def _mouse(self, x: Tensor, inputs: ActionInputs, mouse: Tensor, block: int) -> Tensor:
        """Attend over time at each place, (B, N, A); three queries over a few keys, so no override of a host."""
        latents = mouse.shape[1]
        frames = torch.unflatten(x, 1, (latents, -1))
        tokens = frames.shape[2]
        window = mouse.flatten(2).to(x.dtype)[:, :, None].expand(-1, -1, tokens, -1)  # time-major (12 x 2)
        hidden = fed(self.mouse_mlp, torch.cat((frames, window), dim=-1).flatten(1, 2))
        # 3 x (B, T * S, A) -> 3 x (B, T, S, H, 64)
        qkv = apart(self.t_qkv, hidden, 3)
        qkv = qkv.view(*qkv.shape[:2], latents, tokens, self.heads, -1)
        # both norms are the same, so queries and keys are normed and turned at once; turns (T, 1, 1, 4, 2, 2)
        q, k = rotate_part(self.img_attn_q_norm(qkv[:2]), inputs.turns[:, None, None]).unbind(0)
        v = qkv[2]
        if inputs.cache is not None:
            k, v = inputs.cache.extend((block, "mouse"), k, v, per_latent=1, commit=inputs.commit)
        return attention_at_places(q, k, v, mask=inputs.mask).flatten(1, 2)

    def _keyboard(self, x: Tensor, inputs: ActionInputs, block: int) -> Tensor:
        """Attend from every token to one entry per latent, (B, N, A); a handful of keys, so no override of a host."""
        latents = inputs.keyboard.shape[1]
        turns = inputs.turns[:, None]  # (T, 1, 4, 2, 2)

        def keys_values() -> tuple[Tensor, Tensor]:
            embedded = self.keyboard_embed(inputs.keyboard.to(x.dtype)).flatten(2)
            k, v = self.keyboard_attn_kv(embedded).unflatten(-1, (2, self.heads, HEAD_SIZE)).unbind(2)
            return rotate_part(self.key_attn_k_norm(k), turns), v

        k, v = self._keyboard_seen(keys_values, inputs, block)
        q = self.key_attn_q_norm(torch.unflatten(self.mouse_attn_q(x), -1, (self.heads, HEAD_SIZE)))
        tokens = x.shape[1] // latents
        # every token has the position of its latent
        q = rotate_part(torch.unflatten(q, 1, (latents, tokens)), turns[:, None]).flatten(1, 2)
        mask = None if inputs.mask is None else inputs.mask.repeat_interleave(tokens, dim=0)
        return attention(q, k, v, mask=mask)

    def _keyboard_seen(
        self, make: Callable[[], tuple[Tensor, Tensor]], inputs: ActionInputs, block: int
    ) -> tuple[Tensor, Tensor]:
        """Return keys and values of all that a pass sees, (B, M, H, 64); they are the same in all passes of a chunk."""
        cache, slot = inputs.cache, (block, "keyboard")
        if cache is None:
            return make()
        seen = cache.of_chunk(slot, lambda: cache.extend(slot, *make(), per_latent=1, commit=False))
        if inputs.commit:  # they lie where they belong
            new = inputs.keyboard.shape[1]
            cache.extend(slot, *(part[:, -new:] for part in seen), per_latent=1, commit=True)
        return seen
