"""Layers in 8 bits, as a namespace of layers that a network is built from.

A network asks for `Linear`; ours quantises its weight while it is loaded, if its name in the network fits a pattern.
Scales are per output channel; activations, where they are quantised too, get one scale per token.

Shapes: ... tokens, n numbers in, m numbers out.
"""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..reading.words import shortened
from .norms import trains

Kind = Literal["int8", "int8_weights", "fp8_weights"]
KINDS: tuple[Kind, ...] = ("int8", "int8_weights", "fp8_weights")
EVERYWHERE = r"^blocks\."
"""Every linear layer inside a block; embeddings and the head stay as they are."""
ATTENTION = r"^blocks\.\d+\.(self|cross)_attn\.[qkvo]$"
"""The attention's projections only, as Matrix-Game 3's release does."""
INT8_MAX, FP8_MAX = 127.0, 448.0


def layers(kind: Kind, pattern: str = EVERYWHERE, base: type[QuantisedLinear] | None = None) -> Any:
    """Return the layers to build a network from.

    Args:
        kind: `int8`: weights and activations; `int8_weights`, `fp8_weights` (e4m3): weights only.
        pattern: regular expression that is searched for in a linear layer's name.
        base: another linear layer than ours, made of it.

    Raises:
        ValueError: an unknown kind.
    """
    if kind not in KINDS:
        raise ValueError(f"kind: found {shortened(kind)!r}, expected one of {', '.join(KINDS)}.")
    linear = type("Linear", (base or QuantisedLinear,), {"kind": kind, "pattern": re.compile(pattern)})
    others = {name: getattr(nn, name) for name in ("LayerNorm", "RMSNorm", "GroupNorm", "Conv2d", "Conv3d")}
    return SimpleNamespace(Linear=linear, **others)


def quantise(weight: Tensor, kind: Kind) -> tuple[Tensor, Tensor]:
    """Return a weight (m, n) in 8 bits and its scale per channel (m, 1) float32; their product is nearly the weight."""
    largest = FP8_MAX if kind == "fp8_weights" else INT8_MAX
    scale = (weight.float().abs().amax(dim=1, keepdim=True) / largest).clamp_min(1e-12)
    scaled = weight.float() / scale
    return (scaled.to(torch.float8_e4m3fn) if kind == "fp8_weights" else scaled.round().to(torch.int8)), scale


def int8_product(x: Tensor, weight: Tensor, scale: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return x (N, n) times the transpose of an int8 weight (m, n), in `dtype`; x is rounded to 8 bits by tokens."""
    size = (largest_of_rows(x) / INT8_MAX).clamp_min(1e-12)
    return scaled(whole_product(torch.div(x, size).round_().to(torch.int8), weight), size, scale, dtype)


def largest_of_rows(x: Tensor) -> Tensor:
    """Return the largest magnitude of each row of x (N, n): (N, 1) float32."""
    return torch.linalg.vector_norm(x, torch.inf, dim=1, keepdim=True, dtype=torch.float32)


def whole_product(x: Tensor, weight: Tensor) -> Tensor:
    """Return the product (N, m) of int8 numbers (N, n) and (m, n), summed up exactly where a device can; int32, or
    float32 where it has no product of whole numbers."""
    return torch._int_mm(x, weight.t()) if _has_int8(x, weight) else plain_product(x, weight).float()


def scaled(product: Tensor, size: Tensor, scale: Tensor, dtype: torch.dtype) -> Tensor:
    """Return product (N, m) * size (N, 1) * scale (m, 1), computed in float32 and rounded to `dtype` once.

    Numbers are converted while they are read and written, not in passes over memory of their own.
    """
    numbers = product * size
    if trains(size):
        return (numbers * scale.t()).to(dtype)
    out = numbers if dtype == torch.float32 else torch.empty_like(numbers, dtype=dtype)
    return torch.mul(numbers, scale.t(), out=out)


def plain_product(x: Tensor, weight: Tensor) -> Tensor:
    """Return the product of int8 numbers (N, n) and (m, n): exact in float64, rounded where a device has none."""
    dtype = torch.float32 if x.device.type == "mps" else torch.float64
    return x.to(dtype) @ weight.to(dtype).t()


def _has_int8(x: Tensor, weight: Tensor) -> bool:
    if x.device.type in ("cuda", "meta"):  # what its kernel asks for; what is counted is counted as there
        return x.shape[0] > 16 and x.shape[1] % 8 == 0 and weight.shape[0] % 8 == 0
    return x.device.type == "cpu"


class QuantisedLinear(nn.Module):
    """A linear layer whose weight is quantised when it is loaded, if the layer's name fits; else a plain one."""

    kind: Kind
    pattern: re.Pattern

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, *,
        dtype: torch.dtype | None = None, device: torch.device | str | None = None,
    ):  # fmt: skip
        super().__init__()
        plain = nn.Linear(in_features, out_features, bias=bias, dtype=dtype, device=device)
        self.weight, self.bias = plain.weight, plain.bias
        self.packed: Tensor | None = None
        self.scale: Tensor | None = None

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *rest: Any) -> None:
        super()._load_from_state_dict(state_dict, prefix, *rest)
        if self.pattern.search(prefix.removesuffix(".")):
            self.pack()

    def pack(self) -> None:
        """Put 8 bits in the weight's place."""
        self.packed, self.scale = quantise(self.weight.detach(), self.kind)
        self.weight = None

    def _apply(self, fn: Any, recurse: bool = True) -> nn.Module:
        """Move with the module; the precision of what is packed stays."""
        super()._apply(fn, recurse)
        if self.packed is not None:
            device = fn(torch.empty(0, device=self.packed.device)).device
            self.packed, self.scale = self.packed.to(device), self.scale.to(device)
        return self

    def forward(self, x: Tensor) -> Tensor:
        """Return (..., m) of x (..., n), in x's dtype."""
        if self.packed is None:
            return F.linear(x, self.weight, self.bias)
        if self.kind == "int8":
            out = int8_product(x.flatten(0, -2), self.packed, self.scale, x.dtype)
            return (out if self.bias is None else out.add_(self.bias.to(x.dtype))).unflatten(0, x.shape[:-1])
        return F.linear(x, (self.packed.float() * self.scale).to(x.dtype), self.bias)

    @property
    def bytes(self) -> int:
        """Memory of the weight and its scale."""
        parts = (self.weight,) if self.packed is None else (self.packed, self.scale)
        return sum(part.nbytes for part in parts)
