"""Cameras out of files as people of this trade have them: their names, times, lenses and blemishes count as meant."""

from __future__ import annotations

import io
import json
import math
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from worldmodel.binding.follow import Reading, follow_file
from worldmodel.camera.poses import Poses, at_rate, quaternion_rotations, rotation_quaternions
from worldmodel.formats import colmap
from worldmodel.formats.files import (
    HOLDS,
    MAX_BYTES,
    SUFFIXES,
    Content,
    beside,
    parse_colmap,
    parse_file,
    read_track_file,
    what_was_found,
)
from worldmodel.formats.lines import natural
from worldmodel.reading.asked import ALL, Asked
from worldmodel.reading.limits import MAX_FRAMES
from worldmodel.variants import VARIANTS


def z_of(poses: Poses) -> list[float]:
    """Return how far ahead each pose stands."""
    return [round(z, 9) for z in poses.c2w[:, 2, 3].tolist()]


def read(text: str | bytes, suffix: str, camera: str = "", fps: float = 0.0) -> Content:
    return parse_file(text.encode() if isinstance(text, str) else text, suffix, Asked(camera, fps))


def tum(*rows: tuple[str, float]) -> str:
    """Write lines of a TUM trajectory that only goes ahead: a time as text, and how far."""
    return "".join(f"{stamp} 0 0 {z} 0 0 0 1\n" for stamp, z in rows)


def model(lenses: dict[str, str], pictures: list[tuple[str, str, float]], points: bool = True) -> tuple[bytes, bytes]:
    """Write a COLMAP model that only goes ahead: lens by camera, and name, camera and place of each picture."""
    cameras = "".join(f"{camera} {lens}\n" for camera, lens in lenses.items())
    after = "\n310.5 200.25 -1 33.0 44.0 7\n" if points else "\n"
    lines = [f"{i + 1} 1 0 0 0 0 0 {-z} {camera} {name}{after}" for i, (name, camera, z) in enumerate(pictures)]
    return cameras.encode(), "".join(lines).encode()


def transforms(pictures: list[tuple[str, float]], per_frame: list[dict] | None = None, **members: object) -> str:
    """Write a transforms.json that goes ahead at eye height: name and place of each picture."""
    frames = [
        {"file_path": name, "transform_matrix": [[1, 0, 0, 0], [0, 0, -1, z], [0, 1, 0, 1.4], [0, 0, 0, 1]]}
        for name, z in pictures
    ]
    for frame, more in zip(frames, per_frame or [], strict=False):
        frame.update(more)
    return json.dumps({**members, "frames": frames})


def packed(**arrays: object) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def ahead(frames: int, step: float = 0.05) -> np.ndarray:
    c2w = np.tile(np.eye(4), (frames, 1, 1))
    c2w[:, 2, 3] = step * np.arange(frames)
    return c2w


LENS = "PINHOLE 1280 720 1100 1100 640 360"


# names


def test_numbers_in_names_count_as_numbers_in_every_format_that_goes_by_name() -> None:
    pictures = [("rgb/10.png", 1.0), ("rgb/2.png", 0.2), ("rgb/11.png", 1.1), ("rgb/9.png", 0.9)]
    right = [0.2, 0.9, 1.0, 1.1]
    assert z_of(read(transforms(pictures), ".json").poses) == right
    assert z_of(parse_colmap(*model({"1": LENS}, [(name, "1", z) for name, z in pictures])).poses) == right
    inria = [{"img_name": name, "position": [0, 0, z], "rotation": np.eye(3).tolist()} for name, z in pictures]
    assert z_of(read(json.dumps(inria), ".json").poses) == right
    worldplay = {name[4:-4]: {"extrinsic": ahead(2, z)[1].tolist()} for name, z in pictures}
    assert z_of(read(json.dumps(worldplay), ".json").poses) == right


def test_names_sort_as_people_count() -> None:
    names = ["a", "a1", "a2", "a02", "a10", "a10b2", "a10b10", "b1", f"b{'9' * 5000}"]
    right = ["a", "a1", "a02", "a2", "a10", "a10b2", "a10b10", "b1", names[-1]]
    assert sorted(names, key=natural) == right


# times


def test_poses_stand_where_the_camera_was_at_each_moment() -> None:
    content = read(tum(("0.0", 0), ("0.5", 1), ("4.5", 1), ("5.0", 2)), ".tum")
    assert z_of(at_rate(content.poses, 2)) == [0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2]
    assert "uneven" in content.notes[0] and "0.5 to 4 s apart" in content.notes[0]


