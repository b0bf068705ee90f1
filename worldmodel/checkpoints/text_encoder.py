"""The UMT5 text encoder of Wan: the names of the released file, and those that hosts know it by.

Shapes: V words of the vocabulary, C width, I inner width of attention, F of the feed-forward, H heads, R distances.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ..reading.words import shortened
from .fit import misfit
from .quantised import is_companion, quantised_weights, unpacked
from .strangers import stranger_among

EXPECTED = (
    "expected the text encoder UMT5-XXL (models_t5_umt5-xxl-enc-bf16.pth of a release, or the host's umt5_xxl files)"
)
TOKENIZER = "spiece_model"
"""Key of the tokenizer's file, as bytes, in the host's files; the released one has it beside, in a folder."""
DISTANCES = 32
"""Groups of distances between words that each have a bias."""
_MOST_BLOCKS = 256

# released name -> the host's
_WHOLE = {"token_embedding": "shared", "norm": "encoder.final_layer_norm"}
_IN_A_BLOCK = {
    "norm1": "layer.0.layer_norm",
    "norm2": "layer.1.layer_norm",
    **{f"attn.{part}": f"layer.0.SelfAttention.{part}" for part in "qkvo"},
    "pos_embedding.embedding": "layer.0.SelfAttention.relative_attention_bias",
    "ffn.gate.0": "layer.1.DenseReluDense.wi_0",
    "ffn.fc1": "layer.1.DenseReluDense.wi_1",
    "ffn.fc2": "layer.1.DenseReluDense.wo",
}
_BIAS = "encoder.block.{}.layer.0.SelfAttention.relative_attention_bias.weight"


def encoder_weights(state_dict: Mapping[str, Tensor], *, name: str = "model file") -> dict[str, Tensor]:
    """Return a file's text encoder under the host's names, and its tokenizer if that is in it.

    Args:
        state_dict: tensors of the released file, or of one under the host's names; meta tensors do.
        name: how messages call the file.

    Raises:
        ValueError: it holds another text encoder or something else, or not all of it.
    """
    if "blocks.0.attn.q.weight" in state_dict and "token_embedding.weight" in state_dict:
        weights = {_hosts_name(key): tensor for key, tensor in state_dict.items()}
    else:
        weights = dict(state_dict)
    if found := _what_else(weights):
        raise ValueError(f"{name}: found {found}, {EXPECTED}; choose another file.")
    wanted = encoder_shapes(encoder_sizes(weights, name=name))
    packed = quantised_weights(weights)
    known = lambda key: key == TOKENIZER or is_companion(key)  # noqa: E731
    if found := misfit(weights, wanted, beside=known, any_shape=packed):
        raise ValueError(f"{name}: found {found}, {EXPECTED}; download it again.")
    return weights


def encoder_sizes(weights: Mapping[str, Tensor], *, name: str = "model file") -> dict[str, Any]:
    """Return the sizes of a text encoder in the form of a host's configuration.

    Args:
        weights: under the host's names.
        name: how messages call the file.

    Raises:
        ValueError: a tensor is missing or has other dimensions.
    """
    layers = {key.split(".")[2] for key in weights if key.startswith("encoder.block.")}
    whole = unpacked(weights)
    try:
        words, width = whole["shared.weight"].shape
        inner, _ = whole["encoder.block.0.layer.0.SelfAttention.q.weight"].shape
        forward, _ = whole["encoder.block.0.layer.1.DenseReluDense.wi_0.weight"].shape
        _, heads = whole[_BIAS.format(0)].shape
        head = inner // heads
    except KeyError as error:
        raise ValueError(f"{name}: found no tensor {error.args[0]}, {EXPECTED}; download it again.") from error
    except (ValueError, ArithmeticError) as error:
        raise ValueError(f"{name}: found tensors of other dimensions, {EXPECTED}; download it again.") from error
    if not 1 <= len(layers) <= _MOST_BLOCKS or head * heads != inner:
        found = f"{len(layers)} blocks" if head * heads == inner else f"{heads} heads for {inner} numbers"
        raise ValueError(f"{name}: found {found}, {EXPECTED}; download it again.")
    return {
        "model_type": "umt5",
        "num_layers": len(layers),
        "vocab_size": words,
        "d_model": width,
        "d_kv": head,
        "d_ff": forward,
        "num_heads": heads,
        "dense_act_fn": "gelu_pytorch_tanh",
        "is_gated_act": True,
    }


def encoder_shapes(sizes: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Return every tensor of a text encoder of these sizes, under the host's names."""
    width, inner, forward = sizes["d_model"], sizes["d_kv"] * sizes["num_heads"], sizes["d_ff"]
    in_a_block = {
        "norm1": (width,),
        "norm2": (width,),
        **{f"attn.{part}": (inner, width) for part in "qkv"},
        "attn.o": (width, inner),
        "pos_embedding.embedding": (DISTANCES, sizes["num_heads"]),
        "ffn.gate.0": (forward, width),
        "ffn.fc1": (forward, width),
        "ffn.fc2": (width, forward),
    }
    shapes = {"token_embedding.weight": (sizes["vocab_size"], width), "norm.weight": (width,)}
    for block in range(sizes["num_layers"]):
        shapes |= {f"blocks.{block}.{part}.weight": shape for part, shape in in_a_block.items()}
    return {_hosts_name(key): shape for key, shape in shapes.items()}


def _hosts_name(key: str) -> str:
    module, _, last = key.rpartition(".")
    if module in _WHOLE:
        return f"{_WHOLE[module]}.{last}"
    kind, _, rest = module.partition(".")
    number, _, part = rest.partition(".")
    if kind == "blocks" and part in _IN_A_BLOCK:
        return f"encoder.block.{number}.{_IN_A_BLOCK[part]}.{last}"
    return key


def _what_else(weights: Mapping[str, Tensor]) -> str:
    """Say what a file holds that is no UMT5; "" if it is one."""
    if "encoder.block.0.layer.0.SelfAttention.q.weight" in weights and "shared.weight" in weights:
        has_next = "encoder.block.1.layer.0.layer_norm.weight" in weights
        if has_next and _BIAS.format(1) not in weights:
            return "a T5 encoder with one table of distances for all blocks, such as T5-XXL"
        return ""
    first = next(iter(weights), None)
    if first is None:
        return "no tensors"
    stranger = stranger_among(weights.keys())
    return stranger.found if stranger else f"something else (first key {shortened(first, 80)!r})"


def cut(tokens: list[Any], length: int) -> list[Any]:
    """Return tokens cut to a length as the authors' tokenizer does it: the last one, which ends the text, stays."""
    return tokens if len(tokens) <= length else [*tokens[: length - 1], tokens[-1]]
