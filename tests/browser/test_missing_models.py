"""A Matrix-Game 2 workflow opened before its files are there: the page names them and where to get them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

WORKFLOWS = sorted((Path(__file__).resolve().parents[2] / "workflows").glob("Matrix-Game 2*.json"))

UNKNOWN_NODES = "() => app.graph.nodes.filter(n => !(n.type in LiteGraph.registered_node_types)).map(n => n.type)"
MARKED = """kinds => app.graph.nodes.filter(n => n.has_errors && n.type !== 'LoadImage').map(n => n.type).sort().join()
    === kinds.join()"""


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_only_the_loaders_wait_for_their_files(page: Page, workflow: Path) -> None:
    graph = json.loads(workflow.read_text(encoding="utf-8"))
    models = {node["type"]: node["properties"]["models"][0] for node in graph["nodes"] if "models" in
              node.get("properties", {})}  # fmt: skip
    page.evaluate("async graph => { await app.loadGraphData(graph) }", graph)
    page.get_by_role("button", name="View details").click()
    assert page.evaluate(UNKNOWN_NODES) == []
    page.wait_for_function(MARKED, arg=sorted(models))
    for model in models.values():
        expect(page.get_by_text(model["name"]).first).to_be_visible()


def test_a_workflow_whose_other_models_are_muted_opens_as_if_they_were_none(page: Page) -> None:
    """*One walk, every model*: with Tiny World alone no loader is red, and what can be queued is its form."""
    (workflow,) = (Path(__file__).resolve().parents[2] / "workflows").glob("One walk, every model.json")
    graph = json.loads(workflow.read_text(encoding="utf-8"))
    form = json.loads((workflow.parent / "api" / workflow.name).read_text(encoding="utf-8"))
    page.evaluate("async graph => { await app.loadGraphData(graph) }", graph)
    page.wait_for_function("count => app.graph.nodes.length === count", arg=len(graph["nodes"]))
    page.wait_for_timeout(1500)  # the host looks for missing models after the graph is shown
    assert page.evaluate(UNKNOWN_NODES) == []
    marked = page.evaluate("() => app.graph.nodes.filter(n => n.has_errors).map(n => n.type)")
    assert set(marked) <= {"LoadImage"}  # whose picture every ComfyUI brings along, but not this one
    assert set(page.evaluate("async () => Object.keys((await app.graphToPrompt()).output)")) == form.keys()
