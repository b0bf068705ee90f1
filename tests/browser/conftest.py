"""A real browser on the running host, and the host's page in both of its renderers.

To load the page takes longer than most tests. So each renderer has one page, which the tests use one after another, and
each leaves it empty. A test whose traces in the page cannot be removed says so: `@pytest.mark.spoils_page`.
"""

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
VIEWPORT = {"width": 1500, "height": 950}
PATIENCE = 120_000  # milliseconds; a busy machine needs most of a minute to start the page
expect.set_options(timeout=PATIENCE)
TRANSLATION = re.compile(r"/docs/WM\w+/[\w-]+\.md$")
"""The page looks for a help page in its own language first, and then for the one that is there."""
STILL = """
    const still = new CSSStyleSheet()
    still.replaceSync(`*, ::before, ::after {
        animation: none !important; transition: none !important; backdrop-filter: none !important
    }`)
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, still]
"""
"""Without a graphics card, what moves and blurs in the host's dialogs costs more than all that the tests do. Our own
files have none of it."""
READY = """() => window.app?.vueAppReady && document.querySelector('#graph-canvas') &&
    app.graph.nodes.length && app.extensionManager.workflow.activeWorkflow?.changeTracker"""
"""The page loads its default graph last, and that would replace one that came earlier."""
KEEP = """() => {
    const whole = [
        [window, ['requestAnimationFrame', 'setTimeout', 'setInterval']],
        [EventTarget.prototype, ['addEventListener']],
        [CanvasRenderingContext2D.prototype, ['clearRect']],
    ].flatMap(([owner, names]) => names.map(name => [owner, name, owner[name]]))
    window.wmRestore = () => whole.forEach(([owner, name, value]) => { owner[name] = value })
    let nodes = 0
    window.wmClear = () => {
        app.graph.clear()
        app.graph.state.lastNodeId = nodes += 1000
    }
}"""
"""`wmRestore` puts back what tests replace in the page; `wmClear` empties the graph and gives the next nodes ids that
no node has had: of one that comes again, the host keeps values and element, and an editor takes over the view."""
EMPTY = """async () => {
    wmRestore()
    document.activeElement?.blur()
    await app.loadGraphData({
        version: 0.4, last_node_id: 0, last_link_id: 0, nodes: [], links: [], groups: [], config: {}, extra: {},
        id: crypto.randomUUID(),
    })
    const { workflow, sidebarTab, setting, toast } = app.extensionManager
    toast.removeAll()
    sidebarTab.activeSidebarTabId = null
    if (setting.get('Comfy.RightSidePanel.IsOpen')) await setting.set('Comfy.RightSidePanel.IsOpen', false)
    for (const one of [...workflow.openWorkflows])
        if (one.path !== workflow.activeWorkflow.path) await workflow.closeWorkflow(one)
}"""
"""An empty workflow, and no other."""
HANDS = ("w", "a", "s", "d", "q", "e", "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Shift", "Control", "Alt")
"""Keys that tests hold down."""
REFRESH = "() => app.extensionManager.command.execute('Comfy.RefreshNodeDefinitions')"
"""As an artist does who has put files into the host's folders."""
EMPTIED = """() => !app.graph.nodes.length && !document.querySelector('.wm-editor, [data-node-id]')
    && ![...document.querySelectorAll('[role=dialog]')].some(dialog => dialog.checkVisibility())"""

FAILED = pytest.StashKey[bool]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Take one renderer after the other, so that each worker needs few pages."""
    items.sort(key=lambda item: item.callspec.params.get("page", "") if hasattr(item, "callspec") else "")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    item.stash[FAILED] = report.failed or item.stash.get(FAILED, False)
    return report


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's browser, or Playwright's own; `scripts/test.py` finds it."""
    path = os.environ.get("WM_BROWSER")
    path = find_browser(Path(sys.executable)) if path is None else path
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path or None, args=FLAGS)
        yield browser
        browser.close()


class Pages:
    """The host's page, once for each renderer."""

    def __init__(self, browser: Browser, comfy: ComfyHost) -> None:
        self._browser, self._comfy = browser, comfy
        self._open: dict[str, Page] = {}
        self._files: dict[str, frozenset[Path]] = {}
        self.errors: list[str] = []
        """What files of ours have caused in the page that was asked for last."""
        self.began: dict[str, list[str]] = {}
        """Files of our web folder that each page had asked for when it was ready."""

    def get(self, renderer: str) -> Page:
        """Return the page of a renderer, with an empty graph."""
        self.errors.clear()
        there = frozenset(path for place in ("models/*/*", "input/*") for path in self._comfy.base.glob(place))
        if renderer not in self._open:
            self._load(renderer)
            self.empty(renderer)
        elif there != self._files[renderer]:
            self._open[renderer].evaluate(REFRESH)
        self._files[renderer] = there
        return self._open[renderer]

    def empty(self, renderer: str) -> None:
        """Make the page of a renderer as it was when it was loaded."""
        page = self._open[renderer]
        for key in HANDS:
            page.keyboard.up(key)  # one that is left down would only repeat in the next test
        page.keyboard.press("Escape")  # closes a dialog
        page.evaluate(EMPTY)
        page.wait_for_function(EMPTIED)
        page.set_viewport_size(VIEWPORT)
        page.mouse.move(0, 0)

    def drop(self, renderer: str) -> None:
        """Close the page of a renderer."""
        self._open.pop(renderer).context.close()

    def _load(self, renderer: str) -> None:
        self._comfy.client.call("/api/settings", {**SETTINGS, "Comfy.VueNodes.Enabled": renderer == "nodes2"})
        page = self._open[renderer] = self._browser.new_context(viewport=VIEWPORT).new_page()
        page.set_default_timeout(PATIENCE)
        page.add_init_script(STILL)
        page.on("console", self._on_console)
        page.on("response", self._on_response)
        asked: list[str] = []
        page.on("request", lambda request: asked.extend(re.findall(rf"/extensions/{PACK}/(.*)", request.url)))
        page.on("pageerror", lambda error: self.errors.append(f"{error}\n{error.stack}"))
        page.goto(f"http://{self._comfy.client.address}/")
        page.wait_for_function(READY)
        self.began[renderer] = asked[:]
        page.evaluate(KEEP)

    def _on_console(self, message: ConsoleMessage) -> None:
        place = message.location.get("url", "")
        if message.type == "error" and PACK in place + message.text and not TRANSLATION.search(place):
            self.errors.append(f"{place}: {message.text}")

    def _on_response(self, response: Response) -> None:
        if PACK in response.url and response.status >= 400 and not TRANSLATION.search(response.url):
            self.errors.append(f"{response.status} for {response.url}")


@pytest.fixture(scope="session")
def pages(browser: Browser, comfy: ComfyHost) -> Pages:
    """The host's pages."""
    return Pages(browser, comfy)


@pytest.fixture(params=["classic", "nodes2"])
def page(request: pytest.FixtureRequest, pages: Pages) -> Iterator[Page]:
    """The host's page, ready, in one of its two renderers; an error that a file of ours causes fails the test."""
    yield pages.get(request.param)
    if request.node.stash.get(FAILED, False) or request.node.get_closest_marker("spoils_page"):
        pages.drop(request.param)
    else:
        pages.empty(request.param)
    assert not pages.errors, "\n".join(pages.errors)
