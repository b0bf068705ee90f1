"""The Camera Path editor in the host's page: drawn with the pointer and the keyboard, in both renderers."""

from __future__ import annotations

import json
import re

import pytest
from browser.camera_path_page import ASKED, CORNER, DRAGGED, PLAN, VALUE, Editor
from editor_page import EditorPage, aim, box_of, settle
from playwright.sync_api import Page, expect

HELD = """() => {
  const root = document.querySelector(".wm-editor")
  const bars = [".wm-tools", ".wm-strip"].map((name) => root.querySelector(name))
  return root.offsetHeight <= root.parentElement.offsetHeight && bars.every((bar) => bar.scrollWidth <= bar.clientWidth)
}"""
"""Whether nothing sticks out below the editor, nor to the right of the tool bar and of the binding strip."""


def near(a: list[float], b: list[float], metres: float = 0.15) -> bool:
    """Tell whether two places are one, to a few pixels."""
    return all(abs(x - y) <= metres for x, y in zip(a, b, strict=True))


@pytest.fixture
def renderer(request: pytest.FixtureRequest) -> str:
    """Name of the renderer that `page` runs in."""
    return request.node.callspec.params["page"]


def test_a_walk_is_drawn_and_bent_at_every_zoom(page: Page, renderer: str) -> None:
    """Freehand, with keyframes, by its handles: the pointer means the same place at every zoom of the graph."""
    for scale in (0.5, 1.0, 2.0):
        draw_and_move(page, scale)
    bend_turn_and_copy(page, renderer)
    turn_a_camera_and_move_the_target(page)


def draw_and_move(page: Page, scale: float) -> None:
    """A stroke, a click behind it, and the last keyframe moved."""
    editor = Editor(page, None, 640, scale)
    assert page.evaluate(VALUE) == ""
    plot = box_of(page.locator(".wm-plot").first)
    middle = (plot["x"] + plot["width"] / 2, plot["y"] + plot["height"] / 2)
    reach = 100 * scale
    editor.tool("Draw freehand")
    editor.drag((middle[0] - reach, middle[1]), (middle[0], middle[1] - reach / 2), (middle[0] + reach, middle[1]))
    drawn = editor.path
    assert 2 <= len(drawn["keyframes"]) <= 20 and drawn["frames"] == drawn["keyframes"][-1]["f"] + 1
    width = drawn["keyframes"][-1]["p"][0] - drawn["keyframes"][0]["p"][0]
    editor.click(middle[0] + reach, middle[1] + reach / 2)
    settle(page)
    added = editor.path["keyframes"]
    assert len(added) == len(drawn["keyframes"]) + 1
    step = added[-2]["p"][2] - added[-1]["p"][2]
    assert abs(step - width / 4) <= 0.1 * width, "half as far down as it is half as wide"
    editor.press("Escape", "Escape")
    editor.tool("Select and move")
    editor.press("0")
    place = added[-1]["p"]
    start = editor.at(place[0], place[2])
    editor.drag(start, (start[0] + 20 * scale, start[1] + 15 * scale))
    moved = editor.path["keyframes"][-1]["p"]
    assert moved[0] > place[0] and moved[2] < place[2]


def bend_turn_and_copy(page: Page, renderer: str) -> None:
    """Tangents, wedges, copies and nudges."""
    editor = Editor(page)
    assert editor.report()
    x, y = editor.at(0, 3)
    editor.click(x, y)
    expect(page.locator(".wm-inspect .wm-title b").first).to_have_text("Keyframe 1")
    editor.screenshot(f"camera_path_{renderer}_handles")
    out = page.evaluate("""async () => {
      const [{ tangents }, { parse }] = await wmTest.modules("path/edits", "path/path")
      return tangents(parse(wmTest.value()).path, 1).out
    }""")
    start = editor.at(out[0], 3 + out[2])
    editor.drag(start, (start[0] - 30, start[1] - 40))
    bent = editor.path["keyframes"][1]
    assert bent["out"] and "in" not in bent, "both sides turn together"
    editor.press("0")
    start = editor.at(bent["out"][0], 3 + bent["out"][2])
    editor.drag(start, (start[0] + 25, start[1] + 5), key="Alt")
    assert editor.path["keyframes"][1]["in"], "Alt breaks them"
    editor.press("0")
    x, y = editor.at(3, 3.5)
    start = (x, y)
    editor.drag(start, (start[0] + 60, start[1] + 40), key="Alt")
    assert len(editor.path["keyframes"]) == 4, "Alt copies a keyframe"
    editor.press("0")
    x, y = editor.at(*[editor.path["keyframes"][0]["p"][i] for i in (0, 2)])
    editor.click(x, y)
    editor.press("Shift+ArrowRight", "Shift+ArrowUp")
    assert near(editor.path["keyframes"][0]["p"], [0.05, 0, 0.05], 1e-9)


