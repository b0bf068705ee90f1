"""How fast a walk is scrubbed in the test browser, and what playing costs: `python scripts/scrubbing.py [frames]`.

Starts the real ComfyUI with this pack and opens its page in both renderers. A walk of Tiny World is rolled out and
scrubbed, frame by frame and by jumps; then one of as many frames as large as a strip has them, of made-up pictures.
Then the workflow is queued 20 times with other seeds, and the page's memory after the 20th, after a collection, is laid
beside that after the 5th. Last, what the pictures cost beside the chunk that they are of.
"""

from __future__ import annotations

import os
import random
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from comfy_host import PACK, ComfyHost
from environment import run_inside, say

FRAMES = 501
BAR, GROWTH = 30, 20
"""Frames a second, and megabytes."""
FIRST, LAST = 5, 20
STEPS = 300
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]
SETTINGS = {"Comfy.TutorialCompleted": True, "Comfy.Workflow.Persist": False}
VIEWPORT = {"width": 1500, "height": 950}
PATIENCE = 600_000
READY = "() => window.app?.vueAppReady && document.querySelector('#graph-canvas') && app.graph.nodes.length"
OPEN = """async ([graph, module]) => {
    await app.loadApiJson(graph, 'scrubbing')
    const { playerOfNode, playerOf } = await import(module + 'widget.mjs')
    window.wmNode = app.graph.nodes.find(node => node.type === 'WMRolloutWorld')
    window.wmPlayer = () => playerOfNode(wmNode)
    window.wmShow = reel => playerOf(wmNode, app).show([reel])
    wmNode.pos = [0, 0]
    wmNode.setSize([480, 400])
    for (const node of app.graph.nodes) if (node !== wmNode) node.pos = [-3000, 0]
    Object.assign(app.canvas.ds, { scale: 1, offset: [200, 100] })
    app.canvas.setDirty(true, true)
}"""
QUEUE = """async seed => {
    wmNode.widgets.find(widget => widget.name === 'seed').value = seed
    window.wmBefore = wmPlayer()?.work.drawn ?? 0
    window.wmDone = false
    const api = window.comfyAPI.api.api
    api.addEventListener('execution_success', () => { window.wmDone = true }, { once: true })
    await app.queuePrompt(0)
}"""
DONE = (
    "frames => wmDone && !wmPlayer().state.rolling && wmPlayer().state.frames === frames && wmPlayer().work.drawn > 0"
)
SCRUB = """async places => {
    const player = wmPlayer()
    player.pause()
    const before = player.work.drawn
    const began = performance.now()
    for (const place of places) {
        await new Promise(requestAnimationFrame)
        player.seek(place)  // as the pointer does, at most once for each picture of the page
    }
    while (player.work.shown[0] !== places.at(-1)) await new Promise(requestAnimationFrame)
    return (player.work.drawn - before) / (performance.now() - began) * 1000
}"""


def graph_of(frames: int) -> dict[str, Any]:
    """Return a walk of Tiny World in API form, rolled out with a VAE."""
    return {
        "1": {"class_type": "WMLoadWorldModel", "inputs": {"model_name": "Tiny World"}},
        "2": {"class_type": "WMLoadWorldVAE", "inputs": {"vae_name": "Tiny World"}},
        "3": {"class_type": "WMTinyWorldView", "inputs": {"world_seed": 112, "place": 0}},
        "4": {"class_type": "WMStartWorld", "inputs": {"model": ["1", 0], "vae": ["2", 0], "image": ["3", 0]}},
        "5": {"class_type": "WMActionTrack", "inputs": {"track": f"forward*{frames}"}},
        "6": {
            "class_type": "WMRolloutWorld",
            "inputs": {"model": ["1", 0], "world": ["4", 0], "track": ["5", 0], "vae": ["2", 0], "seed": 0},
        },
        "7": {"class_type": "PreviewAny", "inputs": {"source": ["6", 0]}},
    }


