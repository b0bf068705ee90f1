"""The host's page with the pack in it: it starts, knows every node, and asks for an editor when one is opened."""

from __future__ import annotations

from pathlib import Path

import pytest
from comfy_host import PACK, ComfyHost
from editor_page import EditorPage
from playwright.sync_api import Page, expect

WEB = Path(__file__).resolve().parents[2] / "web"
MOST_FILES, MOST_BYTES = 15, 80_000
"""What the page may ask for before an editor is opened."""
LATE = """async ([pack, text]) => {
    const { makeMount } = await import(`/extensions/${pack}/kit/mount.mjs`)
    const { makeCameraPath } = await import(`/extensions/${pack}/path_editor/widget.mjs`)
    wmClear()
    Object.assign(app.canvas.ds, { scale: 0.5, offset: [60, 120] })
    window.wmMounts = [0, 1, 2].map(at => {
        const node = LiteGraph.createNode('WMTakeWorld')
        const mount = makeMount({ node, name: 'late', app, type: 'WM_LATE', least: 534 })
        app.graph.add(node)
        node.pos = [at * 860, 0]
        node.setSize([820, node.computeSize()[1]])
        mount.widget.value = text
        return mount
    })
    window.wmFill = () => wmMounts.forEach(mount => mount.fill(makeCameraPath))
    app.canvas.setDirty(true, true)
}"""
"""Three nodes with the place of an editor whose module has not come."""
SIZES = "() => app.graph.nodes.map(node => [...node.size])"


def test_the_page_knows_every_node(page: Page, comfy: ComfyHost) -> None:
    listed = comfy.client.call("/object_info")
    ours = {name for name, info in listed.items() if info["python_module"] == f"custom_nodes.{PACK}"}
    known = set(page.evaluate("() => Object.keys(LiteGraph.registered_node_types)"))
    assert ours <= known
    assert known & set(listed), "the page has not read the host's list of nodes"


def test_little_is_asked_for_before_an_editor_is_opened(request: pytest.FixtureRequest, page: Page) -> None:
    asked = request.getfixturevalue("pages").began[request.node.callspec.params["page"]]
    assert {path.name for path in WEB.glob("*.js")} <= set(asked), "not all entries were counted"
    assert len(asked) <= MOST_FILES, asked
    assert sum((WEB / name).stat().st_size for name in asked) <= MOST_BYTES
    EditorPage(page, "WMCameraPath", "path").add(size=(820, 680))
    expect(page.locator(".wm-editor")).to_have_count(1)


def test_an_editor_whose_module_comes_late_has_kept_value_and_size(page: Page) -> None:
    text = '{"type":"path","version":1,"frames":69,"keyframes":[{"f":0,"p":[0,0,0]},{"f":68,"p":[3,0,3.5]}]}'
    page.evaluate(LATE, [PACK, text])
    value = "() => wmMounts[0].widget.value"
    assert page.evaluate(value) == text
    assert page.evaluate("() => app.graph.serialize().nodes[0].widgets_values").count(text) == 1
    places = page.evaluate_handle("() => wmMounts[0].root")
    page.wait_for_function("root => root.isConnected && root.clientHeight >= 534", arg=places)
    sizes = page.evaluate(SIZES)
    page.evaluate("() => app.graph.remove(app.graph.nodes[2])")
    page.evaluate("() => wmMounts[1].fail('Camera Path', new Error('the server is away'))")
    said = page.get_by_role("alert").filter(has_text="The editor of Camera Path could not be loaded")
    expect(said).to_contain_text("(the server is away): the node keeps its value; reload the page to edit it.")
    page.evaluate("() => { wmMounts.splice(1, 1); wmFill() }")
    editor = page.locator(".wm-editor")
    expect(editor).to_have_count(1)  # and none in the node that was removed
    expect(editor.locator(".wm-strip")).to_contain_text("kept")
    assert editor.evaluate("editor => editor.clientHeight") >= 534
    assert page.evaluate(value) == text
    assert page.evaluate(SIZES) == sizes[:2]
