"""Camera Path as the host runs it: a drawn path becomes keys and mouse, mistakes are named when queued."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import torch
from comfy_host import ComfyHost, PromptRefused

CORNER = (
    '{"type":"path","version":1,"frames":57,'
    '"keyframes":[{"f":0,"p":[0,0,0]},{"f":28,"p":[0,-0.4,3]},{"f":56,"p":[3,-0.4,3.5]}]}'
)
CAMERA = {
    "position": {"x": 4, "y": 1.5, "z": -2},
    "target": {"x": 9, "y": 1.5, "z": -2},
    "zoom": 1,
    "cameraType": "perspective",
}


@pytest.fixture
def node(of_pack: Callable[[str], ModuleType]) -> Any:
    return of_pack("nodes.camera_path").CameraPath


def graph(**inputs: object) -> dict:
    """A drawn path, and what becomes of it as text."""
    drawn = {"model": "Tiny World", "fps": 0, "path": CORNER, **inputs}
    return {
        "1": {"class_type": "WMCameraPath", "inputs": drawn},
        "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 1]}},
        "3": {"class_type": "PreviewAny", "inputs": {"source": ["1", 2]}},
    }


def test_a_path_becomes_keys_and_mouse_and_is_cached(comfy: ComfyHost) -> None:
    run = comfy.client.run(graph())
    assert run.status == "success", run.error
    track = json.loads(run.outputs["2"]["text"][0])
    assert track["type"] == "track" and track["frames"] == 57
    assert set(track["keys"]) <= {"forward", "back", "left", "right"} and track["mouse"]["yaw"]
    report = run.outputs["3"]["text"][0]
    assert "57 frames at 16 a second -> 57 for Tiny World" in report and "height" in report
    assert run.outputs["1"]["wm"] == [CORNER], "the editor shows what a link brought"
    again = comfy.client.run(graph())
    assert again.executed == []
    assert again.outputs["1"]["text"] == [report], "a page that opens the graph later is told as well"


def test_the_path_is_drawn_at_the_nodes_rate(comfy: ComfyHost) -> None:
    run = comfy.client.run(graph(fps=8))
    assert run.status == "success", run.error
    assert json.loads(run.outputs["2"]["text"][0])["frames"] == 113


def test_nothing_drawn_stands_still(node: Any) -> None:
    track = node.execute("Tiny World", 0, "").args[0]
    assert track.frames == 57 and not track.keys.any() and not track.mouse.any()


def test_a_start_camera_moves_the_path_and_not_the_keys(node: Any) -> None:
    plain, moved = (node.execute("Tiny World", 0, CORNER, camera).args[0] for camera in (None, CAMERA))
    assert torch.equal(plain.keys, moved.keys)
    assert torch.allclose(plain.mouse, moved.mouse, atol=2e-3)  # thousandths of a degree from another direction
    assert plain.camera.frames == plain.frames == moved.camera.frames and plain.camera.fps == 16
    assert moved.camera.c2w[0, :3, 3].tolist() == [4, -1.5, 2]
    assert torch.allclose(moved.camera.c2w[0, :3, 2], torch.tensor([1, 0, 0], dtype=torch.float64), atol=1e-9)


@pytest.mark.parametrize(
    ("inputs", "sentence"),
    [
        ({"path": '{"type":"path"'}, "Path JSON: not valid JSON at line 1, column 15"),
        ({"path": '{"type":"track","version":1,"frames":9}'}, "Path JSON: type 'track' is not drawn with keyframes"),
        ({"path": CORNER.replace('"version":1', '"version":2')}, "made by a newer version (2), this one reads up to 1"),
        ({"model": "Matrix-Game 2.0 Temple Run"}, "not in"),
    ],
)
def test_a_mistake_is_named_when_the_graph_is_queued(comfy: ComfyHost, inputs: dict, sentence: str) -> None:
    with pytest.raises(PromptRefused) as refused:
        comfy.client.run(graph(**inputs))
    assert sentence in str(refused.value)


def test_a_camera_that_is_none_is_named(node: Any) -> None:
    with pytest.raises(ValueError, match="start_camera.position must hold the numbers x, y, z"):
        node.execute("Tiny World", 0, CORNER, {"position": {}})


def test_any_text_and_any_camera_of_the_viewer_can_be_linked(comfy: ComfyHost) -> None:
    info = comfy.client.call("/object_info/WMCameraPath")["WMCameraPath"]
    assert info["input_order"] == {"required": ["model", "fps", "path"], "optional": ["start_camera", "world"]}
    kind, spec = info["input"]["required"]["path"]
    assert kind == "STRING" and spec["widgetType"] == "WM_PATH_EDITOR"
    assert info["input"]["optional"]["start_camera"][0] == "LOAD3D_CAMERA"
