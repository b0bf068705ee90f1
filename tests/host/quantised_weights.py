"""Weights in 8 and 4 bits, as the host's tools and older ones write them."""

from __future__ import annotations

import json

import comfy.quant_ops
import torch
from comfy.quant_ops import QuantizedTensor
from torch import Tensor


def quantised(weights: dict[str, Tensor], algorithm: str) -> dict[str, Tensor]:
    """Return the weights as the host's tools write them: the blocks' large matrices in 8 bits, or all in 4."""
    layout, found = comfy.quant_ops.QUANT_ALGOS[algorithm]["comfy_tensor_layout"], dict(weights)
    mark = torch.tensor(list(json.dumps({"format": algorithm}).encode()), dtype=torch.uint8)
    for key, value in weights.items():
        large = key.startswith("blocks.") and ".action_model." not in key
        if value.dim() == 2 and value.shape[1] % 16 == 0 and (large or algorithm == "nvfp4"):
            tensor = QuantizedTensor.from_float(value.bfloat16(), layout, scale="recalculate")
            found |= {name: part.clone() for name, part in tensor.state_dict(key).items()}
            found[key.replace(".weight", ".comfy_quant")] = mark.clone()
    return found


def scaled(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights as older tools wrote fp8: a scale beside each matrix, and a mark for the whole file."""
    found = {"scaled_fp8": torch.zeros(2, dtype=torch.float8_e4m3fn)}
    for key, value in weights.items():
        if key.startswith("blocks.") and value.dim() == 2:
            scale = value.abs().max() / 448
            found[key] = (value / scale).to(torch.float8_e4m3fn)
            found[key.replace(".weight", ".scale_weight")] = scale
        else:
            found[key] = value.half()
    return found
