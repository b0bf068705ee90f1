"""What an artist does on an ordinary day, from a saved workflow: takes and retakes, all at once, ready-made walks."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from browser.camera_path_page import CORNER
from editor_page import ARTEFACTS, EditorPage, settle
from playwright.sync_api import Page, expect

WALK = (
    '{"type":"track","version":1,"frames":57,"keys":{"forward":[[4,28]]},"mouse":{"yaw":[[9,0],[21,2.5]]},'
    '"prompts":[[3,"rain"]]}'
)
WALKER = {
    "id": 1, "type": "WMActionTrack", "pos": [0, 0], "size": [860, 560], "widgets_values": ["Tiny World", 0, WALK],
}  # fmt: skip
CAMERA = {
    "id": 2, "type": "WMCameraPath", "pos": [0, 640], "size": [860, 660], "widgets_values": ["Tiny World", 0, CORNER],
}  # fmt: skip
OPEN = """async ([nodes, zoom]) => {
    await app.loadGraphData({
        version: 0.4, last_node_id: nodes.length, last_link_id: 0, links: [], groups: [], config: {}, extra: {},
        nodes: nodes.map((node, order) =>
            ({ flags: {}, order, mode: 0, inputs: [], outputs: [], properties: {}, ...node })),
        id: crypto.randomUUID(),
    })
    Object.assign(app.canvas.ds, { scale: zoom, offset: [70 / zoom + 10, 50 / zoom + 20] })
    app.canvas.setDirty(true, true)
}"""
VALUE = "id => app.graph.getNodeById(id)?.widgets.find(widget => ['track', 'path'].includes(widget.name)).value"
SELECTED = "() => [...app.canvas.selectedItems].length"
SIDEBAR = "() => app.extensionManager.sidebarTab.activeSidebarTabId ?? null"
GROWN = "() => Number(/frame \\d+ \\/ (\\d+)/.exec(document.querySelector('.wm-recordbar').innerText)?.[1]) > 57"
LOOK_AT = """([x, y]) => {
    Object.assign(app.canvas.ds, { scale: 1, offset: [-x + 80, -y + 80] })
    app.canvas.setDirty(true, true)
}"""
UNPLUG = """title => {
    const node = app.graph.nodes.find(node => node.title === title)
    node.disconnectInput(node.inputs.findIndex(input => input.name === 'track'))
}"""
WORKFLOWS = Path(__file__).resolve().parents[2] / "workflows"
BRANCHES, RESUME = WORKFLOWS / "Branch and compare.json", WORKFLOWS / "Stop, save, resume.json"
OWN_TYPES = re.findall(r'"(WM_[A-Z]+)"', (WORKFLOWS.parent / "nodes" / "types.py").read_text(encoding="utf-8"))
COLOURS = """types => types.flatMap(type => [
    app.canvas.constructor.link_type_colors[type],
    getComputedStyle(document.documentElement).getPropertyValue(`--color-datatype-${type}`) + ' of sockets',
])"""
REPORTED = """async () => {
    wmClear()
    app.rootGraph.id = crypto.randomUUID()
    const node = LiteGraph.createNode('WMLoadWorld')
    app.graph.add(node)
    node.setSize([330, 140])
    const text = Array.from({ length: 4 }, (_, i) => `line ${i}: `.padEnd(80, 'a word ')).join('\\n')
    const say = text => {
        window.comfyAPI.api.api.dispatchCustomEvent('progress_text', { nodeId: String(node.id), text })
        return node.size[1]
    }
    const before = node.size[1], long = say(text), short = say('A line.'), again = say(text)
    const { size: [, saved] } = node.serialize()
    await app.loadGraphData(app.graph.serialize())
    const later = app.graph.getNodeById(node.id)
    const widget = later.widgets.find(({ name }) => name === '$$node-text-preview')
    const dimmed = () => widget.element.hasAttribute('data-before')
    const run = type => window.comfyAPI.api.api.dispatchCustomEvent(type, String(node.id))
    const fresh = dimmed()
    run('executing')
    const running = dimmed()
    say(text)
    return { before, long, short, again, saved, later: later.size[1], kept: widget.value === text,
        height: widget.computeSize(330)[1], dimmed: [fresh, running, dimmed()] }
}"""
"""What a node of ours does with four long lines, with a short one, and when its workflow is opened again."""
LENGTH = "Keep the track's length"


@pytest.fixture
def editor(page: Page) -> EditorPage:
    return EditorPage(page, "WMActionTrack", "track")


def open_saved(page: Page, *nodes: dict[str, Any], zoom: float = 1.0) -> None:
    """Open a workflow with these nodes, as it was saved."""
    page.evaluate(OPEN, [list(nodes), zoom])
    expect(page.locator(".wm-editor .wm-strip .wm-chip")).to_have_count(3 * len(nodes))
    settle(page)


def value(page: Page, node: dict[str, Any]) -> dict[str, Any]:
    """Return the value of an editor's node."""
    return json.loads(page.evaluate(VALUE, node["id"]))


