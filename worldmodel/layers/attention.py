"""The one door to softmax attention.

Shapes: B batch, N queries, M keys, H heads, d numbers per head.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

Override = Callable[..., Tensor]
"""`override(q, k, v, heads, mask=..., transformer_options=...)` on (B, N, H * d); returns (B, N, H * d)."""

MOST_HEADS = 65535
"""That a card's kernels take at once: the longest second and third side of a grid of CUDA's blocks."""
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


def attention_at_places(q: Tensor, k: Tensor, v: Tensor, *, mask: Tensor | None = None) -> Tensor:
    """Attend over time at each of S places by itself; every place's heads count as heads, so that nothing is moved.

    Args:
        q: (B, N, S, H, d).
        k, v: (B, M, S, H, d).
        mask: bool (N, M), True where a query sees a key; `None`: everything.

    Returns:
        (B, N, S, H * d).
    """
    places, heads = q.shape[2:4]
    at_once = max(1, MOST_HEADS // heads)
    if places <= at_once:
        return attention(*(part.flatten(2, 3) for part in (q, k, v)), mask=mask).view(*q.shape[:3], -1)
    attended = [
        attention(*(part[:, :, first : first + at_once].flatten(2, 3) for part in (q, k, v)), mask=mask)
        for first in range(0, places, at_once)
    ]
    return torch.cat(attended, dim=2).unflatten(2, (places, -1))


class Group(NamedTuple):
    """Neighbouring queries that see the same keys; spans are first and last + 1."""

    queries: tuple[int, int]
    keys: tuple[tuple[int, int], ...]


def groups_of(mask: Tensor, tokens: int) -> list[Group]:
    """Return who sees whom by groups.

    Args:
        mask: bool (T, T), row sees column.
        tokens: of each of the T latents.
    """
    groups: list[Group] = []
    for index, row in enumerate(mask.tolist()):
        edges = [at for at in range(len(row) + 1) if (at and row[at - 1]) != (at < len(row) and row[at])]
        keys = tuple((first * tokens, last * tokens) for first, last in zip(edges[::2], edges[1::2], strict=True))
        first = groups.pop().queries[0] if groups and groups[-1].keys == keys else index * tokens
        groups.append(Group((first, (index + 1) * tokens), keys))
    return groups


def grouped_attention(q: Tensor, k: Tensor, v: Tensor, groups: Sequence[Group]) -> Tensor:
    """Attend as `attention` does under a mask, but without the products that the mask would hide.

    Args:
        q, k, v: (B, N, H, d).
    """
    attended = []
    for (first, last), spans in groups:
        seen = [torch.cat([part[:, a:b] for a, b in spans], dim=1) for part in (k, v)]
        attended.append(attention(q[:, first:last], *seen))
    return torch.cat(attended, dim=1)


def fused_attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    """Return (B, H, N, d) of q (B, H, N, d) and k, v (B, H, M, d); scores never leave float32."""
    return scaled_dot_product_attention(q, k, v, attn_mask=mask)


def few_keys_attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    """Return the same in plain products: for training, 3 to 6 times faster on a CPU in bfloat16."""
    scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return scores.softmax(dim=-1).to(v.dtype) @ v
