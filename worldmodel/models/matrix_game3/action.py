"""Matrix-Game 3.0's action module: the same layers as Matrix-Game 2.0's, over memory, past and new latents at once.

Shapes: B batch, T latents, S tokens per latent, N = T * S, C model width, A = heads * d module width, K keys.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ...layers.attention import attention, attention_at_places
from ...layers.lean import activated, added, apart
from ...layers.norms import lean_unit_norm
from ...layers.rope import rotate_part
from ...layers.wan import by_latent
from ..action import ActionModule
from ..action import action_turns as turns_of


class Actions(NamedTuple):
    """What the action modules of one pass share, in the tokens' dtype."""

    keyboard: Tensor
    """(B, T, 12, K) windows."""
    mouse: Tensor
    """(B, T, 24): windows, frame by frame."""
    turns: Tensor
    """(T, r, 2, 2) float32, as `layers.rope.rotate_part` reads them."""


def action_turns(memories: int, latents: int, rotated: int, device: torch.device) -> Tensor:
    """Return the turns (memories + latents, rotated / 2, 2, 2); memory and clip both count from 0."""
    positions = torch.cat((torch.arange(memories), torch.arange(latents)))
    return turns_of(positions, rotated).to(device)


class ClipActionModule(ActionModule):
    """Add what mouse and keyboard do to the residual stream; every latent sees every other, and nothing is cached."""

    def forward(self, x: Tensor, actions: Actions, keys_values: tuple[Tensor, Tensor]) -> Tensor:
        """Return x (B, N, C) with both residuals added; `keys_values` are those of `keyboard_keys_values`."""
        return self.act(with_mouse(x, None, actions.mouse), actions, keys_values)

    def act(self, told: Tensor, actions: Actions, keys_values: tuple[Tensor, Tensor]) -> Tensor:
        """Return (B, N, C), what `forward` does, of tokens with the mouse behind them, which `with_mouse` makes."""
        tokens = told[..., : -actions.mouse.shape[2]]
        x = added(tokens, self.proj_mouse, self._mouse(told, actions))
        return added(x, self.proj_keyboard, self._keyboard(x, actions.turns, keys_values), in_place=True)

    def keyboard_keys_values(self, actions: Actions) -> tuple[Tensor, Tensor]:
        """Return keys and values (B, T, H, d) of the keyboard, which all tokens share."""
        embedded = self.keyboard_embed(actions.keyboard).flatten(2)
        k, v = self.keyboard_attn_kv(embedded).unflatten(-1, (2, self.heads, -1)).unbind(2)
        return rotate_part(lean_unit_norm(k, 1e-6), actions.turns[:, None]), v

    def _mouse(self, told: Tensor, actions: Actions) -> Tensor:
        """Attend over time at each place; a handful of keys, so no override of a host.

        Args:
            told: (B, N, C + 24) of `with_mouse`.
            actions: of the pass.

        Returns:
            (B, N, A), what `proj_mouse` is to read.
        """
        hidden = activated(self.mouse_mlp, told)  # (B, N, A)
        qkv = apart(self.t_qkv, hidden, 3).unflatten(-1, (self.heads, -1))  # (3, B, N, H, d)
        qkv = qkv.unflatten(2, (actions.mouse.shape[1], -1))  # (3, B, T, S, H, d)
        q, k = rotate_part(lean_unit_norm(qkv[:2], 1e-6), actions.turns[:, None, None])
        return attention_at_places(q, k, qkv[2]).flatten(1, 2)

    def _keyboard(self, x: Tensor, turns: Tensor, keys_values: tuple[Tensor, Tensor]) -> Tensor:
        """Attend from every token to one entry per latent; a handful of keys, so no override of a host.

        Returns:
            (B, N, A), what `proj_keyboard` is to read.
        """
        q = lean_unit_norm(self.mouse_attn_q(x).unflatten(-1, (self.heads, -1)), 1e-6)
        # every token has the position of its latent
        q = rotate_part(q.unflatten(1, (len(turns), -1)), turns[:, None, None]).flatten(1, 2)
        return attention(q, *keys_values)


def with_mouse(x: Tensor, change: Tensor | None, mouse: Tensor) -> Tensor:
    """Return (B, N, C + 24): x + change, and behind every token its latent's window of the mouse (B, T, 24)."""
    batch, latents, numbers = mouse.shape
    if torch.is_grad_enabled() or torch.compiler.is_compiling():
        window = mouse[:, :, None].expand(-1, -1, x.shape[1] // latents, -1).flatten(1, 2)
        return torch.cat((x if change is None else x + change, window), dim=-1)
    told = x.new_empty(batch, x.shape[1], x.shape[2] + numbers)
    tokens, window = told.tensor_split([x.shape[2]], dim=-1)
    # the sum is written where it is read from next
    tokens.copy_(x) if change is None else torch.add(x, change, out=tokens)
    by_latent(window, latents).copy_(mouse[:, :, None])
    return told
