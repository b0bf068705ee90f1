"""A model that is told its keys in words: under the list of the report stands the sentence of each chunk."""

from __future__ import annotations

from editor_page import EditorPage
from playwright.sync_api import Page, expect


def test_the_report_has_the_sentence_of_each_chunk(page: Page) -> None:
    editor = EditorPage(page, "WMActionTrack", "track")
    editor.add(track="forward*40 yaw_left*24", model="Yume 1.5")
    page.get_by_role("button", name="Open the report").click()
    lines = page.get_by_role("list", name="What each chunk is told").get_by_role("listitem")
    expect(lines).to_have_count(2)
    expect(lines.nth(0)).to_contain_text("First-person perspective.The camera pushes forward (W).")
    expect(lines.nth(1)).to_contain_text("First-person perspective.The camera pans to the left (←).")
    expect(page.locator(".wm-report")).to_contain_text("Yume 1.5 is told one movement a chunk")
