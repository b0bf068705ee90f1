"""Layers that every Wan-based network shares, under their released parameter names.

Shapes: B batch, T latents, S tokens per latent, N = T * S tokens, C model width, H heads, d = C / H, K context tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .attention import Group, Override, attention, grouped_attention
from .lean import modulated, written
from .norms import casts, in_dtype, lean_norm_by, lean_unit_norm, norm_by, trains
from .rope import Rotation, as_float64, rotate_into, turned

GAINS = (0.0, 1.0, 0.0, 0.0, 1.0, 0.0)
"""What is added to the six parts of a modulation: scales are stored as gain - 1."""


def cast_like(parameter: Tensor, like: Tensor) -> Tensor:
    """Return a raw parameter in the dtype and on the device of the activation it meets."""
    return parameter.to(device=like.device, dtype=like.dtype)


def attention_override(operations: Any) -> Override | None:
    """Return the attention that comes with the layers, if any (`torch.nn.attention` is a module, not one)."""
    override = getattr(operations, "attention", None)
    return override if callable(override) else None


def timestep_features(timesteps: Tensor, size: int) -> Tensor:
    """Return [cos | sin] of timestep * 10000^(-i / half), i < half = size / 2, computed in float64.

    Args:
        timesteps: float32 of any shape, in [0, 1000].
        size: features per timestep.

    Returns:
        (..., size) float32 on the timesteps' device.
    """
    half = size // 2
    values = as_float64(timesteps)
    powers = torch.arange(half, device=values.device, dtype=torch.float64) / half
    angles = values[..., None] * torch.pow(torch.tensor(10000.0, dtype=torch.float64, device=values.device), -powers)
    return torch.cat((angles.cos(), angles.sin()), dim=-1).to(timesteps.device, torch.float32)


def common_level(timesteps: Tensor) -> float | None:
    """Return the one value of timesteps (B, T); `None` where they differ, or where reading would wait for a device."""
    if timesteps.device.type != "cpu":
        return None
    levels = set(timesteps.flatten().tolist())
    return levels.pop() if len(levels) == 1 else None


def modulation_parameter(
    parts: int, dim: int, *, dtype: torch.dtype | None = None, device: torch.device | str | None = None
) -> nn.Parameter:
    """Return a random (1, parts, dim) parameter; drawn in float32, because 8-bit types cannot draw."""
    dtype = dtype or torch.get_default_dtype()
    if torch.empty(0, device=device).is_meta:  # nothing to draw; arithmetic on meta tensors imports torch's compiler
        return nn.Parameter(torch.empty(1, parts, dim, device="meta", dtype=dtype))
    return nn.Parameter((torch.randn(1, parts, dim, device=device) * dim**-0.5).to(dtype))


def two_linears(
    sizes: tuple[int, int, int], activation: nn.Module, *, operations: Any, **placement: Any
) -> nn.Sequential:
    """Return linear, activation, linear; `sizes` are the numbers in, between and out."""
    first, second = (operations.Linear(*pair, **placement) for pair in (sizes[:2], sizes[1:]))
    return nn.Sequential(first, activation, second)


def feed_forward_layers(dim: int, between: int, *, operations: Any, **placement: Any) -> nn.Sequential:
    """Return a block's feed-forward, `between` numbers wide inside."""
    return two_linears((dim, between, dim), nn.GELU(approximate="tanh"), operations=operations, **placement)


class TextAndTime(nn.Module):
    """What networks on Wan make of words and of timesteps before their first block."""

    def build_embeddings(self, words: int, times: int, dim: int, *, operations: Any, **placement: Any) -> None:
        """Build the layers.

        Args:
            words: numbers of a word.
            times: of a timestep's features.
            dim: of the network.
        """
        gelu = nn.GELU(approximate="tanh")
        self.text_embedding = two_linears((words, dim, dim), gelu, operations=operations, **placement)
        self.time_embedding = two_linears((times, dim, dim), nn.SiLU(), operations=operations, **placement)
        self.time_projection = nn.Sequential(nn.SiLU(), operations.Linear(dim, 6 * dim, **placement))

    def embed_times(self, timesteps: Tensor, size: int, like: Tensor) -> tuple[Tensor, Tensor]:
        """Return the embedding (..., C) of timesteps (...), and its projection (..., 6, C) float32, without `GAINS`.

        Args:
            size: features of a timestep.
            like: whose dtype and device the layers compute in.
        """
        time = self.time_embedding(timestep_features(timesteps, size).to(like))
        return time, self.time_projection(time).unflatten(-1, (6, -1)).float()


def with_gains(projected: Tensor) -> Tensor:
    """Return a projection (..., 6, C) plus `GAINS`."""
    return projected + torch.tensor(GAINS, device=projected.device)[:, None]


