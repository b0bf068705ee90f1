"""Record Tiny World in the host: what it writes is what it hands out, and what a rollout can play."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from comfy_host import ComfyHost, PromptRefused

from worldmodel.shown.film import read_film
from worldmodel.tinyworld.record import INDEX
from worldmodel.tinyworld.walk_files import read_table

OPTIONS = {"pilot": "random", "frames": 21, "seed": 1, "width": 96, "height": 64, "depth": False}


@pytest.fixture
def recorder(nodes: dict[str, Any]) -> Callable[..., Any]:
    """`recorder("folder", track=..., frames=9)`: what the node hands out, for world 7, place 2."""

    def execute(folder: str, **inputs: Any) -> Any:
        return nodes["WMRecordTinyWorld"].execute(world_seed=7, place=2, folder=folder, **{**OPTIONS, **inputs})

    return execute


@pytest.fixture
def output() -> Path:
    import folder_paths

    return Path(folder_paths.get_output_directory())


def index(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / INDEX).read_text(encoding="utf-8").splitlines()]


def graph(**inputs: Any) -> dict:
    values = {"world_seed": 7, "place": 2, "folder": "a b/c", **OPTIONS, **inputs}
    return {
        "1": {"class_type": "WMRecordTinyWorld", "inputs": values},
        "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 2]}},
    }


def test_a_queued_walk_is_written_shown_and_added_to(comfy: ComfyHost) -> None:
    run = comfy.client.run(graph())
    assert run.status == "success", run.error
    folder = comfy.output / "a b" / "c"
    shown = run.outputs["1"]["images"][0]
    assert (comfy.output / shown["subfolder"] / shown["filename"]) == folder / "walk_00000.mp4"
    assert run.outputs["1"]["text"][0].startswith("walk_00000 in output/a b/c: random, 21 frames")
    assert run.outputs["2"]["text"][0] == (folder / "walk_00000.txt").read_text(encoding="utf-8").strip()
    assert len(read_film(folder / "walk_00000.mp4").frames) == 21
    done = [
        event["data"]["value"] for event in run.events if event["type"] == "progress" and event["data"]["node"] == "1"
    ]
    assert done == sorted(done) and done[-1] == 42  # filmed and checked
    assert comfy.client.run(graph()).executed == []  # cached, so nothing is added
    assert comfy.client.run(graph(seed=2)).status == "success"
    assert [line.get("walk") for line in index(folder)] == [None, "walk_00000", "walk_00001", None]
    assert index(folder)[-1]["summary"]["walks"] == 2


@pytest.mark.parametrize("folder", ["../elsewhere", "/tmp/elsewhere", " ", "a/../../b"])
def test_a_folder_elsewhere_is_refused_when_queued(comfy: ComfyHost, folder: str) -> None:
    with pytest.raises(PromptRefused, match="expected a folder inside the host's output folder"):
        comfy.client.run(graph(folder=folder))


def test_a_linked_folder_is_checked_when_it_is_known(recorder: Callable) -> None:
    with pytest.raises(ValueError, match="expected a folder inside the host's output folder"):
        recorder("../elsewhere")


def test_a_pilots_walk_is_what_the_files_say(recorder: Callable, output: Path) -> None:
    film, track, said, images = recorder("pilot", pilot="there and back", depth=True).args
    table = read_table(output / "pilot" / "walk_00000.csv")
    assert torch.equal(track.keys, table.keys) and torch.equal(track.mouse[:, 0], table.turns.float())
    assert images.shape == (21, 64, 96, 3) and film.get_frame_count() == 21 and film.get_frame_rate() == 16
    assert (film.get_components().images - images).abs().mean() < 0.05
    torch.testing.assert_close(images[-1], images[0], atol=1e-5, rtol=0)
    line = index(output / "pilot")[1]
    assert said == f"{line['standard']}\n{line['interaction']}" and line["agreement"] == 1 and line["depth"]
    assert line["split"] == "held-out" and line["world_seed"] == 7


def test_the_film_of_a_recording_that_was_deleted_is_made_again(recorder: Callable, output: Path) -> None:
    film = recorder("deleted")[0]
    frames = film.get_components().images
    shutil.rmtree(output / "deleted")
    assert len(frames) == 21 and torch.equal(film.get_components().images, frames)
    assert not (output / "deleted").exists()


def test_a_track_is_recorded_where_tiny_world_view_shows_it(
    recorder: Callable, nodes: dict, of_pack: Callable[[str], ModuleType]
) -> None:
    parse, same = (getattr(of_pack("worldmodel.track.track"), name) for name in ("parse_track", "same_track"))
    track = parse("forward*9 right+yaw_right(2.123)*8 idle*4")
    _, played, _, images = recorder("track", track=track).args
    true_film = nodes["WMTinyWorldView"].execute(7, 2, track).args[1]
    assert same(track, played)
    torch.testing.assert_close(images, true_film, atol=1e-4, rtol=0)
    *_, again = recorder("track", track=played).args
    assert torch.equal(again, images)


def test_a_recorded_track_can_be_rolled_out(recorder: Callable, tiny: SimpleNamespace, run: Callable) -> None:
    _, track, _, images = recorder("rolled").args
    world, film = run("WMRolloutWorld", tiny.model, tiny.world, track, 0, vae=tiny.vae)
    assert film.get_frame_count() == len(images) == 21
    keys = torch.cat([chunk.controls.keyboard for chunk in world.chunks])
    assert torch.equal(keys, track.keys)


def test_what_a_track_asks_in_vain_is_told(recorder: Callable, of_pack: Callable[[str], ModuleType]) -> None:
    track = of_pack("worldmodel.track.track").parse_track("forward*9 jump*3")
    said = recorder("told", track=track).ui["text"][0]
    assert "told: track, 12 frames" in said and "jump: not a key of Tiny World" in said and "100% of the frames" in said
    with pytest.raises(ValueError, match="track: found 1 frame, expected at least 2"):
        recorder("told", track=of_pack("worldmodel.track.track").parse_track("forward*1"))


def test_stop_leaves_no_half_walk_in_the_index(recorder: Callable, output: Path) -> None:
    import comfy.model_management as management

    recorder("stopped")
    before = index(output / "stopped")
    management.interrupt_current_processing()
    with pytest.raises(management.InterruptProcessingException):
        recorder("stopped", seed=2)
    assert [line for line in index(output / "stopped") if "walk" in line] == before[1:-1]
    recorder("stopped", seed=3)
    assert len(index(output / "stopped")) == 4
    assert not list((output / "stopped").glob(".*"))


def test_a_folder_of_the_command_is_refused(recorder: Callable, output: Path) -> None:
    (output / "command").mkdir(parents=True)
    (output / "command" / INDEX).write_text('{"recording": {"version": 1, "seed": 0}}\n', encoding="utf-8")
    with pytest.raises(ValueError, match="choose another folder, or the settings that the recording was begun with"):
        recorder("command")
