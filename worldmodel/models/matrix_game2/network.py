"""Matrix-Game 2.0: a causal Wan image-to-video network with an action module in its first blocks.

Shapes: B batch, T latents, h, w latent grid, S = h/2 * w/2 tokens per latent, N = T * S, C model width.
Source: Matrix-Game 2.0 (arXiv:2508.13009), wan/modules/causal_model.py of its release.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from ...layers.attention import Group, groups_of
from ...layers.cache import KVCache
from ...layers.lean import activated, fed, modulated
from ...layers.norms import in_dtype
from ...layers.rope import Rotation, grid_rotation, place_turns
from ...layers.wan import (
    CrossAttention,
    Head,
    ImageEmbedding,
    SelfAttention,
    cast_like,
    common_level,
    feed_forward_layers,
    gated,
    modulation_parameter,
    timestep_features,
    two_linears,
)
from .. import NOT_A_SAMPLER
from ..action import HEAD_SIZE, ActionInputs, ActionModule, action_turns

PATCH = (1, 2, 2)
WIDE = 1024
"""Numbers inside a feed-forward from which it asks for a kernel that rounds otherwise; smaller ones, as Tiny World's,
go on making the same worlds to the bit."""

Made = TypeVar("Made")


class Step(NamedTuple):
    """One call of the network: all that must keep its precision on the way through a host, and the state."""

    timesteps: Tensor
    """(B, T) float32 in [0, 1000]."""
    positions: Tensor
    """(T,) int64 absolute latent indices."""
    image_condition: Tensor
    """(B, 20, T, h, w): mask 4, image latents 16."""
    image_tokens: Tensor
    """(B, tokens, width) what the image encoder made of the start picture."""
    keyboard: Tensor
    """(B, T, 12, keys) action windows."""
    mouse: Tensor | None
    """(B, T, 12, 2) action windows, in the variant's order and units."""
    cache: KVCache | None = None
    commit: bool = False
    """True on the clean pass, which writes the cache."""
    mask: Tensor | None = None
    """bool (T, T), row sees column; training only, without a cache."""
    read: bool = True
    """Whether anybody reads the velocity; else nothing is computed for it alone, and what comes back is x, or NaN."""

    def at(self, timestep: Tensor) -> Step:
        """Return the pass that all latents make at a timestep ()."""
        return self._replace(timesteps=timestep.to(self.timesteps).expand_as(self.timesteps))

    def clean(self) -> Step:
        """Return the pass that writes the cache."""
        return self._replace(timesteps=torch.zeros_like(self.timesteps), commit=True, read=False)


class Modulation(NamedTuple):
    """What the timesteps do to one block; (B, T, 1, C) each, or T = 1 where all timesteps are equal."""

    shift1: Tensor
    gain1: Tensor
    gate1: Tensor
    shift2: Tensor
    gain2: Tensor
    gate2: Tensor


class _Times(NamedTuple):
    """What depends on nothing but the timesteps."""

    blocks: tuple[Modulation, ...]
    head: tuple[Tensor, Tensor]


class _Shared(NamedTuple):
    """What all blocks of one forward share."""

    positions: Rotation
    tokens: int  # S
    context: Callable[[], Tensor]  # (B, K, C)
    actions: ActionInputs
    groups: list[Group] | None
    options: dict


def _once(cache: KVCache | None, slot: object, make: Callable[[], Made]) -> Made:
    return make() if cache is None else cache.of_rollout(slot, make)


