"""World files: what comes out is what went in, bit for bit, and nothing else gets in."""

from __future__ import annotations

import json
import os
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from tests.tiny_models import GRID, controls_of, predict_of, start_of
from worldmodel.families.begin import extend
from worldmodel.variants import AS_RELEASED, CORRECTED, VARIANTS
from worldmodel.world.archive import SUFFIX, _checksum, load_told, load_world, save_world
from worldmodel.world.state import Carried, Chunk, Controls, RecordedNoise, World, latents, new_world, rewind

NAME = f"walk{SUFFIX}"


def grow(world: World, controls: list[Controls], seed: int = 5, **options: Any) -> World:
    *_, (grown, _) = extend(world, controls, seed, predict_of(), **options)
    return grown


def made_up(chunks: int, dtype: torch.dtype = torch.float32, name: str = "tiny_world") -> World:
    """A world that no network made, with everything a chunk can hold."""
    generator = torch.Generator().manual_seed(4)
    channels, chunking = VARIANTS[name].latents.channels, VARIANTS[name].chunking
    made = tuple(
        Chunk(
            torch.randn(channels, chunking.latents(index), *GRID, generator=generator).to(dtype),
            controls._replace(c2w=torch.eye(4).repeat(chunking.frames(index), 1, 1), prompt=f"a „street“, {index}"),
            2**64 - 1 - index, f"{index:064x}",
        )
        for index, controls in enumerate(controls_of(name, chunks))
    )  # fmt: skip
    return new_world(start_of(name))._replace(chunks=made)


def same(one: Any, other: Any) -> bool:
    """Equal down to the bits and the types, through nested tuples."""
    if isinstance(one, Tensor):
        return isinstance(other, Tensor) and one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, tuple):
        return type(one) is type(other) and len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


@pytest.mark.parametrize("name", VARIANTS)
def test_what_a_world_was_told_is_read_without_its_latents(name: str, tmp_path: Path) -> None:
    world = made_up(2, name=name)
    path = save_world(world, tmp_path / NAME)
    plain = tmp_path / "plain"
    plain.touch()
    assert path.stat().st_mode == plain.stat().st_mode, "others may read a world as any other file"
    told = load_told(path)
    assert told.variant is VARIANTS[name] and same(told.controls, tuple(chunk.controls for chunk in world.chunks))
    assert (told.form, told.pictured) == (CORRECTED, world.start.image_condition.shape[1] > 0)
    with pytest.raises(ValueError, match="expected one saved by Save World"):
        save_file({"chunk.0.keyboard": torch.zeros(1)}, path)
        load_told(path)


@pytest.mark.parametrize(("form", "latents", "frames"), [(CORRECTED, 0, (29, 32)), (AS_RELEASED, 5, (29, 29))])
def test_how_it_was_cut_is_read_as_well(form: str, latents: int, frames: tuple[int, int], tmp_path: Path) -> None:
    start = start_of("yume_1_5")
    world = new_world(start._replace(form=form, image_condition=start.image_condition[:, :latents]))
    for length in frames:
        told = Controls(torch.zeros(length, 4), torch.zeros(length, 2))
        world = world._replace(chunks=(*world.chunks, Chunk(torch.zeros(48, 8, *start.grid), told)))
    found = load_told(save_world(world, tmp_path / NAME))
    assert tuple(controls.frames for controls in found.controls) == frames
    assert tuple(map(found.variant.chunking.frames, range(2))) == frames
    assert (found.form, found.pictured) == (form, latents > 0)


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_a_world_comes_back_bit_for_bit(name: str, dtype: torch.dtype, tmp_path: Path) -> None:
    world = made_up(3, dtype, name)
    assert save_world(world, tmp_path / NAME) == tmp_path / NAME
    assert same(load_world(tmp_path / NAME), world)
    assert os.listdir(tmp_path) == [NAME]


def test_a_world_without_frames_and_recorded_noise_come_back(tmp_path: Path) -> None:
    noise = RecordedNoise(torch.randn(16, 6, *GRID), torch.randn(2, 2, 3, 16, *GRID))
    for world in (made_up(0), new_world(start_of("tiny_world")._replace(noise=noise))):
        assert same(load_world(save_world(world, tmp_path / NAME)), world)


