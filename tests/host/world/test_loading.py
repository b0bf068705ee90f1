"""Matrix-Game 2 from every file people have it in: one model each time, through our loader and the host's own."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import comfy.model_detection
import comfy.ops
import comfy.sd
import comfy.utils
import folder_paths
import psutil
import pytest
import torch
from comfy.quant_ops import QuantizedTensor
from host.quantised_weights import quantised, scaled
from released_checkpoints import FILES, VARIANTS, network_weights, save, start_of
from torch import Tensor

import nodes as host_nodes

Load = Callable[..., Any]
KEYS = Path(__file__).resolve().parents[2] / "golden" / "matrix_game2"


def latents(world: Any) -> Tensor:
    return torch.cat([chunk.latents for chunk in world.chunks], dim=1).float()


def relative(found: Tensor, exact: Tensor) -> float:
    return ((found - exact).norm() / exact.norm()).item()


@pytest.fixture
def models() -> Iterator[Path]:
    """The host's folder for diffusion models, empty before and after."""
    folder = Path(folder_paths.get_folder_paths("diffusion_models")[0])
    folder.mkdir(parents=True, exist_ok=True)
    yield folder
    shutil.rmtree(folder)
    folder.mkdir()


@pytest.fixture
def rolled(of_pack: Callable[[str], ModuleType], run: Load) -> Callable[..., Tensor]:
    """`rolled(model, "universal")`: the latents of two chunks on a small grid."""

    def roll(model: Any, name: str) -> Tensor:
        start = start_of(of_pack, name)
        return latents(run("WMRolloutWorld", model, start.world, start.track, 0)[0])

    return roll


@pytest.fixture(params=VARIANTS)
def case(request: pytest.FixtureRequest, models: Path, run: Load, rolled: Callable) -> Any:
    """One variant: its name, its weights, its plain file and what rolls out of it."""
    weights = network_weights(request.param)
    save(models / "plain.safetensors", weights)
    exact = rolled(run("WMLoadWorldModel", "plain.safetensors"), request.param)
    assert bool(exact.isfinite().all()) and exact.std() > 0.1
    return SimpleNamespace(name=request.param, weights=weights, exact=exact)


def as_released(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"model.{key}": value for key, value in weights.items()}


def renamed(weights: dict[str, Tensor], of_pack: Callable) -> dict[str, Tensor]:
    """Return the weights as a diffusers repack names them."""
    names = of_pack("worldmodel.checkpoints.key_names")
    tables = {"": names._OUTSIDE_BLOCKS, **{f"blocks.{i}.": names._IN_A_BLOCK for i in range(2)}}
    theirs = {}
    for key, value in weights.items():
        fits = [
            place + spellings[0] + key[len(place + ours) :]
            for place, table in tables.items() for ours, spellings in table.items()
            if key == place + ours or key.startswith(f"{place}{ours}.")
        ]  # fmt: skip
        theirs[fits[0] if fits else key] = value
    return theirs


def in_parts(folder: Path, weights: dict[str, Tensor]) -> None:
    keys = sorted(weights)
    for part in range(3):
        save(
            folder / f"net-{part + 1:05}-of-00003.safetensors",
            {key: weights[key] for key in keys[part::3]},
        )


def test_the_same_model_comes_out_of_every_exact_form(case: Any, models: Path, run: Load, rolled: Load, of_pack: Load):
    halves = {dtype: {key: value.to(dtype) for key, value in case.weights.items()}
              for dtype in (torch.bfloat16, torch.float16)}  # fmt: skip
    save(models / "Matrix-Game-2.0" / FILES[case.name], as_released(case.weights))
    save(models / "bf16.safetensors", halves[torch.bfloat16])
    save(models / "fp16.safetensors", as_released(halves[torch.float16]))
    save(models / "repack" / "transformer" / "diffusion_pytorch_model.safetensors", renamed(case.weights, of_pack))
    in_parts(models / "parted", as_released(case.weights))
    torch.save(as_released(case.weights), models / "trained.pt")
    torch.save({"state_dict": case.weights, "step": 3}, models / "legacy.pth", _use_new_zipfile_serialization=False)
    released = f"Matrix-Game-2.0/{FILES[case.name]}"
    names = [
        released, f"{os.path.dirname(released)}/", "bf16.safetensors", "fp16.safetensors", "repack/",
        "repack/transformer/diffusion_pytorch_model.safetensors", "parted/", "parted/net-00002-of-00003.safetensors",
        "trained.pt", "legacy.pth",
    ]  # fmt: skip
    offered = of_pack("nodes.host.model_files").offered("diffusion_models")
    assert set(names) <= set(offered)
    for name in names:
        model = run("WMLoadWorldModel", name)
        assert model.model.variant.name == f"matrix_game_2_{case.name}"
        assert torch.equal(rolled(model, case.name), case.exact), name


