"""Track and camera files: which format a file is in, and reading and writing it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from .formats import (
    array_poses,
    blender,
    camera_path,
    colmap,
    csv_table,
    euroc,
    inria,
    kitti,
    nerfstudio,
    npz,
    poses_json,
    re10k,
    tum,
    worldplay,
)
from .formats.asked import ALL, AS_IT_IS, Asked
from .formats.json_text import dump, load
from .formats.lines import columns_of
from .geometry import Poses
from .timeline import shortened
from .track import Track, parse_track, write_track

MAX_BYTES = 64 * 2**20
"""Largest file of text that is opened: 100,000 frames have a third of that."""
MAX_LARGE_BYTES = 512 * 2**20
"""Of files whose larger part is passed over line by line or array by array: COLMAP's points, a recording's pictures."""
SUFFIXES = (".json", ".jsonl", ".csv", ".npz", ".npy", ".txt", ".tum")
"""Files that may hold a track or a camera."""
BESIDE = {"images.txt": "cameras.txt"}
"""COLMAP's file, and the one beside it that is read and written with it."""
FORMATS = {
    "JSON": ".json",
    "CSV": ".csv",
    "NPZ": ".npz",
    "camera JSON": ".camera.json",
    "TUM": ".tum",
    "COLMAP": "/images.txt",
    "nerfstudio": ".transforms.json",
    "Blender": ".blender.py",
}
"""What can be written, and the end of the file's path."""
OF_TRACKS = ("JSON", "CSV")
"""Formats that hold keys and mouse alone."""
OF_CAMERAS = ("camera JSON", "TUM", "COLMAP", "nerfstudio", "Blender")
"""Formats that hold a camera alone."""


HOLDS: dict[str, tuple[str, ...]] = {
    ".json": (
        'a track or poses ("type")',
        "nerfstudio's frames or camera_path",
        'HY-WorldPlay\'s {"0": {extrinsic, K}}',
        "Inria's list of position and rotation",
        "the Blender script's poses",
    ),
    ".jsonl": (),
    ".csv": ("a table of keys and mouse under their names", "EuRoC's poses (#timestamp, p_RS_R_x, ...)"),
    ".npz": ("keys with words, mouse or turns", "c2w or poses (frames, 4, 4)"),
    ".npy": ("poses (frames, 4, 4), with intrinsics.npy beside them",),
    ".txt": ("8 numbers a line (TUM)", "12 (KITTI)", "19 (RealEstate10K)", "COLMAP's images.txt with cameras.txt"),
    ".tum": ("8 numbers a line: timestamp tx ty tz qx qy qz qw",),
}
"""What files of an ending may hold, as a refusal says it."""
_JSON_CAMERAS = (poses_json, blender, nerfstudio, camera_path, worldplay, inria)
"""Formats of cameras in JSON, told by their members."""
_TEXT_CAMERAS = {8: tum, kitti.COLUMNS: kitti, re10k.COLUMNS: re10k}
"""Formats of cameras in lines, told by how many numbers a line has."""
_SEVERAL = (nerfstudio, inria)
"""Formats that may hold several cameras, besides COLMAP."""


class Content(NamedTuple):
    """What a file holds: keys and mouse, a camera, or both.

    Args:
        track: keys and mouse.
        poses: a camera.
        notes: what the reader has to say, whole sentences, the most important first.
        unused: names of what the file holds beside that.
    """

    track: Track | None = None
    poses: Poses | None = None
    notes: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()


def of_camera(poses: Poses) -> Content:
    """Return a camera as a file's content; what its reader had to say goes with the content."""
    return Content(poses=poses._replace(notes=(), unused=()), notes=poses.notes, unused=poses.unused)


def what_was_found(found: object, suffix: str) -> str:
    """Say what is in a file that is none of the known ones, and what files of its ending may hold.

    Args:
        found: JSON values, or a text that says what was found.
        suffix: one of `SUFFIXES`.
    """
    return f"found {_told(found)}, expected of a {suffix} file one of: {'; '.join(HOLDS[suffix])}; convert it to one"


def _told(found: object) -> str:
    """Say what JSON values are, by their members."""
    if isinstance(found, str):
        return found
    if isinstance(found, dict):
        names = [shortened(dump(name), 20) for name in found]
        return f"members {', '.join(names[:5])}{f' and {len(names) - 5} more' * (len(names) > 5)}" if names else "{}"
    if isinstance(found, list):
        return f"a list of {len(found)}" + (f", the first of them with {_told(found[0])}" if found else "")
    return shortened(dump(found))


def read_track_file(path: Path, asked: Asked = AS_IT_IS) -> Content:
    """Read a file of any format.

    Args:
        path: of the file; others that belong to it are read beside it.
        asked: how it is to be read.

    Raises:
        ValueError: one sentence that names the file, and line, frame or member.
    """
    try:
        name, other = path.name, beside(path.name)
        if name.lower() in BESIDE and other is not None:
            cameras = path.with_name(other)
            if not cameras.is_file():
                raise ValueError("found no cameras.txt beside it; COLMAP writes both")
            _check_size(path, MAX_LARGE_BYTES)
            with path.open(encoding="utf-8-sig", newline=None) as images, _in_utf8():
                return of_camera(colmap.read(colmap.Model(_text(_bytes(cameras)), images), asked))
        suffix = path.suffix.lower()
        if suffix in (".npz", ".npy"):
            _check_size(path, MAX_LARGE_BYTES)
            beside_it = path.with_name(other) if other is not None else None
            with path.open("rb") as file:
                if suffix == ".npz":
                    return _archive(file, asked)
                if beside_it is None or not beside_it.is_file():
                    return _array(file, None, asked)
                with beside_it.open("rb") as lens:
                    return _array(file, lens, asked)
        return parse_file(_bytes(path), suffix, asked)
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from None


