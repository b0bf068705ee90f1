"""What the editor costs the page: a drag in a long track stays smooth, and an editor at rest does nothing."""

from __future__ import annotations

import json
import random

import pytest
from comfy_host import PACK
from editor_page import WITH_REPORT, EditorPage, aim, settle
from playwright.sync_api import CDPSession, Page, expect

FRAMES = 10_000
STEPS = 90
FRAME_MILLISECONDS = 1000 / 30
"""Processor time of the page's main thread, painting included, that leaves 30 frames a second. Frames by the clock say
how busy the machine is as much as what the editor costs."""
LANE = 48
"""Height of the middle of the first lane in px."""
DRAG = """([x, y, steps]) => new Promise((done) => {
  const plot = document.elementFromPoint(x, y)
  let step = 0
  const next = () => {
    if (step++ === steps) return done()
    const at = { clientX: x + (step % 60) * 3, clientY: y, pointerId: 1, pointerType: "mouse", isPrimary: true }
    plot.dispatchEvent(new PointerEvent("pointermove", { ...at, button: -1, buttons: 1, bubbles: true }))
    requestAnimationFrame(next)
  }
  requestAnimationFrame(next)
})"""
"""A real pointer holds the button down; these moves come once per frame, faster than Playwright could send them."""
COUNT_REQUESTS = """(pack) => {
  window.wmRequests = []
  for (const name of ["requestAnimationFrame", "setTimeout", "setInterval"]) {
    const before = window[name]
    window[name] = (...given) => {
      const caller = new Error().stack
      if (caller.includes(pack)) window.wmRequests.push(caller)
      return before.apply(window, given)
    }
  }
}"""


NOTE_LISTENERS = """(pack) => {
  window.wmListeners = []
  const before = EventTarget.prototype.addEventListener
  EventTarget.prototype.addEventListener = function (kind, heard, options) {
    const caller = new Error().stack.split("\\n")[2]
    const ours = this instanceof Node && caller.includes(pack)
    if (ours) window.wmListeners.push({ words: `${kind} ${caller.trim()}`, signal: options?.signal })
    return before.call(this, kind, heard, options)
  }
}"""
LEFT = "() => wmListeners.filter(({ signal }) => !signal?.aborted).map(({ words }) => words)"


def long_track() -> str:
    """2,000 spans in four lanes, 2,000 keyframes."""
    draw = random.Random(1)
    words = ("forward", "back", "left", "right")
    keys = {word: [[20 * i, draw.randint(3, 16)] for i in range(FRAMES // 20)] for word in words}
    yaw = [[5 * i, round(draw.uniform(-4, 4), 2)] for i in range(FRAMES // 5)]
    return json.dumps({"type": "track", "version": 1, "frames": FRAMES, "keys": keys, "mouse": {"yaw": yaw}})


PATH = (
    "WMCameraPath",
    "path",
    '{"type":"path","version":1,"frames":69,"keyframes":[{"f":0,"p":[0,0,0]},{"f":68,"p":[3,0,3.5]}]}',
)


@pytest.fixture
def editor(page: Page) -> EditorPage:
    return EditorPage(page, "WMActionTrack", "track")


def processor_seconds(cdp: CDPSession) -> float:
    """Return the processor time that the page's main thread has used for tasks."""
    metrics = cdp.send("Performance.getMetrics")["metrics"]
    return next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration")


def test_a_drag_in_ten_thousand_frames_leaves_thirty_frames_a_second(editor: EditorPage) -> None:
    page = editor.page
    editor.add(size=(900, 560), track=long_track())
    before = editor.text
    cdp = page.context.new_cdp_session(page)
    cdp.send("Performance.enable", {"timeDomain": "threadTicks"})
    x, y = editor.place(300, LANE)
    aim(page, x, y)
    page.mouse.down()
    page.mouse.move(x + 20, y, steps=4)
    used = processor_seconds(cdp)
    page.evaluate(DRAG, [x + 20, y, STEPS])
    milliseconds = 1000 * (processor_seconds(cdp) - used) / STEPS
    assert editor.text == before, "an edit is made before the pointer is up"
    page.mouse.up()
    assert editor.track["keys"] != json.loads(before)["keys"], "the pointer dragged nothing"
    assert milliseconds < FRAME_MILLISECONDS


@pytest.mark.parametrize(
    ("kind", "widget", "text"), [("WMActionTrack", "track", long_track()), PATH], ids=["keys", "path"]
)
def test_an_editor_at_rest_asks_for_no_frames(page: Page, kind: str, widget: str, text: str) -> None:
    editor = EditorPage(page, kind, widget)
    editor.add(**{widget: text})
    editor.click(300, LANE)
    page.mouse.move(5, 5)
    page.wait_for_function(WITH_REPORT)
    settle(page)
    page.evaluate(COUNT_REQUESTS, PACK)
    page.wait_for_timeout(2000)
    assert page.evaluate("window.wmRequests") == []
    editor.press("ArrowRight")
    assert page.evaluate("window.wmRequests.length") > 0, "nothing was counted at all"


@pytest.mark.parametrize(
    ("kind", "widget", "text"), [("WMActionTrack", "track", long_track()), PATH], ids=["keys", "path"]
)
def test_a_removed_editor_leaves_no_listener(page: Page, kind: str, widget: str, text: str) -> None:
    page.evaluate(NOTE_LISTENERS, PACK)
    EditorPage(page, kind, widget).add(**{widget: text})
    assert len(page.evaluate(LEFT)) > 0, "nothing was noted at all"
    page.evaluate("app.graph.clear()")
    expect(page.locator(".wm-editor")).to_have_count(0)
    assert page.evaluate(LEFT) == []
