"""The batch on a Ray cluster: two local actors make what one host makes, and a killed one's jobs are made again."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest
from batches import short_walk, sidecars
from comfy_host import ComfyHost

from worldmodel.batch import cluster
from worldmodel.batch.__main__ import main

SEEDS = range(200, 205)


def prints_of(folder: Path) -> dict[int, dict[str, Any]]:
    """Return the fingerprints by seed."""
    lines = [json.loads(path.read_text(encoding="utf-8")) for path in sidecars(folder).values()]
    return {line["row"]["Rollout World.seed"]: line["fingerprints"] for line in lines if line["state"] == "done"}


def test_two_actors_make_what_one_host_makes_also_where_one_is_killed(
    comfy: ComfyHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sweep.csv").write_text("Rollout World.seed\n" + "".join(f"{seed}\n" for seed in SEEDS))
    graph = short_walk(films=True)
    film = {"world": ["Rollout World", 0], "vae": ["Load World VAE", 0], "first": "", "last": "1", "scale": 1}
    film |= {"enlarge": "pixels", "overlay": "none", "format": "PNG sequence", "fps": 0.0, "filename_prefix": "film"}
    graph["Pictures"] = {"class_type": "WMFilmWorld", "inputs": film}
    (tmp_path / "walk.json").write_text(json.dumps(graph))
    words = ["run", str(tmp_path / "sweep.csv"), "--workflow", str(tmp_path / "walk.json"), "--out"]
    assert main([*words, str(tmp_path / "one"), "--host", comfy.client.address]) == 0

    inner, killed = cluster.Cluster.made, []

    def kill_one(self: cluster.Cluster, jobs: list[Any]) -> Any:
        process = psutil.Process(self._asked(self.actors[1].process.remote()))
        for number, made in enumerate(inner(self, jobs)):
            if not number:
                killed.extend(process.children())
                os.kill(process.pid, signal.SIGKILL)
            yield made

    monkeypatch.setattr(cluster.Cluster, "made", kill_one)
    options = ["--ray", "local", "--hosts", "2", "--cpu"]
    assert main([*words, str(tmp_path / "two"), *options]) == 0
    one, two = prints_of(tmp_path / "one"), prints_of(tmp_path / "two")
    assert sorted(one) == list(SEEDS) and one == two and all(prints["Rollout World"] for prints in one.values())
    pictures = [{path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).glob("*/*/*.png")}
                for name in ("one", "two")]  # fmt: skip
    assert len(pictures[0]) == 2 * len(SEEDS), "folders that a host of the batch's own wrote come whole too"
    assert pictures[0].keys() == pictures[1].keys()
    assert killed and not psutil.wait_procs(killed, timeout=30)[1], "its host ended with it"
    page = (tmp_path / "two" / "index.html").read_text(encoding="utf-8")
    assert f"{len(SEEDS)} of {len(SEEDS)} rows done, 0 failed" in page
