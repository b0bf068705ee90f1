"""Files are found again: those that are there, that are files, and that may hold what a loader reads."""

from __future__ import annotations

import json
import os
import random
import time
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.unit.fuzzing import Target, targets
from worldmodel.camera.poses import Poses
from worldmodel.formats.files import FORMATS, SUFFIXES, Content, read_track_file, write_track_file
from worldmodel.formats.glance import HEAD, may_be_walk
from worldmodel.storage import listing
from worldmodel.storage.listing import Finder, first_bytes, readable
from worldmodel.tinyworld import record, walks
from worldmodel.track.track import parse_track
from worldmodel.world.archive import SUFFIX, is_world_file, save_world
from worldmodel.world.state import Start, new_world

WORKFLOWS = Path(__file__).resolve().parents[2] / "workflows"
LONG_AGO = time.time() - 1000


def csv_files() -> Finder:
    return Finder(lambda name: name.endswith(".csv"))


def names(finder: Finder, root: Path, fresh: bool = True) -> list[str]:
    return [file.name for file in finder.files(root, fresh=fresh)]


def test_only_regular_files_that_are_there_are_found(tmp_path: Path) -> None:
    for name in ("b.csv", "A.CSV", "sub/c.Csv", "sub/a/d.csv", "e.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("forward\n1\n")
    (tmp_path / "broken.csv").symlink_to("nowhere")
    (tmp_path / "round.csv").symlink_to("round.csv")
    (tmp_path / "link.csv").symlink_to("b.csv")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "folder.csv").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    assert names(csv_files(), tmp_path) == ["A.CSV", "b.csv", "link.csv", "sub/c.Csv", "sub/a/d.csv"]
    assert names(csv_files(), tmp_path / "nowhere") == []


def test_a_pipe_is_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(ValueError, match=r"^pipe.csv: found a file that cannot be read \(no regular file\)"):
        read_track_file(tmp_path / "pipe.csv")
    with pytest.raises(ValueError, match=r"^gone.csv: found it gone"):
        read_track_file(tmp_path / "gone.csv")
    with pytest.raises(ValueError, match=r"^a: found a file that cannot be read"), readable(tmp_path / "a"):
        first_bytes(tmp_path, 9)


def test_an_unchanged_folder_is_read_once_and_a_change_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.csv").touch()
    for folder in (tmp_path, tmp_path / "sub"):
        folder.mkdir(exist_ok=True)
    os.utime(tmp_path / "sub", (LONG_AGO, LONG_AGO))
    os.utime(tmp_path, (LONG_AGO, LONG_AGO))
    read: list[str] = []
    scandir = os.scandir
    monkeypatch.setattr(listing.os, "scandir", lambda path: read.append(str(path)) or scandir(path))
    finder = csv_files()
    for fresh in (False, True, False, True):
        assert names(finder, tmp_path, fresh) == ["a.csv"]
    assert read == [str(tmp_path), str(tmp_path / "sub")]
    version = finder.version
    (tmp_path / "a.csv").write_text("1")  # its folder does not change
    assert finder.files(tmp_path, fresh=True)[0].bytes == 1 and finder.version > version
    (tmp_path / "sub" / "b.csv").touch()
    assert names(finder, tmp_path, fresh=False) == ["a.csv", "sub/b.csv"]
    (tmp_path / "a.csv").unlink()
    assert names(finder, tmp_path, fresh=False) == ["sub/b.csv"]


def test_a_folder_that_has_just_changed_is_not_believed(tmp_path: Path) -> None:
    """A disk may give two changes one date."""
    finder, date = csv_files(), time.time_ns() - 1000
    (tmp_path / "a.csv").touch()
    os.utime(tmp_path, ns=(date, date))
    assert names(finder, tmp_path) == ["a.csv"]
    (tmp_path / "b.csv").touch()
    os.utime(tmp_path, ns=(date, date))
    assert names(finder, tmp_path, fresh=False) == ["a.csv", "b.csv"]


@pytest.mark.parametrize("form", [form for form, ending in FORMATS.items() if ending.endswith(SUFFIXES)])
@pytest.mark.parametrize("frames", [1, 2, 3000])
def test_what_is_written_as_a_track_may_be_one(form: str, frames: int, tmp_path: Path) -> None:
    track = parse_track(f"forward*{frames}")
    poses = Poses(torch.eye(4, dtype=torch.float64).repeat(frames, 1, 1), (0.6, 0.9, 0.5, 0.5), 16.0)
    path, *others = write_track_file(Content(track, poses), tmp_path / f"a{FORMATS[form]}", form)
    assert may_be_walk(path)
    assert not any(may_be_walk(other) for other in others if other.name != "cameras.txt")