def test_the_context_stays_behind(tmp_path: Path) -> None:
    world = made_up(2)
    carried = world._replace(context=Carried("a model", (6,), ((("slot"), torch.zeros(2), torch.zeros(2)),)))
    assert same(load_world(save_world(carried, tmp_path / NAME)), world)


def test_tensors_that_share_memory_are_saved_apart(tmp_path: Path) -> None:
    whole = torch.randn(16, 6, *GRID)
    controls = Controls(torch.zeros(12, 4), torch.zeros(12, 2))
    first = Controls(controls.keyboard[:9], controls.mouse[:9])
    chunks = (Chunk(whole[:, :3], first), Chunk(whole[:, 3:], controls), Chunk(whole[:, 3:], controls))
    world = new_world(start_of("tiny_world"))._replace(chunks=chunks)
    assert same(load_world(save_world(world, tmp_path / NAME)), world)


@pytest.mark.parametrize("name", ["tiny_world", "matrix_game_2_templerun"])
def test_save_load_go_on_equals_go_on(name: str, tmp_path: Path) -> None:
    controls = controls_of(name, 5)
    parent = grow(new_world(start_of(name)), controls[:3])
    loaded = load_world(save_world(parent, tmp_path / NAME))
    assert torch.equal(latents(grow(loaded, controls[3:])), latents(grow(parent, controls[3:])))


def test_rewound_with_the_same_seed_and_track_it_walks_the_same_way(tmp_path: Path) -> None:
    """More chunks are dropped, and more are kept, than an exact replay reaches back."""
    name, chunks = "tiny_world", 12
    controls = controls_of(name, chunks)
    world = grow(new_world(start_of(name)), controls)
    before = [chunk.latents.clone() for chunk in world.chunks]
    saved = load_world(save_world(world, tmp_path / NAME))
    for kept in (11, 7, 1, 0):
        for source in (world, saved):
            again = grow(rewind(source, kept), controls[kept:], seed=source.chunks[kept].seed)
            assert torch.equal(latents(again), latents(world)), kept
    other = grow(rewind(saved, 7), controls[7:], seed=6)
    assert not torch.equal(latents(other), latents(world))
    assert torch.equal(latents(other)[:, :21], latents(world)[:, :21])
    assert all(torch.equal(chunk.latents, old) for chunk, old in zip(world.chunks, before, strict=True))


def test_a_loaded_world_does_not_change_with_its_file(tmp_path: Path) -> None:
    world = made_up(3)
    path = save_world(world, tmp_path / NAME)
    loaded = load_world(path)
    path.write_bytes(b"\xff" * path.stat().st_size)  # in place, as another program might
    path.write_bytes(b"")
    assert same(loaded, world)


def test_saving_over_a_file_replaces_it_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save_world(made_up(1), tmp_path / NAME)
    save_world(made_up(2), path)
    assert len(load_world(path).chunks) == 2

    def full(*_: Any) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space left"):
        save_world(made_up(3), path)
    assert len(load_world(path).chunks) == 2 and os.listdir(tmp_path) == [NAME]


def test_what_could_not_be_loaded_is_not_saved(tmp_path: Path) -> None:
    world = made_up(2)
    broken = world.chunks[1]._replace(latents=torch.full((16, 3, *GRID), torch.nan))
    for spoilt, message in (
        (world._replace(digest=""), "found a start with digest"),
        (world._replace(chunks=(world.chunks[0], broken)), "found NaN or infinity in 'chunk.1.latents'"),
        (world._replace(chunks=world.chunks[::-1]), "keyboard: found shape"),
    ):
        with pytest.raises(ValueError, match=message):
            save_world(spoilt, tmp_path / NAME)
    assert os.listdir(tmp_path) == []


def test_a_long_world_takes_time_in_proportion(tmp_path: Path) -> None:
    seconds = []
    for chunks in (250, 2000):
        world = made_up(chunks)
        began = time.process_time()
        assert same(load_world(save_world(world, tmp_path / NAME)), world)
        seconds.append(time.process_time() - began)
    assert seconds[1] < 3 * 8 * seconds[0] and seconds[1] < 10, seconds


def test_a_wrong_name_or_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected one ending in .world.safetensors"):
        save_world(made_up(1), tmp_path / "walk.safetensors")
    with pytest.raises(ValueError, match="found no folder"):
        save_world(made_up(1), tmp_path / "missing" / NAME)


