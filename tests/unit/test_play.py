"""The laws of a walk whose controls come from outside, for every model: what is played is what is rendered."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch

from tests.tiny_models import chained, predict_of, said, start_of, with_toy
from worldmodel import families
from worldmodel.binding.bind import bind_track, chunk_controls
from worldmodel.binding.motion import integrate
from worldmodel.families.begin import begin, settings_of
from worldmodel.play.walk import Walk, words_of
from worldmodel.rollout.session import Session
from worldmodel.track.track import Track, parse_track, same_track, write_track
from worldmodel.variants import VARIANTS
from worldmodel.world.journal import Journal, fingerprint
from worldmodel.world.lineage import Lineage
from worldmodel.world.state import World, new_world, variant_of

SEED, BOTH = 5, 2
OPTIONS = {"model": "m", "stages": 1, "encode_text": said, "chained": chained}


@pytest.fixture(autouse=True)
def toy() -> Iterator[ModuleType]:
    with with_toy(families, VARIANTS) as toy:
        yield toy


@pytest.fixture(params=[*VARIANTS, "toy"])
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def behind(world: World) -> Session:
    return begin(world, predict_of(), **OPTIONS)


def fresh(name: str) -> World:
    return new_world(start_of(name))


def piece_of(walk: Walk, number: int) -> Track:
    """Return what a player holds in a chunk: other keys and turns for another number; sometimes a text."""
    words, count = words_of(walk.variant), walk.next_frames
    generator = torch.Generator().manual_seed(number)
    mouse = torch.randn(count, 2, generator=generator)
    late = number == 11  # it holds from the next chunk on
    text = ((5 * late, f"event {number}"),) if walk.variant.text is not None and (late or number % 3 == 1) else ()
    return Track(words, torch.rand(count, len(words), generator=generator).round(), mouse, text)


def rendered(world: World, track: Track, seed: int) -> World:
    """Roll a track out as Rollout World does."""
    variant = variant_of(world.start)
    bound = bind_track(track, variant, world)
    prompt = world.chunks[-1].controls.prompt if world.chunks else ""
    pieces, left = chunk_controls(bound.controls, len(world.chunks), variant, bound.events, prompt, track.frames)
    assert left == 0
    session = begin(world, predict_of(), **OPTIONS)
    for controls in pieces:
        session.step(controls, seed)
    return session.world


def test_what_is_played_is_what_is_rendered_also_with_chunks_taken_back(name: str) -> None:
    walk = Walk(fresh(name), behind, seed=SEED)
    for number in range(3):
        walk.step(piece_of(walk, number))
    walk.take_back(BOTH)
    walk.catch_up()  # as in a pause
    for number in range(10, 13):
        walk.step(piece_of(walk, number))
    assert walk.turn == 1 and walk.chunks == 4
    played = fingerprint(walk.world)
    assert fingerprint(rendered(fresh(name), walk.track(), SEED)) == played
    if walk.variant.keyboard is not None or walk.variant.camera is None:
        saved = parse_track(write_track(walk.track()))
        assert same_track(saved, walk.track())
        assert fingerprint(rendered(fresh(name), saved, SEED)) == played


def test_a_walk_goes_on_from_a_world_and_carries_what_the_model_remembers(name: str) -> None:
    first = Walk(fresh(name), behind, seed=SEED)
    for number in range(2):
        first.step(piece_of(first, number))
    world = first.finished(1 << 30)
    second = Walk(world, behind, seed=SEED)
    second.step(piece_of(second, 7))
    plain = rendered(world._replace(context=None), second.track(), SEED)
    assert fingerprint(second.world) == fingerprint(plain)
    second.take_back(1)
    assert fingerprint(second.world) == fingerprint(world) and second.added == 0


def test_another_seed_from_here_changes_what_comes_and_nothing_before(name: str) -> None:
    walk = Walk(fresh(name), behind, seed=SEED)
    walk.step(piece_of(walk, 0))
    before, piece = fingerprint(walk.world), piece_of(walk, 1)
    walk.step(piece)
    as_it_was = fingerprint(walk.world)
    walk.take_back(1)
    assert fingerprint(walk.world) == before
    walk.reseed(SEED + 1)
    walk.step(piece)
    assert fingerprint(walk.world) != as_it_was
    assert walk.seeds() == [(0, SEED), (1, SEED + 1)]
    walk.reset()
    assert (walk.seed, walk.added, walk.chunks) == (SEED, 0, 0)
    walk.step(piece_of(walk, 0))
    assert fingerprint(walk.world) == before


def test_a_kept_place_is_gone_on_from_as_often_as_wished(name: str) -> None:
    walk = Walk(fresh(name), behind, seed=SEED)
    walk.step(piece_of(walk, 0))
    place = walk.save()
    ends = []
    for number in (4, 5, 4):
        walk.step(piece_of(walk, number))
        ends.append(fingerprint(walk.world))
        walk.fork(place)
    assert ends[0] == ends[2] != ends[1]
    walk.drop(place)
    with pytest.raises(ValueError, match="place: found 1"):
        walk.fork(place)


def test_what_is_finished_is_in_the_journal_and_is_not_made_again(tmp_path: Path) -> None:
    name = "tiny_world_2"
    plain = settings_of(VARIANTS[name]).plain()
    made = []
    for _ in range(2):
        walk = Walk(fresh(name), behind, seed=SEED, book=Lineage(Journal(tmp_path, 1 << 30), ["m"], plain))
        steps = [walk.step(piece_of(walk, number)) for number in (0, 1)]
        walk.take_back(1)
        steps.append(walk.step(piece_of(walk, 1)))
        made.append(([step.made for step in steps], fingerprint(walk.world)))
    assert [which for which, _ in made] == [[True, True, False], [False, False, False]]
    assert made[0][1] == made[1][1] == fingerprint(rendered(fresh(name), walk.track(), SEED))


def test_a_step_that_fails_leaves_the_walk_where_it_stood() -> None:
    class Stopped(Exception):
        pass

    fails = [True]

    def after_step(_: object) -> None:
        if fails:
            raise Stopped

    walk = Walk(fresh("tiny_world_2"), lambda world: begin(world, predict_of(), after_step=after_step), seed=SEED)
    with pytest.raises(Stopped):
        walk.step(piece_of(walk, 0))
    assert walk.chunks == 0
    fails.clear()
    walk.step(piece_of(walk, 0))
    assert fingerprint(walk.world) == fingerprint(rendered(fresh("tiny_world_2"), walk.track(), SEED))


def test_the_way_is_that_of_all_that_was_told_also_with_chunks_taken_back(name: str) -> None:
    walk = Walk(fresh(name), behind, seed=SEED)
    for number in range(3):
        walk.step(piece_of(walk, number))
    walk.take_back(BOTH)
    for number in range(5, 7):
        walk.step(piece_of(walk, number))
    if not walk.variant.walks:
        assert walk.way() == ()
        return
    poses = integrate(walk.track(), walk.variant.motion_of(fresh(name).start.form))
    whole = torch.stack([poses[:, 0, 3], poses[:, 2, 3]], 1)
    assert torch.allclose(torch.tensor(walk.way(), dtype=torch.float64)[:, :2], whole, atol=1e-6)
    assert walk.way(9) == walk.way()[9:]


def test_the_limit_holds_and_what_cannot_be_told_is_refused_in_a_sentence() -> None:
    walk = Walk(fresh("tiny_world_2"), behind, limit=21)
    with pytest.raises(ValueError, match=r"^controls: found 12 frames, expected 9, the frames of chunk 0 of Tiny"):
        walk.step(Track((), torch.zeros(12, 0), torch.zeros(12, 2)))
    with pytest.raises(ValueError, match="^keys: found 'jump', expected forward, back, left, right for Tiny World"):
        walk.step(Track(("jump",), torch.ones(9, 1), torch.zeros(9, 2)))
    with pytest.raises(ValueError, match="^text: found 'rain', expected none, because Tiny World"):
        walk.step(Track((), torch.zeros(9, 0), torch.zeros(9, 2), ((0, "rain"),)))
    with pytest.raises(ValueError, match="^controls: found NaN"):
        walk.step(Track((), torch.zeros(9, 0), torch.full((9, 2), torch.nan)))
    with pytest.raises(ValueError, match="^chunks: found 1, expected none, because nothing was walked yet"):
        walk.take_back(1)
    with pytest.raises(ValueError, match="^track: found nothing that was walked"):
        walk.track()
    assert walk.chunks == 0
    for _ in range(2):
        walk.step(piece_of(walk, 0))
    assert walk.next_frames == 0
    with pytest.raises(ValueError, match="^limit: found 21 frames walked, which is all"):
        walk.step(Track((), torch.zeros(12, 0), torch.zeros(12, 2)))
    with pytest.raises(ValueError, match="^chunks: found 3, expected 1 to 2"):
        walk.take_back(3)
    assert len(walk.way()) == 21 and walk.way()[0] == (0, 0, 0)
    for limit in (8, 100_001):
        with pytest.raises(ValueError, match=f"^limit: found {limit}, expected"):
            Walk(fresh("tiny_world_2"), behind, limit=limit)