POSE = "1305031102.1 0.5 -1.2 3 0 0 0 1\n"
LINES = "\n".join(f"{i} 1 0 0 0 0 0 {i} 1 frame_{i}.png\n" for i in range(1, 9))
WALKS = {
    "a.txt": POSE,
    "b.txt": "# of a tracker\n" * 900 + POSE,
    "c.txt": "\n\n# timestamp tx ty tz qx qy qz qw\n0 nan nan nan nan nan nan nan\n" + POSE,
    "images.txt": f"# Image list\n#   POINTS2D[] as (X, Y, POINT3D_ID)\n{LINES}",
    "kitti.txt": "1.0e+00 0 0 0 0 1 0 0 0 0 1 0\n",
    "re10k.txt": "https://www.example.org/watch?v=x\n33366 0.5 0.9 0.5 0.5 0 0 1 0 0 0 0 1 0 0 0 0 1 0\n",
    "commas.txt": POSE.replace(" ", ","),
    "a.csv": "frame,forward\n0,1\n",
    "b.csv": "\ufeffW;S;A;D\n1;0;0;0\n",
    "c.csv": ",left,mouse_yaw\n0,1,0.5\n",
    "d.csv": "#timestamp [ns], p_RS_R_x [m], q_RS_w []\n1, 2, 3\n",
    "e.csv": "1403636579763555584,4.6,-1.7,0.8,0.5,-0.1,-0.8,-0.1\n",
    "comments.csv": "# of a spreadsheet\n# and more\nforward\n1\n",
    "f.csv": '"time","tx","ty","tz","qx","qy","qz","qw"\n',
    "a.json": '{"frames": [{"file_path": "a.png", "transform_matrix": []}]}',
    "b.json": '{"0": {"extrinsic": [[1, 0, 0, 0]], "K": [[1]]}}',
    "c.json": '[{"id": 0, "img_name": "f0", "position": [0, 0, 0]}]',
    "d.json": '{"t_00": 1.0, "t_01": 0.0, "fx": 700}',
    "e.json": '{"type":"track","version":1}',
    "f.json": '{"frame0": {"cam01": "[1 0 0 0]"}}',
    "g.json": '{"camera_type": "perspective", "keyframes": []}',
    "h.json": '{"steps": [{"keys": ["w"], "mouse": [0, 0.1]}]}',
    "a.jsonl": '{"mouse": {"dx": 0.0}, "keyboard": {"keys": []}}\n',
}
OTHERS = {
    "a.txt": "The viewer walks forward while turning right. A wall stops the way 2.5 m ahead.\n",
    "b.txt": "a photo of a cat, best quality, 8k, (masterpiece:1.2)\n",
    "c.txt": "",
    "d.txt": " \n",
    "points3D.txt": "# 3D point list\n#   POINT3D_ID, X, Y, Z, R, G, B, ERROR\n1 2 3 4 5 6 7 8 9\n",
    "frames.txt": "# Frame list\n#   FRAME_ID, RIG_ID, RIG_FROM_WORLD[]\n1 1 1 0 0 0 0 0 0 1 1\n",
    "labels.txt": "0 0.5 0.5 0.1 0.2\n1 0.5 0.5 0.1 0.2\n",
    "log.txt": "step 1 loss 0.5\nstep 2 loss 0.4\n",
    "a.csv": "epoch,loss,accuracy\n1,0.5,0.9\n",
    "b.csv": "file_name,caption\na.png,forward he goes\n",
    "a.json": '{"3": {"inputs": {"track": "forward*9", "keys": 1}, "class_type": "WMActionTrack"}}',
    "b.json": '{"3": {"class_type": "WMCameraPath", "inputs": {"camera": ["1", 0]}}}',
    "c.json": '{"id": "0f", "revision": 0, "last_node_id": 9, "nodes": [{"widgets": {"camera": 1}}]}',
    "d.json": '{"prompt": "a hall", "seed": 1, "steps": 20}',
    "e.json": "[1, 2, 3]",
    "f.json": "no JSON",
    "g.json": '{"file_path": "a.png", "text": "track the camera"}',
    "a.jsonl": '{"recording": {"version": 1, "frames": 9}}\n{"walk": "walk_00000", "frames": 9}\n',
    "b.jsonl": '{"file_name": "a.png", "text": "a hall"}\n',
    "binary.txt": "\0\1\2\3\n",
}


