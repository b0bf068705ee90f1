"""The Matrix-Game 2 workflows in the real host, on small random files under the released names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from comfy_host import ComfyHost

from worldmodel.shown.film import Film, read_film

WORKFLOWS = Path(__file__).resolve().parents[2] / "workflows"
TITLES = {
    "universal": "Matrix-Game 2 - universal",
    "gta_drive": "Matrix-Game 2 - GTA drive",
    "templerun": "Matrix-Game 2 - Temple run",
}
MODEL, START, ROLLOUT, FILM = "1", "6", "7", "8"
SMALL = {"width": 96, "height": 64}
"""A thirty-seventh of the models' own size, for the time that its many frames of grey take on a CPU."""
STEPS = {"universal": "1000, 666, 333", "gta_drive": "1000, 666, 333", "templerun": "1000, 750, 500, 250"}

pytestmark = pytest.mark.usefixtures("released_files")


def as_shipped(name: str) -> dict[str, Any]:
    """Return a workflow in API form."""
    return json.loads((WORKFLOWS / "api" / f"{TITLES[name]}.json").read_text(encoding="utf-8"))


def graph(name: str) -> dict[str, Any]:
    """Return a workflow in API form, its world made small."""
    found = as_shipped(name)
    found[START]["inputs"] |= SMALL
    return found


class Walk(NamedTuple):
    """What came of a workflow."""

    name: str
    film: Film
    said: str
    """By Rollout World."""


def rolled(comfy: ComfyHost, name: str, asked: dict[str, Any]) -> Walk:
    """Run a graph."""
    run = comfy.client.run(asked)
    assert run.status == "success", run.error
    saved = run.outputs[FILM]["images"][0]
    return Walk(name, read_film(comfy.output / saved["subfolder"] / saved["filename"]), run.outputs[ROLLOUT]["text"][0])


@pytest.fixture(scope="module", params=TITLES)
def walk(request: pytest.FixtureRequest, comfy: ComfyHost, released_files: Path) -> Walk:
    """What comes of each workflow as it is shipped, its world made small."""
    return rolled(comfy, request.param, graph(request.param))


def test_a_workflow_runs_and_drops_nothing_of_its_track(walk: Walk) -> None:
    assert walk.film.frames.shape == (57, 64, 96, 3) and walk.film.fps == 25
    assert walk.said.startswith("5 chunks, 57 frames added; the world has 57 frames.")
    assert f"steps {STEPS[walk.name]}; shift 5; 25 fps; seed 0." in walk.said
    assert not any(word in walk.said for word in ("dropped", "left over", "not a key")), walk.said


def test_the_hosts_loaders_fit_into_the_workflows(comfy: ComfyHost, walk: Walk) -> None:
    asked = graph(walk.name)
    file = asked[MODEL]["inputs"]["model_name"]
    asked[MODEL] = {"class_type": "UNETLoader", "inputs": {"unet_name": file, "weight_dtype": "default"}}
    asked["2"] = {"class_type": "VAELoader", "inputs": {"vae_name": asked["2"]["inputs"]["vae_name"]}}
    found = rolled(comfy, walk.name, asked)
    # the two VAE loaders' arithmetic differs a little
    assert (found.film.frames - walk.film.frames).abs().mean() < 0.01


@pytest.mark.parametrize("name", TITLES)
def test_both_forms_hold_the_same_nodes_and_say_where_the_files_are(name: str) -> None:
    page = json.loads((WORKFLOWS / f"{TITLES[name]}.json").read_text(encoding="utf-8"))
    asked = as_shipped(name)
    drawn = {str(node["id"]): node["type"] for node in page["nodes"] if node["type"] != "MarkdownNote"}
    assert drawn == {node: item["class_type"] for node, item in asked.items()}
    links = {(str(link[1]), link[2], str(link[3])) for link in page["links"]}
    assert links == {
        (value[0], value[1], node)
        for node, item in asked.items() for value in item["inputs"].values() if isinstance(value, list)
    }  # fmt: skip
    models = {node["type"]: node["properties"]["models"][0] for node in page["nodes"] if "models" in
              node.get("properties", {})}  # fmt: skip
    folders = {"WMLoadWorldModel": "diffusion_models", "WMLoadWorldVAE": "vae", "WMLoadWorldCLIPVision": "clip_vision"}
    assert {node: model["directory"] for node, model in models.items()} == folders
    for node in page["nodes"]:
        if node["type"] in models:
            model = models[node["type"]]
            assert model["name"] == node["widgets_values"][0] == Path(model["url"]).name
            assert model["url"].startswith("https://huggingface.co/") and "/resolve/main/" in model["url"]
    (note,) = [node for node in page["nodes"] if node["type"] == "MarkdownNote"]
    assert all(model["name"] in note["widgets_values"][0] for model in models.values())
