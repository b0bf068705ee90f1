"""Camera paths: equal paths are equal texts, the curve keeps its promises, and mistakes are named."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from pathlib import Path

import golden_paths
import numpy as np
import pytest
import torch

from worldmodel.binding.follow import follow
from worldmodel.camera.path import CameraPath, PathKeyframe
from worldmodel.camera.path_poses import (
    begin_at,
    parse_path,
    path_poses,
    path_spans,
    path_speeds,
    sample_path,
    write_path,
)
from worldmodel.camera.poses import angles, check_poses
from worldmodel.formats import three_camera
from worldmodel.reading.limits import DEFAULT_FRAMES
from worldmodel.variants import VARIANTS

GOLDEN = json.loads(golden_paths.GOLDEN.read_text(encoding="utf-8"))
EDITORS_EXAMPLE = """{"type":"path","version":1,"frames":297,"closed":true,"target":[1.2,-1.5,-0.6],
 "keyframes":[{"f":0,"p":[-6.2,-1.6,-1.4]},
  {"f":122,"p":[3.3,-1.9,1.2],"pitch":-9,"look":"target","out":[1.28,0,-0.48],"ease":"smooth"},
  {"f":160,"p":[6.7,-2,0.5],"pitch":-6,"look":[42.5,-6]}]}"""


def walk(seed: int, *, keyframes: int = 5, closed: bool = False) -> CameraPath:
    """A smooth path through random places, at even speed."""
    random = np.random.default_rng(seed)
    places = np.cumsum(random.uniform(0.5, 2, (keyframes, 3)) * random.choice([-1, 1], (keyframes, 3)), 0)
    frames = np.cumsum(random.integers(15, 40, keyframes)) - 15
    return CameraPath(
        int(frames[-1]) + 30,
        tuple(PathKeyframe(int(f), tuple(p)) for f, p in zip(frames, places.tolist(), strict=True)),
        closed,
    )


def test_the_golden_pairs_are_what_the_code_says() -> None:
    assert set(GOLDEN) == set(golden_paths.cases()) and len(GOLDEN) >= 40
    for name, text in golden_paths.cases().items():
        expected, found = GOLDEN[name], golden_paths.golden(text)
        assert found.get("error") == expected.get("error") and found.get("canonical") == expected.get("canonical"), name
        for part in ("rows", "speeds"):
            np.testing.assert_allclose(found.get(part, []), expected.get(part, []), atol=1e-10, err_msg=name)


@pytest.mark.parametrize("name", [name for name, pair in GOLDEN.items() if "canonical" in pair])
def test_reading_undoes_writing(name: str) -> None:
    text = GOLDEN[name]["canonical"]
    assert write_path(parse_path(text)) == text


def test_the_pattern_of_the_editors_is_read() -> None:
    path = parse_path(EDITORS_EXAMPLE)
    assert path.closed and [k.look for k in path.keyframes] == ["path", "target", (42.5, -6.0)]
    assert write_path(path) == json.dumps(json.loads(EDITORS_EXAMPLE), separators=(",", ":")).replace(
        '"pitch":-6,"look":[42.5', '"look":[42.5'
    )  # a keyed look has its own pitch


@pytest.mark.parametrize("text", ["", "null", "{}", None, " \n"])
def test_nothing_is_a_camera_that_stands_and_looks_ahead(text: str | None) -> None:
    poses = path_poses(parse_path(text))
    assert torch.equal(poses, torch.eye(4, dtype=torch.float64).repeat(DEFAULT_FRAMES, 1, 1))


@pytest.mark.parametrize("seed", range(6))
def test_every_keyframe_is_met_at_its_frame(seed: int) -> None:
    path = walk(seed)
    places = sample_path(path).places
    for keyframe in path.keyframes:
        np.testing.assert_allclose(places[keyframe.frame], keyframe.place, atol=1e-12)
    np.testing.assert_array_equal(places[path.keyframes[-1].frame :], [places[-1]] * 30)
    assert (sample_path(path._replace(frames=1)).places == places[:1]).all()


@pytest.mark.parametrize("seed", range(6))
def test_inside_a_span_the_camera_moves_evenly(seed: int) -> None:
    path = walk(seed)
    finer = path._replace(
        frames=8 * path.frames, keyframes=tuple(k._replace(frame=8 * k.frame) for k in path.keyframes)
    )
    places = sample_path(finer).places
    for span in path_spans(finer):
        steps = np.linalg.norm(np.diff(places[span.start.frame : span.end.frame + 1], axis=0), axis=1)
        even = np.linspace(0, steps.sum(), len(steps) + 1)[1:]
        assert np.abs(np.cumsum(steps) - even).max() <= 2e-3 * steps.sum()
        assert math.isclose(steps.sum(), span.arc[-1], rel_tol=2e-3)


@pytest.mark.parametrize("seed", range(6))
def test_the_curve_has_no_corners_and_its_height_stays_between_the_keyframes(seed: int) -> None:
    spans = path_spans(walk(seed))
    for before, after in pairwise(spans):
        here, there = before.curve[3] - before.curve[2], after.curve[1] - after.curve[0]
        cosine = here @ there / np.linalg.norm(here) / np.linalg.norm(there)
        assert math.isclose(cosine, 1, abs_tol=1e-12)
    for span in spans:
        ends = sorted(span.curve[[0, 3], 1])
        assert ends[0] - 1e-12 <= span.curve[:, 1].min() and span.curve[:, 1].max() <= ends[1] + 1e-12


@pytest.mark.parametrize("seed", range(6))
def test_a_closed_path_ends_as_it_began(seed: int) -> None:
    path = walk(seed, closed=True)
    poses = path_poses(path)
    assert torch.equal(poses[-1], poses[0])
    spans = path_spans(path)
    here, there = spans[-1].curve[3] - spans[-1].curve[2], spans[0].curve[1] - spans[0].curve[0]
    assert math.isclose(here @ there, np.linalg.norm(here) * np.linalg.norm(there), rel_tol=1e-12)


def test_four_corners_of_a_square_are_nearly_a_circle() -> None:
    corners = [PathKeyframe(20 * i, p) for i, p in enumerate([(3.0, 0, 0), (0, 0, 3), (-3, 0, 0), (0, 0, -3)])]
    places = sample_path(CameraPath(81, tuple(corners), closed=True)).places
    np.testing.assert_allclose(np.hypot(places[:, 0], places[:, 2]), 3, atol=0.01)


def test_axes() -> None:
    """Right is x, height is -y, ahead is z; yaw turns right, pitch up."""

    def last(place: tuple[float, float, float], **keyframe: object) -> tuple[np.ndarray, np.ndarray]:
        path = CameraPath(11, (PathKeyframe(0, (0, 0, 0), **keyframe), PathKeyframe(10, place, **keyframe)))
        poses = path_poses(path)
        return poses[-1, :3, 3].numpy(), np.degrees(angles(poses[:, :3, :3]).numpy()[-1])

    for place, yaw in (((1, 0, 0), 90), ((0, 0, 1), 0), ((-1, 0, 0), -90), ((0, 0, -1), 180), ((1, -3, 1), 45)):
        at, looks = last(place, pitch=10)
        np.testing.assert_allclose(at, place)
        np.testing.assert_allclose(
            [abs(looks[0]) if yaw == 180 else looks[0], looks[1], looks[2]], [yaw, 10, 0], atol=1e-9
        )
    np.testing.assert_allclose(last((0, 0, 1), look=(30.0, -20.0))[1], [30, -20, 0], atol=1e-9)
    above = CameraPath(5, (PathKeyframe(0, (0, -2, 0), look="target"),), target=(2.0, 0, 0))
    looks = np.degrees(angles(path_poses(above)[:, :3, :3]).numpy()[0])
    np.testing.assert_allclose(looks, [90, -45, 0], atol=1e-9)


def test_in_its_target_the_camera_looks_along_the_path() -> None:
    path = parse_path(GOLDEN["on the target in a bend"]["text"])
    along = path._replace(keyframes=tuple(k._replace(look="path") for k in path.keyframes))
    yaw, ahead = (np.degrees(sample_path(one).yaw) for one in (path, along))
    frame = path.keyframes[1].frame
    assert ahead[frame] > 10
    np.testing.assert_allclose(yaw[frame], ahead[frame], atol=1e-9)


def test_looks_are_blended_on_the_shorter_arc_with_the_easing() -> None:
    path = parse_path(GOLDEN["keyed over the back"]["text"])
    yaw, pitch = np.degrees(sample_path(path).yaw), np.degrees(sample_path(path).pitch)
    np.testing.assert_allclose(yaw[:12], np.linspace(170, 200, 13)[:12])
    np.testing.assert_allclose(pitch[:13], np.linspace(0, 10, 13))
    held = path._replace(keyframes=tuple(k._replace(ease="hold") for k in path.keyframes))
    np.testing.assert_allclose(np.degrees(sample_path(held).yaw)[:12], 170)


def test_a_blend_never_turns_round_on_its_way() -> None:
    """The path turns by more than half a turn against the keyed look: the angle between them must not jump."""
    circle = [(math.sin(a) * 3, 0.0, math.cos(a) * 3) for a in np.linspace(0, 5, 12)]
    keyframes = [PathKeyframe(8 * i, place) for i, place in enumerate(circle)]
    keyframes[0] = keyframes[0]._replace(look=(90.0, 0.0))
    keyframes[-1] = keyframes[-1]._replace(look=(-90.0, 0.0))
    yaw = np.degrees(sample_path(CameraPath(89, tuple(keyframes))).yaw)
    turns = np.abs((np.diff(yaw) + 180) % 360 - 180)
    assert turns.max() < 20


def test_a_camera_that_waits_looks_where_it_came_from() -> None:
    path = parse_path(GOLDEN["waits"]["text"])
    yaw = sample_path(path).yaw
    np.testing.assert_allclose(yaw[20:], yaw[20])
    first = sample_path(parse_path(GOLDEN["waits first"]["text"]))
    np.testing.assert_allclose(np.degrees(first.yaw), 90)


def test_speed_is_measured_over_the_ground() -> None:
    climb = CameraPath(11, (PathKeyframe(0, (0, 0, 0)), PathKeyframe(10, (3, -8, 4))))
    np.testing.assert_allclose(path_speeds(climb, 20.0), 10, rtol=1e-9)
    assert path_speeds(CameraPath(1), 20.0).tolist() == [0.0]


def viewer(**members: object) -> dict[str, object]:
    """A camera as the host's 3D viewer hands it out: here one metre up, two to the right, three behind the middle."""
    camera = {"position": {"x": 2, "y": 1, "z": 3}, "target": {"x": 2, "y": 1, "z": 0}, "zoom": 1}
    return {**camera, "cameraType": "perspective", "quaternion": {"x": 0, "y": 0, "z": 0, "w": 1}, **members}


