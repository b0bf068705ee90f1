"""Play World on the host's page, played with the real keyboard: it opens, walks, takes back, ends, and what was walked
is there."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path
from typing import Any

from comfy_host import ComfyHost
from editor_page import ARTEFACTS, settle
from playwright.sync_api import Page, expect

API = Path(__file__).resolve().parents[2] / "workflows" / "api" / "Play, then render.json"
PLAY, RENDER = "5", "8"
OPEN = """async ([graph]) => {
    await app.loadApiJson(graph, 'play')
    const { gameOfNode } = await import('/extensions/ComfyUI-WorldModel/play/widget.mjs')
    const node = app.graph.nodes.find(node => node.type === 'WMPlayWorld')
    window.wmGame = () => gameOfNode(node)
    node.setSize([520, 760])
    Object.assign(app.canvas.ds, { scale: 1, offset: [100 - node.pos[0], 80 - node.pos[1]] })
    app.canvas.setDirty(true, true)
    window.wmLeaked = []
    window.addEventListener('keydown', event => wmLeaked.push(event.code))
}"""
QUEUE = "() => app.queuePrompt(0)"
WALKED = "chunks => wmGame().work.place.chunks >= chunks"
SHOWN = "frames => wmGame().player.state.frame >= frames"
OUTPUTS = "([id, word]) => app.nodeOutputs?.[id]?.text?.[0]?.includes(word)"


_TAKES = count(1)
"""A walk that was played is not played again by the same host, whichever page asks."""


def graph_of(seed: int, limit: int = 0) -> dict[str, Any]:
    """Return the workflow's nodes that are played and rendered; the same seed and steps for both."""
    whole = json.loads(API.read_text(encoding="utf-8"))
    graph = {number: whole[number] for number in ("1", "2", "3", "4", PLAY, RENDER, "9")}
    graph[PLAY]["inputs"] |= {"seed": seed, "limit": limit, "take": next(_TAKES)}
    graph[RENDER]["inputs"] |= {"seed": seed, "steps": ""}
    del graph["9"]
    graph["10"] = {"class_type": "PreviewAny", "inputs": {"source": [RENDER, 0]}}
    return graph


def begin(page: Page, graph: dict[str, Any]) -> None:
    """Queue a graph, and wait until its first picture is seen."""
    page.evaluate(OPEN, [graph])
    page.evaluate(QUEUE)
    expect_phase(page, "ready")
    page.wait_for_function(SHOWN, arg=8)


def expect_phase(page: Page, phase: str) -> None:
    """Wait for a phase of the walk; the one that it is in is told where it does not come."""
    expect(page.locator(".wm-play")).to_have_attribute("data-phase", phase)


def last_outputs(comfy: ComfyHost) -> dict[str, Any]:
    """Return what the nodes of the last graph told."""
    history = comfy.client.call("/history?max_items=1")
    return next(iter(history.values()))["outputs"]


def wait_for_report(page: Page, comfy: ComfyHost, beginning: str) -> None:
    """Wait until the last graph is done, and Play World's report begins so."""
    for _ in range(1200):
        told = last_outputs(comfy).get(PLAY, {}).get("text", [""])[0]
        if told.startswith(beginning):
            return
        page.wait_for_timeout(100)
    raise AssertionError(told)


def test_a_walk_is_played_with_keys_taken_back_ended_and_rendered_the_same(page: Page, comfy: ComfyHost) -> None:
    begin(page, graph_of(61))
    player = page.get_by_role("group", name="A walk that is played")
    expect(player.get_by_text("Click to walk")).to_be_visible()
    player.locator(".wm-stage").click()
    expect_phase(page, "walking")
    page.keyboard.down("w")
    page.wait_for_function("() => wmGame().work.down.includes('KeyW')")
    page.wait_for_function(WALKED, arg=3)
    page.keyboard.up("w")
    page.wait_for_function("() => wmGame().work.waits.length > 0")
    assert page.evaluate("() => wmGame().work.way") >= 33
    expect(player.get_by_role("img", name="The way from above")).to_be_visible()
    ARTEFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTEFACTS / "play.png")

    page.keyboard.press("Backspace")
    page.wait_for_function("() => wmGame().work.place.turn === 1")
    expect(player.get_by_text("Press a key to go on")).to_be_visible()
    expect_phase(page, "waiting")
    frames = page.evaluate("() => wmGame().work.place.frames")
    page.wait_for_function("frames => wmGame().player.state.frames === frames", arg=frames)
    page.keyboard.down("d")
    expect_phase(page, "walking")
    page.wait_for_function("frames => wmGame().work.place.frames > frames", arg=frames + 12)
    page.keyboard.up("d")
    page.keyboard.press("Escape")
    expect_phase(page, "ready")
    assert page.evaluate("wmLeaked") == [], "keys reached the host"
    page.keyboard.press("Escape")
    expect_phase(page, "over")
    page.wait_for_function(OUTPUTS, arg=[RENDER, "World id"])
    told = last_outputs(comfy)
    ids = [told[node]["text"][0].split("World id ")[1][:16] for node in (PLAY, RENDER)]
    assert ids[0] == ids[1], "what is played is what is rendered"
    expect(player.get_by_role("button", name="Play again")).to_be_visible()
    walked = page.evaluate("() => wmGame().work.place.frames")
    page.wait_for_function("frames => wmGame().player.state.frames === frames", arg=walked)
    page.wait_for_function("() => !wmGame().player.state.playing")  # what had not been seen is played to its end first
    player.get_by_role("slider", name="Frame").focus()
    page.keyboard.press("Home")
    page.wait_for_function("() => wmGame().player.state.frame === 0")
    settle(page)


def test_the_limit_ends_it_and_a_page_that_goes_keeps_what_was_walked(page: Page, comfy: ComfyHost) -> None:
    begin(page, graph_of(62, limit=21))
    page.get_by_role("group", name="A walk that is played").locator(".wm-stage").click()
    expect_phase(page, "over")
    wait_for_report(page, comfy, "The limit is reached. 2 chunks, 21 frames walked")

    begin(page, graph_of(63))
    page.evaluate("() => app.graph.remove(app.graph.nodes.find(node => node.type === 'WMPlayWorld'))")
    page.wait_for_function("() => !document.querySelector('.wm-play')")
    wait_for_report(page, comfy, "The page that played was closed. 1 chunk, 9 frames")
