"""What Matrix-Game 3 is fed for each chunk: past latents, memories, cameras and rows, by whole-number arithmetic."""

from __future__ import annotations

import json

import pytest
import torch
from torch import Tensor

from tests.tiny_models import controls_of, predict_of, start_of
from worldmodel.families import family_of
from worldmodel.families.begin import begin, settings_of
from worldmodel.memory.asked import read_frames, read_ranges
from worldmodel.memory.plan import plan
from worldmodel.memory.policy import CORRECTED, RELEASED, MemoryPolicy
from worldmodel.models.matrix_game3.conditions import Call
from worldmodel.rollout.contexts import About
from worldmodel.variants import AS_RELEASED, VARIANTS
from worldmodel.world.state import World, new_world

NAME, CHUNKS = "matrix_game_3_distilled", 4
VARIANT = VARIANTS[NAME]


@pytest.fixture(scope="module")
def world() -> World:
    """Four chunks whose latents tell their place."""
    session = begin(new_world(start_of(NAME)), predict_of())
    for rows in controls_of(NAME, CHUNKS):
        session.step(rows, 1)
    chunks, first = [], 0
    for chunk in session.world.chunks:
        count = chunk.latents.shape[1]
        numbers = torch.arange(first, first + count)[None, :, None, None].expand_as(chunk.latents).float()
        chunks.append(chunk._replace(latents=numbers.contiguous()))
        first += count
    return session.world._replace(chunks=tuple(chunks))


def call_of(world: World, index: int, policy: MemoryPolicy = CORRECTED, **about: object) -> Call:
    context = family_of(VARIANT).context(About(world.start, VARIANT, tuple(policy), **about))
    return context.gather(world._replace(chunks=world.chunks[:index]), world.chunks[index].controls, index)


def places(latents: Tensor) -> list[int]:
    return latents[0, 0, :, 0, 0].int().tolist()


@pytest.mark.parametrize("index", range(1, CHUNKS))
def test_a_chunk_is_fed_the_four_latents_before_it_and_those_that_were_planned(world: World, index: int) -> None:
    call, first = call_of(world, index), 10 * index + 5
    c2w = torch.cat([chunk.controls.c2w for chunk in world.chunks])
    chosen = plan(c2w, index, CORRECTED)  # with the whole walk known, which makes no difference
    assert places(call.past) == list(range(first - 4, first))
    assert places(call.memory) == list(chosen.latents) == call.positions[:-14].tolist()
    assert call.positions[-14:].tolist() == list(range(first - 4, first + 10))
    rows = torch.cat([chunk.controls.mouse for chunk in world.chunks])[first * 4 - 19 : first * 4 + 37]
    assert torch.equal(call.mouse[0, -14, -4:], rows[:4]) and torch.equal(call.mouse[0, -1, -4:], rows[-4:])
    assert call.rays.shape == (1, (5 + 14) * 6, 6 * 16 * 16 * 4)


def test_the_first_chunk_is_fed_its_picture_alone(world: World) -> None:
    call = call_of(world, 0)
    assert call.memory is None and call.positions.tolist() == list(range(15)) and call.negative is None
    assert torch.equal(call.past[0], world.start.image_condition[:, :1])


def test_a_context_that_has_seen_another_walk_forgets_it(world: World) -> None:
    context = family_of(VARIANT).context(About(world.start, VARIANT, tuple(CORRECTED)))
    other = [rows._replace(c2w=rows.c2w.flip(0)) for rows in (chunk.controls for chunk in world.chunks)]
    turned = world._replace(chunks=tuple(c._replace(controls=o) for c, o in zip(world.chunks, other, strict=True)))
    for walked, index in ((turned, 3), (world, 3), (world, 2), (turned, 1), (world, 1)):
        call = context.gather(walked._replace(chunks=walked.chunks[:index]), walked.chunks[index].controls, index)
        assert torch.equal(call.memory, call_of(walked, index).memory)
        assert torch.equal(call.rays, call_of(walked, index).rays)


def test_a_pin_that_lies_ahead_changes_nothing_until_it_is_past(world: World) -> None:
    pinned = CORRECTED._replace(pinned=(100,))
    assert torch.equal(call_of(world, 1, pinned).memory, call_of(world, 1).memory)
    assert 25 not in places(call_of(world, 2, pinned).memory)
    assert 25 in places(call_of(world, 3, pinned).memory)


def test_nothing_to_look_at_is_no_memory(world: World) -> None:
    nothing = CORRECTED._replace(sink=None, dropped=((0, 1000),))
    call = call_of(world, 2, nothing)
    assert call.memory is None and len(call.positions) == 14


def test_a_form_brings_its_own_policy_and_rounds_in_16_bits_alone(world: World) -> None:
    released = world._replace(start=world.start._replace(form=AS_RELEASED))
    assert settings_of(VARIANT).numbers == tuple(CORRECTED)[:-1]  # without pictures
    assert settings_of(VARIANT, AS_RELEASED).numbers == tuple(RELEASED)[:-1]
    assert json.loads(json.dumps(settings_of(VARIANT).plain()))
    halves = {"dtype": torch.bfloat16}
    assert [call_of(w, 1, **more).rounded for w in (world, released) for more in ({}, halves)] == [0, 0, 0, 1]
    assert call_of(world, 1, **halves).rays.dtype == torch.bfloat16


def test_guidance_brings_the_negative_prompt() -> None:
    base = VARIANTS["matrix_game_3_base"]
    told = begin(new_world(start_of(base.name)), lambda x, call: x * 0 + float(call.memories == 0 and len(call.text)))
    told.step(controls_of(base.name, 1)[0], 0)
    assert settings_of(base).sampler.count == 50 and base.guidance == 5


def test_frames_are_read_as_people_write_them() -> None:
    assert read_frames(" 12,480  7 ", "pins") == (12, 480, 7) and read_frames("", "pins") == ()
    assert read_ranges("100-160, 300 7–9", "drops") == ((100, 160), (300, 300), (7, 9))
    for text, read in (("a", read_frames), ("-4", read_frames), ("1.5", read_frames), ("4-", read_ranges)):
        with pytest.raises(ValueError, match="expected frames such as"):
            read(text, "pins")
