"""The share of a view that another one sees: laws, closed forms, and counting points."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.unit.strewn import random_poses
from worldmodel.camera.poses import poses_of, quaternion_rotations, rotations
from worldmodel.memory.forms import FORMS, poses_from
from worldmodel.memory.overlap import VOLUME, overlap, shares
from worldmodel.memory.released import counted, grid_points
from worldmodel.memory.views import FAR, Measure, cameras_of, enlarged, rough_shares, seen_from

CLOSE = 1e-6


def level(yaw: float = 0.0, pitch: float = 0.0, place: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Tensor:
    """Return a pose (4, 4) of degrees and metres."""
    turned = torch.tensor([yaw, pitch], dtype=torch.float64).deg2rad()
    return poses_of(rotations(turned[0], turned[1]), torch.tensor(place, dtype=torch.float64))


def inside(points: Tensor, pose: Tensor) -> Tensor:
    x, y, z = ((points - pose[:3, 3]) @ pose[:3, :3]).unbind(1)
    return (x.abs() <= z) & (y.abs() <= z) & (z <= FAR)


def test_a_view_sees_all_of_itself() -> None:
    for pose in random_poses(50, 100):
        assert overlap(pose, pose[None])[0] == pytest.approx(1, abs=CLOSE)


def test_two_views_share_the_same_volume_whoever_asks() -> None:
    poses = random_poses(60, 12)
    found = np.stack([overlap(pose, poses) for pose in poses])
    np.testing.assert_allclose(found, found.T, atol=CLOSE)
    assert found.min() == 0 and np.quantile(found, 0.6) > 0.01


def test_moving_the_world_changes_nothing() -> None:
    poses, world = random_poses(80, 10), random_poses(1, 50, seed=1)[0]
    np.testing.assert_allclose(overlap(world @ poses[0], world @ poses), overlap(poses[0], poses), atol=CLOSE)


def test_a_pair_has_the_same_share_in_any_company() -> None:
    poses = random_poses(300, 10)
    whole = overlap(poses[0], poses)
    assert all(overlap(poses[0], poses[row : row + 1])[0] == whole[row] for row in range(0, 300, 7))


@pytest.mark.parametrize("back", [0.5, 3.0, 12.0, 29.0])
def test_a_camera_behind_sees_up_to_its_own_depth(back: float) -> None:
    expected = ((FAR - back) / FAR) ** 3
    assert overlap(level(), level(place=(0, 0, -back))[None])[0] == pytest.approx(expected, abs=CLOSE)


@pytest.mark.parametrize("aside", [0.2, 5.0, 40.0])
def test_a_camera_beside_sees_what_the_widths_have_in_common(aside: float) -> None:
    first = aside / 2  # from this depth on, views 2 z wide overlap
    z = np.linspace(first, FAR, 200_001)
    expected = np.trapezoid((2 * z - aside) * 2 * z, z) / (4 * FAR**3 / 3)
    assert overlap(level(), level(place=(aside, 0, 0))[None])[0] == pytest.approx(expected, abs=CLOSE)


@pytest.mark.parametrize(
    "other",
    [
        level(place=(0, 0, 31)), level(place=(61, 0, 0)), level(place=(200, 0, 0)), level(yaw=180), level(yaw=90),
        level(yaw=-90), level(pitch=90), level(yaw=180, place=(0, 0, 60)), level(yaw=90, place=(0, 0, -5)),
    ],
)  # fmt: skip
def test_views_that_only_touch_share_nothing(other: Tensor) -> None:
    assert overlap(level(), other[None])[0] == pytest.approx(0, abs=CLOSE)
    assert overlap(other, level()[None])[0] == pytest.approx(0, abs=CLOSE)


def test_facing_views_share_a_double_pyramid() -> None:
    other = level(yaw=180, place=(0, 0, FAR))  # the widths meet half way
    assert overlap(level(), other[None])[0] == pytest.approx(2 * 0.5**3, abs=CLOSE)


@pytest.mark.parametrize("degrees", [1e-9, 1e-7, 1e-5, 1e-3, 0.1])
def test_nearly_equal_views_are_nearly_whole(degrees: float) -> None:
    turned = torch.stack([level(yaw=degrees), level(pitch=degrees), level(yaw=degrees, place=(0, 1e-7, 1e-7))])
    found = overlap(level(), turned)
    assert (found <= 1 + CLOSE).all() and (found >= 1 - 4 * math.radians(degrees) - 2 * CLOSE).all()


def test_the_share_is_that_of_points_strewn_over_a_view() -> None:
    generator = torch.Generator().manual_seed(0)
    count = 200_000
    x, y, z = torch.rand(3, count, generator=generator, dtype=torch.float64)
    z = FAR * z.pow(1 / 3)
    points = torch.stack([(2 * x - 1) * z, (2 * y - 1) * z, z], 1)
    for query, other in zip(random_poses(60, 5, 2), random_poses(60, 8, 3), strict=True):
        share = float(inside(points @ query[:3, :3].mT + query[:3, 3], other).double().mean())
        error = 4.5 * math.sqrt(max(share * (1 - share), 1e-4) / count)
        assert overlap(query, other[None])[0] == pytest.approx(share, abs=error)


def moved_a_little(poses: Tensor, metres: float, radians: float, seed: int) -> Tensor:
    """Move and turn poses by at most so much, and often by as much."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(len(poses), 6, generator=generator, dtype=torch.float64)
    away, axis = (part / part.norm(dim=1, keepdim=True) for part in drawn.split(3, 1))
    half = torch.full((len(poses), 1), radians / 2, dtype=torch.float64)
    turns = quaternion_rotations(torch.cat([half.cos(), half.sin() * axis], 1))
    return poses_of(turns @ poses[:, :3, :3], poses[:, :3, 3] + metres * away)


