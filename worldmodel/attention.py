"""The one door to softmax attention.

Shapes: B batch, N queries, M keys, H heads, d numbers per head.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

Override = Callable[..., Tensor]
"""`override(q, k, v, heads, mask=..., transformer_options=...)` on (B, N, H * d); returns (B, N, H * d)."""

FEW_KEYS = 384
"""Up to so many keys a fused kernel's backward pass costs more than plain products."""


def attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    mask: Tensor | None = None,
    override: Override | None = None,
    transformer_options: dict | None = None,
) -> Tensor:
    """Attend with scale 1 / sqrt(d).

    Args:
        q: (B, N, H, d).
        k, v: (B, M, H, d).
        mask: bool (N, M), True where a query sees a key; `None`: everything.
        override: attention of a host, which also gets `transformer_options`.

    Returns:
        (B, N, H * d).
    """
    if override is not None:
        options = transformer_options or {}
        return override(q.flatten(2), k.flatten(2), v.flatten(2), q.shape[2], mask=mask, transformer_options=options)
    attend = few_keys_attention if torch.is_grad_enabled() and k.shape[1] <= FEW_KEYS else fused_attention
    # (B, N, H, d) -> (B, H, N, d) and back; views, no copies
    return attend(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), mask).transpose(1, 2).flatten(2)


def fused_attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    """Return (B, H, N, d) of q (B, H, N, d) and k, v (B, H, M, d); scores never leave float32."""
    return scaled_dot_product_attention(q, k, v, attn_mask=mask)


def few_keys_attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    """Return the same in plain products: for training, 3 to 6 times faster on a CPU in bfloat16."""
    scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return scores.softmax(dim=-1).to(v.dtype) @ v
