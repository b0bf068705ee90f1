"""What stands where a track is walked: plans under both editors' paths, walls in the way, the view while recording."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from comfy_host import ComfyHost
from editor_page import ARTEFACTS, settle
from PIL import Image
from playwright.sync_api import Page, Route, expect

WALK = {"type": "track", "version": 1, "frames": 117, "keys": {"forward": [[0, 117]]}, "mouse": {}, "prompts": []}
PATH = {
    "type": "path", "version": 1, "frames": 120,
    "keyframes": [{"f": 0, "p": [0, 0, 0], "look": [0, 0]}, {"f": 119, "p": [0, 0, 14], "look": [0, 0]}],
}  # fmt: skip
MODEL = "Tiny World"
GRAPH = {
    "1": ("WMTinyWorldView", {"world_seed": 12, "place": 1, "level": "random layout"}),
    "2": ("WMStartWorld", {"image": ["1", 0]}),
    "3": ("WMActionTrack", {"model": MODEL, "fps": 0, "track": json.dumps(WALK)}),
    "4": ("WMRolloutWorld", {"world": ["2", 0], "track": ["3", 0]}),
    "5": ("WMCameraPath", {"model": MODEL, "fps": 0, "path": json.dumps(PATH)}),
    "6": ("WMRolloutWorld", {"world": ["4", 0], "track": ["5", 0]}),
}
SAVE = """async ([graph, places, background]) => {
    await app.loadApiJson(graph, 'ground')
    for (const node of app.graph.nodes) {
        const [pos, size] = places[node.type] ?? [[-700, 100 * node.id], null]
        node.pos = pos
        if (size) node.setSize(size)
        if (background && node.type === 'WMActionTrack') node.properties.wm_background = background
    }
    const saved = app.graph.serialize()
    wmClear()
    await app.loadGraphData(saved)
    Object.assign(app.canvas.ds, { scale: 0.62, offset: [120, 90] })
    app.canvas.setDirty(true, true)
}"""
PLACES = {"WMActionTrack": [[0, 0], [1100, 560]], "WMCameraPath": [[0, 660], [1100, 700]]}
SET = """([type, name, value]) => {
    const widget = app.graph.nodes.find(node => node.type === type).widgets.find(widget => widget.name === name)
    widget.value = value
    widget.callback?.(value)
    app.extensionManager.workflow.activeWorkflow.changeTracker.captureCanvasState()
}"""
SEEN = """() => {
    const picture = document.querySelector('.wm-live .wm-screen canvas')
    if (!picture?.width) return ''
    const small = new OffscreenCanvas(24, 16)
    const pen = small.getContext('2d')
    pen.drawImage(picture, 0, 0, 24, 16)
    return [...pen.getImageData(0, 0, 24, 16).data].join()
}"""
SHOWN = "least => Number(document.querySelector('.wm-live')?.dataset.wmFrame ?? -1) >= least"
MAGENTA = """(map => {
    const [red, green, blue] = map.getContext('2d').getImageData(map.width / 8, map.height / 3, 1, 1).data
    return red > 200 && green < 90 && blue > 200
})(document.querySelector('.wm-map canvas'))"""
PICTURE = re.compile(r"/view\?.*plan\.png")
KEPT = "() => app.graph.nodes.find(node => node.type === 'WMActionTrack').properties.wm_background ?? null"
TRACK = "() => JSON.parse(app.graph.nodes.find(node => node.type === 'WMActionTrack').widgets.at(-1).value)"


def open_saved(page: Page, background: dict[str, Any] | None = None) -> None:
    """Open the saved workflow, with both editors in sight."""
    api = {name: {"class_type": kind, "inputs": inputs} for name, (kind, inputs) in GRAPH.items()}
    page.evaluate(SAVE, [api, PLACES, background])
    expect(page.locator(".wm-editor .wm-strip .wm-chip")).to_have_count(6)
    settle(page)


def editor(page: Page, kind: str) -> Any:
    return page.locator(f".wm-editor[data-wm-kind={kind}]")


def test_walls_in_the_way_are_named_in_both_editors(page: Page, request: pytest.FixtureRequest) -> None:
    open_saved(page)
    for kind, what in (("action", "a step"), ("path", "a way through a wall")):
        strip = editor(page, kind).locator(".wm-strip")
        expect(strip.locator(".wm-walls")).to_be_visible()
        expect(strip).to_contain_text("random layout 12 is solid there")
        strip.locator(".wm-walls").click()
        rows = editor(page, kind).locator(".wm-report tbody tr.wm-wall")
        expect(rows.first).to_contain_text(what)
        rows.first.click()
        expect(editor(page, kind).get_by_label("Playhead, frame")).not_to_have_value("0")
        strip.locator(".wm-walls").click()
        strip.get_by_role("button", name="Close the report").click()
    settle(page)
    ARTEFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTEFACTS / f"ground_{request.node.callspec.id}.png")

    numbers = editor(page, "path").locator(".wm-inspect section").filter(has_text="off path, most")
    expect(numbers).to_contain_text("walls not counted")
    off = numbers.locator("dt", has_text="at walls").locator("xpath=following-sibling::dd[1]").inner_text()
    assert float(off.partition(" m at")[0]) > 1, off
    expect(editor(page, "path").locator(".wm-status")).to_contain_text("goes on at frame 117")
    page.evaluate(SET, ["WMActionTrack", "model", "Matrix-Game 2.0 GTA drive"])
    expect(editor(page, "action").locator(".wm-walls")).to_be_hidden()  # what it walks in is not that place
    page.evaluate("() => app.graph.nodes.find(node => node.type === 'WMStartWorld').disconnectInput(2)")
    page.evaluate("() => app.extensionManager.workflow.activeWorkflow.changeTracker.captureCanvasState()")
    expect(editor(page, "path").locator(".wm-walls")).to_be_hidden()
    expect(numbers).not_to_contain_text("walls")


def test_a_picture_lies_under_the_map_and_in_the_node(page: Page, comfy: ComfyHost) -> None:
    Image.new("RGB", (8, 8), (255, 0, 255)).save(comfy.base / "input" / "plan.png")
    asked: list[Route] = []
    page.route(PICTURE, lambda route: asked.append(route))
    open_saved(page, {"image": "plan.png", "centre": [0, 0], "width": 60, "opacity": 1})
    expect(editor(page, "action").locator(".wm-walls")).to_be_visible()
    settle(page)
    assert len(asked) == 1
    assert not page.evaluate(MAGENTA)
    asked[0].continue_()  # it comes when all else is drawn, as on a slow disk or a busy machine
    page.wait_for_function(f"() => {MAGENTA}")
    page.unroute(PICTURE)
    editor(page, "action").get_by_role("button", name="Ready-made").click()
    menu = page.locator(".wm-popup")
    expect(menu.get_by_label("width", exact=True)).to_have_value("60.00")
    menu.get_by_label("width", exact=True).fill("20")
    page.keyboard.press("Enter")
    assert page.evaluate(KEPT)["width"] == 20
    menu.get_by_label("width", exact=True).fill("30")
    presets = editor(page, "action").get_by_role("button", name="Ready-made")
    for menus in (0, 1):
        presets.click()
        expect(menu).to_have_count(menus)  # a second press closes it, and none is open over another
    assert page.evaluate(KEPT)["width"] == 30
    menu.get_by_text("Remove the picture").click()
    page.wait_for_function(f"() => !({MAGENTA})")
    assert page.evaluate(KEPT) is None
    (comfy.base / "input" / "plan.png").unlink()


def test_one_sees_where_one_walks_while_recording(page: Page, request: pytest.FixtureRequest) -> None:
    open_saved(page)
    action = editor(page, "action")
    live = action.locator(".wm-live")
    expect(live).to_be_hidden()
    action.locator(".wm-plot").first.focus()
    page.keyboard.press("Home")
    action.get_by_role("button", name="Record", exact=True).click(modifiers=["Shift"])
    page.wait_for_function(SHOWN, arg=1)
    still = page.evaluate(SEEN)
    page.keyboard.down("w")
    page.wait_for_function(f"still => still && ({SEEN})() !== still", arg=still)
    seen = int(live.get_attribute("data-wm-frame") or -1)
    page.wait_for_function(SHOWN, arg=seen + 8)
    ARTEFACTS.mkdir(exist_ok=True)
    action.screenshot(path=ARTEFACTS / f"live_{request.node.callspec.id}.png")
    page.keyboard.press("Escape")
    page.keyboard.up("w")
    expect(live).to_be_hidden()
    ((begins, frames),) = page.evaluate(TRACK)["keys"]["forward"][:1]
    assert begins < seen <= begins + frames, "what was seen is what was recorded"
