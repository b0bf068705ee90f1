"""The CLIP vision tower: the names of the released file, and those that hosts know it by.

Shapes: C width, L layers, P patch side, N = 1 + (image side / P)^2 tokens.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from ..reading.words import shortened
from .fit import misfit

PREFIX = "visual."
"""Of the tower's keys in the released file; the rest of that file is a text model, which nothing here needs."""
EXPECTED = "expected the CLIP vision model ViT-H (the release's models_clip_….pth, or the host's clip_vision_h)"
HEAD_SIZE = 80
"""Numbers per head of ViT-H."""

_MODEL = "vision_model."
_PROJECTION = "visual_projection.weight"
_POSITIONS = f"{_MODEL}embeddings.position_ids"


def _as_it_is(tensor: Tensor) -> Tensor:
    return tensor


# released name -> the host's, and what becomes of the tensor
_WHOLE: dict[str, tuple[str, Callable[[Tensor], Tensor]]] = {
    "cls_embedding": (f"{_MODEL}embeddings.class_embedding", torch.flatten),
    "pos_embedding": (f"{_MODEL}embeddings.position_embedding.weight", lambda tensor: tensor[0]),
    "patch_embedding.weight": (f"{_MODEL}embeddings.patch_embedding.weight", _as_it_is),
    "pre_norm.weight": (f"{_MODEL}pre_layrnorm.weight", _as_it_is),
    "pre_norm.bias": (f"{_MODEL}pre_layrnorm.bias", _as_it_is),
    "post_norm.weight": (f"{_MODEL}post_layernorm.weight", _as_it_is),
    "post_norm.bias": (f"{_MODEL}post_layernorm.bias", _as_it_is),
    "head": (_PROJECTION, lambda tensor: tensor.t().contiguous()),
}
_LAYER = {
    "norm1": "layer_norm1",
    "norm2": "layer_norm2",
    "attn.proj": "self_attn.out_proj",
    "mlp.0": "mlp.fc1",
    "mlp.2": "mlp.fc2",
}


def tower_weights(state_dict: Mapping[str, Tensor], *, name: str = "model file") -> dict[str, Tensor]:
    """Return a file's vision tower under the host's names.

    Args:
        state_dict: tensors of the released file, or of one under the host's names; meta tensors do.
        name: how messages call the file.

    Raises:
        ValueError: it holds no such tower, or not all of it.
    """
    released = {key[len(PREFIX) :]: tensor for key, tensor in state_dict.items() if key.startswith(PREFIX)}
    if "cls_embedding" in released:
        weights = _renamed(released, name)
    elif f"{_MODEL}embeddings.class_embedding" in state_dict:
        weights = {key: tensor for key, tensor in state_dict.items() if key != _POSITIONS}
    else:
        first = next(iter(state_dict), None)
        found = "no tensors" if first is None else f"something else (first key {shortened(first, 80)!r})"
        raise ValueError(f"{name}: found {found}, {EXPECTED}; choose another file.")
    _check(weights, name)
    return weights


