"""Our exports in the tools that people open them with: COLMAP's library and evo here, Blender's script by its numbers.

Blender and nerfstudio themselves are too large for the tests: `scripts/round_trips.py` runs them.
"""

from __future__ import annotations

import ast
import math
from pathlib import Path

import numpy as np
import pycolmap
import pytest
import torch
from evo.core import metrics, sync
from evo.tools import file_interface
from hypothesis import given, settings
from hypothesis import strategies as st
from round_trip_walks import WALKS, points_of, seen

from worldmodel.binding.motion import integrate
from worldmodel.binding.track_camera import camera_of, lens_sentence
from worldmodel.camera.poses import (
    Poses,
    flip_camera,
    from_z_up,
    picture_of,
    pixel_intrinsics,
    poses_of,
    quaternion_rotations,
)
from worldmodel.formats import blender, colmap
from worldmodel.formats.files import FORMATS, OF_CAMERAS, Content, read_track_file, write_track_file
from worldmodel.track.track import parse_track
from worldmodel.variants import TITLES, VARIANTS

TINY_WORLD = VARIANTS["tiny_world_2"]
WALK = parse_track("forward*24 forward+yaw_right(2)*20 right*9 idle")
CAMERAS = {**WALKS, "what Tiny World walks": camera_of(WALK, TINY_WORLD)}


def written(poses: Poses, form: str, folder: Path) -> Path:
    path = folder / f"walk{FORMATS[form]}"
    write_track_file(Content(poses=poses), path, form)
    return path


@pytest.mark.parametrize("name", CAMERAS)
def test_colmap_opens_what_we_write_and_sees_the_same(name: str, tmp_path: Path) -> None:
    poses = CAMERAS[name]
    model = pycolmap.Reconstruction(str(written(poses, "COLMAP", tmp_path).parent))
    images = sorted(model.images.values(), key=lambda image: image.name)
    found = np.array([image.cam_from_world().inverse().matrix() for image in images])
    assert np.abs(found - poses.c2w[:, :3].numpy()).max() < 1e-5
    camera, points = model.cameras[1], points_of(poses)
    assert (camera.width, camera.height) == poses.picture and model.num_points3D() == 0
    lens = [camera.focal_length_x, camera.focal_length_y, camera.principal_point_x, camera.principal_point_y]
    assert lens == pytest.approx(pixel_intrinsics(poses.intrinsics, *poses.picture))
    places = np.array(
        [[image.project_point(point) for point in each] for image, each in zip(images, points, strict=True)]
    )
    torch.testing.assert_close(
        torch.from_numpy(places) / torch.tensor(poses.picture), seen(poses, points), atol=1e-9, rtol=0
    )


@pytest.mark.parametrize("name", CAMERAS)
def test_evo_reads_what_we_write_where_and_when_it_was(name: str, tmp_path: Path) -> None:
    poses = CAMERAS[name]
    walk = file_interface.read_tum_trajectory_file(str(written(poses, "TUM", tmp_path)))
    assert walk.check()[0], walk.check()
    assert np.abs(np.array(walk.poses_se3) - poses.c2w.numpy()).max() < 1e-5
    assert np.abs(walk.timestamps - np.arange(poses.frames) / poses.fps).max() < 1e-9
    error = metrics.APE(metrics.PoseRelation.translation_part)
    error.process_data(sync.associate_trajectories(walk, walk))
    assert error.get_statistic(metrics.StatisticsType.max) == 0


@pytest.mark.parametrize("form", [form for form in OF_CAMERAS if form not in ("TUM", "Blender")])
@pytest.mark.parametrize("title", [title for title, variant in TITLES.items() if variant.mouse is not None])
def test_every_model_is_written_with_its_own_picture_lens_and_rate(title: str, form: str, tmp_path: Path) -> None:
    variant = TITLES[title]
    height, width = variant.picture
    text = written(camera_of(WALK, variant), form, tmp_path)
    again = read_track_file(text).poses
    fx, fy, cx, cy = pixel_intrinsics(again.intrinsics, width, height)
    assert (fx, fy, cx, cy) == pytest.approx((fx, fx, width / 2, height / 2))
    assert math.degrees(2 * math.atan(width / 2 / fx)) == pytest.approx(variant.lens.degrees)
    assert form == "COLMAP" or again.fps == variant.fps
    assert again.picture == (width, height)


