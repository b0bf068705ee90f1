"""Pictures in memory: when they are looked at, what the network is fed of them, and what depends on them."""

from __future__ import annotations

import json

import pytest
import torch
from torch import Tensor

from tests.tiny_models import controls_of, predict_of, start_of
from worldmodel.binding.motion import integrate
from worldmodel.families import family_of
from worldmodel.families.begin import begin, settings_of
from worldmodel.memory.frames import MATRIX_GAME_3
from worldmodel.memory.pictures import Picture, check_pictures, check_pose
from worldmodel.memory.plan import plan
from worldmodel.memory.policy import CORRECTED, RELEASED, MemoryPolicy
from worldmodel.memory.survey import survey
from worldmodel.models.matrix_game3.conditions import Call
from worldmodel.rollout.contexts import About
from worldmodel.shown.memory_sheet import draw_memory
from worldmodel.shown.memory_words import memory_table
from worldmodel.track.track import parse_track
from worldmodel.variants import MATRIX_GAME_3_CORRECTED, VARIANTS
from worldmodel.world.state import World, new_world

NAME, CHUNK = "matrix_game_3_distilled", 3
VARIANT = VARIANTS[NAME]
FRAMES = MATRIX_GAME_3.end(CHUNK)
AWAY = torch.eye(4, dtype=torch.float64)
AWAY[2, 3] = -10_000


def walk() -> Tensor:
    """Straight ahead, then a turn to what no frame has seen."""
    return integrate(parse_track(f"forward*137 yaw_right(5)*18 idle*{FRAMES - 155}"), MATRIX_GAME_3_CORRECTED)


def picture_at(c2w: Tensor, value: float = 7.0) -> Picture:
    return Picture(torch.full((48, 1, 4, 6), value), c2w.clone())


def looked(policy: MemoryPolicy, *pictures: Picture, chunk: int = CHUNK) -> list[int | None]:
    memory = plan(walk(), chunk, policy._replace(pictures=pictures))
    return [look.picture for look in memory.looks]


@pytest.mark.parametrize("policy", [CORRECTED, RELEASED], ids=["exact", "released"])
def test_a_picture_is_looked_at_where_it_sees_most(policy: MemoryPolicy) -> None:
    last = walk()[-1]
    assert 0 in looked(policy, picture_at(last)) and looked(policy, picture_at(AWAY)) == [None] * 5
    memory = plan(walk(), CHUNK, policy._replace(pictures=(picture_at(AWAY), picture_at(last))))
    (first, *_) = memory.looks
    assert (first.picture, first.latent, first.frame, first.why) == (1, 0, 0, "picture")
    assert (
        first.overlap == 1 if policy is CORRECTED else first.overlap > 0.7
    )  # the release leaves out its grid's border
    assert memory.looks[-1].why == "sink"
    plain = plan(walk(), CHUNK, policy)
    far = plan(walk(), CHUNK, policy._replace(pictures=(picture_at(AWAY),)))
    assert far == plain and looked(policy, picture_at(last), chunk=0) == []


def test_a_picture_is_looked_at_once_where_no_two_slots_are_alike() -> None:
    last = walk()[-1]
    assert looked(CORRECTED, picture_at(last)).count(0) == 1
    assert looked(CORRECTED._replace(distinct=False), picture_at(last)).count(0) > 1
    both = looked(CORRECTED, picture_at(last), picture_at(last, 8.0))
    assert both[:2] == [0, 1]  # the first of equals, and then the other


def test_what_a_picture_replaces_is_left_to_the_next_slot() -> None:
    memory = plan(walk(), 2, CORRECTED._replace(pictures=(picture_at(walk()[MATRIX_GAME_3.end(2) - 1]),)))
    plain = plan(walk(), 2, CORRECTED)
    assert memory.looks[0].picture == 0
    assert plain.looks[0].latent in [look.latent for look in memory.looks[1:] if look.picture is None]


