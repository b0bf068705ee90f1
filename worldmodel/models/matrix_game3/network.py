"""Matrix-Game 3.0: a bidirectional Wan network that looks at memories, with camera rays and actions in its blocks.

Shapes: B batch, L new latents, T = all latents of a pass, h, w latent grid, S = h/2 * w/2 tokens per latent, N = T * S,
C model width.
Source: Matrix-Game 3.0 (github.com/SkyworkAI/Matrix-Game), wan/modules/model.py.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from ...layers.camera_rays import RayEmbedding
from ...layers.kept import once
from ...layers.rope import head_bases, headwise_grid_turns
from ...layers.wan import Head, TextAndTime, unpatched, with_gains
from .. import NOT_A_SAMPLER
from .action import Actions, ClipActionModule, action_turns
from .blocks import Block, Shared
from .conditions import Call
from .sizes import PATCH, Sizes


class MatrixGame3(RayEmbedding, TextAndTime):
    """The network of Matrix-Game 3.0 at any size; every layer comes from `operations`.

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
        self.patch_embedding = operations.Conv3d(sizes.channels, dim, kernel_size=PATCH, stride=PATCH, **place)
        self.build_ray_embedding(dim, sizes.cell, operations=operations, **place)
        self.build_embeddings(sizes.text_dim, sizes.freq_dim, dim, operations=operations, **place)

        def action_module(index: int) -> ClipActionModule | None:
            if index not in sizes.action_blocks:
                return None
            return ClipActionModule(
                dim=dim, heads=sizes.action_heads, head_size=sizes.action_head_size, keyboard_dim=sizes.keyboard_dim,
                keyboard_width=sizes.keyboard_width, mouse=True, operations=operations, **place,
            )  # fmt: skip

        self.blocks = nn.ModuleList(
            Block(dim, sizes.heads, sizes.ffn_dim, action_module(index), operations=operations, **place)
            for index in range(sizes.layers)
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
            x: (B, 48, L, h, w) noisy latents; those given, memory and past, are in the call.
            t, context: ignored; a host may round or crop them, so timesteps and text come in the call.
            transformer_options: passed on to an attention override.
            call: all else.

        Returns:
            (B, 48, L, h, w) in x's dtype.

        Raises:
            ValueError: no call was given: an ordinary sampler is calling.
        """
        if call is None:
            raise ValueError(NOT_A_SAMPLER)
        frames = torch.cat([part.to(x) for part in (call.memory, call.past, x) if part is not None], dim=2)
        rows, columns = x.shape[3] // PATCH[1], x.shape[4] // PATCH[2]
        tokens = self.patch_embedding(frames).flatten(2).transpose(1, 2).contiguous().to(x.dtype)  # (t, h, w) order
        blocks, head = self._times(call, x)
        shared = self._shared(call, x, transformer_options or {})
        last = len(self.blocks) - 1
        for index, (block, told) in enumerate(zip(self.blocks, blocks, strict=True)):
            # nobody reads the velocity of what is given, so the last block leaves it out, unless its mouse looks there
            tokens = block(tokens, told, shared, index, call.given if index == last and not block.acts else 0)
        tokens = tokens[:, tokens.shape[1] - x.shape[2] * rows * columns :]
        return unpatched(self.head(tokens, head), PATCH, x)

    def kept_numbers(self, latents: int, height: int, width: int, words: int) -> int:
        """Return how many numbers a `Kept` without a budget holds at most, the short tables of positions left out.

        Args:
            latents: of a pass, T.
            height, width: of the latent grid.
            words: of the text.
        """
        tokens, sizes = latents * (height // PATCH[1]) * (width // PATCH[2]), self.sizes
        keys = latents * sizes.action_heads * sizes.action_head_size
        camera = sizes.dim * tokens * (1 + 2 * sizes.layers)
        return camera + 2 * sizes.dim * words * sizes.layers + 2 * keys * len(sizes.action_blocks)

    def _times(self, call: Call, like: Tensor) -> tuple[list[tuple[Tensor, ...]], tuple[Tensor, Tensor]]:
        """Make what the timesteps do to each block, and to the head; once per distinct timestep, not per latent."""
        levels, of_latent = call.timesteps.unique(return_inverse=True)
        of_latent = of_latent.to(like.device)
        time, projected = self.embed_times(levels, self.sizes.freq_dim, like)  # (K, C)
        gains = with_gains(projected)
        blocks = [block.modulations(gains, of_latent, like.dtype) for block in self.blocks]
        return blocks, self.head.modulations(time.to(like.dtype)[of_latent[:, call.given :]])

    def _words(self, call: Call, like: Tensor) -> Tensor:
        """Return the prompt, or a single word of zeros where nothing is said."""
        return like.new_zeros(len(like), 1, self.sizes.text_dim) if call.text is None else call.text.to(like)

    def _shared(self, call: Call, like: Tensor, options: dict) -> Shared:
        rows, columns = like.shape[3] // PATCH[1], like.shape[4] // PATCH[2]
        sizes, kept, device = self.sizes, call.kept, like.device

        def turns() -> tuple[Tensor, ...]:
            bases = head_bases(sizes.heads, sizes.head_spread)
            return headwise_grid_turns(call.positions.to(device), rows, columns, sizes.dim // sizes.heads, bases)

        latents = call.positions.shape[-1]
        return Shared(
            turns=once(kept, "turns", turns),
            # made when the first block asks, and not at all where every block has kept what it made of it
            camera=cache(lambda: once(kept, "rays", lambda: self.embed_rays(call.rays.to(like)))),
            text=cache(lambda: self.text_embedding(self._words(call, like))),
            actions=Actions(
                call.keyboard.to(like),
                call.mouse.flatten(2).to(like),
                action_turns(call.memories, latents - call.memories, sizes.action_rotated, device),
            ),
            kept=kept,
            options={**options, "total_blocks": len(self.blocks)},
        )