def test_tiny_world_is_written_as_it_renders(tmp_path: Path) -> None:
    text = written(camera_of(WALK, TINY_WORLD), "COLMAP", tmp_path).with_name("cameras.txt").read_text(encoding="utf-8")
    number, model, width, height, *lens = text.splitlines()[1].split()
    assert (number, model, width, height) == ("1", "PINHOLE", "96", "64")
    assert [float(part) for part in lens] == pytest.approx([48, 48, 48, 32])


def test_a_lens_that_is_asked_for_or_brought_along_counts_before_the_models_own() -> None:
    own = WALKS["portrait off centre"]
    filmed = WALK._replace(camera=own._replace(c2w=own.c2w.repeat(3, 1, 1)[: WALK.frames]))
    brought = camera_of(filmed, TINY_WORLD)
    assert brought[1:3] == own[1:3] and brought.picture == own.picture
    unsized = camera_of(filmed._replace(camera=filmed.camera._replace(picture=None)), TINY_WORLD)
    assert unsized.picture == (96, 169)  # of square pixels
    assert camera_of(WALK, TINY_WORLD, 60.0).intrinsics[0] == pytest.approx(0.5 / math.tan(math.radians(30)))
    bare = camera_of(filmed._replace(camera=own._replace(intrinsics=None, picture=None, fps=None)), TINY_WORLD)
    assert bare[1:3] == camera_of(WALK, TINY_WORLD)[1:3] and bare.picture == (96, 64)
    for degrees in (0.5, 171.0, -3.0, math.nan):
        with pytest.raises(
            ValueError, match="field_of_view: found .* expected 1 to 170 degrees, or 0 for the model's own"
        ):
            camera_of(WALK, TINY_WORLD, degrees)


def test_whose_lens_is_written_is_said() -> None:
    own = WALKS["portrait off centre"]
    filmed = WALK._replace(camera=own)
    assert lens_sentence(WALK, TINY_WORLD) == "96 x 64 pixels, 90.0 degrees from left to right (Tiny World's own)."
    assert lens_sentence(WALK, TINY_WORLD, 60.0) == "96 x 64 pixels, 60.0 degrees from left to right (as asked)."
    assert "640 x 352 pixels, 90.0 degrees from left to right (assumed: nobody publishes" in lens_sentence(
        WALK, VARIANTS["matrix_game_2_universal"]
    )
    assert "1080 x 1920 pixels, 58.1 degrees from left to right (the camera's own)" in lens_sentence(filmed, TINY_WORLD)
    assert "(the camera's own, not field_of_view's)" in lens_sentence(filmed, TINY_WORLD, 60.0)


def test_a_picture_nobody_knows_has_square_pixels() -> None:
    poses = Poses(integrate(WALK, TINY_WORLD.motion), (0.61, 1.1, 0.5, 0.49))
    width, height = picture_of(poses)
    assert 0.61 * width == pytest.approx(1.1 * height, abs=1)
    assert f"PINHOLE {width} {height} " in colmap.write(poses).cameras


@st.composite
def cameras(draw: st.DrawFn) -> Poses:
    """Any camera that a file may hold: a few frames anywhere, a lens off its centre, a picture of any shape."""
    frames, seed = draw(st.integers(1, 6)), draw(st.integers(0, 2**32 - 1))
    generator = torch.Generator().manual_seed(seed)
    turns = quaternion_rotations(torch.randn(frames, 4, dtype=torch.float64, generator=generator))
    places = torch.randn(frames, 3, dtype=torch.float64, generator=generator) * draw(st.sampled_from([0.01, 1, 1e4]))
    lens = draw(st.tuples(*[st.floats(0.02, 20)] * 2, *[st.floats(-1, 2)] * 2))
    picture = draw(st.none() | st.tuples(st.integers(1, 8192), st.integers(1, 8192)))
    fps = draw(st.none() | st.floats(0.4, 240).filter(lambda rate: rate != 1))  # whole seconds count frames
    return Poses(poses_of(turns, places), lens, fps, picture=picture)


