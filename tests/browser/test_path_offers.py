"""What the editors offer while a path is drawn, and that each offer says what comes of it."""

from __future__ import annotations

import re

import pytest
from browser.camera_path_page import CORNER, Editor
from editor_page import EditorPage, box_of, settle
from playwright.sync_api import Page, expect

HIGHER = """() => {
  const node = wmTest.node()
  const high = document.querySelector(".wm-plot").clientHeight
  node.setSize([900, node.size[1] + 120])
  app.canvas.setDirty(true, true)
  return high
}"""
"""Make the node higher; how high its plan was before."""
INK = """() => {
  const { width, height } = wmOverlay()
  const { data } = wmOverlay().getContext("2d").getImageData(0, 0, width, height)
  let ink = 0
  for (let i = 3; i < data.length; i += 4) ink += data[i] > 0
  return ink
}"""
"""How many pixels are drawn over the top view: the camera at the playhead, and what moves."""
OVERLAY = "() => { window.wmOverlay = () => document.querySelectorAll('.wm-plot canvas')[1] }"


def test_esc_closes_the_list_of_keys_wherever_the_focus_is(page: Page) -> None:
    """Opened by its button or by its key, on the button, in the list and on the plot."""
    editor = Editor(page)
    sheet = page.locator(".wm-sheet")
    for focus in ("button", "list", "plot"):
        editor.tool("Keys and gestures")
        expect(sheet).to_be_visible()
        if focus == "list":
            sheet.locator("div").first.click()
        elif focus == "plot":
            page.locator(".wm-plot").first.focus()
        editor.keyboard.press("Escape")
        expect(sheet).to_have_count(0)
        expect(page.locator(".wm-plot").first).to_be_focused()


def test_a_path_with_frames_left_over_is_stretched_first_and_trimmed_knowingly(page: Page) -> None:
    """The first offer keeps every keyframe; the other says that it does not, unless nothing is lost by it."""
    editor = Editor(page, CORNER.replace("69", "62").replace('"f":68', '"f":61'))
    links = page.locator(".wm-status .wm-link")
    expect(links).to_have_text(["stretch to 69", "trim to 57, without its end"])
    links.first.click()
    settle(page)
    assert editor.path["frames"] == 69 and editor.path["keyframes"][-1]["f"] == 68
    expect(page.locator(".wm-notice")).to_be_hidden()
    Editor(page, CORNER.replace("69", "62").replace('"f":68', '"f":50'), width=420)
    expect(links).to_have_text(["stretch to 69", "trim to 57"])
    track = EditorPage(page, "WMActionTrack", "track")
    track.add(track='{"type":"track","version":1,"frames":60,"keys":{"forward":[[0,60]]},"mouse":{},"prompts":[]}')
    expect(links).to_have_text(["extend to 69", "trim to 57, without its end"])


def test_slowing_down_says_how_long_the_path_becomes(page: Page) -> None:
    """Before the button is pressed, and also of the next path; where nothing is too fast there is nothing to say."""
    quick = CORNER.replace("69", "30").replace('"f":30', '"f":12').replace('"f":68', '"f":29')
    editor = Editor(page, quick)
    slow = page.get_by_role("button", name="Slow down to the limit")
    said = re.fullmatch(r"Slow down to the limit: (\d+) frames", slow.inner_text())
    assert said and int(said[1]) > 30, slow.inner_text()
    assert slow.evaluate("one => one.scrollWidth <= one.clientWidth")
    editor.screenshot("path_offers_slow")
    slow.click()
    settle(page)
    assert editor.path["frames"] == int(said[1])
    expect(slow).to_have_text("Slow down to the limit")
    expect(slow).to_be_disabled()
    expect(page.locator(".wm-status .wm-link")).to_have_count(0)  # whole chunks: nothing is left over to be trimmed


def test_a_corner_that_no_time_softens_is_to_be_rounded(page: Page) -> None:
    """Slowing down for its sake would make a path of minutes, which stands still there."""
    there, back = '{"f":36,"p":[0,0,2]}', '{"f":68,"p":[0,0,0]}'
    Editor(page, f'{{"type":"path","version":1,"frames":69,"keyframes":[{{"f":0,"p":[0,0,0]}},{there},{back}]}}')
    said = page.locator(".wm-slow")
    expect(said).to_have_text("Too sharp a corner to slow down: round it")
    expect(said).to_be_disabled()
    expect(said).to_have_css("opacity", "1")  # it is no button here, but a sentence to be read


