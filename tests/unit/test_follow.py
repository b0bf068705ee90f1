"""Following a camera: the keys that are found walk its path; looking is not walking; what is lost is said."""

from __future__ import annotations

import math
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from worldmodel.binding.bind import bind_track
from worldmodel.binding.follow import AS_WRITTEN, FROM_CAMERAS, Z_UP, Reading, follow, follow_file, pace
from worldmodel.binding.motion import integrate, rotations
from worldmodel.camera.poses import Poses, angles, flip_camera, from_z_up, poses_of, to_z_up
from worldmodel.track.presets import preset
from worldmodel.track.track import parse_timeline, parse_track, same_track, sample, write_track
from worldmodel.variants import MATRIX_GAME_3_WALKING, VARIANTS, Motion

TINY_WORLD = VARIANTS["tiny_world_2"]
MOTION = TINY_WORLD.motion
STEP = MOTION.step_metres
WALKS = 200
UNITS = {
    "Tiny World": TINY_WORLD,
    "Matrix-Game 2": VARIANTS["matrix_game_2_universal"],
    "Matrix-Game 3": replace(VARIANTS["matrix_game_2_universal"], motion=MATRIX_GAME_3_WALKING),
}


def wave(draw: np.random.Generator, frames: int) -> np.ndarray:
    """A smooth random curve (frames,), about -1 to 1."""
    at = np.arange(frames)
    parts = [draw.normal() * np.sin(2 * np.pi * at / draw.uniform(40, 160) + draw.uniform(0, 7)) for _ in range(4)]
    return np.sum(parts, 0) / 2


def calm(yaw: np.ndarray) -> np.ndarray:
    """Make all turns (frames,) smaller until none is faster than Tiny World's."""
    return yaw * min(1.0, math.radians(TINY_WORLD.mouse.max_yaw - 0.01) / np.abs(np.diff(yaw)).max())


def ground_walk(seed: int, step: float, ahead: bool = False) -> Tensor:
    """A random smooth walk (frames, 4, 4) within a speed; the camera looks where it likes, or along its way.

    It turns at most 4 degrees a frame, as Tiny World does.
    """
    draw = np.random.default_rng(seed)
    frames = int(draw.integers(57, 240))
    direction, speed = wave(draw, frames) * 2, (np.tanh(wave(draw, frames)) + 1) / 2 * step
    yaw = direction if ahead else calm(direction + wave(draw, frames) * 1.5)
    moved = np.stack([np.sin(direction), np.zeros(frames), np.cos(direction)], 1) * speed[:, None]
    places = np.concatenate([np.zeros((1, 3)), moved[:-1].cumsum(0)]) + draw.normal(size=3) * 5
    return poses_of(rotations(torch.from_numpy(yaw), torch.zeros(frames).double()), torch.from_numpy(places))


def length(c2w: Tensor) -> float:
    return float((c2w[1:, :3, 3] - c2w[:-1, :3, 3]).norm(dim=1).sum())


