"""The host's page with the pack in it: it starts, and knows every node."""

from __future__ import annotations

from comfy_host import PACK, ComfyHost
from playwright.sync_api import Page


def test_the_page_knows_every_node(page: Page, comfy: ComfyHost) -> None:
    listed = comfy.client.call("/object_info")
    ours = {name for name, info in listed.items() if info["python_module"] == f"custom_nodes.{PACK}"}
    known = set(page.evaluate("() => Object.keys(LiteGraph.registered_node_types)"))
    assert ours <= known
    assert known & set(listed), "the page has not read the host's list of nodes"