def turn_a_camera_and_move_the_target(page: Page) -> None:
    """A wedge dragged with Shift, and the target."""
    editor = Editor(page, CORNER.replace('"p":[3,0,3.5]', '"p":[3,0,3.5],"look":[90,0]'))
    x, y = editor.at(3, 3.5)
    editor.drag((x + 20, y), (x, y + 20), key="Shift")
    assert editor.path["keyframes"][2]["look"] == [180, 0]
    editor.press("t")
    target = editor.path["target"]
    editor.press("0")
    start = editor.at(target[0], target[2])
    editor.drag(start, (start[0] + 40, start[1] - 30))
    assert editor.path["target"][0] > target[0] and editor.path["target"][2] > target[2]


def test_the_profile_the_loop_and_undo(page: Page, renderer: str) -> None:
    """Time, height and speed are dragged; every edit is one step of the host's undo; nodes are copied and removed."""
    retime_lift_and_slow(page, renderer)
    close_and_undo(page)
    copy_load_and_remove(page)


def retime_lift_and_slow(page: Page, renderer: str) -> None:
    """The profile under the pointer."""
    editor = Editor(page)
    box = box_of(page.locator(".wm-profile"))
    places = page.evaluate("""async () => {
      const [profile, state, { parse }] = await wmTest.modules("path_editor/profile", "path_editor/state", "path/path")
      const [variant] = await (await fetch("/wm/variants")).json()
      const now = { ...state.START, variant, path: parse(wmTest.value()).path }
      const drawn = state.drawnCache()(now)
      const { clientWidth: width, clientHeight: height } = document.querySelector(".wm-profile")
      const made = profile.profileOf(now, drawn, { width, height }, false)
      const x = (frame) => made.view.left + (frame - made.view.first) * made.view.scale
      return {
        diamond: [x(30), profile.toY(made.height, 0.5)],
        speed: [x(15), profile.toY(made.speed, drawn.speeds[15])],
        ruler: [x(20), 8],
      }
    }""")
    on = lambda name: (box["x"] + 1 + places[name][0], box["y"] + 1 + places[name][1])  # noqa: E731
    editor.click(*on("ruler"))
    expect(page.locator(".wm-right")).to_have_text(re.compile("^frame 20"))
    x, y = on("speed")
    editor.drag((x, y), (x, y + 12))
    slower = editor.path
    assert slower["frames"] > 69 and slower["keyframes"][1]["f"] > 30
    editor.press("Control+z")
    editor.becomes(json.loads(CORNER))
    x, y = on("diamond")
    editor.drag((x, y), (x + 60, y - 15))
    lifted = editor.path["keyframes"][1]
    assert lifted["f"] > 30 and lifted["p"][1] < -0.5
    editor.screenshot(f"camera_path_{renderer}_profile")


