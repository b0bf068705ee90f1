"""Action Track and Overlay Controls as the host runs them: mistakes are named when queued, equal text is cached."""

from __future__ import annotations

import json

import pytest
import torch
from comfy_host import ComfyHost, PromptRefused


def graph(**inputs: object) -> dict:
    """Action Track over twelve grey pictures."""
    overlay = {"start_frame": 0, "scale": 2, "enlarge": "pixels", "path_map": True}
    return {
        "1": {
            "class_type": "WMActionTrack",
            "inputs": {"model": "Tiny World", "fps": 0, "track": "forward*12", **inputs},
        },
        "2": {"class_type": "EmptyImage", "inputs": {"width": 96, "height": 64, "batch_size": 12, "color": 8421504}},
        "3": {"class_type": "WMOverlayControls", "inputs": {"images": ["2", 0], "track": ["1", 0], **overlay}},
        "4": {"class_type": "SaveImage", "inputs": {"images": ["3", 0], "filename_prefix": "overlay"}},
        "5": {"class_type": "PreviewAny", "inputs": {"source": ["1", 1]}},
        "6": {"class_type": "PreviewAny", "inputs": {"source": ["1", 2]}},
    }


def test_a_track_is_read_drawn_written_back_and_cached(comfy: ComfyHost) -> None:
    run = comfy.client.run(graph(track="back*3 yaw_left*9"))
    assert run.status == "success", run.error
    assert len(run.outputs["4"]["images"]) == 12
    written = json.loads(run.outputs["5"]["text"][0])
    assert run.outputs["1"]["wm"] == run.outputs["5"]["text"], "the editor shows what a link brought"
    assert written["frames"] == 12 and written["keys"] == {"back": [[0, 3]]}
    assert comfy.client.run(graph(track="back*3 yaw_left*9")).executed == []


def test_the_report_is_about_the_chosen_model(comfy: ComfyHost) -> None:
    run = comfy.client.run(graph(model="Matrix-Game 2.0 Temple Run", track="forward*9 jump*12"))
    assert run.status == "success", run.error
    assert "forward" in run.outputs["6"]["text"][0] and "Temple Run" in run.outputs["6"]["text"][0]
    assert json.loads(run.outputs["5"]["text"][0])["keys"] == {"forward": [[0, 9]], "jump": [[9, 12]]}


def test_an_older_graph_in_api_form_still_runs(comfy: ComfyHost) -> None:
    older = graph()
    older["1"]["inputs"] = {"track": "back*21", "preset": "from the text"}
    run = comfy.client.run(older)
    assert run.status == "success", run.error
    assert json.loads(run.outputs["5"]["text"][0])["frames"] == 21


@pytest.mark.parametrize(
    ("inputs", "sentence"),
    [
        ({"track": "forward*12 Q*3"}, "Track text: frame 12: unknown key 'Q'"),
        ({"track": '{"type":"track"'}, "Track JSON: not valid JSON at line 1, column 16"),
        ({"track": '{"type":"track","version":1,"frames":0}'}, "frames must be a whole number from 1 to 100000, not 0"),
        ({"preset": "walk", "preset.frames": 21}, "preset: found 'walk', expected the track's text alone; choose"),
        ({"model": "Doom"}, "'Doom' not in"),
        ({"fps": -1}, "smaller than min of 0"),
    ],
)
def test_a_mistake_is_named_when_the_graph_is_queued(comfy: ComfyHost, inputs: dict, sentence: str) -> None:
    with pytest.raises(PromptRefused) as refused:
        comfy.client.run(graph(**inputs))
    assert sentence in str(refused.value)
    assert "1" in refused.value.node_errors


def test_without_a_model_or_a_text_there_is_a_track_all_the_same(of_pack) -> None:
    node = of_pack("nodes.tracks").ActionTrack
    assert node.execute("forward*3").args[0].frames == 3
    assert node.execute().args[0].frames == 57 and node.validate_inputs() is True


def test_the_report_counts_on_from_the_world_that_is_connected(of_pack) -> None:
    """24 frames are two chunks where a world goes on, and one with three left over where one begins."""
    nodes, state = of_pack("nodes.tracks"), of_pack("worldmodel.world.state")
    start = state.Start("tiny_world_2", "tiny_world", torch.zeros(20, 2, 4, 6), torch.zeros(3, 8))
    chunk = state.Chunk(torch.zeros(16, 3, 4, 6), state.Controls(torch.zeros(9, 4), None))
    world = state.new_world(start)._replace(chunks=(chunk,))
    fresh, later = (nodes.ActionTrack.execute("forward*24", world=given).args[2] for given in (None, world))
    assert "left over after 2 whole chunks" in fresh and later == ""


def test_any_text_can_be_linked_to_the_editor(comfy: ComfyHost) -> None:
    info = comfy.client.call("/object_info/WMActionTrack")["WMActionTrack"]
    assert info["input_order"] == {"required": [], "optional": ["model", "fps", "track", "world"]}
    kind, spec = info["input"]["optional"]["track"]
    assert kind == "STRING" and spec["widgetType"] == "WM_TRACK_EDITOR"


def test_a_linked_text_is_checked_when_it_is_known(of_pack) -> None:
    node = of_pack("nodes.tracks").ActionTrack
    assert node.validate_inputs(track=None) is True
    with pytest.raises(ValueError, match="frame 0: unknown key 'Q'"):
        node.execute(track="Q*3")


def test_every_input_explains_itself(of_pack) -> None:
    for module in ("nodes.tracks", "nodes.overlay"):
        for node in of_pack(module).NODES:
            schema = node.GET_SCHEMA()
            inputs = [one for input in schema.inputs for one in input.get_all()]
            assert all(one.tooltip for one in inputs) and schema.description and schema.search_aliases


def test_the_overlay_leaves_its_images_alone(of_pack) -> None:
    images = torch.rand(3, 64, 96, 3)
    before = images.clone()
    track = of_pack("worldmodel.track.track").parse_track("forward*3")
    drawn = of_pack("nodes.overlay").OverlayControls.execute(images, track).args[0]
    assert drawn.shape == (3, 384, 576, 3) and torch.equal(images, before)
