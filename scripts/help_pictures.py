"""The pictures of the help pages, in one command: `python scripts/help_pictures.py [node ids]`.

Starts the real ComfyUI with this pack, builds a small graph for each node in its page, runs it, and takes a picture of
the node as an artist sees it, with what came of it beneath. The pages in web/docs show the pictures by name.
"""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import ExitStack
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from comfy_host import ComfyHost, HostError
from environment import SetupError, run_inside, say
from repository import REPOSITORY

PICTURES = REPOSITORY / "web" / "docs" / "pictures"
MOST_BYTES = 60_000
VIEWPORT = {"width": 1800, "height": 1600}
DENSITY = 2
"""Pixels of a picture per pixel of the page, so that text stays sharp."""
CORNER, WIDTH, MARGIN = (420, 240), 300, 10
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]
SETTINGS = {
    "Comfy.TutorialCompleted": True,
    "Comfy.Workflow.Persist": False,
    "Comfy.VueNodes.Enabled": True,
    "Comfy.Minimap.Visible": False,
    "Comfy.NodeBadge.NodeSourceBadgeMode": "None",
}
PATIENCE = 240_000

WALK = "forward*12 forward+yaw_right(2)*12 forward+yaw_left(2.5)*9"
LONG_WALK = (
    "forward*57 forward+yaw_right(1.5)*60 forward*60 yaw_right(3)*60 forward*80 forward+yaw_right(1.5)*60 forward*60 "
    "yaw_left(4)*45 idle*15"
)
OTHER_WALK = "left+yaw_left*24"
PATH = (
    '{"type":"path","version":1,"frames":129,"target":[1.5,0,3.4],"keyframes":[{"f":0,"p":[0,0,0]},'
    '{"f":48,"p":[-0.6,0,4.4],"look":"target"},{"f":84,"p":[3,0,5],"look":"target"},{"f":128,"p":[4.2,0,0.6]}]}'
)
NODES: dict[str, tuple[str, dict[str, Any]]] = {
    "model": ("WMLoadWorldModel", {}),
    "vae": ("WMLoadWorldVAE", {}),
    "track": ("WMActionTrack", {"track": WALK}),
    "path": ("WMCameraPath", {"path": PATH}),
    "view path": ("WMTinyWorldView", {"place": 40, "level": "Lighthouse Square", "track": ["path", 0]}),
    "path overlay": ("WMOverlayControls", {"images": ["view path", 1], "track": ["path", 0]}),
    "view": ("WMTinyWorldView", {"place": 40, "level": "Lighthouse Square", "track": ["track", 0]}),
    "start": ("WMStartWorld", {"model": ["model", 0], "vae": ["vae", 0], "image": ["view", 0]}),
    "rollout": (
        "WMRolloutWorld",
        {"model": ["model", 0], "world": ["start", 0], "track": ["track", 0], "vae": ["vae", 0], "seed": 0},
    ),
    "decode": ("WMDecodeWorld", {"world": ["rollout", 0], "vae": ["vae", 0]}),
    "saved rollout": (
        "WMRolloutWorld",
        {"model": ["model", 0], "world": ["start", 0], "track": ["track", 0], "seed": 5},
    ),
    "play": ("WMPlayWorld", {"model": ["model", 0], "world": ["start", 0], "vae": ["vae", 0], "seed": 0}),
    "save": ("WMSaveWorld", {"world": ["saved rollout", 0], "vae": ["vae", 0]}),
    "load": ("WMLoadWorld", {}),
    "camera set": ("WMSaveCameraSet", {"world": ["rollout", 0], "vae": ["vae", 0]}),
    "film": (
        "WMFilmWorld",
        {"world": ["rollout", 0], "vae": ["vae", 0], "filename_prefix": "worldmodel/film"},
    ),
    "takes": ("WMTakeWorld", {"model": ["model", 0], "world": ["rollout", 0], "vae": ["vae", 0], "keep": 2}),
    "decode takes": ("WMDecodeWorld", {"world": ["takes", 0], "vae": ["vae", 0]}),
    "see takes": ("PreviewImage", {"images": ["decode takes", 0]}),
    "save track": ("WMSaveTrack", {"track": ["track", 0], "format": "TUM"}),
    "load track": ("WMLoadTrack", {"timing": "the model's own speed"}),
    "view load": ("WMTinyWorldView", {"place": 40, "level": "Lighthouse Square", "track": ["load track", 0]}),
    "load overlay": ("WMOverlayControls", {"images": ["view load", 1], "track": ["load track", 0]}),
    "join": ("WMJoinTracks", {"track_1": ["track", 0], "track_2": ["other track", 0]}),
    "repeat": ("WMRepeatTrack", {"track": ["track", 0]}),
    "retime": ("WMRetimeTrack", {"track": ["track", 0]}),
    "reverse": ("WMReverseTrack", {"track": ["track", 0]}),
    "view reverse": ("WMTinyWorldView", {"place": 40, "level": "Lighthouse Square", "track": ["reverse", 0]}),
    "reverse overlay": ("WMOverlayControls", {"images": ["view reverse", 1], "track": ["reverse", 0]}),
    "other track": ("WMActionTrack", {"track": OTHER_WALK}),
    "rewind": ("WMRewindWorld", {"world": ["rollout", 0], "chunks": 1}),
    "other rollout": (
        "WMRolloutWorld",
        {"model": ["model", 0], "world": ["rewind", 0], "track": ["other track", 0], "seed": ["rewind", 1]},
    ),
    "info": ("WMWorldInfo", {"world": ["rollout", 0], "vae": ["vae", 0]}),
    "compare": (
        "WMCompareWorlds",
        {"world_1": ["rollout", 0], "world_2": ["other rollout", 0], "vae": ["vae", 0], "truth": ["view", 1]},
    ),
    "decode load": ("WMDecodeWorld", {"world": ["load", 0], "vae": ["vae", 0]}),
    "decode rewind": ("WMDecodeWorld", {"world": ["rewind", 0], "vae": ["vae", 0]}),
    "clip": ("WMLoadWorldCLIPVision", {}),
    "text": ("WMLoadWorldTextEncoder", {"clip_name": "umt5_xxl_fp16.safetensors"}),
    "overlay": ("WMOverlayControls", {"images": ["decode", 0], "track": ["track", 0]}),
    "true overlay": ("WMOverlayControls", {"images": ["view", 1], "track": ["track", 0]}),
    "record": ("WMRecordTinyWorld", {"place": 40, "level": "Lighthouse Square", "pilot": "explore", "frames": 57}),
    "see view": ("PreviewImage", {"images": ["view", 1]}),
    "see decode": ("PreviewImage", {"images": ["decode", 0]}),
    "see overlay": ("PreviewImage", {"images": ["overlay", 0]}),
    "see true overlay": ("PreviewImage", {"images": ["true overlay", 0]}),
    "see load overlay": ("PreviewImage", {"images": ["load overlay", 0]}),
    "see reverse overlay": ("PreviewImage", {"images": ["reverse overlay", 0]}),
    "see load": ("PreviewImage", {"images": ["decode load", 0]}),
    "long track": ("WMActionTrack", {"track": LONG_WALK, "model": "Matrix-Game 3.0 distilled"}),
    "memory": ("WMWorldMemory", {"pins": "40"}),
    "words": ("WMWorldWords", {"template": "caption file"}),
    "cache": ("WMWorldCache", {}),
    "inspector": ("WMMemoryInspector", {"track": ["long track", 0], "memory": ["memory", 0]}),
    "picture": (
        "WMAddPictureToMemory",
        {
            "image": ["view", 0],
            "vae": ["vae", 0],
            "world": ["start", 0],
            "memory": ["memory", 0],
            "right": 2.0,
            "ahead": 5.0,
            "yaw": 90.0,
        },
    ),
    "see rewind": ("PreviewImage", {"images": ["decode rewind", 0]}),
    "see compare": ("PreviewImage", {"images": ["compare", 0]}),
    "see path overlay": ("PreviewImage", {"images": ["path overlay", 0]}),
    "see record": ("PreviewImage", {"images": ["record", 3]}),
}
"""Name -> class and inputs; a link is the name of a node and the number of its output."""