class Block(nn.Module):
    """Self-attention, cross-attention to the image, actions where the block has them, feed-forward."""

    def __init__(self, dim: int, heads: int, ffn_dim: int, action: ActionModule | None, operations: Any, **placement):
        super().__init__()
        self.cast = getattr(operations, "cast", cast_like)
        self.norm1 = operations.LayerNorm(dim, eps=1e-6, elementwise_affine=False, **placement)
        self.self_attn = SelfAttention(dim, heads, operations=operations, **placement)
        self.norm3 = operations.LayerNorm(dim, eps=1e-6, **placement)
        self.cross_attn = CrossAttention(dim, heads, operations=operations, **placement)
        if action is not None:
            self.action_model = action
        self.norm2 = operations.LayerNorm(dim, eps=1e-6, elementwise_affine=False, **placement)
        self.ffn = feed_forward_layers(dim, ffn_dim, operations=operations, **placement)
        self._feed = fed if ffn_dim < WIDE else activated
        self.modulation = modulation_parameter(6, dim, **placement)

    def modulations(self, time: Tensor) -> Modulation:
        """Return what the projected time embedding (B, T, 6, C) does to this block."""
        parts = (self.cast(self.modulation, time)[:, None] + time).split(1, dim=2)
        shift1, scale1, gate1, shift2, scale2, gate2 = parts
        return Modulation(shift1, 1 + scale1, gate1, shift2, 1 + scale2, gate2)

    def forward(self, x: Tensor, told: Modulation, shared: _Shared, index: int) -> Tensor:
        """Return x (B, N, C) after block number `index`."""
        options = {**shared.options, "block_index": index}
        attended = self.self_attn(
            modulated(self.norm1, x, told.shift1, told.gain1),
            shared.positions,
            options,
            **({} if shared.actions.cache is None else _memory(shared, index)),
            groups=shared.groups,
        )
        x = gated(x, told.gate1, attended)
        image = _once(shared.actions.cache, (index, "cross"), lambda: self.cross_attn.keys_values(shared.context()))
        x = x + in_dtype(self.cross_attn(self.norm3(x), image, options), x.dtype)
        if hasattr(self, "action_model"):
            x = self.action_model(x, shared.actions, index)
        return self.feed_forward(x, told)

    def remember(self, x: Tensor, told: Modulation, shared: _Shared, index: int) -> None:
        """Do what `forward` does to the cache in a block without actions, and nothing else."""
        x = modulated(self.norm1, x, told.shift1, told.gain1)
        self.self_attn.remember(x, shared.positions, **_memory(shared, index))

    def feed_forward(self, x: Tensor, told: Modulation) -> Tensor:
        """Return x (B, N, C) after the feed-forward."""
        return gated(x, told.gate2, self._feed(self.ffn, modulated(self.norm2, x, told.shift2, told.gain2)))


