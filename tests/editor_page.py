"""An editor's node on the host's page: put there, looked at, and worked with pointer and keyboard as an artist does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page

ARTEFACTS = Path(__file__).resolve().parent / "artefacts"
"""Pictures of the last run, to be looked at; not kept in the repository."""

ADD = """([type, values, size, zoom]) => {
    wmClear()
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
AT_REST = """() => new Promise((done) => {
    const began = performance.now()
    let changed = began
    let frames = 0
    const seen = new MutationObserver(() => {
        changed = performance.now()
        frames = 0
    })
    seen.observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true })
    const look = () => {
        frames += 1
        const now = performance.now()
        if ((frames < 3 || now - changed < 60) && now - began < 3000) return requestAnimationFrame(look)
        seen.disconnect()
        done()
    }
    requestAnimationFrame(look)
})"""
"""Nothing has changed for 60 milliseconds, in which the host's undo takes its picture; what never rests gets 3000."""
DRAWN = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())))"
BOX = """(part) => new Promise((done, fail) => {
    const began = performance.now()
    let last = ""
    const look = () => {
        const { x, y, width, height } = part.getBoundingClientRect()
        const now = [x, y, width, height].join()
        if (now === last && width > 0) done({ x, y, width, height })
        else if (performance.now() - began > 30000) fail(new Error(`found no place that stays: ${now}`))
        else requestAnimationFrame(look)
        last = now
    }
    look()
})"""
WITH_REPORT = """() => !document.querySelector('.wm-strip[data-stale]') &&
    document.querySelector('.wm-editor .wm-left')?.textContent.includes('frame')"""
"""An editor knows its model and what that makes of the value; what these say takes room."""


def settle(page: Page) -> None:
    """Wait until what was done is drawn, and nothing changes any more, however slow the machine's frames are."""
    page.evaluate(AT_REST)


def pause(page: Page, milliseconds: float) -> None:
    """Let time go by, with what was done drawn before it and what came of it after."""
    page.evaluate(DRAWN)
    page.wait_for_timeout(milliseconds)
    page.evaluate(DRAWN)


def box_of(part: Locator) -> dict[str, float]:
    """Return where a part is on the page (`x`, `y`, `width`, `height`), once it is shown and stays where it is."""
    part.wait_for()
    return part.evaluate(BOX)


def aim(page: Page, x: float, y: float) -> None:
    """Move the pointer to a place of a plot, once nothing lies over it."""
    page.wait_for_function("([x, y]) => document.elementFromPoint(x, y)?.closest('.wm-plot')", arg=[x, y])
    page.mouse.move(x, y)


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
        self.page.wait_for_function(WITH_REPORT)
        settle(self.page)

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
        box = box_of(self.page.locator(".wm-plot").first)
        return box["x"] + (x + 1) * self.zoom, box["y"] + (y + 1) * self.zoom

    def width(self) -> float:
        """Return the plot's width in its own px."""
        return self.page.locator(".wm-plot").first.evaluate("plot => plot.clientWidth")

    def height(self) -> float:
        """Return the plot's height in its own px."""
        return self.page.locator(".wm-plot").first.evaluate("plot => plot.clientHeight")

    def drag(self, start: tuple[float, float], end: tuple[float, float], steps: int = 6) -> None:
        """Press, move and release."""
        aim(self.page, *self.place(*start))
        self.page.mouse.down()
        self.page.mouse.move(*self.place(*end), steps=steps)
        self.page.mouse.up()
        settle(self.page)

    def click(self, x: float, y: float, times: int = 1) -> None:
        """Click a place of the plot."""
        aim(self.page, *(place := self.place(x, y)))
        self.page.mouse.click(*place, click_count=times)
        settle(self.page)

    def press(self, *keys: str) -> None:
        """Press keys one after another."""
        for key in keys:
            self.page.keyboard.press(key)
        settle(self.page)

    def becomes(self, text: str) -> None:
        """Wait until the widget's value is a text, and what shows it is there."""
        self.page.wait_for_function(
            f"what => app.graph.nodes.length && ({VALUE})(what) === what[2]", arg=[0, self.widget, text]
        )
        self.page.locator(".wm-plot canvas").first.wait_for()
        settle(self.page)

    def undo(self, text: str, key: str = "Control+z") -> None:
        """Let the host undo, which builds the whole graph anew, and wait until the widget's value is a text."""
        self.page.keyboard.press(key)
        self.becomes(text)

    def picture(self, name: str) -> None:
        """Keep a picture of the editor with the node around it."""
        ARTEFACTS.mkdir(exist_ok=True)
        box = box_of(self.page.locator(".wm-editor").first)
        clip = {
            "x": box["x"] - 20,
            "y": max(0, box["y"] - 130),
            "width": box["width"] + 40,
            "height": box["height"] + 150,
        }
        self.page.screenshot(path=ARTEFACTS / f"{name}.png", clip=clip)