def test_takes_grow_begin_where_the_last_one_began_and_keep_their_keys(editor: EditorPage) -> None:
    page = editor.page
    values = ["Tiny World", 60, WALK]
    open_saved(page, WALKER | {"widgets_values": values})
    record, playhead = page.get_by_role("button", name="Record", exact=True), page.locator(".wm-tools input").first
    page.locator(".wm-plot").focus()
    editor.press("End")
    record.click(modifiers=["Shift"])
    expect(page.locator(".wm-recordbar")).to_be_visible()
    page.keyboard.down("w")
    page.wait_for_function(GROWN)  # from the last frame, the track is recorded anew, and it grows
    editor.press("Escape")
    page.keyboard.up("w")
    first = editor.track
    assert first["frames"] > 57 and (first["frames"] - 9) % 12 == 0, "it ends with a chunk"
    assert len(first["keys"]["forward"]) == 1 and sum(first["keys"]["forward"][0]) > 57, "the old walk is gone"
    expect(playhead).to_have_value("0")

    page.get_by_role("button", name=LENGTH).click()
    record.click(modifiers=["Shift"])
    expect(page.locator(".wm-recordbar")).to_be_visible()
    page.keyboard.down("s")
    expect(page.locator(".wm-recordbar")).to_be_hidden()  # by itself, at the track's end
    page.keyboard.up("s")
    editor.press("a", "Backspace", "a")  # one goes on playing until one sees it
    assert page.evaluate(SIDEBAR) is None, "a key of the take reached the host"
    second = editor.track
    assert second["frames"] == first["frames"] and "forward" not in second["keys"], "the whole take was taken again"
    expect(playhead).to_have_value("0")


def test_all_is_selected_and_cleared_in_the_editor_and_not_in_the_graph(page: Page) -> None:
    open_saved(page, WALKER, CAMERA, zoom=0.6)
    for node, kind, empty in (
        (WALKER, "action", {"keys": {}, "mouse": {}, "prompts": []}),
        (CAMERA, "path", {"keyframes": []}),
    ):
        editor, whole = page.locator(f".wm-editor[data-wm-kind={kind}]"), value(page, node)
        editor.locator(".wm-plot").first.focus()
        page.keyboard.press("Control+a")
        settle(page)
        assert page.evaluate(SELECTED) < 2, "the host selected all nodes"
        page.keyboard.press("Delete")
        settle(page)
        assert value(page, node) == whole | empty and len(page.evaluate("() => app.graph.nodes")) == 2
        page.keyboard.press("Control+z")
        page.wait_for_function(f"([id, text]) => ({VALUE})(id) === text", arg=[node["id"], node["widgets_values"][2]])
        settle(page)
        editor.get_by_role("button", name="Ready-made").click()
        page.locator(".wm-popup").get_by_text("Clear all").click()
        settle(page)
        assert value(page, node) == whole | empty


def test_a_ready_made_walk_replaces_all_or_goes_in_here_and_ends_with_a_chunk(editor: EditorPage) -> None:
    page = editor.page
    open_saved(page, WALKER)
    page.locator(".wm-plot").focus()
    editor.press("End")
    presets = page.get_by_role("button", name="Ready-made")
    walk = page.locator(".wm-popup").get_by_text("There and back")
    presets.click()
    expect(walk).to_have_count(2)
    walk.first.click()
    expect(page.locator(".wm-tools input").first).to_have_value("0")
    settle(page)
    made = editor.track
    assert made["frames"] == 57 and made["prompts"] == [] and made["keys"]["forward"][0][0] == 0
    assert made["keys"]["back"][-1] == [29, 27], "the way back ends with the track"

    page.locator(".wm-plot").focus()
    editor.press("PageDown", "PageDown")
    presets.click()
    page.locator(".wm-popup").get_by_text("Look around").last.click()
    expect(page.locator(".wm-status")).to_contain_text("0 left over")
    page.wait_for_function("() => JSON.parse(app.graph.nodes[0].widgets.at(-1).value).frames === 93")
    assert editor.track["keys"]["forward"] == [[0, 21]], "what was there before it stays"