def test_turns_between_uneven_times_go_along_the_shortest_arc() -> None:
    half = math.sin(math.radians(45))
    poses = read(f"0 0 0 0 0 0 0 1\n3.0 0 0 0 0 {half} 0 {half}\n3.5 0 0 0 0 {half} 0 {half}\n", ".tum").poses
    third = at_rate(poses, 1).c2w[1, :3, 2]  # a third of 90 degrees
    torch.testing.assert_close(third, torch.tensor([0.5, 0, math.sqrt(0.75)], dtype=torch.float64), atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("stamps", "rate"),
    [
        ([f"{i / 30:.2f}" for i in range(40)], 30),  # rounded to hundredths: off by up to a sixth of a step
        ([f"{1305031102.17 + i / 30:.6f}" for i in range(40)], 30),
        ([repr(i / 23.976) for i in range(40)], 23.976),
        ([f"{1305031102.17 + i / 30:.18e}" for i in range(40)], 30),
    ],
)
def test_even_times_leave_every_pose_as_it_is(stamps: list[str], rate: float) -> None:
    content = read(tum(*((stamp, i * i) for i, stamp in enumerate(stamps))), ".tum")
    assert z_of(content.poses) == [i * i for i in range(40)] and content.notes == ()
    assert content.poses.fps == pytest.approx(rate, rel=1e-3)


def test_every_format_with_times_keeps_them() -> None:
    """A step, a pause of four, a step: at two poses a second."""
    seconds, places = [0, 0.5, 4.5, 5], [0.0, 1, 1, 2]
    right = [0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2]
    euroc = "#timestamp [ns], p_RS_R_x [m], p_RS_R_y [m], p_RS_R_z [m], q_RS_w [], q_RS_x [], q_RS_y [], q_RS_z []\n"
    euroc += "".join(
        f"{1403636580838555648 + int(t * 1e9)},0,{z},0,1,0,0,0\n" for t, z in zip(seconds, places, strict=True)
    )
    re10k = "https://example.org/x\n" + "".join(
        f"{int(t * 1e6)} 0.55 0.98 0.5 0.5 0 0 1 0 0 0 0 1 0 0 0 0 1 {-z}\n"
        for t, z in zip(seconds, places, strict=True)
    )
    pictures = [(f"{i}.png", z) for i, z in enumerate(places)]
    nerfstudio = transforms(pictures, [{"timestamp": 1305031102.5 + t} for t in seconds])
    for text, suffix in ((euroc, ".csv"), (re10k, ".txt"), (nerfstudio, ".json")):
        content = read(text, suffix)
        assert z_of(at_rate(content.poses, 2)) == pytest.approx(right, abs=1e-6)
        assert any("uneven" in note for note in content.notes)


def test_of_equal_times_one_is_kept_and_the_report_says_so() -> None:
    rows = [("1311868229.5660", 0), ("1311868229.5760", 0.01), ("1311868229.5760", 0.5), ("1311868229.5860", 0.02)]
    content = read(tum(*rows), ".tum")
    assert z_of(content.poses) == [0, 0.01, 0.02] and content.poses.fps == pytest.approx(100)
    assert content.notes == ("One of 4 times stands twice (line 3: 1311868229.5760): the first of each is kept.",)
    rounded = read(tum(*(("1305031102.170000", i) for i in range(6))), ".tum")
    assert "write them with more digits" in rounded.notes[0]


def test_lines_out_of_order_are_sorted_and_shown_as_the_file_writes_them() -> None:
    rows = [("1311868229.5760", 0), ("1311868229.5660", 0.01), ("1311868229.5860", 0.02)]
    content = read(tum(*rows), ".tum")
    assert z_of(content.poses) == [0.01, 0, 0.02]
    assert "line 2 has the time 1311868229.5660, after 1311868229.5760" in content.notes[0]


def test_two_walks_one_behind_the_other_are_no_walk() -> None:
    walk = [(f"{i / 10:.1f}", i) for i in range(30)]
    with pytest.raises(
        ValueError, match="line 31 has the time 0.0, after 2.9, expected rising times; they begin again"
    ):
        read(tum(*walk, *walk), ".tum")
    later = read(tum(*[(f"{i / 10:.1f}", i) for i in (*range(30, 60), *range(30))]), ".tum")  # halves exchanged
    assert z_of(later.poses) == list(range(60))


def test_rows_without_numbers_are_left_out_and_the_camera_goes_across() -> None:
    rows = [(f"{i / 20:.2f}", i) for i in range(12)]
    text = (
        tum(*rows).replace("0.20 0 0 4 0 0 0 1", "0.20 nan nan nan nan nan nan nan").replace(" 5 0 0 0 1", " 5 0 0 0 0")
    )
    content = read(text, ".tum")
    assert z_of(content.poses) == list(range(12)) and content.poses.fps == pytest.approx(20)
    assert any("2 of 12 poses hold no numbers (line 5 the first)" in note for note in content.notes)
    c2w = ahead(6)
    c2w[2:4] = np.nan
    content = read(packed(c2w=c2w), ".npz")  # no times: each keeps its place
    assert z_of(content.poses) == pytest.approx([0, 0.05, 0.1, 0.15, 0.2, 0.25])
    assert "frame 2 the first" in content.notes[0]