def test_the_hosts_own_loader_makes_the_same_model(case: Any, models: Path, rolled: Callable) -> None:
    save(models / "released.safetensors", as_released(case.weights))
    (model,) = host_nodes.UNETLoader().load_unet("released.safetensors", "default")
    assert model.model.variant.name == f"matrix_game_2_{case.name}"
    assert torch.equal(rolled(model, case.name), case.exact)


def test_a_checkpoint_of_the_host_holds_the_same_model(case: Any, models: Path, rolled: Callable) -> None:
    """As the host's own nodes save and open one: the network inside a larger file, under a prefix."""
    inner = {f"model.diffusion_model.{key}": value for key, value in case.weights.items()}
    path = save(models / "checkpoint.safetensors", {**inner, "cond_stage_model.x": torch.zeros(1)})
    model, *_ = comfy.sd.load_checkpoint_guess_config(str(path), output_vae=False, output_clip=False)
    assert torch.equal(rolled(model, case.name), case.exact)


def test_ggufs_layers_come_in_as_an_instance(case: Any, rolled: Callable) -> None:
    """Unet Loader (GGUF) hands the host its own layers as an instance, beside tensors that know another shape."""
    made: list[str] = []

    class Layers(comfy.ops.manual_cast):
        class Linear(comfy.ops.manual_cast.Linear):
            def forward(self, *args: Any, **kwargs: Any) -> Tensor:
                made.append("called")
                return super().forward(*args, **kwargs)

    model = comfy.sd.load_diffusion_model_state_dict(
        dict(case.weights), model_options={"custom_operations": Layers(), "dtype": torch.float32}
    )
    assert torch.equal(rolled(model, case.name), case.exact)
    assert made


# relative error of two chunks' latents against the same weights unquantised
BOUNDS = {"float8_e4m3fn": 0.05, "float8_e5m2": 0.1, "int8_tensorwise": 0.05, "mxfp8": 0.05, "nvfp4": 0.25}


@pytest.mark.parametrize("algorithm", BOUNDS)
def test_files_that_the_hosts_tools_quantised(
    algorithm: str, case: Any, models: Path, run: Load, rolled: Callable, capsys: pytest.CaptureFixture
) -> None:
    save(models / "quantised.safetensors", as_released(quantised(case.weights, algorithm)))
    ours = run("WMLoadWorldModel", "quantised.safetensors")
    (hosts,) = host_nodes.UNETLoader().load_unet("quantised.safetensors", "default")
    assert isinstance(ours.model.diffusion_model.blocks[0].ffn[0].weight, QuantizedTensor)
    found = rolled(ours, case.name)
    error = relative(found, case.exact)
    with capsys.disabled():
        sys.stdout.write(f"\n{case.name}, {algorithm} of the host's tools: relative error {error:.4f}")
    assert 0 < error < BOUNDS[algorithm]
    assert torch.equal(found, rolled(hosts, case.name))


def test_fp8_of_every_kind_is_near_and_its_error_bounded(
    case: Any, models: Path, run: Load, rolled: Callable, capsys: pytest.CaptureFixture
) -> None:
    save(models / "plain fp8.safetensors", {k: v.to(torch.float8_e4m3fn) for k, v in case.weights.items()})
    save(models / "scaled fp8.safetensors", scaled(case.weights))
    prefixed = as_released({key: value for key, value in scaled(case.weights).items() if key != "scaled_fp8"})
    save(models / "prefixed.safetensors", {**prefixed, "scaled_fp8": torch.zeros(2, dtype=torch.float8_e4m3fn)})
    load = host_nodes.UNETLoader().load_unet
    found = {
        "stored in fp8 by Load World Model": run("WMLoadWorldModel", "plain.safetensors", "fp8_e4m3fn"),
        "stored in fp8 by Load Diffusion Model": load("plain.safetensors", "fp8_e4m3fn")[0],
        "stored in e5m2 by Load Diffusion Model": load("plain.safetensors", "fp8_e5m2")[0],
        "a file of plain fp8": run("WMLoadWorldModel", "plain fp8.safetensors"),
        "the same by Load Diffusion Model": load("plain fp8.safetensors", "default")[0],
        "a file of scaled fp8": run("WMLoadWorldModel", "scaled fp8.safetensors"),
        "the same with a prefix": run("WMLoadWorldModel", "prefixed.safetensors"),
        "the same by Load Diffusion Model ": load("scaled fp8.safetensors", "default")[0],
    }
    for title, model in found.items():
        error = relative(rolled(model, case.name), case.exact)
        with capsys.disabled():
            sys.stdout.write(f"\n{case.name}, {title}: relative error {error:.4f}")
        assert 0 < error < (0.2 if "e5m2" in title else 0.1), title