@pytest.mark.parametrize("name", UNITS)
def test_random_walks_are_followed(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    shares, headings, switches = [], [], []
    for seed in range(WALKS):
        path = ground_walk(seed, STEP)
        found = follow(path, UNITS[name])
        shares.append(float(found.position.mean()) / length(path))
        headings.append(float(found.heading.mean()))
        switches.append(float((found.track.keys[1:] != found.track.keys[:-1]).any(1).float().mean()))
    with capsys.disabled():
        sys.stdout.write(
            f"\n{WALKS} random walks, {name}: {100 * np.mean(shares):.2f} % of the way off in the mean, at worst "
            f"{100 * np.max(shares):.2f} %; heading {np.max(headings):.4f} degrees\n"
        )
    assert (
        np.mean(shares) < 0.01 and np.max(shares) < 0.03 and np.max(headings) < 0.3
    )  # degrees; Matrix-Game 3 cannot turn by less
    assert np.mean(switches) < 0.4


@pytest.mark.parametrize("name", ["tiny_world_2", "matrix_game_2_universal", "matrix_game_2_gta_drive"])
def test_what_is_found_is_what_the_model_gets(name: str) -> None:
    found = follow(ground_walk(5, STEP), VARIANTS[name])
    bound = bind_track(found.track, VARIANTS[name])
    assert bound.report == () and bound.controls.keyboard.shape[1] == len(found.track.words)
    assert torch.equal(bound.controls.keyboard, found.track.keys)
    degrees = bound.controls.mouse[:, VARIANTS[name].mouse.order.index("yaw")] * 15
    torch.testing.assert_close(degrees, found.track.mouse[:, 0], atol=1e-5, rtol=0)


@pytest.mark.parametrize("step", [0.05, 0.1235, 0.6])
def test_any_step_is_walked(step: float) -> None:
    variant = replace(TINY_WORLD, motion=Motion(step))
    for seed in range(5):
        path = ground_walk(seed, step)
        assert float(follow(path, variant).position.mean()) < 0.03 * length(path)


def test_a_model_with_two_keys_drives() -> None:
    variant = VARIANTS["matrix_game_2_gta_drive"]
    for seed in range(20):
        path = ground_walk(seed, variant.motion.step_metres, ahead=True)
        found = follow(path, variant)
        assert found.track.words == ("forward", "back")
        assert float(found.position.mean()) < 0.03 * length(path)


@pytest.mark.parametrize(
    "text",
    [
        "forward*24 idle*6 forward+yaw_right(2.5)*12 right*9 idle",
        "forward+left+yaw_left*12 back*20 yaw_right(90)*5 forward+pitch_up(2)*9 idle",
        "left+yaw_right(3)*40 idle",
    ],
)
def test_keys_come_back_from_their_own_path(text: str) -> None:
    track = parse_track(text)
    found = follow(integrate(track, MOTION), VARIANTS["matrix_game_2_universal"])
    assert same_track(found.track, track) and found.position.max() < 1e-6
    assert same_track(parse_track(write_track(found.track)), track)


def test_presets_come_back_from_their_own_path() -> None:
    track = sample(preset("random from a seed", 90, 2))
    found = follow(integrate(track, MOTION), TINY_WORLD)
    assert found.position.mean() < STEP and found.heading.max() < 1e-3


def test_a_strafing_turn_of_the_path_is_no_turn_of_the_camera() -> None:
    angle = torch.linspace(0, math.pi, 60).double()
    places = torch.stack([1 - angle.cos(), torch.zeros(60).double(), angle.sin()], 1) * STEP * 15
    path = poses_of(torch.eye(3, dtype=torch.float64).expand(60, 3, 3), places)
    found = follow(path, TINY_WORLD)
    assert not found.track.mouse.any() and found.position.mean() < 0.03 * length(path)
    held = dict(zip(found.track.words, found.track.keys.sum(0).tolist(), strict=True))
    assert held["forward"] > 5 and held["back"] > 5 and held["right"] > 10 * held["left"]


def test_a_climb_is_forward_and_its_height_is_reported() -> None:
    pitch = torch.full((40,), 0.6).double()
    along = torch.arange(40).double() * STEP
    places = torch.stack([along * 0, -along * pitch.sin(), along * pitch.cos()], 1)
    found = follow(poses_of(rotations(pitch * 0, pitch), places), TINY_WORLD)
    held = {word for word, column in zip(found.track.words, found.track.keys.T, strict=True) if column.any()}
    assert held == {"forward"} and not found.track.mouse.any()
    assert any("the camera is up to 2.72 m off it, 39 frames dropped, from frame 1." in line for line in found.report)


def test_roll_and_speed_are_reported() -> None:
    roll = torch.tensor([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]]).double().expand(10, 3, 3)
    places = torch.zeros(10, 3).double()
    places[:, 2] = torch.arange(10) * STEP * 3
    found = follow(poses_of(roll, places), TINY_WORLD)
    assert any("the camera rolls up to 36.9 degrees, 10 frames dropped, from frame 0." in line for line in found.report)
    assert any("speed: Tiny World walks 0.1235 m a frame, and the camera up to 0.37 m" in line for line in found.report)
    paced = pace(poses_of(roll, places), TINY_WORLD)
    assert len(paced) == 28 and follow(paced, TINY_WORLD).position.max() < 0.01
    torch.testing.assert_close(paced[[0, -1], :3, 3], places[[0, -1]])


def test_a_turn_on_the_spot_is_given_frames() -> None:
    yaw = torch.tensor([0.0, math.pi / 2]).double()
    paced = pace(poses_of(rotations(yaw, yaw * 0), torch.zeros(2, 3).double()), TINY_WORLD)
    assert len(paced) == 31
    torch.testing.assert_close(angles(paced[:, :3, :3])[:, 0], torch.linspace(0, math.pi / 2, 31).double())


def test_a_single_pose_is_an_idle_frame() -> None:
    pose = torch.eye(4, dtype=torch.float64)[None]
    found = follow(pose, TINY_WORLD)
    assert found.track.frames == len(pace(pose, TINY_WORLD)) == 1 and not found.track.keys.any()
    assert follow_file(Poses(pose), TINY_WORLD, Reading()).report[0] == "1 pose, no rate -> 1 frame at 16 a second."


