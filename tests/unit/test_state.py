"""Worlds on a wire: they rewind without copying, and drop what no longer belongs to them."""

from __future__ import annotations

import pytest
import torch

from worldmodel.camera.poses import Poses
from worldmodel.layers.cache import KVCache
from worldmodel.track.track import Track, parse_track
from worldmodel.world.state import Carried, Chunk, Controls, RecordedNoise, Start, World, new_world, rewind


def world_of(chunks: int) -> World:
    start = Start("tiny_world_2", "tiny_world", torch.zeros(20, 2, 4, 6), torch.zeros(3, 8))
    made = tuple(
        Chunk(torch.full((16, 3, 4, 6), float(index)), Controls(torch.zeros(9, 4), None)) for index in range(4)
    )
    return new_world(start)._replace(chunks=made[:chunks], context=Carried("a model", (6,), ()))


def test_a_rewound_world_shares_its_chunks_and_has_no_context() -> None:
    world = world_of(4)
    for chunks in range(4):
        back = rewind(world, chunks)
        assert len(back.chunks) == chunks and all(a is b for a, b in zip(back.chunks, world.chunks, strict=False))
        assert back.context is None and back.digest == world.digest
    assert len(world.chunks) == 4 and world.context is not None


def test_rewinding_to_the_end_changes_nothing() -> None:
    world = world_of(3)
    assert rewind(world, 3) is world


@pytest.mark.parametrize("chunks", [-1, 4])
def test_rewinding_past_the_world_is_refused(chunks: int) -> None:
    with pytest.raises(ValueError, match=f"chunks: found {chunks}, expected 0 to 3"):
        rewind(world_of(3), chunks)


def filled(cache: KVCache, chunks: range) -> KVCache:
    for chunk in chunks:
        for slot in ((10, "self"), (2, "self"), (2, "mouse")):
            entries = torch.full((2, 6, 1, 4), float(chunk)) + torch.arange(6.0)[:, None, None]
            cache.extend(slot, entries, -entries, per_latent=2, commit=True)
    return cache


def test_a_snapshot_brings_the_history_back_and_is_not_written_to() -> None:
    cache = filled(KVCache(window=6, chunk=3), range(3))
    snapshot = cache.snapshot()
    assert [slot for slot, *_ in snapshot] == [(2, "mouse"), (2, "self"), (10, "self")]
    assert cache.history_bytes() == sum(part.nbytes for _, *parts in snapshot for part in parts)
    before = [part.clone() for _, *parts in snapshot for part in parts]
    other = KVCache(window=6, chunk=3)
    other.restore(snapshot, "cpu")
    for one in (cache, other):
        filled(one, range(3, 6))
    assert all(torch.equal(a, b) for a, b in zip(before, (p for _, *parts in snapshot for p in parts), strict=True))
    for (slot, *parts), (same, *again) in zip(cache.snapshot(), other.snapshot(), strict=True):
        assert slot == same and all(torch.equal(a, b) for a, b in zip(parts, again, strict=True))


def test_whatever_crosses_a_wire_is_said_in_one_line_and_is_a_tuple_all_the_same() -> None:
    snapshot, poses = filled(KVCache(window=6, chunk=3), range(3)).snapshot(), Poses(torch.eye(4).double()[None])
    world = world_of(4)
    chunk = world.chunks[0]
    controls = chunk.controls._replace(prompt="rain\n" * 1000, c2w=torch.zeros(9, 4, 4))
    chunk = chunk._replace(controls=controls)
    noise = RecordedNoise(torch.zeros(16, 3, 4, 6), torch.zeros(1, 2, 3, 16, 4, 6))
    track = parse_track("forward*24 right+yaw_right*12")._replace(prompts=((0, "rain"),), camera=poses)
    values = [world, world_of(0), world._replace(chunks=(chunk,)), world.start._replace(noise=noise), chunk, noise]
    values += [
        chunk.controls,
        Carried("a model" * 100, (6,), snapshot),
        snapshot,
        track,
        poses,
        KVCache(6, 3).snapshot(),
    ]
    values += [poses._replace(intrinsics=(0.6, 0.9, 0.5, 0.5), fps=16.0, picture=(96, 64)), parse_track("idle")]
    assert {type(value).__name__ for value in values} == {
        "World", "Start", "Chunk", "Controls", "RecordedNoise", "Carried", "Snapshot", "Track", "Poses"
    }  # fmt: skip
    for value in values:
        for said in (repr(value), str(value), f"{value}", repr([value])):
            assert "\n" not in said and "tensor(" not in said and len(said) <= 210 and type(value).__name__ in said
        assert isinstance(value, tuple) and tuple(value) == tuple(iter(value))
    assert repr(track) == "Track(36 frames, keys forward right, mouse, 1 prompt, camera)"
    assert repr(world) == (
        f"World(tiny_world_2, 4 chunks, the last 16 x 3 x 4 x 6 float32, start {world.digest[:8]}, with context)"
    )
    assert isinstance(track, Track)