def test_a_camera_of_the_viewer_has_our_axes() -> None:
    """Three.js: y up, looking along -z; ours: y down, looking along z."""
    ahead = three_camera.read(viewer())
    np.testing.assert_allclose(ahead, [[1, 0, 0, 2], [0, 1, 0, -1], [0, 0, 1, -3], [0, 0, 0, 1]], atol=1e-12)
    half = math.sqrt(0.5)
    left = three_camera.read(viewer(quaternion={"x": 0, "y": half, "z": 0, "w": half}))  # y up: a turn to the left
    np.testing.assert_allclose(np.degrees(angles(left[:3, :3]).numpy()), [-90, 0, 0], atol=1e-9)
    up = three_camera.read(viewer(quaternion={"x": half, "y": 0, "z": 0, "w": half}))
    np.testing.assert_allclose(up[:3, 2], [0, -1, 0], atol=1e-12)
    for target, looks in (((5, 1, 3), (90, 0, 0)), ((2, 2, 2), (0, 45, 0)), ((2, 1, 9), (180, 0, 0))):
        found = three_camera.read(viewer(quaternion=None, target=dict(zip("xyz", target, strict=True))))
        np.testing.assert_allclose(np.abs(np.degrees(angles(found[:3, :3]).numpy())), looks, atol=1e-9)
    check_poses(three_camera.read(viewer(quaternion=None, target={"x": 2, "y": 5, "z": 3}))[None])