@pytest.mark.parametrize(
    ("start", "count", "unit"),
    [
        (1403715273262142976, 10**9, "nanoseconds"),
        (0, 10**9, "nanoseconds"),
        (1403715273262142, 10**6, "microseconds"),
        (5, 10**6, "microseconds"),
        (1403715273262, 10**3, "milliseconds"),
    ],
)
def test_times_that_are_no_seconds_are_recognised_and_named(start: int, count: int, unit: str) -> None:
    content = read(tum(*((f"{start + i * count // 20}", i) for i in range(12))), ".txt")
    assert content.poses.fps == pytest.approx(20) and z_of(content.poses) == list(range(12))
    assert f"The times are {unit} ({start}, " in content.notes[0]


def test_frame_numbers_are_no_seconds() -> None:
    whole = read(tum(*((f"{i}.0", i) for i in range(9))), ".txt")
    assert whole.poses.fps is None and "read as frame numbers" in whole.notes[0] and "fps" in whole.notes[0]
    gaps = read(tum(("3", 0), ("5", 2), ("6", 3)), ".txt", fps=30)  # keyframes of a film
    assert z_of(gaps.poses) == [0, 1, 2, 3] and gaps.poses.fps == 30
    said = read("# seconds tx ty tz\n" + tum(("0", 0), ("1", 1), ("2", 2)), ".tum")
    assert said.poses.fps == 1 and said.notes == ()


def test_a_walk_longer_than_a_track_says_its_cause() -> None:
    content = read(tum(("0", 0), ("0.1", 1), ("0.2", 1), ("90000.5", 2)), ".tum")
    with pytest.raises(ValueError, match="expected at most 100000"):
        follow_file(content.poses, VARIANTS["tiny_world_2"], Reading())
    assert "0.1 to 9e+04 s apart" in content.notes[0]


def test_walks_on_a_map_of_the_earth_are_brought_near() -> None:
    content = read("0 458074.6 5429380.1 162.9 0 0 0 1\n0.1 458074.6 5429380.1 163.9 0 0 0 1\n", ".tum")
    assert z_of(content.poses) == [0, 1] and "5.44867e+06 units from its origin" in content.notes[0]


def test_the_columns_go_by_their_names_where_the_file_says_them() -> None:
    text = "# timestamp tx ty tz qw qx qy qz\n0.5 1 2 3 1 0 0 0\n0.6 1 2 4 1 0 0 0\n"
    assert torch.equal(read(text, ".tum").poses.c2w[0, :3, :3], torch.eye(3, dtype=torch.float64))
    assert z_of(read(text.removeprefix("# ").replace(" ", ","), ".tum").poses) == [3, 4]


def test_a_last_line_that_was_cut_is_left_out() -> None:
    content = read(tum(("0.0", 0), ("0.1", 1)) + "0.2 0 0 2 0", ".tum")
    assert z_of(content.poses) == [0, 1] and content.notes == ("Line 3, the last, is cut short: left out.",)
    with pytest.raises(ValueError, match="line 2: found 5 numbers, expected 8"):
        read(tum(("0.0", 0)) + "0.1 0 0 2 0\n" + tum(("0.2", 0)), ".tum")


# several cameras, lenses


RIG = [(f"cam{camera}/{i:04}.jpg", str(camera + 1), 3 * camera + 0.05 * i) for camera in (0, 1) for i in range(8)]


def test_of_several_cameras_one_is_walked_and_the_others_are_named() -> None:
    files = model({"1": LENS, "2": "PINHOLE 1280 720 900 900 640 360"}, RIG)
    first = parse_colmap(*files)
    assert first.poses.frames == 8 and first.notes[0].startswith("2 cameras: 1 (8 pictures), 2 (8). This is 1;")
    for name in ("2", "cam1", "CAM1 "):
        other = parse_colmap(*files, Asked(name))
        assert z_of(other.poses)[0] == 3 and other.poses.intrinsics[0] == pytest.approx(900 / 1280)
    assert parse_colmap(*files, Asked(ALL)).poses.frames == 16
    with pytest.raises(
        ValueError, match="^camera: found '3', expected one of 1, 2, or all; change it or leave it empty"
    ):
        parse_colmap(*files, Asked("3"))


