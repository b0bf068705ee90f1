"""Track and camera files: which format a file is in, and reading and writing it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from ..camera.poses import Poses
from ..reading.asked import ALL, AS_IT_IS, Asked
from ..reading.json_text import dump, load, shown
from ..reading.words import counted, shortened
from ..storage.listing import first_bytes, readable
from ..storage.writing import Target, write_files
from ..track.timeline import Timeline
from ..track.track import Track, parse_timeline, sample, write_track
from . import (
    action_log,
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
from .lines import columns_of
from .walk_rows import Walk

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
WITHOUT_LENS = ("TUM",)
"""Formats of cameras that say nothing of the lens."""


HOLDS: dict[str, tuple[str, ...]] = {
    ".json": (
        'a track or poses ("type")',
        "nerfstudio's frames or camera_path",
        'HY-WorldPlay\'s {"0": {extrinsic, K}}',
        "Inria's list of position and rotation",
        "the Blender script's poses",
    ),
    ".jsonl": ("VPT's lines of mouse and keyboard", "Matrix-Game's lines of forward, back, left, right and camera"),
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


def _of_walk(walk: Walk) -> Content:
    """Return keys and mouse as a file's content."""
    return Content(walk.track, None, walk.notes, walk.unused)


def _of_timeline(timeline: Timeline) -> Content:
    """Return a track's text as a file's content."""
    ends = [sum(span) - 1 for _, spans in timeline.keys for span in spans]
    points = [keyframe.frame for curve in (timeline.yaw, timeline.pitch) for keyframe in curve]
    last = max((*ends, *points, *(frame for frame, _ in timeline.prompts)), default=0)
    behind = f"What stands behind the track's {counted(timeline.frames, 'frame')} is not played."
    unused = [*(name for name, _ in timeline.extra), *(f"mouse.{name}" for name, _ in timeline.mouse_extra)]
    return Content(sample(timeline), None, (behind,) if last >= timeline.frames else (), tuple(unused))


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
        first = found[0] if found else None
        inner = f"with {_told(first)}" if isinstance(first, dict) else shown(first)
        return f"a list of {len(found)}" + (f", the first of them {inner}" if found else "")
    return shown(found)


def read_track_file(path: Path, asked: Asked = AS_IT_IS) -> Content:
    """Read a file of any format.

    Args:
        path: of the file; others that belong to it are read beside it.
        asked: how it is to be read.

    Raises:
        ValueError: one sentence that names the file, and line, frame or member.
    """
    with readable(path):
        first_bytes(path, 0)  # a pipe would be waited for
        return _read(path, asked)


def _read(path: Path, asked: Asked) -> Content:
    try:
        if path.name.lower() in BESIDE:
            cameras = lies_beside(path)
            if cameras is None:
                raise ValueError("found no cameras.txt beside it; COLMAP writes both")
            _check_size(path, MAX_LARGE_BYTES)
            with path.open(encoding="utf-8-sig", newline=None) as images, _in_utf8():
                return of_camera(colmap.read(colmap.Model(_text(_bytes(cameras)), images), asked))
        suffix = path.suffix.lower()
        if suffix in (".npz", ".npy"):
            _check_size(path, MAX_LARGE_BYTES)
            beside_it = lies_beside(path)
            with path.open("rb") as file:
                if suffix == ".npz":
                    return _archive(file, asked)
                if beside_it is None:
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


def lies_beside(path: Path) -> Path | None:
    """Return the file that is read with another one, `None` where there is none.

    Capitals count for nothing in either name: some systems change them on the way.
    """
    name = beside(path.name)
    if name is None:
        return None
    if path.with_name(name).is_file():
        return path.with_name(name)
    others = (other for other in path.parent.iterdir() if other.name.lower() == name.lower())
    return min((other for other in others if other.is_file()), default=None)


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
        return _camera(euroc, text, asked) if euroc.matches(text) else _of_walk(csv_table.read_content(text, asked))
    if suffix == ".jsonl":
        return _log(text, asked)
    if suffix == ".tum":
        return _camera(tum, text, asked)
    if suffix == ".txt":
        return _lines(text, asked)
    if suffix == ".json":
        return _json(text, asked)
    raise ValueError(f"found a name ending in {shortened(suffix)!r}, expected one of {', '.join(SUFFIXES)}")


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


def _log(text: str, asked: Asked) -> Content:
    """Read a log of actions, told by its first line."""
    line, first = next(iter(action_log.lines(text)), (0, None))
    if not action_log.matches(first):
        found = first if isinstance(first, (dict, list)) else shown(first) if line else "no line"
        raise ValueError(what_was_found(found, ".jsonl"))
    return _of_walk(action_log.read(text, asked))


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
    both = ("The file holds a camera too: its keys and mouse are played as they are.",) if track and poses else ()
    return Content(track, camera.poses, camera.notes if track is None else both, (*unused, *camera.unused))


def _array(file: BinaryIO, lens: BinaryIO | None, asked: Asked) -> Content:
    """Read one array of poses, and its lens."""
    _check_one(asked)
    other = array_poses.is_poses(file)
    if other is not None:
        raise ValueError(what_was_found(other, ".npy"))
    return of_camera(array_poses.read_npy(file, lens, asked))


def write_track_file(content: Content, target: Target, form: str) -> tuple[Path, ...]:
    """Write a file in one of `FORMATS`, and those that belong beside it.

    Args:
        content: what to write.
        target: where; its ending is the format's.
        form: one of `FORMATS`.

    Returns:
        what was written, the file itself first.

    Raises:
        ValueError: the content has not what the format holds, or the operating system refused.
    """
    path = target if isinstance(target, Path) else target.path(target.first)
    files = files_of(content, path, form)
    return write_files(target, {file.name: data for file, data in files.items()}, "track file")


def files_of(content: Content, path: Path, form: str) -> dict[Path, bytes]:
    """Return what is written in one of `FORMATS`, the file itself first; beside COLMAP's go its cameras and points.

    Raises:
        ValueError: the content has not what the format holds.
    """
    track, poses = content[:2]
    if (form in OF_TRACKS and track is None) or (form in OF_CAMERAS and poses is None):
        needed = "keys and mouse" if form in OF_TRACKS else "a camera"
        raise ValueError(f"format: found nothing to write as {form}, expected {needed}; choose another format.")
    if form == "NPZ":
        return {path: npz.write(track, poses)}
    if form == "COLMAP":
        model = colmap.write(poses)
        beside = {"cameras.txt": model.cameras, "points3D.txt": model.points}
        texts = {path: model.images, **{path.with_name(name): text for name, text in beside.items()}}
    elif form in OF_TRACKS:
        texts = {path: write_track(track) if form == "JSON" else csv_table.write(track)}
    else:
        writers = {"camera JSON": poses_json, "TUM": tum, "nerfstudio": nerfstudio, "Blender": blender}
        texts = {path: writers[form].write(poses)}
    return {file: text.encode() for file, text in texts.items()}


def _json(text: str, asked: Asked) -> Content:
    """Read JSON of any kind, told by its members."""
    data = load(text)
    asked.check()
    for form in _JSON_CAMERAS:
        if form.matches(data):
            return _camera(form, data, asked)
    if isinstance(data, list) or (isinstance(data, dict) and data and "type" not in data):
        raise ValueError(what_was_found(data, ".json"))
    return _of_timeline(parse_timeline(text))


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
