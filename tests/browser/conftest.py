"""A real browser on the running host, once per renderer of the host's page."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from comfy_host import PACK, ComfyHost
from environment import find_browser
from playwright.sync_api import Browser, ConsoleMessage, Page, Response, expect, sync_playwright

# Keeps the browser from calling home, and lets it start in containers, where its own sandbox cannot.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SETTINGS = {
    "Comfy.TutorialCompleted": True,  # else the template dialog opens by itself
    "Comfy.Workflow.Persist": False,
}
PATIENCE = 120_000  # milliseconds; a busy machine needs most of a minute to start the page
expect.set_options(timeout=PATIENCE)
TRANSLATION = re.compile(r"/docs/WM\w+/[\w-]+\.md$")
"""The page looks for a help page in its own language first, and then for the one that is there."""
READY = "() => window.app?.vueAppReady && window.app.graph && document.querySelector('#graph-canvas')"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's browser, or Playwright's own; `scripts/test.py` finds it."""
    path = os.environ.get("WM_BROWSER")
    path = find_browser(Path(sys.executable)) if path is None else path
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path or None, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(params=["classic", "nodes2"])
def page(request: pytest.FixtureRequest, browser: Browser, comfy: ComfyHost) -> Iterator[Page]:
    """The host's page, ready, in one of its two renderers; an error that a file of ours causes fails the test."""
    comfy.client.call("/api/settings", {**SETTINGS, "Comfy.VueNodes.Enabled": request.param == "nodes2"})
    page = browser.new_page(viewport={"width": 1500, "height": 950})
    page.set_default_timeout(PATIENCE)
    errors: list[str] = []

    def on_console(message: ConsoleMessage) -> None:
        place = message.location.get("url", "")
        if message.type == "error" and PACK in place + message.text and not TRANSLATION.search(place):
            errors.append(f"{place}: {message.text}")

    def on_response(response: Response) -> None:
        if PACK in response.url and response.status >= 400 and not TRANSLATION.search(response.url):
            errors.append(f"{response.status} for {response.url}")

    page.on("console", on_console)
    page.on("response", on_response)
    page.on("pageerror", lambda error: errors.append(f"{error}\n{error.stack}"))
    page.goto(f"http://{comfy.client.address}/")
    page.wait_for_function(READY)
    page.wait_for_timeout(1500)  # the page loads its default graph late and would replace one that came earlier
    yield page
    page.close()
    assert not errors, "\n".join(errors)
