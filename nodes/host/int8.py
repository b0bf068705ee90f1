"""Attention in 8 bits through the host's quantised layers, which know how to be offloaded and patched.

Shapes: m numbers out, n numbers in.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import torch
from comfy.quant_ops import QUANT_ALGOS, QuantizedTensor
from torch import Tensor, nn

from ...worldmodel.layers.quantize import quantise
from ...worldmodel.models.matrix_game3.int8 import truncated_product

FORMAT = "int8_tensorwise"
"""The host's name of 8-bit weights whose activations are made 8 bits token by token; rows may have scales."""
_MARK = ".comfy_quant"


def in_8_bits(weights: Mapping[str, Tensor], pattern: str, from_halves: bool, name: str) -> dict[str, Tensor]:
    """Return a model's tensors with some of its linear layers in 8 bits, marked as the host marks them.

    Args:
        weights: under the released names.
        pattern: regular expression of the layers.
        from_halves: round the weights to bfloat16 first, as a release does that has no finer ones.
        name: how messages call the file.

    Raises:
        ValueError: they are quantised already, or this host cannot compute with them.
    """
    if FORMAT not in QUANT_ALGOS:
        raise ValueError(
            "weight_dtype: found a ComfyUI without 8-bit layers, expected 0.30 or later for int8 attention; update it, "
            "or choose auto."
        )
    if any(key.endswith(_MARK) for key in weights):
        raise ValueError(
            f"weight_dtype: found {name.split(': ')[-1]} quantised already, expected plain weights for int8 attention; "
            "choose auto, or load the original file."
        )
    found = dict(weights)
    for key, weight in weights.items():
        layer, _, part = key.rpartition(".")
        if part == "weight" and re.search(pattern, layer):
            packed, scale = quantise(weight.bfloat16() if from_halves else weight, "int8")
            mark = torch.tensor(list(json.dumps({"format": FORMAT}).encode()), dtype=torch.uint8)
            found |= {key: packed, f"{layer}.weight_scale": scale, f"{layer}{_MARK}": mark}
    return found


@cache
def truncating(linear: type[nn.Module]) -> type[nn.Module]:
    """Return the host's linear layer, but for 8-bit weights: what goes into those is cut off, as released."""

    class Truncating(linear):
        def _forward(self, x: Tensor, weight: Any, bias: Tensor | None) -> Tensor:
            if not isinstance(weight, QuantizedTensor):
                return super()._forward(x, weight, bias)
            packed, scale = weight.layout_cls.get_plain_tensors(weight)
            return truncated_product(x, packed, scale, bias)

    return Truncating