def test_the_camera_with_the_most_pictures_is_walked() -> None:
    files = model({"1": LENS, "2": LENS}, [*RIG[:3], *RIG[8:]])
    assert z_of(parse_colmap(*files).poses)[0] == 3


@pytest.mark.parametrize("name", ["cam{camera}/{i}.png", "{camera}_{i}.png", "{i:04}_{side}.jpg", "a/{side} {i}.png"])
def test_cameras_are_told_apart_by_names_too(name: str) -> None:
    pictures = [
        (name.format(camera=f"side{camera}x", side=("left", "right")[camera], i=i), 3 * camera + 0.05 * i)
        for i in range(9, 14)
        for camera in (0, 1)
    ]
    if "{camera}_" in name:
        pictures = [(f"cam{picture[0][4]}_{picture[0].partition('_')[2]}", picture[1]) for picture in pictures]
    content = read(transforms(pictures), ".json")
    assert z_of(content.poses) == pytest.approx([0.45, 0.5, 0.55, 0.6, 0.65]) and "2 cameras: " in content.notes[0]
    assert read(transforms(pictures), ".json", ALL).poses.frames == 10


def test_a_camera_for_every_picture_is_one_walk() -> None:
    """As COLMAP makes them if nobody says otherwise."""
    files = model({str(i): LENS for i in range(8)}, [(f"{i}.png", str(i), i) for i in range(8)])
    assert z_of(parse_colmap(*files).poses) == list(range(8)) and parse_colmap(*files).notes == ()


def test_parts_of_a_walk_in_folders_are_one_walk() -> None:
    pictures = [(f"part{i // 10}/{i}.png", i) for i in range(30)]
    content = read(transforms(pictures), ".json")
    assert z_of(content.poses) == list(range(30)) and content.notes == ()


def test_two_lenses_that_jump_are_two_cameras_and_a_zoom_is_one() -> None:
    flat = [(f"frame_{i:05}.png", z) for i, (_, _, z) in enumerate(RIG)]  # as ns-process-data renames a rig's pictures
    lenses = [{"fl_x": 1100 if i < 8 else 900} for i in range(16)]
    content = read(transforms(flat, lenses, w=1280, h=720), ".json")
    assert content.poses.frames == 8 and content.notes[0].startswith("2 cameras: 1 (8 pictures), 2 (8). This is 1;")
    walk = [(f"{i}.png", 0.05 * i) for i in range(16)]
    for order in (range(16), [*range(1, 16, 2), *range(0, 16, 2)]):  # the order in the file does not count
        pictures, zoom = [walk[i] for i in order], [lenses[i] for i in order]
        zoomed = read(transforms(pictures, zoom, w=1280, h=720), ".json")
        assert zoomed.poses.frames == 16 and "The lens changes from picture to picture" in zoomed.notes[0]


@pytest.mark.parametrize("camera", ["2", "left"])
def test_a_camera_that_is_not_there_is_named(camera: str) -> None:
    for text, suffix in ((tum(("0", 0), ("0.1", 1)), ".tum"), (transforms([("1.png", 0)]), ".json")):
        with pytest.raises(ValueError, match=f"^camera: found '{camera}', .*leave it empty"):
            read(text, suffix, camera)


def test_a_zoom_is_said_and_the_first_lens_kept() -> None:
    pictures = [(f"{i}.png", 0.1 * i) for i in range(4)]
    lens = [{"fl_x": 500.0 + 50 * i, "fl_y": 500.0 + 50 * i, "w": 640, "h": 352} for i in range(4)]
    content = read(transforms(pictures, lens), ".json")
    assert (
        content.poses.intrinsics[0] == pytest.approx(500 / 640) and "52.4 degrees to 65.2 degrees" in content.notes[0]
    )
    shares = np.array([[0.6 + 0.1 * i, 1.04, 0.5, 0.5] for i in range(4)])
    content = read(packed(c2w=ahead(4), intrinsics=shares), ".npz")
    assert content.poses.intrinsics[0] == pytest.approx(0.6) and "The lens changes" in content.notes[0]
    assert read(packed(c2w=ahead(4), intrinsics=shares[:1].repeat(4, 0)), ".npz").notes == ()


@pytest.mark.parametrize(
    "members", [{"camera_model": "OPENCV_FISHEYE"}, {"camera_model": "EQUIRECTANGULAR"}, {"is_fisheye": True}]
)
def test_a_fisheye_is_no_pinhole(members: dict) -> None:
    content = read(transforms([("1.png", 0), ("2.png", 1)], fl_x=300, fl_y=300, w=640, h=640, **members), ".json")
    assert content.poses.frames == 2 and content.poses.intrinsics is None
    assert "The lens is left out" in content.notes[0] and "no pinhole" in content.notes[0]


