"""Odd files through the pack's loaders in the host: one sentence at loading, never an error of the host's parsers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import comfy.quant_ops
import folder_paths
import pytest
import torch
from comfy.quant_ops import QuantizedTensor
from released_checkpoints import network_weights, tower_weights, vae_weights
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

import nodes as host_nodes

LAYER = "blocks.0.ffn.0"
LOADERS = {"model_name": ("WMLoadWorldModel", "diffusion_models"), "vae_name": ("WMLoadWorldVAE", "vae"),
           "clip_name": ("WMLoadWorldCLIPVision", "clip_vision")}  # fmt: skip

Tensors = dict[str, Tensor]
Refusal = Callable[..., str]


@pytest.fixture
def refusal(run: Callable[..., Any]) -> Iterator[Refusal]:
    """`refusal("model_name", tensors, metadata)`: the one sentence of a loader about a file."""
    placed: list[Path] = []

    def call(field: str, tensors: Tensors, metadata: dict[str, str] | None = None) -> str:
        node, folder = LOADERS[field]
        placed.append(Path(folder_paths.get_folder_paths(folder)[0]) / f"odd{len(placed)}.safetensors")
        placed[-1].parent.mkdir(parents=True, exist_ok=True)
        placed[-1].write_bytes(save({key: value.contiguous() for key, value in tensors.items()}, metadata))
        with pytest.raises(ValueError) as caught:
            run(node, placed[-1].name)
        said = str(caught.value)
        assert re.match(rf"{field}: odd\d+\.safetensors: found ", said) and said.endswith("."), said
        assert "expected" in said and "\n" not in said and len(said) < 700, said
        return said

    yield call
    for path in placed:
        path.unlink()


@pytest.fixture(scope="module")
def plain() -> Tensors:
    return network_weights("universal")


def quantised(plain: Tensors, **changes: Tensor | None) -> Tensors:
    """Return the model with one layer in 8 bits as the host's tools write it; `None` takes a tensor away."""
    layout = comfy.quant_ops.QUANT_ALGOS["float8_e4m3fn"]["comfy_tensor_layout"]
    stored = QuantizedTensor.from_float(plain[f"{LAYER}.weight"].bfloat16(), layout, scale="recalculate")
    found = plain | {key: value.clone() for key, value in stored.state_dict(f"{LAYER}.weight").items()}
    found |= {f"{LAYER}.comfy_quant": marked('{"format": "float8_e4m3fn"}')}
    found |= {f"{LAYER}.{name}": value for name, value in changes.items()}
    return {key: value for key, value in found.items() if value is not None}


def marked(text: str) -> Tensor:
    return torch.tensor(list(text.encode()), dtype=torch.uint8)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"comfy_quant": marked('{"format": "foo"}')}, 'weights of the unknown format "foo"'),
        ({"comfy_quant": marked("[]")}, "a damaged blocks.0.ffn.0.comfy_quant ([])"),
        ({"weight_scale": None}, "no blocks.0.ffn.0.weight_scale"),
        ({"weight_scale": torch.ones(256)}, "blocks.0.ffn.0.weight_scale of shape (256,)"),
        ({"comfy_quant": None}, "scales for blocks.0.ffn.0 that no format belongs to"),
    ],
)
def test_a_quantised_layer_that_is_not_whole(refusal: Refusal, plain: Tensors, changes: Any, found: str) -> None:
    assert f"found {found}" in refusal("model_name", quantised(plain, **changes))


def test_every_format_of_the_host_is_known(plain: Tensors, of_pack: Callable[[str], Any]) -> None:
    """An alarm for a format that the host learns and whose scales are not looked at here."""
    needs = of_pack("worldmodel.checkpoints.quantised")._needs
    assert [kind for kind in comfy.quant_ops.QUANT_ALGOS if not needs(kind, 256, 256, {})] == []


def test_the_hosts_own_loader_refuses_the_same(plain: Tensors, refusal: Refusal) -> None:
    folder = Path(folder_paths.get_folder_paths("diffusion_models")[0])
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "odd.safetensors"
    path.write_bytes(save({key: value.contiguous() for key, value in quantised(plain, weight_scale=None).items()}))
    with pytest.raises(ValueError, match=f"found no {LAYER}.weight_scale, expected"):
        host_nodes.UNETLoader().load_unet(path.name, "default")
    path.unlink()


