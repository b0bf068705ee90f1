"""Film World: the whole film in one node, as large as wished, streamed, with the workflow in it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import av
import folder_paths
import pytest
import torch
from comfy.model_patcher import CoreModelPatcher
from comfy_api.latest import io
from comfy_execution.graph import DynamicPrompt
from comfy_execution.utils import CurrentNodeContext
from PIL import Image

from worldmodel.shown.film import read_film

GRAPH = {"1": {"class_type": "WMFilmWorld", "inputs": {}}}
TAKEN = {**GRAPH, "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 1]}}}
WORKFLOW = {"nodes": [{"id": 1, "title": "ein Film; = # \\ "}]}


@pytest.fixture(autouse=True)
def _no_page(of_pack: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nodes run in a graph here, and there is no server that tells a page of it; nothing was written before."""
    monkeypatch.setattr(of_pack("nodes.host.progress"), "get_executing_context", lambda: None)
    runs = of_pack("nodes.host.runs")
    monkeypatch.setattr(runs, "_last", runs._Numbered("", 0))
    written = Path(folder_paths.get_output_directory()) / "worldmodel"
    shutil.rmtree(written, ignore_errors=True)
    yield
    shutil.rmtree(written, ignore_errors=True)


@pytest.fixture
def world(tiny: SimpleNamespace, run: Callable) -> Any:
    """Of two chunks, 21 frames."""
    return run("WMRolloutWorld", tiny.model, tiny.world, tiny.track, 0)[0]


@pytest.fixture
def shoot(tiny: SimpleNamespace, nodes: dict, world: Any) -> Callable[..., SimpleNamespace]:
    """`shoot(first="1s")`: run Film World in a graph; returns its film, images, ui and the path of what it wrote."""

    def run(graph: dict = GRAPH, prompt: str = "one", **inputs: Any) -> SimpleNamespace:
        hidden = {
            io.Hidden.dynprompt: DynamicPrompt(graph), io.Hidden.unique_id: "1", io.Hidden.prompt: graph,
            io.Hidden.extra_pnginfo: {"workflow": WORKFLOW},
        }  # fmt: skip
        node = nodes["WMFilmWorld"].PREPARE_CLASS_CLONE({"hidden_inputs": hidden})
        with CurrentNodeContext(prompt, "1"):
            result = node.execute(**{"world": world, "vae": tiny.vae} | inputs)
        name = result.ui["text"][0].splitlines()[1].split("/", 1)[1]
        film, images = result.args
        path = Path(folder_paths.get_output_directory(), name)
        return SimpleNamespace(film=film, images=images, ui=result.ui, path=path, said=result.ui["text"][0])

    return run


@pytest.fixture
def decoded(tiny: SimpleNamespace, run: Callable, world: Any) -> torch.Tensor:
    return run("WMDecodeWorld", world, tiny.vae)


def crisp(frames: torch.Tensor, scale: int) -> torch.Tensor:
    return frames.repeat_interleave(scale, 1).repeat_interleave(scale, 2)


def test_a_tiny_world_is_filmed_768_wide_with_the_workflow_in_the_film(
    shoot: Callable, decoded: torch.Tensor, filmed: list[torch.Tensor]
) -> None:
    shot = shoot()
    assert torch.equal(torch.cat(filmed), crisp(decoded, 8)) and all(len(piece) == 1 for piece in filmed)
    film = read_film(shot.path)
    assert shot.path.name == "film_00001_.mp4" and film.frames.shape == (21, 512, 768, 3) and film.fps == 16
    assert (film.frames - crisp(decoded, 8)).abs().mean() < 0.02
    with av.open(str(shot.path)) as container:
        told = container.metadata
    assert json.loads(told["workflow"]) == WORKFLOW and json.loads(told["prompt"]) == GRAPH
    shown = {"filename": shot.path.name, "subfolder": "worldmodel", "type": io.FolderType.output}
    assert shot.ui["images"] == [shown] and shot.ui["animated"] == (True,)
    assert "21 frames, 0 to 20, 1.31 s at 16 fps, 768 x 512 pixels:" in shot.said
    assert shot.images is None and shot.film.get_frame_count() == 21
    temp = Path(folder_paths.get_temp_directory(), "worldmodel")
    assert not list(temp.glob("film_*")) and not list(shot.path.parent.glob(".*"))
    shot.path.unlink()
    assert shot.film.get_dimensions() == (768, 512), "made again"


def test_its_pictures_are_made_only_for_those_who_take_them(
    shoot: Callable, decoded: torch.Tensor, nodes: dict, of_pack: Callable[[str], ModuleType], monkeypatch: Any
) -> None:
    assert torch.equal(shoot(TAKEN, scale=2, first="9", last="c1").images, crisp(decoded[9:], 2))
    runs = of_pack("nodes.host.runs")
    for graph, linked in ((GRAPH, False), (TAKEN, True)):
        monkeypatch.setattr(runs, "_queued", lambda _, graph=graph: graph)
        with CurrentNodeContext("one", "1"):
            assert nodes["WMFilmWorld"].fingerprint_inputs() is linked
    with CurrentNodeContext("one", "3.0.1"):
        assert runs.is_linked(1), "in a loop, nobody knows"


