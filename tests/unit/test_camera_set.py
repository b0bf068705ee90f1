"""A set of pictures and cameras: complete, in step, and opened by COLMAP's own library and by our readers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pycolmap
import pytest
import torch
from PIL import Image
from round_trip_walks import WALKS
from tiny_models import controls_of, start_of

from worldmodel.binding.world_camera import camera_of_world
from worldmodel.camera.poses import Poses
from worldmodel.formats.camera_set import ENDING, CameraSet
from worldmodel.formats.files import read_track_file
from worldmodel.storage.writing import Numbered
from worldmodel.variants import AS_RELEASED
from worldmodel.world.state import Chunk, World, new_world

WALK = WALKS["portrait off centre"]
FRAMES, SIZE = WALK.frames, (96, 54)


def target(folder: Path) -> Numbered:
    return Numbered(folder, "set", 1, ENDING, "filename_prefix")


def write(
    folder: Path, poses: Poses, pictures: torch.Tensor, depth: torch.Tensor | None = None, numbers: range | None = None
) -> Path:
    with CameraSet(target(folder), poses, numbers) as written:
        for part in (slice(0, 5), slice(5, None)):  # as they are decoded
            written.add(pictures[part], None if depth is None else depth[part])
        return written.finish()[0].parent


def test_pictures_and_cameras_are_in_step_in_every_form(tmp_path: Path) -> None:
    pictures = torch.rand(FRAMES, *SIZE, 3, generator=torch.Generator().manual_seed(1))
    depth = torch.full((FRAMES, *SIZE), 1.234)
    depth[:, 0], depth[:, 1], depth[:, 2] = torch.inf, 70.0, torch.nan
    folder = write(tmp_path, WALK, pictures, depth)
    assert folder.name == "set_00001_" and [path.name for path in tmp_path.iterdir()] == [folder.name]
    names = sorted(path.name for path in (folder / "images").iterdir())

    model = pycolmap.Reconstruction(str(folder / "sparse" / "0"))
    images = sorted(model.images.values(), key=lambda image: image.name)
    assert [image.name for image in images] == names == sorted(path.name for path in (folder / "depth").iterdir())
    found = np.array([image.cam_from_world().inverse().matrix() for image in images])
    assert np.abs(found - WALK.c2w[:, :3].numpy()).max() < 1e-5
    camera = model.cameras[1]
    assert (camera.width, camera.height) == (SIZE[1], SIZE[0]) and model.num_points3D() == 0
    assert camera.focal_length_x == pytest.approx(WALK.intrinsics[0] * SIZE[1])

    frames = json.loads((folder / "transforms.json").read_text(encoding="utf-8"))["frames"]
    assert [frame["file_path"] for frame in frames] == [f"images/{name}" for name in names]
    assert [frame["depth_file_path"] for frame in frames] == [f"depth/{name}" for name in names]
    for form in ("transforms.json", "sparse/0/images.txt"):
        again = read_track_file(folder / form).poses
        torch.testing.assert_close(again.c2w, WALK.c2w, atol=1e-9, rtol=0)
        assert again.picture == (SIZE[1], SIZE[0])
    assert '\nIMAGES = "images"' in (folder / "walk.blender.py").read_text(encoding="utf-8").replace("'", '"')

    seen = [np.asarray(Image.open(folder / "images" / name)) for name in names]
    assert np.abs(np.stack(seen) / 255 - pictures.numpy()).max() < 0.6 / 255
    deep = np.asarray(Image.open(folder / "depth" / names[-1]))
    assert deep.dtype == np.uint16 and (deep[:3] == 0).all() and set(deep[3:].flat) == {1234}


def test_pictures_keep_the_numbers_of_their_frames(tmp_path: Path) -> None:
    """As Film World and Save Track name them, so that what was written apart fits together."""
    names = [f"frame_{33 + 3 * frame:06}.png" for frame in range(FRAMES)]
    blank = torch.zeros(FRAMES, *SIZE)
    folder = write(tmp_path, WALK, blank[..., None].expand(*blank.shape, 3), blank, range(33, 33 + 3 * FRAMES, 3))
    for part in ("images", "depth"):
        assert sorted(path.name for path in (folder / part).iterdir()) == names
    model = pycolmap.Reconstruction(str(folder / "sparse" / "0"))
    assert [model.images[number].name for number in sorted(model.images)] == names
    frames = json.loads((folder / "transforms.json").read_text(encoding="utf-8"))["frames"]
    assert [(frame["file_path"], frame["depth_file_path"]) for frame in frames] == [
        (f"images/{name}", f"depth/{name}") for name in names
    ]
    for form in ("transforms.json", "sparse/0/images.txt"):
        again = read_track_file(folder / form).poses
        torch.testing.assert_close(again.c2w, WALK.c2w, atol=1e-9, rtol=0)


def test_a_set_that_is_not_finished_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), CameraSet(target(tmp_path), WALK) as written:
        written.add(torch.zeros(3, *SIZE, 3))
        raise KeyboardInterrupt
    wide = "images: found 96 x 54 pixels, expected the shape of the camera's picture, 1080 x 1920"
    with pytest.raises(ValueError, match=wide), CameraSet(target(tmp_path), WALK) as written:
        written.add(torch.zeros(1, *SIZE[::-1], 3))
    assert not [*tmp_path.iterdir()]


def world_of(name: str, chunks: int = 2, form: str = "") -> World:
    world = new_world(start_of(name)._replace(**({"form": form} if form else {})))
    told = controls_of(name, chunks)
    return world._replace(chunks=tuple(Chunk(torch.zeros(1), one) for one in told))


def test_a_worlds_camera_is_what_its_model_was_told(tmp_path: Path) -> None:
    world = world_of("matrix_game_3_distilled", form=AS_RELEASED)
    poses, said = camera_of_world(world)
    told = torch.cat([chunk.controls.c2w for chunk in world.chunks])
    torch.testing.assert_close(poses.c2w, told.double())
    assert poses.intrinsics == pytest.approx((0.5, 0.75, 0.5, 0.5)) and poses.picture == (96, 64)
    assert "90.0 degrees from left to right (Matrix-Game 3.0 distilled's own)" in said[0]
    assert len(said) == 2  # its metres are published


def test_what_is_assumed_of_a_camera_is_said() -> None:
    poses, said = camera_of_world(world_of("matrix_game_2_universal"))
    assert poses.frames == 21 and poses.picture == (48, 32)
    assert "assumed: nobody publishes Matrix-Game 2.0 universal's lens" in said[0]
    assert said[2] == "Metres and degrees are assumed: nobody publishes Matrix-Game 2.0 universal's."
    with pytest.raises(ValueError, match="world: found one of Matrix-Game 2.0 Temple Run, expected a model whose keys"):
        camera_of_world(world_of("matrix_game_2_templerun"))