class Scene(NamedTuple):
    """What a picture shows.

    Args:
        node: the node that is explained; what it needs is in the graph too, but out of sight.
        result: a node that shows pictures: some of them are laid beneath. Without one the graph is not run.
        frames: which of them, by their share of the film, 0 to 1.
        columns: how many lie in a row.
        width: of the node, in pixels of the page.
        played: whether somebody must walk while the node runs; the picture is taken meanwhile.
    """

    node: str
    result: str = ""
    frames: tuple[float, ...] = (0.0, 1 / 3, 2 / 3, 1.0)
    columns: int = 2
    width: int = WIDTH
    played: bool = False


SCENES = {
    "WMLoadWorldModel": Scene("model"),
    "WMLoadWorldVAE": Scene("vae"),
    "WMLoadWorldCLIPVision": Scene("clip"),
    "WMLoadWorldTextEncoder": Scene("text"),
    "WMTinyWorldView": Scene("view", "see view"),
    "WMStartWorld": Scene("start", "see view", (0.0,), 1),
    "WMActionTrack": Scene("track", "see true overlay", (0.1, 0.4, 0.7, 0.95), 4, 820),
    "WMCameraPath": Scene("path", "see path overlay", (), width=640),
    "WMLoadTrack": Scene("load track", "see load overlay", (0.1, 0.4, 0.7, 0.95)),
    "WMSaveTrack": Scene("save track"),
    "WMJoinTracks": Scene("join"),
    "WMRepeatTrack": Scene("repeat"),
    "WMReverseTrack": Scene("reverse", "see reverse overlay", (0.2, 0.47, 0.8, 1.0)),
    "WMRetimeTrack": Scene("retime"),
    "WMRolloutWorld": Scene("rollout", "see decode", (), width=360),
    "WMPlayWorld": Scene("play", width=460, played=True),
    "WMDecodeWorld": Scene("decode", "see decode", tuple(i / 11 for i in range(12)), 3),
    "WMSaveWorld": Scene("save"),
    "WMLoadWorld": Scene("load", "see load"),
    "WMFilmWorld": Scene("film", "film", (), width=420),
    "WMTakeWorld": Scene("takes", "see takes", (), width=560),
    "WMSaveCameraSet": Scene("camera set", "see decode", width=340),
    "WMRewindWorld": Scene("rewind", "see rewind"),
    "WMWorldInfo": Scene("info", "info", (), width=360),
    "WMCompareWorlds": Scene("compare", "see compare", (0.4, 0.95), 1),
    "WMWorldMemory": Scene("memory"),
    "WMAddPictureToMemory": Scene("picture"),
    "WMMemoryInspector": Scene("inspector", "inspector", (0.0,), 1, 460),
    "WMWorldWords": Scene("words"),
    "WMWorldCache": Scene("cache"),
    "WMOverlayControls": Scene("overlay", "see overlay", (0.2, 0.9), 1),
    "WMRecordTinyWorld": Scene("record", "see record"),
}
_NUMBERS = count(1)
"""No node has the number of one before it: the page would give it that one's values."""
SAVED = "save", "save track"
"""Nodes that are run first, for the sake of those that read what they wrote."""
LISTED = "models/clip_vision/clip_vision_h.safetensors", "models/text_encoders/umt5_xxl_fp16.safetensors"
"""Files that are only there to be named in a list; nothing reads them."""