@pytest.mark.parametrize("name", WALKS)
def test_what_a_reader_takes_or_answers_is_offered(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(WALKS[name], encoding="utf-8")
    assert may_be_walk(tmp_path / name)


@cache
def broken() -> dict[str, Target]:
    return targets()


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("track", ".json"), ("poses", ".json"), ("nerfstudio", ".json"), ("blender", ".json"), ("viewer", ".json"),
        ("worldplay", ".json"), ("splats", ".json"), ("minerl", ".jsonl"), ("vpt", ".jsonl"), ("csv", ".csv"),
        ("euroc", ".csv"), ("npz", ".npz"), ("npy", ".npy"), ("tum", ".tum"), ("kitti", ".txt"), ("film", ".txt"),
        ("images", ".txt"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore")
def test_whatever_reads_is_offered(name: str, suffix: str, tmp_path: Path) -> None:
    """Odd files too, of which a reader takes some; only a track's file that says nothing at all is not offered."""
    target, path, read = broken()[name], tmp_path / f"a{suffix}", 0
    for number in range(150):
        data = target.make(random.Random(number)) if number else target.whole
        try:
            target.read(data)
        except ValueError:
            continue
        path.write_bytes(data)
        assert may_be_walk(path) or data.strip() in (b"{}", b"null"), data[:300]
        read += 1
    assert read > 5


@pytest.mark.parametrize("name", OTHERS)
def test_captions_workflows_and_indexes_are_not_offered(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(OTHERS[name], encoding="utf-8")
    assert not may_be_walk(tmp_path / name)


def test_the_workflows_of_this_pack_are_not_offered() -> None:
    for path in WORKFLOWS.rglob("*.json"):
        assert not may_be_walk(path), path.name


def test_arrays_are_told_by_their_names(tmp_path: Path) -> None:
    one, many = np.zeros((9, 4, 4)), {f"layer_{i:04}": np.zeros(1) for i in range(400)}
    for name in ("c2w", "poses", "keys", "w2c", "turns", "cam_c2w", "R"):
        np.savez(tmp_path / "a.npz", **many, **{name: one})
        assert may_be_walk(tmp_path / "a.npz"), name
        np.savez_compressed(tmp_path / "a.npz", **{name: one})
        assert may_be_walk(tmp_path / "a.npz"), name
    np.savez(tmp_path / "a.npz", **many)
    assert not may_be_walk(tmp_path / "a.npz")
    (tmp_path / "a.npz").write_bytes(b"PK")
    assert not may_be_walk(tmp_path / "a.npz")
    np.save(tmp_path / "a.npy", one)
    assert may_be_walk(tmp_path / "a.npy")


def test_of_a_recording_the_walk_is_offered_and_nothing_else(tmp_path: Path) -> None:
    recording = record.Recording(tmp_path, {})
    recording.add(walks.draw_walk(1, 0, "held", 9, "train"), (16, 16), depth=True)
    recording.finish()
    texts = [path for path in tmp_path.iterdir() if path.suffix != ".mp4"]
    assert {path.name for path in texts if may_be_walk(path)} == {"walk_00000.csv", "walk_00000.npz"}


def test_a_glance_costs_a_few_kilobytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"prompt": "x" * 10**6, "keys": []}), encoding="utf-8")
    read: list[int] = []
    monkeypatch.setattr(
        "worldmodel.formats.glance.first_bytes", lambda path, count: read.append(count) or first_bytes(path, count)
    )
    assert not may_be_walk(tmp_path / "a.json") and read == [HEAD]


def test_a_world_is_told_by_its_header(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(1)
    start = Start("tiny_world_2", "tiny_world", torch.randn(20, 5, 8, 12, generator=generator), torch.ones(7, 20))
    path = save_world(new_world(start), tmp_path / f"a{SUFFIX}")
    assert is_world_file(path)
    data = path.read_bytes()
    for spoilt in (b"", data[:7], data[:8], b"\0" * 99, data.replace(b"worldmodel_world", b"worldmodel_other")):
        path.write_bytes(spoilt)
        assert not is_world_file(path)
    header = json.dumps({"x" * 9000: 0, "__metadata__": {"worldmodel_world": "{}"}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header)  # as another program may order it
    assert is_world_file(path)