@settings(max_examples=60, deadline=None)
@given(poses=cameras())
def test_any_camera_comes_back_from_every_format(poses: Poses, tmp_path_factory: pytest.TempPathFactory) -> None:
    for form in (form for form in OF_CAMERAS if form != "Blender"):
        content = read_track_file(written(poses, form, tmp_path_factory.mktemp("any")))
        again, far = content.poses, 1e-9 * max(1.0, float(poses.c2w.abs().max()))
        torch.testing.assert_close(again.c2w, poses.c2w, atol=far, rtol=0)
        if form not in ("COLMAP", "TUM"):
            assert again.fps == poses.fps
        elif form == "TUM" and poses.fps and poses.frames > 1:
            assert again.fps == pytest.approx(poses.fps, rel=2e-5)  # a rate so near to a whole one is taken for it
        if form != "TUM":
            assert again.intrinsics == pytest.approx(poses.intrinsics, rel=1e-9, abs=1e-9)
        if form != "TUM" and (poses.picture or form != "camera JSON"):
            assert again.picture == picture_of(poses)
        assert not content.unused
    if poses.picture:
        model = pycolmap.Reconstruction(str(written(poses, "COLMAP", tmp_path_factory.mktemp("any")).parent))
        found = np.array([model.images[i + 1].cam_from_world().inverse().matrix() for i in range(poses.frames)])
        assert np.abs(found - poses.c2w[:, :3].numpy()).max() < 1e-5


@pytest.mark.parametrize("name", CAMERAS)
def test_the_script_for_blender_holds_the_walk(name: str) -> None:
    poses, values = CAMERAS[name], {}
    tree = ast.parse(blender.write(poses))
    for line in tree.body:
        if isinstance(line, ast.Assign):
            values[line.targets[0].id] = ast.literal_eval(line.value)
    assert (
        values["FPS"] == poses.fps and values["PICTURE"] == poses.picture and values["INTRINSICS"] == poses.intrinsics
    )
    rows = torch.tensor(values["POSES"], dtype=torch.float64)
    c2w = from_z_up(flip_camera(poses_of(quaternion_rotations(rows[:, 3:]), rows[:, :3])))
    torch.testing.assert_close(c2w, poses.c2w, atol=1e-9, rtol=0)
    assert ((rows[1:, 3:] * rows[:-1, 3:]).sum(1) > 0).all()  # the short way round between two frames


def test_both_scripts_for_blender_write_a_camera_in_the_same_words() -> None:
    walk = ast.parse(blender.write(CAMERAS["tiny world"]))
    alone = ast.parse(blender.WRITE_POSES.read_text(encoding="utf-8"))
    functions = [
        {each.name: ast.dump(each) for each in tree.body if isinstance(each, ast.FunctionDef)} for tree in (walk, alone)
    ]
    assert {*functions[0]} == {
        "write_poses", "lens_of", "make_walk", "set_lens", "set_keys", "show_pictures", "folder_of_script",
    }  # fmt: skip
    assert all(functions[0][name] == functions[1][name] for name in ("write_poses", "lens_of"))


@pytest.mark.parametrize("fps", [None, 0.5, 16.0])
def test_a_camera_without_lens_or_rate_is_a_script_too(fps: float | None) -> None:
    script = blender.write(Poses(integrate(WALK, TINY_WORLD.motion), fps=fps))
    compile(script, "walk.py", "exec")
    assert f"\nFPS = {fps} " in script and "\nPICTURE = None " in script and "\nINTRINSICS = None " in script