def beside(name: str) -> str | None:
    """Return the name of the file that is read with another one, `None` where there is none."""
    small = name.lower()
    if small in BESIDE:
        return BESIDE[small]
    if small.endswith("poses.npy"):  # LingBot-World's
        return f"{name[: -len('poses.npy')]}intrinsics.npy"
    return None


def parse_file(data: bytes, suffix: str, asked: Asked = AS_IT_IS) -> Content:
    """Read the bytes of one file.

    Args:
        data: of the file.
        suffix: the end of its name, with the dot, one of `SUFFIXES`.
        asked: how it is to be read.

    Raises:
        ValueError: one sentence that names line, frame or member.
    """
    if suffix == ".npz":
        return _archive(BytesIO(data), asked)
    if suffix == ".npy":
        return _array(BytesIO(data), None, asked)
    text = _text(data)
    if suffix == ".csv":
        return _camera(euroc, text, asked) if euroc.matches(text) else Content(track=csv_table.read(text))
    if suffix == ".tum":
        return _camera(tum, text, asked)
    if suffix == ".txt":
        return _lines(text, asked)
    if suffix == ".json":
        return _json(text, asked)
    raise ValueError(f"found a name ending in {suffix!r}, expected one of {', '.join(SUFFIXES)}")


def parse_colmap(cameras: bytes, images: bytes, asked: Asked = AS_IT_IS) -> Content:
    """Read the bytes of COLMAP's two files."""
    return of_camera(colmap.read(colmap.Model(_text(cameras), _text(images)), asked))


def _camera(form: Any, found: Any, asked: Asked) -> Content:
    """Read a camera with one of the formats, which are modules with `read` for texts and `parse` for JSON values."""
    if form not in _SEVERAL:
        _check_one(asked)
    return of_camera((form.read if isinstance(found, str) else form.parse)(found, asked))


def _check_one(asked: Asked) -> None:
    """Refuse a choice among cameras where there is one."""
    if asked.camera.strip().lower() not in ("", ALL):
        raise ValueError(f"camera: found {shortened(asked.camera)!r}, but the file holds one camera; leave it empty")


def _lines(text: str, asked: Asked) -> Content:
    """Read lines of numbers of any kind, told by how many stand in a line."""
    columns = columns_of(text)
    if columns in _TEXT_CAMERAS:
        return _camera(_TEXT_CAMERAS[columns], text, asked)
    found = f"lines of {columns} numbers" if columns else "no pose, and no line of numbers"
    raise ValueError(what_was_found(found, ".txt"))


def _archive(file: BinaryIO, asked: Asked) -> Content:
    """Read arrays."""
    _check_one(asked)
    try:
        track, poses, unused = npz.read(file, asked)
    except npz.Strangers as error:
        found = ", ".join(shortened(str(name)) for name in error.args[0][:8]) or "none"
        raise ValueError(what_was_found(f"arrays {found}", ".npz")) from None
    camera = Content() if poses is None else of_camera(poses)
    return Content(track, camera.poses, camera.notes if track is None else (), (*unused, *camera.unused))


def _array(file: BinaryIO, lens: BinaryIO | None, asked: Asked) -> Content:
    """Read one array of poses, and its lens."""
    _check_one(asked)
    other = array_poses.is_poses(file)
    if other is not None:
        raise ValueError(what_was_found(other, ".npy"))
    return of_camera(array_poses.read_npy(file, lens, asked))


def write_track_file(content: Content, path: Path, form: str) -> None:
    """Write a file in one of `FORMATS`; COLMAP's cameras.txt goes beside it.

    Raises:
        ValueError: the content has not what the format holds.
    """
    track, poses = content[:2]
    path.parent.mkdir(parents=True, exist_ok=True)
    if (form in OF_TRACKS and track is None) or (form in OF_CAMERAS and poses is None):
        needed = "keys and mouse" if form in OF_TRACKS else "a camera"
        raise ValueError(f"format: found nothing to write as {form}, expected {needed}; choose another format.")
    if form == "NPZ":
        path.write_bytes(npz.write(track, poses))
        return
    if form == "COLMAP":
        model = colmap.write(poses)
        path.with_name(BESIDE[path.name]).write_text(model.cameras, encoding="utf-8", newline="\n")
        text = model.images
    elif form in OF_TRACKS:
        text = write_track(track) if form == "JSON" else csv_table.write(track)
    else:
        writers = {"camera JSON": poses_json, "TUM": tum, "nerfstudio": nerfstudio, "Blender": blender}
        text = writers[form].write(poses)
    path.write_text(text, encoding="utf-8", newline="\n")


def _json(text: str, asked: Asked) -> Content:
    """Read JSON of any kind, told by its members."""
    data = load(text)
    asked.check()
    for form in _JSON_CAMERAS:
        if form.matches(data):
            return _camera(form, data, asked)
    if isinstance(data, list) or (isinstance(data, dict) and data and "type" not in data):
        raise ValueError(what_was_found(data, ".json"))
    return Content(track=parse_track(text))


def _check_size(path: Path, most: int) -> None:
    size = path.stat().st_size
    if size > most:
        raise ValueError(f"found {size} bytes, expected at most {most}; cut the file")


def _bytes(path: Path) -> bytes:
    _check_size(path, MAX_BYTES)
    return path.read_bytes()


@contextmanager
def _in_utf8() -> Iterator[None]:
    """Say in a sentence that an open file is no text."""
    try:
        yield
    except UnicodeDecodeError:
        raise ValueError("found no text in UTF-8; save the file as UTF-8") from None


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ValueError(f"line {line}: no text in UTF-8; save the file as UTF-8") from None
