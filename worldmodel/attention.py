"""The one door to softmax attention.

Shapes: B batch, N queries, M keys, H heads, d numbers per head.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

Override = Callable[..., Tensor]
"""`override(q, k, v, heads, mask=..., transformer_options=...)` on (B, N, H * d); returns (B, N, H * d)."""


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
    # (B, N, H, d) -> (B, H, N, d) and back; views, no copies
    out = scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), attn_mask=mask)
    return out.transpose(1, 2).flatten(2)