def unpatched(values: Tensor, patch: tuple[int, int, int], like: Tensor) -> Tensor:
    """Return patches of velocity (B, N, p * q * C), in (t, h, w) order, as latents.

    Args:
        patch: latents, rows p and columns q of a patch.
        like: (B, C, T, h, w), whose shape and dtype they take.
    """
    rows, columns = like.shape[3] // patch[1], like.shape[4] // patch[2]
    patches = values.unflatten(1, (-1, rows, columns)).unflatten(-1, (*patch[1:], -1))
    # (B, T, h/p, w/q, p, q, C) -> (B, C, T, h, w)
    return patches.permute(0, 6, 1, 2, 4, 3, 5).reshape(like.shape).to(like.dtype)


def by_latent(x: Tensor, latents: int) -> Tensor:
    """Return (B, T, S, C) of tokens (B, N, C); with `latents` 1, all tokens count as one latent's."""
    return x.unflatten(1, (latents, -1))


def modulate(x: Tensor, shift: Tensor, gain: Tensor) -> Tensor:
    """Return x * gain + shift, where x is (B, N, C) and shift, gain are (B, T, 1, C), one per latent (or T = 1)."""
    return torch.addcmul(shift, by_latent(x, gain.shape[1]), gain).flatten(1, 2)


def gated(x: Tensor, gate: Tensor, change: Tensor) -> Tensor:
    """Return x + gate * change, where x, change are (B, N, C) and gate is (B, T, 1, C), one per latent (or T = 1)."""
    latents, change = gate.shape[1], in_dtype(change, x.dtype)
    if latents == 1:
        return torch.addcmul(x, gate.squeeze(1), change)
    return torch.addcmul(by_latent(x, latents), gate, by_latent(change, latents)).flatten(1, 2)


def layer_dtype(x: Tensor) -> torch.dtype:
    """Return what layers compute in: autocast's type where it is on, as in training, else that of x."""
    return torch.get_autocast_dtype(x.device.type) if casts(x) else x.dtype


