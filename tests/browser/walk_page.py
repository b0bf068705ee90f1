"""A saved workflow with a short walk and what plays it, on the host's page."""

from __future__ import annotations

from itertools import count
from typing import Any

from playwright.sync_api import Page

MODEL, VAE, VIEW, START, TRACK, ROLLOUT, INFO = 1, 2, 3, 4, 5, 6, 7
_PLACES = {MODEL: (0, 0), VAE: (0, 160), VIEW: (0, 280), START: (400, 0), TRACK: (0, 480), ROLLOUT: (920, 0),
           INFO: (1320, 0)}  # fmt: skip
_LINKS = [
    (MODEL, 0, START, "model", "MODEL"), (VAE, 0, START, "vae", "VAE"), (VIEW, 0, START, "image", "IMAGE"),
    (MODEL, 0, ROLLOUT, "model", "MODEL"), (START, 0, ROLLOUT, "world", "WM_WORLD"),
    (TRACK, 0, ROLLOUT, "track", "WM_TRACK"), (VAE, 0, ROLLOUT, "vae", "VAE"),
    (ROLLOUT, 0, INFO, "world", "WM_WORLD"),
]  # fmt: skip


_SEEDS = count(41)


def unrolled_seed() -> int:
    """Return a seed that no walk had yet: the host keeps what it made, and gives it back instead of rolling it."""
    return next(_SEEDS)


def _node(number: int, kind: str, values: list[Any], size: tuple[int, int], outputs: list[tuple[str, str]]) -> dict:
    inputs = [
        {"name": name, "type": type_, "link": link}
        for link, (*_, target, name, type_) in enumerate(_LINKS, 1) if target == number
    ]  # fmt: skip
    return {
        "id": number, "type": kind, "pos": list(_PLACES[number]), "size": list(size), "widgets_values": values,
        "flags": {}, "order": number, "mode": 0, "properties": {}, "inputs": inputs,
        "outputs": [
            {"name": name, "type": type_,
             "links": [link for link, (source, slot, *_) in enumerate(_LINKS, 1) if (source, slot) == (number, place)]}
            for place, (name, type_) in enumerate(outputs)
        ],
    }  # fmt: skip


def walk(track: str = "forward*9 right+yaw_right(2)*24", seed: int = 0) -> dict[str, Any]:
    """Return a workflow as the page saves it: a short walk, rolled out with a VAE, and World Info behind it."""
    nodes = [
        _node(MODEL, "WMLoadWorldModel", ["Tiny World", "auto", "auto", 0, "auto"], (330, 106), [("model", "MODEL")]),
        _node(VAE, "WMLoadWorldVAE", ["Tiny World"], (330, 58), [("vae", "VAE")]),
        _node(VIEW, "WMTinyWorldView", [112, 0], (330, 120), [("image", "IMAGE"), ("true_film", "IMAGE")]),
        _node(START, "WMStartWorld", [0, 0, "", "", "corrected"], (440, 320), [("world", "WM_WORLD")]),
        _node(TRACK, "WMActionTrack", ["Tiny World", 0, track], (860, 560), [("track", "WM_TRACK")]),
        _node(ROLLOUT, "WMRolloutWorld", [seed, "fixed", "", 0, 0, 0, "in memory"], (320, 300),
              [("world", "WM_WORLD"), ("film", "VIDEO")]),
        _node(INFO, "WMWorldInfo", ["kept frames"], (420, 200),
              [("text", "STRING"), ("image", "IMAGE"), ("track", "WM_TRACK")]),
    ]  # fmt: skip
    links = [
        [link, source, slot, target, [one["name"] for one in nodes[target - 1]["inputs"]].index(name), type_]
        for link, (source, slot, target, name, type_) in enumerate(_LINKS, 1)
    ]
    return {
        "version": 0.4, "last_node_id": len(nodes), "last_link_id": len(links), "nodes": nodes, "links": links,
        "groups": [], "config": {}, "extra": {},
    }  # fmt: skip


OPEN = """async ([workflow, at]) => {
    await app.loadGraphData({ ...workflow, id: crypto.randomUUID() })
    Object.assign(app.canvas.ds, { scale: 0.8, offset: [120 - at[0], 100 - at[1]] })
    app.canvas.setDirty(true, true)
}"""
PLAYERS = """async () => {
    const { playerOfNode } = await import('/extensions/ComfyUI-WorldModel/player/widget.mjs')
    window.wmPlayer = (id, graph = app.rootGraph) => playerOfNode(graph.getNodeById(id))
}"""


def open_walk(page: Page, workflow: dict[str, Any]) -> None:
    """Open the workflow, with Rollout World and World Info in sight."""
    page.evaluate(OPEN, [workflow, _PLACES[ROLLOUT]])
    page.evaluate(PLAYERS)