READY = "() => window.app?.vueAppReady && window.app.graph?.nodes.length"
"""With its default graph, which comes late and would replace ours."""
OPEN = "async ([graph]) => { await app.loadApiJson(graph, 'help'); return app.graph.serialize() }"
SHOW = """async ([workflow, x, y]) => {
    await app.loadGraphData(workflow)
    app.canvas.background_image = app.canvas._pattern = null  // plain, so that the result joins without a seam
    app.canvas.ds.scale = 1
    app.canvas.ds.offset = [x, y]
    app.canvas.setDirty(true, true)
}"""
PRUNE = """id => {
    const shown = node => String(node.id) === id
    for (const node of app.graph.nodes.filter(node => !shown(node)))
        node.inputs?.forEach((_, slot) => {
            const source = node.getInputNode(slot)
            if (source && !shown(source)) node.disconnectInput(slot)
        })
    app.canvas.setDirty(true, true)
}"""
PLACE = """id => {
    const box = document.querySelector(`[data-node-id="${id}"]`).getBoundingClientRect()
    return [box.x, box.y, box.width, box.height]
}"""
REST = """async () => {
    const { playerOfNode } = await import('/extensions/ComfyUI-WorldModel/player/widget.mjs')
    for (const player of app.graph.nodes.map(playerOfNode).filter(Boolean)) {
        player.pause()
        player.seek(17)
    }
}"""
WALK_ON = """async ([id, codes, chunks]) => {
    const { gameOfNode } = await import('/extensions/ComfyUI-WorldModel/play/widget.mjs')
    const frame = () => new Promise(requestAnimationFrame)
    const key = (type, code) => window.dispatchEvent(new KeyboardEvent(type, { code, key: code, cancelable: true }))
    const node = app.graph.nodes.find(node => String(node.id) === String(id))
    while (gameOfNode(node)?.work.phase !== 'ready' || !gameOfNode(node).player.state.frames) await frame()
    const game = gameOfNode(node)
    game.walk()
    while (game.work.phase !== 'walking') await frame()
    for (const code of codes) {
        const { chunks: before } = game.work.place
        key('keydown', code)
        while (game.work.place.chunks < before + chunks) await frame()
        key('keyup', code)
    }
    const last = game.work.place.frames - 2 // of those there are: more come as long as it walks
    while (game.player.state.frame < last) await frame()
    window.wmGame = game
}"""
"""Walk on a Play World that runs: hold one key after the other, each for some chunks."""
RUN = """() => new Promise((resolve, reject) => {
    const api = app.api ?? window.comfyAPI.api.api
    api.addEventListener('execution_success', event => resolve(event.detail.prompt_id), { once: true })
    api.addEventListener('execution_error', event => reject(new Error(event.detail.exception_message)), { once: true })
    app.queuePrompt(0, 1)
})"""


