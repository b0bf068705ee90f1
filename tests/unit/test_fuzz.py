"""Broken files: whatever one holds, its reader gives a sound walk or camera, or one sentence; and it never hangs."""

from __future__ import annotations

import io
import json
import random
import time
import zipfile
from collections.abc import Callable

import numpy as np
import pytest
import torch

from worldmodel import editor
from worldmodel.follow import follow
from worldmodel.formats import colmap, csv_table, nerfstudio, npz, poses_json, tum
from worldmodel.geometry import Poses, check_poses
from worldmodel.motion import integrate
from worldmodel.path import parse_path, path_poses, write_path
from worldmodel.presets import preset
from worldmodel.timeline import MAX_DEGREES, MAX_FRAMES
from worldmodel.track import parse_track, sample, write_track
from worldmodel.track_files import Content, parse_colmap, parse_file
from worldmodel.variants import VARIANTS, Motion

INPUTS = 20_000
SECONDS = 2.0
TINY_WORLD = VARIANTS["tiny_world"]
TRACK = sample(preset("random from a seed", 12, 3))._replace(prompts=((0, "fog"), (5, "a door, opened")))
POSES = Poses(integrate(TRACK, Motion(0.1235)), (0.6, 0.9, 0.5, 0.5), 16.0)
MODEL = colmap.write(POSES)
PATH = json.dumps({
    "type": "path", "version": 1, "frames": 24, "closed": True, "target": [1.2, -1.5, 3],
    "background": {"image": "plan.png", "centre": [0, 1.5], "width": 12, "opacity": 0.5},
    "keyframes": [
        {"f": 0, "p": [0, 0, 0]},
        {"f": 9, "p": [0.5, -0.4, 2], "pitch": -9, "look": "target", "out": [1.25, 0, -0.5], "ease": "smooth"},
        {"f": 17, "p": [2, 0, 0.5], "look": [42.5, -6], "out": [0, 0, 1], "in": [-1, 0, 0], "note": "x"},
    ],
})  # fmt: skip
BLENDER = '{"type":"blender_camera","version":1,"fps":24,"matrices":[1,0,0,0,0,1,0,0,0,0,1,0,0,0,0,1]}'


def array_bytes(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def read_array(name: str, data: bytes) -> Content:
    """Read one broken array in a sound archive."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"{name}.npy", data)
    return parse_file(file.getvalue(), ".npz")


def read_path(data: bytes) -> Content:
    """Read a path, write it, read that, and play it."""
    path = parse_path(data.decode("utf-8", "replace"))
    text = write_path(path)
    assert write_path(parse_path(text)) == text
    return Content(poses=Poses(path_poses(path)))


def read_question(data: bytes) -> Content:
    """Answer a question of the page's, and read the answer."""
    return Content(parse_track(editor.answer("canonical", data)["canonical"]))


READERS: dict[str, tuple[bytes, Callable[[bytes], Content]]] = {
    "track": (write_track(TRACK).encode(), lambda data: parse_file(data, ".json")),
    "csv": (csv_table.write(TRACK).encode(), lambda data: parse_file(data, ".csv")),
    "npz": (npz.write(TRACK, POSES), lambda data: parse_file(data, ".npz")),
    "c2w": (array_bytes(POSES.c2w.numpy()), lambda data: read_array("c2w", data)),
    "mouse": (array_bytes(TRACK.mouse.numpy()), lambda data: read_array("mouse", data)),
    "short text": (
        b"forward*24 right+yaw_right(2.5)*9 idle*12",
        lambda data: Content(parse_track(data.decode("utf-8", "replace"))),
    ),
    "path": (PATH.encode(), read_path),
    "question": (json.dumps({"text": write_track(TRACK)}).encode(), read_question),
    "poses": (poses_json.write(POSES).encode(), lambda data: parse_file(data, ".json")),
    "nerfstudio": (nerfstudio.write(POSES).encode(), lambda data: parse_file(data, ".json")),
    "blender": (BLENDER.encode(), lambda data: parse_file(data, ".json")),
    "tum": (tum.write(POSES).encode(), lambda data: parse_file(data, ".tum")),
    "images": (MODEL.images.encode(), lambda data: parse_colmap(MODEL.cameras.encode(), data)),
    "cameras": (MODEL.cameras.encode(), lambda data: parse_colmap(data, MODEL.images.encode())),
}
TOKENS = [
    b"1e999", b"-1e308", b"nan", b"NaN", b"Infinity", b"-0", b"null", b"true", b"{}", b"[]", b'""', b'"x"', b"9" * 400,
    b"1" * 5000, b"\xff\xfe", b"\x00", b"\xed\xa0\x80", b"\\ud800", "é☃".encode(), b"\r", b"\n\n", b",", b'"', b"#",
    b"[" * 3000, b'{"a":' * 2000, b"0.5", b"-1", b"100001", b"forward", b"type", b"'<U99999999'", b"(10000000000,)",
    b"|O",
]  # fmt: skip


def mutated(data: bytes, draw: random.Random) -> bytes:
    """Break a file in one to six places."""
    for _ in range(draw.choice((1, 1, 2, 3, 6))):
        at = draw.randrange(len(data) + 1)
        to = min(len(data), at + draw.choice((0, 1, 1, 4, 40)))
        kind = draw.randrange(6)
        if kind == 0:
            data = data[:at] + draw.randbytes(draw.choice((1, 1, 8))) + data[to:]
        elif kind == 1:
            data = data[:at] + draw.choice(TOKENS) + data[to:]
        elif kind == 2:
            data = data[:at] + data[to:]
        elif kind == 3:
            data = data[:at] + data[max(0, at - 30) : at] * draw.choice((1, 2, 20)) + data[to:]
        elif kind == 4:
            data = data[:at]
        else:  # exchange a number for another token
            spans = [i for i in range(len(data)) if data[i : i + 1].isdigit()][:400]
            at = draw.choice(spans) if spans else 0
            data = data[:at] + draw.choice(TOKENS) + data[at + 1 :]
    return data


def check_sound(content: Content) -> None:
    """Check what every later step relies on."""
    track, poses = content[:2]
    assert track is not None or poses is not None
    if track is not None:
        assert 1 <= track.frames <= MAX_FRAMES and track.keys.shape == (track.frames, len(track.words))
        assert bool(((track.keys == 0) | (track.keys == 1)).all()) and bool((track.mouse.abs() <= MAX_DEGREES).all())
        assert all(0 <= frame < track.frames for frame, _ in track.prompts)
        write_track(track).encode()
    if poses is not None:
        check_poses(poses.c2w)
        assert poses.c2w.dtype == torch.float64 and (poses.fps is None or np.isfinite(poses.fps))


@pytest.mark.parametrize("name", READERS)
def test_broken_files_are_refused_in_a_sentence(name: str) -> None:
    data, read = READERS[name]
    check_sound(read(data))
    draw = random.Random(name)
    refused = 0
    for i in range(-(-INPUTS // len(READERS))):
        broken = mutated(data, draw)
        began = time.perf_counter()
        try:
            content = read(broken)
            check_sound(content)
            if content.poses is not None and i % 20 == 0:
                assert follow(content.poses.c2w, TINY_WORLD).position.isfinite().all()
        except ValueError as error:
            refused += 1
            assert type(error) is ValueError and 10 < len(str(error)) < 400 and "\n" not in str(error), (i, broken)
            assert error.__suppress_context__ or error.__context__ is None, (i, "a reader let another's error through")
        assert time.perf_counter() - began < SECONDS, (i, broken)
    assert 0.2 * INPUTS / len(READERS) < refused
