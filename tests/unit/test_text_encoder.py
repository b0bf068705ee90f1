"""The UMT5 text encoder: every released tensor has its place, other encoders are named, prompts are prepared."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from worldmodel.checkpoints.text_encoder import EXPECTED, cut, encoder_shapes, encoder_sizes, encoder_weights
from worldmodel.reading.prompts import cleaned

KEYS = Path(__file__).parents[1] / "golden" / "matrix_game3" / "keys_t5.json"


def released() -> dict[str, Tensor]:
    listed = json.loads(KEYS.read_text(encoding="utf-8"))["keys"]
    return {key: torch.empty(shape, device="meta") for key, shape in listed.items()}


def test_every_released_tensor_has_its_place() -> None:
    weights = encoder_weights(released())
    assert len(weights) == 242 and weights.keys() == encoder_shapes(encoder_sizes(weights)).keys()
    assert weights["encoder.block.23.layer.1.DenseReluDense.wi_0.weight"].shape == (10240, 4096)
    sizes = encoder_sizes(weights)
    assert (sizes["num_layers"], sizes["num_heads"], sizes["d_kv"], sizes["vocab_size"]) == (24, 64, 64, 256384)


def test_a_file_under_the_hosts_names_is_taken_as_it_is_with_its_tokenizer() -> None:
    theirs = encoder_weights(released()) | {"spiece_model": torch.zeros(5, dtype=torch.uint8)}
    assert encoder_weights(theirs) == theirs


def without(key: str) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in released().items() if name != key}


T5_XXL = {
    key: tensor
    for key, tensor in encoder_weights(released()).items()
    if "relative_attention_bias" not in key or ".block.0." in key
}
WRONG: dict[str, tuple[dict[str, Tensor], str]] = {
    "nothing": ({}, "found no tensors"),
    "something": ({"a.weight": torch.zeros(1)}, "found something else (first key 'a.weight')"),
    "a CLIP": ({"text_model.encoder.layers.0.mlp.fc1.weight": torch.zeros(1)}, "a language model or text encoder"),
    "a VAE": ({"decoder.conv1.weight": torch.zeros(1)}, "found a VAE"),
    "T5-XXL": (T5_XXL, "found a T5 encoder with one table of distances for all blocks, such as T5-XXL"),
    "a missing block": (
        {key: tensor for key, tensor in released().items() if not key.startswith("blocks.3.")},
        "found 1",
    ),
    "a missing tensor": (without("blocks.7.ffn.fc2.weight"), "found 1 missing tensors"),
    "no words": (without("blocks.0.ffn.gate.0.weight"), "found no tensor encoder.block.0.layer.1"),
    "a foreign tensor": (released() | {"extra": torch.zeros(1)}, "found 1 unknown tensors"),
    "other dimensions": (released() | {"token_embedding.weight": torch.zeros(2)}, "found tensors of other dimensions"),
    "odd heads": (
        released() | {"blocks.0.pos_embedding.embedding.weight": torch.zeros(32, 63)},
        "found 63 heads for 4096 numbers",
    ),
}


@pytest.mark.parametrize("kind", WRONG)
def test_another_file_is_named_in_one_sentence(kind: str) -> None:
    tensors, found = WRONG[kind]
    with pytest.raises(ValueError) as caught:
        encoder_weights(tensors, name="clip_name: a.pth")
    sentence = str(caught.value)
    assert sentence.startswith("clip_name: a.pth: found ") and found in sentence and EXPECTED in sentence
    assert sentence.endswith(".") and "\n" not in sentence


def test_odd_tensors_are_named_whatever_they_are() -> None:
    sizes = {"num_layers": 2, "vocab_size": 9, "d_model": 4, "d_kv": 2, "d_ff": 6, "num_heads": 2}
    weights = {key: torch.zeros(shape) for key, shape in encoder_shapes(sizes).items()}
    assert encoder_weights(weights) == weights
    for key, tensor in weights.items():
        flat = tensor.flatten()
        for odd in (flat[:1], flat[:0], flat[0], tensor[None], tensor.to(torch.int8), torch.empty(10**12, 0)):
            with pytest.raises(ValueError, match=r"^a: found [^\n]*, expected [^\n]*\.$"):
                encoder_weights({**weights, key: odd}, name="a")


def test_a_cut_text_keeps_its_end() -> None:
    assert cut([4, 5, 6, 1], 4) == [4, 5, 6, 1] and cut([4, 5, 6, 7, 1], 4) == [4, 5, 6, 1]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("  a\t quiet\n\n street ", "a quiet street"),
        ("rock &amp;amp; roll &lt;3", "rock & roll <3"),
        ("“it’s”", '"it\'s"'),
        ("e\u0301t\u00e9", "été"),
        ("a\x00b\ufeff", "ab"),
        ("(a:1.2) and b", "(a:1.2) and b"),
    ],
)
def test_prompts_are_prepared_as_the_authors_do(given: str, wanted: str) -> None:
    assert cleaned(given) == wanted == cleaned(wanted)
