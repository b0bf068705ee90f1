"""The pack's part of the settings dialog, in both renderers of the host's page."""

from __future__ import annotations

from comfy_host import ComfyHost
from playwright.sync_api import Page, expect

SIZE, USAGE = '[data-setting-id="wm.journal.gigabytes"]', '[data-setting-id="wm.journal.usage"]'


def test_the_journals_size_is_set_and_the_journal_is_emptied(page: Page, comfy: ComfyHost) -> None:
    comfy.client.call("/wm/journal/clear", {})  # what other tests rolled out on this host
    journal = comfy.base / "user" / "__worldmodel" / "journal"
    journal.mkdir(parents=True, exist_ok=True)
    chunk = journal / f"{'ab' * 32}.safetensors"
    chunk.write_bytes(bytes(30_000_000))
    page.evaluate("() => app.extensionManager.command.execute('Comfy.ShowSettingsDialog')")
    page.get_by_text("World Model", exact=True).first.click()
    usage = page.locator(USAGE)
    expect(usage).to_contain_text("1 chunk, 30 MB")
    size = page.locator(SIZE).locator("input")
    expect(size).to_have_value("4")
    size.click(click_count=3)  # selects the figure
    size.press_sequentially("1.5")
    size.press("Tab")
    for _ in range(50):
        if comfy.client.call("/api/settings").get("wm.journal.gigabytes") == 1.5:
            break
        page.wait_for_timeout(100)
    else:
        raise AssertionError("the setting did not reach the server")
    usage.get_by_role("button").click()
    page.get_by_role("button", name="Delete").click()
    expect(usage).to_contain_text("empty")
    assert not chunk.exists()
    comfy.client.call("/api/settings/wm.journal.gigabytes", 4)
