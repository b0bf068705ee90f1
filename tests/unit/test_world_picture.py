"""A world's drawing: what was held is where it was held, and any world can be drawn."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from tests.tiny_models import start_of
from worldmodel.binding.bind import bind_track, chunk_controls
from worldmodel.shown.world_sheet import MOST_PICTURES, draw_world, make_sheet, shown_chunks
from worldmodel.track.track import parse_track
from worldmodel.variants import VARIANTS
from worldmodel.world.state import Chunk, World, new_world

KEY, TURN = (63, 191, 155), (240, 179, 58)


def world_of(text: str, name: str = "tiny_world") -> World:
    variant = VARIANTS[name]
    track, channels = parse_track(text), variant.latents.channels
    pieces, _ = chunk_controls(bind_track(track, variant).controls, 0, variant, frames=track.frames)
    chunks = tuple(
        Chunk(torch.zeros(channels, variant.chunking.latents(index), 8, 12), controls)
        for index, controls in enumerate(pieces)
    )
    return new_world(start_of(name, (8, 12)))._replace(chunks=chunks)


def coloured(picture: Tensor, colour: tuple[int, int, int]) -> Tensor:
    return ((picture[0] - torch.tensor(colour) / 255).abs().amax(-1) < 0.06).float()


def lanes(picture: Tensor) -> Tensor:
    """The part right of the map, between labels and shares, over the text."""
    return picture[:, 60:170, 480:942]


def test_a_key_is_drawn_where_it_was_held() -> None:
    held = coloured(lanes(draw_world(world_of("idle*27 forward*30"))), KEY).amax(0)  # (W,)
    half = round(27 / 57 * len(held))
    assert held[: half - 4].sum() == 0 and held[half + 4 : -4].mean() > 0.9


def test_turns_are_drawn_up_to_the_right_and_down_to_the_left() -> None:
    turned = coloured(lanes(draw_world(world_of("forward+yaw_right(2)*33 forward+yaw_left(2)*24"))), TURN)
    rows = [torch.nonzero(part.amax(1)).float().mean() for part in (turned[:, :230], turned[:, 300:])]
    assert rows[0] < rows[1]


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("text", ["idle*8", "idle*9", "forward*9 left+yaw_left(3)*48", "jump*12 slide*30 turn_left*3"])
def test_any_world_can_be_drawn(name: str, text: str) -> None:
    world = world_of(text, name)
    shown = shown_chunks(len(world.chunks))
    sheet = make_sheet(shown, torch.rand(len(shown), 16, 24, 3)) if shown else None
    bare, drawn = draw_world(world), draw_world(world, sheet)
    for picture in (bare, drawn):
        assert picture.shape[0] == 1 and picture.shape[3] == 3 and 0 <= picture.min() and picture.max() <= 1
    assert torch.equal(drawn[:, : bare.shape[1]], bare)
    assert (drawn.shape[1] > bare.shape[1]) == bool(shown)


@pytest.mark.parametrize("chunks", [0, 1, 2, MOST_PICTURES, MOST_PICTURES + 1, 2000])
def test_the_sheet_has_first_and_last_and_is_even(chunks: int) -> None:
    shown = shown_chunks(chunks)
    assert len(shown) == min(chunks, MOST_PICTURES) == len(set(shown))
    if chunks:
        assert shown[0] == 0 and shown[-1] == chunks - 1
        gaps = {b - a for a, b in pairwise(shown)}
        assert not gaps or max(gaps) - min(gaps) <= 1


def test_a_long_world_is_drawn_in_a_moment() -> None:
    world = world_of(" ".join(["forward+yaw_right(2)*50 left*14 idle*20 back+yaw_left(1.3)*40"] * 190))
    began = time.process_time()
    draw_world(world)
    assert len(world.chunks) > 1900 and time.process_time() - began < 15
