"""The player on Rollout World and World Info, from a saved workflow: it plays, is scrubbed, comes back, and lets go."""

from __future__ import annotations

from typing import Any

from browser.walk_page import INFO, ROLLOUT, open_walk, unrolled_seed, walk
from editor_page import ARTEFACTS, settle
from playwright.sync_api import Page, expect

QUEUE = "() => app.queuePrompt(0)"
DONE = "id => { const state = wmPlayer(id)?.state; return state && state.frames === 33 && !state.rolling }"
STATE = "id => wmPlayer(id).state"
SHOWN = "([id, frame]) => wmPlayer(id).work.shown.every(one => one === frame)"
PIXELS = (
    "canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.reduce((a, b) => a + b)"
)
WATCH = """() => {
    window.wmSeen = []
    const look = () => {
        const state = wmPlayer(6)?.state
        if (state?.rolling && state.following && state.frames) wmSeen.push(state.frame)
        if (!state || state.rolling || !state.frames) requestAnimationFrame(look)
    }
    look()
}"""
KEYS = """() => {
    window.wmLeaked = []
    window.addEventListener('keydown', event => wmLeaked.push(event.key))
}"""
VALUES = "() => app.graph.serialize().nodes.find(node => node.type === 'WMRolloutWorld').widgets_values"
PREVIEWS = "() => Object.keys(app.nodePreviewImages ?? {})"


def roll(page: Page, workflow: dict[str, Any]) -> None:
    """Open a saved workflow, queue it, and wait until its walk is there."""
    open_walk(page, workflow)
    page.evaluate(QUEUE)
    page.wait_for_function(DONE, arg=ROLLOUT)


def test_a_walk_is_played_while_it_rolls(page: Page) -> None:
    """It rolls for minutes, unless it is stopped: however slow the page is, it is drawn in between."""
    open_walk(page, walk(f"forward*{9 + 12 * 400}", unrolled_seed()))
    page.evaluate(WATCH)
    page.evaluate(QUEUE)
    page.wait_for_function("() => wmSeen.length")
    assert page.evaluate(PREVIEWS) == [], "the host's own preview stands beside the player"
    page.evaluate("async () => { (await import('/scripts/api.js')).api.interrupt() }")
    page.wait_for_function("id => wmPlayer(id).state.frames && !wmPlayer(id).state.rolling", arg=ROLLOUT)


def test_a_walk_is_scrubbed_by_keys_and_pointer(page: Page) -> None:
    workflow = walk(seed=unrolled_seed())
    open_walk(page, workflow)
    saved = page.evaluate(VALUES)
    page.evaluate(KEYS)
    roll(page, workflow)
    assert page.evaluate(PREVIEWS) == [], "the host's own preview stands beside the player"
    page.wait_for_function("id => wmPlayer(id).state.playing", arg=ROLLOUT)
    assert page.evaluate(VALUES) == saved, "the player is no part of the workflow"

    player = page.get_by_role("group", name="The walk, as a moving picture").first
    bar = player.get_by_role("slider", name="Frame")
    player.get_by_role("button", name="Pause").click()
    bar.focus()
    page.keyboard.press("End")
    expect(bar).to_have_attribute("aria-valuetext", "frame 32 of 33 · 2.00 s")
    page.wait_for_function(SHOWN, arg=[ROLLOUT, 32])
    last = player.locator("canvas").first.evaluate(PIXELS)
    page.keyboard.press("PageUp")
    expect(bar).to_have_attribute("aria-valuenow", "21")
    page.keyboard.press("PageUp")
    page.keyboard.press("ArrowLeft")
    expect(bar).to_have_attribute("aria-valuenow", "8")
    page.wait_for_function(SHOWN, arg=[ROLLOUT, 8])
    assert player.locator("canvas").first.evaluate(PIXELS) != last
    page.keyboard.press("ArrowUp")
    page.keyboard.press("l")
    state = page.evaluate(STATE, ROLLOUT)
    assert (state["speed"], state["loop"], state["playing"]) == (2, False, False)
    page.keyboard.press("Space")
    page.wait_for_function("id => wmPlayer(id).state.frame === 32 && !wmPlayer(id).state.playing", arg=ROLLOUT)
    assert page.evaluate("wmLeaked") == [], "keys reached the host"

    box = bar.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 6)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 6, steps=3)
    page.mouse.up()
    expect(bar).to_have_attribute("aria-valuenow", "16")
    player.get_by_role("button", name="Speed: 2×").click()
    page.get_by_role("menuitemradio", name="0.25×").click()
    assert page.evaluate(STATE, ROLLOUT)["speed"] == 0.25
    ARTEFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTEFACTS / "player.png")