def test_a_track_for_a_world_that_goes_on_is_counted_from_where_it_goes_on(
    page: Page, request: pytest.FixtureRequest
) -> None:
    """The shipped branches, whose tracks of 24 frames are two chunks where the trunk of 33 frames ends."""
    page.evaluate("graph => app.loadGraphData(graph)", json.loads(BRANCHES.read_text(encoding="utf-8")))
    page.evaluate(LOOK_AT, [1700, 180])
    editor = page.locator(".wm-editor[aria-label='Action track']").filter(has_text="24 frames").first
    status = editor.locator(".wm-status")
    for said in ("2 chunks", "0 left over", "goes on at frame 33, 2.06 s"):
        expect(status).to_contain_text(said)
    expect(status).to_contain_text("chunk 3")
    expect(editor.get_by_label("Playhead, seconds")).to_have_value("2.06")
    expect(editor.locator(".wm-chip", has_text="kept")).to_contain_text("24")
    expect(editor.locator(".wm-chip", has_text="dropped")).to_contain_text("0")
    expect(editor.get_by_role("button", name="trim to")).to_have_count(0)
    ARTEFACTS.mkdir(exist_ok=True)
    editor.screenshot(path=ARTEFACTS / f"goes_on_{request.node.callspec.id}.png")

    page.evaluate(UNPLUG, "Rollout World: left")  # which world it goes to, nobody knows any more
    expect(status).to_contain_text("3 left over in a new world, 0 in one that goes on")
    expect(status.locator(".wm-sign")).to_have_count(0)
    expect(editor.locator(".wm-chip", has_text="dropped")).to_contain_text("0")


def test_a_track_for_a_saved_world_is_not_shown_red_before_there_is_one(page: Page) -> None:
    page.evaluate("graph => app.loadGraphData(graph)", json.loads(RESUME.read_text(encoding="utf-8")))
    page.evaluate(LOOK_AT, [420, 1470])
    editor = page.locator(".wm-editor").filter(has_text="84 frames").first
    expect(editor.locator(".wm-status")).to_contain_text("0 in one that goes on")
    expect(editor.locator(".wm-sign")).to_have_count(0)
    expect(editor.locator(".wm-chip", has_text="dropped")).to_contain_text("0")


def test_wires_are_told_apart_and_reports_are_seen_whole(page: Page, request: pytest.FixtureRequest) -> None:
    colours = page.evaluate(COLOURS, OWN_TYPES)
    assert len(set(colours)) == len(colours) == 2 * len(OWN_TYPES) and all(colours), colours
    if request.node.callspec.params["page"] == "classic":
        told = page.evaluate(REPORTED)
        assert told["height"] >= 8 * 16 and told["long"] >= told["height"] + 60
        assert told["before"] <= told["short"] < told["long"] == told["again"] == told["later"]
        assert told["saved"] < told["short"] and told["kept"], "a workflow is saved without the room for a report"
        assert told["dimmed"] == [False, True, False], "while a node is at work its report is of the run before"


def test_a_camera_path_lists_each_look_once_and_says_how_near_the_model_comes(page: Page) -> None:
    path = {
        "type": "path",
        "version": 1,
        "frames": 57,
        "keyframes": [{"f": 0, "p": [0, 0, 0]}, {"f": 56, "p": [2, 0, 4]}],
    }
    values = ["Tiny World", 0, json.dumps(path)]
    open_saved(page, CAMERA | {"id": 1, "pos": [0, 0], "widgets_values": values})
    expect(page.locator(".wm-strip")).to_contain_text(re.compile(r"The model walks this to within 0\.\d\d m\."))
    page.locator(".wm-plot").first.focus()
    page.keyboard.press("PageDown")
    page.locator(".wm-inspect").get_by_role("button", name="look").click()
    entries = page.locator(".wm-popup .wm-entry").all_inner_texts()
    assert entries == ["along path", "at target", "keyed", "All keyframes along path"]
