"""Attention in 8 bits, as Matrix-Game 3.0 makes it while loading: weights by rows, activations token by token.

The released kernel means to round activations, but adds a half that it has already cut off: it truncates, which nearly
doubles the error (1.3 % instead of 0.7 % of Gaussian numbers). Both forms are here.

Shapes: N tokens, n numbers in, m numbers out.
Source: Matrix-Game 3.0 (github.com/SkyworkAI/Matrix-Game), wan/triton_kernels.py and wan/modules/model.py.
"""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor, nn

from ...layers.quantize import ATTENTION, INT8_MAX, QuantisedLinear, largest_of_rows, layers, scaled, whole_product


def int8_layers(*, rounds: bool = True) -> Any:
    """Return the layers to build a network from whose attention computes in 8 bits.

    Args:
        rounds: round activations; without it, all is done as released.
    """
    return layers("int8", ATTENTION, type("Linear", (Int8Linear,), {"rounds": rounds}))


def is_quantised(name: str) -> bool:
    """Tell whether a linear layer of that name computes in 8 bits: q, k, v and o of both attentions of a block."""
    return re.search(ATTENTION, name) is not None


class Int8Linear(QuantisedLinear):
    """A linear layer in 8 bits: `rounds` as it was meant, else as released."""

    kind = "int8"
    pattern = re.compile(ATTENTION)
    rounds = True

    @classmethod
    def of(cls, weight: Tensor, bias: Tensor | None, *, rounds: bool = True) -> Int8Linear:
        """Return the layer of a weight (m, n) and a bias (m,)."""
        layer = cls(*weight.shape[::-1], bias=bias is not None, device="meta")
        layer.weight = nn.Parameter(weight, requires_grad=False)
        layer.bias = None if bias is None else nn.Parameter(bias, requires_grad=False)
        layer.rounds = rounds
        layer.pack()
        return layer

    def pack(self) -> None:
        """Put 8 bits in the weight's place; the release has no weights finer than bfloat16."""
        if not self.rounds:
            self.weight = nn.Parameter(self.weight.detach().bfloat16(), requires_grad=False)
        super().pack()

    def forward(self, x: Tensor) -> Tensor:
        """Return (..., m) of x (..., n), in x's dtype."""
        if self.rounds or self.packed is None:
            return super().forward(x)
        return truncated_product(x, self.packed, self.scale, self.bias)


def truncated_product(x: Tensor, packed: Tensor, scale: Tensor, bias: Tensor | None) -> Tensor:
    """Return (..., m) of x (..., n), a weight (m, n) int8 with its scale per row (m, 1), and a bias (m,), as released.

    The product is rounded to bfloat16, and so is its sum with the bias; then it goes back to x's dtype.
    """
    rows, size = truncated_rows(x.flatten(0, -2))
    out = scaled(whole_product(rows, packed), size, scale, torch.bfloat16)
    if bias is not None:
        out += bias.bfloat16()
    return out.unflatten(0, x.shape[:-1]).to(x.dtype)


def truncated_rows(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return x (N, n) in int8, cut towards zero, and its scale per token (N, 1) float32.

    A token of zeros, which the release divides by zero, stays one.
    """
    largest = largest_of_rows(x).clamp_min(1e-12)
    inverse = torch.full_like(largest, INT8_MAX) / largest  # a number over a tensor would be rounded twice
    return torch.mul(x, inverse).to(torch.int8), torch.ones_like(inverse) / inverse
