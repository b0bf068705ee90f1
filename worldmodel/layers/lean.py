"""Products that take along what comes next: in torch's own linear layers it costs no pass over memory of its own.

A host's layers may have more to them than weight and bias; theirs are called, and the rest is done afterwards.

Shapes: (..., n) numbers in, (..., m) out.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, pad

from .norms import is_watched, trains

GELU_DEVICES = ("cuda", "meta")
"""Where torch's product with a GELU is one kernel, with tanh's (on a CPU it is the other); and where it is counted."""
MANY = 2**18
"""Weights of a convolution that take noticeable time to be laid out anew."""


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


def written(layer: nn.Module, x: Tensor, room: Tensor) -> Tensor:
    """Write layer(x), (B, N, m), into `room`, (B, N, H, d) with H * d = m, and return `room`."""
    if not (_is_plain(layer, x) and layer.bias is not None and room.is_contiguous() and x.dtype == room.dtype):
        return room.copy_(layer(x).unflatten(-1, room.shape[2:]))
    torch.addmm(layer.bias, x.flatten(0, -2), layer.weight.t(), out=room.view(-1, layer.out_features))
    return room


def modulated(norm: nn.LayerNorm, x: Tensor, shift: Tensor, gain: Tensor) -> Tensor:
    """Return norm(x) * gain + shift of a norm without weights; one kernel where all tokens have one shift and gain.

    Args:
        x: (B, N, C).
        shift, gain: (B, T, 1, C), one per latent, or T = 1.
    """
    own = isinstance(norm, nn.LayerNorm) and not norm.elementwise_affine and not is_watched(norm)
    if not own or trains(x) or gain.numel() != x.shape[-1] or gain.dtype != x.dtype:
        return torch.addcmul(shift, norm(x).unflatten(1, (gain.shape[1], -1)), gain).flatten(1, 2)
    return torch.layer_norm(x, x.shape[-1:], gain.flatten(), shift.flatten(), norm.eps)


def apart(layer: nn.Module, x: Tensor, parts: int) -> Tensor:
    """Return layer(x), (B, N, parts * m), as (parts, B, N, m); each part by itself in memory where it costs nothing.

    Args:
        layer: without a bias.
        x: (B, N, n).
        parts: of the layer's numbers.
    """
    if not _is_plain(layer, x) or layer.bias is not None:
        return layer(x).unflatten(-1, (parts, -1)).movedim(-2, 0)
    weight = layer.weight.view(parts, -1, x.shape[-1]).transpose(1, 2)  # (parts, n, m)
    return torch.bmm(x.flatten(0, -2).expand(parts, -1, -1), weight).view(parts, *x.shape[:-1], -1)


def raised(layer: nn.Module, x: Tensor, number: float) -> Tensor:
    """Return layer(x) + number."""
    if not _is_plain(layer, x):
        return layer(x).add_(number)
    return linear(x, layer.weight, layer.bias + number)


def activated(layers: nn.Sequential, x: Tensor, *, whole: int = 1) -> Tensor:
    """Return layers(x) as `fed` does; in float32 also one kernel on a CPU that has oneDNN's, which rounds otherwise.

    Args:
        layers: of which the others, too, read one token at a time.
        x: (..., N, n) tokens.
        whole: N is filled up to a multiple of this for oneDNN, which keeps code for every number of rows that it was
            ever asked with: for who asks with another one each time.
    """
    first, activation, *rest = layers
    if not _has_own_gelu(layers, activation) or not _is_plain(first, x) or not _has_kernel(x):
        return fed(layers, x)
    tokens = x.shape[-2]
    x = pad(x, (0, 0, 0, -tokens % whole)) if tokens % whole else x
    x = torch.ops.mkldnn._linear_pointwise(x, first.weight, first.bias, "gelu", [], activation.approximate)
    x = x[..., :tokens, :]
    for layer in rest:
        x = layer(x)
    return x


def fed(layers: nn.Sequential, x: Tensor) -> Tensor:
    """Return layers(x) of a sequence that begins with a linear layer and a GELU.

    On a card they are one kernel, if the GELU is tanh's, as that kernel's is; elsewhere the GELU overwrites what it
    reads, which changes no bit and spares the widest tensor of a network its double.

    Args:
        layers: of which the others, too, read one token at a time.
        x: (..., N, n) tokens.
    """
    first, activation, *rest = layers
    if not _has_own_gelu(layers, activation) or trains(x):
        return layers(x)
    tanh = activation.approximate == "tanh"
    if tanh and _is_plain(first, x) and first.bias is not None and x.device.type in GELU_DEVICES:
        rows = torch._addmm_activation(first.bias, x.flatten(0, -2), first.weight.t(), use_gelu=True)
        x = rows.unflatten(0, x.shape[:-1])
    else:
        x = torch.ops.aten.gelu_.default(first(x), approximate=activation.approximate)
    for layer in rest:
        x = layer(x)
    return x


def tiled(layer: nn.Module, x: Tensor) -> Tensor:
    """Return layer(x), (B, m, f', h', w'), of a convolution without padding whose kernels lie side by side.

    On a CPU it is one product where there are many weights: oneDNN would lay them all out anew in every call, which for
    few and large kernels takes longer than the rest, and as much memory again.

    Args:
        layer: its kernel is its stride.
        x: (B, n, f, h, w), of whole kernels.
    """
    own = type(layer) is nn.Conv3d and not is_watched(layer)
    if not own or trains(x) or x.device.type != "cpu" or layer.weight.numel() < MANY:
        return layer(x)
    for axis, side in enumerate(layer.kernel_size, start=2):
        x = x.unfold(axis, side, side)  # (B, n, f', h', w', then the kernel's own sides)
    patches = x.permute(0, 2, 3, 4, 1, 5, 6, 7).flatten(4)
    return linear(patches, layer.weight.flatten(1), layer.bias).permute(0, 4, 1, 2, 3)


def _on_cpu(x: Tensor) -> bool:
    return x.device.type == "cpu" and x.dtype == torch.float32


def _has_kernel(x: Tensor) -> bool:
    on_cpu = _on_cpu(x) and not torch.compiler.is_compiling()
    return on_cpu and torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def _has_own_gelu(layers: nn.Sequential, activation: nn.Module) -> bool:
    return type(activation) is nn.GELU and not is_watched(activation) and not is_watched(layers)


def _is_plain(layer: nn.Module, x: Tensor) -> bool:
    return type(layer) is nn.Linear and not is_watched(layer) and not trains(x)
