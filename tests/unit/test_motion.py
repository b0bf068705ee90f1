"""Motion: poses go where the keys say, and come back; they agree with Tiny World's engine."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from worldmodel.binding.motion import integrate, rotations
from worldmodel.camera.poses import angles
from worldmodel.tinyworld import pilot
from worldmodel.tinyworld.scene import engine, plans
from worldmodel.track.presets import DEMOS, PRESETS, preset
from worldmodel.track.track import Track, parse_track, sample
from worldmodel.variants import (
    MATRIX_GAME_3_CORRECTED,
    MATRIX_GAME_3_RELEASED,
    MATRIX_GAME_3_WALKING,
    VARIANTS,
    Motion,
)

STEP = 0.1235
GOLDEN = Path(__file__).parents[1] / "golden"


def test_poses_are_rigid_and_begin_at_the_origin() -> None:
    poses = integrate(parse_track("forward+left*9 yaw_right(3)+pitch_up*20 back*4"), Motion(STEP))
    assert poses.shape == (33, 4, 4) and poses.dtype == torch.float64
    assert torch.equal(poses[0], torch.eye(4, dtype=torch.float64))
    turn = poses[:, :3, :3]
    identity = torch.eye(3, dtype=torch.float64).expand(33, 3, 3)
    torch.testing.assert_close(turn @ turn.mT, identity, atol=1e-12, rtol=0)
    torch.testing.assert_close(torch.linalg.det(turn), torch.ones(33, dtype=torch.float64))


def test_row_i_moves_the_camera_from_frame_i_to_the_next() -> None:
    poses = integrate(parse_track("forward idle right+yaw_right(90) forward idle"), Motion(1.0))
    assert poses[:, 2, 3].tolist() == pytest.approx([0, 1, 1, 1, 1])
    assert poses[:, 0, 3].tolist() == pytest.approx([0, 0, 0, 1, 2])  # the side step still looked ahead


def test_yaw_turns_right_and_pitch_looks_up() -> None:
    ahead = rotations(torch.tensor([math.pi / 2, 0.0]), torch.tensor([0.0, 0.3])) @ torch.tensor([0.0, 0.0, 1.0])
    torch.testing.assert_close(ahead[0], torch.tensor([1.0, 0.0, 0.0]), atol=1e-6, rtol=0)
    assert ahead[1, 1] < 0 and ahead[1, 2] > 0  # y points down


def test_opposite_keys_cancel_and_diagonals_are_no_faster() -> None:
    poses = integrate(parse_track("forward+back*3 forward+right forward+left+right idle"), Motion(1.0))
    assert not poses[3, :3, 3].any()
    steps = (poses[1:] - poses[:-1])[3:, :3, 3].norm(dim=1)
    torch.testing.assert_close(steps, torch.ones(2, dtype=torch.float64))


@pytest.mark.parametrize("frames", [*range(2, 40), 117, 600])
def test_there_and_back_returns(frames: int) -> None:
    poses = integrate(sample(preset("there and back", frames)), Motion(STEP))
    torch.testing.assert_close(poses[-1], poses[0], atol=1e-9, rtol=0)
    if frames > 8:
        assert poses[:, :3, 3].norm(dim=1).max() > STEP * (frames // 2 - 3) * 0.7


def test_a_path_goes_on_from_its_start() -> None:
    track = sample(preset("random from a seed", 60, 5))
    whole = integrate(track, Motion(STEP))
    tail = Track(track.words, track.keys[20:], track.mouse[20:])
    torch.testing.assert_close(integrate(tail, Motion(STEP), start=whole[20]), whole[20:], atol=1e-9, rtol=0)


@pytest.mark.parametrize("motion", [Motion(STEP), MATRIX_GAME_3_CORRECTED, MATRIX_GAME_3_RELEASED])
def test_a_path_goes_on_from_a_tilted_camera(motion: Motion) -> None:
    track = parse_track("forward+yaw_right(2)+pitch_up*20 right+pitch_up*9 back+yaw_left(3)*30 idle")
    whole = integrate(track, motion)
    tail = Track(track.words, track.keys[25:], track.mouse[25:])
    assert angles(whole[25, :3, :3])[1] > 0.3
    error = 0 if motion.rounded else 1e-9
    torch.testing.assert_close(integrate(tail, motion, start=whole[25]), whole[25:], atol=error, rtol=0)


@pytest.mark.parametrize("name", [name for name in PRESETS if name != DEMOS["matrix_game_2_templerun"]])
def test_the_walk_is_tiny_worlds_walk(name: str) -> None:
    track = sample(preset(name, 40, 1))
    keys = torch.zeros(1, 40, 4)
    for column, word in enumerate(track.words):
        keys[0, :, pilot.WORDS.index(word)] = track.keys[:, column]
    worlds = engine.build([3])._replace(cells=torch.zeros(1, plans.SIDE, plans.SIDE, dtype=torch.long))
    middle = torch.full((1, 2), plans.SIDE * engine.CELL / 2, dtype=torch.float64)
    start = (middle, torch.zeros(1, dtype=torch.float64))
    walks = pilot.play(
        worlds, torch.zeros(1, dtype=torch.long), start, pilot.Actions(keys, track.mouse[None, :, 0].double())
    )
    theirs = pilot.poses(walks.places[0, :40] - middle, walks.yaws[0, :40])
    assert not walks.bumped.any()
    torch.testing.assert_close(integrate(track, Motion(pilot.STEP)), theirs, atol=1e-9, rtol=0)


def test_the_walk_is_matrix_game_3s_walk() -> None:
    with safe_open(GOLDEN / "matrix_game3" / "walks.safetensors", framework="pt") as file:
        tensors = {key: file.get_tensor(key) for key in file.keys()}
    walks = [key.removesuffix(".last_pose") for key in tensors if key.endswith(".last_pose")]
    assert len(walks) == 8
    for walk in walks:
        keys, mouse = tensors[f"{walk}.keyboard"][:, :4], (tensors[f"{walk}.mouse"].flip(1) * 15).round(decimals=5)
        words = VARIANTS["matrix_game_2_universal"].keyboard.words
        idle = torch.zeros(1, 4), torch.zeros(1, 2)  # to see what the last row does
        track = Track(words, torch.cat([keys, idle[0]]), torch.cat([mouse, idle[1]]))
        theirs = torch.cat([tensors[f"{walk}.poses"].double(), tensors[f"{walk}.last_pose"][None]])
        for motion, error in ((MATRIX_GAME_3_RELEASED, 1e-4), (MATRIX_GAME_3_WALKING, 3e-3)):  # theirs is rounded
            poses = integrate(track, motion)
            ours = poses[:, [2, 0], 3] * 100  # their x is ahead, their y right, both in centimetres
            torch.testing.assert_close(ours, theirs[:, :2], atol=error, rtol=0)
            turned = angles(poses[:, :3, :3])[:, :2].rad2deg() - theirs[:, [4, 3]]
            assert ((turned + 180) % 360 - 180).abs().max() < 1e-3


def test_only_as_released_a_step_goes_backwards_where_the_heading_passes_straight_behind() -> None:
    track = parse_track("forward+yaw_right(1.5)*300 idle")
    ways = {}
    for motion in (MATRIX_GAME_3_WALKING, MATRIX_GAME_3_CORRECTED):
        poses = integrate(track, motion)
        steps = (poses[1:] - poses[:-1])[:, :3, 3]
        ahead = (poses[:-1, :3, 2] * steps).sum(1)  # metres along the view
        ways[motion.along] = (ahead < 0).nonzero().flatten().tolist()
        torch.testing.assert_close(steps[:-1].norm(dim=1), torch.full((299,), STEP, dtype=torch.float64))
    assert ways == {"wrapped_mean": [120], "mean": []}  # 180 degrees after 120 rows
