"""What a page plays: the frames of the film as small pictures, made for those who look and for nobody else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import folder_paths
import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

NEAR = 0.04
"""Mean absolute error that the pictures' JPEG may bring, of frames in 0..1."""


@pytest.fixture
def strips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the strips, inside a temporary folder of this test's own."""
    folder_paths_before = folder_paths.get_temp_directory()
    monkeypatch.setattr(folder_paths, "temp_directory", str(tmp_path))
    assert folder_paths_before != folder_paths.get_temp_directory()
    return tmp_path / "worldmodel" / "reels"


@pytest.fixture
def told(of_pack: Callable[[str], ModuleType], strips: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict]]:
    """A page that looks at node 6, and what it is told."""
    reels, heard = of_pack("nodes.host.reels"), []
    server = SimpleNamespace(send_sync=lambda event, data, client: heard.append(json.loads(json.dumps(data))))
    monkeypatch.setattr(reels, "page", lambda: reels._Page("a page", "6"))
    monkeypatch.setattr(reels, "_server", lambda: server)
    monkeypatch.setattr(reels, "SHELF", reels.Shelf())
    yield heard
    assert all(data["node"] == "6" and data["part"] == 0 for data in heard)


def reel_of(nodes: dict[str, Any], node: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
    """Run a node and return what it tells the page, read."""
    return json.loads(nodes[node].execute(*args, **kwargs).ui["wm_reel"][0])


def pictures(reel: dict[str, Any], strips: Path) -> Tensor:
    """The frames of a reel's strips, (frames, H, W, 3) in 0..1."""
    found = []
    for name, count in reel["strips"]:
        sheet = np.asarray(Image.open(strips / name))
        for index in range(count):
            top, left = index // reel["columns"] * reel["height"], index % reel["columns"] * reel["width"]
            found.append(sheet[top : top + reel["height"], left : left + reel["width"]])
    return torch.from_numpy(np.stack(found)).float() / 255


@pytest.mark.parametrize("way", ["beside", "in turns"])
def test_the_page_gets_the_films_frames_and_nothing_else_changes(
    tiny: SimpleNamespace, nodes: dict, told: list, strips: Path, filmed: list, place: Callable, way: str,
    of_pack: Callable, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    place(way)
    result = nodes["WMRolloutWorld"].execute(tiny.model, tiny.world, tiny.track, 3, vae=tiny.vae)
    world, seen = result.args[0], torch.cat(filmed)
    reel = json.loads(result.ui["wm_reel"][0])
    assert (pictures(reel, strips) - seen).abs().mean() < NEAR
    assert reel["marks"] == [0, 9] and reel["frames"] == len(seen) == 21 and (reel["offset"], reel["begins"]) == (0, 0)
    assert reel["keys"] == {"forward": [[0, 9]], "right": [[9, 12]]} and reel["rate"] == 16
    assert reel["turns"][0] == [0, 0, 0] and reel["turns"][1][0] == 9 and reel["turns"][1][1] > 0
    begin, *news = told
    assert begin["begin"]["strips"] == [] and [one["strip"] for one in news] == reel["strips"]

    told.clear()
    monkeypatch.setattr(of_pack("nodes.host.reels"), "page", lambda: None)
    filmed.clear()
    other = nodes["WMRolloutWorld"].execute(tiny.model, tiny.world, tiny.track, 3, vae=tiny.vae)
    assert "wm_reel" not in other.ui and not told and len(list(strips.iterdir())) == len(reel["strips"])
    assert torch.equal(torch.cat(filmed), seen)
    for one, same in zip(world.chunks, other.args[0].chunks, strict=True):
        assert torch.equal(one.latents, same.latents)


def test_a_walk_that_goes_on_has_the_walk_before_it_and_world_info_plays_both_without_decoding(
    tiny: SimpleNamespace, nodes: dict, run: Callable, told: list, strips: Path, of_pack: Callable,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    first = nodes["WMRolloutWorld"].execute(tiny.model, tiny.world, tiny.track, 3, vae=tiny.vae)
    before, world = json.loads(first.ui["wm_reel"][0]), first.args[0]
    onwards = of_pack("worldmodel.track.track").parse_track("back*12")
    result = nodes["WMRolloutWorld"].execute(tiny.model, world, onwards, 3, vae=tiny.vae)
    reel, grown = json.loads(result.ui["wm_reel"][0]), result.args[0]
    assert reel["strips"][: len(before["strips"])] == before["strips"] and reel["begins"] == 21 and reel["frames"] == 33
    assert reel["keys"]["back"] == [[21, 12]]
    assert (pictures(reel, strips) - run("WMDecodeWorld", grown, tiny.vae)).abs().mean() < NEAR

    def decoded(*_: Any) -> None:
        raise AssertionError("nothing is to be decoded")

    monkeypatch.setattr(of_pack("nodes.host.decoder"), "decode_frames", decoded)
    seen = reel_of(nodes, "WMWorldInfo", grown)
    assert seen["strips"] == reel["strips"] and seen["begins"] == 0 and seen["keys"] == reel["keys"]
    assert reel_of(nodes, "WMWorldInfo", world)["strips"] == before["strips"]
    assert "wm_reel" not in nodes["WMWorldInfo"].execute(tiny.world).ui


def test_all_frames_decodes_what_is_not_kept_and_only_that(
    tiny: SimpleNamespace, nodes: dict, run: Callable, told: list, strips: Path, of_pack: Callable
) -> None:
    world = run("WMRolloutWorld", tiny.model, tiny.world, tiny.track, 3)[0]  # without a VAE: nothing to look at
    assert not told and not strips.exists()
    onwards = of_pack("worldmodel.track.track").parse_track("back*12")
    grown = run("WMRolloutWorld", tiny.model, world, onwards, 3, vae=tiny.vae)[0]
    last = [one["strip"] for one in told if "strip" in one]
    with pytest.raises(ValueError, match="vae: found none, expected the one that belongs to the world, because play"):
        nodes["WMWorldInfo"].execute(grown, None, "all frames")
    kept = reel_of(nodes, "WMWorldInfo", grown, tiny.vae)
    assert (
        kept["strips"] == last and kept["offset"] == 21 and kept["frames"] == 12 and kept["keys"]["back"] == [[0, 12]]
    )
    told.clear()
    result = nodes["WMWorldInfo"].execute(grown, tiny.vae, "all frames")
    reel = json.loads(result.ui["wm_reel"][0])
    assert reel["strips"][-len(last) :] == last and sum(count for _, count in reel["strips"]) == 33
    assert [one["strip"] for one in told if "strip" in one] == reel["strips"][: -len(last)]
    assert (pictures(reel, strips) - run("WMDecodeWorld", grown, tiny.vae)).abs().mean() < NEAR
    assert "Picture at the end of chunk 2, against chunk 0: brightness" in result.args[0]


def test_a_folder_that_takes_nothing_costs_the_player_and_not_the_walk(
    tiny: SimpleNamespace, nodes: dict, told: list, of_pack: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = []
    monkeypatch.setattr(of_pack("nodes.host.progress").Progress, "show", lambda bar, frame: shown.append(frame))
    writer = of_pack("worldmodel.shown.reel").StripWriter

    def refuse(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writer, "_write", refuse)
    result = nodes["WMRolloutWorld"].execute(tiny.model, tiny.world, tiny.track, 3, vae=tiny.vae)
    assert len(result.args[0].chunks) == 2 and result.args[1].get_frame_count() == 21
    assert "found no way to keep its pictures (No space left on device)" in json.loads(result.ui["wm_reel"][0])["off"]
    assert shown  # as where no page plays


def test_the_oldest_strips_leave_and_a_chunk_is_there_whole_or_not_at_all(of_pack: Callable, tmp_path: Path) -> None:
    reels, Strip = of_pack("nodes.host.reels"), of_pack("worldmodel.shown.reel").Strip
    shelf, made = reels.Shelf(most_bytes=25), []
    for number in range(4):
        path = tmp_path / f"{number}.jpg"
        path.write_bytes(b"0123456789")
        made.append(Strip(number // 2, 6, path, 10))
        shelf.add(made[-1])
    shelf.name("first", "vae", made[:2])
    shelf.name("second", "vae", made[2:])
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["2.jpg", "3.jpg"]
    assert shelf.find("first") == () and shelf.find("second", "vae") == tuple(made[2:]) and shelf.find("third") == ()
    assert shelf.find("second", "another") == () and shelf.vae_of("second") == "vae"


def test_the_vae_that_decoded_last_is_shown_though_another_was_there_between(of_pack: Callable, tmp_path: Path) -> None:
    shelf, strip = of_pack("nodes.host.reels").Shelf(), of_pack("worldmodel.shown.reel").Strip
    for number, vae in enumerate(("one", "other", "one")):
        path = tmp_path / f"{number}.jpg"
        path.write_bytes(b"x")
        shelf.name("chunk", vae, [strip(0, 1, path, 1)])
    assert shelf.vae_of("chunk") == "one" and shelf.find("chunk")[0].path.name == "2.jpg"
