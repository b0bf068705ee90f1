"""How playing feels: `python scripts/playing.py [seconds]`.

Starts the real ComfyUI with this pack, plays Tiny World in its page for a minute as a player does, in both renderers,
and prints how many pictures a second were shown, in how many seconds there was a gap of more than two frames, how long
it took from a key to its picture, and from the node's beginning to the first picture. Then the same with a model made
four times slower than the film, by more steps: whether the player says so, and whether each key is in the track, in
order.
"""

from __future__ import annotations

import json
import math
import os
import random
import statistics
import sys
import tempfile
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

from comfy_host import ComfyHost
from environment import run_inside, say
from help_pictures import FLAGS, OPEN, PATIENCE, READY, SETTINGS

PLAY = "5"
SLOWER, MOST_STEPS, OWN_STEPS = 4.0, 499, 3
PROBE_SECONDS = 8.0
"""Of the first slow walk, by whose chunks the steps of the second are chosen."""
HELD_MS, SLOW_SHARE = 700, 0.5
LOOK_AT = """async () => {
    const { gameOfNode } = await import('/extensions/ComfyUI-WorldModel/play/widget.mjs')
    const node = app.graph.nodes.find(node => node.type === 'WMPlayWorld')
    window.wmGame = () => gameOfNode(node)
    node.setSize([520, 760])
    Object.assign(app.canvas.ds, { scale: 1, offset: [120 - node.pos[0], 100 - node.pos[1]] })
    app.canvas.setDirty(true, true)
    const api = app.api ?? window.comfyAPI.api.api
    window.wmBegan = 0
    api.addEventListener('executing', ({ detail }) => {
        if (String(detail?.node ?? detail) === String(node.id)) wmBegan = performance.now()
    })
}"""
QUEUE = "() => app.queuePrompt(0)"
PHASE = "phase => wmGame()?.work.phase === phase"
FIRST = "() => wmGame()?.work.phase === 'ready' && wmGame().player.state.frames && wmGame().work.firstAt > 0"
WORK = "() => ({ ...wmGame().work, began: wmBegan })"
DONE = "() => (app.nodeOutputs?.['5']?.text?.[0] ?? '').includes('World id')"


def graph_of(seed: int, steps: str = "") -> dict[str, Any]:
    """Return a graph that plays Tiny World and saves the track."""
    kinds = {
        "1": ("WMLoadWorldModel", {"model_name": "Tiny World"}),
        "2": ("WMLoadWorldVAE", {"vae_name": "Tiny World"}),
        "3": ("WMTinyWorldView", {"world_seed": 0, "place": 40, "level": "Lighthouse Square"}),
        "4": ("WMStartWorld", {"model": ["1", 0], "vae": ["2", 0], "image": ["3", 0]}),
        PLAY: ("WMPlayWorld", {"model": ["1", 0], "world": ["4", 0], "vae": ["2", 0], "seed": seed, "limit": 0,
                               "steps": steps}),
        "6": ("WMSaveTrack", {"track": [PLAY, 2], "filename_prefix": f"played{seed}"}),
    }  # fmt: skip
    return {number: {"class_type": kind, "inputs": inputs} for number, (kind, inputs) in kinds.items()}


