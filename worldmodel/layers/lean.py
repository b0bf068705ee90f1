"""Products that take along what comes next: in torch's own linear layers it costs no pass over memory of its own.

A host's layers may have more to them than weight and bias; theirs are called, and the rest is done afterwards.

Shapes: (..., n) numbers in, (..., m) out.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from .norms import trains


def added(x: Tensor, layer: nn.Module, change: Tensor, *, in_place: bool = False) -> Tensor:
    """Return x (..., m) + layer(change), where `layer` has no bias and reads (..., n).

    Args:
        x: tokens.
        layer: whose result is added.
        change: what it reads.
        in_place: x may be overwritten.
    """
    if not _is_plain(layer, x):
        return x + layer(change).to(x.dtype)
    rows, weight = (x.flatten(0, -2), change.flatten(0, -2)), layer.weight.t()
    return (rows[0].addmm_(rows[1], weight) if in_place else torch.addmm(*rows, weight)).view(x.shape)


def raised(layer: nn.Module, x: Tensor, number: float) -> Tensor:
    """Return layer(x) + number."""
    if not _is_plain(layer, x):
        return layer(x).add_(number)
    return linear(x, layer.weight, layer.bias + number)


def activated(layers: nn.Sequential, x: Tensor) -> Tensor:
    """Return layers(x); the sequence begins with a linear layer and a GELU, one kernel on a CPU that has oneDNN's."""
    first, activation, *rest = layers
    own = type(activation) is nn.GELU and not _is_watched(activation) and not _is_watched(layers)
    if not own or not _is_plain(first, x) or not _has_kernel(x):
        return layers(x)
    x = torch.ops.mkldnn._linear_pointwise(x, first.weight, first.bias, "gelu", [], activation.approximate)
    for layer in rest:
        x = layer(x)
    return x


def _has_kernel(x: Tensor) -> bool:
    on_cpu = x.device.type == "cpu" and x.dtype == torch.float32 and not torch.compiler.is_compiling()
    return on_cpu and torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def _is_plain(layer: nn.Module, x: Tensor) -> bool:
    return type(layer) is nn.Linear and not _is_watched(layer) and not trains(x)


def _is_watched(layer: nn.Module) -> bool:
    return bool(layer._forward_hooks or layer._forward_pre_hooks)  # whoever hooks a layer wants it called
