"""What the editor costs the page: a drag in a long track stays smooth, and an editor at rest does nothing."""

from __future__ import annotations

import json
import random
import sys

import pytest
from comfy_host import PACK
from editor_page import WITH_REPORT, EditorPage, aim, settle
from playwright.sync_api import CDPSession, Page, expect

FRAMES = 10_000
STEPS = 90
MOST_TIMES = 3
"""What a drag costs in the long track, as processor time of the page's main thread, painting included, beside one of
which the window shows all. Milliseconds, and frames by the clock, say as much of the machine as of the editor."""
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


def long_track(frames: int = FRAMES) -> str:
    """In 10,000 frames 2,000 spans in four lanes and 2,000 keyframes; in fewer as dense."""
    draw = random.Random(1)
    words = ("forward", "back", "left", "right")
    keys = {word: [[20 * i, draw.randint(3, 16)] for i in range(frames // 20)] for word in words}
    yaw = [[5 * i, round(draw.uniform(-4, 4), 2)] for i in range(frames // 5)]
    return json.dumps({"type": "track", "version": 1, "frames": frames, "keys": keys, "mouse": {"yaw": yaw}})


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


def test_a_drag_in_ten_thousand_frames_costs_little_more_than_in_a_hundred(
    editor: EditorPage, capsys: pytest.CaptureFixture[str]
) -> None:
    cdp = editor.page.context.new_cdp_session(editor.page)
    cdp.send("Performance.enable", {"timeDomain": "threadTicks"})
    drag(editor, cdp, long_track(100))  # the page compiles what it runs often
    short, long = (drag(editor, cdp, long_track(frames)) for frames in (100, FRAMES))
    with capsys.disabled():
        sys.stdout.write(f"\na drag's frame in 100 and in {FRAMES} frames: {short:.1f} and {long:.1f} ms\n")
    assert long < MOST_TIMES * short


def drag(editor: EditorPage, cdp: CDPSession, track: str) -> float:
    """Drag a span to and fro in a new editor, and return the milliseconds of a frame."""
    page = editor.page
    editor.add(size=(900, 560), track=track)
    before = editor.text
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
    page.evaluate("app.graph.clear()")
    expect(page.locator(".wm-editor")).to_have_count(0)
    return milliseconds


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
