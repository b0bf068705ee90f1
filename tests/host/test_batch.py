"""The batch in the real host: rows become films, mistakes are found before the first, nothing finished is lost."""

from __future__ import annotations

import _thread
import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from batches import short_walk, sidecars
from comfy_host import ComfyHost

from worldmodel.batch.__main__ import main
from worldmodel.shown.film import read_film

REPOSITORY = Path(__file__).resolve().parents[2]


def order(folder: Path, sweep: str, graph: dict[str, Any] | None = None) -> list[str]:
    """Write a sweep and a workflow, and return the command line that makes it."""
    (folder / "sweep.csv").write_text(sweep, encoding="utf-8")
    (folder / "walk.json").write_text(json.dumps(graph or short_walk(films=True)), encoding="utf-8")
    return ["run", str(folder / "sweep.csv"), "--workflow", str(folder / "walk.json"), "--out", str(folder / "out")]


def lines_of(folder: Path) -> dict[int, dict[str, Any]]:
    """Return the sidecars by the first of their rows."""
    lines = [json.loads(path.read_text(encoding="utf-8")) for path in sidecars(folder / "out").values()]
    return {line["rows"][0]: line for line in lines}


@pytest.fixture
def here(comfy: ComfyHost) -> list[str]:
    """Options that name the running host."""
    return ["--host", comfy.client.address]


def test_rows_become_films_with_sidecars_and_only_what_is_missing_is_made(
    tmp_path: Path, here: list[str], capsys: pytest.CaptureFixture
) -> None:
    text = "Action Track.track,Rollout World.seed,Rollout World.steps\nforward*9,1,\nback*21,2,\nforward*9,1,\n"
    words = order(tmp_path, text)
    assert main([*words, *here]) == 0
    said = capsys.readouterr().out
    assert said.startswith("3 rows, 2 different jobs, 2 to be made in ") and "2 films done, 0 failed: " in said
    lines = lines_of(tmp_path)
    assert sorted(lines) == [1, 2] and lines[1]["rows"] == [1, 3]
    line = lines[2]
    film, sheet = (tmp_path / "out" / file["name"] for file in line["files"])
    assert read_film(film).frames.shape == (21, 64, 96, 3) and sheet.name == f"{line['id']}-sheet.jpg"
    assert line["frames"] == 21 and line["seconds"] > 0 and line["frames_per_second"] > 0
    assert line["row"] == {"Action Track.track": "back*21", "Rollout World.seed": 2}
    assert line["graph"]["Rollout World"]["inputs"]["seed"] == 2 and len(line["fingerprints"]["Rollout World"]) == 16
    assert line["versions"].keys() >= {"worldmodel", "comfyui", "pytorch", "python", "devices"}
    assert [model["name"] for model in line["models"]] == ["Tiny World"]
    assert {len(about["sha256"]) for about in line["models"][0]["built_in"].values()} == {64}
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert page.count("<video") == 3 and "3 of 3 rows done, 0 failed" in page and film.name in page

    before = {
        path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*") if path.suffix in (".mp4", ".json")
    }
    film.unlink()
    assert main([*words, *here]) == 0
    assert "1 to be made in" in capsys.readouterr().out
    again = {path for path, date in before.items() if path.stat().st_mtime_ns != date}
    assert again == {film, tmp_path / "out" / f"{line['id']}.json", tmp_path / "out" / "batch.json"}
    assert lines_of(tmp_path)[2]["files"][0]["sha256"] == line["files"][0]["sha256"]