def take_all(wanted: list[str], comfyui: Path) -> int:
    """Take the pictures of some nodes.

    Raises:
        SetupError: there is no scene for one of them.
    """
    from playwright.sync_api import sync_playwright

    unknown = [name for name in wanted if name not in SCENES]
    if unknown:
        raise SetupError(f"no scene for {', '.join(unknown)}: add it to SCENES in {Path(__file__).name}")
    PICTURES.mkdir(exist_ok=True)
    with ExitStack() as stack:
        base = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="worldmodel-help-")))
        for listed in LISTED:
            (base / listed).parent.mkdir(parents=True)
            (base / listed).touch()
        host = stack.enter_context(ComfyHost(comfyui, base))
        playwright = stack.enter_context(sync_playwright())
        host.client.call("/api/settings", SETTINGS)
        browser = playwright.chromium.launch(executable_path=os.environ.get("WM_BROWSER") or None, args=FLAGS)
        page = browser.new_page(viewport=VIEWPORT, device_scale_factor=DENSITY, bypass_csp=True)  # else no video plays
        page.set_default_timeout(PATIENCE)
        page.goto(f"http://{host.client.address}/")
        page.wait_for_function(READY)
        page.wait_for_timeout(1000)
        page.evaluate(OPEN, [graph_of(*SAVED)[1]])
        page.evaluate(RUN)
        for name in wanted:
            path = PICTURES / f"{name}.webp"
            save(picture(host, page, SCENES[name]), path)
            say(f"{path.name}: {path.stat().st_size / 1000:.0f} KB")
        browser.close()
    return 0