def test_a_model_without_mouse_is_refused() -> None:
    with pytest.raises(ValueError, match="model: found Matrix-Game 2.0 Temple Run, expected one that walks"):
        follow(torch.eye(4).double()[None], VARIANTS["matrix_game_2_templerun"])


def test_the_walk_goes_on_from_the_camera() -> None:
    path = ground_walk(7, STEP)
    found = follow(path, TINY_WORLD)
    torch.testing.assert_close(found.poses[0], path[0], atol=1e-6, rtol=0)
    assert parse_timeline(write_track(found.track)).frames == len(path)


def test_a_file_is_followed_in_its_own_time_unit_and_up() -> None:
    path = ground_walk(11, STEP)
    plain = follow_file(Poses(path), TINY_WORLD, Reading())
    assert same_track(plain.track._replace(camera=None), follow(path, TINY_WORLD).track)
    assert torch.equal(plain.track.camera.c2w, path) and plain.track.camera.fps == 16
    centimetres = path.clone()
    centimetres[:, :3, 3] *= 100
    for poses, reading in (
        (Poses(to_z_up(centimetres)), Reading(0.01, Z_UP)),
        (Poses(to_z_up(centimetres), fps=16.0), Reading(0.01, FROM_CAMERAS)),
    ):
        found = follow_file(poses, TINY_WORLD, reading)
        assert found.track.frames == len(path) and found.position.mean() < 0.03 * length(path)
        torch.testing.assert_close(found.track.mouse, plain.track.mouse, atol=2e-3, rtol=0)
    fast = follow_file(Poses(path, fps=32.0), TINY_WORLD, Reading())
    assert fast.track.frames == (len(path) - 1) // 2 + 1
    assert fast.report[0] == f"{len(path)} poses, 32 a second -> {fast.track.frames} frames at 16 a second."
    paced = follow_file(Poses(path, fps=0.5), TINY_WORLD, Reading(paced=True))
    assert length(paced.poses) > 0.6 * length(path) and not any("speed:" in line for line in paced.report)
    with pytest.raises(ValueError, match="make the file's unit smaller"):
        follow_file(Poses(path), TINY_WORLD, Reading(metres=1e6, paced=True))


def causes(c2w: Tensor, fps: float | None = None, **reading: object) -> tuple[str, ...]:
    return follow_file(Poses(c2w, fps=fps), TINY_WORLD, Reading(**reading)).causes


def winding(frames: int = 120, step: float = STEP * 0.8) -> Tensor:
    """A way that winds to both sides, the camera looking along it, level, a metre and a half above the ground."""
    yaw = 1.2 * torch.sin(torch.linspace(0, 12, frames).double())
    moved = torch.stack([yaw.sin(), yaw * 0, yaw.cos()], 1) * step
    places = torch.cat([torch.zeros(1, 3).double(), moved[:-1].cumsum(0)]) - torch.tensor([0, 1.5, 0])
    return poses_of(rotations(yaw, yaw * 0), places)


def mirrored(c2w: Tensor, axis: int) -> Tensor:
    """Places on the other side of an axis, the turns as they were."""
    other = c2w.clone()
    other[:, axis, 3] *= -1
    return other


def scaled(c2w: Tensor, factor: float) -> Tensor:
    other = c2w.clone()
    other[:, :3, 3] *= factor
    return other


def strung(c2w: Tensor, apart: float) -> Tensor:
    """Two cameras of one rig, one walk after the other."""
    beside = c2w.clone()
    beside[:, :3, 3] += apart * c2w[:, :3, 0]
    return torch.cat([c2w, beside])


@pytest.mark.parametrize("up", [AS_WRITTEN, FROM_CAMERAS])
def test_a_sound_camera_has_no_cause_of_anything(up: str) -> None:
    still = torch.eye(4).double().repeat(40, 1, 1)
    turning = poses_of(
        rotations(torch.linspace(0, 3, 80).double(), torch.zeros(80).double()), torch.zeros(80, 3).double()
    )
    sound = [winding(), still, turning, integrate(parse_track("back*40 idle*30 left*20 idle"), MOTION)]
    sound += [ground_walk(seed, STEP, ahead=seed % 2 == 0) for seed in range(12)]
    for c2w in sound:
        for fps in (None, 8.0, 30.0):
            assert causes(c2w, fps, up=up) == ()
        assert causes(c2w, 1.0, up=up, paced=True) == ()
    # a rest between two walks is no slow walk
    rest = torch.cat([winding(), winding()[-1:].repeat(300, 1, 1)])
    assert causes(rest, 16.0, up=up) == ()
    assert causes(torch.cat([winding(8), winding(8)[-1:].repeat(300, 1, 1)]), 16.0, up=up) == ()
    # someone who films the ground before their feet stands upright all the same
    down = winding() @ poses_of(
        rotations(torch.tensor(0.0), torch.tensor(-1.0)).double()[None], torch.zeros(1, 3).double()
    )
    assert causes(down, 16.0, up=up) == ()


