"""Branch and compare, Stop, save, resume, and Camera out, camera in, in the real host: what they promise holds."""

from __future__ import annotations

import copy
import re
import shutil
from typing import Any

import pytest
from comfy_host import ComfyHost, PromptRefused
from PIL import Image
from workflow_forms import check_same, drawn_form, sent_form

from worldmodel.shown.film import read_film
from worldmodel.variants import BUILT_IN, VARIANTS
from worldmodel.world.archive import load_world
from worldmodel.world.state import frames

BRANCH, RESUME, LATER = "Branch and compare", "Stop, save, resume", "Stop, save, resume, part 2"
OUT, IN = "Camera out, camera in", "Camera out, camera in, part 2"
MUTED = 2
STEPS = len(VARIANTS[BUILT_IN].steps)
PARTS = {RESUME: (RESUME, LATER), OUT: (OUT, IN)}
"""Workflows whose halves are muted in turn, by the API forms of both."""

Graph = dict[str, Any]


def changed(graph: Graph, inputs: dict[str, dict[str, Any]]) -> Graph:
    other = copy.deepcopy(graph)
    for node, values in inputs.items():
        other[node]["inputs"] |= values
    return other


@pytest.mark.parametrize("name", [BRANCH, RESUME, OUT])
def test_both_forms_hold_the_same_nodes_and_wires(name: str) -> None:
    page = drawn_form(name)
    graph: Graph = {}
    for part in PARTS.get(name, (name,)):
        graph |= sent_form(part)
    check_same(page, graph)
    active = {str(node["id"]) for node in page["nodes"] if node["mode"] != MUTED} & set(graph)
    assert active == set(sent_form(name))


def test_branches_stand_side_by_side_and_only_a_changed_one_is_made_again(comfy: ComfyHost) -> None:
    graph = sent_form(BRANCH)
    run = comfy.client.run(graph)
    assert run.status == "success", run.error
    saved = run.outputs["17"]["images"][0]
    film = read_film(comfy.output / saved["subfolder"] / saved["filename"])
    assert film.fps == 16 and len(film.frames) == 57
    lines = run.outputs["15"]["text"][0].splitlines()
    assert lines[0] == "3 worlds, frames 0-56, 16 fps."
    assert [line.partition(":")[0] for line in lines[1:4]] == ["left", "right", "left again"]
    assert "turns 48.0 degrees to the left" in lines[1] and "turns 48.0 degrees to the right" in lines[2]
    assert lines[4] == "right leaves left at frame 33 (chunk 3)."
    assert lines[5] == "left again leaves left at frame 33 (chunk 3)."
    assert lines[6].startswith("How near to reference of left (PSNR; higher is nearer), all: left ")
    assert lines[7] == "right is told something else than left from frame 33 on, and is measured up to there."
    assert len(lines) == 13
    assert run.outputs["11"]["text"][0] == "Kept 3 chunks, 33 frames; removed 2 chunks, 24 frames. Seed 1."

    other = comfy.client.run(changed(graph, {"11": {"new_seed": 2}}))
    assert other.status == "success", other.error
    assert set(other.executed) == {"11", "12", "15", "16", "17"}


def test_a_world_is_saved_shown_and_gone_on_with(comfy: ComfyHost) -> None:
    walk = {"5": {"track": "forward*33 forward+yaw_right(2)*24"}}
    short = {"11": {"track": "forward+yaw_left(2)*24"}}
    run = comfy.client.run(changed(sent_form(RESUME), walk))
    assert run.status == "success", run.error
    said, name = run.outputs["7"]["text"][0].splitlines()
    assert said == "Saved 5 chunks, 57 frames:" and name.endswith(" [output]")
    (film,) = run.outputs["9"]["images"]
    number = re.search(r"_\d+_", name).group()
    assert number in film["filename"], "film and world of one run have one number"
    world = load_world(comfy.output / name.removesuffix(" [output]"))
    assert frames(world) == 57
    shown = run.outputs["8"]["images"][0]
    with Image.open(comfy.base / "temp" / shown["subfolder"] / shown["filename"]) as picture:
        assert picture.size[0] == 1080

    later = comfy.client.run(changed(sent_form(LATER), {"10": {"world_file": name}} | short))
    assert later.status == "success", later.error
    assert "the world has 81 frames" in later.outputs["12"]["text"][0]
    longer = load_world(comfy.output / later.outputs["13"]["text"][0].splitlines()[1].removesuffix(" [output]"))
    assert frames(longer) == 81 and longer.digest == world.digest
    film = later.outputs["14"]["images"][0]
    assert len(read_film(comfy.output / film["subfolder"] / film["filename"]).frames) == 81

    newest = comfy.client.run(changed(sent_form(LATER), {"13": {"filename_prefix": "worldmodel/newest"}} | short))
    assert "the world has 105 frames" in newest.outputs["12"]["text"][0]


