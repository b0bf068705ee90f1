"""Root mean square norms, and a twin with gradients written by hand: less memory is read and written in training.

Shapes: (..., n) numbers normed along the last axis.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

PRECISIONS = torch.float32, torch.bfloat16, torch.float16
"""Whose norms may be computed in float32 without a loss."""


def norm_by(layer: nn.Module, x: Tensor) -> Tensor:
    """Return `layer(x)` of an RMS norm, in x's dtype; torch's own layer gets the twin where gradients are wanted."""
    if type(layer) is not nn.RMSNorm:
        return in_dtype(layer(x), x.dtype)
    if trains(x):
        return HandNorm.apply(x, layer.weight, layer.eps)
    normed = layer(x) if is_watched(layer) else torch.rms_norm(x, layer.normalized_shape, layer.weight, layer.eps)
    return in_dtype(normed, x.dtype)


def unit_norm(x: Tensor, eps: float) -> Tensor:
    """Return x (..., n) over its root mean square."""
    return HandNorm.apply(x, None, eps) if trains(x) else torch.rms_norm(x, x.shape[-1:], eps=eps)


def lean_norm_by(layer: nn.Module, x: Tensor) -> Tensor:
    """Return what `norm_by` does; where torch has no kernel of its own, in three passes over memory, not five.

    It is computed in float32; torch's own would lay x out in float32 three times at once.
    """
    if type(layer) is not nn.RMSNorm or not _lean(x):
        return norm_by(layer, x)
    unit = x * _scale(x, layer.eps)  # float32
    return torch.mul(unit, layer.weight, out=unit if unit.dtype == x.dtype else torch.empty_like(x))


def lean_unit_norm(x: Tensor, eps: float) -> Tensor:
    """Return what `unit_norm` does, in two passes over memory where torch would take four."""
    return torch.mul(x, _scale(x, eps), out=torch.empty_like(x)) if _lean(x) else unit_norm(x, eps)


def _lean(x: Tensor) -> bool:
    return x.device.type == "cpu" and x.dtype in PRECISIONS and not trains(x)


def _scale(x: Tensor, eps: float) -> Tensor:
    """Return 1 / rms(x), (..., 1)."""
    length = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=torch.float32)
    return torch.addcmul(_constant(eps), length, length, value=1 / x.shape[-1]).rsqrt_()


@cache
def _constant(number: float) -> Tensor:
    return torch.tensor(number)


def in_dtype(x: Tensor, dtype: torch.dtype) -> Tensor:
    """Return x.to(dtype); a call that has nothing to do takes longer than this question."""
    return x if x.dtype == dtype else x.to(dtype)


def is_watched(layer: nn.Module) -> bool:
    """Tell whether somebody hooks a layer or replaces its forward, and so wants it called."""
    return bool(layer._forward_hooks or layer._forward_pre_hooks or "forward" in vars(layer))


_may_cast = getattr(torch._C, "_is_any_autocast_enabled", lambda: True)
"""Whether autocast is on anywhere; torch's public question is for one device, and to put it for each layer is slow."""


def casts(x: Tensor) -> bool:
    """Tell whether autocast is on where x is; for a tensor without numbers torch knows of none."""
    return not x.is_meta and torch.is_autocast_enabled(x.device.type)


def trains(x: Tensor) -> bool:
    """Tell whether gradients may be wanted, or autocast decides what x is computed in."""
    return torch.is_grad_enabled() or (_may_cast() and casts(x))


class HandNorm(torch.autograd.Function):
    """x / rms(x) * weight, computed in float32."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor | None, eps: float) -> Tensor:
        """Return the normed x; `weight` is (n,) or `None`."""
        numbers = x.float()
        length = torch.linalg.vector_norm(numbers, dim=-1, keepdim=True)
        scale = (length.square_().div_(x.shape[-1]).add_(eps)).rsqrt_()
        unit = numbers * scale
        ctx.save_for_backward(unit.to(x.dtype), scale.to(x.dtype), weight)
        return (unit if weight is None else unit * weight).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor | None, None]:
        """Return the gradients of x and of the weight."""
        unit, scale, weight = ctx.saved_tensors
        along = gradient * unit
        weighted, of_weight = gradient, None
        if weight is not None:
            of_weight = along.flatten(0, -2).sum(0, dtype=weight.dtype)
            factor = weight.to(gradient.dtype)
            weighted, along = gradient * factor, along * factor
        share = along.sum(-1, keepdim=True).div_(-unit.shape[-1])
        return torch.addcmul(weighted, unit, share).mul_(scale), of_weight, None