def picture(host: ComfyHost, page: Any, scene: Scene) -> Any:
    """Build a scene's graph in the page, run it, and return the picture of its node with the result beneath."""
    from PIL import Image

    ids, graph = graph_of(scene.node, scene.result)
    node = ids[scene.node]
    page.evaluate(SHOW, [place(page.evaluate(OPEN, [graph]), node, scene.width), *CORNER])
    page.wait_for_timeout(1000)
    pictures = []
    if scene.played:
        page.evaluate(f"() => {{ window.wmRun = ({RUN})() }}")
        page.evaluate(WALK_ON, [node, ["KeyW", "KeyD"], 1])
    if scene.result:
        prompt = page.evaluate(RUN)
        outputs = host.client.call(f"/history/{prompt}")[prompt]["outputs"]
        files = [file_of(host, saved) for saved in outputs[ids[scene.result]]["images"]]
        pictures = [files[round(share * (len(files) - 1))] for share in scene.frames]
    page.evaluate(REST)
    page.evaluate(PRUNE, node)
    page.mouse.move(5, 5)
    page.wait_for_timeout(2000)  # what the run shows on the node is drawn
    x, y, width, height = page.evaluate(PLACE, node)
    clip = {"x": x - MARGIN, "y": y - MARGIN, "width": width + 2 * MARGIN, "height": height + 2 * MARGIN}
    shot = Image.open(BytesIO(page.screenshot(clip=clip))).convert("RGB")
    if scene.played:
        if page.locator(".wm-slow").count():
            raise HostError(f"{scene.node}: its player says that it is too slow here; run this while nothing else runs")
        page.evaluate("() => { wmGame.end(); return wmRun }")
    return beneath(shot, pictures, scene.columns)


def graph_of(*names: str) -> tuple[dict[str, str], dict[str, Any]]:
    """Number some nodes and all that they need; return their numbers, and the graph in API form."""
    ids: dict[str, str] = {}

    def need(name: str) -> None:
        for value in NODES[name][1].values():
            if isinstance(value, list):
                need(value[0])
        if name not in ids:
            ids[name] = str(next(_NUMBERS))

    for name in filter(None, names):
        need(name)
    graph = {}
    for name, number in ids.items():
        kind, inputs = NODES[name]
        linked = {key: [ids[value[0]], value[1]] if isinstance(value, list) else value for key, value in inputs.items()}
        graph[number] = {"class_type": kind, "inputs": linked}
    return ids, graph


def place(workflow: dict[str, Any], shown: str, width: int) -> dict[str, Any]:
    """Put the shown node into the corner, what it reads far to the left and all others far to the right."""
    sources = {str(link[1]) for link in workflow["links"] if str(link[3]) == shown}
    for row, node in enumerate(workflow["nodes"]):
        node["pos"] = [-8000 if str(node["id"]) in sources else 8000, 20 * row]
        if str(node["id"]) == shown:
            node["pos"], node["size"] = [0, 0], [width, 60]
    return workflow


def file_of(host: ComfyHost, saved: dict[str, str]) -> Path:
    """Find a picture that the host saved."""
    return host.base / saved["type"] / saved["subfolder"] / saved["filename"]


def beneath(shot: Any, files: list[Path], columns: int) -> Any:
    """Lay pictures beneath a screenshot, in its colours and on its width."""
    from PIL import Image

    if not files:
        return shot
    margin, gap = MARGIN * DENSITY, 8
    width = (shot.width - 2 * margin - (columns - 1) * gap) // columns
    frames = [Image.open(file).convert("RGB") for file in files]
    height = round(width * frames[0].height / frames[0].width)
    rows = -(-len(frames) // columns)
    whole = Image.new("RGB", (shot.width, shot.height + rows * (height + gap) - gap + margin), shot.getpixel((4, 4)))
    whole.paste(shot)
    for i, frame in enumerate(frames):
        place = margin + i % columns * (width + gap), shot.height + i // columns * (height + gap)
        whole.paste(frame.resize((width, height), Image.Resampling.BICUBIC), place)
    return whole


def save(image: Any, path: Path) -> None:
    """Save a picture at the best quality that fits; one that does not leaves the picture before it."""
    for quality in (90, 80, 70, 60, 50, 40):
        packed = BytesIO()
        image.save(packed, "WEBP", quality=quality, method=6)
        if packed.tell() <= MOST_BYTES:
            path.write_bytes(packed.getvalue())
            return
    raise HostError(f"{path.name} does not fit into {MOST_BYTES} bytes: show less in its scene")


if __name__ == "__main__":
    names = sys.argv[1:]
    sys.exit(run_inside(__file__, lambda comfyui: take_all(names or list(SCENES), comfyui), names, tests=True))
