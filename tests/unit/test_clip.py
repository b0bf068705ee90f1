"""The CLIP vision tower's names: the released ones become the host's, and anything else is refused by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from worldmodel.checkpoints.clip_tower import tower_shapes, tower_sizes, tower_weights

KEYS = Path(__file__).parents[1] / "golden" / "matrix_game2" / "keys_clip.json"
SIZES = {"model_type": "clip_vision_model", "hidden_size": 160, "num_hidden_layers": 2, "num_attention_heads": 2,
         "intermediate_size": 200, "hidden_act": "gelu", "image_size": 42, "patch_size": 14, "num_channels": 3,
         "projection_dim": 24}  # fmt: skip


@pytest.fixture
def released() -> dict[str, Tensor]:
    """The released file's keys at full size, without numbers."""
    listed = json.loads(KEYS.read_text(encoding="utf-8"))
    return {key: torch.empty(shape, device="meta") for key, (shape, _) in listed.items()}


def hosts(**changes: int) -> dict[str, Tensor]:
    """A tower under the host's names."""
    return {key: torch.zeros(shape) for key, shape in tower_shapes({**SIZES, **changes}).items()}


def test_the_released_tower_is_vit_h(released: dict[str, Tensor]) -> None:
    weights = tower_weights(released)
    sizes = tower_sizes(weights)
    assert (sizes["hidden_size"], sizes["num_hidden_layers"], sizes["num_attention_heads"]) == (1280, 32, 16)
    assert (sizes["image_size"], sizes["patch_size"], sizes["projection_dim"]) == (224, 14, 1024)
    assert {key: tuple(value.shape) for key, value in weights.items()} == tower_shapes(sizes)
    assert sum(value.numel() for value in weights.values()) == 632_076_800


def test_queries_keys_and_values_are_cut_in_this_order() -> None:
    rows = torch.arange(6.0)[:, None].expand(6, 2)
    state = {f"visual.{key}": value for key, value in {
        "cls_embedding": torch.ones(1, 1, 2), "pos_embedding": torch.ones(1, 5, 2), "head": torch.ones(2, 3),
        "patch_embedding.weight": torch.ones(2, 3, 14, 14),
        **{f"{norm}.{part}": torch.ones(2) for norm in ("pre_norm", "post_norm") for part in ("weight", "bias")},
        **{f"transformer.0.{norm}.{part}": torch.ones(2) for norm in ("norm1", "norm2") for part in ("weight", "bias")},
        "transformer.0.attn.to_qkv.weight": rows, "transformer.0.attn.to_qkv.bias": torch.arange(6.0),
        "transformer.0.attn.proj.weight": torch.ones(2, 2), "transformer.0.attn.proj.bias": torch.ones(2),
        "transformer.0.mlp.0.weight": torch.ones(7, 2), "transformer.0.mlp.0.bias": torch.ones(7),
        "transformer.0.mlp.2.weight": torch.ones(2, 7), "transformer.0.mlp.2.bias": torch.ones(2),
    }.items()}  # fmt: skip
    weights = tower_weights(state)
    layer = "vision_model.encoder.layers.0.self_attn"
    assert [weights[f"{layer}.{part}_proj.bias"].tolist() for part in "qkv"] == [[0, 1], [2, 3], [4, 5]]
    assert weights[f"{layer}.v_proj.weight"][:, 0].tolist() == [4, 5]
    assert weights["visual_projection.weight"].shape == (3, 2)


def test_a_file_under_the_hosts_names_is_taken_as_it_is() -> None:
    weights = hosts()
    assert (
        tower_weights({**weights, "vision_model.embeddings.position_ids": torch.zeros(1, 10)}).keys() == weights.keys()
    )
    assert tower_sizes(weights) == SIZES
    without = {key: value for key, value in weights.items() if key != "visual_projection.weight"}
    assert "projection_dim" not in tower_sizes(tower_weights(without))


def test_what_is_no_such_tower_is_named(released: dict[str, Tensor]) -> None:
    wrong = {
        "found no tensors": {},
        "found something else (first key 'blocks.0.weight')": {"blocks.0.weight": torch.zeros(1)},
        "found the unknown tensor visual.transformer.0.gate": {**released, "visual.transformer.0.gate": torch.zeros(1)},
        "found 1 missing tensors (such as vision_model.pre_layrnorm.bias)": {
            key: value for key, value in released.items() if key != "visual.pre_norm.bias"
        },
        "found no tensor vision_model.encoder.layers.0.mlp.fc1.weight": {
            key: value for key, value in released.items() if key != "visual.transformer.0.mlp.0.weight"
        },
        "found 1 differently shaped tensors": {**released, "visual.post_norm.bias": torch.zeros(3)},
        "found 1 unknown tensors (such as extra)": {**hosts(), "extra": torch.zeros(1)},
    }
    for sentence, state in wrong.items():
        with pytest.raises(ValueError) as refused:
            tower_weights(state, name="clip_name: file")
        assert sentence in str(refused.value) and str(refused.value).startswith("clip_name: file: ")
    with pytest.raises(ValueError, match="found a tower 40 wide, expected .* 1280 wide"):
        tower_sizes(hosts(hidden_size=40))
    assert tower_sizes(hosts(hidden_size=40), 5)["num_attention_heads"] == 5
