"""The released files' full lists of keys and shapes: every key is consumed and none invented, whatever the repack."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from worldmodel.checkpoints.key_names import _IN_A_BLOCK, _OUTSIDE_BLOCKS, released_names
from worldmodel.checkpoints.recognise import Checkpoint, recognise
from worldmodel.models.matrix_game2.network import MatrixGame2, Sizes
from worldmodel.variants import VARIANTS

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "matrix_game2"
RELEASED = ("universal", "gta_drive", "templerun")
TENSORS = {"universal": 1114, "gta_drive": 1114, "templerun": 964}
NUMBERS = {"universal": 1_619_242_304, "gta_drive": 1_619_238_464, "templerun": 1_508_715_584}


def listed(name: str) -> dict[str, Tensor]:
    """Return a file's tensors, without numbers."""
    shapes = json.loads((GOLDEN / f"keys_{name}.json").read_text(encoding="utf-8"))
    return {key: torch.empty(shape, device="meta") for key, (shape, _) in shapes.items()}


def built(checkpoint: Checkpoint) -> dict[str, tuple[int, ...]]:
    """Return the keys and shapes of the network that a checkpoint asks for."""
    network = MatrixGame2(Sizes(**checkpoint.sizes), device="meta")
    return {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}


@pytest.mark.parametrize(
    ("name", "prefix"),
    [*((name, "model.") for name in RELEASED), ("universal", ""), ("gta_drive", "model.diffusion_model.")],
)
def test_every_released_key_is_consumed_and_none_invented(name: str, prefix: str) -> None:
    released = listed(name)
    assert len(released) == TENSORS[name] and sum(tensor.numel() for tensor in released.values()) == NUMBERS[name]
    assert all(key.startswith("model.") for key in released)
    found = recognise({prefix + key.removeprefix("model."): value for key, value in released.items()})
    assert found.variant is VARIANTS[f"matrix_game_2_{name}"]
    network = built(found)
    assert network == {key.removeprefix("model."): tuple(value.shape) for key, value in released.items()}
    assert found.weights.keys() == network.keys()
    assert (found.sizes["dim"], found.sizes["heads"], found.sizes["layers"]) == (1536, 12, 30)


def respelled(released: dict[str, Tensor], spelling: int) -> dict[str, Tensor]:
    """Return the tensors as a repack names them: 0 diffusers' names, -1 those of FastVideo's modules."""

    def rename(key: str, names: dict[str, tuple[str, ...]]) -> str:
        fits = [ours for ours in names if key == ours or key.startswith(f"{ours}.")]
        return names[fits[0]][spelling] + key[len(fits[0]) :] if fits else key

    renamed = {}
    for key, value in released.items():
        if key.startswith("blocks."):
            _, number, rest = key.split(".", 2)
            renamed[f"blocks.{number}.{rename(rest, _IN_A_BLOCK)}"] = value
        else:
            renamed[rename(key, _OUTSIDE_BLOCKS)] = value
    return renamed


@pytest.mark.parametrize(("name", "spelling"), [("universal", 0), ("gta_drive", -1), ("templerun", 0)])
def test_a_repack_under_other_names_is_the_same_model(name: str, spelling: int) -> None:
    released = {key.removeprefix("model."): value for key, value in listed(name).items()}
    repacked = respelled(released, spelling)
    shared = released.keys() & repacked.keys()
    assert len(repacked) == len(released)
    assert all(".action_model." in key for key in shared), "only the action modules keep their names"
    assert {key: value.shape for key, value in released_names(repacked).items()} == {
        key: value.shape for key, value in released.items()
    }
    assert recognise(repacked).variant.name == f"matrix_game_2_{name}"


def test_the_names_of_a_diffusers_repack() -> None:
    """Written out from the repacks' own converters, apart from the tables."""
    pairs = {
        "patch_embedding.proj.weight": "patch_embedding.weight",
        "condition_embedder.time_embedder.linear_1.bias": "time_embedding.0.bias",
        "condition_embedder.time_embedder.mlp.fc_out.weight": "time_embedding.2.weight",
        "condition_embedder.time_proj.weight": "time_projection.1.weight",
        "condition_embedder.time_modulation.linear.bias": "time_projection.1.bias",
        "condition_embedder.image_embedder.norm1.weight": "img_emb.proj.0.weight",
        "condition_embedder.image_embedder.ff.net.0.proj.weight": "img_emb.proj.1.weight",
        "condition_embedder.image_embedder.ff.fc_out.bias": "img_emb.proj.3.bias",
        "condition_embedder.image_embedder.norm2.bias": "img_emb.proj.4.bias",
        "proj_out.weight": "head.head.weight",
        "scale_shift_table": "head.modulation",
        "blocks.7.scale_shift_table": "blocks.7.modulation",
        "blocks.7.attn1.to_q.weight": "blocks.7.self_attn.q.weight",
        "blocks.7.to_v.bias": "blocks.7.self_attn.v.bias",
        "blocks.7.attn1.to_out.0.weight": "blocks.7.self_attn.o.weight",
        "blocks.7.norm_k.weight": "blocks.7.self_attn.norm_k.weight",
        "blocks.7.attn2.to_out.weight": "blocks.7.cross_attn.o.weight",
        "blocks.7.attn2.norm_q.weight": "blocks.7.cross_attn.norm_q.weight",
        "blocks.7.norm2.weight": "blocks.7.norm3.weight",
        "blocks.7.self_attn_residual_norm.norm.bias": "blocks.7.norm3.bias",
        "blocks.7.ffn.net.0.proj.weight": "blocks.7.ffn.0.weight",
        "blocks.7.ffn.fc_out.weight": "blocks.7.ffn.2.weight",
        "blocks.7.attn1.to_q.comfy_quant": "blocks.7.self_attn.q.comfy_quant",
        "blocks.7.action_model.keyboard_embed.0.weight": "blocks.7.action_model.keyboard_embed.0.weight",
    }
    value = torch.zeros(1)
    assert list(released_names(dict.fromkeys(pairs, value))) == list(pairs.values())


def test_released_names_are_left_alone() -> None:
    released = {key.removeprefix("model."): value for key, value in listed("universal").items()}
    assert released_names(released) == released


@pytest.mark.parametrize("prefix", ["", "model."])
def test_the_foundation_model_is_refused_by_name(prefix: str) -> None:
    foundation = listed("foundation")
    assert len(foundation) == 1399
    with pytest.raises(ValueError, match="found the Matrix-Game 2.0 foundation model, which has no interactive"):
        recognise({prefix + key.removeprefix("model."): value for key, value in foundation.items()})
