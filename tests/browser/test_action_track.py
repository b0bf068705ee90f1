"""Action Track drawn and recorded with real pointer and key events, in both renderers of the host's page."""

from __future__ import annotations

import re

import pytest
from editor_page import EditorPage, pause, settle
from playwright.sync_api import Page, expect

FRAMES = 57
HEADER, AFTER_END = 104, 10
LANES = {"forward": 48, "back": 70, "left": 92, "right": 114}
"""Height of the middle of each lane in px."""
PROMPT = 137
CURVES = 149, 32
"""Px above the curve area and beneath it."""

SUBGRAPH = """async () => {
    app.canvas.selectItems([app.graph.nodes[0]])
    const { node } = app.graph.convertToSubgraph(new Set(app.graph.nodes))
    await new Promise(done => setTimeout(done, 300))
    app.canvas.openSubgraph(node.subgraph, node)
    await new Promise(done => setTimeout(done, 300))
    Object.assign(app.canvas.ds, { scale: 1, offset: [80, 70] })
    app.canvas.graph.nodes[0].pos = [0, 0]
    app.canvas.setDirty(true, true)
}"""
"""Puts the node into a subgraph and opens that."""
WITHIN = "() => app.canvas.graph.nodes[0].widgets.at(-1).value"


@pytest.fixture
def editor(page: Page) -> EditorPage:
    return EditorPage(page, "WMActionTrack", "track")


def x_of(editor: EditorPage, frame: float, frames: int = FRAMES) -> float:
    """Return where a frame begins while the whole track is seen."""
    return HEADER + frame * (editor.width() - HEADER - AFTER_END) / frames


def drag_frames(editor: EditorPage, lane: str, start: float, end: float) -> None:
    editor.drag((x_of(editor, start), LANES[lane]), (x_of(editor, end), LANES[lane]))


def test_a_walk_is_drawn_at_every_zoom_of_the_graph(editor: EditorPage, request: pytest.FixtureRequest) -> None:
    for zoom in (0.5, 1, 2):
        editor.add(zoom=zoom, size=(700, 540))
        drag_frames(editor, "forward", 2, 9.2)  # the end settles at the border of the first chunk
        drag_frames(editor, "right", 30, 36)
        assert editor.track["keys"] == {"forward": [[2, 7]], "right": [[30, 6]]}, zoom
        drag_frames(editor, "right", 33, 43)
        drag_frames(editor, "forward", 9, 15)  # by its edge
        assert editor.track["keys"] == {"forward": [[2, 13]], "right": [[40, 6]]}, zoom
        zero = (CURVES[0] + editor.height() - CURVES[1]) / 2
        editor.drag((x_of(editor, 5), zero), (x_of(editor, 25), zero - 20), steps=10)
        yaw = editor.track["mouse"]["yaw"]
        assert abs(yaw[0][1]) < 0.2 and max(value for _, value, *_ in yaw) > 0.5 and yaw[-1][0] in (25, 26), (zoom, yaw)
    assert editor.page.evaluate("() => [...app.graph.nodes[0].pos]") == [0, 0], "the node was dragged instead"
    editor.picture(f"drawn_{request.node.callspec.id}")