def test_both_angles_make_a_lens_without_a_picture() -> None:
    poses = read(transforms([("1.png", 0)], camera_angle_x=math.pi / 2, camera_angle_y=1.0), ".json").poses
    assert poses.intrinsics == pytest.approx((0.5, 0.5 / math.tan(0.5), 0.5, 0.5))
    alone = read(transforms([("1.png", 0)], camera_angle_x=1.2), ".json")
    assert alone.poses.intrinsics is None and "camera_angle_x alone, without w and h" in alone.notes[0]


def test_a_lens_that_nobody_uses_stops_no_walk() -> None:
    lenses = {"1": "OPENCV_FISHEYE 1000 1000 400 400 500 500 0.01 -0.002 0.0003 0", "2": LENS, "3": "SWIM 1 2"}
    content = parse_colmap(*model(lenses, [(f"front cam/frame {i:03}.png", "2", i) for i in range(5)]))
    assert z_of(content.poses) == list(range(5)) and content.notes == ()
    assert content.poses.intrinsics == pytest.approx((1100 / 1280, 1100 / 720, 0.5, 0.5))


@pytest.mark.parametrize("kind", [*colmap.MODELS, *colmap.WIDE, "SWIM", ""])
def test_every_camera_model_gives_the_poses_and_a_pinhole_its_lens(kind: str) -> None:
    one = kind in ("SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL", "SIMPLE_DIVISION")
    parameters = "500 320 176 0.1 0 0 0" if one else "500 400 320 176 0.1 0 0 0 0 0 0 0"
    content = parse_colmap(*model({"1": f"{kind} 640 352 {parameters}"}, [("1.png", "1", 0), ("2.png", "1", 1)]))
    assert z_of(content.poses) == [0, 1]
    if kind in colmap.MODELS:
        assert content.poses.intrinsics == pytest.approx((500 / 640, (500 if one else 400) / 352, 0.5, 0.5))
        assert content.unused == (f"the distortion of {kind}", "points")
    else:
        assert content.poses.intrinsics is None and "The lens is left out" in content.notes[0]
    assert len(colmap.MODELS) + len(colmap.WIDE) == 18


@pytest.mark.parametrize(
    "lens", ["PINHOLE 640 352 1 2", "PINHOLE 640 352 -1 2 3 4", "PINHOLE 640 352 0.6 1 0.5 0.5", "1"]
)
def test_a_lens_that_is_none_leaves_the_poses(lens: str) -> None:
    content = parse_colmap(*model({"1": lens}, [("1.png", "1", 0), ("2.png", "1", 1)]))
    assert z_of(content.poses) == [0, 1] and content.poses.intrinsics is None
    assert "The lens is left out" in content.notes[0]
    assert ("these look like shares" in content.notes[0]) == ("0.6" in lens)


def test_lines_of_points_may_be_missing() -> None:
    pictures = [(f"my walk/{i}.png", "1", i) for i in range(6)]
    cameras, images = model({"1": LENS}, pictures, points=False)
    assert z_of(parse_colmap(cameras, images).poses) == list(range(6))
    lines = images.decode().splitlines()  # some with points, some with an empty line, some without
    mixed = "\n".join(
        [lines[0], "1 2 -1", lines[1], "", lines[2], lines[3], "0 1 0 0 0 1 2 3 1 5 6 7", lines[4], lines[5]]
    )
    assert z_of(parse_colmap(cameras, mixed.encode()).poses) == list(range(6))
    with pytest.raises(ValueError, match="images.txt: line 2: camera '7' is not in cameras.txt"):
        parse_colmap(cameras, f"{lines[0]}\n{lines[1].replace(' 1 my', ' 7 my')}\n".encode())


@pytest.mark.parametrize(
    "lens", [[500, 500, 416, 240], [[500, 0, 416], [0, 500, 240], [0, 0, 1]], [57.6, 57.6, 48, 32]]
)
def test_pixels_are_no_shares(lens: list) -> None:
    for shape in (np.array(lens, dtype=np.float32), np.array([lens] * 3)):
        with pytest.raises(ValueError, match="these look like pixels: divide fx and cx by the picture's width"):
            read(packed(c2w=ahead(3), intrinsics=shape), ".npz")
    poses = {"type": "poses", "version": 1, "c2w": ahead(2)[:, :3].ravel().tolist(), "intrinsics": [500, 500, 416, 240]}
    with pytest.raises(ValueError, match="these look like pixels"):
        read(json.dumps(poses), ".json")
    sized = read(packed(c2w=ahead(3), intrinsics=np.array([500, 500, 416, 240]), width=832, height=480), ".npz")
    assert sized.poses.intrinsics == pytest.approx((500 / 832, 500 / 480, 0.5, 0.5))


