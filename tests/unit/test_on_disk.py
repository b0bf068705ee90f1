"""Latents that are left in the journal's files: the same bits, and a sentence where a file has changed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import torch

from tests.tiny_models import controls_of, predict_of, start_of
from worldmodel.families.begin import begin
from worldmodel.rollout.session import Session
from worldmodel.world.archive import SUFFIX, load_world, save_world
from worldmodel.world.journal import Journal, fingerprint, parent_key
from worldmodel.world.state import Chunk, World, latents, latents_of, new_world

NAME, CHUNKS, ROOM = "matrix_game_3_distilled", 4, 2**30
CHANGED = "expected what the chunk was made of; roll the world out again with keep_latents in memory"


@pytest.fixture(scope="module")
def world() -> World:
    """A world whose chunks have keys, in memory."""
    session = begin(new_world(start_of(NAME)), predict_of())
    for number, rows in enumerate(controls_of(NAME, CHUNKS)):
        session.step(rows, 1, key=f"{number:064x}")
    return session.world


@pytest.fixture
def left(world: World, tmp_path: Path) -> World:
    """The same, its latents in files."""
    journal = Journal(tmp_path, ROOM)
    chunks = []
    for number, chunk in enumerate(world.chunks):
        journal.keep(chunk, world.chunks[number - 1].key if number else parent_key(world._replace(chunks=())))
        chunks.append(journal.on_disk(chunk) if number % 2 else journal.find(chunk.key, on_disk=True))
    return world._replace(chunks=tuple(chunks))


def behind(world: World) -> Session:
    return begin(world, predict_of())


def overwrite(chunk: Chunk) -> None:
    """Change a number of the last latent where it lies."""
    with chunk.place.path.open("r+b") as file:
        file.seek(-chunk.controls.keyboard.nbytes - chunk.controls.mouse.nbytes - 5, os.SEEK_END)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))


def test_they_are_the_same_and_not_in_memory(world: World, left: World) -> None:
    for one, other in zip(world.chunks, left.chunks, strict=True):
        assert other.place is not None and (other.key, other.seed) == (one.key, one.seed)
        assert torch.equal(latents_of(other), one.latents) and latents_of(one).data_ptr() == one.latents.data_ptr()
        assert torch.equal(latents_of(other, slice(-4, None)), one.latents[:, -4:])
        if sys.platform == "linux":
            assert str(other.place.path) in Path("/proc/self/maps").read_text()
    assert fingerprint(left) == fingerprint(world) and torch.equal(latents(left), latents(world))
    assert "on disk" in repr(left.chunks[0]) and "on disk" not in repr(world.chunks[0])


def test_a_world_goes_on_from_files_as_from_memory_and_is_saved_whole(
    world: World, left: World, tmp_path: Path
) -> None:
    rows = controls_of(NAME, CHUNKS + 1)[-1]
    made = [behind(each).step(rows, 3) for each in (world, left)]
    assert torch.equal(made[0].latents, made[1].latents)
    read = load_world(save_world(left, tmp_path / f"kept{SUFFIX}"))
    assert fingerprint(read) == fingerprint(world) and all(chunk.place is None for chunk in read.chunks)


def test_the_last_chunk_is_settled_in_its_file_without_a_change(world: World, left: World) -> None:
    session = behind(left._replace(chunks=left.chunks[:-1]))
    session.adopt(world.chunks[-1])
    session.settle(left.chunks[-1])
    assert session.world.chunks[-1].place is not None
    other = behind(world)
    rows = controls_of(NAME, CHUNKS + 1)[-1]
    assert torch.equal(session.step(rows, 3).latents, other.step(rows, 3).latents)


def test_a_file_that_is_deleted_or_replaced_takes_nothing_away(world: World, left: World) -> None:
    left.chunks[0].place.path.unlink()
    other = left.chunks[1].place.path
    other.with_suffix(".new").write_bytes(b"short")
    os.replace(other.with_suffix(".new"), other)
    assert fingerprint(left) == fingerprint(world)


@pytest.mark.parametrize("how", ["written over", "shortened"])
def test_a_file_that_was_changed_is_named_and_nothing_is_made_of_it(
    world: World, left: World, tmp_path: Path, how: str
) -> None:
    last, session = left.chunks[-1], behind(left)
    if how == "shortened":
        os.truncate(last.place.path, 100)
    else:
        overwrite(last)
    found = "the file shortened" if how == "shortened" else "other latents"
    rows = controls_of(NAME, CHUNKS + 1)[-1]
    for use in (
        lambda: session.step(rows, 3),
        lambda: fingerprint(left),
        lambda: save_world(left, tmp_path / f"a{SUFFIX}"),
    ):
        with pytest.raises(ValueError) as caught:
            use()
        said = str(caught.value)
        assert "\n" not in said and said.endswith("."), said
    with pytest.raises(ValueError, match=f"^latents: found {found} in {last.key[:12]}… of the journal, {CHANGED}"):
        session.step(rows, 3)
    assert len(session.world.chunks) == CHUNKS
    earlier = left._replace(chunks=left.chunks[:-1])
    assert fingerprint(earlier) == fingerprint(world._replace(chunks=world.chunks[:-1]))


def test_what_is_damaged_is_not_found_and_is_made_anew(world: World, left: World, tmp_path: Path) -> None:
    overwrite(left.chunks[2])
    journal = Journal(tmp_path, ROOM)
    assert journal.find(left.chunks[2].key, on_disk=True) is None
    journal.keep(world.chunks[2], left.chunks[1].key)
    assert torch.equal(latents_of(journal.find(left.chunks[2].key, on_disk=True)), world.chunks[2].latents)


def test_a_file_that_is_gone_before_it_is_mapped_leaves_the_chunk_in_memory(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, chunk = Journal(tmp_path, ROOM), world.chunks[0]
    with pytest.raises(OSError):
        journal.on_disk(chunk)
    journal.keep(chunk, parent_key(world._replace(chunks=())))

    def gone(_: Chunk) -> Chunk:
        raise FileNotFoundError("gone")

    monkeypatch.setattr(journal, "on_disk", gone)
    found = journal.find(chunk.key, on_disk=True)
    assert found.place is None and torch.equal(found.latents, chunk.latents)
