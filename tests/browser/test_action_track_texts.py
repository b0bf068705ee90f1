"""Action Track's text: saved, copied, linked in, mistaken, older than the editor; and what an editor leaves behind."""

from __future__ import annotations

import json

import pytest
from editor_page import EditorPage, pause, settle
from playwright.sync_api import Page, expect

WALK = (
    '{"type":"track","version":1,"frames":57,"keys":{"forward":[[4,28]]},"mouse":{"yaw":[[9,0],[21,2.5]]},"prompts":[]}'
)
SHORT = "forward*24 right+yaw_right*9"
OLD = {"name": "track", "type": "STRING", "widget": {"name": "track"}, "link": None}

SAVE = "() => JSON.stringify(app.graph.serialize())"
OPEN = "async graph => { await app.loadGraphData(graph) }"
COPY = """() => {
    app.canvas.selectItems([app.graph.nodes[0]])
    app.canvas.copyToClipboard()
    app.canvas.pasteFromClipboard()
    app.graph.nodes[1].pos = [1200, 0]
}"""
VALUES = """() => app.graph.nodes.filter(node => node.type === 'WMActionTrack')
    .map(node => node.widgets.map(widget => widget.value))"""
ARE = f"wanted => JSON.stringify(({VALUES})()) === JSON.stringify(wanted)"
LINK = """text => {
    const source = LiteGraph.createNode('PrimitiveString')
    app.graph.add(source)
    source.pos = [-600, 0]
    source.widgets[0].value = text
    const track = app.graph.nodes[0]
    source.connect(0, track, track.inputs.findIndex(input => input.name === 'track'))
}"""
SEE = """() => {
    const view = LiteGraph.createNode('PreviewAny')
    app.graph.add(view)
    view.pos = [1200, 0]
    app.graph.nodes[0].connect(1, view, 0)
}"""
FIND = "() => app.canvas.getNodeMenuOptions(app.graph.nodes[0]).find(item => item?.content === 'Copy in')"
MENU = f"() => {{ const found = ({FIND})(); return {{ disabled: found.disabled }} }}"
MOVE = """() => {
    app.canvas.emitBeforeChange()
    app.graph.nodes[0].pos = [0, 40]
    app.canvas.emitAfterChange()
}"""
RUN = """() => new Promise((resolve, reject) => {
    const { api } = window.comfyAPI.api
    api.addEventListener('execution_success', resolve, { once: true })
    api.addEventListener('execution_error', event => reject(new Error(event.detail.exception_message)), { once: true })
    app.queuePrompt(0, 1)
})"""
COUNT = """() => {
    window.drawn = 0
    const clear = CanvasRenderingContext2D.prototype.clearRect
    CanvasRenderingContext2D.prototype.clearRect = function (...values) {
        if (this.canvas.closest('.wm-editor')) window.drawn += 1
        return clear.apply(this, values)
    }
}"""


@pytest.fixture
def editor(page: Page) -> EditorPage:
    return EditorPage(page, "WMActionTrack", "track")


def test_texts_are_kept_until_the_artist_edits_them(editor: EditorPage, request: pytest.FixtureRequest) -> None:
    page = editor.page
    picture = request.node.callspec.id
    editor.add(track=SHORT)
    expect(page.locator(".wm-status")).to_contain_text("33 frames")
    assert editor.text == SHORT, "looking at a text must not change it"
    editor.click(160, 70)
    assert editor.track["keys"]["forward"] == [[0, 24]] and "back" in editor.track["keys"]

    broken = '{"type":"track","version":1 "frames":57}'
    editor.add(track=broken)
    notice = page.locator(".wm-notice")
    expect(notice).to_contain_text("Not a track:")
    editor.drag((200, 48), (300, 48))
    editor.press("Enter", "d", "i")
    assert editor.text == broken
    editor.picture(f"invalid_{picture}")
    notice.get_by_role("button", name="Edit text").click()
    page.locator(".wm-dialog textarea").fill(WALK.replace('"version":1', '"version":3'))
    page.locator(".wm-dialog").get_by_role("button", name="Keep").click()
    expect(notice).to_contain_text("made by a newer version (3), this one reads up to 1")
    notice.get_by_role("button", name="Edit text").click()
    page.locator(".wm-dialog textarea").fill(WALK.replace('"frames":57', '"frames":21'))
    page.locator(".wm-dialog").get_by_role("button", name="Keep").click()
    expect(notice).to_contain_text("11 frames after the end")
    editor.picture(f"over_long_{picture}")
    notice.get_by_role("button", name="Use 33").click()
    expect(notice).to_be_hidden()
    assert editor.track["frames"] == 33

    editor.add(size=(440, 740), track="")
    expect(page.locator(".wm-empty")).to_be_visible()
    editor.picture(f"empty_narrow_{picture}")
    page.get_by_role("button", name="Look around").click()
    expect(page.locator(".wm-empty")).to_be_hidden()
    assert editor.track["mouse"]["yaw"] and editor.track["frames"] == 57
    expect(page.locator(".wm-strip")).to_contain_text("57 kept")
    editor.picture(f"narrow_{picture}")


