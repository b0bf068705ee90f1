"""The host builds nodes anew when it undoes and when it opens a workflow: what stays of an editor, what does not."""

from __future__ import annotations

import re

import pytest
from browser.camera_path_page import CORNER
from editor_page import EditorPage, settle
from playwright.sync_api import Page, expect

OPEN = """() => {
  const graph = app.graph.serialize()
  app.canvas.canvas.focus()
  return app.loadGraphData({ ...graph, id: crypto.randomUUID() })
}"""
"""Opens the graph as a workflow; every workflow has an id, and the host keeps it while it undoes."""
KINDS = {"WMActionTrack": ("track", "", "i"), "WMCameraPath": ("path", CORNER, "l")}
"""Kind of a node: its widget, the text to begin with, and a key that edits it."""


@pytest.mark.parametrize("kind", KINDS)
def test_undo_leaves_the_editor_on_its_node(page: Page, kind: str) -> None:
    widget, text, key = KINDS[kind]
    editor = EditorPage(page, kind, widget)
    editor.add(**{widget: text})
    page.evaluate(OPEN)
    settle(page)
    plot = page.locator(".wm-plot").first
    plot.focus()
    editor.press(key)
    edited = editor.text
    assert edited != text
    for keys, now in (("Control+z", text), ("Control+Shift+z", edited), ("Control+z", text)):
        editor.undo(now, keys)
        expect(page.locator(".wm-editor")).to_have_count(1)
        expect(page.locator(".wm-editor .wm-strip")).to_be_visible()
        expect(plot).to_be_focused()
    editor.press("End")
    expect(page.locator(".wm-right")).not_to_have_text(re.compile("^frame 0"))
    page.evaluate(OPEN)
    expect(page.locator(".wm-right")).to_have_text(re.compile("^frame 0"))  # another workflow has a view of its own
