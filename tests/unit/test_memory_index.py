"""Picking the past frame that saw most of a view: the index changes nothing but the time it takes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.unit.strewn import random_poses
from worldmodel.binding.motion import integrate
from worldmodel.binding.stances import stance_poses, walk_stances
from worldmodel.memory.forms import FORMS
from worldmodel.memory.index import Pick, PoseIndex, pick_from_all
from worldmodel.track.presets import preset
from worldmodel.track.track import parse_track, sample
from worldmodel.variants import MATRIX_GAME_3_CORRECTED, MATRIX_GAME_3_RELEASED

WALKS: dict[str, Callable[[], Tensor]] = {
    "demo": lambda: integrate(sample(preset("Matrix-Game 2 demo", 500, 7)), MATRIX_GAME_3_RELEASED),
    "like a person": lambda: integrate(sample(preset("random from a seed", 500, 3)), MATRIX_GAME_3_CORRECTED),
    "there and back": lambda: integrate(sample(preset("there and back", 500)), MATRIX_GAME_3_RELEASED),
    "round and round": lambda: integrate(parse_track("forward+yaw_right(3)*480 idle*20"), MATRIX_GAME_3_RELEASED),
    "sideways": lambda: integrate(parse_track("right*250 left*250"), MATRIX_GAME_3_RELEASED),
    "standing": lambda: integrate(parse_track("idle*200 forward*3 idle*97 back*3 idle*197"), MATRIX_GAME_3_RELEASED),
    "looking up": lambda: integrate(
        parse_track("forward+pitch_up(2)*40 yaw_left(4)*400 idle*60"), MATRIX_GAME_3_RELEASED
    ),
    "over the top": lambda: integrate(
        parse_track("forward+pitch_up(7.5)*300 left+yaw_right(7.5)*200"), MATRIX_GAME_3_RELEASED
    ),
    **{f"wild {seed}": lambda seed=seed: wild(seed) for seed in range(4)},
    "strewn": lambda: random_poses(500, 25),
    "far off": lambda: at(integrate(sample(preset("Matrix-Game 2 demo", 400, 5)), MATRIX_GAME_3_RELEASED), 9000.0),
}


def wild(seed: int) -> Tensor:
    """Hold any keys and turn by anything for a while, again and again."""
    draw = np.random.default_rng(seed)
    keys, mouse = np.zeros((600, 4)), np.zeros((600, 2))
    for row in range(0, 600, 20):
        keys[row : row + 20], mouse[row : row + 20] = (
            draw.random(4) < 0.35,
            draw.choice([0, 0, 0.1, -0.1, 0.03, 0.5], 2),
        )
    return stance_poses(walk_stances(torch.from_numpy(keys), torch.from_numpy(mouse)))


def at(poses: Tensor, metres: float) -> Tensor:
    """Move a walk so far away that float32 tells only millimetres."""
    poses = poses.clone()
    poses[:, :3, 3] += torch.tensor([metres, 0, -metres], dtype=poses.dtype)
    return poses


def masks(frames: int) -> list[np.ndarray]:
    """Frames that may be taken: all but the last, ever fewer of them, one, none."""
    draw = np.random.default_rng(frames)
    number = np.arange(frames)
    before = (number > 0) & (number < frames - 60)
    return [before, before & (number // 4 % 3 != 1), before & (draw.random(frames) < 0.1), number == 17, number < 0]


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("walk", WALKS)
def test_the_index_picks_what_looking_at_all_picks(walk: str, name: str) -> None:
    poses, form = WALKS[walk](), FORMS[name]
    index = PoseIndex(poses)
    for allowed in masks(len(poses)):
        for query in range(len(poses) - 1, len(poses) - 60, -13):
            assert index.pick(query, allowed, form) == pick_from_all(index.poses, query, allowed, form)


@pytest.mark.parametrize("piece", [1, 40, 333])
def test_an_index_that_grew_is_one_that_was_made_at_once(piece: int) -> None:
    poses = WALKS["standing"]()
    grown = PoseIndex()
    for part in poses.split(piece):
        grown.extend(part)
    whole, allowed = PoseIndex(poses), masks(len(poses))[0]
    assert grown.frames == whole.frames == len(poses) and grown._members == whole._members
    assert torch.equal(grown.poses.rounded, whole.poses.rounded)
    for form in FORMS.values():
        assert grown.pick(499, allowed, form) == whole.pick(499, allowed, form)


def test_the_oldest_of_equal_views_is_picked() -> None:
    index = PoseIndex(torch.eye(4, dtype=torch.float64).expand(300, 4, 4))
    for form, overlap in ((FORMS["exact"], 1.0), (FORMS["released"], 0.8)):  # where rounding puts a fifth outside
        assert index.pick(299, np.arange(300) < 240, form) == Pick(0, overlap)
        assert index.pick(299, np.arange(300) % 50 == 49, form) == Pick(49, overlap)
    assert len(index._members) == 1 and index._members[0] == [0]  # and not 300 poses are compared


def test_where_nothing_saw_any_of_it_the_oldest_is_picked() -> None:
    poses = integrate(parse_track("yaw_right(6)*30 idle*30"), MATRIX_GAME_3_RELEASED)  # turned about
    for form in FORMS.values():
        assert PoseIndex(poses).pick(59, np.arange(60) < 9, form) == Pick(0, 0.0)
        assert PoseIndex(poses).pick(59, np.arange(60) < 0, form) is None


@pytest.mark.parametrize("name", FORMS)
def test_few_of_many_poses_are_scored(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = "forward*60 yaw_right(1.5)*60 " * 8 + "forward*900 "
    poses = integrate(parse_track(rows * 12), MATRIX_GAME_3_CORRECTED)
    index, form, scored = PoseIndex(poses), FORMS[name], []
    score = type(form).score
    monkeypatch.setattr(type(form), "score", lambda *asked: (scored.append(len(asked[2])), score(*asked))[1])
    index.pick(len(poses) - 1, np.arange(len(poses)) < len(poses) - 56, form)
    assert 0 < sum(scored) < len(poses) / 50


@pytest.mark.parametrize("name", FORMS)
def test_views_asked_for_together_are_picked_as_one_by_one(name: str) -> None:
    poses, form = WALKS["like a person"](), FORMS[name]
    index, queries = PoseIndex(poses), (499, 491, 300, 499, 20)
    for allowed in masks(len(poses)):
        assert index.picks(queries, allowed, form) == [index.pick(query, allowed, form) for query in queries]
    assert index.picks((), masks(len(poses))[0], form) == []


def test_poses_that_are_no_numbers_are_named() -> None:
    poses = WALKS["sideways"]()
    poses[40, 1, 3] = torch.nan
    index = PoseIndex(poses[:30])
    with pytest.raises(ValueError, match="poses: found NaN or infinity in frame 40, expected a camera of finite"):
        index.extend(poses[30:])
    assert index.frames == 30
    with pytest.raises(ValueError, match=r"poses: found shape \(30, 3, 4\), expected \(frames, 4, 4\)"):
        PoseIndex(poses[:30, :3])
