"""The world shelf's questions, asked of the real host: list, show, rename, delete, and what they refuse."""

from __future__ import annotations

import base64
import json
import urllib.error
from pathlib import Path
from typing import Any

import pytest
import torch
from comfy_host import ComfyHost

from tests.unit.samples import made_up_world
from worldmodel.world.archive import SUFFIX, load_world, save_world
from worldmodel.world.cards import made_picture
from worldmodel.world.state import frames


def refusal(comfy: ComfyHost, path: str, body: Any) -> str:
    with pytest.raises(urllib.error.HTTPError) as refused:
        comfy.client.call(path, body)
    assert refused.value.code == 400
    return json.loads(refused.value.read())["error"]


@pytest.fixture
def saved(comfy: ComfyHost) -> list[Path]:
    """A world without a picture in the input folder, and one with a picture in a folder of the output folder."""
    folder = comfy.output / "shelf"
    folder.mkdir(exist_ok=True)
    paths = [comfy.base / "input" / f"old{SUFFIX}", folder / f"new{SUFFIX}"]
    save_world(made_up_world(), paths[0])
    save_world(made_up_world(), paths[1], made_picture(torch.rand(64, 96, 3)))
    yield paths
    for path in (*paths, folder / f"other{SUFFIX}"):
        path.unlink(missing_ok=True)


def listed(comfy: ComfyHost) -> dict[str, dict[str, Any]]:
    return {world["world_file"]: world for world in comfy.client.call("/wm/worlds", {})["worlds"]}


def test_worlds_are_listed_newest_first_and_shown(comfy: ComfyHost, saved: list[Path]) -> None:
    world = made_up_world()
    answer = comfy.client.call("/wm/worlds", {})
    names = [one["world_file"] for one in answer["worlds"]]
    assert names.index(f"shelf/new{SUFFIX} [output]") < names.index(f"old{SUFFIX}") and answer["left_out"] == 0
    new, old = (listed(comfy)[name] for name in (f"shelf/new{SUFFIX} [output]", f"old{SUFFIX}"))
    assert new["title"] == "new" and new["picture"] and not old["picture"] and new["readable"]
    assert (old["chunks"], old["frames"]) == (len(world.chunks), frames(world)) and old["model"]
    shown = comfy.client.call("/wm/worlds/picture", {"world_file": new["world_file"]})
    kind, _, data = shown["picture"].partition(",")
    assert kind == "data:image/jpeg;base64" and base64.b64decode(data).startswith(b"\xff\xd8\xff")
    way = comfy.client.call("/wm/worlds/picture", {"world_file": old["world_file"]})
    assert way["picture"] == "" and len(way["way"]) == 64 and way["way"][0] == [0, 0]
    saved[0].write_bytes(saved[0].read_bytes()[:9000])
    assert listed(comfy)[f"old{SUFFIX}"]["bytes"] == 9000
    assert comfy.client.call("/wm/worlds/picture", {"world_file": f"old{SUFFIX}"})["picture"] == ""


def test_a_world_is_renamed_in_its_folder_and_deleted(comfy: ComfyHost, saved: list[Path]) -> None:
    name = f"shelf/new{SUFFIX} [output]"
    answer = comfy.client.call("/wm/worlds/rename", {"world_file": name, "title": " other "})
    assert answer == {"world_file": f"shelf/other{SUFFIX} [output]"} and not saved[1].exists()
    assert load_world(saved[1].with_name(f"other{SUFFIX}")).digest == made_up_world().digest
    assert name not in listed(comfy)
    assert comfy.client.call("/wm/worlds/delete", answer) == {}
    assert not saved[1].with_name(f"other{SUFFIX}").exists() and saved[0].exists()


def test_only_listed_worlds_are_touched_and_nothing_is_written_over(comfy: ComfyHost, saved: list[Path]) -> None:
    outside = comfy.base / f"outside{SUFFIX}"
    save_world(made_up_world(), outside)
    for name in (f"../outside{SUFFIX}", str(outside), "the newest", 5, None):
        for question in ("picture", "rename", "delete"):
            said = refusal(comfy, f"/wm/worlds/{question}", {"world_file": name, "title": "x"})
            assert "expected a saved world of the list" in said
    assert outside.exists()
    outside.unlink()
    name = f"shelf/new{SUFFIX} [output]"
    for title in ("../x", "a/b", "", ".hidden", "x" * 201, 7):
        assert "title" in refusal(comfy, "/wm/worlds/rename", {"world_file": name, "title": title})
    save_world(made_up_world(), saved[1].with_name(f"other{SUFFIX}"))
    taken = refusal(comfy, "/wm/worlds/rename", {"world_file": name, "title": "other"})
    assert "title: found a file called" in taken and saved[1].exists()
