"""Worlds side by side: where they part, and how columns of different lengths stand together."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from worldmodel.binding.bind import bind_track, chunk_controls
from worldmodel.shown.side_by_side import Column, Errors, Span, fitting_scale, parting, shared_chunks, side_by_side
from worldmodel.shown.ways import way_words
from worldmodel.track.track import parse_track
from worldmodel.variants import VARIANTS
from worldmodel.world.state import Chunk, Controls, Start, World, new_world

SIZE = (64, 96)


def world_of(values: list[float]) -> World:
    start = Start("tiny_world_2", "tiny_world", torch.zeros(20, 2, 4, 6), torch.zeros(3, 8))
    chunks = tuple(Chunk(torch.full((16, 3, 4, 6), value), Controls(torch.zeros(9, 4), None)) for value in values)
    return new_world(start)._replace(chunks=chunks)


def pieces(film: Tensor, size: int = 5) -> Iterator[Tensor]:
    yield from film.split(size)


def test_worlds_part_at_the_first_chunk_that_differs() -> None:
    one = world_of([1, 2, 3])
    for other, shared, said in (
        (world_of([1, 2, 4]), 2, "b leaves a at frame 21 (chunk 2)."),
        (world_of([5, 2, 3]), 0, "b leaves a at frame 0 (chunk 0)."),
        (world_of([1, 2, 3, 4]), 3, "b goes on where a ends, at frame 33."),
        (world_of([1]), 1, "a goes on where b ends, at frame 9."),
        (one._replace(chunks=one.chunks[:2]), 2, "a goes on where b ends, at frame 21."),
        (world_of([1, 2, 3]), 3, "b is a, bit for bit."),
        (world_of([]), 0, "a goes on where b ends, at frame 0."),
    ):
        assert shared_chunks(one, other) == shared
        assert parting(one, other, ("a", "b")).said == said


def test_the_way_of_a_world_is_what_its_tracks_walk_and_turn() -> None:
    bound = bind_track(parse_track("forward*12 yaw_right(3)*60 back+left*9"), VARIANTS["tiny_world_2"])
    told, left = chunk_controls(bound.controls, 0, VARIANTS["tiny_world_2"])
    assert not left
    chunks = tuple(Chunk(torch.zeros(16, 3, 4, 6), controls) for controls in told)
    world = world_of([])._replace(chunks=chunks)
    step = 0.1235
    side = 9 * step * math.sqrt(0.5)
    ends = math.hypot(side, 12 * step + side)
    assert way_words(world) == (
        f"walks {21 * step:.2f} m, turns 180.0 degrees to the right, and ends {ends:.2f} m from its start."
    )
    still = chunks[0]._replace(controls=Controls(torch.zeros(9, 4), torch.zeros(9, 2)))
    still = world._replace(chunks=(still,))
    assert way_words(still) == "walks 0.00 m, turns 0.0 degrees, and ends 0.00 m from its start."


def test_a_column_that_has_ended_stays_and_darkens() -> None:
    films = [torch.rand(7, *SIZE, 3), torch.rand(12, *SIZE, 3)]
    columns = [Column(str(i), len(film), pieces(film)) for i, film in enumerate(films)]
    shown = torch.stack(list(side_by_side(columns, Span(0, 11), SIZE, scale=1)))
    assert shown.shape[1] % 2 == shown.shape[2] % 2 == 0
    left, right = (shown[:, 17:81, place : place + 96] for place in (0, 99))
    assert torch.equal(left[:7], films[0]) and torch.equal(right, films[1])
    assert torch.allclose(left[7:], films[0][-1:] * 0.45)


def test_only_frames_that_both_have_are_measured() -> None:
    truth, film = torch.zeros(10, *SIZE, 3), torch.full((8, *SIZE, 3), 0.1)
    errors = Errors(VARIANTS["tiny_world_2"], ["one"])
    columns = [Column("one", 8, pieces(film)), Column("truth", 10, pieces(truth))]
    list(side_by_side(columns, Span(0, 11), SIZE, scale=1, errors=errors))
    assert errors.lines() == ["all: one 20.0 dB.", "chunk 0: one 20.0 dB."]
    assert Errors(VARIANTS["tiny_world_2"], ["one"]).lines() == []


def test_chunks_of_a_measure_are_those_of_the_world() -> None:
    errors = Errors(VARIANTS["tiny_world_2"], ["one"])
    black = torch.zeros(*SIZE, 3)
    for frame in range(33):
        errors.add(frame, [black + (0.1 if frame in (8, 9, 20, 21) else 0)], black)
    psnr = {line.split(":")[0]: float(line.split()[-2]) for line in errors.lines()}
    # one bad frame of 9, two of 12, one of 12
    assert [psnr[f"chunk {i}"] for i in range(3)] == [29.5, 27.8, 30.8]


def test_all_columns_fit_into_a_width() -> None:
    assert [fitting_scale(columns, SIZE) for columns in (2, 3, 4, 5)] == [6, 4, 3, 2]
    assert fitting_scale(4, (352, 640)) == 1


def test_controls_and_branches_are_drawn() -> None:
    film = torch.full((3, *SIZE, 3), 0.5)
    plain = list(side_by_side([Column("", 3, pieces(film))], Span(0, 2), SIZE, scale=4))
    marked = list(side_by_side([Column("", 3, pieces(film))], Span(0, 2), SIZE, scale=4, branches=[1]))
    differs = [(a != b).any(-1).any(-1) for a, b in zip(plain, marked, strict=True)]
    assert all(rows.any() and not rows[:256].any() for rows in differs)  # in the footer alone
