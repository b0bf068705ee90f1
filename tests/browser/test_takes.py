"""Three takes of the last two seconds, one kept, and on from it: from First walk, by hand, in the page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from comfy_host import ComfyHost
from editor_page import ARTEFACTS
from playwright.sync_api import Page, expect

from worldmodel.shown.film import film_frames

FIRST_WALK = Path(__file__).resolve().parents[2] / "workflows" / "First walk.json"
OPEN = """async workflow => {
    await app.loadGraphData({ ...workflow, id: crypto.randomUUID() })
    const one = type => app.graph.nodes.filter(node => node.type === type).at(-1)
    const slot = (list, name) => list.findIndex(one => one.name === name)
    window.wmNode = one
    window.wmAdd = (type, x, y, values = {}) => {
        const node = LiteGraph.createNode(type)
        node.pos = [x, y]
        app.graph.add(node)
        for (const [name, value] of Object.entries(values)) node.widgets.find(one => one.name === name).value = value
        return node
    }
    window.wmWire = (from, output, to, input) =>
        from.connect(slot(from.outputs, output), to, slot(to.inputs, input))
    window.wmSize = () => {
        const { nodes, links } = app.graph.serialize()
        return [nodes.filter(({ type }) => type !== 'MarkdownNote').length, links.length]
    }
    return wmSize()
}"""
TAKE = """() => {
    const [take, roll] = [wmAdd('WMTakeWorld', 2000, 0, { back_to: '-2s', takes: 3 }), wmNode('WMRolloutWorld')]
    wmWire(wmNode('WMLoadWorldModel'), 'model', take, 'model')
    wmWire(roll, 'world', take, 'world')
    wmWire(wmNode('WMLoadWorldVAE'), 'vae', take, 'vae')
    take.setSize([1020, take.size[1]])
    Object.assign(app.canvas.ds, { scale: 0.8, offset: [-1900, 150] })
}"""
GO_ON = """() => {
    const [take, film] = [wmNode('WMTakeWorld'), wmNode('WMFilmWorld')]
    const track = wmAdd('WMActionTrack', 2000, 1400, { track: 'forward*48' })
    const roll = wmAdd('WMRolloutWorld', 3000, 0)
    wmWire(wmNode('WMLoadWorldModel'), 'model', roll, 'model')
    wmWire(take, 'world', roll, 'world')
    wmWire(track, 'track', roll, 'track')
    wmWire(wmNode('WMLoadWorldVAE'), 'vae', roll, 'vae')
    wmWire(roll, 'world', film, 'world')
    return wmSize()
}"""
RUN = """() => new Promise((resolve, reject) => {
    const { api } = app
    api.addEventListener('execution_success', event => resolve(event.detail.prompt_id), { once: true })
    api.addEventListener('execution_error', event => reject(new Error(event.detail.exception_message)), { once: true })
    app.queuePrompt(0, 1)
})"""
KEPT = "() => wmNode('WMTakeWorld').widgets.find(one => one.name === 'keep').value"
DRAWN = """() => [...document.querySelectorAll('.wm-player .wm-screen canvas')].every(canvas => canvas.width > 1)"""

SNUG = "() => { const take = wmNode('WMTakeWorld'); return take.size[1] < take.computeSize()[1] + 60 }"
"""While the first take alone is seen it is large; the node is no higher than three beside one another need."""
FILLED = """() => [...document.querySelectorAll('.wm-screen:has(.wm-pick)')].every(screen =>
    Math.abs(screen.clientHeight - screen.clientWidth * screen.firstChild.height / screen.firstChild.width) <= 2)"""
"""The pictures have nothing black around them, however high the node is."""


def outputs_of(page: Page, comfy: ComfyHost) -> dict[str, Any]:
    """Run what is in the page, and return what each kind of node showed."""
    prompt = page.evaluate(RUN)
    history = comfy.client.call(f"/history/{prompt}")[prompt]
    graph = history["prompt"][2]
    return {graph[number]["class_type"]: shown for number, shown in history["outputs"].items()}


def test_three_takes_one_kept_and_gone_on_from(page: Page, comfy: ComfyHost, request: pytest.FixtureRequest) -> None:
    nodes, wires = page.evaluate(OPEN, json.loads(FIRST_WALK.read_text(encoding="utf-8")))
    page.evaluate(TAKE)
    said = outputs_of(page, comfy)["WMTakeWorld"]["text"][0]
    assert said.startswith("-2s is frame 25 (1.56 s); rounded to frame 21 (1.31 s), where chunk 2 begins.")
    second = page.get_by_role("button", name="Keep take 2")
    expect(page.locator(".wm-player:has(.wm-pick) .wm-screen")).to_have_count(3)
    first = page.get_by_role("button", name="Keep take 1")
    expect(first).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".wm-pick")).to_have_text(["kept", "keep", "keep"])
    page.wait_for_function(DRAWN)
    page.wait_for_function(SNUG)
    page.evaluate("() => { const take = wmNode('WMTakeWorld'); take.setSize([take.size[0], take.size[1] + 200]) }")
    page.wait_for_function(FILLED)
    ARTEFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTEFACTS / f"three_takes_{request.node.callspec.id}.png")
    second.click()
    expect(second).to_have_attribute("aria-pressed", "true")
    assert page.evaluate(KEPT) == 2
    expect(page.locator(".wm-pick")).to_have_text(["keep", "kept at the next Run", "keep"])
    first.click()
    expect(first).to_have_text("kept")
    second.click()

    more_nodes, more_wires = page.evaluate(GO_ON)
    assert more_nodes - nodes <= 3 and more_wires - wires <= 8
    outputs = outputs_of(page, comfy)
    expect(page.locator(".wm-pick")).to_have_text(["keep", "kept", "keep"])
    (film,) = outputs["WMFilmWorld"]["images"]
    frames = sum(1 for _ in film_frames(comfy.output / film["subfolder"] / film["filename"]))
    assert frames == 57 + 48 and "Take 2 is kept." in outputs["WMTakeWorld"]["text"][0]