class SelfAttention(nn.Module):
    """Attention among video tokens, with rotary positions and a window of past clean tokens."""

    def __init__(self, dim: int, heads: int, *, operations: Any, **placement: Any):
        super().__init__()
        self.heads = heads
        self.override = attention_override(operations)
        for name in ("q", "k", "v", "o"):
            setattr(self, name, operations.Linear(dim, dim, **placement))
        # over the full width, before the split into heads
        self.norm_q = operations.RMSNorm(dim, eps=1e-6, **placement)
        self.norm_k = operations.RMSNorm(dim, eps=1e-6, **placement)

    def forward(
        self,
        x: Tensor,
        positions: Rotation,
        options: dict,
        *,
        recall: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] | None = None,
        place: Callable[[Tensor], tuple[Tensor, Tensor] | None] | None = None,
        groups: Sequence[Group] | None = None,
    ) -> Tensor:
        """Return the attended tokens.

        Args:
            x: (B, N, C).
            positions: rotation of (N, d / 2).
            options: the host's transformer options.
            recall: (keys, values) -> the same behind those of past tokens, all (B, tokens, H, d).
            place: where keys and values belong that are like this, (B, N, H, d); see `KVCache.place`.
            groups: who sees whom, training only.

        Returns:
            (B, N, C).
        """
        q, k, v = self.project(x, positions.turns[:, None], self._room(x, place))
        if recall is not None:
            k, v = recall(k, v)
        if groups is not None:
            return self.o(grouped_attention(q, k, v, groups))
        return self.o(attention(q, k, v, override=self.override, transformer_options=options))

    def remember(
        self,
        x: Tensor,
        positions: Rotation,
        recall: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]],
        place: Callable[[Tensor], tuple[Tensor, Tensor] | None],
    ) -> None:
        """Do what `forward` does to a cache, and nothing else."""
        x = in_dtype(x, layer_dtype(x))
        recall(*self._keys_values(x, positions.turns[:, None], self._room(x, place)))

    def project(
        self, x: Tensor, turns: Tensor, room: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys (both turned) and values, (B, N, H, d) each.

        Args:
            x: (B, N, C).
            turns: (N, 1, d / 2, 2).
            room: where keys and values are written; `None`: they are new.
        """
        x = in_dtype(x, layer_dtype(x))  # once for the three layers
        k, v = self._keys_values(x, turns, room)
        q = torch.unflatten(norm_by(self.norm_q, self.q(x)), -1, (self.heads, -1))
        return in_dtype(turned(q, turns), v.dtype), k, v

    def _keys_values(self, x: Tensor, turns: Tensor, room: tuple[Tensor, Tensor] | None) -> tuple[Tensor, Tensor]:
        heads = (self.heads, -1)
        k = torch.unflatten(norm_by(self.norm_k, self.k(x)), -1, heads)
        if room is not None:
            return rotate_into(k, turns, room[0]), written(self.v, x, room[1])
        v = torch.unflatten(self.v(x), -1, heads)
        return in_dtype(turned(k, turns), v.dtype), v

    def _room(
        self, x: Tensor, place: Callable[[Tensor], tuple[Tensor, Tensor] | None] | None
    ) -> tuple[Tensor, Tensor] | None:
        return None if place is None or trains(x) else place(torch.unflatten(x, -1, (self.heads, -1)))


class CrossAttention(nn.Module):
    """Attention from video tokens to context tokens, without positions."""

    def __init__(self, dim: int, heads: int, *, operations: Any, **placement: Any):
        super().__init__()
        self.heads = heads
        self.override = attention_override(operations)
        for name in ("q", "k", "v", "o"):
            setattr(self, name, operations.Linear(dim, dim, **placement))
        self.norm_q = operations.RMSNorm(dim, eps=1e-6, **placement)
        self.norm_k = operations.RMSNorm(dim, eps=1e-6, **placement)

    def keys_values(self, context: Tensor) -> tuple[Tensor, Tensor]:
        """Return keys and values (B, K, H, d) of the context tokens (B, K, C)."""
        v = self.v(context).unflatten(-1, (self.heads, -1))
        return norm_by(self.norm_k, self.k(context)).unflatten(-1, (self.heads, -1)).to(v.dtype), v

    def forward(self, x: Tensor, keys_values: tuple[Tensor, Tensor], options: dict) -> Tensor:
        """Return (B, N, C): the tokens x (B, N, C) attended to `keys_values`."""
        k, v = keys_values
        q = torch.unflatten(in_dtype(norm_by(self.norm_q, self.q(x)), v.dtype), -1, (self.heads, -1))
        return self.o(attention(q, k, v, override=self.override, transformer_options=options))


class TextAttention(CrossAttention):
    """Attention from tokens to all words, the empty ones behind a prompt included.

    Nothing turns here, so a weight of the queries' norm may as well scale the keys, which are fewer and stay the same.
    """

    def keys_values(self, context: Tensor) -> tuple[Tensor, Tensor]:
        """Return keys and values (B, words, H, d) of the words (B, words, C)."""
        v = self.v(context).unflatten(-1, (self.heads, -1))
        k = lean_norm_by(self.norm_k, self.k(context))
        return (k * self.norm_q.weight if self._scales_keys else k).unflatten(-1, (self.heads, -1)), v

    def forward(self, x: Tensor, keys_values: tuple[Tensor, Tensor], options: dict) -> Tensor:
        """Return (B, N, C): the tokens x (B, N, C) attended to `keys_values`."""
        k, v = keys_values
        q = self.q(x)
        q = lean_unit_norm(q, self.norm_q.eps) if self._scales_keys else lean_norm_by(self.norm_q, q)
        q = q.unflatten(-1, (self.heads, -1))
        return self.o(attention(q, k, v, override=self.override, transformer_options=options))

    @property
    def _scales_keys(self) -> bool:
        return type(self.norm_q) is nn.RMSNorm  # a host's layer may have more to it than its weight


class ImageEmbedding(nn.Module):
    """Image tokens (B, K, width) -> context tokens (B, K, C)."""

    def __init__(self, width: int, dim: int, *, operations: Any, **placement: Any):
        super().__init__()
        self.proj = nn.Sequential(
            operations.LayerNorm(width, eps=1e-5, **placement),
            operations.Linear(width, width, **placement),
            nn.GELU(),
            operations.Linear(width, dim, **placement),
            operations.LayerNorm(dim, eps=1e-5, **placement),
        )

    def forward(self, tokens: Tensor) -> Tensor:
        return self.proj(tokens)


class Head(nn.Module):
    """Tokens -> patches of velocity, modulated by the un-projected time embedding."""

    def __init__(self, dim: int, patch_values: int, *, operations: Any, **placement: Any):
        super().__init__()
        self.cast = getattr(operations, "cast", cast_like)
        self.norm = operations.LayerNorm(dim, eps=1e-6, elementwise_affine=False, **placement)
        self.head = operations.Linear(dim, patch_values, **placement)
        self.modulation = modulation_parameter(2, dim, **placement)

    def modulations(self, time: Tensor) -> tuple[Tensor, Tensor]:
        """Return shift and gain, (B, T, 1, C) each, of the time embedding (B, T, C)."""
        shift, scale = (self.cast(self.modulation, time)[:, None] + time[:, :, None]).split(1, dim=2)
        return shift, 1 + scale

    def forward(self, x: Tensor, modulations: tuple[Tensor, Tensor]) -> Tensor:
        """Return (B, N, patch_values) of the tokens x (B, N, C)."""
        return self.head(modulated(self.norm, x, *modulations))