def _memory(shared: _Shared, index: int) -> dict[str, Callable]:
    """Return how the self-attention of block number `index` gets at the cache."""
    slot, cache, tokens = (index, "self"), shared.actions.cache, shared.tokens

    def recall(keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        return cache.extend(slot, keys, values, per_latent=tokens, commit=shared.actions.commit)

    return {"recall": recall, "place": lambda like: cache.place(slot, like, per_latent=tokens)}


class Sizes(NamedTuple):
    """What the network is built from.

    Args:
        dim, ffn_dim, freq_dim: widths of the tokens, the feed-forward and the time features.
        heads, layers: of the transformer.
        context_dim: width of the image tokens.
        keyboard_dim, keyboard_width: keys, and numbers each action frame is embedded into.
        action_heads, action_blocks: heads of 64 of the action modules, and the blocks that have one.
        mouse: whether there is a mouse path.
        in_dim, out_dim: latent channels in (noisy, mask, image) and out.
    """

    dim: int
    heads: int
    ffn_dim: int
    freq_dim: int
    layers: int
    context_dim: int
    keyboard_dim: int
    keyboard_width: int
    action_heads: int
    action_blocks: Iterable[int]
    mouse: bool
    in_dim: int = 36
    out_dim: int = 16


class MatrixGame2(nn.Module):
    """The causal network of Matrix-Game 2.0 at any size; every layer comes from `operations`.

    `operations` may also bring `attention` (see `attention.Override`) and `cast` (see `wan_layers.cast_like`).
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
        self.dtype = dtype
        self.dim = sizes.dim
        self.freq_dim = sizes.freq_dim
        self.heads = sizes.heads
        self.out_dim = sizes.out_dim
        placement = {"dtype": dtype, "device": device}
        dim = sizes.dim
        self.patch_embedding = operations.Conv3d(sizes.in_dim, dim, kernel_size=PATCH, stride=PATCH, **placement)
        self.time_embedding = two_linears((sizes.freq_dim, dim, dim), nn.SiLU(), operations=operations, **placement)
        self.time_projection = nn.Sequential(nn.SiLU(), operations.Linear(dim, 6 * dim, **placement))
        self.img_emb = ImageEmbedding(sizes.context_dim, dim, operations=operations, **placement)
        acting = frozenset(sizes.action_blocks)

        def action_module(index: int) -> ActionModule | None:
            if index not in acting:
                return None
            return ActionModule(
                dim=dim, heads=sizes.action_heads, keyboard_dim=sizes.keyboard_dim,
                keyboard_width=sizes.keyboard_width, mouse=sizes.mouse, operations=operations, **placement,
            )  # fmt: skip

        self.blocks = nn.ModuleList(
            Block(dim, sizes.heads, sizes.ffn_dim, action_module(index), operations, **placement)
            for index in range(sizes.layers)
        )
        self.head = Head(dim, sizes.out_dim * PATCH[0] * PATCH[1] * PATCH[2], operations=operations, **placement)

    @property
    def stages(self) -> int:
        """Attention stages that look back in time, one after another: self-attention, and mouse where a block has it.

        The keyboard's do not count: what they remember depends on the keys alone.
        """
        acting = [block.action_model for block in self.blocks if hasattr(block, "action_model")]
        return len(self.blocks) + sum(module.has_mouse for module in acting)

    def forward(
        self,
        x: Tensor,
        t: Tensor | None = None,
        context: Tensor | None = None,
        transformer_options: dict | None = None,
        call: Step | None = None,
        **kwargs: Any,
    ) -> Tensor:
        """Predict the velocity (noise - clean) of T latents.

        Args:
            x: (B, 16, T, h, w) noisy latents, or clean ones on the clean pass.
            t, context: ignored; a host may round them, so timesteps and image tokens come in the call.
            transformer_options: passed on to an attention override.
            call: timesteps, conditions and cache.

        Returns:
            (B, 16, T, h, w) in x's dtype.

        Raises:
            ValueError: no call was given: an ordinary sampler is calling.
        """
        if call is None:
            raise ValueError(NOT_A_SAMPLER)
        assert call.cache is None or call.mask is None, "a mask is for training, which has no cache"
        latents, (rows, columns) = x.shape[2], (x.shape[3] // PATCH[1], x.shape[4] // PATCH[2])
        frames = torch.cat((x, call.image_condition.to(x)), dim=1)
        # (B, N, C), (t, h, w) order; contiguous, or every block would pass the convolution's own order on
        tokens = self.patch_embedding(frames).flatten(2).transpose(1, 2).to(x.dtype).contiguous()
        times = self._times(call, x)
        shared = self._shared(x, call, transformer_options or {})
        last = len(self.blocks) - 1
        for index, (block, told) in enumerate(zip(self.blocks, times.blocks, strict=True)):
            if index == last and call.cache is not None and not call.read and not hasattr(block, "action_model"):
                block.remember(tokens, told, shared, index)
            else:
                tokens = block(tokens, told, shared, index)
        if call.cache is not None and call.commit:
            call.cache.begin_chunk()
        if not call.read:  # but whoever asks whether all was finite must be told
            return torch.add(x, tokens.mean(), alpha=0)
        patches = self.head(tokens, times.head).unflatten(1, (latents, rows, columns))
        # (B, T, h/2, w/2, 2 * 2 * 16), channel fastest -> (B, 16, T, h, w)
        patches = patches.unflatten(-1, (PATCH[1], PATCH[2], self.out_dim)).permute(0, 6, 1, 2, 4, 3, 5)
        return patches.reshape(x.shape[0], self.out_dim, *x.shape[2:]).to(x.dtype)

    def _times(self, call: Step, like: Tensor) -> _Times:
        """Make what the timesteps do; once per rollout for those that all latents share, as a sampler's steps are."""
        level = common_level(call.timesteps)
        timesteps = call.timesteps if level is None else call.timesteps[:1, :1]

        def make() -> _Times:
            features = timestep_features(timesteps, self.freq_dim).to(like)
            time = self.time_embedding(features).to(like.dtype)  # (B, T, C)
            projected = self.time_projection(time).unflatten(-1, (6, -1)).to(like.dtype)
            return _Times(tuple(block.modulations(projected) for block in self.blocks), self.head.modulations(time))

        return make() if level is None else _once(call.cache, ("times", level), make)

    def _shared(self, x: Tensor, call: Step, options: dict) -> _Shared:
        rows, columns = x.shape[3] // PATCH[1], x.shape[4] // PATCH[2]
        cache = call.cache

        def rotations() -> tuple[Rotation, Tensor]:
            grid = (rows, columns, self.dim // self.heads)
            places = _once(cache, ("places", *grid), lambda: place_turns(*grid, call.positions.device))
            return grid_rotation(call.positions, *grid, places), action_turns(call.positions)

        grid, action = rotations() if cache is None else cache.of_chunk("rotations", rotations)
        made: list[Tensor] = []

        def image_tokens() -> Tensor:  # made at most once a forward, and not at all where every block has its keys
            if not made:
                made.append(self.img_emb(call.image_tokens.to(x)).to(x.dtype))
            return made[0]

        return _Shared(
            positions=grid,
            tokens=rows * columns,
            context=image_tokens,
            actions=ActionInputs(call.keyboard, call.mouse, action, cache, call.commit, call.mask),
            groups=None if call.mask is None else groups_of(call.mask, rows * columns),
            options={**options, "total_blocks": len(self.blocks)},
        )


def sizes_from_state_dict(state_dict: Mapping[str, Tensor], metadata: Mapping[str, Any] | None = None) -> dict:
    """Read the constructor's sizes off the weights' shapes.

    Args:
        state_dict: weights under the released names, without prefix.
        metadata: `heads` if the heads are not 128 wide.

    Returns:
        Keyword arguments of `MatrixGame2`, JSON-compatible.
    """
    shape = {key: tuple(value.shape) for key, value in state_dict.items()}
    blocks = {int(key.split(".")[1]) for key in shape if key.startswith("blocks.")}
    acting = sorted({int(key.split(".")[1]) for key in shape if ".action_model." in key})
    first = f"blocks.{acting[0]}.action_model"
    dim, in_dim = shape["patch_embedding.weight"][:2]
    keyboard_width, keyboard_dim = shape[f"{first}.keyboard_embed.0.weight"]
    return {
        "dim": dim,
        "heads": int((metadata or {}).get("heads") or dim // 128),
        "ffn_dim": shape["blocks.0.ffn.0.weight"][0],
        "freq_dim": shape["time_embedding.0.weight"][1],
        "layers": len(blocks),
        "context_dim": shape["img_emb.proj.0.weight"][0],
        "keyboard_dim": keyboard_dim,
        "keyboard_width": keyboard_width,
        "action_heads": shape[f"{first}.mouse_attn_q.weight"][0] // HEAD_SIZE,
        "action_blocks": acting,
        "mouse": f"{first}.mouse_mlp.0.weight" in shape,
        "in_dim": in_dim,
        "out_dim": shape["head.head.weight"][0] // (PATCH[0] * PATCH[1] * PATCH[2]),
    }
