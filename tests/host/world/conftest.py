"""Small random Tiny World files, the golden rollout as a file, and the pack's nodes, in this process."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import folder_paths
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "matrix_game2" / "rollout_gta_drive.safetensors"
SIZES: dict[str, Any] = {
    "dim": 64, "heads": 2, "ffn_dim": 128, "freq_dim": 64, "layers": 3, "context_dim": 128, "keyboard_dim": 4,
    "keyboard_width": 16, "action_heads": 1, "action_blocks": (0, 1), "mouse": True,
}  # fmt: skip
MEMORY_SIZES: dict[str, Any] = {
    "dim": 48, "heads": 2, "ffn_dim": 96, "layers": 2, "action_blocks": (0,), "action_heads": 1,
}  # fmt: skip
EVENTS_SIZES: dict[str, Any] = {"dim": 48, "heads": 2, "ffn_dim": 96, "layers": 2}
WIDTHS = (8, 16, 16)
LATENTS = {"latent_mean": [0.05 * i - 0.4 for i in range(16)], "latent_std": [0.5 + 0.1 * i for i in range(16)]}


@pytest.fixture(scope="session")
def weights(of_pack: Callable[[str], ModuleType], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with random Tiny World weights under the names of the built-in ones."""
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(5)
    network = of_pack("worldmodel.models.matrix_game2.network").MatrixGame2(
        of_pack("worldmodel.models.matrix_game2.network").Sizes(**SIZES)
    )
    entries = {"variant": "tiny_world_2", "latent_format": "tiny_world", "heads": SIZES["heads"], **LATENTS}
    write(folder / "tiny_world_2.safetensors", network.state_dict(), entries)
    form = of_pack("worldmodel.tinyworld.remember.form")
    network = of_pack("worldmodel.models.matrix_game3.network").MatrixGame3(form.SIZES._replace(**MEMORY_SIZES))
    entries = {"variant": "tiny_world_2_memory", "latent_format": "tiny_world", "heads": MEMORY_SIZES["heads"]}
    write(folder / "tiny_world_2_memory.safetensors", network.state_dict(), {**entries, **LATENTS})
    tiny = of_pack("worldmodel.vae.tiny")
    vae = tiny.TinyVAE(WIDTHS, WIDTHS)
    for parameter in vae.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    entries = {"kind": "tiny_vae", "latent_format": "tiny_world", "encoder_widths": WIDTHS, "decoder_widths": WIDTHS}
    write(folder / "tiny_world_2_vae.safetensors", vae.state_dict(), {**entries, **LATENTS})
    form = of_pack("worldmodel.tinyworld.weather.form")
    network = of_pack("worldmodel.models.causal_wan.network").CausalWan(form.SIZES._replace(**EVENTS_SIZES))
    entries = {"variant": "tiny_world_2_events", "latent_format": "tiny_world", "heads": EVENTS_SIZES["heads"]}
    write(folder / "tiny_world_2_events.safetensors", network.state_dict(), {**entries, **LATENTS})
    return folder


def write(path: Path, tensors: dict[str, torch.Tensor], entries: dict[str, Any]) -> None:
    """Write weights in 16 bits with our metadata."""
    halves = {key: value.half().contiguous() for key, value in tensors.items()}
    save_file(halves, path, metadata={"worldmodel": json.dumps(entries)})


@pytest.fixture
def nodes(pack: ModuleType, of_pack: Callable[[str], ModuleType]) -> dict[str, Any]:
    """Node id -> class, as the host got them."""
    names = of_pack("nodes").NODE_MODULES
    return {node.GET_SCHEMA().node_id: node for name in names for node in of_pack(f"nodes.{name}").NODES}


@pytest.fixture
def run(nodes: dict[str, Any]) -> Callable[..., Any]:
    """`run("WMStartWorld", ...)`: execute a node; one output comes bare, several as a tuple."""

    def execute(node: str, *args: Any, **kwargs: Any) -> Any:
        results = nodes[node].execute(*args, **kwargs).args
        return results[0] if len(results) == 1 else results

    return execute


