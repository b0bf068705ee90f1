"""What the editors offer while a path is drawn, and that each offer says what comes of it."""

from __future__ import annotations

from browser.camera_path_page import Editor
from playwright.sync_api import Page, expect


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
