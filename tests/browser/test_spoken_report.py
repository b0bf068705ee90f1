"""A model that is told its keys in words: under the list of the report stands the sentence of each chunk."""

from __future__ import annotations

import json
from pathlib import Path

from editor_page import EditorPage
from playwright.sync_api import Page, expect

WORKFLOWS = Path(__file__).resolve().parents[2] / "workflows"
LOOK_AT = """type => {
    const [x, y] = app.graph.nodes.find(node => node.type === type).pos
    Object.assign(app.canvas.ds, { scale: 1, offset: [80 - x, 80 - y] })
    app.canvas.setDirty(true, true)
}"""
RELEASED = """() => {
    const start = app.graph.nodes.find(node => node.type === 'WMStartWorld')
    const form = start.widgets.find(widget => widget.name === 'form')
    form.value = 'as released'
    form.callback?.(form.value)
    app.extensionManager.workflow.activeWorkflow.changeTracker.checkState()
}"""


def test_the_report_has_the_sentence_of_each_chunk(page: Page) -> None:
    editor = EditorPage(page, "WMActionTrack", "track")
    editor.add(track="forward*40 yaw_left*24", model="Yume 1.5")
    page.get_by_role("button", name="Open the report").click()
    lines = page.get_by_role("list", name="What each chunk is told").get_by_role("listitem")
    expect(lines).to_have_count(2)
    expect(lines.nth(0)).to_contain_text("First-person perspective.The camera pushes forward (W).")
    expect(lines.nth(1)).to_contain_text("First-person perspective.The camera pans to the left (←).")
    expect(page.locator(".wm-report")).to_contain_text("Yume 1.5 is told one movement a chunk")


def test_chunks_end_where_those_of_the_world_do(page: Page) -> None:
    """A world that begins from a sentence has a shorter first chunk; as released every chunk is as short."""
    graph = json.loads((WORKFLOWS / "Yume 1.5 - text to world.json").read_text(encoding="utf-8"))
    page.evaluate("graph => app.loadGraphData(graph)", graph)
    page.evaluate(LOOK_AT, "WMActionTrack")
    status = page.locator(".wm-status")
    for said in ("4 chunks, 29 + 3 × 32", "0 left over"):
        expect(status).to_contain_text(said)
    page.evaluate(RELEASED)
    for said in ("4 chunks of 29", "9 left over"):
        expect(status).to_contain_text(said)
