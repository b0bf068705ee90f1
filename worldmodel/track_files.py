"""Track and camera files: which format a file is in, and reading and writing it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from .formats import blender, colmap, csv_table, nerfstudio, npz, poses_json, tum
from .formats.json_text import load
from .geometry import Poses
from .storage.listing import first_bytes, readable
from .storage.writing import Target, write_files
from .track import Track, parse_track, write_track

MAX_BYTES, MAX_JSON_BYTES = 256 * 2**20, 64 * 2**20
"""Largest file that is opened; JSON takes many times its size while it is read."""
SUFFIXES = (".json", ".csv", ".npz", ".txt", ".tum")
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


class Content(NamedTuple):
    """What a file holds: keys and mouse, a camera, or both."""

    track: Track | None = None
    poses: Poses | None = None


def read_track_file(path: Path) -> Content:
    """Read a file of any format.

    Raises:
        ValueError: one sentence that names the file, and line, frame or member.
    """
    with readable(path):
        return _read(path)


def _read(path: Path) -> Content:
    try:
        if path.name.lower() in BESIDE:
            cameras = beside(path)
            if cameras is None:
                raise ValueError("found no cameras.txt beside it; COLMAP writes both")
            return parse_colmap(_bytes(cameras), _bytes(path))
        return parse_file(_bytes(path), path.suffix.lower())
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from None


def beside(path: Path) -> Path | None:
    """Return the file that is read with another one, see `BESIDE`; `None` if none is, or it is not there.

    Capitals count for nothing in either name: some systems change them on the way.
    """
    name = BESIDE.get(path.name.lower())
    if name is None:
        return None
    if path.with_name(name).is_file():
        return path.with_name(name)
    there = [other for other in path.parent.iterdir() if other.name.lower() == name and other.is_file()]
    return min(there, default=None)


def parse_file(data: bytes, suffix: str) -> Content:
    """Read the bytes of one file.

    Args:
        data: of the file.
        suffix: the end of its name, with the dot, one of `SUFFIXES`.

    Raises:
        ValueError: one sentence that names line, frame or member.
    """
    if suffix == ".npz":
        return Content(*npz.read(data))
    text = _text(data)
    if suffix == ".csv":
        return Content(track=csv_table.read(text))
    if suffix in (".txt", ".tum"):
        return Content(poses=tum.read(text))
    if suffix == ".json":
        return _json(text)
    raise ValueError(f"found a name ending in {suffix!r}, expected one of {', '.join(SUFFIXES)}")


def parse_colmap(cameras: bytes, images: bytes) -> Content:
    """Read the bytes of COLMAP's two files."""
    return Content(poses=colmap.read(colmap.Model(_text(cameras), _text(images))))


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
    """Return what is written in one of `FORMATS`, the file itself first; beside COLMAP's go its cameras.

    Raises:
        ValueError: the content has not what the format holds.
    """
    track, poses = content
    if (form in OF_TRACKS and track is None) or (form in OF_CAMERAS and poses is None):
        needed = "keys and mouse" if form in OF_TRACKS else "a camera"
        raise ValueError(f"format: found nothing to write as {form}, expected {needed}; choose another format.")
    if form == "NPZ":
        return {path: npz.write(track, poses)}
    if form == "COLMAP":
        model = colmap.write(poses)
        texts = {path: model.images, path.with_name(BESIDE[path.name]): model.cameras}
    elif form in OF_TRACKS:
        texts = {path: write_track(track) if form == "JSON" else csv_table.write(track)}
    else:
        writers = {"camera JSON": poses_json, "TUM": tum, "nerfstudio": nerfstudio, "Blender": blender}
        texts = {path: writers[form].write(poses)}
    return {file: text.encode() for file, text in texts.items()}


def _json(text: str) -> Content:
    """Read JSON of any kind, told by its members."""
    data = load(text)
    kind = data.get("type") if isinstance(data, dict) else None
    if kind == "poses":
        return Content(poses=poses_json.read(text))
    if kind == blender.KIND:
        return Content(poses=blender.read(text))
    if kind is None and isinstance(data, dict) and isinstance(data.get("frames"), list):
        return Content(poses=nerfstudio.read(text))
    return Content(track=parse_track(text))


def _bytes(path: Path) -> bytes:
    size, most = path.stat().st_size, MAX_JSON_BYTES if path.suffix.lower() == ".json" else MAX_BYTES
    if size > most:
        raise ValueError(f"found {size} bytes, expected at most {most}; cut the file")
    return first_bytes(path, most)


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ValueError(f"line {line}: no text in UTF-8; save the file as UTF-8") from None