@pytest.fixture(scope="module")
def world() -> World:
    session = begin(new_world(start_of(NAME)), predict_of())
    for rows in controls_of(NAME, 3):
        session.step(rows, 1)
    return session.world


def call_of(world: World, policy: MemoryPolicy) -> Call:
    numbers = settings_of(VARIANT, memory=policy).numbers
    context = family_of(VARIANT).context(About(world.start, VARIANT, numbers))
    return context.gather(world._replace(chunks=world.chunks[:2]), world.chunks[2].controls, 2)


def test_the_network_is_fed_its_latent_at_the_worlds_beginning_with_its_own_camera(world: World) -> None:
    c2w = world.chunks[2].controls.c2w[-1]
    picture = picture_at(c2w)
    with_it, without = (call_of(world, CORRECTED._replace(pictures=each)) for each in ((picture,), ()))
    assert torch.equal(with_it.memory[0, :, 0], picture.latent[:, 0]) and with_it.positions[0] == 0
    assert not torch.equal(without.memory[0, :, 0], picture.latent[:, 0])
    tokens = with_it.rays.shape[1] // len(with_it.positions)
    straight = with_it.rays[0, :tokens]  # the camera that asks is the one that saw: no way between them
    moved = call_of(world, CORRECTED._replace(pictures=(picture_at(shifted(c2w)),)))
    assert moved.positions[0] == 0 and not torch.allclose(moved.rays[0, :tokens], straight)
    assert torch.equal(with_it.past, without.past)


def shifted(c2w: Tensor) -> Tensor:
    moved = c2w.clone()
    moved[0, 3] += 0.5
    return moved


def test_keys_depend_on_picture_and_camera_and_stay_as_they_were_without() -> None:
    def told(*pictures: Picture) -> str:
        return json.dumps(settings_of(VARIANT, memory=CORRECTED._replace(pictures=pictures)).plain())

    c2w = walk()[-1]
    keys = [told(), told(picture_at(c2w)), told(picture_at(c2w, 8.0)), told(picture_at(shifted(c2w)))]
    assert len(set(keys)) == 4 and told(picture_at(c2w)) == keys[1]
    assert keys[0] == json.dumps(settings_of(VARIANT).plain()) and "digest" not in keys[1]


def test_a_picture_is_shown_and_covers_what_it_sees() -> None:
    c2w, picture = walk(), picture_at(walk()[-1])
    bare, shown = (survey(c2w, CORRECTED._replace(pictures=each)) for each in ((), (picture,)))
    frame = FRAMES - 1
    seen = [next(each.all for each in found.coverage if each.frame == frame) for found in (bare, shown)]
    assert seen[0] < 0.9 < seen[1]
    table = memory_table(shown, MATRIX_GAME_3)
    assert (
        f"for frame {frame:>5}: picture 1" in table
        and "100%  by overlap" in table
        and "picture" not in memory_table(bare, MATRIX_GAME_3)
    )
    drawn = [draw_memory(c2w, found, MATRIX_GAME_3, "Matrix-Game 3.0") for found in (bare, shown)]
    assert drawn[0].shape == drawn[1].shape and not torch.equal(*drawn)


def test_a_picture_that_stands_nowhere_or_fits_no_world_is_named() -> None:
    nowhere, beyond = AWAY.clone(), AWAY.clone()
    nowhere[0, 3], beyond[0, 3] = torch.nan, 1e9
    with pytest.raises(ValueError, match=r"^pose: found NaN or infinity, expected a place within .* correct it\.$"):
        check_pose(nowhere)
    with pytest.raises(ValueError, match="^pose: found a place beyond any world, expected"):
        check_pose(beyond)
    check_pictures((picture_at(AWAY),), 48, (4, 6))
    with pytest.raises(ValueError, match=r"^memory: found picture 1 with latents of shape \(48, 1, 4, 6\), expected "):
        check_pictures((picture_at(AWAY),), 48, (44, 80))
