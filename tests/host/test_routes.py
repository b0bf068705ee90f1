"""What the editors ask the server: models, presets, canonical texts and binding; mistakes are named in one sentence."""

from __future__ import annotations

import json
import urllib.error
from typing import Any

import pytest
from comfy_host import ComfyHost

from tests.unit.samples import made_up_world, world_file
from worldmodel.binding.unbind import walked_track
from worldmodel.tinyworld.scene import overhead
from worldmodel.track.track import write_track

PATH = '{"type":"path","version":1,"frames":9}'


def refusal(comfy: ComfyHost, path: str, body: Any) -> str:
    with pytest.raises(urllib.error.HTTPError) as refused:
        comfy.client.call(path, body)
    assert refused.value.code == 400
    return json.loads(refused.value.read())["error"]


def test_the_models_stand_in_menu_order_with_their_numbers(comfy: ComfyHost) -> None:
    tiny, universal, _, temple, first, *others = comfy.client.call("/wm/variants")
    assert tiny == {
        "name": "tiny_world_2",
        "title": "Tiny World",
        "keyboard": {
            "words": ["forward", "back", "left", "right"],
            "letters": ["W", "S", "A", "D"],
            "idle": None,
        },
        "mouse": {"degrees_per_unit": 15.0, "reads_pitch": False},
        "max_yaw": 4.0,
        "first_chunk": 9,
        "chunk": 12,
        "cuts": [],
        "fps": 16.0,
        "step_metres": 0.1235,
        "motion": {"step_metres": 0.1235, "diagonal_metres": None, "least_degrees": 0.0, "along": "before"},
        "reads_text": False,
    }
    assert first == tiny | {"name": "tiny_world", "title": "Tiny World (first)"}
    assert universal["mouse"]["reads_pitch"] and universal["max_yaw"] is None
    assert temple["mouse"] is None and temple["keyboard"]["idle"] == 0
    numbers = [(model["first_chunk"], model["chunk"], model["reads_text"]) for model in others]
    causal = [(13, 16, True), (13, 16, True), (9, 12, True), (81, 80, True), (9, 12, True), (9, 12, True)]
    assert numbers == [(57, 40, True), (57, 40, True), (25, 24, False), (9, 12, True), (32, 32, True), *causal]
    assert [len(model["cuts"]) for model in others] == [0, 0, 0, 0, 3, *(0 for _ in causal)]
    assert others[4]["cuts"][0] == {"form": "corrected", "image": False, "first_chunk": 29, "chunk": 32}
    assert all(cut["first_chunk"] == cut["chunk"] == 29 for cut in others[4]["cuts"][1:])


def test_every_preset_is_listed_and_made(comfy: ComfyHost) -> None:
    listed = comfy.client.call("/wm/presets")
    assert [made["name"] for made in listed][:2] == ["walk", "look around"]
    for made in listed:
        asked = {"name": made["name"], "frames": made["frames_hint"], "seed": 3}
        text = comfy.client.call("/wm/preset", asked)["canonical"]
        assert json.loads(text)["frames"] == made["frames_hint"] and made["sentence"].endswith(".")
        assert comfy.client.call("/wm/canonical", {"text": text})["canonical"] == text


def test_a_short_text_becomes_canonical_json(comfy: ComfyHost) -> None:
    answer = comfy.client.call("/wm/canonical", {"text": "forward*9 yaw_right*12"})
    written = json.loads(answer["canonical"])
    assert written["keys"] == {"forward": [[0, 9]]} and written["frames"] == 21


def test_a_path_is_followed_frame_by_frame(comfy: ComfyHost) -> None:
    keyframes = [{"f": 0, "p": [0, 0, 0]}, {"f": 40, "p": [0.5, -0.4, 4]}]
    path = json.dumps({"type": "path", "version": 1, "frames": 57, "keyframes": keyframes})
    report = comfy.client.call("/wm/binding", {"text": path, "model": "Tiny World"})
    followed = report.pop("followed")
    assert report["frames"] == 57 and {row["what"] for row in report["rows"]} == {"height"}
    assert len(followed["poses"]) == len(followed["position"]) == 57
    assert abs(followed["poses"][-1][1] - 4) < 0.2 and max(followed["position"]) < 0.5
    assert json.loads(followed["track"])["keys"]["forward"]
    faster = comfy.client.call("/wm/binding", {"text": path, "model": "Tiny World", "fps": 32})
    assert faster["frames"] == 29 and "speed" in {row["what"] for row in faster["rows"]}


