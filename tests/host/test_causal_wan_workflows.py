"""The workflows of causal Wan worlds in the real host, on small random files under the names that they load."""

from __future__ import annotations

import pytest
from comfy_host import ComfyHost
from workflow_forms import check_files, check_same, drawn_form, sent_form

DRAWN, EVENTS = "LingBot 1.3B - drawn path", "GameCraft-2's method - events on the way"
FOLDERS = {"WMLoadWorldVAE": "vae", "WMLoadWorldTextEncoder": "text_encoders"}
START, ROLLOUT = "6", "7"

pytestmark = pytest.mark.usefixtures("released_files")


@pytest.mark.parametrize("title", [DRAWN, EVENTS])
def test_a_workflow_runs_to_its_film(comfy: ComfyHost, title: str) -> None:
    graph = sent_form(title)
    graph[START]["inputs"] |= {"width": 96, "height": 64}
    graph[ROLLOUT]["inputs"]["steps"] = "1000"
    run = comfy.client.run(graph)
    assert run.status == "success", run.error
    said = run.outputs[ROLLOUT]["text"][0]
    assert said.startswith("6 chunks, 93 frames added; the world has 93 frames.")
    assert not any(word in said for word in ("dropped", "left over")), said


@pytest.mark.parametrize("title", [DRAWN, EVENTS])
def test_both_forms_hold_the_same_nodes_and_say_where_the_files_are(title: str) -> None:
    page = drawn_form(title)
    check_same(page, sent_form(title))
    check_files(page, FOLDERS)
    (note,) = [node["widgets_values"][0] for node in page["nodes"] if node["type"] == "MarkdownNote"]
    assert "not for commercial use" in note and "lingbot-world-v2-1.3b-causal-fast" in note
