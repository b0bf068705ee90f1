"""A Camera Path in the host's page, as hands see it: what its tests press, drag and measure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from comfy_host import PACK
from editor_page import WITH_REPORT, aim, box_of, settle
from playwright.sync_api import Page

ARTEFACTS = Path(__file__).resolve().parents[1] / "artefacts"
CORNER = (
    '{"type":"path","version":1,"frames":69,'
    '"keyframes":[{"f":0,"p":[0,0,0]},{"f":30,"p":[0,-0.5,3]},{"f":68,"p":[3,0,3.5]}]}'
)
MAKE = """([text, width, scale]) => {
  app.canvas.emitBeforeChange()
  const node = LiteGraph.createNode("WMCameraPath")
  app.graph.add(node)
  node.pos = [220, 90]
  const widget = node.widgets.find((one) => one.name === "path")
  if (text !== null) widget.value = text
  node.setSize([width, node.size[1]])
  Object.assign(app.canvas.ds, { scale, offset: [0, 0] })
  app.canvas.setDirty(true, true)
  app.canvas.emitAfterChange()  // where undo ends
}"""
TOOLS = """(pack) => {
  const ours = (one) => one.type === "WMCameraPath"
  window.wmTest = {
    node: () => app.graph.nodes.find(ours),
    value: () => wmTest.node().widgets.find((one) => one.name === "path").value,
    modules: (...names) => Promise.all(names.map((name) => import(`/extensions/${pack}/${name}.mjs`))),
  }
}"""
"""What the scripts below share in the page."""
VALUE = "() => wmTest.value()"
FRESH = "() => !document.querySelector('.wm-strip[data-stale]') && document.querySelector('.wm-chip b')?.textContent"
PIXEL = """async ([x, z]) => {
  const [view, state, { parse }] = await wmTest.modules("path_editor/view", "path_editor/state", "path/path")
  const drawn = state.drawnCache()({ ...state.START, path: parse(wmTest.value()).path })
  const plot = document.querySelector(".wm-plot")
  const rect = plot.getBoundingClientRect()
  const zoom = rect.width / plot.offsetWidth
  const size = { width: plot.clientWidth, height: plot.clientHeight }
  const [px, py] = view.toPixel(view.fitTop(view.boundsOf(drawn), size), size, x, z)
  return [rect.left + (px + plot.clientLeft) * zoom, rect.top + (py + plot.clientTop) * zoom]
}"""
"""Where a place on the ground is on the screen while all of the path is shown."""
ASKED = """() => new Promise((done) => {
  const ask = window.requestAnimationFrame
  let ours = 0
  window.requestAnimationFrame = (call) => {
    if (/\\/(path|path_editor|kit)\\//.test(new Error().stack)) ours += 1
    return ask(call)
  }
  setTimeout(() => {
    window.requestAnimationFrame = ask
    done(ours)
  }, 600)
})"""
"""How many animation frames our files ask for in a while."""
DRAGGED = """async ([x, y]) => {
  const plot = document.querySelector(".wm-plot")
  const ask = window.requestAnimationFrame
  let work = 0
  const timed = (call) => (...values) => {
    const began = performance.now()
    call(...values)
    work += performance.now() - began
  }
  window.requestAnimationFrame = (call) => ask(timed(call))
  const spent = []
  for (let i = 1; i <= 30; i++) {
    work = 0
    const point = { clientX: x + i * 2, clientY: y, pointerId: 1, bubbles: true, button: -1, buttons: 1 }
    timed(() => plot.dispatchEvent(new PointerEvent("pointermove", point)))()
    await new Promise(ask)
    await new Promise(ask)
    spent.push(work)
  }
  window.requestAnimationFrame = ask
  return Math.min(...spent)
}"""
"""Milliseconds of work in a frame of a drag, in the best of them: in the others a busy machine did something else."""
PLAN = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c49444154789c636898b00000034401b17ad736140000000049454e44ae426082"
)
"""A picture of one pixel."""


class Editor:
    """One Camera Path in the page, as hands see it."""

    def __init__(self, page: Page, text: str | None = CORNER, width: int = 900, scale: float = 1.0) -> None:
        self.page, self.mouse, self.keyboard = page, page.mouse, page.keyboard
        page.evaluate(TOOLS, PACK)
        page.evaluate("() => wmClear()")
        page.wait_for_function("() => !document.querySelector('.wm-editor')")
        page.evaluate(MAKE, [text, width, scale])
        page.wait_for_selector(".wm-editor .wm-strip")
        page.wait_for_function(WITH_REPORT)
        settle(page)

    @property
    def path(self) -> dict[str, Any]:
        """The widget's value."""
        return json.loads(self.page.evaluate(VALUE))

    def becomes(self, path: dict[str, Any]) -> None:
        """Wait until the host has put a path back; it builds every node anew."""
        text = json.dumps(path, separators=(",", ":"))
        self.page.wait_for_function(
            "(text) => window.wmTest && app.graph.nodes.length && wmTest.value() === text", arg=text
        )
        self.page.wait_for_selector(".wm-editor .wm-strip")
        settle(self.page)

    def at(self, x: float, z: float) -> tuple[float, float]:
        """Where a place on the ground is, in the view that shows all."""
        box_of(self.page.locator(".wm-plot").first)
        px, py = self.page.evaluate(PIXEL, [x, z])
        return px, py

    def click(self, x: float, y: float) -> None:
        """Click a place on the screen."""
        aim(self.page, x, y)
        self.mouse.click(x, y)

    def press(self, *keys: str) -> None:
        """Press keys on the plot."""
        self.page.locator(".wm-plot").first.focus()
        for key in keys:
            self.keyboard.press(key)
        settle(self.page)

    def drag(self, start: tuple[float, float], *ways: tuple[float, float], key: str | None = None) -> None:
        """Drag from a point through others, with a modifier held."""
        aim(self.page, *start)
        if key:
            self.keyboard.down(key)
        self.mouse.down()
        for x, y in ways:
            self.mouse.move(x, y, steps=6)
        self.mouse.up()
        if key:
            self.keyboard.up(key)
        settle(self.page)

    def tool(self, label: str) -> None:
        """Press a button of the tool bar by the beginning of its name."""
        self.page.locator(f".wm-tools button[aria-label^='{label}']").first.click()
        settle(self.page)

    def screenshot(self, name: str) -> None:
        """Keep a picture among the artefacts."""
        ARTEFACTS.mkdir(exist_ok=True)
        self.page.locator(".wm-editor").first.screenshot(path=ARTEFACTS / f"{name}.png")

    def report(self) -> str:
        """Wait for the binding, and return the strip's words."""
        self.page.wait_for_function(FRESH)
        return self.page.locator(".wm-strip").inner_text()