@pytest.mark.parametrize(
    ("camera", "sentence"),
    [
        ("a camera", "must be a camera of the 3D viewer"),
        (viewer(position=None), "start_camera.position must hold the numbers x, y, z, not null"),
        (viewer(position={"x": 0, "y": 0}), 'not {"x": 0, "y": 0}'),
        (viewer(position={"x": 0, "y": 0, "z": float("nan")}), "start_camera.position must hold"),
        (viewer(position={"x": 0, "y": 0, "z": 1e9}), "stands more than"),
        (viewer(quaternion={"x": 0, "y": 0, "z": 0, "w": 0}), "start_camera.quaternion is zero"),
        (viewer(quaternion=None, target={"x": 2, "y": 1, "z": 3}), "start_camera.target is where the camera is"),
    ],
)
def test_what_is_no_camera_of_the_viewer_is_refused(camera: object, sentence: str) -> None:
    with pytest.raises(ValueError, match="^start_camera") as refused:
        three_camera.read(camera)
    assert sentence in str(refused.value)


@pytest.mark.parametrize("seed", range(6))
def test_a_path_begins_where_a_camera_stands_and_keeps_its_shape(seed: int) -> None:
    poses = path_poses(walk(seed)._replace(frames=40))
    start = three_camera.read(viewer(quaternion=None, target={"x": 5.0, "y": 2.0, "z": -3.0}))
    moved = begin_at(poses, start)
    check_poses(moved)
    np.testing.assert_allclose(moved[0, :3, 3], start[:3, 3])
    old, new = (angles(p[:, :3, :3]).numpy() for p in (poses, moved))
    assert math.isclose(new[0, 0], float(angles(start[:3, :3])[0]), abs_tol=1e-9)
    np.testing.assert_allclose(new[:, 1:], old[:, 1:], atol=1e-9)  # level: neither tilted nor rolled
    between = [torch.cdist(p[:, :3, 3], p[:, :3, 3]) for p in (moved, poses)]
    np.testing.assert_allclose(between[0], between[1], atol=1e-6)
    np.testing.assert_allclose(moved[:, 1, 3] - moved[0, 1, 3], poses[:, 1, 3] - poses[0, 1, 3], atol=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_a_drawn_walk_is_followed(seed: int) -> None:
    variant = VARIANTS["matrix_game_2_universal"]
    path = walk(seed)
    slower = math.ceil(path_speeds(path, 1.0).max() / variant.motion.step_metres)
    keyframes = tuple(k._replace(frame=k.frame * slower) for k in path.keyframes)
    poses = path_poses(path._replace(frames=keyframes[-1].frame + 1, keyframes=keyframes))
    check_poses(poses)
    followed = follow(poses, variant)
    length = float((poses[1:, [0, 2], 3] - poses[:-1, [0, 2], 3]).norm(dim=1).sum())
    assert followed.position.mean() <= 0.03 * length and followed.heading.mean() <= 2


@pytest.mark.parametrize("seed", range(20))
def test_whatever_is_typed_is_read_or_refused_in_one_sentence(seed: int) -> None:
    random = np.random.default_rng(seed)
    texts = [pair["text"] for pair in GOLDEN.values() if pair["text"]]
    for _ in range(100):
        letters = list(texts[random.integers(len(texts))])
        for _ in range(random.integers(1, 6)):
            letters[random.integers(len(letters))] = str(random.choice(list('0123456789eE+-.,:"[]{}nft \\')))
        try:
            path = parse_path("".join(letters))
        except ValueError as error:
            assert str(error).startswith("Path JSON: ") and "\n" not in str(error)
        else:
            assert np.isfinite(sample_path(path._replace(frames=min(path.frames, 99))).yaw).all()
            assert write_path(parse_path(write_path(path))) == write_path(path)


def test_the_script_stands_beside_its_pairs() -> None:
    assert Path(golden_paths.GOLDEN).is_file()