def test_a_lora_of_the_hosts_node_changes_the_rollout_and_leaves_no_trace(
    case: Any, run: Load, rolled: Callable, tmp_path: Path
) -> None:
    loras = Path(folder_paths.get_folder_paths("loras")[0])
    loras.mkdir(parents=True, exist_ok=True)
    model = run("WMLoadWorldModel", "plain.safetensors")
    before = {key: value.clone() for key, value in model.model.state_dict().items()}
    torch.manual_seed(0)
    spellings = {"diffusion_model.blocks.1.self_attn.q": (128, 128), "lora_unet_blocks_0_ffn_0": (256, 128),
                 "diffusion_model.blocks.0.action_model.proj_keyboard": (128, 128)}  # fmt: skip
    for number, (layer, (rows, columns)) in enumerate(spellings.items()):
        path = loras / f"lora {number}.safetensors"
        up, down = torch.randn(rows, 4), torch.randn(4, columns)
        save(path, {f"{layer}.lora_up.weight": up, f"{layer}.lora_down.weight": down})
        (patched,) = host_nodes.LoraLoaderModelOnly().load_lora_model_only(model, path.name, 1.0)
        assert relative(rolled(patched, case.name), case.exact) > 0.003, layer
        assert torch.equal(rolled(model, case.name), case.exact), layer
        path.unlink()
    after = model.model.state_dict()
    assert all(torch.equal(value, after[key]) for key, value in before.items())


def test_a_lora_lies_on_quantised_weights(case: Any, models: Path, run: Load, rolled: Callable) -> None:
    loras = Path(folder_paths.get_folder_paths("loras")[0])
    save(models / "quantised.safetensors", quantised(case.weights, "float8_e4m3fn"))
    layer = "diffusion_model.blocks.1.ffn.0"
    torch.manual_seed(0)
    up, down = torch.randn(256, 4), torch.randn(4, 128)
    path = save(loras / "lora.safetensors", {f"{layer}.lora_up.weight": up, f"{layer}.lora_down.weight": down})
    for model in (
        run("WMLoadWorldModel", "quantised.safetensors"),
        run("WMLoadWorldModel", "plain.safetensors", "fp8_e4m3fn"),
    ):
        before = rolled(model, case.name)
        (patched,) = host_nodes.LoraLoaderModelOnly().load_lora_model_only(model, path.name, 1.0)
        assert relative(rolled(patched, case.name), before) > 0.01
        assert torch.equal(rolled(model, case.name), before)
    path.unlink()


def test_the_window_is_the_variants_the_releases_or_the_users(case: Any, models: Path, run: Load, rolled: Callable):
    load = lambda *args: run("WMLoadWorldModel", "plain.safetensors", "auto", "auto", *args)  # noqa: E731
    own = {"universal": 6, "gta_drive": 4, "templerun": 6}[case.name]
    assert load().model.variant.window == load(own).model.variant.window == own
    keys = case.weights["blocks.0.action_model.keyboard_embed.0.weight"].shape[1]
    config = {"local_attn_size": 3, "action_config": {"keyboard_dim_in": keys}}
    (models / "config.json").write_text(json.dumps(config), encoding="utf-8")
    assert load().model.variant.window == 3
    assert load(9).model.variant.window == 9
    assert not torch.equal(rolled(load(), case.name), case.exact)
    assert torch.equal(rolled(load(own), case.name), case.exact)
    for other in ({**config, "action_config": {"keyboard_dim_in": 6}}, {"local_attn_size": -1}, {}, []):
        (models / "config.json").write_text(json.dumps(other), encoding="utf-8")
        assert load().model.variant.window == own
    again, args = load(9).cached_patcher_init
    assert again(*args, disable_dynamic=True).model.variant.window == 9
    with pytest.raises(ValueError, match="window: found 2, expected 0 .* or at least 3 latents"):
        load(2)
    (models / "config.json").write_text("{", encoding="utf-8")
    with pytest.raises(ValueError, match="model_name: found a damaged config.json beside the model"):
        load()