def test_long_and_wide_lenses_are_lenses() -> None:
    for degrees in (1, 170):  # what Save Track offers
        focal = 0.5 / math.tan(math.radians(degrees) / 2)
        lens = [focal, focal * 640 / 352, 0.5, 0.5]
        assert read(packed(c2w=ahead(2), intrinsics=np.array(lens)), ".npz").poses.intrinsics == pytest.approx(lens)


# formats of this trade


def looks(poses: Poses, frame: int = 0) -> tuple[list[float], list[float]]:
    """Return where a camera looks and where its top points."""
    turn = poses.c2w[frame, :3, :3]
    return (turn[:, 2].round(decimals=6) + 0.0).tolist(), (-turn[:, 1].round(decimals=6) + 0.0).tolist()


def test_worldplay_goes_by_number_and_has_six_poses_a_second() -> None:
    lens = [[969.7, 0, 960], [0, 969.7, 540], [0, 0, 1]]
    names = sorted(map(str, range(12)))  # "0", "1", "10", "11", "2": as a program that sorts members writes them
    text = json.dumps({name: {"extrinsic": ahead(12)[int(name)].tolist(), "K": lens} for name in names})
    content = read(text, ".json")
    assert z_of(content.poses) == pytest.approx([0.05 * i for i in range(12)]) and content.poses.fps == 6
    assert content.poses.intrinsics == pytest.approx((969.7 / 1920, 969.7 / 1080, 0.5, 0.5))
    assert read(text, ".json", fps=4).poses.fps == 4


def test_the_viewers_path_lasts_its_seconds() -> None:
    matrix = [1, 0, 0, 0, 0, 0, -1, 0, 0, 1, 0, 1.4, 0, 0, 0, 1]
    path = {"camera_path": [{"camera_to_world": matrix, "fov": 50, "aspect": 16 / 9}] * 24, "render_width": 1280}
    path |= {"render_height": 720, "fps": 24, "seconds": 1, "camera_type": "perspective", "keyframes": [], "crop": None}
    content = read(json.dumps(path), ".json")
    assert looks(content.poses) == ([0, 0, 1], [0, -1, 0]) and content.poses.fps == 24
    upright = 0.5 / math.tan(math.radians(25))
    assert content.poses.intrinsics == pytest.approx((upright * 720 / 1280, upright, 0.5, 0.5))
    assert content.unused == ("keyframes", "crop")
    slow = read(json.dumps(path | {"seconds": 4}), ".json")
    assert slow.poses.fps == 6 and "the length counts" in slow.notes[0]
    fisheye = read(json.dumps(path | {"camera_type": "fisheye"}), ".json")
    assert fisheye.poses.intrinsics is None and "no pinhole" in fisheye.notes[0]


def test_lingbots_arrays_are_read_with_their_lens(tmp_path: Path) -> None:
    lens = np.tile(np.array([500, 500, 416, 240], dtype=np.float32), (12, 1))
    for name in ("poses.npy", "Walk_Poses.npy"):
        np.save(tmp_path / name, ahead(12).astype(np.float32))
        np.save(tmp_path / beside(name), lens)
        content = read_track_file(tmp_path / name)
        assert content.poses.intrinsics == pytest.approx((500 / 832, 500 / 480, 0.5, 0.5)) and content.poses.fps == 16
        assert z_of(content.poses)[1] == pytest.approx(0.05) and "832 x 480" in content.notes[0]
    assert read((tmp_path / "poses.npy").read_bytes(), ".npy").poses.intrinsics is None
    both = read(packed(poses=ahead(12), intrinsics=lens), ".npz")
    assert both.poses.intrinsics == pytest.approx(content.poses.intrinsics)
    with pytest.raises(ValueError, match="these look like pixels"):  # of another picture
        read(packed(poses=ahead(12), intrinsics=lens * 2), ".npz")
    with pytest.raises(
        ValueError, match=r"found an array of shape \(12, 4\) and type float32, expected of a .npy file"
    ):
        read_track_file(tmp_path / "intrinsics.npy")


def test_kitti_has_rows_of_a_matrix_and_no_times() -> None:
    text = "".join(f"1 0 0 {i} 0 1 0 0 0 0 1 {0.8 * i:.6e}\n" for i in range(5))
    content = read(text, ".txt")
    assert z_of(content.poses) == pytest.approx([0, 0.8, 1.6, 2.4, 3.2]) and content.poses.c2w[3, 0, 3] == 3
    assert content.poses.fps is None and read(text, ".txt", fps=10).poses.fps == 10