# ---------------------------------------------------------------- malformed files

Parts = dict[str, Any]
"""`tensors`, `header` (decoded, or a text as it stands), and what else a file is written from."""


def write(path: Path, parts: Parts) -> None:
    """Write a file from its parts, with a checksum that fits, so that the other checks are reached."""
    header = parts["header"] if isinstance(parts["header"], str) else json.dumps(parts["header"])
    tensors = {name: tensor.contiguous() for name, tensor in parts["tensors"].items()}
    metadata = {"worldmodel_world": header, "worldmodel_checksum": _checksum(header, tensors)}
    save_file(tensors, path, metadata={**metadata, **parts.get("metadata", {})})


def header(**changes: Any) -> Callable[[Parts], None]:
    return lambda parts: parts["header"].update(changes)


def chunk(**changes: Any) -> Callable[[Parts], None]:
    return lambda parts: parts["header"]["chunks"][1].update(changes)


def tensor(name: str, change: Callable[[Tensor], Tensor]) -> Callable[[Parts], None]:
    return lambda parts: parts["tensors"].update({name: change(parts["tensors"][name])})


def without(name: str) -> Callable[[Parts], None]:
    return lambda parts: parts["tensors"].pop(name)


def whole_header(text: str) -> Callable[[Parts], None]:
    return lambda parts: parts.update(header=text)


def spoiled(value: float) -> Callable[[Tensor], Tensor]:
    def spoil(whole: Tensor) -> Tensor:
        whole = whole.clone()
        whole.view(-1)[7] = value
        return whole

    return spoil


MALFORMED = {
    "header no JSON": (whole_header("{"), "found a damaged header"),
    "header nested deep": (whole_header("[" * 200_000), "found a damaged header"),
    "header a list": (whole_header("[]"), "found a header without a version"),
    "version a truth": (header(version=True), "found a header without a version"),
    "version of tomorrow": (header(version=2), "found version 2 of the format, expected 1; update this pack"),
    "variant unknown": (header(variant="doom"), "found a world of the model 'doom', expected one of"),
    "variant a number": (header(variant=3), "found a int as variant of the header"),
    "another variant": (header(variant="matrix_game_2_gta_drive", latent_format="wan21"), "found a start with digest"),
    "another latent format": (header(latent_format="wan21"), "latent_format: found 'wan21'"),
    "digest of another start": (header(digest="0" * 64), "found a start with digest"),
    "chunks no list": (header(chunks={}), "found a dict as chunks of the header, expected a list"),
    "one chunk fewer": (lambda parts: parts["header"]["chunks"].pop(), "found 4 tensors too many"),
    "one chunk more": (lambda parts: parts["header"].update(chunks=parts["header"]["chunks"] * 2), "found no tensor"),
    "seed negative": (chunk(seed=-1), "found a seed in chunk 1 that is out of range"),
    "seed too large": (chunk(seed=10**400), "found a seed in chunk 1"),
    "seed a text": (chunk(seed="5"), "found a str as seed of chunk 1, expected a int"),
    "prompt missing": (chunk(prompt=None), "found none as prompt of chunk 1"),
    "key a path": (chunk(key="../../etc/passwd"), "found a key in chunk 1 that is no hex digest"),
    "no start": (without("start.image_condition"), "found no tensor 'start.image_condition'"),
    "no keyboard": (without("chunk.0.keyboard"), "found no tensor 'chunk.0.keyboard'"),
    "no mouse": (without("chunk.1.mouse"), "mouse: found none"),
    "a tensor too many": (lambda parts: parts["tensors"].update(extra=torch.zeros(3)), "found 1 tensors too many"),
    "start empty": (tensor("start.image_condition", lambda t: t[..., :0]), "found a start without a picture"),
    "start flat": (tensor("start.image_condition", lambda t: t[0]), "image_condition: found shape"),
    "start not finite": (tensor("start.visual_context", spoiled(torch.inf)), "found NaN or infinity in 'start.visual"),
    "latents not finite": (tensor("chunk.1.latents", spoiled(torch.nan)), "found NaN or infinity in 'chunk.1"),
    "latents of another size": (tensor("chunk.1.latents", lambda t: t[..., :4]), "found latents of shape (16,"),
    "latents whole numbers": (tensor("chunk.1.latents", lambda t: t.to(torch.int32)), "found int32 numbers"),
    "latents of 8 bits": (tensor("chunk.1.latents", lambda t: t.to(torch.float8_e5m2)), "found float8_e5m2 numbers"),
    "keyboard of another chunk": (tensor("chunk.1.keyboard", lambda t: t[:9]), "keyboard: found shape (9, 4)"),
    "keyboard in halves": (tensor("chunk.1.keyboard", lambda t: t.half()), "found float16 numbers"),
    "mouse not finite": (tensor("chunk.0.mouse", spoiled(torch.nan)), "found NaN or infinity in 'chunk.0.mouse'"),
    "poses flat": (tensor("chunk.0.poses", lambda t: t[:, 0]), "found poses of shape"),
    "half the noise": (
        lambda parts: parts["tensors"].update({"start.noise.initial": torch.zeros(16, 6, *GRID)}),
        "found no tensor 'start.noise.renoise'",
    ),
    "checksum of another file": (
        lambda parts: parts.update(metadata={"worldmodel_checksum": "0" * 64}), "does not match its checksum"
    ),
    "a model": (lambda parts: parts.update(metadata={"worldmodel_world": ""}), "found a damaged header"),
}  # fmt: skip


