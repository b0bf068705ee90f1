"""Save, Load and Rewind World, World Info: the laws through the nodes, and what a user can get wrong."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import folder_paths
import pytest
import torch
from torch import Tensor

LONG = "forward*20 right+yaw_right*14 idle*11 forward+yaw_left(2.3)*24"
"""69 frames: 6 chunks."""


@pytest.fixture(autouse=True)
def _clean_folders() -> Iterator[None]:
    yield
    for folder in (folder_paths.get_output_directory(), folder_paths.get_input_directory()):
        shutil.rmtree(Path(folder) / "worldmodel", ignore_errors=True)
        for path in Path(folder).glob("*.world.safetensors"):
            path.unlink()


@pytest.fixture
def walked(tiny: SimpleNamespace, run: Callable, of_pack: Callable[[str], ModuleType]) -> SimpleNamespace:
    """A world of 6 chunks: 4 with seed 11, then 2 with seed 12."""
    track = of_pack("worldmodel.track.track").parse_track(LONG)
    first, _ = run("WMRolloutWorld", tiny.model, tiny.world, cut(track, slice(0, 45)), 11)
    world, _ = run("WMRolloutWorld", tiny.model, first, cut(track, slice(45, 69)), 12)
    return SimpleNamespace(model=tiny.model, vae=tiny.vae, world=world, track=track)


def cut(track: Any, rows: slice) -> Any:
    return track._replace(keys=track.keys[rows], mouse=track.mouse[rows])


def latents(world: Any) -> Tensor:
    return torch.cat([chunk.latents for chunk in world.chunks], dim=1)


def refusal(function: Callable, *args: Any) -> str:
    with pytest.raises(ValueError) as caught:
        function(*args)
    sentence = str(caught.value)
    assert "\n" not in sentence and sentence.endswith("."), sentence
    return sentence


def saved(nodes: dict, world: Any, prefix: str = "worldmodel/world") -> Path:
    result = nodes["WMSaveWorld"].execute(world, prefix)
    assert result.args[0] is world
    name = result.ui["text"][0].splitlines()[1]
    assert name in nodes["WMLoadWorld"].GET_SCHEMA().inputs[0].options
    return Path(folder_paths.get_output_directory()) / name.removesuffix(" [output]")


def test_save_load_go_on_equals_go_on(walked: SimpleNamespace, run: Callable, nodes: dict) -> None:
    first, seed, track, frame = run("WMRewindWorld", walked.world, 4)
    path = saved(nodes, first)
    assert path.name == "world_00001_.world.safetensors" and frame == 45
    name = f"worldmodel/{path.name} [output]"
    loaded = run("WMLoadWorld", name)
    grown, _ = run("WMRolloutWorld", walked.model, loaded, track, seed)
    assert seed == 12 and torch.equal(latents(grown), latents(walked.world))
    assert torch.equal(run("WMDecodeWorld", grown, walked.vae), run("WMDecodeWorld", walked.world, walked.vae))


@pytest.mark.parametrize("chunks, kept", [(-1, 5), (-6, 0), (0, 0), (3, 3), (-2, 4), (6, 6)])
def test_rewound_with_the_same_seed_and_track_it_walks_the_same_way(
    chunks: int, kept: int, walked: SimpleNamespace, run: Callable
) -> None:
    before = [chunk.latents.clone() for chunk in walked.world.chunks]
    world, seed, track, frame = run("WMRewindWorld", walked.world, chunks)
    assert len(world.chunks) == kept and frame == max(0, 12 * kept - 3) and track.frames == 69 - frame
    assert all(a is b for a, b in zip(world.chunks, walked.world.chunks, strict=False))
    assert seed == (11 if kept < 4 else 12)
    again = world
    if kept < 4:  # two rollouts made the removed chunks
        again, _ = run("WMRolloutWorld", walked.model, again, cut(track, slice(0, 45 - frame)), 11)
        track = cut(track, slice(45 - frame, None))
    if track.frames:
        again, _ = run("WMRolloutWorld", walked.model, again, track, 12)
    assert torch.equal(latents(again), latents(walked.world))
    assert all(torch.equal(chunk.latents, old) for chunk, old in zip(walked.world.chunks, before, strict=True))


def test_a_new_seed_walks_another_way(walked: SimpleNamespace, run: Callable) -> None:
    world, seed, track, _ = run("WMRewindWorld", walked.world, -2, "new seed", 99)
    other, _ = run("WMRolloutWorld", walked.model, world, track, seed)
    assert seed == 99
    assert torch.equal(latents(other)[:, :12], latents(walked.world)[:, :12])
    assert not torch.allclose(latents(other)[:, 12:], latents(walked.world)[:, 12:], atol=1e-3)


def test_a_rewind_says_what_went(walked: SimpleNamespace, nodes: dict) -> None:
    said = nodes["WMRewindWorld"].execute(walked.world, 1).ui["text"][0].splitlines()
    assert said[0] == "Kept 1 chunk, 9 frames; removed 5 chunks, 60 frames. Seed 11."
    assert said[1] == "The removed chunks were made with 2 seeds; this one makes the first 3 chunks of them again."
    (line,) = nodes["WMRewindWorld"].execute(walked.world, 1, "new seed", 3).ui["text"][0].splitlines()
    assert line.endswith("Seed 3.")


def test_a_rewind_too_far_is_refused(walked: SimpleNamespace, tiny: SimpleNamespace, run: Callable) -> None:
    for chunks in (-7, 7):
        assert f"chunks: found {chunks}, expected -6 to 6" in refusal(run, "WMRewindWorld", walked.world, chunks)
    assert "world: found no chunk" in refusal(run, "WMRewindWorld", tiny.world, -1)


def test_the_newest_file_is_the_one_written_last(walked: SimpleNamespace, run: Callable, nodes: dict) -> None:
    load = nodes["WMLoadWorld"]
    assert load.validate_inputs(None) is True  # linked
    assert "no world file in the host's" in refusal(run, "WMLoadWorld", "the newest")
    assert load.validate_inputs("the newest").startswith("world_file: found no world file in")
    one = saved(nodes, walked.world, "worldmodel/one")
    before = load.fingerprint_inputs("the newest")
    shorter = run("WMRewindWorld", walked.world, 2)[0]
    two = saved(nodes, shorter, "two")
    assert load.fingerprint_inputs("the newest") != before
    assert len(run("WMLoadWorld", "the newest").chunks) == 2
    os.utime(two, ns=(0, 0))
    assert load.fingerprint_inputs("the newest") == before == load.fingerprint_inputs(f"worldmodel/{one.name} [output]")
    assert len(run("WMLoadWorld", "the newest").chunks) == 6
    os.utime(one)
    assert load.fingerprint_inputs("the newest") != before


def test_a_file_in_the_input_folder_is_listed_by_its_plain_name(
    walked: SimpleNamespace, run: Callable, nodes: dict
) -> None:
    path = saved(nodes, walked.world)
    shutil.copyfile(path, Path(folder_paths.get_input_directory()) / "gift.world.safetensors")
    shutil.copyfile(path, Path(folder_paths.get_input_directory()) / "gift.safetensors")
    options = nodes["WMLoadWorld"].GET_SCHEMA().inputs[0].options
    assert options == ["the newest", "gift.world.safetensors", f"worldmodel/{path.name} [output]"]
    assert torch.equal(latents(run("WMLoadWorld", "gift.world.safetensors")), latents(walked.world))


@pytest.mark.parametrize("name", ["../secret.world.safetensors", "/etc/passwd", "missing.world.safetensors [output]"])
def test_only_listed_files_are_read(name: str, run: Callable, nodes: dict, tmp_path: Path) -> None:
    sentence = refusal(run, "WMLoadWorld", name)
    assert f"found no world file {name!r}" in sentence
    assert nodes["WMLoadWorld"].validate_inputs(name) == sentence


def test_a_damaged_file_is_named(walked: SimpleNamespace, run: Callable, nodes: dict) -> None:
    path = saved(nodes, walked.world)
    path.write_bytes(path.read_bytes()[:-9])
    sentence = refusal(run, "WMLoadWorld", "the newest")
    assert sentence.startswith("world_00001_.world.safetensors: found a damaged file")


@pytest.mark.parametrize("prefix", ["", " ", "..", "../elsewhere", "a/../../b", "/tmp/world", "worldmodel/.."])
def test_a_prefix_that_leads_elsewhere_is_refused(
    prefix: str, tiny: SimpleNamespace, run: Callable, nodes: dict
) -> None:
    sentence = refusal(run, "WMSaveWorld", tiny.world, prefix)
    assert sentence.startswith(f"filename_prefix: found {prefix!r}")
    assert nodes["WMSaveWorld"].validate_inputs(prefix) == sentence


def test_the_host_fills_in_dates_and_numbers(tiny: SimpleNamespace, nodes: dict) -> None:
    assert nodes["WMSaveWorld"].validate_inputs(None) is True  # linked
    first, second = (saved(nodes, tiny.world, "worldmodel/%year%") for _ in range(2))
    assert second.name == first.name.replace("00001", "00002") and "%" not in first.name


def test_an_info_shows_a_picture_of_every_chunk(walked: SimpleNamespace, nodes: dict) -> None:
    archive = nodes["WMWorldInfo"].execute(walked.world, walked.vae)
    text, picture, track = archive.args
    assert torch.equal(track.mouse, walked.track.mouse) and track.frames == 69
    assert text.startswith("Tiny World: 6 chunks, 69 frames, 4.3 s at 16 fps; 96 x 64 pixels;")
    *_, last, drift = text.splitlines()
    assert last.startswith("chunks 4-5, frames 45-68: forward 12, 28° left each; seed 12")
    assert drift.startswith("Picture at the end of chunk 5, against chunk 0: brightness ")
    assert archive.ui["text"] == [text] and archive.ui["images"][0]["filename"].endswith(".png")
    bare = nodes["WMWorldInfo"].execute(walked.world).args[1]
    assert picture.shape[0] == 1 and picture.shape[1] > bare.shape[1] and picture.shape[2] == bare.shape[2]
    assert torch.equal(picture[:, : bare.shape[1]], bare)


def test_an_info_of_a_start_alone(tiny: SimpleNamespace, nodes: dict) -> None:
    text, picture, track = nodes["WMWorldInfo"].execute(tiny.world, tiny.vae).args
    assert "0 chunks" in text and picture.isfinite().all() and track.frames == 0


def test_pictures_of_some_chunks_are_those_of_the_whole_film(
    walked: SimpleNamespace, run: Callable, of_pack: Callable[[str], ModuleType]
) -> None:
    whole = run("WMDecodeWorld", walked.world, walked.vae)
    frames = of_pack("nodes.frames")
    for chunks in ([0], [5], [0, 5], [1, 2, 4], range(6)):
        pictures = frames.last_frames(walked.vae, walked.world, chunks)
        assert torch.equal(pictures, whole[[12 * chunk + 8 for chunk in chunks]])