@pytest.mark.parametrize(
    "first, last, span",
    [("", "", (0, 20)), ("9", "12", (9, 12)), ("0.5s", "1s", (8, 15)), ("-0.5s", "", (13, 20)), ("-1", "-1", (20, 20)),
     ("c1", "c1", (9, 20)), ("", "c0", (0, 8))],
)  # fmt: skip
def test_a_range_is_written_in_frames_seconds_or_chunks(
    first: str, last: str, span: tuple[int, int], shoot: Callable, filmed: list, decoded: torch.Tensor
) -> None:
    shoot(first=first, last=last, scale=1)
    assert torch.equal(torch.cat(filmed), decoded[span[0] : span[1] + 1])


def test_pictures_have_the_names_that_the_cameras_export_writes(
    shoot: Callable, decoded: torch.Tensor, of_pack: Callable[[str], ModuleType]
) -> None:
    shot = shoot(format="PNG sequence", first="9", scale=1)
    names = sorted(path.name for path in (shot.path / "images").iterdir())
    poses = of_pack("worldmodel.camera.poses").Poses(torch.eye(4).double().repeat(21, 1, 1))
    written = json.loads(of_pack("worldmodel.formats.nerfstudio").write(poses))["frames"]
    assert [f"images/{name}" for name in names] == [frame["file_path"] for frame in written[9:]]
    with Image.open(shot.path / "images" / names[3]) as picture:
        pixels = torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8).view(64, 96, 3)
        assert json.loads(picture.info["workflow"]) == WORKFLOW
    assert torch.equal(pixels, (decoded[12] * 255).round().byte())
    assert shot.ui["images"][0]["type"] == "temp" and shot.film.get_frame_count() == 12
    assert shot.path.name == "film_00001_"


def test_controls_and_path_are_drawn_as_overlay_controls_draws_them(
    shoot: Callable, tiny: SimpleNamespace, decoded: torch.Tensor, filmed: list, run: Callable
) -> None:
    for overlay, path in (("controls", False), ("controls and path", True)):
        filmed.clear()
        shoot(overlay=overlay, scale=4, enlarge="smooth", first="5")
        drawn = run("WMOverlayControls", decoded[5:], tiny.track, 5, 4, "smooth", path)
        assert torch.equal(torch.cat(filmed), drawn)


class _Doubler(torch.nn.Module):
    """Stands for an upscale model: twice as large, and darker."""

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.interpolate(pictures, scale_factor=2) / 2


@pytest.mark.parametrize("scale, size", [(0, 8), (2, 2), (3, 3)])
def test_an_upscale_model_of_the_host_enlarges(
    scale: int, size: int, shoot: Callable, decoded: torch.Tensor, filmed: list
) -> None:
    network = _Doubler()
    network.register_buffer("nothing", torch.zeros(1))
    cpu = torch.device("cpu")
    model = SimpleNamespace(scale=2, patcher=CoreModelPatcher(network, load_device=cpu, offload_device=cpu))
    calling = type("Descriptor", (SimpleNamespace,), {"__call__": lambda _, pictures: network(pictures)})
    shoot(scale=scale, upscale_model=calling(**vars(model)), last="3", overlay="none")
    made = torch.cat(filmed)
    assert made.shape == (4, 64 * size, 96 * size, 3)
    assert (made - crisp(decoded[:4], size) / 2).abs().mean() < (1e-6 if size % 2 == 0 else 0.02)


def test_the_film_and_the_world_of_one_run_have_one_number(shoot: Callable, world: Any, nodes: dict) -> None:
    folder = Path(folder_paths.get_output_directory(), "worldmodel")

    def save(prompt: str, prefix: str = "worldmodel/world") -> str:
        with CurrentNodeContext(prompt, "5"):
            nodes["WMSaveWorld"].execute(world, prefix)
        return max(folder.glob("*.world.safetensors"), key=lambda path: path.stat().st_mtime_ns).name

    assert save("a") == "world_00001_.world.safetensors" and save("b") == "world_00002_.world.safetensors"
    assert shoot(prompt="c", scale=1).path.name == "film_00003_.mp4" and save("c") == "world_00003_.world.safetensors"
    assert save("d") == "world_00004_.world.safetensors"
    assert shoot(prompt="d", scale=1, format="PNG sequence").path.name == "film_00004_"
    assert save("e", "worldmodel/mine") == "mine_00005_.world.safetensors"
    assert save("e", "worldmodel/mine") == "mine_00006_.world.safetensors", "nothing is written over"


@pytest.mark.parametrize(
    "inputs, sentence",
    [({"first": "two"}, "first: found 'two', expected a frame, a second or a chunk"),
     ({"last": "1.5"}, "last: found '1.5'"), ({"fps": 300.0}, "fps: found 300"),
     ({"filename_prefix": "../x"}, "filename_prefix: found '../x'")],
)  # fmt: skip
def test_a_mistake_is_named_when_the_graph_is_queued(inputs: dict, sentence: str, nodes: dict) -> None:
    assert nodes["WMFilmWorld"].validate_inputs() is True
    assert nodes["WMFilmWorld"].validate_inputs(**inputs).startswith(sentence)


def test_what_the_world_does_not_have_is_refused(tiny: SimpleNamespace, shoot: Callable) -> None:
    with pytest.raises(ValueError, match=r"^first: found 2s, expected a place within 21 frames, 1.31 s, 2 chunks"):
        shoot(first="2s")
    with pytest.raises(ValueError, match=r"^first, last: found 12 to 3, frames 12 to 3, expected a range"):
        shoot(first="12", last="3")
    for scale in (-1, 17):  # a link brings what the widget does not take
        with pytest.raises(ValueError, match=rf"^scale: found {scale}, expected 1 to 16"):
            shoot(scale=scale)
    with pytest.raises(ValueError, match=r"^world: found no frames"):
        shoot(world=tiny.world)
