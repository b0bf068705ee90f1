"""The workflows that the pack ships, opened as a user opens them: from the template browser, in both renderers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from comfy_host import PACK, ComfyHost
from PIL import Image
from playwright.sync_api import Page, expect

# a workflow whose models are missing is another matter: see test_missing_models.py
pytestmark = pytest.mark.usefixtures("released_files")

WORKFLOWS = sorted((Path(__file__).resolve().parents[2] / "workflows").glob("*.json"))

# Nodes that the page draws in red: their class is unknown, or a value or a link of theirs is refused.
RED_NODES = """() => app.graph.nodes
    .filter(node => node.has_errors || !(node.type in LiteGraph.registered_node_types))
    .map(node => `${node.id} ${node.type}`)"""
OVERLAPS = """() => {
    const boxes = app.graph.nodes.map(({ title, pos: [x, y], size: [width, height] }) =>
        ({ title, left: x, right: x + width, top: y - LiteGraph.NODE_TITLE_HEIGHT, bottom: y + height }))
    return boxes.flatMap((one, i) => boxes.slice(i + 1)
        .filter(other => one.left < other.right && other.left < one.right
            && one.top < other.bottom && other.top < one.bottom)
        .map(other => `${one.title} and ${other.title}`))
}"""
"""Nodes that lie over one another, as large as their widgets make them."""
VIEW = "() => ({ scale: app.canvas.ds.scale, offset: [...app.canvas.ds.offset] })"
LEAST_SCALE = 0.6
"""Below it, the classic renderer draws no words."""
API_FORM = "async () => (await app.graphToPrompt()).output"


def open_from_templates(page: Page, workflow: Path) -> None:
    """Open a workflow through Templates > the pack's folder > its card, which shows its thumbnail."""
    page.evaluate("() => app.extensionManager.command.execute('Comfy.BrowseTemplates')")
    page.get_by_role("button", name=PACK).click()
    card = page.get_by_test_id(f"template-workflow-{workflow.stem}")
    card.scroll_into_view_if_needed()  # the host loads the pictures of cards in sight
    picture = card.locator("img").first
    expect(picture).to_be_visible()
    page.wait_for_function("image => image.complete", arg=picture.element_handle())
    with Image.open(workflow.with_suffix(".jpg")) as thumbnail:
        assert picture.evaluate("image => [image.naturalWidth, image.naturalHeight]") == list(thumbnail.size)
    card.click()
    expect(card).to_be_hidden()


def defaults(specified: dict[str, Any], before: str = "") -> dict[str, Any]:
    """Return what each input of a node holds at first, by the name that the page sends, those in menus included.

    Args:
        specified: `input` of the node in /object_info.
        before: what stands before the names: an input inside a choice is sent as `format.codec`.
    """
    found: dict[str, Any] = {}
    for name, (type_, *options) in (
        item for group in ("required", "optional") for item in specified.get(group, {}).items()
    ):
        about = options[0] if options else {}
        choices = type_ if isinstance(type_, list) else about.get("options", [])
        inner = [choice for choice in choices if isinstance(choice, dict)]
        names = [choice["key"] if isinstance(choice, dict) else choice for choice in choices]
        found[f"{before}{name}"] = about.get("default", names[0] if names else None)
        for choice in reversed(inner):  # the first is chosen, so its defaults count
            found |= defaults(choice["inputs"], f"{before}{name}.")
    return found


def differences(sent: dict[str, Any], form: dict[str, Any], listed: dict[str, Any]) -> list[str]:
    """Say where what the page sends is not the API form.

    Our nodes are compared whole. The host's own differ from version to version: an input that the form does not know
    may be sent as it is at first, and one that this host does not know may be missing.

    Args:
        sent: node id -> node, as the page sends it.
        form: the API form.
        listed: the host's /object_info.
    """
    found = [f"node {key}" for key in sorted(sent.keys() ^ form.keys())]
    for key in sorted(sent.keys() & form.keys()):
        (kind, inputs), wanted = (sent[key]["class_type"], sent[key]["inputs"]), form[key]["inputs"]
        first = {} if kind.startswith("WM") else defaults(listed[kind]["input"])
        added = {name: inputs[name] for name in inputs.keys() - wanted.keys() if inputs[name] != first.get(name, ...)}
        lost = {name for name in wanted.keys() - inputs.keys() if kind.startswith("WM") or name in first}
        other = {name for name in inputs.keys() & wanted.keys() if inputs[name] != wanted[name]}
        if kind != form[key]["class_type"] or added or lost or other:
            found.append(f"{key} {kind}: sent {inputs}, expected {wanted}")
    return found


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_opens_whole_and_sends_its_api_form(page: Page, comfy: ComfyHost, workflow: Path) -> None:
    drawn = json.loads(workflow.read_text(encoding="utf-8"))
    nodes = drawn["nodes"]
    api_form = json.loads((workflow.parent / "api" / workflow.name).read_text(encoding="utf-8"))
    open_from_templates(page, workflow)
    page.wait_for_function("ids => ids.every(id => app.graph.getNodeById(id))", arg=[node["id"] for node in nodes])
    page.wait_for_timeout(500)  # the host looks for missing nodes and models after the graph is shown
    assert page.evaluate(RED_NODES) == []
    assert page.evaluate(OVERLAPS) == []
    assert page.evaluate(VIEW) == drawn["extra"]["ds"] and drawn["extra"]["ds"]["scale"] >= LEAST_SCALE
    assert page.locator("[role=dialog]:visible").all_inner_texts() == []
    assert differences(page.evaluate(API_FORM), api_form, comfy.client.call("/object_info")) == []


@pytest.mark.parametrize("title", ["Stop, save, resume", "Camera out, camera in"])
def test_the_other_half_of_a_workflow_sends_its_own_api_form(page: Page, comfy: ComfyHost, title: str) -> None:
    """Mute the upper group of the workflow and unmute the lower one, as its note says."""
    (workflow,) = (path for path in WORKFLOWS if path.stem == title)
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
    assert differences(page.evaluate(API_FORM), later, comfy.client.call("/object_info")) == []
