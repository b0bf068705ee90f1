"""Geometry: every change of axes comes back, and names the direction it should; poses keep all their digits as JSON."""

from __future__ import annotations

import json
import math

import pytest
import torch
from torch import Tensor

from worldmodel.binding.motion import rotations
from worldmodel.camera import poses as geometry
from worldmodel.camera.poses import Poses
from worldmodel.formats import poses_json

EXACT = {"atol": 1e-12, "rtol": 0}


def random_rotations(count: int, seed: int = 0) -> Tensor:
    draw = torch.randn(count, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return geometry.quaternion_rotations(draw)


def random_poses(frames: int = 40, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    places = torch.randn(frames, 3, dtype=torch.float64, generator=generator) * 30
    return geometry.poses_of(random_rotations(frames, seed), places)


def test_quaternions_and_rotations_are_the_same_turn() -> None:
    half_turns = torch.stack([torch.diag(torch.tensor(d, dtype=torch.float64)) for d in
                              ([1.0, 1, 1], [1.0, -1, -1], [-1.0, 1, -1], [-1.0, -1, 1])])  # fmt: skip
    turns = torch.cat([random_rotations(500), half_turns])
    quaternions = geometry.rotation_quaternions(turns)
    torch.testing.assert_close(geometry.quaternion_rotations(quaternions), turns, **EXACT)
    torch.testing.assert_close(torch.linalg.det(turns), torch.ones(504, dtype=torch.float64))
    quarter = geometry.quaternion_rotations(torch.tensor([1.0, 0, 1, 0], dtype=torch.float64))
    ahead = quarter @ torch.tensor([0.0, 0, 1], dtype=torch.float64)
    torch.testing.assert_close(ahead, torch.tensor([1.0, 0, 0], dtype=torch.float64), **EXACT)  # about y: to the right


def test_the_inverse_takes_a_camera_to_the_origin() -> None:
    poses = random_poses()
    eye = torch.eye(4, dtype=torch.float64).expand_as(poses)
    torch.testing.assert_close(geometry.invert(poses) @ poses, eye, **EXACT)
    torch.testing.assert_close(geometry.invert(geometry.invert(poses)), poses, **EXACT)


def test_axes_of_others_point_where_they_say() -> None:
    poses = random_poses()
    assert torch.equal(geometry.flip_camera(geometry.flip_camera(poses)), poses)
    assert torch.equal(geometry.from_z_up(geometry.to_z_up(poses)), poses)
    opengl = geometry.flip_camera(poses)
    assert torch.equal(opengl[:, :3, 2], -poses[:, :3, 2]) and torch.equal(opengl[:, :3, 1], -poses[:, :3, 1])
    level = geometry.to_z_up(torch.eye(4, dtype=torch.float64))
    assert level[:3, 2].tolist() == [0, 1, 0] and level[:3, 1].tolist() == [0, 0, -1]  # ahead is y, down is -z


def test_angles_undo_rotations() -> None:
    generator = torch.Generator().manual_seed(1)
    yaw = (torch.rand(300, dtype=torch.float64, generator=generator) * 2 - 1) * math.pi
    pitch = (torch.rand(300, dtype=torch.float64, generator=generator) - 0.5) * 3
    split = geometry.angles(rotations(yaw, pitch))
    torch.testing.assert_close(split, torch.stack([yaw, pitch, torch.zeros_like(yaw)], 1), atol=1e-9, rtol=0)
    roll = torch.tensor(0.3, dtype=torch.float64)
    sin, cos = roll.sin(), roll.cos()
    clockwise = torch.stack([torch.stack([cos, -sin, sin * 0]), torch.stack([sin, cos, sin * 0]), torch.eye(3)[2]])
    rolled = geometry.angles(rotations(yaw, pitch) @ clockwise)
    torch.testing.assert_close(rolled[:, 2], torch.full((300,), 0.3, dtype=torch.float64), atol=1e-9, rtol=0)
    up = torch.tensor([[0.7, math.pi / 2]], dtype=torch.float64)
    torch.testing.assert_close(geometry.angles(rotations(up[:, 0], up[:, 1]))[:, :2], up, atol=1e-9, rtol=0)


def test_interpolation_meets_the_poses_and_turns_evenly() -> None:
    poses = random_poses(9)
    torch.testing.assert_close(geometry.interpolate(poses, torch.arange(9.0)), poses, **EXACT)
    turn = geometry.poses_of(rotations(torch.tensor([0.0, 1.0]).double(), torch.zeros(2).double()), torch.zeros(2, 3))
    between = geometry.angles(geometry.interpolate(turn, torch.tensor([0.25, 0.5]))[:, :3, :3])[:, 0]
    torch.testing.assert_close(between, torch.tensor([0.25, 0.5]).double(), **EXACT)
    assert len(geometry.interpolate(poses[:1], torch.zeros(3))) == 3


def test_cameras_are_set_upright_without_bending_their_path() -> None:
    yaw = torch.linspace(0, 6, 30, dtype=torch.float64)
    level = geometry.poses_of(rotations(yaw, yaw * 0), torch.randn(30, 3).double())
    for turn in (random_poses(5), torch.diag(torch.tensor([-1.0, -1, 1, 1])).double()[None]):
        stood = geometry.upright(turn[-1] @ level)
        torch.testing.assert_close(stood[:, :3, 1], torch.tensor([0.0, 1, 0]).double().expand(30, 3), **EXACT)
        steps, before = stood[1:, :3, 3] - stood[:-1, :3, 3], level[1:, :3, 3] - level[:-1, :3, 3]
        torch.testing.assert_close(steps.norm(dim=1), before.norm(dim=1), **EXACT)
        geometry.check_poses(stood)


def test_another_rate_is_the_same_time() -> None:
    poses = Poses(random_poses(31), fps=30.0)
    slower = geometry.at_rate(poses, 15.0)
    assert slower.frames == 16 and slower.fps == 15 and len(geometry.at_rate(poses, 24.0).c2w) == 25
    torch.testing.assert_close(slower.c2w, poses.c2w[::2], **EXACT)
    assert torch.equal(geometry.at_rate(poses._replace(fps=None), 24.0).c2w, poses.c2w)
    with pytest.raises(ValueError, match="expected at most 100000"):
        geometry.at_rate(poses._replace(fps=0.01), 240.0)


def test_intrinsics_are_shares_of_the_picture() -> None:
    shares = geometry.share_intrinsics((500.0, 500.0, 320.0, 176.0), 640, 352)
    assert shares[2:] == (0.5, 0.5) and shares[0] == 500 / 640
    assert geometry.pixel_intrinsics(shares, 640, 352) == pytest.approx((500, 500, 320, 176))


@pytest.mark.parametrize("lens", [None, (0.6, 0.9, 0.5, 0.5)])
def test_poses_keep_every_digit(lens: tuple | None) -> None:
    poses = Poses(random_poses(), lens, None if lens is None else 29.97)
    again = poses_json.read(poses_json.write(poses))
    assert torch.equal(again.c2w, poses.c2w) and again[1:] == poses[1:] and again.frames == 40


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"type": "track"}, 'type must be "poses", not "track"'),
        ({"version": 2}, "made by a newer version (2)"),
        ({"version": True}, "version must be 1, not true"),
        ({"c2w": [1] * 13}, "twelve numbers a frame, not 13 of them"),
        ({"c2w": [1, 0, 0, "x", *[0] * 8]}, 'c2w[3] must be a number, not "x"'),
        ({"c2w": [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, *[0] * 12]}, "frame 1: the pose has axes that are not"),
        ({"c2w": [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, -1, 0]}, "frame 0: the pose is mirrored"),
        ({"c2w": [1, 0, 0, 1e9, 0, 1, 0, 0, 0, 0, 1, 0]}, "frame 0: the pose stands more than 1e+06 metres away"),
        ({"fps": 0}, "fps must be from 0.01 to 1000, not 0"),
        ({"intrinsics": [1, 2, 3]}, "intrinsics must be a list of 4 numbers, not a list of 3"),
        ({"intrinsics": [0, 1, 0.5, 0.5]}, "focal lengths above 0"),
    ],
)
def test_poses_that_are_none_are_named(change: dict, sentence: str) -> None:
    whole = {"type": "poses", "version": 1, "c2w": [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0]}
    with pytest.raises(ValueError) as refused:
        poses_json.read(json.dumps({**whole, **change}))
    assert sentence in str(refused.value)