@pytest.mark.parametrize(
    ("metres", "degrees"), [(0, 0), (0.5, 0), (0, 5), (1.3, 10), (4, 32), (2, 34), (1, 60), (0, 177)]
)
@pytest.mark.parametrize("name", FORMS)
def test_an_enlarged_view_bounds_every_pose_it_stands_for(name: str, metres: float, degrees: float) -> None:
    form, radians = FORMS[name], math.radians(degrees)
    queries, others = random_poses(12, 6, 4), random_poses(150, 9, 5)
    room = np.full(150, metres + 1e-9), np.full(150, radians + 1e-9)
    for seed, query in enumerate(queries):
        view, first = poses_from(query[None]), np.zeros(150, dtype=np.int64)
        views = form.neighbourhoods(view.cameras, cameras_of(others), *room)
        score = form.score(view, first, poses_from(moved_a_little(others, metres, radians, seed)))
        most, rough = form.most(views), form.rough(views)
        assert (score <= most).all() and (score <= rough).all()
        assert score.max() > 0
        assert (form.score(view, first, poses_from(others)) <= form.bound(view, first, poses_from(others))).all()


def test_bounds_are_no_larger_than_they_have_to_be() -> None:
    others, nothing, first = random_poses(200, 9, 5), np.zeros(200), np.zeros(200, dtype=np.int64)
    view, exact, released = poses_from(random_poses(1, 6, 4)), FORMS["exact"], FORMS["released"]
    views = exact.neighbourhoods(view.cameras, cameras_of(others), nothing, nothing)
    assert (exact.most(views) - exact.score(view, first, poses_from(others))).max() <= 1
    pairs = view, first, poses_from(others)
    score, bound = released.score(*pairs), released.bound(*pairs)
    assert (bound - score).max() <= 20 and (bound - score).mean() < 1


def test_slopes_grow_with_the_turn_and_end_in_none() -> None:
    slope, setback, height = enlarged(np.array([0, 1, 0, 0, 2, 0.0]), np.radians([0, 0, 10, 33, 34, 178]))
    assert slope[0] == slope[1] == 1 and height[0] == FAR and setback[0] == 0
    assert 1.5 < slope[2] < 1.7 and 15 < slope[3] < 20 and np.isinf(slope[4:]).all()
    assert setback[1] == pytest.approx(math.sqrt(2)) and setback[4] == 2


def test_the_measures_are_those_of_a_view() -> None:
    generator = np.random.default_rng(0)
    z = FAR * np.cbrt(generator.random(400_000))
    x = (2 * generator.random(400_000) - 1) * z
    np.testing.assert_allclose(VOLUME.centre, [0, 0, z.mean()], atol=0.05)
    np.testing.assert_allclose(VOLUME.variances, [x.var(), x.var(), z.var()], rtol=0.01)


def test_one_plane_never_cuts_off_more_than_cantelli_says() -> None:
    others = seen_from(cameras_of(level()[None]), cameras_of(random_poses(400, 15, 6)))
    exact = shares(others)
    assert (exact <= rough_shares(others, VOLUME) + CLOSE).all()
    no_spread = rough_shares(others, Measure(VOLUME.centre, np.full(3, 1e-9)))
    assert set(np.unique(no_spread.round(3))) == {0.0, 1.0}  # a point is inside, or not


def test_the_grid_is_counted_as_it_is_written() -> None:
    """Point by point, in double precision, for poses whose planes no point lies on."""
    points = grid_points().double().T
    for query, other in zip(random_poses(40, 4, 7), random_poses(40, 6, 8), strict=True):
        x, y, z = ((points @ query[:3, :3].mT + query[:3, 3] - other[:3, 3]) @ other[:3, :3]).unbind(1)
        seen = (z > 0.1) & (z < FAR) & (x.abs() <= z) & (y.abs() <= z)
        found = counted(query[None].float(), np.zeros(1, dtype=np.int64), other[None].float())
        assert found.tolist() == [int(seen.sum())]
