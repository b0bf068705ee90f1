"""Action Track at every width and by keyboard alone: nothing is cut, every tool is reached, no key is lost or leaks."""

from __future__ import annotations

import json

import pytest
from editor_page import EditorPage, aim, box_of, pause, settle
from playwright.sync_api import Locator, Page, expect

FULL = {"type": "track", "version": 1, "frames": 60, "keys": {"forward": [[4, 28]]}, "mouse": {}, "prompts": []}
NAMED = "document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent"
TEMPLE_RUN_ROWS = 22 + 15 + 7 * 22 + 24 + 14 + 18
"""Px of ruler, chunk row, lanes, prompts, band and overview."""
COMPOSED = """() => document.querySelector('.wm-prompt').dispatchEvent(
    new KeyboardEvent('keydown', { key: 'Enter', isComposing: true, bubbles: true, cancelable: true }))"""


@pytest.fixture
def editor(page: Page) -> EditorPage:
    return EditorPage(page, "WMActionTrack", "track")


def track(**changed: object) -> str:
    return json.dumps(FULL | changed, separators=(",", ":"))


def await_fit(part: Locator) -> None:
    """Wait until a part shows all that is in it."""
    part.page.wait_for_function("part => part.scrollWidth <= part.clientWidth", arg=part.element_handle())


def test_nothing_is_cut_at_any_width(editor: EditorPage, request: pytest.FixtureRequest) -> None:
    page = editor.page
    more = page.get_by_role("button", name="More tools")
    for width in (420, 584, 700, 860):
        editor.add(track=track(), size=(width, 640))
        await_fit(page.locator(".wm-tools"))
        frame = box_of(page.locator(".wm-status"))
        for name in ("trim to 57", "extend to 69"):
            link = box_of(page.get_by_role("button", name=name))
            assert link["x"] + link["width"] <= frame["x"] + frame["width"] + 1, (width, name)
        expect(more).to_be_visible(visible=width < 860)
        editor.picture(f"width_{width}_{request.node.callspec.id}")

    editor.add(track=track(), size=(420, 640))
    more.click()
    seconds = page.locator(".wm-popup").get_by_role("spinbutton", name="Playhead, seconds")
    seconds.fill("2")
    editor.press("Enter")
    expect(page.locator(".wm-tools input").first).to_have_value("32")
    editor.press("Escape", "Escape")
    expect(page.locator(".wm-popup")).to_have_count(0)

    editor.add(track=track(frames=10_000))
    page.locator(".wm-plot").focus()
    editor.press("End")
    seconds = page.get_by_role("spinbutton", name="Playhead, seconds")
    expect(seconds).to_have_value("10:24.9")
    await_fit(seconds)


def test_every_tool_is_reached_with_the_arrow_keys(editor: EditorPage) -> None:
    page = editor.page
    editor.add(track=track(frames=57))
    page.get_by_role("button", name="Record").focus()
    reached = []
    while not reached or reached[0] != (name := page.evaluate(NAMED)):
        reached.append(page.evaluate(NAMED))
        page.keyboard.press("ArrowRight")
        assert len(reached) < 40, name
    assert {"Length of the track in frames", "Playhead, seconds", "Snap: Chunk", "Keys and gestures"} <= set(reached)
    for _ in reversed(reached):
        page.keyboard.press("ArrowLeft")
    assert page.evaluate(NAMED) == "Record"

    length = page.get_by_role("spinbutton", name="Length of the track in frames")
    length.focus()
    page.keyboard.type("45")
    page.keyboard.press("ArrowLeft")  # the caret's, within what is typed
    expect(length).to_be_focused()
    editor.press("Enter")
    assert editor.track["frames"] == 45


def test_keys_are_not_lost_in_a_drag_nor_taken_from_an_input_method(editor: EditorPage) -> None:
    page = editor.page
    editor.add(track=track())
    before = editor.text
    aim(page, *editor.place(200, 70))
    page.mouse.down()
    page.mouse.move(*editor.place(300, 70), steps=4)
    editor.press("i")
    assert editor.text == before, "what a key edits in a drag, the drag's end would undo"
    page.mouse.up()
    settle(page)
    assert editor.track["keys"]["back"] and editor.track["mouse"] == {}

    page.locator(".wm-plot").focus()
    editor.press("t")
    page.keyboard.type("ame ga furu")
    page.evaluate(COMPOSED)
    expect(page.locator(".wm-prompt")).to_be_visible()
    editor.press("Enter")
    assert editor.track["prompts"] == [[0, "ame ga furu"]]


def test_a_take_that_ends_by_itself_keeps_the_held_key_from_the_host(editor: EditorPage) -> None:
    page = editor.page
    editor.add(track=track(frames=9), fps=20)
    page.get_by_role("button", name="Keep the track's length").click()
    page.get_by_role("button", name="Record").click(modifiers=["Shift"])
    expect(page.locator(".wm-recordbar")).to_be_visible()
    page.keyboard.down("w")
    expect(page.locator(".wm-recordbar")).to_be_hidden()
    for _ in range(5):
        page.keyboard.down("w")  # held on
    page.keyboard.up("w")
    pause(page, 500)
    expect(page.locator(".wm-plot")).to_be_focused()  # not the search field of the host's sidebar
    assert editor.track["keys"]["forward"][0][1] > 5


def test_seven_keys_without_a_mouse_are_recorded_in_full_view(editor: EditorPage) -> None:
    page = editor.page
    editor.add(size=(860, 400), model="Matrix-Game 2.0 Temple Run", fps=10)
    expect(page.get_by_role("button", name="Show the path map")).to_be_disabled()
    page.get_by_role("button", name="Record").click(modifiers=["Shift"])
    expect(page.locator(".wm-recordbar")).to_be_visible()
    page.wait_for_function(
        f"() => document.querySelector('.wm-plot').clientHeight >= {TEMPLE_RUN_ROWS}"
    )  # no row is cut
    expect(page.locator(".wm-left")).to_contain_text("real time")
    expect(page.locator(".wm-left")).not_to_contain_text("look around")
    editor.press("Escape")
    expect(page.locator(".wm-plot")).to_be_focused()