def scrub(page: Any, frames: int) -> list[float]:
    """Return frames drawn a second: dragged on for the first time, dragged back, and by jumps."""
    middle = range(0, frames, max(1, frames // STEPS))
    jumps = [random.Random(1).randrange(frames) for _ in range(STEPS)]
    jumps = [place for place, before in zip(jumps, [-1, *jumps], strict=False) if place != before]
    return [page.evaluate(SCRUB, places) for places in (list(middle), list(middle)[::-1], jumps)]


def large_reel(base: Path, frames: int) -> dict[str, Any]:
    """Write strips of made-up pictures, as large as a strip has them, and return what the page is told of them."""
    import torch

    from worldmodel.shown.reel import COLUMNS, MOST_SIDE, StripWriter

    folder, made = base / "temp" / "worldmodel" / "reels", []
    folder.mkdir(parents=True, exist_ok=True)
    height, width = 352, MOST_SIDE
    writer = StripWriter(folder, 0, lambda _: 12, made.append)
    smooth = torch.rand(1, 3, 44, 80, generator=torch.Generator().manual_seed(1))
    picture = torch.nn.functional.interpolate(smooth, (height, width), mode="bicubic")[0].clamp(0, 1).movedim(0, -1)
    for index in range(frames - frames % 12):
        writer.append(picture.roll(3 * index, 1)[None])
    strips = [[strip.path.name, strip.frames] for strip in made]
    say(f"strips of {width} x {height}: {sum(strip.bytes for strip in made) / len(made) / 12 / 1000:.0f} KB a frame")
    return {
        "folder": "worldmodel/reels", "rate": 16, "width": width, "height": height, "columns": COLUMNS, "offset": 0,
        "begins": 0, "marks": [], "frames": 12 * len(strips), "words": [], "keys": {}, "turns": [], "strips": strips,
        "off": "",
    }  # fmt: skip


def memory(page: Any, browser: Any) -> tuple[float, float]:
    """Return the page's heap, and the memory of the process that shows it, in MB, after a collection."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    session.send("Memory.simulatePressureNotification", {"level": "critical"})  # lets go of what is merely cached
    for _ in range(3):
        session.send("HeapProfiler.collectGarbage")
        page.wait_for_function("() => new Promise(done => requestIdleCallback(() => done(true)))")
    metrics = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    session.detach()
    processes = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
    own = [one["id"] for one in processes if one["type"] == "renderer"]
    return metrics["JSHeapUsedSize"] / 1e6, sum(map(private, own))


def private(process: int) -> float:
    """Return a process's own memory in MB; 0 where the system does not tell."""
    path = Path(f"/proc/{process}/smaps_rollup")
    lines = path.read_text().splitlines() if path.exists() else []
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1000


def measure(host: ComfyHost, playwright: Any, renderer: str, frames: int) -> bool:
    """Scrub and queue in one renderer; return whether both bars hold."""
    host.client.call("/api/settings", {**SETTINGS, "Comfy.VueNodes.Enabled": renderer == "nodes2"})
    browser = playwright.chromium.launch(executable_path=os.environ.get("WM_BROWSER") or None, args=FLAGS)
    page = browser.new_page(viewport=VIEWPORT)
    page.set_default_timeout(PATIENCE)
    page.goto(f"http://{host.client.address}/")
    page.wait_for_function(READY)
    module = f"/extensions/{PACK}/player/"
    page.evaluate(OPEN, [graph_of(frames), module])
    page.evaluate(QUEUE, 0)
    page.wait_for_function(DONE, arg=frames)
    rates = scrub(page, frames)
    say(f"{renderer}: {frames} frames of 96 x 64: " + "{:.0f} dragged on, {:.0f} back, {:.0f} by jumps".format(*rates))
    large = large_reel(host.base, frames)
    page.evaluate("reel => wmShow(reel)", large)
    large_rates = scrub(page, large["frames"])
    said = "{:.0f} dragged on, {:.0f} back, {:.0f} by jumps".format(*large_rates)
    say(f"{renderer}: {large['frames']} frames of {large['width']} x {large['height']}: {said}")
    page.evaluate(OPEN, [graph_of(57), module])
    seen = {}
    for number in range(1, LAST + 1):
        page.evaluate(QUEUE, number)
        page.wait_for_function(DONE, arg=57)
        if number in (FIRST, LAST):
            seen[number] = memory(page, browser)
    heap, process = (after - before for before, after in zip(seen[FIRST], seen[LAST], strict=True))
    say(f"{renderer}: memory from queue {FIRST} to {LAST}: heap {heap:+.1f} MB, process {process:+.1f} MB; now "
        f"{seen[LAST][0]:.0f} and {seen[LAST][1]:.0f} MB")  # fmt: skip
    browser.close()
    return min(rates) >= BAR and min(large_rates) >= BAR and heap < GROWTH and process < GROWTH


def cost(size: tuple[int, int]) -> float:
    """Return the milliseconds of the processor that a strip of 12 frames of (h, w) pixels takes, as a median."""
    import torch

    from worldmodel.shown.reel import StripWriter

    frames, taken = torch.rand(12, 9, 16, 3), []
    planes = torch.nn.functional.interpolate(frames.movedim(-1, 1), size, mode="bilinear").movedim(1, -1).contiguous()
    with tempfile.TemporaryDirectory() as folder:
        writer = StripWriter(Path(folder), 0, lambda _: 12, lambda _: None)
        for _ in range(15):
            began = time.process_time()
            writer.append(planes)
            taken.append(time.process_time() - began)
    return 1000 * statistics.median(taken)


def main(comfyui: Path, frames: int) -> int:
    """Measure everything."""
    from playwright.sync_api import sync_playwright

    for height, width in ((64, 96), (352, 640), (544, 960), (704, 1280)):
        say(f"strip of 12 frames of {width} x {height}: {cost((height, width)):.1f} ms of the processor")
    with ExitStack() as stack:
        base = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="worldmodel-scrub-")))
        host = stack.enter_context(ComfyHost(comfyui, base))
        playwright = stack.enter_context(sync_playwright())
        held = [measure(host, playwright, renderer, frames) for renderer in ("classic", "nodes2")]
    return 0 if all(held) else 1


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else FRAMES
    sys.exit(run_inside(__file__, lambda comfyui: main(comfyui, count), sys.argv[1:], tests=True))