def test_realestate_is_world_to_camera_in_microseconds() -> None:
    turn = "0 0 -1 0 0 1 0 0 1 0 0 -2"  # looks along -x from (2, 0, 0)
    text = "https://example.org/watch\n" + "".join(f"{33366 * i} 0.55 0.98 0.5 0.5 0 0 {turn}\n" for i in range(5))
    content = read(text, ".txt")
    assert looks(content.poses)[0] == [-1, 0, 0] or looks(content.poses)[0] == [1, 0, 0]
    assert content.poses.intrinsics == (0.55, 0.98, 0.5, 0.5) and content.poses.fps == pytest.approx(29.97, abs=0.01)
    numbered = "".join(f"{i} 0.55 0.98 0.5 0.5 0 0 1 0 0 0 0 1 0 0 0 0 1 {-i}\n" for i in range(5))
    assert z_of(read(numbered, ".txt").poses) == list(range(5)) and read(numbered, ".txt").poses.fps is None
    none = "".join(f"0 0.55 0.98 0.5 0.5 0 0 1 0 0 0 0 1 0 0 0 0 1 {-i}\n" for i in range(5))
    assert z_of(read(none, ".txt").poses) == list(range(5))


EUROC = "#timestamp [ns], p_RS_R_x [m], p_RS_R_y [m], p_RS_R_z [m], q_RS_w [], q_RS_x [], q_RS_y [], q_RS_z []"


def test_eurocs_vehicle_looks_along_its_z_with_its_x_up() -> None:
    """Turned so that its z points ahead (y of the world) and its x up (z of the world)."""
    rows = torch.tensor([[0.0, 1, 0], [0, 0, 1], [1, 0, 0]], dtype=torch.float64)
    w, x, y, z = rotation_quaternions(rows).tolist()
    text = f"{EUROC}, v_RS_R_x [m s^-1]\n" + "".join(
        f"{1403636580838555648 + 5000000 * i},0,{i},0.5,{w},{x},{y},{z},9\n" for i in range(4)
    )
    content = read(text, ".csv")
    assert looks(content.poses) == ([0, 0, 1], [0, -1, 0]) and z_of(content.poses) == [0, 1, 2, 3]
    assert content.poses.fps == pytest.approx(200) and content.unused == ("v_rs_r_x",)
    bare = read(text.partition("\n")[2].replace(",9\n", "\n"), ".csv")  # without names
    assert torch.equal(bare.poses.c2w, content.poses.c2w)


def test_inrias_cameras_are_read_by_the_names_of_their_pictures() -> None:
    turn = quaternion_rotations(torch.tensor([1.0, 0, 1, 0], dtype=torch.float64)).tolist()
    order = [8, 0, 1, 2, 3, 4, 5, 6, 7]  # pictures kept for testing stand first
    entries = [
        {"id": n, "img_name": f"DSC{i}", "width": 1280, "height": 720, "position": [0, 0, i], "rotation": turn}
        | {"fx": 1100.0, "fy": 1000.0}
        for n, i in enumerate(order)
    ]
    poses = read(json.dumps(entries), ".json").poses
    assert z_of(poses) == list(range(9)) and looks(poses)[0] == [1, 0, 0]
    assert poses.intrinsics == pytest.approx((1100 / 1280, 1000 / 720, 0.5, 0.5)) and poses.fps is None


# what is none of them


@pytest.mark.parametrize(
    ("text", "suffix", "found"),
    [
        ('{"t_00": 1.0, "t_01": 0.0, "fx": 700.0}', ".json", 'members "t_00", "t_01", "fx"'),
        ('{"frame0": {"cam01": "[1 0 0 0]"}}', ".json", 'members "frame0"'),
        ('[{"pose": 1}]', ".json", 'a list of 1, the first of them with members "pose"'),
        ("[]", ".json", "a list of 0"),
        ("1 2 3\n", ".txt", "lines of 3 numbers"),
        ("a walk in the park", ".txt", "no line of numbers"),
        (packed(depth=np.zeros(3), rgb=np.zeros(3)), ".npz", "arrays depth, rgb"),
    ],
)
def test_a_file_that_is_none_of_the_known_ones_is_answered_with_what_is_in_it(
    text: str, suffix: str, found: str
) -> None:
    with pytest.raises(ValueError) as refused:
        read(text, suffix)
    assert f"found {found}" in str(refused.value) or found in str(refused.value)
    assert f"expected of a {suffix} file one of: {HOLDS[suffix][0]}" in str(refused.value)


def test_what_is_said_of_a_file_stays_short() -> None:
    for suffix in SUFFIXES:
        said = what_was_found({f"{i}" * 500: 1 for i in range(1000)}, suffix)
        assert len(said) < 400 and "and 995 more" in said


