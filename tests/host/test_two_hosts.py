"""Two hosts that work on one folder at the same time: each hands out its own films and files, and none is lost."""

from __future__ import annotations

import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from comfy_host import ComfyHost, PromptRefused, Run

from worldmodel.shown.film import read_film
from worldmodel.world.archive import load_world

AUTO = {"weight_dtype": "auto", "attention": "auto", "window": 0}
SIZE = {"width": 0, "height": 0}
OWN = {"seed": 0, "steps": "", "shift": 0.0, "fps": 0.0, "context_budget": 0}
SAVES = 6
TURNS = ("yaw_left(3)", "yaw_right(3)")


def graph(turn: str) -> dict[str, Any]:
    """Walk, film the walk, and save world, track and recording under names that both hosts use."""
    nodes = {
        "model": ("WMLoadWorldModel", {"model_name": "Tiny World", **AUTO}),
        "vae": ("WMLoadWorldVAE", {"vae_name": "Tiny World"}),
        "view": ("WMTinyWorldView", {"world_seed": 112, "place": 0, "level": "random layout"}),
        "start": ("WMStartWorld", {"model": ["model", 0], "vae": ["vae", 0], "image": ["view", 0], **SIZE}),
        "track": ("WMActionTrack", {"track": f"{turn}*45"}),
        "roll": (
            "WMRolloutWorld",
            {"model": ["model", 0], "world": ["start", 0], "track": ["track", 0], "vae": ["vae", 0], **OWN},
        ),
    }
    for number in range(SAVES):
        same = f"both{'/' * (number + 1)}walk"  # or the host would take the second node's result from the first's
        nodes[f"world {number}"] = ("WMSaveWorld", {"world": ["roll", 0], "filename_prefix": same})
        camera = {"format": "COLMAP", "model": "Tiny World", "field_of_view": 60.0}
        nodes[f"track {number}"] = ("WMSaveTrack", {"track": ["track", 0], "filename_prefix": same, **camera})
    options = {
        "world_seed": 7,
        "place": 2,
        "level": "random layout",
        "pilot": "random",
        "frames": 9,
        "width": 32,
        "height": 32,
        "depth": False,
    }
    nodes["record"] = ("WMRecordTinyWorld", {**options, "seed": len(turn), "folder": "both"})
    return {name: {"class_type": kind, "inputs": inputs} for name, (kind, inputs) in nodes.items()}


def files_of(run: Run, base: Path) -> dict[str, list[Path]]:
    """Return the files that each node says it wrote."""
    return {
        node: [
            base / item["type"] / item["subfolder"] / item["filename"]
            for items in output.values() for item in items if isinstance(item, dict)
        ]
        for node, output in run.outputs.items()
    }  # fmt: skip


@pytest.fixture(scope="module")
def runs(comfyui: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Both hosts' folder, and what came of one graph in each, queued at once."""
    base = tmp_path_factory.mktemp("both")
    hosts = [ComfyHost(comfyui, base) for _ in TURNS]
    hosts[1].log = base / "second.log"
    hosts[0].lay_out()
    try:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(ComfyHost.start, hosts))
            results = list(pool.map(lambda host, turn: host.client.run(graph(turn)), hosts, TURNS))
        yield base, results, hosts[0]
    finally:
        for host in hosts:
            host.stop()


def test_both_hand_out_their_own_film(runs: Any) -> None:
    base, results, _ = runs
    films, frames = [], []
    for run, turn in zip(results, TURNS, strict=True):
        assert run.status == "success", (turn, run.error)
        (film,) = files_of(run, base)["roll"]
        films.append(film)
        frames.append(read_film(film).frames)
    assert films[0] != films[1] and frames[0].shape == frames[1].shape == (45, 64, 96, 3)
    # turned apart: what leaves one picture at its left enters the other's at its right
    assert (frames[0][-1] - frames[1][-1]).abs().mean() > 0.02


def test_no_file_of_either_is_lost(runs: Any) -> None:
    base, results, _ = runs
    said = [path for run in results for node, paths in files_of(run, base).items() if node != "roll" for path in paths]
    index = base / "output" / "both" / "index.jsonl"
    there = [path for path in (base / "output").rglob("*") if path.is_file()]
    assert len(said) == len(set(said)) + 1 and set(said) == set(there) and said.count(index) == 2
    for run, turn in zip(results, TURNS, strict=True):
        files = files_of(run, base)
        for number in range(SAVES):
            (world,) = files[f"world {number}"]
            mouse = torch.cat([chunk.controls.mouse for chunk in load_world(world).chunks])
            assert bool((mouse[:, 1] < 0).all()) == (turn == TURNS[0])
    films = sorted(path.name for path in index.parent.glob("*.mp4"))
    assert films == ["walk_00000.mp4", "walk_00001.mp4"]


def test_the_hosts_own_account_counts_them(runs: Any) -> None:
    _, results, first = runs
    job = first.client.call(f"/api/jobs/{results[0].prompt_id}")
    assert job["outputs"]["world 0"]["files"] == results[0].outputs["world 0"]["files"]
    assert job["outputs_count"] >= 2 * SAVES and job["preview_output"]["filename"].endswith(".mp4")
    item = results[0].outputs["track 0"]["files"][0]
    with urllib.request.urlopen(f"http://{first.client.address}/view?{urllib.parse.urlencode(item)}") as answer:
        assert answer.read().startswith(b"# IMAGE_ID")


def test_what_cannot_be_written_is_refused_when_queued(runs: Any) -> None:
    base, _, first = runs
    (base / "output" / "file").touch()
    wrong = graph(TURNS[0])
    wrong["world 0"]["inputs"]["filename_prefix"] = wrong["track 0"]["inputs"]["filename_prefix"] = "x" * 300
    wrong["record"]["inputs"]["folder"] = "file/in the way"
    wrong["roll"]["inputs"]["fps"] = 1e-9
    for number in range(1, SAVES):
        del wrong[f"world {number}"], wrong[f"track {number}"]
    with pytest.raises(PromptRefused) as caught:
        first.client.run(wrong)
    told = str(caught.value)
    assert told.count("filename_prefix: found a name of 3") == 2 and "folder: found a file, " in told
    assert "fps: found 1e-09, expected 0, which is the model's own, or 0.01 to 240" in told
