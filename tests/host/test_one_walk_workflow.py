"""One walk, every model: as it is drawn, with Tiny World alone and no file of another model; and with all of them."""

from __future__ import annotations

from typing import Any

import pytest
from comfy_host import ComfyHost
from workflow_forms import check_same, drawn_form, sent_form

TITLE = "One walk, every model"
ALL = f"{TITLE}, all"
COMPARE, SAVE = "28", "30"
FRAMES = {"7": 93, "12": 93, "17": 97, "22": 96, "27": 93}
"""Of each Rollout World: what the track's 97 frames fill whole chunks with."""
STEPS = {"12": "1000", "17": "1", "22": "1", "27": "1000"}
"""The fewest, because the other models are random here."""


def ended(run: Any) -> Any:
    assert run.status == "success", run.error
    return run


def test_as_it_is_tiny_world_walks_beside_its_true_film(comfy: ComfyHost) -> None:
    run = ended(comfy.client.run(sent_form(TITLE), timeout=1800))
    assert run.outputs["7"]["text"][0].startswith("8 chunks, 93 frames added; the world has 93 frames.")
    lines = run.outputs[COMPARE]["text"][0].splitlines()
    assert lines[0] == "1 world, frames 0-92, 16 fps." and lines[1].startswith("Tiny World: walks")
    assert lines[2].startswith("How near to reference") and run.outputs[SAVE]["images"]


@pytest.mark.usefixtures("released_files")
def test_with_all_models_each_walks_the_track_and_stands_in_a_column(comfy: ComfyHost) -> None:
    graph = sent_form(ALL)
    for rollout, steps in STEPS.items():
        graph[rollout]["inputs"]["steps"] = steps
        graph[str(int(rollout) - 1)]["inputs"] |= {"width": 96, "height": 64}
    run = ended(comfy.client.run(graph, timeout=3600))
    for rollout, frames in FRAMES.items():
        assert f"the world has {frames} frames" in run.outputs[rollout]["text"][0].splitlines()[0]
    lines = run.outputs[COMPARE]["text"][0].splitlines()
    assert lines[0] == "5 worlds, frames 0-92, 16 fps."
    titles = (
        "Tiny World",
        "Matrix-Game 2.0 universal",
        "Matrix-Game 3.0 distilled",
        "Yume 1.5",
        "LingBot-World 2 1.3B",
    )
    assert [line.partition(":")[0] for line in lines[1:6]] == list(titles)


def test_the_forms_hold_the_same_nodes_and_only_tiny_world_is_awake() -> None:
    page, alone, every = drawn_form(TITLE), sent_form(TITLE), sent_form(ALL)
    check_same(page, every)
    awake = {str(node["id"]) for node in page["nodes"] if not node["mode"] and node["type"] != "MarkdownNote"}
    assert alone.keys() == awake and {node["mode"] for node in page["nodes"]} == {0, 2}
    for node, item in alone.items():
        kept = {name: value for name, value in every[node]["inputs"].items() if not _is_from(value, every, awake)}
        assert item == every[node] | {"inputs": kept}
    (note,) = [node["widgets_values"][0] for node in page["nodes"] if node["type"] == "MarkdownNote"]
    chosen = {
        value
        for item in every.values()
        for name, value in item["inputs"].items()
        if name in ("model_name", "vae_name", "clip_name") and value != "Tiny World"
    }
    assert chosen and all(file in note for file in chosen) and "Ctrl+M" in note and "not for commercial use" in note


def _is_from(value: Any, graph: dict, awake: set[str]) -> bool:
    """Tell whether an input comes from a node that is muted."""
    return isinstance(value, list) and value[0] in graph and value[0] not in awake
