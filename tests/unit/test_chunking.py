"""How latents are cut into chunks, for every way that a family cuts them."""

from __future__ import annotations

import pytest

from worldmodel.variants import Chunking

WAYS = {
    "Matrix-Game 2": (Chunking(3, 3), [9, 12, 12]),
    "Matrix-Game 3": (Chunking(15, 10, given=1), [57, 40, 40]),
    "LingBot": (Chunking(4, 4), [13, 16, 16]),
    "Yume, every chunk a stream": (Chunking(8, 8, restarts=True), [29, 29, 29]),
    "LingBot's base, clips that begin with a frame again": (Chunking(21, 21, restarts=True, repeated=1), [81, 80, 80]),
    "other latents": (Chunking(5, 4, frames_per_latent=8), [33, 32, 32]),
}


@pytest.mark.parametrize("name", WAYS)
def test_chunks_tile_latents_and_frames(name: str) -> None:
    chunking, frames = WAYS[name]
    assert [chunking.frames(index) for index in range(3)] == frames
    assert [chunking.first_frame(index) for index in range(4)] == [sum(frames[:index]) for index in range(4)]
    lengths = [chunking.latents(index) for index in range(4)]
    assert [chunking.first_latent(index) for index in range(5)] == [sum(lengths[:index]) for index in range(5)]


@pytest.mark.parametrize("name", WAYS)
def test_every_frame_and_every_latent_lies_in_its_chunk(name: str) -> None:
    chunking, _ = WAYS[name]
    for index in range(4):
        for frame in range(chunking.first_frame(index), chunking.first_frame(index + 1)):
            assert chunking.chunk_of(frame) == chunking.chunk_of_latent(chunking.latent_of(frame)) == index
        for latent in range(chunking.first_latent(index), chunking.first_latent(index + 1)):
            assert chunking.chunk_of_latent(latent) == index
    held = [chunking.latent_of(frame) for frame in range(chunking.first_frame(4))]
    unseen = {chunking.first_latent(index) for index in range(1, 4)} if chunking.repeated else set()
    assert sorted(set(held) | unseen) == list(range(chunking.first_latent(4))) and held == sorted(held)
    assert not unseen & set(held)


def test_what_the_start_brings_along_is_not_sampled() -> None:
    chunking, _ = WAYS["Matrix-Game 3"]
    assert [chunking.sampled(index) for index in range(3)] == [14, 10, 10]