def test_the_long_walk_hits_no_wall(of_pack) -> None:
    import torch

    places, pilot = of_pack("worldmodel.tinyworld.scene.menu"), of_pack("worldmodel.tinyworld.pilot")
    bind, track = of_pack("worldmodel.binding.bind"), of_pack("worldmodel.track.track")
    graph = sent_form(RESUME)
    tiny = of_pack("worldmodel.variants").VARIANTS["tiny_world_2"]
    bound = bind.bind_track(track.parse_track(graph["5"]["inputs"]["track"]), tiny)
    worlds, start = places.place_in(*(graph["3"]["inputs"][name] for name in ("level", "world_seed", "place")))
    actions = pilot.Actions(bound.controls.keyboard[None], bound.turns[None, :, 0].double())
    assert len(bound.turns) == 501
    assert not pilot.play(worlds, torch.zeros(1, dtype=torch.long), start, actions).bumped.any()


def test_a_walk_that_was_stopped_is_taken_up_by_the_next_queue(comfy: ComfyHost) -> None:
    graph = changed(sent_form(RESUME), {"5": {"track": "forward*69"}, "6": {"seed": 77}})

    def stop(event: dict[str, Any]) -> None:
        told = event["data"]
        if event["type"] == "progress" and told["node"] == "6" and told["value"] >= 4 * STEPS:  # four chunks
            comfy.client.interrupt()

    assert comfy.client.run(graph, stop).status == "interrupted"
    again = comfy.client.run(graph)
    assert again.status == "success", again.error
    said = re.search(r"(\d+) chunks? from the journal on disk, (\d+) computed", again.outputs["6"]["text"][0])
    taken, computed = map(int, said.groups())
    assert taken >= 4 and taken + computed == 6


def test_a_film_that_is_gone_from_temp_is_made_again_for_whoever_asks(comfy: ComfyHost) -> None:
    graph = changed(sent_form(RESUME), {"5": {"track": "forward*21"}, "6": {"seed": 78}})
    saved_film = {"video": ["6", 1], "filename_prefix": "", "format": "auto", "codec": "auto"}
    graph["9"] = {"class_type": "SaveVideo", "inputs": saved_film}
    graph["20"] = {"class_type": "GetVideoComponents", "inputs": {"video": ["6", 1]}}
    graph["21"] = {"class_type": "PreviewImage", "inputs": {"images": ["20", 0]}}

    def queue(name: str) -> tuple[Any, set[str]]:
        run = comfy.client.run(changed(graph, {"9": {"filename_prefix": f"worldmodel/{name}"}, "21": {"_": name}}))
        assert run.status == "success", run.error
        saved = run.outputs["9"]["images"][0]
        assert len(run.outputs["21"]["images"]) == 21
        return read_film(comfy.output / saved["subfolder"] / saved["filename"]).frames, run.cached

    frames_before, _ = queue("kept")
    for name in ("emptied", "emptied again"):
        shutil.rmtree(comfy.base / "temp")
        frames_after, cached = queue(name)
        assert "6" in cached and frames_after.equal(frames_before)


@pytest.mark.parametrize(
    ("name", "inputs", "message"),
    [
        (RESUME, {"7": {"filename_prefix": "../elsewhere"}}, "filename_prefix: found '../elsewhere'"),
        (LATER, {"10": {"world_file": "../../etc/passwd"}}, "found no world file '../../etc/passwd'"),
        (LATER, {"10": {"world_file": "missing.world.safetensors"}}, "found no world file 'missing.world"),
    ],
)
def test_what_is_wrong_is_said_at_the_queue(comfy: ComfyHost, name: str, inputs: dict[str, Any], message: str) -> None:
    graph = changed(sent_form(name), inputs)
    graph.pop("9", None)  # a film that would be made all the same
    with pytest.raises(PromptRefused) as refused:
        comfy.client.run(graph)
    details = [error["details"] for node in refused.value.node_errors.values() for error in node["errors"]]
    assert any(message in detail for detail in details), details


def test_a_saved_world_is_offered_at_once(comfy: ComfyHost) -> None:
    walk = {"5": {"track": "forward*9"}, "7": {"filename_prefix": "worldmodel/offered"}}
    run = comfy.client.run(changed(sent_form(RESUME), walk))
    _, options = comfy.client.call("/object_info/WMLoadWorld")["WMLoadWorld"]["input"]["required"]["world_file"]
    assert run.outputs["7"]["text"][0].splitlines()[1] in options["options"]


def test_a_camera_that_goes_out_comes_in_as_the_same_walk(comfy: ComfyHost) -> None:
    run = comfy.client.run(sent_form(OUT))
    assert run.status == "success", run.error
    name = run.outputs["6"]["text"][0].splitlines()[1]
    assert name.endswith(".transforms.json [output]")
    again = comfy.client.run(changed(sent_form(IN), {"9": {"track_file": name}}))
    assert again.status == "success", again.error
    assert "position: 0.05 m off in the mean" in again.outputs["9"]["text"][0]
    ids = [re.search(r"World id \w{16}", shown["text"][0]).group() for shown in (run.outputs["7"], again.outputs["10"])]
    assert ids[0] == ids[1]