def tower_sizes(weights: Mapping[str, Tensor], heads: int | None = None, *, name: str = "model file") -> dict[str, Any]:
    """Return the tower's sizes in the form of a host's configuration.

    Args:
        weights: under the host's names.
        heads: the weights do not say; `None`: of the size that ViT-H has.
        name: how messages call the file.

    Raises:
        ValueError: a tower of another width than ViT-H's, and nobody said how many heads it has.
    """
    try:
        width, channels, patch, _ = weights[f"{_MODEL}embeddings.patch_embedding.weight"].shape
        positions = weights[f"{_MODEL}embeddings.position_embedding.weight"].shape[0]
        inner = weights[f"{_MODEL}encoder.layers.0.mlp.fc1.weight"].shape[0]
        projection = {"projection_dim": weights[_PROJECTION].shape[0]} if _PROJECTION in weights else {}
    except KeyError as error:
        raise ValueError(f"{name}: found no tensor {error.args[0]}, {EXPECTED}; download it again.") from error
    except (IndexError, ValueError) as error:
        raise ValueError(f"{name}: found tensors of other dimensions, {EXPECTED}; download it again.") from error
    if min(width, patch, positions) < 1 or channels != 3 or (heads is None and width % HEAD_SIZE):
        found = f"a tower {width} wide" + (f" for pictures of {channels} colours" if channels != 3 else "")
        raise ValueError(f"{name}: found {found}, {EXPECTED}, 1280 wide; choose another file.")
    if heads is not None and width % heads:
        found = f"{heads} heads for a tower {width} wide"
        raise ValueError(f"{name}: found {found}, expected a number that divides it; download it again.")
    layers = {key.split(".")[3] for key in weights if key.startswith(f"{_MODEL}encoder.layers.")}
    return {
        "model_type": "clip_vision_model",
        "hidden_size": width,
        "num_hidden_layers": len(layers),
        "num_attention_heads": heads or width // HEAD_SIZE,
        "intermediate_size": inner,
        "hidden_act": "gelu",
        "image_size": math.isqrt(positions - 1) * patch,
        "patch_size": patch,
        "num_channels": channels,
        **projection,
    }


def tower_shapes(sizes: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Return every tensor of a tower of these sizes, under the host's names."""
    width, inner = sizes["hidden_size"], sizes["intermediate_size"]
    patch, channels = sizes["patch_size"], sizes["num_channels"]
    tokens = 1 + (sizes["image_size"] // patch) ** 2
    linear = {f"self_attn.{part}_proj": (width, width) for part in ("q", "k", "v", "out")}
    linear |= {"mlp.fc1": (inner, width), "mlp.fc2": (width, inner)}
    norms = ["pre_layrnorm", "post_layernorm"]
    shapes = {
        "embeddings.class_embedding": (width,),
        "embeddings.position_embedding.weight": (tokens, width),
        "embeddings.patch_embedding.weight": (width, channels, patch, patch),
    }
    for layer in range(sizes["num_hidden_layers"]):
        at = f"encoder.layers.{layer}"
        norms += [f"{at}.layer_norm1", f"{at}.layer_norm2"]
        for part, shape in linear.items():
            shapes |= {f"{at}.{part}.weight": shape, f"{at}.{part}.bias": shape[:1]}
    for norm in norms:
        shapes |= {f"{norm}.weight": (width,), f"{norm}.bias": (width,)}
    projection = {_PROJECTION: (sizes["projection_dim"], width)} if "projection_dim" in sizes else {}
    return {_MODEL + key: shape for key, shape in shapes.items()} | projection


def _renamed(released: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    try:
        return _under_the_hosts_names(released, name)
    except (IndexError, RuntimeError) as error:
        raise ValueError(f"{name}: found tensors of other dimensions, {EXPECTED}; download it again.") from error


def _under_the_hosts_names(released: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    weights: dict[str, Tensor] = {}
    for key, tensor in released.items():
        kind, *parts = key.split(".")
        layer = f"{_MODEL}encoder.layers.{parts[0]}" if parts else ""
        part = ".".join(parts[1:-1])
        if key in _WHOLE:
            ours, reshaped = _WHOLE[key]
            weights[ours] = reshaped(tensor)
        elif kind == "transformer" and part == "attn.to_qkv":
            for letter, rows in zip("qkv", tensor.tensor_split(3), strict=True):
                weights[f"{layer}.self_attn.{letter}_proj.{parts[-1]}"] = rows
        elif kind == "transformer" and part in _LAYER:
            weights[f"{layer}.{_LAYER[part]}.{parts[-1]}"] = tensor
        else:
            raise ValueError(
                f"{name}: found the unknown tensor {shortened(PREFIX + key, 80)}, {EXPECTED}; download it again."
            )
    return weights


def _check(weights: Mapping[str, Tensor], name: str) -> None:
    wanted = tower_shapes(tower_sizes(weights, heads=1, name=name))  # heads change no shape
    if found := misfit(weights, wanted):
        raise ValueError(f"{name}: found {found}, {EXPECTED}; download it again.")
