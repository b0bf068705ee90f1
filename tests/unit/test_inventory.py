"""What a world was told, as a track again and in words."""

from __future__ import annotations

import pytest
import torch

from worldmodel.binding.bind import bind_track, chunk_controls
from worldmodel.binding.unbind import walked_track
from worldmodel.shown.world_words import describe_world, held_frames, summary, told, world_bytes
from worldmodel.track.track import Track, parse_track
from worldmodel.variants import VARIANTS
from worldmodel.world.state import Chunk, Start, World, frames, new_world

GRID = (8, 12)
WALKS = {
    "tiny_world_2": "forward*14 forward+yaw_right(2)*12 left+yaw_left(0.1)*7 idle*12",
    "matrix_game_2_universal": "forward+left*20 back+pitch_up(1.3)+yaw_left(7.7)*25",
    "matrix_game_2_gta_drive": "forward*30 back+yaw_right(0.33)*15",
    "matrix_game_2_templerun": "jump*12 idle*9 turn_left*4 slide*20",
}


def world_of(name: str, track: Track, seeds: tuple[int, ...] = (7,)) -> World:
    """A world that walked a track, its latents made up; chunk i has the seed i of a list that repeats its last."""
    variant = VARIANTS[name]
    start = Start(name, variant.latent_format, torch.zeros(20, 2, *GRID), torch.zeros(3, 8))
    pieces, _ = chunk_controls(bind_track(track, variant).controls, 0, variant)
    chunks = tuple(
        Chunk(torch.zeros(16, 3, *GRID), controls, seed=seeds[min(index, len(seeds) - 1)])
        for index, controls in enumerate(pieces)
    )
    return new_world(start)._replace(chunks=chunks)


@pytest.mark.parametrize("name", WALKS)
@pytest.mark.parametrize("first", [0, 1, 3, 4])
def test_what_was_walked_binds_to_the_same_controls(name: str, first: int) -> None:
    world, variant = world_of(name, parse_track(WALKS[name])), VARIANTS[name]
    again, left_over = chunk_controls(bind_track(walked_track(world, first), variant).controls, first, variant)
    assert len(again) == len(world.chunks) - first and not left_over
    for one, other in zip(again, world.chunks[first:], strict=True):
        assert torch.equal(one.keyboard, other.controls.keyboard)
        assert one.mouse is None or torch.equal(one.mouse, other.controls.mouse)


def test_every_turn_a_track_can_ask_for_comes_back() -> None:
    turns = torch.cat([torch.arange(-6000, 6000) / 1000, torch.rand(3000) * 360 - 180])
    turns = turns[: VARIANTS["tiny_world_2"].chunking.first_frame(len(turns) // 12)]
    track = Track((), torch.zeros(len(turns), 0), torch.stack([turns, torch.zeros(len(turns))], 1).float())
    world = world_of("tiny_world_2", track)
    bound = bind_track(walked_track(world), VARIANTS["tiny_world_2"]).controls
    assert torch.equal(bound.mouse, torch.cat([chunk.controls.mouse for chunk in world.chunks]))


def test_prompts_come_back_where_they_changed() -> None:
    world = world_of("tiny_world_2", parse_track("forward*57"))
    prompts = ("", "rain", "rain", "", "snow")
    chunks = tuple(
        chunk._replace(controls=chunk.controls._replace(prompt=text))
        for chunk, text in zip(world.chunks, prompts, strict=True)
    )
    world = world._replace(chunks=chunks)
    assert walked_track(world).prompts == ((9, "rain"), (33, ""), (45, "snow"))
    assert walked_track(world, 2).prompts == ((0, "rain"), (12, ""), (24, "snow"))


def test_the_summary_counts_what_is_there() -> None:
    world = world_of("tiny_world_2", parse_track(WALKS["tiny_world_2"]), seeds=(7, 7, 9))
    lines = summary(world)
    assert lines[0].startswith("Tiny World: 4 chunks, 45 frames, 2.8 s at 16 fps; 96 x 64 pixels; ")
    assert lines[1] == f"Start id {world.digest[:12]}; noise from the seed."
    assert lines[2] == "Seeds: 7 (chunks 0-1), 9 (chunks 2-3)."
    assert lines[3] == "Keys: forward 26 (58%), left 7 (16%), none 12 (27%)."
    assert lines[4].startswith("Path: 4.1 m, ends ") and "turned 23° right; walls not counted." in lines[4]
    assert held_frames(walked_track(world)) == [("forward", 26), ("left", 7)]


def test_a_line_for_each_run_of_chunks_that_were_told_the_same() -> None:
    world = world_of("tiny_world_2", parse_track("forward*9 forward+yaw_right(2)*24 idle*12"), seeds=(1, 2))
    assert describe_world(world).splitlines()[len(summary(world)) :] == [
        "chunk 0, frames 0-8: forward 9; seed 1.",
        "chunks 1-2, frames 9-32: forward 12, 24° right each; seed 2.",
        "chunk 3, frames 33-44: idle; seed 2.",
    ]


def test_worlds_without_frames_or_without_a_walk_are_described() -> None:
    empty = world_of("tiny_world_2", parse_track("forward*8"))
    assert frames(empty) == 0 and describe_world(empty).splitlines() == list(summary(empty))
    assert summary(empty)[0].startswith("Tiny World: 0 chunks, 0 frames, 0.0 s")
    runner = world_of("matrix_game_2_templerun", parse_track(WALKS["matrix_game_2_templerun"]))
    assert not [line for line in summary(runner) if line.startswith("Path")]
    assert "Keys: slide 20 (44%), jump 12 (27%), turn_left 4 (9%), none 9 (20%)." in summary(runner)


def test_the_size_is_that_of_the_tensors() -> None:
    world = world_of("tiny_world_2", parse_track("forward*9"))
    assert world_bytes(world) == 4 * (20 * 2 * 96 + 3 * 8 + 16 * 3 * 96 + 9 * 4 + 9 * 2)


def test_a_few_words_name_keys_and_turns() -> None:
    track = parse_track("forward*3 right+yaw_left(2)*2 pitch_up(1)*1")
    assert told(track, slice(0, 6)) == "forward 3, right 2, 4° left, 1° up"
    assert told(track, slice(0, 0)) == "idle"
