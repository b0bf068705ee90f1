"""The inspector of the Camera Path under the pointer: its fields are dragged sideways."""

from __future__ import annotations

from browser.camera_path_page import CORNER, FRESH, VALUE, Editor
from editor_page import box_of, settle
from playwright.sync_api import Page, expect

OPEN = """async () => {
    app.canvas.selectNode(wmTest.node())
    await app.extensionManager.setting.set('Comfy.RightSidePanel.IsOpen', true)
}"""


def test_a_drag_of_a_field_is_dropped_whole(page: Page) -> None:
    """Back where it began, or by Esc, which is for the field and for no keyframe: the report is of what is on show."""
    editor = Editor(page)
    editor.click(*editor.at(0, 3))
    expect(page.locator(".wm-inspect .wm-title b").first).to_have_text("Keyframe 1")
    right = page.locator(".wm-inspect .wm-fields input").nth(2)
    box = box_of(right)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    for dropped in ("back", "Escape"):
        editor.mouse.move(x, y)
        editor.mouse.down()
        editor.mouse.move(x + 40, y, steps=4)
        if dropped == "Escape":
            page.keyboard.press(dropped)
            editor.mouse.move(x + 60, y, steps=4)
        else:
            editor.mouse.move(x, y, steps=4)
        editor.mouse.up()
        page.wait_for_function(FRESH)
        assert page.evaluate(VALUE) == CORNER
        expect(right).to_have_value("+0.00")
        expect(page.locator(".wm-inspect .wm-title b").first).to_have_text("Keyframe 1")
    editor.mouse.move(x, y)
    editor.mouse.down()
    editor.mouse.move(x + 40, y, steps=4)
    editor.mouse.up()
    page.wait_for_function(FRESH)
    assert editor.path["keyframes"][1]["p"][0] > 0.5


def test_the_properties_panel_leaves_an_editor_its_width(page: Page) -> None:
    """It draws the widgets of a selected node once more, in its own width."""
    editor = Editor(page)
    width = box_of(page.locator(".wm-editor").first)["width"]
    page.evaluate(OPEN)
    drawn = page.get_by_test_id("properties-panel")
    expect(drawn).to_contain_text("path")
    settle(page)
    page.evaluate("() => app.canvas.draw(true, true)")
    editor.click(*editor.at(0, 3))
    expect(page.locator(".wm-inspect .wm-title b").first).to_have_text("Keyframe 1")
    assert box_of(page.locator(".wm-editor").first)["width"] == width
