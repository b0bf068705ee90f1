"""Convolutions of the causal VAEs: laid out as the device likes them, and without products of what is zero anyway.

A CPU's kernels read numbers channel by channel within a place. Torch asks them only for large enough pictures, and else
takes others that are slower and leave numbers as these do not lie; here they are asked always.

Shapes: B videos, C channels, S time steps of h x w.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv3d, pad


def layout_of(x: Tensor) -> torch.memory_format:
    """Return how (B, C, S, h, w) or (B, C, h, w) should lie where x is."""
    if x.device.type != "cpu":
        return torch.contiguous_format
    return torch.channels_last_3d if x.dim() == 5 else torch.channels_last


def laid(x: Tensor) -> Tensor:
    """Return x laid out so; what has other dimensions, as it is."""
    return x.contiguous(memory_format=layout_of(x)) if x.dim() in (4, 5) else x


def convolved(layer: nn.Module, x: Tensor) -> Tensor:
    """Return layer(x), as if zeros lay in front where x has fewer steps than the convolution is deep.

    A host's layer may have more to it than weight and bias. It can lend them, with all that: `lend(x, compute)` returns
    `compute(weight, bias)`. One that cannot is called.

    Args:
        layer: a convolution over time that pads height and width alone.
        x: (B, C, S, h, w).

    Returns:
        (B, C', S', h', w'), at least one step.
    """
    lacking = max(0, layer.kernel_size[0] - x.shape[2])

    def compute(weight: Tensor, bias: Tensor | None) -> Tensor:
        return _convolve(x, weight[:, :, lacking:], bias, layer.stride, layer.padding)

    if hasattr(layer, "lend"):
        return layer.lend(x, compute)
    if type(layer) is nn.Conv3d:
        return compute(layer.weight, layer.bias)
    return laid(layer(pad(x, (0, 0, 0, 0, lacking, 0)) if lacking else x))


def frames_convolved(layer: nn.Module, x: Tensor) -> Tensor:
    """Return layer(x) of a convolution of single frames, (B, C, h, w)."""
    if type(layer) is not nn.Conv2d or x.dtype == torch.float32 or not _imitates(x):
        return layer(x)
    return convolve(x, layer.weight, layer.bias, layer.stride, layer.padding)


def _convolve(x: Tensor, weight: Tensor, bias: Tensor | None, stride: Any, padding: Any) -> Tensor:
    if x.shape[2] == weight.shape[2] == 1:  # of a lone step the other kernels are no faster, or slower
        return convolve(x[:, :, 0], weight[:, :, 0], bias, stride[1:], padding[1:]).unsqueeze(2)
    return convolve(x, weight, bias, stride, padding)


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None, stride: Any, padding: Any) -> Tensor:
    """Convolve x (B, C, S, h, w), or pictures (B, C, h, w), with the kernel that reads numbers as they are laid out."""
    if x.dtype != torch.float32 and _imitates(x):
        numbers = x.float(), weight.float(), None if bias is None else bias.float()
        return convolve(*numbers, stride, padding).to(x.dtype)
    if not _has_onednn(x):
        return (conv3d if x.dim() == 5 else conv2d)(x, weight, bias, stride, padding)
    return torch.mkldnn_convolution(laid(x), laid(weight), bias, padding, stride, [1] * len(stride), 1)


def _has_onednn(x: Tensor) -> bool:
    return x.device.type == "cpu" and torch.backends.mkldnn.is_available() and torch.backends.mkldnn.enabled


def _imitates(x: Tensor) -> bool:
    """Tell whether oneDNN, called by name, would refuse 16 bits here; torch's other kernels take ten times as long."""
    return _counted.get() if x.is_meta else _has_onednn(x) and not _has_16_bits(x.dtype)


_counted = ContextVar("whether tensors without numbers stand for such a CPU's", default=False)


@contextmanager
def counted_as_on_this_cpu() -> Iterator[None]:
    """Let what has no numbers be convolved as what has some would be here, so that it counts as much."""
    before = _counted.set(not _has_16_bits(torch.bfloat16))
    try:
        yield
    finally:
        _counted.reset(before)


def _has_16_bits(dtype: torch.dtype) -> bool:
    """Tell whether oneDNN convolves in this half precision here, which not every CPU can."""
    known = torch.ops.mkldnn
    return known._is_mkldnn_bf16_supported() if dtype == torch.bfloat16 else known._is_mkldnn_fp16_supported()
