"""The workflows that the pack ships, opened as a user opens them: from the template browser, in both renderers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from comfy_host import PACK
from PIL import Image
from playwright.sync_api import Page, expect

# a workflow whose models are missing is another matter: see test_missing_models.py
pytestmark = pytest.mark.usefixtures("released_files")

WORKFLOWS = sorted((Path(__file__).resolve().parents[2] / "workflows").glob("*.json"))

# Nodes that the page draws in red: their class is unknown, or a value or a link of theirs is refused.
RED_NODES = """() => app.graph.nodes
    .filter(node => node.has_errors || !(node.type in LiteGraph.registered_node_types))
    .map(node => `${node.id} ${node.type}`)"""
API_FORM = "async () => (await app.graphToPrompt()).output"


def open_from_templates(page: Page, workflow: Path) -> None:
    """Open a workflow through Templates > the pack's folder > its card, which shows its thumbnail."""
    page.evaluate("() => app.extensionManager.command.execute('Comfy.BrowseTemplates')")
    page.get_by_role("button", name=PACK).click()
    card = page.get_by_test_id(f"template-workflow-{workflow.stem}")
    picture = card.locator("img").first
    expect(picture).to_be_visible()
    page.wait_for_function("image => image.complete", arg=picture.element_handle())
    with Image.open(workflow.with_suffix(".jpg")) as thumbnail:
        assert picture.evaluate("image => [image.naturalWidth, image.naturalHeight]") == list(thumbnail.size)
    card.click()
    expect(card).to_be_hidden()


def without_titles(graph: dict[str, Any]) -> dict[str, Any]:
    return {key: {k: v for k, v in node.items() if k != "_meta"} for key, node in graph.items()}


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_opens_whole_and_sends_its_api_form(page: Page, workflow: Path) -> None:
    nodes = json.loads(workflow.read_text(encoding="utf-8"))["nodes"]
    api_form = json.loads((workflow.parent / "api" / workflow.name).read_text(encoding="utf-8"))
    open_from_templates(page, workflow)
    page.wait_for_function("ids => ids.every(id => app.graph.getNodeById(id))", arg=[node["id"] for node in nodes])
    page.wait_for_timeout(500)  # the host looks for missing nodes and models after the graph is shown
    assert page.evaluate(RED_NODES) == []
    assert page.locator("[role=dialog]:visible").all_inner_texts() == []
    assert without_titles(page.evaluate(API_FORM)) == without_titles(api_form)


def test_the_other_half_of_a_workflow_sends_its_own_api_form(page: Page) -> None:
    """Mute the upper group of *Stop, save, resume* and unmute the lower one, as its note says."""
    (workflow,) = (path for path in WORKFLOWS if path.stem == "Stop, save, resume")
    open_from_templates(page, workflow)
    drawn = json.loads(workflow.read_text(encoding="utf-8"))["nodes"]
    muted = [node["id"] for node in drawn if node["mode"]]
    page.wait_for_function("ids => ids.every(id => app.graph.getNodeById(id))", arg=[node["id"] for node in drawn])
    later = json.loads((workflow.parent / "api" / f"{workflow.stem}, part 2.json").read_text(encoding="utf-8"))
    shared = [node["id"] for node in drawn if str(node["id"]) in later and node["id"] not in muted]
    page.evaluate(
        "([on, kept]) => app.graph.nodes.forEach(n => { n.mode = on.includes(+n.id) || kept.includes(+n.id) ? 0 : 2 })",
        [muted, shared],
    )
    assert without_titles(page.evaluate(API_FORM)) == without_titles(later)