@pytest.mark.parametrize("old", ["[]", "{", '{"layers": []}', '{"layers": {"x": 1}, "layers": null}', "1" * 5000])
def test_older_marks_that_cannot_be_read(refusal: Refusal, plain: Tensors, old: str) -> None:
    said = refusal("model_name", plain, {"_quantization_metadata": old})
    assert "found damaged marks of quantised layers (" in said


def test_an_older_scale_of_many_numbers(refusal: Refusal, plain: Tensors) -> None:
    old = {"scaled_fp8": torch.zeros(2), f"{LAYER}.scale_weight": torch.ones(1), f"{LAYER}.scale_input": torch.ones(2)}
    assert "found damaged marks of quantised layers (" in refusal("model_name", plain | old)


ODD = [None, True, 0, -1, 2.5, 10**400, "two", [2], {"a": 1}]


def opened(path: Path) -> tuple[Tensors, dict[str, Any]]:
    with safe_open(path, "pt") as file:
        about = json.loads(file.metadata()["worldmodel"])
        return {key: file.get_tensor(key) for key in file.keys()}, about


@pytest.mark.parametrize(
    ("field", "name", "keys"),
    [
        ("model_name", "tiny_world_2.safetensors", ("heads", "variant", "latent_format", "latent_mean", "latent_std")),
        ("vae_name", "tiny_world_2_vae.safetensors", ("latent_mean", "latent_std", "encoder_widths", "decoder_widths")),
    ],
)
def test_odd_metadata(refusal: Refusal, weights: Path, field: str, name: str, keys: tuple) -> None:
    tensors, about = opened(weights / name)
    for key in keys:
        lists = [[value] * 16 for value in ("a", None, 1e308, float("nan"))] if "latent_" in key else []
        for value in [*ODD, *lists]:
            if value is None and key not in ("heads", "latent_mean", "latent_std"):
                continue  # as if it were not there
            refusal(field, tensors, {"worldmodel": json.dumps(about | {key: value})})
    for text in ("[]", "null", "{", '"x"', "7", "[" * 100_000, '{"heads":' + "1" * 5000 + "}"):
        refusal(field, tensors, {"worldmodel": text})


def test_odd_heads_of_a_tower(refusal: Refusal) -> None:
    tower = tower_weights()
    for heads in [value for value in ODD if value is not None] + [3]:
        refusal("clip_name", tower, {"worldmodel": json.dumps({"heads": heads})})


@pytest.mark.parametrize("field", LOADERS)
def test_tensors_of_other_dimensions(refusal: Refusal, plain: Tensors, field: str) -> None:
    tensors = {"model_name": plain, "vae_name": vae_weights(), "clip_name": tower_weights()}[field]
    about = {"worldmodel": json.dumps({"heads": 1})}
    for key in sorted(tensors)[:: len(tensors) // 6]:
        for other in (
            tensors[key].flatten()[:1],
            torch.zeros(()),
            torch.zeros(0),
            tensors[key][None],
            torch.empty(10**12, 0),
        ):
            refusal(field, {**tensors, key: other}, about)
        refusal(field, {**tensors, key: tensors[key].to(torch.int8)}, about)
    for key in (
        "blocks.x.action_model.y",
        "blocks.",
        "blocks.99999999999.action_model.q",
        "vision_model.encoder.layers.",
    ):
        refusal(field, {**tensors, key: torch.zeros(1)}, about)


@pytest.mark.parametrize("text", ["{", "[" * 100_000, '{"local_attn_size":' + "1" * 5000 + "}", "\xff"])
def test_an_odd_config_beside_a_model(run: Callable[..., Any], plain: Tensors, text: str) -> None:
    folder = Path(folder_paths.get_folder_paths("diffusion_models")[0]) / "beside"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "odd.safetensors").write_bytes(save({key: value.contiguous() for key, value in plain.items()}))
    config = folder / "config.json"
    config.write_bytes(text.encode("latin-1"))
    try:
        if "local_attn_size" in text:  # no size that a window has: the model's own
            assert run("WMLoadWorldModel", "beside/odd.safetensors").model.variant.window == 6
        else:
            with pytest.raises(ValueError, match="model_name: found a damaged config.json beside the model"):
                run("WMLoadWorldModel", "beside/odd.safetensors")
    finally:
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