def test_it_comes_back_with_the_workflow_and_lets_go_with_its_node(page: Page) -> None:
    roll(page, walk(seed=unrolled_seed()))
    page.wait_for_function(DONE, arg=INFO)  # the frames that Rollout World has shown, decoded by nobody
    page.evaluate("id => { wmPlayer(id).setSpeed(4); wmPlayer(id).seek(13) }", ROLLOUT)
    page.wait_for_function(SHOWN, arg=[ROLLOUT, 13])

    page.evaluate("""async () => {
        const { workflow } = app.extensionManager
        window.wmFirst = workflow.activeWorkflow
        await app.loadGraphData({ ...app.graph.serialize(), nodes: [], links: [], id: crypto.randomUUID() })
    }""")
    page.wait_for_function("() => !document.querySelector('.wm-player')")
    page.evaluate("""() => app.loadGraphData(wmFirst.activeState, true, true, wmFirst)""")
    page.wait_for_function(DONE, arg=ROLLOUT)
    page.wait_for_function("id => wmPlayer(id).work.shown[0] >= 0", arg=ROLLOUT)

    page.evaluate("""id => {
        const node = app.graph.getNodeById(id)
        app.canvas.selectItems([node])
        app.canvas.copyToClipboard()
        app.canvas.pasteFromClipboard()
        wmPlayer(id).play()
        window.wmOld = wmPlayer(id)
    }""", ROLLOUT)  # fmt: skip
    copies = "() => app.graph.nodes.filter(node => node.type === 'WMRolloutWorld').map(node => Number(node.id))"
    copy = next(number for number in page.evaluate(copies) if number != ROLLOUT)
    assert page.evaluate("id => wmPlayer(id) === undefined", copy), "a copy has not walked"
    page.evaluate("id => app.graph.remove(app.graph.getNodeById(id))", copy)

    page.evaluate("""([id, seed]) => {
        app.graph.getNodeById(id).widgets[0].value = seed
        app.queuePrompt(0)
    }""", [ROLLOUT, unrolled_seed()])  # fmt: skip
    page.wait_for_function("id => wmPlayer(id).state.rolling", arg=ROLLOUT)
    page.wait_for_function(DONE, arg=ROLLOUT)
    assert page.locator(".wm-player").count() == 2
    page.wait_for_function("id => wmPlayer(id).work.drawn > 3 && wmPlayer(id).state.playing", arg=ROLLOUT)
    page.evaluate("""async ([rollout, info]) => {
        const { ready } = await import('/extensions/ComfyUI-WorldModel/player/reel.mjs')
        window.wmReady = ready
        for (const id of [rollout, info]) app.graph.remove(app.graph.getNodeById(id))
    }""", [ROLLOUT, INFO])  # fmt: skip
    page.wait_for_function("() => !document.querySelector('.wm-player')")
    page.wait_for_function("() => !wmOld.work.waiting && wmReady.size === 0 && wmReady.bytes === 0")


def test_nodes_in_a_subgraph_play_too(page: Page) -> None:
    open_walk(page, walk(seed=unrolled_seed()))
    inner = page.evaluate("""async id => {
        const node = app.graph.getNodeById(id)
        const { subgraph } = app.graph.convertToSubgraph(new Set([node]))
        window.wmInner = subgraph
        await app.queuePrompt(0)
        return subgraph.nodes[0].id
    }""", ROLLOUT)  # fmt: skip
    done = DONE.replace("wmPlayer(id)", "wmPlayer(id, wmInner)")
    page.wait_for_function(done, arg=inner)
    page.evaluate("() => app.canvas.setGraph(wmInner)")
    page.wait_for_function("id => wmPlayer(id, wmInner).element.checkVisibility()", arg=inner)
    page.wait_for_function("id => wmPlayer(id, wmInner).work.drawn > 0", arg=inner)
    page.evaluate("() => app.canvas.setGraph(app.rootGraph)")
    settle(page)
