"""Save Camera Set in the real host: a rollout's frames, and Tiny World's true film with its depth."""

from __future__ import annotations

import base64
import copy
import io
from typing import Any

import numpy as np
import pycolmap
import pytest
import torch
from comfy_host import ComfyHost, PromptRefused
from PIL import Image
from workflow_forms import sent_form

from worldmodel.formats.files import read_track_file
from worldmodel.storage.pixels import to_bytes
from worldmodel.tinyworld.scene import engine
from worldmodel.world.archive import load_world
from worldmodel.world.state import frames

Graph = dict[str, Any]


def graph_of(**sets: dict[str, Any]) -> Graph:
    """Return *First walk* with sets of its world, and what they need beside it."""
    graph = copy.deepcopy(sent_form("First walk"))
    kinds = {item["class_type"]: node for node, item in graph.items()}
    world, vae, view = ([kinds[kind], 0] for kind in ("WMRolloutWorld", "WMLoadWorldVAE", "WMTinyWorldView"))
    graph[kinds["WMActionTrack"]]["inputs"]["track"] = "forward*33"
    graph[view[0]]["inputs"]["track"] = [kinds["WMActionTrack"], 0]
    named = {"world": world, "vae": vae, "film": [view[0], 1], "depth": [view[0], 2], "walk": [view[0], 3]}
    keep = {"WMLoadWorldModel", "WMLoadWorldVAE", "WMTinyWorldView", "WMStartWorld", "WMActionTrack", "WMRolloutWorld"}
    graph = {node: item for node, item in graph.items() if item["class_type"] in keep}
    asked = {"first_frame": 0, "last_frame": -1, "every": 1, "field_of_view": 0.0, "world": "world"}
    for name, inputs in sets.items():
        wired = {field: named.get(value, value) for field, value in {**asked, **inputs}.items()}
        graph[name] = {"class_type": "WMSaveCameraSet", "inputs": {**wired, "filename_prefix": f"sets/{name}"}}
    graph["keep"] = {
        "class_type": "WMSaveWorld", "inputs": {"world": world, "filename_prefix": "sets/world", "vae": vae},
    }  # fmt: skip
    return graph


def test_a_worlds_frames_and_a_reference_render_become_sets(comfy: ComfyHost) -> None:
    true = {"images": "film", "depth": "depth", "track": "walk"}
    run = comfy.client.run(graph_of(walked={"vae": "vae", "first_frame": 4, "last_frame": 20, "every": 4}, true=true))
    assert run.status == "success", run.error
    lines = run.outputs["walked"]["text"][0].splitlines()
    assert lines[:2] == ["Saved 5 pictures with cameras:", "output/sets/walked_00001_"]
    assert lines[2] == "96 x 64 pixels, 90.0 degrees from left to right (Tiny World's own)."
    folder = comfy.output / "sets" / "walked_00001_"
    model = pycolmap.Reconstruction(str(folder / "sparse" / "0"))
    assert sorted(image.name for image in model.images.values()) == sorted(
        p.name for p in (folder / "images").iterdir()
    )
    assert sorted(image.name for image in model.images.values()) == [f"frame_{n:06}.png" for n in (4, 8, 12, 16, 20)]
    ahead = [model.images[number].cam_from_world().inverse().translation[2] for number in range(1, 6)]
    assert ahead == pytest.approx([0.1235 * frame for frame in (4, 8, 12, 16, 20)])
    assert read_track_file(folder / "transforms.json").poses.fps == 4 and not (folder / "depth").exists()

    folder = comfy.output / "sets" / "true_00001_"
    poses = read_track_file(folder / "transforms.json").poses
    world = load_world(comfy.output / run.outputs["keep"]["text"][0].splitlines()[1].removesuffix(" [output]"))
    assert poses.frames == frames(world) == 33
    saved = run.outputs["keep"]["text"][0].splitlines()[1]
    shown = comfy.client.call("/wm/worlds/picture", {"world_file": saved})["picture"]
    with Image.open(io.BytesIO(base64.b64decode(shown.partition(",")[2]))) as small:
        assert small.size == (96, 64)  # its last frame
    view = _rendered(poses.c2w[-1:], (64, 96))
    shown = np.asarray(Image.open(folder / "images" / "frame_000032.png"))
    assert np.abs(shown.astype(int) - to_bytes(view.pixels)[0]).max() <= 1
    deep = np.asarray(Image.open(folder / "depth" / "frame_000032.png")) / 1000
    known = view.depth[0].isfinite().numpy()
    assert np.abs(deep - view.depth[0].numpy())[known].max() < 1e-3 and not deep[~known].any()


def _rendered(c2w: torch.Tensor, size: tuple[int, int]) -> engine.View:
    yaw = torch.atan2(c2w[:, 0, 2], c2w[:, 2, 2])
    return engine.render(
        engine.build([engine.level_seed("Lighthouse Square")]),
        torch.zeros(1, dtype=torch.long),
        c2w[:, [0, 2], 3],
        yaw,
        size,
    )


def test_what_cannot_be_written_is_said(comfy: ComfyHost) -> None:
    run = comfy.client.run(graph_of(nothing={}))
    assert run.status == "error" and "vae, images: found neither" in run.error
    graph = graph_of(outside={"vae": "vae"})
    del graph["keep"]
    graph["outside"]["inputs"]["filename_prefix"] = "../outside"
    with pytest.raises(PromptRefused, match="expected a name inside the host's output folder"):
        comfy.client.run(graph)