def test_every_mistake_is_found_before_the_first_job(
    tmp_path: Path, comfy: ComfyHost, here: list[str], capsys: pytest.CaptureFixture
) -> None:
    text = 'Action Track.track,Rollout World.steps,Rollout World.seed\nforward*9,,1\nforwad*9,,2\nback*9,"5, 6",3\n'
    assert main([*order(tmp_path, text), *here]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2, said
    assert said[0].startswith("row 2 (line 3), Action Track.track: ") and "forwad" in said[0]
    assert said[1].startswith("row 3 (line 4), Rollout World.steps: steps: found")
    assert (
        main([*order(tmp_path, "Tiny World View.place,Load World VAE.vae_name\n0,none.pt\nx,Tiny World\n"), *here]) == 2
    )
    said = capsys.readouterr().err
    assert 'row 1 (line 2), Load World VAE.vae_name: found "none.pt"' in said
    assert 'row 2 (line 3), Tiny World View.place: found "x", expected a whole number' in said
    graph = short_walk(films=True)
    graph["Rollout World"]["inputs"].pop("track")
    graph["more"] = {"class_type": "WMNoSuchNode", "inputs": {}}
    assert main([*order(tmp_path, "Rollout World.seed\n1\n", graph), *here]) == 2
    assert "found the node WMNoSuchNode (WMNoSuchNode), expected one that the host has" in capsys.readouterr().err
    del graph["more"]
    assert main([*order(tmp_path, "Rollout World.seed\n1\n", graph), *here]) == 2
    assert capsys.readouterr().err.startswith("row 1 and perhaps others, Rollout World.track: ")
    assert not sidecars(tmp_path / "out") and not (tmp_path / "out" / "index.html").exists()
    assert not comfy.client.call("/queue")["queue_running"]
    assert main([*order(tmp_path, "Rollout World.seed\n1\n"), "--check", *here]) == 0
    assert "Nothing to refuse: 1 row, 1 to be made." in capsys.readouterr().out
    assert main([*order(tmp_path, "Rollout World.seed\n1\n"), "--host", "127.0.0.1:9"]) == 2
    assert "--host: found no ComfyUI at 127.0.0.1:9" in capsys.readouterr().err


def test_a_failure_stays_in_the_table_and_the_others_go_on(tmp_path: Path, here: list[str]) -> None:
    graph = short_walk(films=True)
    graph["Rewind"] = {"class_type": "WMRewindWorld", "inputs": {"world": ["Rollout World", 0], "chunks": -1,
                                                                 "seed": "same seed", "new_seed": 0}}  # fmt: skip
    graph["Info"] = {"class_type": "WMWorldInfo", "inputs": {"world": ["Rewind", 0]}, "_meta": {"title": "Info"}}
    graph["Rewind"]["_meta"] = {"title": "Rewind World"}
    words = order(tmp_path, "Action Track.track,Rewind World.chunks\nforward*21,-9\nforward*21,-1\n", graph)
    assert main([*words, *here]) == 1
    lines = lines_of(tmp_path)
    assert lines[1]["state"] == "failed" and lines[1]["error"].startswith("Rewind World: chunks: found -9, expected -2")
    assert lines[2]["state"] == "done"
    assert [file["node"] for file in lines[2]["files"]] == ["Save Video", "Info", "contact sheet"]
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert "chunks: found -9" in page and "1 of 2 rows done, 1 failed" in page


def test_folders_come_whole_and_names_that_come_over_a_wire_are_the_jobs_own(
    tmp_path: Path, comfy: ComfyHost, here: list[str]
) -> None:
    graph = short_walk(films=False)
    world, vae = ["Rollout World", 0], ["Load World VAE", 0]
    graph["name"] = {"class_type": "PrimitiveString", "inputs": {"value": "sets/of others"}}
    sets = {"world": world, "vae": vae, "filename_prefix": ["name", 0], "first_frame": 2, "last_frame": -1, "every": 4}
    graph["Sets"] = {"class_type": "WMSaveCameraSet", "inputs": {**sets, "field_of_view": 0.0}}
    film = {"world": world, "vae": vae, "first": "", "last": "4", "scale": 1, "format": "PNG sequence", "fps": 0.0}
    film |= {"enlarge": "pixels", "overlay": "none", "filename_prefix": "film"}
    graph["Pictures"] = {"class_type": "WMFilmWorld", "inputs": film}
    for title in ("Decode World", "Create Video", "Save Video"):
        del graph[title]
    assert main([*order(tmp_path, "Rollout World.seed\n7\n", graph), *here]) == 0
    (line,) = lines_of(tmp_path).values()
    names = {file["name"].removeprefix(f"{line['id']}-") for file in line["files"]}
    pictures = {f"wmsavecameraset/images/frame_{number:06}.png" for number in range(2, 21, 4)}
    cameras = {f"wmsavecameraset/sparse/0/{name}.txt" for name in ("cameras", "images", "points3D")}
    film = {"wmfilmworld.mp4", *(f"wmfilmworld/images/frame_{number:06}.png" for number in range(5))}
    others = {"wmsavecameraset/transforms.json", "wmsavecameraset/walk.blender.py", "sheet.jpg"}
    assert names == pictures | cameras | film | others
    left, fetched = (sorted(path.read_bytes() for path in folder.rglob("*.png"))
                     for folder in (comfy.output / "worldmodel-batch" / line["id"], tmp_path / "out"))  # fmt: skip
    assert len(left) == 10 and left == fetched
    assert not (comfy.output / "sets").exists()


def test_ctrl_c_takes_back_what_was_queued_and_leaves_the_page(
    tmp_path: Path, comfy: ComfyHost, here: list[str]
) -> None:
    words, out = (
        order(tmp_path, "Rollout World.seed\n" + "".join(f"{seed}\n" for seed in range(300, 340))),
        tmp_path / "out",
    )

    def press() -> None:
        while not sidecars(out):
            time.sleep(0.02)
        _thread.interrupt_main()

    handled = signal.signal(signal.SIGINT, signal.default_int_handler)  # where a shell ignores it for its background
    threading.Thread(target=press, daemon=True).start()
    try:
        assert main([*words, *here]) == 130
    finally:
        signal.signal(signal.SIGINT, handled)
    for thread in threading.enumerate():
        if thread.name.startswith("batch"):
            thread.join(60)
            assert not thread.is_alive(), "it would go on giving the host jobs"
    assert 1 <= len(sidecars(out)) < 40 and not comfy.client.call("/queue")["queue_pending"]
    assert (out / "index.html").read_text(encoding="utf-8").count(">waiting<") == 40 - len(sidecars(out))


def test_a_batch_that_is_killed_has_lost_nothing_and_goes_on(tmp_path: Path, comfy: ComfyHost, here: list[str]) -> None:
    """What the host works on meanwhile is taken from it by the next batch, and not made again."""
    text = "Rollout World.seed\n" + "".join(f"{seed}\n" for seed in range(100, 104))
    words = order(tmp_path, text)
    batch = subprocess.Popen([sys.executable, "-m", "worldmodel.batch", *words, *here], cwd=REPOSITORY)
    while not sidecars(tmp_path / "out") and batch.poll() is None:
        time.sleep(0.02)
    batch.kill()
    assert batch.wait() != 0
    finished = {name: path.read_bytes() for name, path in sidecars(tmp_path / "out").items()}
    log = comfy.log_text().count("got prompt")
    assert 1 <= len(finished) < 4
    assert main([*words, *here]) == 0
    assert len(sidecars(tmp_path / "out")) == 4
    assert all((tmp_path / "out" / f"{name}.json").read_bytes() == data for name, data in finished.items())
    assert comfy.log_text().count("got prompt") - log <= 4 - len(finished) - 1  # one at least was queued already
