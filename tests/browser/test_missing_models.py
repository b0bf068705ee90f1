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
