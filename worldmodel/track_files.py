"""Track and camera files: which format a file is in, and reading and writing it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from .formats import blender, colmap, csv_table, nerfstudio, npz, poses_json, tum
from .formats.asked import Asked
from .formats.json_text import dump, load
from .geometry import Poses
from .timeline import shortened
from .track import Track, parse_track, write_track

MAX_BYTES, MAX_JSON_BYTES = 256 * 2**20, 64 * 2**20
"""Largest file that is opened; JSON takes many times its size while it is read."""
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
    ".json": ("a track", "poses", "what the Blender script writes", "nerfstudio's transforms.json"),
    ".jsonl": (),
    ".csv": ("a table of keys and mouse",),
    ".npz": ("keys", "mouse", "c2w"),
    ".npy": (),
    ".txt": ("TUM's lines of timestamp tx ty tz qx qy qz qw", "COLMAP's images.txt"),
    ".tum": ("TUM's lines of timestamp tx ty tz qx qy qz qw",),
}
"""What files of an ending may hold, as a refusal says it."""


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
        names = [shortened(dump(name)) for name in found]
        return f"members {', '.join(names[:6])}{f' and {len(names) - 6} more' * (len(names) > 6)}" if names else "{}"
    if isinstance(found, list):
        return f"a list of {len(found)}" + (f", the first of them with {_told(found[0])}" if found else "")
    return shortened(dump(found))


def read_track_file(path: Path, asked: Asked = Asked()) -> Content:
    """Read a file of any format.

    Raises:
        ValueError: one sentence that names the file, and line, frame or member.
    """
    try:
        if path.name in BESIDE:
            cameras = path.with_name(BESIDE[path.name])
            if not cameras.is_file():
                raise ValueError("found no cameras.txt beside it; COLMAP writes both")
            return parse_colmap(_bytes(cameras), _bytes(path))
        return parse_file(_bytes(path), path.suffix.lower())
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from None


def parse_file(data: bytes, suffix: str, asked: Asked = Asked()) -> Content:
    """Read the bytes of one file.

    Args:
        data: of the file.
        suffix: the end of its name, with the dot, one of `SUFFIXES`.
        asked: how it is to be read.

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
    return path.read_bytes()


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ValueError(f"line {line}: no text in UTF-8; save the file as UTF-8") from None