def test_the_pen_says_that_it_goes_on_and_offers_to_begin_anew(page: Page) -> None:
    """While there is a path; a press on the offer empties it and leaves the pen in the hand."""
    editor = Editor(page)
    hint = page.locator(".wm-pen")
    expect(hint).to_be_hidden()
    editor.tool("Draw freehand")
    expect(hint).to_contain_text("goes on")
    editor.screenshot("path_offers_pen")
    hint.get_by_role("button", name="Clear all").click()
    settle(page)
    assert editor.path["keyframes"] == []
    expect(hint).to_be_hidden()
    expect(page.locator(".wm-plot").first).to_be_focused()
    x, y = (box := box_of(page.locator(".wm-plot").first))["x"] + 200, box["y"] + 120
    editor.drag((x, y), (x + 150, y))
    assert len(editor.path["keyframes"]) > 1
    expect(hint).to_be_visible()


def test_the_pen_shows_the_way_that_nobody_draws(page: Page) -> None:
    """From the path's end to the pointer before a press, and to the stroke's beginning while it is drawn."""
    editor = Editor(page)
    page.evaluate(OVERLAY)
    plot = box_of(page.locator(".wm-plot").first)
    near, far = ((plot["x"] + share * plot["width"], plot["y"] + 0.3 * plot["height"]) for share in (0.3, 0.1))

    def ink(point: tuple[float, float]) -> int:
        page.mouse.move(*point)
        settle(page)
        return page.evaluate(INK)

    alone = ink(near)
    editor.tool("Draw freehand")
    shown = ink(near)
    assert alone < shown < ink(far)
    editor.screenshot("path_offers_reach")
    page.mouse.down()
    drawn = ink(near)
    page.mouse.up()
    assert drawn > shown  # the stroke, and the way to its beginning
    editor.press("Escape")
    page.mouse.move(plot["x"] - 40, plot["y"])
    settle(page)
    assert page.evaluate(INK) <= alone


def test_the_plan_is_fitted_again_until_the_artist_has_zoomed(page: Page) -> None:
    """An edit leaves the ground where it is; another height of the node shows the whole path, or what was chosen."""
    editor = Editor(page, CORNER.replace("[3,0,3.5]", "[12,0,3.5]"))
    editor.click(*editor.at(12, 3.5))
    editor.press("Delete")  # what is left takes a quarter of the ground
    title = page.locator(".wm-inspect .wm-title b").first
    for zoomed in (False, True):
        if zoomed:
            editor.press("Escape", "=", "=")
        high = page.evaluate(HIGHER)
        page.wait_for_function("high => document.querySelector('.wm-plot').clientHeight > high + 50", arg=high)
        settle(page)
        last = editor.path["keyframes"][-1]["p"]
        editor.click(*editor.at(last[0], last[2]))
        expect(title).to_have_text(re.compile("keyframes$" if zoomed else "^Keyframe"))


def test_the_host_hangs_no_tooltip_beside_an_editor(page: Page, request: pytest.FixtureRequest) -> None:
    """Its parts have their own; the node's other widgets keep the host's."""
    Editor(page)
    hung = page.locator("[data-pd-tooltip]")
    expect(hung.filter(has=page.locator(".wm-editor"))).to_have_count(0)
    if "nodes2" in request.node.callspec.id:
        expect(hung.filter(has_text="fps").first).to_be_visible()


def test_a_report_is_said_to_be_of_the_last_run_once_the_path_is_changed(
    page: Page, request: pytest.FixtureRequest
) -> None:
    """From the first edit on, until the node has run again or the path is what it was."""
    far = len(request.node.callspec.id)  # another path in each renderer: the host does not run the same one again
    editor = Editor(page, CORNER.replace("[3,0,3.5]", f"[3,0,3.{far}]"))
    page.evaluate("""() => {
      const shown = LiteGraph.createNode("PreviewAny")
      app.graph.add(shown)
      wmTest.node().connect(1, shown, 0)
      return app.queuePrompt(0)
    }""")
    said = "() => String(wmTest.node().widgets.find(({ name }) => name === '$$node-text-preview')?.value ?? '')"
    page.wait_for_function(f"() => ({said})().startsWith('69 frames')")
    page.wait_for_function("() => Object.values(app.nodeOutputs).some((output) => output.wm)")
    settle(page)
    editor.press("t")
    assert page.evaluate(said).startswith("Of the last run, before this was changed: 69 frames")
    page.get_by_role("button", name="Remove the target").click()
    settle(page)
    assert page.evaluate(said).startswith("69 frames")