def close_and_undo(page: Page) -> None:
    """A loop closed by dropping its end on its beginning, opened, changed, and all of it undone."""
    editor = Editor(page)
    steps = [editor.path]
    start, end = editor.at(3, 3.5), editor.at(0, 0)
    editor.drag(start, (end[0] + 5, end[1] - 4))
    steps.append(editor.path)
    assert steps[1]["closed"] and len(steps[1]["keyframes"]) == 2
    editor.press("l")
    steps.append(editor.path)
    assert "closed" not in steps[2]
    editor.press("l")
    steps.append(editor.path)
    assert steps[3]["closed"] and steps[3]["frames"] % 12 == 9, "the way back that is added ends with a chunk"
    editor.press("l")
    steps.append(editor.path)
    editor.press("Home", "ArrowRight", "ArrowRight", "ArrowRight", "ArrowRight", "i")
    steps.append(editor.path)
    assert [k["f"] for k in steps[5]["keyframes"]][1] == 4
    editor.press("Delete")
    steps.append(editor.path)
    assert len(steps[6]["keyframes"]) == len(steps[4]["keyframes"])
    for before in steps[-2::-1]:
        editor.press("Control+z")
        editor.becomes(before)
    editor.press("Control+Shift+z")
    editor.becomes(steps[1])
    page.wait_for_function("() => document.activeElement?.classList.contains('wm-plot')")  # the keyboard goes on


def copy_load_and_remove(page: Page) -> None:
    """Keyframes and nodes are copied, a workflow is loaded again, and removal leaves nothing."""
    editor = Editor(page)
    x, y = editor.at(0, 3)
    editor.click(x, y)
    editor.press("Shift+C", "End", "Shift+V")
    assert len(editor.path["keyframes"]) == 4
    editor.press("d")
    assert len(editor.path["keyframes"]) == 5
    texts = page.evaluate("""() => {
      const copy = wmTest.node().clone()
      app.graph.add(copy)
      const texts = app.graph.nodes.map((one) => one.widgets.find((widget) => widget.name === "path").value)
      app.graph.remove(copy)
      return texts
    }""")
    assert texts[0] == texts[1]
    before = editor.path
    saved = page.evaluate("() => JSON.stringify(app.graph.serialize())")
    page.evaluate("(text) => app.loadGraphData(JSON.parse(text))", saved)
    editor.becomes(before)
    page.evaluate("() => app.graph.clear()")
    expect(page.locator(".wm-editor, .wm-popup")).to_have_count(0)


@pytest.mark.parametrize("kind", ["WMActionTrack", "WMCameraPath"])
def test_a_small_node_holds_its_editor(page: Page, kind: str) -> None:
    """No part sticks out of a node that is as low as it can be, nor tools and chips out of a narrow one."""
    editor = EditorPage(page, kind, "track" if kind == "WMActionTrack" else "path")
    for width in (900, 420, 300):
        editor.add(size=(width, 400))
        page.wait_for_function(HELD)


def test_states_forms_and_cost(page: Page, renderer: str) -> None:
    """What is shown when there is no path, a broken one or a linked one; narrow and light; and at what cost."""
    say_what_is_the_matter(page, renderer)
    narrow_and_light(page, renderer)
    rest_and_drag_quickly(page)
    follow_a_link(page, renderer)


def say_what_is_the_matter(page: Page, renderer: str) -> None:
    """Empty, invalid, newer, over-long."""
    editor = Editor(page, None)
    expect(page.locator(".wm-card")).to_have_count(4)
    editor.screenshot(f"camera_path_{renderer}_empty")
    page.locator(".wm-card").nth(1).click()
    page.wait_for_function(f"() => ({VALUE})()")
    settle(page)
    assert editor.path["closed"] and "kept" in editor.report()
    editor.screenshot(f"camera_path_{renderer}_circle")
    lay_a_picture(editor)
    for text, words in (
        ('{"type":"path"', "Not a path:"),
        (CORNER.replace('"version":1', '"version":3'), "made by a newer version (3)"),
        (CORNER.replace('"frames":69', '"frames":40'), "1 keyframe after the end"),
    ):
        editor = Editor(page, text)
        expect(page.locator(".wm-notice")).to_contain_text(words)
        assert page.evaluate(VALUE) == text, "a text is never overwritten in silence"
    page.locator(".wm-notice button").click()
    settle(page)
    assert editor.path["frames"] == 69


