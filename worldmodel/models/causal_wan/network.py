"""Wan's network as causal worlds run it: block by block with a cache, or a clip at once, with camera rays or without.

Shapes: B batch, C channels of a latent, T latents of a pass, h, w latent grid, S = h/2 * w/2 tokens per latent,
N = T * S, D model width.
Source: LingBot-World (github.com/Robbyant/lingbot-world), wan/modules/model.py and model_fast.py; Self-Forcing
(arXiv:2506.08009), whose network is the same without a camera.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from ...layers.attention import groups_of
from ...layers.camera_rays import RayEmbedding
from ...layers.kept import once
from ...layers.rope import grid_rotation
from ...layers.wan import Head, TextAndTime, common_level, unpatched, with_gains
from .. import NOT_A_SAMPLER
from .blocks import Block, Shared
from .conditions import Call
from .sizes import PATCH, Sizes


class CausalWan(RayEmbedding, TextAndTime):
    """The network at any size; every layer comes from `operations`.

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
        self.patch_embedding = operations.Conv3d(sizes.in_dim, dim, kernel_size=PATCH, stride=PATCH, **place)
        if sizes.cell:
            self.build_ray_embedding(dim, sizes.cell, operations=operations, **place)
        self.build_embeddings(sizes.text_dim, sizes.freq_dim, dim, operations=operations, **place)
        self.blocks = nn.ModuleList(
            Block(dim, sizes.heads, sizes.ffn_dim, sizes.cell > 0, operations=operations, **place)
            for _ in range(sizes.layers)
        )
        self.head = Head(dim, sizes.channels * PATCH[1] * PATCH[2], operations=operations, **place)

    @property
    def stages(self) -> int:
        """Attention stages that look back in time, one after another."""
        return len(self.blocks)

    def forward(
        self,
        x: Tensor,
        t: Tensor | None = None,
        context: Tensor | None = None,
        transformer_options: dict | None = None,
        call: Call | None = None,
        **kwargs: Any,
    ) -> Tensor:
        """Predict the velocity (noise - clean) of x.

        Args:
            x: (B, C, T - n, h, w) noisy latents, or clean ones on the clean pass; n more may be in the call.
            t, context: ignored; a host may round or crop them, so timesteps and text come in the call.
            transformer_options: passed on to an attention override.
            call: all else.

        Returns:
            (B, C, T - n, h, w) in x's dtype.

        Raises:
            ValueError: no call was given: an ordinary sampler is calling.
        """
        if call is None:
            raise ValueError(NOT_A_SAMPLER)
        rows, columns = x.shape[3] // PATCH[1], x.shape[4] // PATCH[2]
        latents = x if call.past is None else torch.cat((call.past.to(x), x), dim=2)
        if call.condition is not None:
            latents = torch.cat((latents, call.condition.to(x)), dim=1)
        tokens = self.patch_embedding(latents).flatten(2).transpose(1, 2).contiguous().to(x.dtype)  # (t, h, w) order
        blocks, head = self._times(call, x)
        shared = self._shared(call, x, transformer_options or {})
        for index, (block, told) in enumerate(zip(self.blocks, blocks, strict=True)):
            tokens = block(tokens, told, shared, index)
        asked = x.shape[2]
        tokens, head = tokens[:, tokens.shape[1] - asked * rows * columns :], [part[:, -asked:] for part in head]
        return unpatched(self.head(tokens, head), PATCH, x)

    def _times(self, call: Call, like: Tensor) -> tuple[list[tuple[Tensor, ...]], tuple[Tensor, Tensor]]:
        """Make what the timesteps do; once per rollout for those that all latents share, as a sampler's steps are."""
        level = common_level(call.timesteps)
        timesteps = call.timesteps if level is None else call.timesteps[:1, :1]

        def make() -> tuple[list[tuple[Tensor, ...]], tuple[Tensor, Tensor]]:
            time, projected = self.embed_times(timesteps.to(like.device), self.sizes.freq_dim, like)  # (B, T, D)
            gains = with_gains(projected)
            blocks = [block.modulations(gains, like.dtype) for block in self.blocks]
            return blocks, self.head.modulations(time.to(like.dtype))

        keeps = level is not None and call.cache is not None
        return call.cache.of_rollout(("times", level, like.dtype), make) if keeps else make()

    def _shared(self, call: Call, like: Tensor, options: dict) -> Shared:
        rows, columns = like.shape[3] // PATCH[1], like.shape[4] // PATCH[2]
        size = self.sizes.dim // self.sizes.heads
        said = call.said if call.cache is None else call.cache.said

        def turns_of(positions: Tensor) -> Tensor:
            return grid_rotation(positions.to(like.device), rows, columns, size).turns[:, None]

        camera = None
        if call.rays is not None:
            # made when the first block asks, and not at all where every block has kept what it made of it
            camera = cache(lambda: self.embed_rays(call.rays.to(like)))
        return Shared(
            turns=once(call.kept, "turns", lambda: turns_of(call.positions)),
            window_turns=_of_window(call, rows * columns, turns_of) if call.relative else None,
            cache=call.cache,
            commit=call.commit,
            tokens=rows * columns,
            camera=camera,
            text=cache(lambda: self.text_embedding(call.text.to(like))),
            groups=None if call.mask is None else groups_of(call.mask, rows * columns),
            kept=call.kept,
            said=said,
            options={**options, "total_blocks": len(self.blocks)},
        )


def _of_window(call: Call, tokens: int, turns_of: Callable[[Tensor], Tensor]) -> Callable[[int], Tensor]:
    """Return what gives the turns of a window of so many entries."""

    def turns(entries: int) -> Tensor:
        latents = entries // tokens
        make = lambda: turns_of(torch.arange(latents))  # noqa: E731
        return make() if call.cache is None else call.cache.of_rollout(("turns", latents, tokens), make)

    return turns
