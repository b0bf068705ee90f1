"""The Yume 1.5 workflows in the real host, on small random files under the names that they load."""

from __future__ import annotations

import pytest
from comfy_host import ComfyHost
from workflow_forms import check_files, check_same, drawn_form, sent_form

from worldmodel.shown.film import read_film

FRAMES = {
    "Yume 1.5 - walk a photo": (5, 160),
    "Yume 1.5 - text to world": (4, 125),
    "Yume 1.5 - an event on the way": (5, 160),
    "Yume 1.5 - go on from a video": (3, 96),
}
"""Chunks and frames of each film."""
START, ROLLOUT, FILM = "6", "7", "8"
SMALL = {"width": 96, "height": 64}
FOLDERS = {"WMLoadWorldModel": "diffusion_models", "WMLoadWorldVAE": "vae", "WMLoadWorldTextEncoder": "text_encoders"}

pytestmark = pytest.mark.usefixtures("released_files")


@pytest.mark.parametrize("title", FRAMES)
def test_a_workflow_runs_and_merges_nothing_of_its_track(comfy: ComfyHost, title: str) -> None:
    graph, (chunks, frames) = sent_form(title), FRAMES[title]
    graph[START]["inputs"] |= SMALL
    graph[ROLLOUT]["inputs"]["steps"] = "1"
    run = comfy.client.run(graph)
    assert run.status == "success", run.error
    saved = run.outputs[FILM]["images"][0]
    film = read_film(comfy.output / saved["subfolder"] / saved["filename"])
    said = run.outputs[ROLLOUT]["text"][0]
    assert film.frames.shape == (frames, 64, 96, 3) and film.fps == 16
    assert said.startswith(f"{chunks} chunks, {frames} frames added; the world has {frames} frames.")
    assert "chunk 0" in said and "“First-person perspective.The camera pushes forward (W). " in said
    assert not any(word in said for word in ("dropped", "quantised", "left over", "not a key")), said
    if "event" in title:
        assert "A ghost appears.”" in said and "It begins to rain.”" in said


@pytest.mark.parametrize("title", FRAMES)
def test_both_forms_hold_the_same_nodes_and_say_where_the_files_are(title: str) -> None:
    page = drawn_form(title)
    check_same(page, sent_form(title))
    check_files(page, FOLDERS)