@pytest.mark.parametrize("model", ["Tiny World", "tiny_world_2"])
def test_a_text_is_bound_to_a_model(comfy: ComfyHost, model: str) -> None:
    report = comfy.client.call("/wm/binding", {"text": "forward*21", "model": model})
    assert report == {"model": "Tiny World", "frames": 21, "band": [["kept", 0, 21]], "rows": []}


def test_frames_are_left_over_as_the_world_counts_that_walks_them(comfy: ComfyHost) -> None:
    asked = {"text": "forward*24", "model": "Tiny World"}
    bands = [comfy.client.call("/wm/binding", asked | more)["band"] for more in ({}, {"chunks": 3}, {"chunks": None})]
    assert bands == [[["kept", 0, 21], ["dropped", 21, 3]], [["kept", 0, 24]], [["kept", 0, 24]]]


def test_a_saved_world_says_what_it_was_told(comfy: ComfyHost) -> None:
    world, path = made_up_world(), comfy.base / "input" / "told.world.safetensors"
    path.write_bytes(world_file())
    answer = comfy.client.call("/wm/world", {"world_file": path.name})
    begun = {"form": "corrected", "image": True}
    assert answer == {"chunks": len(world.chunks), "track": write_track(walked_track(world)), "begun": begun}
    gone = comfy.client.call("/wm/world", {"world_file": "../told.world.safetensors"})
    assert gone == {"chunks": None, "track": "", "begun": None}
    path.unlink()


PLACE = {"level": "Hedge Court", "world_seed": 0, "place": 1}


def test_a_place_is_told_and_seen(comfy: ComfyHost) -> None:
    plan = comfy.client.call("/wm/plan", PLACE)
    assert plan == json.loads(json.dumps(overhead.ground_plan(PLACE)))
    body = json.dumps({**PLACE, "pose": plan["start"]}).encode()
    request = urllib.request.Request(
        f"http://{comfy.client.address}/wm/view", data=body, headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.headers["Content-Type"] == "image/jpeg"
        assert answer.read() == overhead.picture({**PLACE, "pose": plan["start"]})


@pytest.mark.parametrize(
    ("path", "body", "sentence"),
    [
        ("canonical", {"text": "forward*12 Q*3"}, "Track text: frame 12: unknown key 'Q'"),
        ("canonical", {"text": 5}, "text must be the text of a track, not 5"),
        ("canonical", [1], "the question must be an object, not [1]"),
        ("binding", {"text": "forward", "model": "Doom"}, 'model: found "Doom", expected one of Tiny World, '),
        ("binding", {"text": '{"type":"path"}', "model": "Tiny World"}, "Path JSON: version must be 1"),
        ("binding", {"text": PATH, "model": "matrix_game_2_templerun"}, "expected one that walks with keys and turns"),
        ("binding", {"text": PATH, "model": "Tiny World", "fps": -3}, "fps must be from 0.01 to 1000, not -3"),
        ("binding", {"text": '{"type":"track"', "model": "Tiny World"}, "Track JSON: not valid JSON at line 1"),
        ("preset", {"name": "swim", "frames": 9}, "preset: found 'swim', expected one of walk"),
        ("preset", {"name": "walk", "frames": 0}, "frames must be a whole number from 1 to 100000, not 0"),
        ("preset", {"name": "walk", "frames": 9, "seed": "a"}, 'seed must be a whole number, not "a"'),
        (
            "binding",
            {"text": "forward", "model": "Tiny World", "chunks": -1},
            "chunks must be a whole number from 0 to",
        ),
        (
            "binding",
            {"text": "forward", "model": "Yume 1.5", "begun": {"form": "corrected", "image": 1}},
            "begun must hold a form and whether there is an image, not",
        ),
        ("world", {"world_file": 5}, "world_file must be the name of a file, not 5"),
        ("check", {"prompt": {"1": 5}}, 'prompt: found 5 as node "1", expected an object with a class_type; export'),
        ("check", {"prompt": {"1": {"class_type": []}}}, 'prompt: found {"class_type": []} as node "1", expected'),
        (
            "plan",
            {"level": "Nowhere", "world_seed": 0, "place": 0},
            "level: found 'Nowhere', expected one of Lighthouse",
        ),
        ("view", {**PLACE, "pose": [0, 0, 0]}, "expected a place between the walls"),
        ("view", {**PLACE, "pose": [4, 4, "x" * 9_000_000]}, "expected at most 8388608"),
        ("canonical", {"text": "x" * 9_000_000}, "expected at most 8388608; make the track shorter."),
    ],
)
def test_a_mistake_is_named(comfy: ComfyHost, path: str, body: Any, sentence: str) -> None:
    assert sentence in refusal(comfy, f"/wm/{path}", body)