def refusal(path: Path) -> str:
    with pytest.raises(ValueError) as caught:
        load_world(path)
    sentence = str(caught.value)
    assert sentence.startswith(f"{path.name}: ") and sentence.endswith(".") and "\n" not in sentence, sentence
    assert ", expected " in sentence and "; " in sentence, sentence
    return sentence


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    return save_world(made_up(2), tmp_path / NAME)


@pytest.mark.parametrize("kind", MALFORMED)
def test_a_malformed_file_is_refused_in_a_sentence(kind: str, saved: Path) -> None:
    spoil, message = MALFORMED[kind]
    with safe_open(saved, "pt") as file:
        tensors = {name: file.get_tensor(name).clone() for name in file.keys()}
        parts = {"tensors": tensors, "header": json.loads(file.metadata()["worldmodel_world"])}
    write(saved, parts)
    load_world(saved)  # the parts themselves are sound
    spoil(parts)
    write(saved, parts)
    assert message in refusal(saved)


def test_recorded_noise_must_fit_the_start(tmp_path: Path) -> None:
    for noise in (
        RecordedNoise(torch.zeros(16, 6, 2, 6), torch.zeros(2, 2, 3, 16, *GRID)),
        RecordedNoise(torch.zeros(16, 6, *GRID), torch.zeros(2, 2, 4, 16, *GRID)),
    ):
        with pytest.raises(ValueError, match=r"^walk.world.safetensors: found recorded noise .*, expected .*; "):
            save_world(new_world(start_of("tiny_world")._replace(noise=noise)), tmp_path / NAME)


def test_every_flipped_byte_is_noticed(saved: Path) -> None:
    sound = saved.read_bytes()
    for place in range(0, len(sound), len(sound) // 60):
        flipped = bytearray(sound)
        flipped[place] ^= 0x10
        saved.write_bytes(flipped)
        refusal(saved)


def test_every_cut_is_noticed(saved: Path) -> None:
    sound = saved.read_bytes()
    for length in (0, 7, 8, 100, len(sound) // 2, len(sound) - 1):
        saved.write_bytes(sound[:length])
        assert "found a damaged file" in refusal(saved)
    saved.write_bytes(sound + b"\0")
    assert "found a damaged file" in refusal(saved)


def test_a_file_that_promises_more_than_it_holds_takes_no_memory(saved: Path) -> None:
    promise = {"chunk.0.latents": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}
    text = json.dumps(promise).encode()
    saved.write_bytes(struct.pack("<Q", len(text)) + text)
    assert "found a damaged file" in refusal(saved)
    saved.write_bytes(struct.pack("<Q", 2**62) + text)
    assert "found a damaged file" in refusal(saved)


def test_other_files_are_named_as_such(tmp_path: Path) -> None:
    assert "found no such file" in refusal(tmp_path / "missing.world.safetensors")
    path = tmp_path / NAME
    save_file({"weight": torch.zeros(2)}, path)
    assert "found a safetensors file without a world" in refusal(path)
    torch.save({"weight": torch.zeros(2)}, path)
    assert "found a damaged file" in refusal(path)
