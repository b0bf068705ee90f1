"""Track files: what is written is read back, poses to 1e-9 and keys exactly; what cannot be is named by line."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from worldmodel.camera import poses as geometry
from worldmodel.camera.poses import Poses
from worldmodel.formats import arrays, colmap, csv_table, nerfstudio, npz, tum
from worldmodel.formats.files import (
    FORMATS,
    MAX_BYTES,
    OF_CAMERAS,
    OF_TRACKS,
    SUFFIXES,
    Content,
    parse_colmap,
    parse_file,
    read_track_file,
    write_track_file,
)
from worldmodel.tinyworld import walk_files, walks
from worldmodel.track.presets import preset
from worldmodel.track.track import Track, parse_track, same_track, sample

LENS = (0.61, 1.1, 0.5, 0.49)


def flight(frames: int = 50, seed: int = 3) -> Poses:
    """Any camera in any place: rolled, upside down, far away."""
    generator = torch.Generator().manual_seed(seed)
    turns = torch.randn(frames, 4, dtype=torch.float64, generator=generator)
    places = torch.randn(frames, 3, dtype=torch.float64, generator=generator) * 40
    return Poses(geometry.poses_of(geometry.quaternion_rotations(turns), places), LENS, 23.976)


def walk() -> Track:
    track = sample(preset("random from a seed", 60, 4))
    return track._replace(mouse=track.mouse + 0.1234567, prompts=((0, 'rain, "heavy"'), (31, "fog")))


@pytest.mark.parametrize("form", [form for form in OF_CAMERAS if form != "Blender"])
def test_a_camera_is_read_back(form: str, tmp_path: Path) -> None:
    poses, path = flight(), tmp_path / f"walk{FORMATS[form]}"
    write_track_file(Content(poses=poses), path, form)
    again = read_track_file(path).poses
    torch.testing.assert_close(again.c2w, poses.c2w, atol=1e-9, rtol=0)
    if form != "TUM":
        assert again.intrinsics == pytest.approx(LENS)
    if form != "COLMAP":
        assert again.fps == pytest.approx(23.976)


@pytest.mark.parametrize("form", OF_TRACKS)
def test_keys_and_mouse_are_read_back(form: str, tmp_path: Path) -> None:
    track, path = walk(), tmp_path / f"walk{FORMATS[form]}"
    write_track_file(Content(track), path, form)
    again = read_track_file(path).track
    if form == "JSON":  # thousandths of a degree
        torch.testing.assert_close(again.mouse, track.mouse, atol=5.1e-4, rtol=0)
        again = again._replace(mouse=track.mouse)
    assert same_track(again, track)


def test_arrays_hold_all_of_it(tmp_path: Path) -> None:
    track, poses = walk(), flight(60)
    write_track_file(Content(track, poses), tmp_path / "a.npz", "NPZ")
    again = read_track_file(tmp_path / "a.npz")
    assert same_track(again.track, track) and torch.equal(again.poses.c2w, poses.c2w)
    assert again.poses[1:] == poses[1:]
    assert npz.read(npz.write(None, poses)).track is None and npz.read(npz.write(track, None)).poses is None


def test_recordings_of_tiny_world_are_read(tmp_path: Path) -> None:
    recorded = walks.draw_walk(3, 0, walks.MIXED, 40, "train")
    maps = walk_files.Maps(torch.zeros(40, 64, 96), torch.zeros(40, 64, 96, dtype=torch.uint8))
    walk_files.write_table(recorded, tmp_path / "walk.csv")
    walk_files.write_arrays(recorded, tmp_path / "walk.npz", (64, 96), maps)
    table, arrays = read_track_file(tmp_path / "walk.csv").track, read_track_file(tmp_path / "walk.npz")
    assert same_track(table, arrays.track) and table.frames == 40 and arrays.poses.fps == 16
    assert torch.equal(table.keys, recorded.keys.float()) and torch.equal(table.mouse[:, 0], recorded.turns.float())
    assert arrays.poses.intrinsics == pytest.approx((0.5, 0.75, 0.5, 0.5))


def test_a_simple_table_is_read() -> None:
    track = csv_table.read("W,A,S,D,mouse_pitch,mouse_yaw\n1,0,0,0,0,1.5\r\n1,1,0,0,-0.5,0\n\n")
    assert same_track(track, parse_track("forward+yaw_right(1.5) forward+left+pitch_down(0.5)"))
    assert csv_table.read("forward\n1\n1\n").frames == 2


def test_a_camera_of_nerfstudio_looks_where_it_says() -> None:
    """The identity looks straight down there: along -z in a world whose z points up; its top points along y, ahead."""
    text = json.dumps({"frames": [{"transform_matrix": np.eye(4).tolist()}], "w": 200, "h": 100, "camera_angle_x": 1.2})
    poses = nerfstudio.read(text)
    assert poses.c2w[0, :3, 2].tolist() == [0, 1, 0] and poses.c2w[0, :3, 1].tolist() == [0, 0, -1]
    assert poses.intrinsics == pytest.approx((0.7308, 1.4616, 0.5, 0.5), abs=1e-3)


def test_colmap_counts_empty_lines_of_points_and_goes_by_name() -> None:
    cameras = "# a comment\n7 SIMPLE_RADIAL 100 50 80 50 25 0.1\n"
    images = "# a comment\n\n1 1 0 0 0 0 0 -2 7 b.png\n\n2 1 0 0 0 0 0 -1 7 a name.png\n5 6 -1 7 8 -1 9\n"
    poses = colmap.read(colmap.Model(cameras, images))
    assert poses.c2w[:, 2, 3].tolist() == [1, 2] and poses.intrinsics == (0.8, 1.6, 0.5, 0.5)


def test_tum_is_camera_to_world() -> None:
    poses = tum.read("# comment\n0.5 1 2 3 0 0.70710678 0 0.70710678\n0.75 1 2 4 0 0 0 1\n")
    torch.testing.assert_close(poses.c2w[0, :3, 2], torch.tensor([1.0, 0, 0], dtype=torch.float64), atol=1e-7, rtol=0)
    assert poses.c2w[0, :3, 3].tolist() == [1, 2, 3] and poses.fps == 4


@pytest.mark.parametrize(
    ("suffix", "text", "sentence"),
    [
        (".csv", "W,A\n1,0\n1,2\n", "line 3: column 'left' must be 1 or TRUE while the key is held, else 0 or FALSE"),
        (".csv", "W,A\n1\n", "line 2: found 1 cells, expected one for each of 2 columns"),
        (".csv", "W,forwrad\n1,0\n", "line 1: unknown key 'forwrad': did you mean 'forward'?"),
        (".csv", "W,forward\n1,0\n", "line 1: column 'forward' stands twice"),
        (".csv", "frame\n1\n", "line 1: found no column of keys or mouse"),
        (".csv", "mouse_yaw\nnan\n", "line 2: column 'mouse_yaw' must be degrees per frame between -180 and 180"),
        (".csv", 'W\n"1\n', "no CSV (unexpected end of data)"),
        (".csv", "", "found no row of frames"),
        (".tum", "0 1 2 3\n", "line 1: found 4 numbers, expected 8"),
        (".txt", "0 1 2 3\n", "found lines of 4 numbers, expected of a .txt file one of: 8 numbers a line (TUM)"),
        (".txt", "0 0 0 0 0 0 0 2\n", "line 1: the quaternion must have length 1, not 2"),
        (".txt", "0 0 0 inf 0 0 0 1\n", "line 1: the pose holds NaN or infinity"),
        (".txt", "# nothing\n", "found no pose"),
        (".json", '{"frames":[]}', "frames: found 0, expected 1 to 100000"),
        (".json", '{"frames":[{}]}', "frames[0].transform_matrix must have four rows"),
        (".json", '{"type":"blender_camera","version":1,"matrices":[1]}', "sixteen numbers a frame, not 1 of them"),
        (".json", '{"type":"swim"}', 'Track JSON: type must be "track", not "swim"'),
        (".json", "{\n", "not valid JSON at line 2, column 1"),
        (".npz", "PK", "no NPZ file, or a damaged one"),
        (".exe", "", "found a name ending in '.exe', expected one of .json"),
    ],
)
def test_what_cannot_be_read_is_named(suffix: str, text: str, sentence: str) -> None:
    with pytest.raises(ValueError) as refused:
        parse_file(text.encode(), suffix)
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("cameras", "images", "sentence"),
    [
        ("1 PINHOLE 10 10 1 1 5 5", "\n1 1 0 0 0 0 0 0 2 a", "images.txt: line 2: camera '2' is not in cameras.txt"),
        ("1 PINHOLE 10 10 1 1 5 5", "1 1 0 0 0 0 0 0", "images.txt: line 1: found 8 values"),
        ("1 PINHOLE 10 10 1 1 5 5", "", "images.txt: found no frame"),
    ],
)
def test_a_broken_model_of_colmap_is_named(cameras: str, images: str, sentence: str) -> None:
    with pytest.raises(ValueError) as refused:
        parse_colmap(cameras.encode(), images.encode())
    assert sentence in str(refused.value)


def packed(**arrays: object) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"keys": np.array([{}], dtype=object)}, "array 'keys' is of type object, which it cannot be"),
        ({"keys": np.zeros((3, 2)), "words": np.array(["forward"])}, "'keys' must have the shape (3, 1), not (3, 2)"),
        ({"keys": np.zeros((3, 4))}, "found keys without words"),
        ({"keys": np.full((3, 1), 2), "words": np.array(["forward"])}, "frame 0: keys must be 0 or 1"),
        ({"keys": np.zeros((3, 1)), "words": np.array(["W"])}, "unknown key 'W': write the word, 'forward'"),
        ({"mouse": np.full((3, 2), np.nan)}, "frame 0: mouse must be degrees per frame"),
        ({"mouse": np.zeros(())}, "array 'mouse' must have the shape"),
        ({"c2w": np.zeros((2, 4, 4))}, "frame 0: the pose is no rotation and place"),
        ({"c2w": np.eye(4)}, "array 'c2w' must have the shape ('any', 4, 4) or ('any', 3, 4), not (4, 4)"),
        ({"depth": np.zeros(3)}, "found arrays depth, expected of a .npz file one of: keys with words"),
    ],
)  # fmt: skip
def test_broken_arrays_are_named(arrays: dict, sentence: str) -> None:
    with pytest.raises(ValueError) as refused:
        parse_file(packed(**arrays), ".npz")
    assert sentence in str(refused.value)


def test_pickles_and_bombs_are_not_opened() -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**15, 2)})
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w") as file:
        file.writestr("mouse.npy", header.getvalue())
    with pytest.raises(ValueError, match="does not fit its 0 bytes"):
        parse_file(bomb.getvalue(), ".npz")
    large = io.BytesIO()
    with zipfile.ZipFile(large, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("mouse.npy", bytes(arrays.MAX_BYTES + 10))
    with pytest.raises(ValueError, match="is larger than"):
        parse_file(large.getvalue(), ".npz")


def test_a_file_is_named_in_its_message(tmp_path: Path) -> None:
    (tmp_path / "walk.csv").write_bytes(b"W\n\xff\n")
    with pytest.raises(ValueError, match="walk.csv: line 2: no text in UTF-8"):
        read_track_file(tmp_path / "walk.csv")
    with (tmp_path / "large.json").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(ValueError, match="large.json: found 67108865 bytes, expected at most 67108864; cut the file"):
        read_track_file(tmp_path / "large.json")
    (tmp_path / "images.txt").touch()
    with pytest.raises(ValueError, match="images.txt: found no cameras.txt beside it"):
        read_track_file(tmp_path / "images.txt")
    with pytest.raises(ValueError, match="format: found nothing to write as TUM, expected a camera"):
        write_track_file(Content(walk()), tmp_path / "x.tum", "TUM")
    with pytest.raises(ValueError, match="intrinsics: found none, expected them for COLMAP"):
        write_track_file(Content(poses=flight()._replace(intrinsics=None)), tmp_path / "images.txt", "COLMAP")
    assert {Path(f"walk{end}").suffix for end in FORMATS.values()} - {".py"} <= {*SUFFIXES}