def test_each_gesture_is_one_step_of_the_hosts_undo(editor: EditorPage) -> None:
    page = editor.page
    editor.add()
    drag_frames(editor, "forward", 2, 9)
    first = editor.text
    editor.click(x_of(editor, 12), LANES["left"])  # a click paints the chunk under it
    assert editor.track["keys"]["left"] == [[9, 12]]
    second = editor.text
    editor.press("Home", "ArrowRight", "ArrowDown", "ArrowDown", "Enter")
    third = editor.text
    assert editor.track["keys"]["back"] == [[1, 1]]
    editor.undo(second)
    expect(page.locator(".wm-plot")).to_be_focused()  # not lost with the node's old element
    expect(page.locator(".wm-tools input").first).to_have_value("1")  # nor is the playhead
    editor.undo(first)
    editor.undo(second, "Control+y")
    editor.undo(third, "Control+y")

    # copy, paste and repeat; prompts; keyframes
    page.keyboard.down("Shift")
    editor.drag((x_of(editor, 2), 11), (x_of(editor, 9), 11))
    page.keyboard.up("Shift")
    editor.click(x_of(editor, 21.5), 11)
    editor.press("Shift+C", "Shift+V")
    assert editor.track["keys"]["forward"] == [[2, 7], [21, 7]]
    editor.press("d")
    assert editor.track["keys"]["forward"] == [[2, 7], [21, 14]]
    editor.press("Escape", "Home", "i")
    assert editor.track["mouse"]["yaw"] == [[0, 0]]
    editor.click(x_of(editor, 45), PROMPT, times=2)
    page.keyboard.type("it starts to rain")
    editor.press("Enter")
    assert editor.track["prompts"] == [[45, "it starts to rain"]], editor.text
    editor.press("Escape", "[", "Delete")  # from the playhead, which is at the start, to the end
    assert editor.track["keys"] == {} and editor.track["prompts"] == []
    assert page.evaluate("() => app.graph.nodes.length") == 1, "Delete reached the host"

    # typed: fields, a span, the track's length
    page.locator(".wm-tools input").first.click()
    page.keyboard.type("c2")
    page.keyboard.press("Enter")
    expect(page.locator(".wm-tools input").first).to_have_value("21")
    length = page.get_by_role("spinbutton", name="Length of the track in frames")
    length.click()
    page.keyboard.type("60")
    page.keyboard.press("Enter")
    expect(page.locator(".wm-status")).to_contain_text("3 left over")
    page.get_by_role("button", name="extend to 69").click()
    assert editor.track["frames"] == 69
    expect(page.locator(".wm-plot")).to_have_attribute(
        "aria-label", re.compile("^Action track, 69 frames, 4 lanes, playhead at")
    )


def test_undo_in_a_subgraph_leaves_focus_and_playhead(editor: EditorPage) -> None:
    page = editor.page
    editor.add()
    drag_frames(editor, "forward", 2, 9)
    page.evaluate(SUBGRAPH)
    settle(page)
    page.locator(".wm-plot").focus()
    editor.press("PageDown", "ArrowDown", "Enter")
    once = page.evaluate(WITHIN)
    editor.press("ArrowRight", "ArrowRight", "Enter")
    page.evaluate("() => { window.former = document.querySelector('.wm-editor') }")
    page.keyboard.press("Control+z")
    page.wait_for_function(f"once => ({WITHIN})() === once", arg=once)
    expect(page.locator(".wm-plot")).to_be_focused()
    expect(page.locator(".wm-tools input").first).to_have_value("11")
    page.wait_for_function("() => former.childElementCount === 0")  # of the editor before it, nothing is there


def test_a_walk_is_recorded_from_the_real_keyboard(editor: EditorPage, request: pytest.FixtureRequest) -> None:
    page = editor.page
    editor.add(fps=8)
    editor.click(x_of(editor, 30), LANES["right"])
    before = editor.text
    page.get_by_role("button", name="Record").click(modifiers=["Shift"])
    expect(page.locator(".wm-recordbar")).to_be_visible()
    page.keyboard.down("w")
    page.wait_for_timeout(700)
    page.keyboard.down("d")
    pause(page, 400)
    expect(page.locator(".wm-pad .wm-on")).to_have_count(2)
    editor.picture(f"recording_{request.node.callspec.id}")
    page.keyboard.up("w")
    page.wait_for_timeout(300)
    assert editor.text == before, "nothing is kept before the stop"
    editor.press("Escape")
    expect(page.locator(".wm-recordbar")).to_be_hidden()
    page.keyboard.up("d")
    keys = editor.track["keys"]
    (start, length), (turn, _) = keys["forward"][0], keys["right"][0]
    assert length >= 6 and start < turn < start + length, keys
    assert page.evaluate("() => app.graph.nodes.length") == 1
    editor.undo(before)  # one brings the old take back

    page.locator(".wm-plot").focus()
    editor.press("Home", "e")
    expect(page.locator(".wm-recordbar")).to_be_visible()
    page.evaluate("() => window.dispatchEvent(new Event('blur'))")
    expect(page.locator(".wm-recordbar")).to_be_hidden()
    assert editor.text == before, "only the count-in had gone by"

    expect(page.get_by_role("status").filter(has_text="Recording stopped")).to_have_count(1)