def test_the_loader_says_what_it_recognised(case: Any, run: Load, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        run("WMLoadWorldModel", "plain.safetensors", "auto", "auto", 5)
    titles = {"universal": "universal", "gta_drive": "GTA drive", "templerun": "Temple Run"}
    assert f"Matrix-Game 2.0 {titles[case.name]}: 2 blocks, " in caplog.text
    assert "most of them float32 in the file; window: the last 5 latents (as chosen)." in caplog.text


def test_a_changed_part_or_config_is_loaded_again(models: Path, nodes: dict) -> None:
    in_parts(models / "parted", network_weights("universal"))
    print_of = lambda: nodes["WMLoadWorldModel"].fingerprint_inputs("parted/", "auto", "auto")  # noqa: E731
    before = print_of()
    part = models / "parted" / "net-00002-of-00003.safetensors"
    os.utime(part, ns=(1, part.stat().st_mtime_ns + 10**9))
    later = print_of()
    assert later != before
    (models / "parted" / "config.json").write_text("{}", encoding="utf-8")
    assert print_of() != later


def test_a_release_that_lies_whole_in_one_folder(models: Path, of_pack: Callable) -> None:
    """Its VAE and CLIP are offered by the loaders that they belong to, and its folders by Load World Model."""
    files, release = of_pack("nodes.host.model_files"), models / "Matrix-Game-2.0"
    weights = {"a": torch.zeros(1)}
    for path in FILES.values():
        save(release / path, weights)
    names = {"vae": "Wan2.1_VAE.pth", "clip_vision": "models_clip_open-clip-xlm-roberta-large-vit-huge-14.pth"}
    for name in names.values():
        torch.save(weights, release / name)
    folders = {f"Matrix-Game-2.0/{os.path.dirname(path)}/" for path in FILES.values()}
    offered = files.offered("diffusion_models")
    assert folders == {name for name in offered if name.endswith("/")}
    for name in folders:
        assert files.find("diffusion_models", name, "model_name").is_dir()
    for folder, name in names.items():
        listed = f"Matrix-Game-2.0/{name}"
        assert listed in files.offered(folder)
        assert files.find(folder, listed, "x") == release / name
    for name in ("../", "/", "Matrix-Game-2.0/", "Matrix-Game-2.0/../", "missing/"):
        with pytest.raises(ValueError, match="model_name: found no file"):
            files.find("diffusion_models", name, "model_name")


@pytest.mark.parametrize("name", VARIANTS)
def test_the_hosts_own_detection_takes_every_released_key(name: str, pack: ModuleType) -> None:
    listed = json.loads((KEYS / f"keys_{name}.json").read_text(encoding="utf-8"))
    shapes = {key.removeprefix("model."): tuple(shape) for key, (shape, _) in listed.items()}
    weights = {key: torch.empty(shape, device="meta") for key, shape in shapes.items()}
    config = comfy.model_detection.model_config_from_unet(weights, "")
    config.set_inference_dtype(torch.bfloat16, None)
    model = config.get_model(weights, "", device=torch.device("meta"))
    assert model.variant.name == f"matrix_game_2_{name}"
    built = {key: tuple(value.shape) for key, value in model.diffusion_model.state_dict().items()}
    assert built == shapes


def test_other_models_stay_the_hosts(models: Path, pack: ModuleType) -> None:
    plain = {k: v for k, v in network_weights("universal").items() if ".action_model." not in k}
    chosen = comfy.model_detection.model_config_from_unet(plain, "")
    assert type(chosen).__module__ == "comfy.supported_models"


def test_the_hosts_loader_says_why_it_cannot(models: Path, built_in: Path) -> None:
    weights = network_weights("universal", layers=16, action_blocks=tuple(range(16)))
    save(models / "foundation.safetensors", weights)
    shutil.copy(built_in / "tiny_world_2.safetensors", models / "tiny.safetensors")
    for name, found in (("foundation", "the Matrix-Game 2.0 foundation model"), ("tiny", "how many heads")):
        with pytest.raises(ValueError, match=found) as raised:
            host_nodes.UNETLoader().load_unet(f"{name}.safetensors", "default")
        assert "\n" not in str(raised.value) and "Load World Model" in str(raised.value)


def test_large_wrong_files_are_refused_without_reading_them(models: Path, run: Load) -> None:
    """2 GB each, nearly all of it holes: reading them would take memory and time."""
    header = json.dumps({"lm_head.weight": {"dtype": "F16", "shape": [10**9], "data_offsets": [0, 2 * 10**9]}})
    for name, size in (("language", 2 * 10**9), ("half", 10**9)):
        path = models / f"{name}.safetensors"
        path.write_bytes(len(header).to_bytes(8, "little") + header.encode())
        os.truncate(path, 8 + len(header) + size)
    began, before = time.monotonic(), psutil.Process().memory_info().rss
    for name, found in (("language", "a language model"), ("half", "an unfinished file (1.00 GB of 2.00 GB)")):
        with pytest.raises(ValueError, match=re.escape(f"model_name: {name}.safetensors: found {found}")):
            run("WMLoadWorldModel", f"{name}.safetensors")
    assert time.monotonic() - began < 10
    assert psutil.Process().memory_info().rss - before < 200 * 2**20
