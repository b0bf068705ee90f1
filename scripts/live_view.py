"""How soon one sees what one presses while recording: `python scripts/live_view.py`.

Starts the real ComfyUI with this pack, opens a workflow whose track begins in a place of Tiny World, records in the
page as a player does, and prints how many pictures a second were shown, and how long after a key the picture was
another one.

A key counts for the frame that is open when it is pressed, and is seen when that frame has closed: half a frame of the
model's rate, 31 ms, passes on the average before anything can be asked for.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from comfy_host import ComfyHost
from environment import run_inside, say
from help_pictures import FLAGS, OPEN, PATIENCE, READY, SETTINGS

GRAPH = {
    "1": {"class_type": "WMTinyWorldView", "inputs": {"world_seed": 12, "place": 1, "level": "random layout"}},
    "2": {"class_type": "WMStartWorld", "inputs": {"image": ["1", 0]}},
    "3": {"class_type": "WMActionTrack", "inputs": {"model": "Tiny World", "fps": 0}},
    "4": {"class_type": "WMRolloutWorld", "inputs": {"world": ["2", 0], "track": ["3", 0]}},
}
PRESSES, SECONDS = 20, 8
LOOK_AT = """() => {
    const node = app.graph.nodes.find(node => node.type === 'WMActionTrack')
    node.setSize([860, 590])
    Object.assign(app.canvas.ds, { scale: 1, offset: [-node.pos[0] + 120, -node.pos[1] + 120] })
    app.canvas.setDirty(true, true)
}"""
WATCH = """() => {
    const live = document.querySelector('.wm-live')
    const pen = new OffscreenCanvas(24, 16).getContext('2d', { willReadFrequently: true })
    const seen = window.wmSeen = { shown: [], pressed: [] }
    const look = () => {
        const picture = live.querySelector('.wm-screen canvas')
        if (!picture?.width) return
        pen.drawImage(picture, 0, 0, 24, 16)
        seen.shown.push([performance.now(), Number(live.dataset.wmFrame), pen.getImageData(0, 0, 24, 16).data.join()])
    }
    // the player draws in the animation frame after a picture has come, this one looks in the same, after it
    new MutationObserver(() => requestAnimationFrame(look))
        .observe(live, { attributes: true, attributeFilter: ['data-wm-frame'] })
    window.addEventListener('keydown', event => {
        if (!event.repeat && /^Key[WS]$/.test(event.code)) seen.pressed.push([performance.now(), event.code])
    }, { capture: true })
}"""
STILL = """() => {
    const last = wmSeen.shown.slice(-4)
    return last.length === 4 && last.every(one => one[2] === last[0][2])
}"""
MOVED = "() => wmSeen.shown.at(-1)[2] !== wmSeen.shown.findLast(one => one[0] < wmSeen.pressed.at(-1)[0])[2]"


def measure(page: Any) -> tuple[list[float], float, float]:
    """Record, press keys, and walk.

    Returns:
        Milliseconds from each key to the first picture that is another one; pictures shown a second while walking;
        frames recorded a second meanwhile.
    """
    page.evaluate(WATCH)
    page.get_by_role("button", name="Record", exact=True).click(modifiers=["Shift"])
    waits = []
    for press in range(PRESSES):
        page.wait_for_function(STILL)
        page.keyboard.down("ws"[press % 2])
        page.wait_for_function(MOVED)
        page.keyboard.up("ws"[press % 2])
    seen = page.evaluate("() => wmSeen")
    for at, _ in seen["pressed"]:
        before = [picture for when, _, picture in seen["shown"] if when < at][-1]
        waits.append(next(when - at for when, _, picture in seen["shown"] if when > at and picture != before))
    begins = page.evaluate("() => wmSeen.shown.length")
    page.keyboard.down("s")
    page.wait_for_function(
        f"() => wmSeen.shown.at(-1)[0] - wmSeen.shown[{begins - 1}][0] > {1000 * SECONDS}", timeout=PATIENCE
    )
    shown = page.evaluate("() => wmSeen.shown.map(one => one.slice(0, 2))")[begins - 1 :]
    page.keyboard.up("s")
    page.keyboard.press("Escape")
    seconds = (shown[-1][0] - shown[0][0]) / 1000
    return waits, (len(shown) - 1) / seconds, (shown[-1][1] - shown[0][1]) / seconds


def main(comfyui: Path) -> int:
    """Measure and print."""
    from playwright.sync_api import sync_playwright

    with ExitStack() as stack:
        base = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="worldmodel-live-")))
        host = stack.enter_context(ComfyHost(comfyui, base))
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=os.environ.get("WM_BROWSER") or None, args=FLAGS)
        for renderer in ("classic", "nodes2"):
            host.client.call("/api/settings", {**SETTINGS, "Comfy.VueNodes.Enabled": renderer == "nodes2"})
            page = browser.new_context(viewport={"width": 1500, "height": 950}).new_page()
            page.set_default_timeout(PATIENCE)
            page.goto(f"http://{host.client.address}/")
            page.wait_for_function(READY)
            page.evaluate(OPEN, [GRAPH])
            page.evaluate(LOOK_AT)
            page.wait_for_function(
                "() => document.querySelector('.wm-editor .wm-status')?.innerText.includes('frames')"
            )
            waits, shown, recorded = measure(page)
            say(
                f"{renderer}: key to picture {statistics.median(waits):.0f} ms in the median of {len(waits)} "
                f"({min(waits):.0f} to {max(waits):.0f}); {shown:.1f} pictures a second shown of {recorded:.1f} frames "
                f"recorded; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores."
            )
            page.context.close()
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(run_inside(__file__, main, tests=True))
