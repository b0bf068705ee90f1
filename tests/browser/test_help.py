"""The help pages in the host's own panel, opened as an artist opens them: their text, and their pictures."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

PAGES = Path(__file__).resolve().parents[2] / "web" / "docs"
SHOW = """name => {
    if (document.querySelector('[data-testid="info-button"]')) return true
    let node = app.graph.nodes.find(one => one.type === name)
    if (!node) {  // not yet, or the default graph came late and replaced it
        app.graph.clear()
        node = LiteGraph.createNode(name)
        node.pos = [300, 200]
        app.graph.add(node)
        app.canvas.ds.offset = [200, 100]
    }
    app.canvas.deselectAll()
    app.canvas.selectNode(node)
    app.canvas.setDirty(true, true)
    return false
}"""


@pytest.mark.parametrize("node_id", ["WMRolloutWorld", "WMRecordTinyWorld"])
def test_the_help_panel_shows_a_nodes_page_with_its_picture(page: Page, node_id: str) -> None:
    page.wait_for_function(SHOW, arg=node_id, polling=2000)
    page.get_by_test_id("info-button").click()
    panel = page.locator(".node-help-content")
    text = (PAGES / f"{node_id}.md").read_text(encoding="utf-8")
    expect(panel).to_contain_text(text.split("\n")[0].split(":")[0][:40])
    picture = panel.locator("img").first
    expect(picture).to_be_visible()
    page.wait_for_function(
        "image => image.complete && 200 < image.clientWidth && image.clientWidth <= image.naturalWidth",
        arg=picture.element_handle(),
    )
