"""The Matrix-Game 2 workflows in the real host, on small random files under the released names."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest
from comfy_host import ComfyHost
from workflow_forms import check_files, check_same, drawn_form, sent_form

from worldmodel.shown.film import Film, read_film

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


def graph(name: str) -> dict[str, Any]:
    """Return a workflow in API form, its world made small."""
    found = sent_form(TITLES[name])
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
    assert f"steps (noise {STEPS[walk.name]}); shift 5; 25 fps; seed 0." in walk.said
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
    page = drawn_form(TITLES[name])
    check_same(page, sent_form(TITLES[name]))
    folders = {"WMLoadWorldModel": "diffusion_models", "WMLoadWorldVAE": "vae", "WMLoadWorldCLIPVision": "clip_vision"}
    check_files(page, folders)
    loaders = [node for node in page["nodes"] if node["type"] in folders]
    assert all(Path(node["properties"]["models"][0]["url"]).name == node["widgets_values"][0] for node in loaders)