def lay_a_picture(editor: Editor) -> None:
    """A plan goes to the host's input folder and lies under the grid."""
    editor.tool("Ready-made paths")
    with editor.page.expect_file_chooser() as chooser:
        editor.page.get_by_role("menuitem", name="Picture below the path").click()
    chooser.value.set_files({"name": "plan.png", "mimeType": "image/png", "buffer": PLAN})
    editor.page.wait_for_function("() => wmTest.value().includes('background')")
    background = editor.path["background"]
    assert (
        background["image"].startswith("worldmodel/plan") and background["width"] > 1 and background["opacity"] == 0.5
    )
    editor.page.get_by_role("button", name="Remove the picture").click()
    settle(editor.page)
    assert "background" not in editor.path


def follow_a_link(page: Page, renderer: str) -> None:
    """A link drives the editor until its text is copied in."""
    editor = Editor(page, None)
    page.evaluate(
        """(text) => {
          const node = wmTest.node()
          const source = LiteGraph.createNode("PrimitiveStringMultiline")
          app.graph.add(source)
          source.pos = [-400, 90]
          source.widgets[0].value = text
          source.connect(0, node, node.inputs.findIndex((one) => one.name === "path"))
          const shown = LiteGraph.createNode("PreviewAny")
          app.graph.add(shown)
          node.connect(1, shown, 0)
        }""",
        CORNER,
    )
    settle(page)
    page.evaluate("() => app.queuePrompt(0)")
    page.wait_for_function(
        "() => app.nodeOutputs && Object.values(app.nodeOutputs).some((output) => output.wm)", timeout=60_000
    )
    settle(page)
    if page.locator(".wm-notice button").count():  # one of the page's versions takes a linked widget away
        expect(page.locator(".wm-notice")).to_contain_text("Driven by a link")
        if page.locator(".wm-editor").first.is_visible():
            editor.screenshot(f"camera_path_{renderer}_linked")
        page.evaluate("() => document.querySelector('.wm-notice button').click()")
        settle(page)
        assert editor.path == json.loads(CORNER)
        assert not page.evaluate("() => wmTest.node().inputs.some((one) => one.name === 'path' && one.link != null)")


def rest_and_drag_quickly(page: Page) -> None:
    """At rest nothing runs; a path of 10,000 frames is dragged at 30 frames a second."""
    keyframes = [{"f": i * 250, "p": [round(3 * (i % 7) / 7, 3), 0, i * 20]} for i in range(41)]
    editor = Editor(page, json.dumps({"type": "path", "version": 1, "frames": 10_001, "keyframes": keyframes}))
    editor.report()
    settle(page)
    assert page.evaluate(ASKED) == 0, "nothing is drawn while the editor rests"
    x, y = editor.at(*[keyframes[20]["p"][i] for i in (0, 2)])
    aim(page, x, y)
    editor.mouse.down()
    busy = page.evaluate(DRAGGED, [x, y])
    editor.mouse.up()
    assert busy <= 1000 / 30, f"{busy:.0f} ms of work a frame"


def narrow_and_light(page: Page, renderer: str) -> None:
    """A narrow node, its sheet, and the host's light palette."""
    editor = Editor(page, CORNER, 420)
    x, y = editor.at(0, 3)
    editor.click(x, y)
    settle(page)
    editor.screenshot(f"camera_path_{renderer}_narrow")
    page.locator(".wm-inspect-row .wm-tool").last.click()
    settle(page)
    expect(page.locator(".wm-inspect")).to_be_visible()
    editor.screenshot(f"camera_path_{renderer}_sheet")
    page.locator(".wm-inspect-row .wm-tool").last.click()
    page.evaluate("() => app.extensionManager.setting.set('Comfy.ColorPalette', 'light')")
    page.wait_for_function("() => document.querySelector('.wm-editor').dataset.wmTheme === 'light'")
    settle(page)
    editor.screenshot(f"camera_path_{renderer}_narrow_light")
    page.evaluate("() => app.extensionManager.setting.set('Comfy.ColorPalette', 'dark')")
    settle(page)