@pytest.mark.parametrize(
    ("mirrored", "said"), [([0, 1], ", and so is every other: the file's axes are left-handed"), ([0], "$")]
)
def test_a_left_handed_world_is_named_as_such(mirrored: list[int], said: str) -> None:
    c2w = ahead(2)
    c2w[mirrored, 0, 0] = -1
    with pytest.raises(ValueError, match="frame 0: the pose is mirrored") as refused:
        read(packed(c2w=c2w), ".npz")
    assert ("left-handed" in str(refused.value)) == (len(mirrored) == 2)


# cost


def test_what_an_array_is_is_told_by_its_header() -> None:
    """A small archive that unpacks to many numbers where there should be one or four is not unpacked."""
    for name in ("fps", "intrinsics", "width"):
        file = io.BytesIO()
        np.savez_compressed(file, c2w=ahead(2), **{name: np.zeros(7_000_000)})
        began = time.process_time()
        with pytest.raises(ValueError, match=f"array '{name}' must have the shape"):
            read(file.getvalue(), ".npz")
        assert time.process_time() - began < 0.5


def test_archives_of_very_many_arrays_are_not_listed() -> None:
    entry = b"PK\5\6" + bytes(4) + (60_000).to_bytes(2, "little") * 2 + bytes(10)
    with pytest.raises(ValueError, match="found an archive of 60000 arrays or more, expected at most 10000"):
        read(entry, ".npz")


def long_files(frames: int) -> dict[str, tuple[str | bytes, str]]:
    z = 0.05 * np.arange(frames)
    line = "{} 0 0 {} 0 0 0 1\n"
    frame = '{"file_path":"%d.png","transform_matrix":[[1,0,0,0.0],[0,0,-1,%.2f],[0,1,0,1.4],[0,0,0,1]]}'
    return {
        "TUM": ("".join(line.format(f"{i / 30:.4f}", z[i]) for i in range(frames)), ".tum"),
        "KITTI": ("".join(f"1 0 0 0 0 1 0 0 0 0 1 {value}\n" for value in z), ".txt"),
        "nerfstudio": (f'{{"frames":[{",".join(frame % (i, value) for i, value in enumerate(z))}]}}', ".json"),
        "uneven": ("".join(line.format(i / 30 + 0.01 * (i % 3), z[i]) for i in range(frames)), ".tum"),
    }


def test_the_longest_walks_are_read_in_seconds() -> None:
    files = long_files(MAX_FRAMES)
    for name in ("KITTI", "uneven", "nerfstudio"):
        text, suffix = files[name]
        data = text.encode()
        began = time.process_time()
        content = parse_file(data, suffix)
        took = time.process_time() - began
        assert took < 8, (name, took)  # on two idle cores a quarter of that: there is room for busy ones
        assert content.poses.frames >= MAX_FRAMES * 0.99


class Stopped(Exception):
    pass


def test_long_readers_hear_stop() -> None:
    def stop() -> None:
        raise Stopped

    for text, suffix in long_files(3000).values():
        with pytest.raises(Stopped):
            parse_file(text.encode(), suffix, Asked(check=stop))
    with pytest.raises(Stopped):
        parse_colmap(*model({"1": LENS}, [(f"{i}.png", "1", i) for i in range(2000)]), Asked(check=stop))
    with pytest.raises(Stopped):
        follow_file(Poses(torch.from_numpy(ahead(2000))), VARIANTS["tiny_world_2"], Reading(), stop)


def test_points_are_passed_over_line_by_line(tmp_path: Path) -> None:
    cameras, images = model({"1": LENS}, [(f"{i}.png", "1", i) for i in range(3)])
    images = images.replace(b"310.5 200.25 -1 33.0 44.0 7", b"310.5 200.25 -1 " * 300_000)
    assert len(images) > 12e6
    (tmp_path / "cameras.txt").write_bytes(cameras)
    (tmp_path / "images.txt").write_bytes(images)
    began = time.process_time()
    assert z_of(read_track_file(tmp_path / "images.txt").poses) == [0, 1, 2]
    assert time.process_time() - began < 1


def test_files_of_text_have_a_limit(tmp_path: Path) -> None:
    for name in ("a.tum", "a.csv", "a.json"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(MAX_BYTES + 1)
        with pytest.raises(ValueError, match=f"{name}: found 67108865 bytes, expected at most 67108864"):
            read_track_file(tmp_path / name)
    with pytest.raises(ValueError, match="line 1: found 20000 letters, expected 8 numbers"):
        read("1 " * 10_000, ".tum")


def test_what_a_reader_says_is_no_part_of_the_camera() -> None:
    content = read(transforms([("1.png", 0), ("2.png", 1)], aabb_scale=16, applied_transform=[]), ".json")
    assert content.unused == ("aabb_scale", "applied_transform") and content.poses.notes == content.poses.unused == ()
