"""The Matrix-Game 3 workflows in the real host, on small random files under the names that they load."""

from __future__ import annotations

import pytest
from comfy_host import ComfyHost
from PIL import Image
from workflow_forms import check_files, check_same, drawn_form, sent_form

from worldmodel.shown.film import read_film

TITLES = {"distilled": "Matrix-Game 3 - distilled", "base": "Matrix-Game 3 - base"}
LOOK = "Look before you render"
START, ROLLOUT, FILM = "6", "7", "8"
SMALL = {"width": 192, "height": 96}
FOLDERS = {"WMLoadWorldModel": "diffusion_models", "WMLoadWorldVAE": "vae", "WMLoadWorldTextEncoder": "text_encoders"}

pytestmark = pytest.mark.usefixtures("released_files")


@pytest.mark.parametrize(("name", "steps"), [("distilled", ""), ("base", "4")])
def test_a_workflow_runs_and_drops_nothing_of_its_track(comfy: ComfyHost, name: str, steps: str) -> None:
    graph = sent_form(TITLES[name])
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
    graph = sent_form(LOOK)
    run = comfy.client.run(graph)
    assert run.status == "success", run.error
    table = run.outputs["3"]["text"][0]
    assert "pinned" in table and "Loops that close:" in table and "Views that nothing shows:" in table
    saved = run.outputs["4"]["images"][0]
    with Image.open(comfy.output / saved["subfolder"] / saved["filename"]) as picture:
        assert picture.width > 1000


@pytest.mark.parametrize("title", [*TITLES.values(), LOOK])
def test_both_forms_hold_the_same_nodes_and_say_where_the_files_are(title: str) -> None:
    page = drawn_form(title)
    check_same(page, sent_form(title))
    check_files(page, {} if title == LOOK else FOLDERS)
