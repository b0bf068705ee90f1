"""The pilot: what an action does and when, and the walks that the suites make.

Shapes: F walkers, R rows.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from worldmodel.binding.motion import integrate
from worldmodel.tinyworld import pilot, train_vae
from worldmodel.tinyworld.evaluate import suites
from worldmodel.tinyworld.scene import clips, engine, plans
from worldmodel.track.track import Track
from worldmodel.vae.tiny import TinyVAE
from worldmodel.variants import Motion

SIZE = (32, 48)
Starts = tuple[engine.Places, torch.Tensor, tuple[torch.Tensor, torch.Tensor]]


def starts(count: int, seed: int = 3) -> Starts:
    """Return worlds with one start in each."""
    random = np.random.default_rng(seed)
    places = engine.build(random.integers(engine.HELD_OUT_SEEDS, size=count).tolist())
    which = torch.arange(count)
    return places, which, engine.random_starts(places, which, random)


def unhindered(walks: pilot.Walks) -> list[int]:
    """Return the walkers that no wall ever stopped."""
    return torch.nonzero(~walks.bumped.any(1))[:, 0].tolist()


def test_row_i_moves_the_camera_from_frame_i_to_the_next() -> None:
    worlds, which, (place, yaw) = starts(6)
    actions = pilot.random_actions(np.random.default_rng(4), 6, 14)
    walks = pilot.play(worlds, which, (place, yaw), actions)
    film = pilot.film(worlds, walks, SIZE)
    assert film.shape == (6, 15, *SIZE, 3)
    assert len(unhindered(walks)) >= 2
    for walker in unhindered(walks)[:3]:
        (x, z), heading = place[walker].tolist(), yaw[walker].item()
        for frame in range(15):
            here = torch.tensor([[x, z]], dtype=torch.float64), torch.tensor([heading], dtype=torch.float64)
            picture = engine.render(worlds, which[walker : walker + 1], *here, SIZE).pixels[0]
            torch.testing.assert_close(film[walker, frame], picture, atol=1e-4, rtol=0)
            if frame == 14:
                break
            forward, back, left, right = actions.keys[walker, frame].tolist()
            ahead, aside = forward - back, right - left
            length = pilot.STEP / max(1.0, math.hypot(ahead, aside))
            x += length * (ahead * math.sin(heading) + aside * math.cos(heading))
            z += length * (ahead * math.cos(heading) - aside * math.sin(heading))
            heading += math.radians(actions.turns[walker, frame].item())


def test_one_action_in_one_row_changes_the_frames_behind_it_only() -> None:
    worlds, which, start = starts(1, seed=8)
    for row in (0, 3, 6):
        actions = pilot.hold((), 0.0, 1, 7)
        actions.keys[0, row, 0] = 1
        still = pilot.film(worlds, pilot.play(worlds, which, start, pilot.hold((), 0.0, 1, 7)), SIZE)
        film = pilot.film(worlds, pilot.play(worlds, which, start, actions), SIZE)
        changed = (film - still).abs().amax((0, 2, 3, 4)) > 1e-3
        assert changed.tolist() == [frame > row for frame in range(8)]


def test_a_walk_without_rows_is_its_start() -> None:
    worlds, which, (place, yaw) = starts(2)
    walks = pilot.play(worlds, which, (place, yaw), pilot.hold((), 0.0, 2, 0))
    assert torch.equal(walks.places, place[:, None]) and torch.equal(walks.yaws, yaw[:, None])
    assert walks.bumped.shape == (2, 0) and pilot.film(worlds, walks, SIZE).shape == (2, 1, *SIZE, 3)


def test_the_film_of_a_part_is_the_part_of_the_film() -> None:
    worlds, which, start = starts(2)
    walks = pilot.play(worlds, which, start, pilot.random_actions(np.random.default_rng(1), 2, 5))
    whole, part = (pilot.film(worlds, walks, SIZE, frames, batch=5) for frames in (slice(None), slice(2, 4)))
    torch.testing.assert_close(part, whole[:, 2:4], atol=1e-6, rtol=0)


def test_a_walk_that_nothing_stops_is_motions_path() -> None:
    worlds, which, start = starts(12, seed=5)
    actions = pilot.random_actions(np.random.default_rng(6), 12, 20)
    walks = pilot.play(worlds, which, start, actions)
    poses = pilot.poses(walks.places, walks.yaws)
    assert len(unhindered(walks)) >= 3
    for walker in unhindered(walks):
        mouse = torch.stack([actions.turns[walker], torch.zeros(20)], 1).float()
        path = integrate(Track(pilot.WORDS, actions.keys[walker], mouse), Motion(pilot.STEP), start=poses[walker, 0])
        torch.testing.assert_close(path, poses[walker, :20], atol=1e-5, rtol=0)


def test_units_are_the_variants() -> None:
    assert pilot.moves(torch.tensor([1.0, 0, 0, 0])).tolist() == pytest.approx([0, 0.1235])
    assert pilot.moves(torch.tensor([0, 0, 1.0, 0])).tolist() == pytest.approx([-0.1235, 0])
    assert pilot.moves(torch.tensor([0, 1.0, 0, 1])).norm().item() == pytest.approx(0.1235)
    assert not pilot.moves(torch.tensor([1.0, 1, 1, 1])).any()
    walks = pilot.play(*starts(1), pilot.hold((), pilot.TURN, 1, 4))
    turned = (walks.yaws[:, 1:] - walks.yaws[:, :-1]).rad2deg()
    torch.testing.assert_close(turned, torch.full((1, 4), 1.5, dtype=torch.float64))


def in_the_open(walkers: int) -> Starts:
    """Return starts in the middle of a world without walls."""
    worlds = engine.build([3] * walkers)
    worlds = worlds._replace(cells=torch.zeros_like(worlds.cells))
    middle = torch.full((walkers, 2), plans.SIDE * engine.CELL / 2, dtype=torch.float64)
    return worlds, torch.arange(walkers), (middle, torch.linspace(0, 5, walkers, dtype=torch.float64))


@pytest.mark.parametrize("pure", ["moves", "turns"])
def test_there_and_back_returns(pure: str) -> None:
    worlds, which, start = in_the_open(6)
    actions = pilot.random_actions(np.random.default_rng(9), 6, 40)
    (actions.turns if pure == "moves" else actions.keys).zero_()
    both = pilot.there_and_back(actions)
    walks = pilot.play(worlds, which, start, both)
    assert both.keys.shape == (6, 80, 4) and torch.equal(both.keys[:, :40], actions.keys)
    torch.testing.assert_close(walks.places[:, -1], start[0], atol=1e-9, rtol=0)
    torch.testing.assert_close(walks.yaws[:, -1], start[1], atol=1e-9, rtol=0)
    left = walks.places[:, 40] - start[0] if pure == "moves" else walks.yaws[:, 40] - start[1]
    assert left.abs().max() > 0.3
    torch.testing.assert_close(walks.places.flip(1), walks.places, atol=1e-9, rtol=0)


def test_random_actions_repeat_with_their_seed_and_stay_in_bounds() -> None:
    first, again, other = (pilot.random_actions(np.random.default_rng(seed), 30, 60) for seed in (1, 1, 2))
    assert torch.equal(first.keys, again.keys) and torch.equal(first.turns, again.turns)
    assert not torch.equal(first.keys, other.keys) and not torch.equal(first.turns, other.turns)
    assert set(first.keys.unique().tolist()) == {0.0, 1.0}
    assert first.turns.abs().max() <= pilot.FASTEST
    assert bool((first.keys.sum((0, 1)) > 0).all()) and first.turns.min() < 0 < first.turns.max()
    assert 0.05 < (first.keys.sum(-1) == 0).float().mean() < 0.5 and 0.2 < (first.turns == 0).float().mean() < 0.8
    assert not bool((first.keys[..., 0] * first.keys[..., 1]).any())
    assert not bool((first.keys[..., 2] * first.keys[..., 3]).any())


def test_tapped_actions_are_like_those_of_drawn_paths() -> None:
    first, again = (pilot.tapped_actions(np.random.default_rng(3), 200, 57) for _ in range(2))
    assert torch.equal(first.keys, again.keys) and torch.equal(first.turns, again.turns)
    drawn = suites.load("layouts")["drawn"]
    for actions in (first.keys, drawn.keys):
        changes = (actions[:, 1:] != actions[:, :-1]).any(-1).float().mean()
        assert 0.2 < changes < 0.35 and 0.45 < (actions[..., 0] > 0).float().mean() < 0.8
    assert set(first.keys.unique().tolist()) == {0.0, 1.0} and bool((first.keys.sum((0, 1)) > 0).all())
    assert first.turns.abs().max() <= pilot.FASTEST
    assert (first.turns[:, 1:] - first.turns[:, :-1]).abs().max() <= 2 * pilot.FASTEST / 12 + 1e-9


def test_single_actions_are_each_key_and_turn_alone_and_their_mixtures() -> None:
    singles = pilot.single_actions()
    rows = {(*one.keys[0, 0].tolist(), one.turns.item()) for one in singles}
    assert len(rows) == len(singles) == 9
    for column in range(4):
        assert (*np.eye(4)[column].tolist(), 0.0) in rows
    assert {(0.0, 0.0, 0.0, 0.0, turn) for turn in (0.0, 1.5, -1.5)} <= rows


def test_the_world_is_too_rich_for_an_eighth_of_its_pixels() -> None:
    vae = TinyVAE((8, 8, 8), (8, 8, 8))
    assert train_vae.judge(vae, clips.held_out(32, 5))["bicubic"] < 22.5
