"""Files are recognised by their keys, and wrong ones are named before anything runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from worldmodel.checkpoints.recognise import check_latent_formats, load_network, read_metadata, recognise
from worldmodel.models.matrix_game2.network import MatrixGame2, Sizes
from worldmodel.reading.safetensors_files import load_safetensors

SIZES = {
    "dim": 48,
    "heads": 2,
    "ffn_dim": 64,
    "freq_dim": 32,
    "layers": 2,
    "context_dim": 20,
    "keyboard_dim": 4,
    "keyboard_width": 6,
    "action_heads": 1,
    "action_blocks": [0],
    "mouse": True,
    "in_dim": 36,
    "out_dim": 16,
}


def weights(**changes: object) -> dict[str, Tensor]:
    torch.manual_seed(0)
    return MatrixGame2(Sizes(**{**SIZES, **changes})).state_dict()


def metadata(**entries: object) -> dict[str, str]:
    return {"worldmodel": json.dumps({"heads": 2, **entries})}


@pytest.mark.parametrize("prefix", ["", "model.", "model.diffusion_model."])
@pytest.mark.parametrize(
    ("changes", "entries", "variant"),
    [
        ({}, {}, "matrix_game_2_universal"),
        ({"keyboard_dim": 2}, {}, "matrix_game_2_gta_drive"),
        ({"keyboard_dim": 7, "mouse": False}, {}, "matrix_game_2_templerun"),
        ({}, {"variant": "tiny_world", "latent_format": "tiny_world"}, "tiny_world"),
        ({"layers": 17, "action_blocks": list(range(17))}, {"variant": "tiny_world"}, "tiny_world"),
    ],
)
def test_a_model_is_recognised(prefix: str, changes: dict, entries: dict, variant: str) -> None:
    named = {prefix + key: value for key, value in weights(**changes).items()}
    found = recognise(named, metadata(**entries))
    assert found.variant.name == variant
    assert found.latent_format == ("tiny_world" if variant == "tiny_world" else "wan21")
    assert found.sizes == {**SIZES, **changes}
    load_network(found, dtype=torch.bfloat16)


def released(**changes: object) -> dict[str, Tensor]:
    """Return weights wide enough to need no metadata."""
    return MatrixGame2(Sizes(**{**SIZES, "dim": 128, "heads": 1, **changes}), device="meta").state_dict()


def without(state: dict[str, Tensor], part: str) -> dict[str, Tensor]:
    return {key: value for key, value in state.items() if part not in key}


def renamed(state: dict[str, Tensor], old: str, new: str) -> dict[str, Tensor]:
    return {key.replace(old, new): value for key, value in state.items()}


ONE = torch.zeros(1)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({}, "found no tensors"),
        (without(released(), ".action_model."), "a plain Wan network without action modules"),
        (released(layers=17, action_blocks=list(range(17))), "the Matrix-Game 2.0 foundation model"),
        (released(in_dim=148), "a network with action modules of another family"),
        ({"decoder.conv1.weight": ONE, "encoder.conv1.weight": ONE}, "a VAE.*Load World VAE"),
        ({"visual.cls_embedding": ONE, "textual.head": ONE}, "a CLIP model.*Load World CLIP Vision"),
        ({"vision_model.embeddings.class_embedding": ONE}, "a CLIP model"),
        ({"blocks.0.self_attn.q.lora_A.weight": ONE}, "a LoRA"),
        ({"diffusion_model.blocks.0.self_attn.q.lora_up.weight": ONE}, "a LoRA"),
        ({"model.layers.0.self_attn.q_proj.weight": ONE, "lm_head.weight": ONE}, "a language model"),
        ({"model.layers.0.mlp.up_proj.weight": ONE, "model.embed_tokens.weight": ONE}, "a language model"),
        ({"shared.weight": ONE, "encoder.block.0.layer.0.SelfAttention.q.weight": ONE}, "a language model or text enc"),
        ({"model.diffusion_model.out.2.weight": ONE, "first_stage_model.post_quant_conv.bias": ONE}, "an image model"),
        ({"double_blocks.0.img_attn.qkv.weight": ONE}, "an image model"),
        ({"something.weight": ONE}, "an unknown network .first key 'something.weight'"),
        (weights(), "48 wide whose metadata does not say how many heads"),
        (released(keyboard_dim=5), r"a keyboard of 5 keys, expected one of \[2, 4, 7\]"),
        (released(mouse=False), "4 keys and no mouse, expected 4 keys and a mouse"),
        (without(released(), "blocks.1.ffn.0.bias"), r"1 missing tensors \(such as blocks.1.ffn.0.bias\)"),
        ({**released(), "blocks.1.extra.weight": ONE}, r"1 unknown tensors \(such as blocks.1.extra.weight\)"),
        ({**released(), "head.head.bias": torch.zeros(3)}, "1 differently shaped tensors"),
    ],
)
def test_a_wrong_file_is_named_in_one_sentence(state: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message) as raised:
        recognise(state, name="mine.safetensors")
    text = str(raised.value)
    assert text.startswith("mine.safetensors: found ") and "expected" in text and ";" in text and text.endswith(".")


def test_quantised_files_may_carry_scales() -> None:
    mark = torch.tensor(list(b'{"format": "float8_e4m3fn"}'), dtype=torch.uint8)
    state = {**released(), "blocks.0.ffn.0.weight_scale": ONE, "blocks.0.ffn.0.comfy_quant": mark, "scaled_fp8": ONE}
    assert recognise(state).variant.name == "matrix_game_2_universal"
    with pytest.raises(ValueError, match="1 differently shaped tensors .such as blocks.0.ffn.2.weight"):
        recognise({**state, "blocks.0.ffn.2.weight": torch.zeros(3, 3)})


def test_packed_weights_are_read_in_their_layers_shape() -> None:
    """Four bits: two numbers lie in one byte, so the stored width is half the layer's."""
    state, layer = released(), "time_embedding.0"
    mark = torch.tensor(list(b'{"format": "nvfp4"}'), dtype=torch.uint8)
    rows, columns = state[f"{layer}.weight"].shape
    packed = {f"{layer}.weight": torch.zeros(rows, columns // 2, dtype=torch.uint8), f"{layer}.comfy_quant": mark}
    assert recognise({**state, **packed}).sizes == recognise(state).sizes


@pytest.mark.parametrize("changes", [{}, {"keyboard_dim": 7, "mouse": False}])
def test_no_tensor_can_be_missing(changes: dict) -> None:
    state = released(layers=1, **changes)
    for key in state:
        with pytest.raises(ValueError, match="mine: found .*expected.*;.*\\.$"):
            recognise({name: value for name, value in state.items() if name != key}, name="mine")


def test_damaged_metadata_is_named() -> None:
    assert read_metadata(None) == {} == read_metadata({"format": "pt"})
    for text in ("{", "[1]"):
        with pytest.raises(ValueError, match="metadata: found"):
            read_metadata({"worldmodel": text})


def test_a_file_comes_back_with_its_metadata(tmp_path: Path) -> None:
    path = tmp_path / "tiny.safetensors"
    save_file(weights(), path, metadata(variant="tiny_world"))
    found = recognise(*load_safetensors(path), name=path.name)
    network = load_network(found, dtype=torch.float32)
    assert all(torch.equal(value, found.weights[key]) for key, value in network.state_dict().items())
    path.write_bytes(b"not safetensors")
    with pytest.raises(ValueError, match=r"tiny\.safetensors: found a damaged file"):
        load_safetensors(path)
    with pytest.raises(ValueError, match=r"none\.safetensors: found no such file"):
        load_safetensors(tmp_path / "none.safetensors")


def test_a_vae_must_speak_of_the_models_latents() -> None:
    check_latent_formats("tiny_world", "tiny_world")
    check_latent_formats("wan21", ["wan21", "other"])
    with pytest.raises(ValueError, match="vae: found this VAE with latents of format wan21, expected tiny_world"):
        check_latent_formats("tiny_world", "wan21")