@pytest.mark.parametrize("straight", [True, False])
@pytest.mark.parametrize("turned", [from_z_up, to_z_up, lambda c2w: from_z_up(from_z_up(c2w))])
def test_a_wrong_up_is_named_with_what_to_choose(turned: object, straight: bool) -> None:
    path = integrate(parse_track("forward*60 idle"), MOTION) if straight else winding()
    found = follow_file(Poses(turned(path), fps=16.0), TINY_WORLD, Reading())
    angle = "180" if turned not in (from_z_up, to_z_up) else "90"
    assert found.causes[0] == f"the cameras stand {angle}° from up; choose *from the cameras* for up."
    after = follow_file(Poses(turned(path), fps=16.0), TINY_WORLD, Reading(up=FROM_CAMERAS))
    assert after.causes == () and after.position.mean() < 0.03 * length(path)


def test_no_way_at_all_is_no_success() -> None:
    still = torch.eye(4).double().repeat(40, 1, 1)
    assert follow(still, TINY_WORLD).report[0] == "position: the camera does not move on the ground."
    tiny = scaled(winding(), 1e-3)
    found = follow_file(Poses(tiny, fps=16.0), TINY_WORLD, Reading())
    assert "m on the ground, less than one step of 0.1235 m." in found.report[1]
    assert found.causes[0].endswith("if the file's unit is not the metre, set metres to 1000 (kilometres).")
    (paced,) = causes(tiny, 16.0, paced=True)
    assert paced.startswith("the way is 0.012 m in all; if the file's unit is not the metre, set metres to")
    (short,) = causes(winding()[:12], 240.0)
    assert short.startswith("the file lasts 0.046 s, less than a frame of Tiny World; if it should last longer, choose")
    lift = winding()
    lift[:, [0, 2], 3] = 0
    lift[:, 1, 3] = torch.linspace(0, 3, len(lift)).double()
    assert not any("m off in the mean, " in line for line in follow(lift, TINY_WORLD).report)


@pytest.mark.parametrize(
    ("factor", "wanted"), [(100, "0.01 (centimetres)"), (1000, "0.001 (millimetres)"), (0.02, "62"), (12, "0.1")]
)
@pytest.mark.parametrize("fps", [None, 16.0])
def test_a_unit_that_is_not_the_metre_is_named_with_the_one_to_set(factor: float, wanted: str, fps: float) -> None:
    path = scaled(winding(160 if factor < 1 else 40), factor)
    (cause,) = causes(path, fps)
    assert f"set metres to {wanted}" in cause and "choose *the model's own speed*, or" in cause
    assert ("the file has no rate, and at 16 a second" in cause) == (fps is None)
    metres = float(wanted.split()[0])
    assert causes(path, fps, metres=metres) == ()
    if factor == 100:
        path = scaled(winding(60), factor)
        (paced,) = causes(path, fps, paced=True)
        assert "for every pose; if the file's unit is not the metre, set metres to" in paced
        assert causes(path, fps, paced=True, metres=metres) == ()


@pytest.mark.parametrize("fps", [16e-9, 16e-6, 16e-3, 16e3, 1.0])
def test_times_that_are_no_seconds_are_named(fps: float) -> None:
    path = winding()[:: 1 if fps >= 1 else 60]
    if (len(path) - 1) * 16 / fps > 100_000:
        with pytest.raises(ValueError, match="are its times in seconds. If not, choose the model's own speed"):
            causes(path, fps)
    else:
        first = causes(path, fps)[0]
        assert ("numbers of frames" if fps == 1 else "in no seconds") in first
        assert "choose *the model's own speed*" in first
    assert causes(path, fps, paced=True) == ()


@pytest.mark.parametrize("axis", [0, 2])
def test_places_that_are_mirrored_against_the_turns_are_named(axis: int) -> None:
    path = winding()
    path[:, :3, 3] += torch.tensor([3.0, 0, 5])
    assert "most likely the places are mirrored against the turns" in causes(mirrored(path, axis), 16.0)[0]


def test_axes_of_opengl_are_named() -> None:
    assert "their axes are OpenGL's (y up, z backwards)" in causes(flip_camera(winding()), 16.0)[0]


@pytest.mark.parametrize("apart", [3.0, -8.0])
def test_several_cameras_in_a_row_are_named_with_the_place_where_they_meet(apart: float) -> None:
    first = causes(strung(winding(), apart), 16.0)[0]
    assert (
        first.startswith("the camera jumps ")
        and "m from pose 119 to the next: most likely the file holds several" in first
    )
