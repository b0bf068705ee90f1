"""The Matrix-Game 3 workflows in the real host, on small random files under the names that they load."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from comfy_host import ComfyHost
from PIL import Image

from worldmodel.shown.film import read_film

WORKFLOWS = Path(__file__).resolve().parents[2] / "workflows"
TITLES = {"distilled": "Matrix-Game 3 - distilled", "base": "Matrix-Game 3 - base"}
LOOK = "Look before you render"
START, ROLLOUT, FILM = "6", "7", "8"
SMALL = {"width": 192, "height": 96}
FOLDERS = {"WMLoadWorldModel": "diffusion_models", "WMLoadWorldVAE": "vae", "WMLoadWorldTextEncoder": "text_encoders"}

pytestmark = pytest.mark.usefixtures("released_files")


def as_shipped(title: str) -> dict[str, Any]:
    """Return a workflow in API form."""
    return json.loads((WORKFLOWS / "api" / f"{title}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("name", "steps"), [("distilled", ""), ("base", "4")])
def test_a_workflow_runs_and_drops_nothing_of_its_track(comfy: ComfyHost, name: str, steps: str) -> None:
    graph = as_shipped(TITLES[name])
    graph[START]["inputs"] |= SMALL
    graph[ROLLOUT]["inputs"]["steps"] = steps  # 50 would only take longer
    run = comfy.client.run(graph)
    assert run.status == "success", run.error
    saved = run.outputs[FILM]["images"][0]
    film = read_film(comfy.output / saved["subfolder"] / saved["filename"])
    said = run.outputs[ROLLOUT]["text"][0]
    assert film.frames.shape == (177, 96, 192, 3) and film.fps == 17
    assert said.startswith("4 chunks, 177 frames added; the world has 177 frames.")
    assert f"{steps or 3} steps; shift 5; 17 fps; seed 0." in said
    assert not any(word in said for word in ("dropped", "left over", "not a key")), said


def test_a_walk_is_looked_at_before_anything_is_made(comfy: ComfyHost) -> None:
    graph = as_shipped(LOOK)
    run = comfy.client.run(graph)
    assert run.status == "success", run.error
    table = run.outputs["3"]["text"][0]
    assert "pinned" in table and "Loops that close:" in table and "Views that nothing shows:" in table
    saved = run.outputs["4"]["images"][0]
    with Image.open(comfy.output / saved["subfolder"] / saved["filename"]) as picture:
        assert picture.width > 1000


@pytest.mark.parametrize("title", [*TITLES.values(), LOOK])
def test_both_forms_hold_the_same_nodes_and_say_where_the_files_are(title: str) -> None:
    page, asked = json.loads((WORKFLOWS / f"{title}.json").read_text(encoding="utf-8")), as_shipped(title)
    drawn = {str(node["id"]): node["type"] for node in page["nodes"] if node["type"] != "MarkdownNote"}
    assert drawn == {node: item["class_type"] for node, item in asked.items()}
    links = {(str(link[1]), link[2], str(link[3])) for link in page["links"]}
    assert links == {
        (value[0], value[1], node)
        for node, item in asked.items() for value in item["inputs"].values() if isinstance(value, list)
    }  # fmt: skip
    models = {
        node["type"]: node["properties"]["models"][0] for node in page["nodes"] if "models" in
        node.get("properties", {})
    }  # fmt: skip
    assert {node: model["directory"] for node, model in models.items()} == ({} if title == LOOK else FOLDERS)
    (note,) = [node for node in page["nodes"] if node["type"] == "MarkdownNote"]
    for node in page["nodes"]:
        if node["type"] in models:
            model = models[node["type"]]
            assert model["name"] == node["widgets_values"][0]
            assert model["url"].startswith("https://huggingface.co/") and "/resolve/main/" in model["url"]
            assert model["name"] in note["widgets_values"][0]
