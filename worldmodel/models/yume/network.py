"""Yume 1.5: Wan 2.2's 5B network with a history that is compressed instead of forgotten.

Shapes: B batch, n latents of history, p new ones, h, w latent grid, N tokens, of which H are the history's, C model
width. Source: Yume 1.5 (arXiv:2512.22096; github.com/stdstu12/YUME), wan23/modules/model.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from ...layers.kept import once
from ...layers.lean import tiled
from ...layers.rope import grid_rotation
from ...layers.wan import Head, TextAndTime, unpatched, with_gains
from .. import NOT_A_SAMPLER
from .blocks import Block, Shared
from .conditions import Call, Cuts
from .history import FARTHEST, grid_of
from .sizes import EMBEDDINGS, HALVING, PATCH, Sizes


class Yume(TextAndTime):
    """The network of Yume 1.5 at any size; every layer comes from `operations`.

    `operations` may also bring `attention` (see `layers.attention.Override`) and `cast` (see `layers.wan.cast_like`).
    """

    def __init__(
        self,
        sizes: Sizes,
        *,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
        operations: Any = torch.nn,
    ):
        """Build the network with random weights."""
        super().__init__()
        self.sizes, self.dtype = sizes, dtype
        place = {"dtype": dtype, "device": device}
        dim = sizes.dim
        for rate, name in EMBEDDINGS.items():
            kernel = (1, 2 * rate, 2 * rate)
            setattr(self, name, operations.Conv3d(sizes.channels, dim, kernel_size=kernel, stride=kernel, **place))
        halving = operations.Conv3d(sizes.channels, sizes.channels, kernel_size=(1, 4, 4), stride=(1, 4, 4), **place)
        setattr(self, HALVING, halving)
        self.build_embeddings(sizes.text_dim, sizes.freq_dim, dim, operations=operations, **place)
        self.blocks = nn.ModuleList(
            Block(dim, sizes.heads, sizes.ffn_dim, operations=operations, **place) for _ in range(sizes.layers)
        )
        self.head = Head(dim, sizes.channels * PATCH[1] * PATCH[2], operations=operations, **place)

    def forward(
        self,
        x: Tensor,
        t: Tensor | None = None,
        context: Tensor | None = None,
        transformer_options: dict | None = None,
        call: Call | None = None,
        **kwargs: Any,
    ) -> Tensor:
        """Predict the velocity (noise - clean) of the new latents.

        Args:
            x: (B, C, p, h, w) noisy latents; the history is in the call.
            t, context: ignored; a host may round or crop them, so timesteps and text come in the call.
            transformer_options: passed on to an attention override.
            call: all else.

        Returns:
            (B, C, p, h, w) in x's dtype.

        Raises:
            ValueError: no call was given: an ordinary sampler is calling.
        """
        if call is None:
            raise ValueError(NOT_A_SAMPLER)
        tokens = self.tokens(x, call)
        time, projected = self.levels(call, x)
        shared = self._shared(call, x, transformer_options or {})
        gains = with_gains(projected)
        last = len(self.blocks) - 1
        for index, block in enumerate(self.blocks):
            tokens = block(tokens, block.modulations(gains, x.dtype), shared, index, index == last)
        head = self.head.modulations(time[None, -1:].to(x.dtype))
        return unpatched(self.head(tokens, head), PATCH, x)

    def tokens(self, x: Tensor, call: Call) -> Tensor:
        """Return what goes into the first block, (B, N, C): the history's tokens, then the new latents'."""
        new = self.patch_embedding(x).flatten(2).transpose(1, 2).to(x.dtype)  # (t, h, w) order
        if not call.plan:
            return new.contiguous()
        old = once(call.kept, "history", lambda: self._history_tokens(call, x))
        return torch.cat((old.expand(x.shape[0], -1, -1), new), dim=1)

    def levels(self, call: Call, like: Tensor) -> tuple[Tensor, Tensor]:
        """Return the time embedding (K, C) and its projection (K, 6, C) float32 of the call's `levels`."""
        return self.embed_times(call.levels, self.sizes.freq_dim, like)

    def _history_tokens(self, call: Call, like: Tensor) -> Tensor:
        """Cut every piece of the history: (1, H, C)."""
        cuts, numbers = Cuts() if call.cuts is None else call.cuts, call.history.numbers
        for span in call.plan:

            def make(first: int, end: int, span: Any = span) -> list[Tensor]:
                latents = call.history.latents(span.first + first, span.first + end)
                return list(self._cut(latents, span.rate, like))

            cuts.ask(span.rate, numbers[span.first : span.end], make)
        return cuts.joined()

    def _cut(self, latents: Tensor, rate: int, like: Tensor) -> Iterable[Tensor]:
        """Yield the tokens (h' * w', C) of each of the latents (C, f, h, w) at a rate.

        On the CPU, latent by latent: how many are cut at once changes the last bit there.
        """
        for some in latents.split(1 if like.device.type == "cpu" else latents.shape[1], dim=1):
            x, far = some[None].to(like), rate == FARTHEST
            tokens = self._filled(EMBEDDINGS[16 if far else rate], self._filled(HALVING, x) if far else x)
            yield from tokens[0].flatten(2).permute(1, 2, 0).to(like.dtype)  # (1, C, f, h', w') -> f times (h' w', C)

    def _filled(self, name: str, x: Tensor) -> Tensor:
        """Convolve x (1, C, f, h, w), with zeros below and to the right up to whole kernels."""
        layer = getattr(self, name)
        (_, high, wide), (height, width) = layer.kernel_size, x.shape[3:]
        return tiled(layer, pad(x, (0, -width % wide, 0, -height % high)))

    def _shared(self, call: Call, like: Tensor, options: dict) -> Shared:
        height, width = like.shape[3:]
        head = self.sizes.dim // self.sizes.heads
        turns = once(call.kept, "turns", lambda: _turns(call, like, head))
        return Shared(
            turns=turns,
            history=len(turns) - like.shape[2] * (height // PATCH[1]) * (width // PATCH[2]),
            # made when the first block asks, and not at all where every block has kept what it made of it
            text=cache(lambda: self.text_embedding(call.text.to(like))),
            said=call.said,
            options={**options, "total_blocks": len(self.blocks)},
        )


def _turns(call: Call, like: Tensor, size: int) -> Tensor:
    """Return the rotation of every token, (N, 1, size / 2, 2): time counts on from piece to piece, and each piece
    counts rows and columns of its own grid."""
    height, width = like.shape[3:]
    spans = [(span.rate, span.end - span.first) for span in call.plan] + [(1, like.shape[2])]
    turns, begin = [], 0
    for rate, latents in spans:
        times = torch.arange(begin, begin + latents)
        turns.append(grid_rotation(times, *grid_of(rate, height, width), size).turns)
        begin += latents
    return torch.cat(turns)[:, None].to(like.device)