def play(host: ComfyHost, page: Any, graph: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Play for some seconds with keys at random; return what the player wrote down."""
    page.evaluate(OPEN, [graph])
    page.evaluate(LOOK_AT)
    page.evaluate(QUEUE)
    page.wait_for_function(FIRST)
    if seconds:
        page.locator(".wm-play .wm-stage").click()
        page.wait_for_function(PHASE, arg="walking")
        page.wait_for_function("() => wmGame().work.place.chunks > 1")
        draw, begins = random.Random(1), page.evaluate("performance.now()")
        while page.evaluate("performance.now()") - begins < 1000 * seconds:
            key = draw.choice("wwwasd")
            page.keyboard.down(key)
            page.wait_for_timeout(HELD_MS * (0.5 + draw.random()))
            page.keyboard.up(key)
            page.wait_for_timeout(100)
    work = {**page.evaluate(WORK), "says": page.locator(".wm-play .wm-saidnow").inner_text()}
    page.keyboard.press("Escape")
    page.wait_for_function(PHASE, arg="ready")
    page.evaluate("() => wmGame().end()")
    page.wait_for_function(PHASE, arg="over")
    page.wait_for_function(DONE)
    while host.client.call("/prompt")["exec_info"]["queue_remaining"]:  # the track is saved after it
        page.wait_for_timeout(50)
    return work


def steps_of(count: int) -> str:
    """Return the levels of so many steps."""
    return ", ".join(str(1000 - 2 * step) for step in range(count))


def told(work: dict[str, Any], fps: float, chunk: float) -> str:
    """Say what was measured."""
    shown = work["shown"]
    times = [at / 1000 for at, _ in shown]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    seconds = times[-1] - times[0]
    broken = {math.floor(at - times[0]) for at, gap in zip(times, gaps, strict=False) if gap > 2 / fps + 0.02}
    rate = (len({frame for _, frame in shown}) - 1) / seconds
    waits = [wait / 1000 for wait in work["waits"]]
    return (
        f"{rate:.2f} pictures a second over {seconds:.0f} s (of {fps:g}); a gap of more than two frames in "
        f"{len(broken)} seconds ({1 - len(broken) / max(1, seconds):.1%} without); longest {max(gaps) * 1000:.0f} ms; "
        f"key to picture {statistics.median(waits):.2f} s in the median of {len(waits)} (bar {chunk + 0.25:.2f}); "
        f"a chunk takes {statistics.median(work['pace']) / 1000:.2f} of {chunk:.2f} s"
    )


def lost_keys(work: dict[str, Any], track: dict[str, Any]) -> tuple[int, bool]:
    """Return how many presses are not in the saved track, and whether all are in the order of the hand."""
    words = {"KeyW": "forward", "KeyS": "back", "KeyA": "left", "KeyD": "right"}
    lost = 0
    for press in work["keys"]:
        spans = track["keys"].get(words[press["code"]], [])
        lost += not any(first <= press["frame"] < first + length for first, length in spans)
    frames = [press["frame"] for press in work["keys"]]
    return lost, frames == sorted(frames)


def main(comfyui: Path) -> int:
    """Measure and print."""
    from playwright.sync_api import sync_playwright

    length = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    with ExitStack() as stack:
        base = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="worldmodel-playing-")))
        host = stack.enter_context(ComfyHost(comfyui, base))
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=os.environ.get("WM_BROWSER") or None, args=FLAGS)
        for number, renderer in enumerate(("classic", "nodes2")):
            host.client.call("/api/settings", {**SETTINGS, "Comfy.VueNodes.Enabled": renderer == "nodes2"})
            page = browser.new_context(viewport={"width": 1500, "height": 950}).new_page()
            page.set_default_timeout(PATIENCE)
            page.goto(f"http://{host.client.address}/")
            page.wait_for_function(READY)
            play(host, page, graph_of(100 + number), 0)  # the model is loaded
            before = os.getloadavg()[0]
            work = play(host, page, graph_of(200 + number), length)
            fps, chunk = 16.0, 12 / 16
            load = f"load {before:.1f} before, {os.getloadavg()[0]:.1f} after, on {os.cpu_count()} cores"
            first = (work["firstAt"] - work["began"]) / 1000
            say(f"{renderer}: {told(work, fps, chunk)}; first picture after {first:.2f} s; {load}.")
            took = statistics.median(work["pace"]) / 1000
            count = min(MOST_STEPS, max(OWN_STEPS, round(OWN_STEPS * SLOWER * chunk / took)))
            probe = play(host, page, graph_of(300 + number, steps_of(count)), PROBE_SECONDS)
            count = min(MOST_STEPS, round(count * SLOWER * chunk * 1000 / statistics.median(probe["pace"])))
            slow = play(host, page, graph_of(400 + number, steps_of(count)), length * SLOW_SHARE)
            (file,) = (base / "output").rglob(f"played{400 + number}_*.json")
            lost, in_order = lost_keys(slow, json.loads(file.read_text(encoding="utf-8")))
            takes = statistics.median(slow["pace"]) / 1000
            say(
                f"{renderer}, {count} steps: a chunk takes {takes:.2f} of {chunk:.2f} s, {takes / chunk:.1f} times "
                f"slower than the film; {len(slow['keys'])} keys, {lost} lost, {'in' if in_order else 'out of'} order; "
                f"the player says: {slow['says']!r}."
            )
            page.context.close()
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(run_inside(__file__, main, sys.argv[1:], tests=True))
