"""An editor's node on the host's page: put there, looked at, and worked with pointer and keyboard as an artist does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

ARTEFACTS = Path(__file__).resolve().parent / "artefacts"
"""Pictures of the last run, to be looked at; not kept in the repository."""

ADD = """async ([type, values, size, zoom]) => {
    app.graph.clear()
    await new Promise(resolve => setTimeout(resolve, 150))  // or Nodes 2.0 keeps the element of a node with the same id
    Object.assign(app.canvas.ds, { scale: zoom, offset: [70 / zoom + 10, 50 / zoom + 20] })
    const node = LiteGraph.createNode(type)
    app.graph.add(node)
    node.pos = [0, 0]
    node.setSize(size)
    for (const [name, value] of Object.entries(values)) {
        const widget = node.widgets.find(widget => widget.name === name)
        widget.value = value
        widget.callback?.(value)
    }
    app.canvas.setDirty(true, true)
    app.extensionManager.workflow.activeWorkflow.changeTracker.reset()
}"""
VALUE = "([at, name]) => app.graph.nodes[at].widgets.find(widget => widget.name === name).value"
SETTLE = 150
"""Milliseconds in which the host's undo takes its picture."""
DRAWN = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())))"


def settle(page: Page, milliseconds: float = SETTLE) -> None:
    """Wait until what was done is drawn, however slow the machine's frames are, and for a while between."""
    page.evaluate(DRAWN)
    page.wait_for_timeout(milliseconds)
    page.evaluate(DRAWN)


class EditorPage:
    """One node with an editor; all places are in px of the plot at the graph's zoom."""

    def __init__(self, page: Page, kind: str, widget: str) -> None:
        self.page, self.kind, self.widget = page, kind, widget
        self.zoom = 1.0

    def add(self, size: tuple[int, int] = (860, 560), zoom: float = 1.0, **values: Any) -> None:
        """Clear the graph and put one node there."""
        self.zoom = zoom
        self.page.wait_for_function("app.extensionManager.workflow.activeWorkflow?.changeTracker")
        self.page.evaluate(ADD, [self.kind, values, size, zoom])
        self.page.locator(".wm-plot canvas").first.wait_for()
        settle(self.page, 600)

    @property
    def text(self) -> str:
        """The widget's value."""
        return self.page.evaluate(VALUE, [0, self.widget])

    @property
    def track(self) -> dict[str, Any]:
        """The widget's value, read."""
        return json.loads(self.text)

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Return where on the page a place of the plot is."""
        box = self.page.locator(".wm-plot").first.bounding_box()
        assert box
        return box["x"] + (x + 1) * self.zoom, box["y"] + (y + 1) * self.zoom

    def width(self) -> float:
        """Return the plot's width in its own px."""
        return self.page.locator(".wm-plot").first.evaluate("plot => plot.clientWidth")

    def height(self) -> float:
        """Return the plot's height in its own px."""
        return self.page.locator(".wm-plot").first.evaluate("plot => plot.clientHeight")

    def drag(self, start: tuple[float, float], end: tuple[float, float], steps: int = 6) -> None:
        """Press, move and release."""
        self.page.mouse.move(*self.place(*start))
        self.page.mouse.down()
        self.page.mouse.move(*self.place(*end), steps=steps)
        self.page.mouse.up()
        settle(self.page)

    def click(self, x: float, y: float, times: int = 1) -> None:
        """Click a place of the plot."""
        self.page.mouse.click(*self.place(x, y), click_count=times)
        settle(self.page)

    def press(self, *keys: str) -> None:
        """Press keys one after another."""
        for key in keys:
            self.page.keyboard.press(key)
        settle(self.page)

    def undo(self, key: str = "Control+z") -> None:
        """Let the host undo; it builds the whole graph anew."""
        self.page.keyboard.press(key)
        settle(self.page, 700)

    def picture(self, name: str) -> None:
        """Keep a picture of the editor with the node around it."""
        ARTEFACTS.mkdir(exist_ok=True)
        box = self.page.locator(".wm-editor").first.bounding_box()
        assert box
        clip = {
            "x": box["x"] - 20,
            "y": max(0, box["y"] - 130),
            "width": box["width"] + 40,
            "height": box["height"] + 150,
        }
        self.page.screenshot(path=ARTEFACTS / f"{name}.png", clip=clip)