@pytest.fixture
def built_in(of_pack: Callable[[str], ModuleType], weights: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The random weights in the place of the built-in ones."""
    monkeypatch.setattr(of_pack("nodes.host.model_files"), "WEIGHTS", weights)
    return weights


@pytest.fixture
def tiny(built_in: Path, run: Callable[..., Any], of_pack: Callable[[str], ModuleType]) -> SimpleNamespace:
    """Model, vae and start world, through the nodes, and a track of two chunks."""
    model, vae = run("WMLoadWorldModel", "Tiny World"), run("WMLoadWorldVAE", "Tiny World")
    image, *_ = run("WMTinyWorldView", 3, 0)
    track = of_pack("worldmodel.track.track").parse_track("forward*9 right+yaw_right*12")
    return SimpleNamespace(model=model, vae=vae, image=image, track=track, world=run("WMStartWorld", model, vae, image))


@pytest.fixture
def place_file() -> Iterator[Callable[[str, Path], str]]:
    """`place_file("vae", path)`: put a file into a model folder of the host for one test; returns its name there."""
    placed: list[Path] = []

    def place(folder: str, path: Path) -> str:
        target = Path(folder_paths.get_folder_paths(folder)[0]) / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        placed.append(target)
        return path.name

    yield place
    for target in placed:
        target.unlink()


@pytest.fixture
def golden(
    of_pack: Callable[[str], ModuleType], run: Callable[..., Any], place_file: Callable[..., str], tmp_path: Path
) -> SimpleNamespace:
    """The authors' rollout: a file for the loader, a world with their noise, their actions, their latents."""
    with safe_open(GOLDEN, "pt") as file:
        config = json.loads(file.metadata()["config"])
    tensors = {key: value.float() for key, value in load_file(GOLDEN).items()}
    path = tmp_path / "gta_drive.safetensors"
    released = {f"model.{key.removeprefix('sd.dit.')}": value for key, value in tensors.items() if "sd.dit." in key}
    write(path, released, {"heads": config["model_config"]["num_heads"]})
    state, track = of_pack("worldmodel.world.state"), of_pack("worldmodel.track.track")
    variant = of_pack("worldmodel.variants").VARIANTS[f"matrix_game_2_{config['variant']}"]
    noise = state.RecordedNoise(tensors["in.noise"][0], tensors["in.renoise"])
    start = state.Start(variant.name, "wan21", tensors["in.cond_concat"][0], tensors["in.visual_context"][0], noise)
    pitch_yaw = tensors["in.mouse_cond"][0] * variant.mouse.degrees_per_unit
    return SimpleNamespace(
        file=place_file("diffusion_models", path),
        config=config,
        world=state.new_world(start),
        track=track.Track(variant.keyboard.words, tensors["in.keyboard_cond"][0], pitch_yaw.flip(1)),
        latents=tensors["out.latents"][0],
    )


@pytest.fixture
def filmed(of_pack: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch) -> list[torch.Tensor]:
    """The frames that films get, as they are."""
    writer, seen = of_pack("nodes.rolling").FilmWriter, []
    append = writer.append
    monkeypatch.setattr(writer, "append", lambda film, frames: (seen.append(frames.clone()), append(film, frames))[1])
    return seen


@pytest.fixture
def place(of_pack: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list]:
    """`place("in turns")`: choose how a rollout decodes; returns a list that grows by what was decided."""
    beside = of_pack("nodes.host.beside")
    found, decided = beside.find_place, []

    def own_weights(stream: Any, latents: torch.Tensor, stage: Any) -> Any:
        if stage.threads is None:
            return None
        return beside.Aside(stream, beside.resident(stream.vae, 0))

    ways = {"beside": found, "in turns": lambda *_: None, "with weights of its own": own_weights}

    def choose(way: str) -> list:
        decide = ways[way]
        decided.clear()
        monkeypatch.setattr(beside, "find_place", lambda *told: (decided.append(decide(*told)), decided[-1])[1])
        return decided

    return choose