def test_a_link_drives_the_editor_and_its_text_can_be_copied_in(
    editor: EditorPage, request: pytest.FixtureRequest
) -> None:
    page, renderer = editor.page, request.node.callspec.params["page"]
    editor.add(track=WALK)
    page.evaluate(SEE)
    page.evaluate(LINK, SHORT)
    page.wait_for_function(f"() => ({MENU})().disabled")
    notice = page.locator(".wm-notice")
    hidden = renderer == "classic"  # that hides a widget that a link drives
    expect(notice).to_be_visible(visible=not hidden)
    if not hidden:
        expect(notice).to_contain_text("Driven by a link. Read only here.")
        expect(notice.get_by_role("button", name="Copy in")).to_be_disabled()
        editor.drag((200, 70), (300, 70))
    assert editor.text == WALK
    page.evaluate(RUN)
    page.wait_for_function(f"() => ({MENU})().disabled === false")
    if not hidden:
        expect(page.locator(".wm-status")).to_contain_text("33 frames")
    page.evaluate(MOVE)
    page.locator("#graph-canvas").focus()
    page.keyboard.press("Control+z")
    page.wait_for_function("() => app.graph.nodes.length && [...app.graph.nodes[0].pos].join() === '0,0'")
    page.wait_for_function(f"() => ({MENU})().disabled === false")  # what the last run was given outlasts an undo
    page.evaluate(f"() => {{ ({FIND})().callback() }}")
    expect(page.locator(".wm-status")).to_contain_text("33 frames")
    expect(notice).to_be_hidden()
    assert editor.track["keys"] == {"forward": [[0, 24]], "right": [[24, 9]]}
    assert page.evaluate("() => app.graph.nodes[0].inputs.every(input => input.link == null)")


def test_workflows_keep_their_tracks_old_ones_too(editor: EditorPage) -> None:
    page = editor.page
    editor.add(track=WALK, model="Matrix-Game 2.0 universal", fps=12)
    page.evaluate(COPY)
    values = ["Matrix-Game 2.0 universal", 12, WALK]
    page.wait_for_function(ARE, arg=[values, values])
    settle(page)
    editor.click(160, 70)
    changed = page.evaluate(VALUES)
    assert changed != [values, values] and values in changed, "two editors share a state"
    page.evaluate(OPEN, json.loads(page.evaluate(SAVE)))
    page.wait_for_function(ARE, arg=changed)

    old = {"last_node_id": 3, "last_link_id": 0, "links": [], "groups": [], "config": {}, "extra": {}, "version": 0.4}
    texts = [[SHORT, "from the text"], ["", "look around", 69], ["idle", "random from a seed", 45, 7]]
    old["nodes"] = [
        {"id": i + 1, "type": "WMActionTrack", "pos": [0, 700 * i], "size": [330, 150], "flags": {}, "order": i,
         "mode": 0, "inputs": [OLD], "outputs": [], "properties": {}, "widgets_values": value}
        for i, value in enumerate(texts)
    ]  # fmt: skip
    page.evaluate(OPEN, old)
    found = page.evaluate(VALUES)
    assert [value[:2] for value in found] == [["Tiny World", 0]] * 3
    assert found[0][2] == SHORT
    assert [json.loads(value[2])["frames"] for value in found[1:]] == [69, 45]
    assert json.loads(found[2][2])["keys"], "the walk of that seed"


def test_an_editor_rests_and_leaves_nothing_behind(editor: EditorPage) -> None:
    page = editor.page
    page.evaluate(COUNT)
    editor.add(track=WALK)
    page.mouse.move(5, 5)
    settle(page)
    before = page.evaluate("window.drawn")
    pause(page, 500)
    assert page.evaluate("window.drawn") == before, "something draws while nothing changes"

    page.evaluate("() => { window.former = document.querySelector('.wm-editor') }")
    page.locator(".wm-tools [aria-haspopup=menu]").first.click()
    page.get_by_role("button", name="Record").click(modifiers=["Shift"])
    pause(page, 400)
    page.evaluate("() => app.graph.clear()")
    expect(page.locator(".wm-editor, .wm-popup")).to_have_count(0)
    page.wait_for_function("() => former.childElementCount === 0 && document.pointerLockElement === null")
    settle(page)
    before = page.evaluate("window.drawn")
    page.keyboard.press("w")
    page.mouse.wheel(0, 100)
    page.set_viewport_size({"width": 1400, "height": 900})
    pause(page, 400)
    assert page.evaluate("window.drawn") == before, "a removed editor still listens"
