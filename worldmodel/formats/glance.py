"""Whether a file may hold a walk or a camera, told by its first bytes.

Loaders offer what passes, and no captions, workflows, indexes or points, which have the same endings. A glance refuses
only what is surely something else: whatever a reader takes passes, and so does much that a reader then refuses with
more to say.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from ..storage.listing import first_bytes
from ..track.timeline import LETTERS, WORDS

HEAD = 4096
"""Bytes that are looked at; of an archive as many of its end, where its contents are listed."""
_TAIL = 65536
_EMPTY = " ,;\t\"'"
"""What a row of a table consists of that says nothing."""
_LINES = 6
"""Of a text, that are looked at: some formats begin with an address, a name or a count."""
_NUMBERS = 7
"""That a line of a pose has at least: a place and a quaternion."""
_OF_CAMERAS = (
    r"camera|cam_?\d|poses?\b|extrinsic|intrinsic|c2w|w2c|cam2world|transform|matrix|matrices|rotation|position"
    r"|translation|quaternion|trajectory|keyframe|fov|focal|fl_x|frames\b"
)
_OF_WALKS = r"keys\b|keyboard|mouse|action|forward|turns\b|yaw|pitch"
_MEMBER = re.compile(
    rf'"(?:[^"\\]{{0,40}}(?:{_OF_CAMERAS}|{_OF_WALKS})[^"\\]{{0,40}}|[rtk]|t_\d\d)"\s*:'
    r'|"type"\s*:\s*"(?:track|path|poses)"',
    re.IGNORECASE,
)
"""A member that a walk or a camera may have."""
_ELSEWHERE = re.compile(
    r'\s*\{\s*"recording"\s*:'  # the index of a recording
    r'|\s*\{\s*"[^"]*"\s*:\s*\{\s*"(?:inputs|class_type|_meta)"\s*:'  # a graph as the host's API takes it
    r'|[\s\S]*"(?:last_node_id|last_link_id|class_type|nodes)"\s*:'  # a workflow of the host's page
)
_ARRAY = re.compile(rf"(?:{_OF_CAMERAS}|{_OF_WALKS})\w{{0,40}}\.npy|(?<![a-z])[rtk]\.npy".encode(), re.IGNORECASE)
_POSES = re.compile(rb"^\x93NUMPY[^\n]*'shape': \(\d+, [34], 4\)", re.DOTALL)
"""An array of matrices; its lens lies beside it."""
_COLUMN = re.compile(rf"{_OF_CAMERAS}|{_OF_WALKS}|timestamp|^[qtp]_?(?:rs_r_)?[wxyz]\b", re.IGNORECASE)
_BESIDE = re.compile(r"#\s*(?:POINT3D_ID|RIG_ID|FRAME_ID, RIG_ID)\b")
"""The heads of the files that COLMAP writes beside images.txt."""


def may_be_walk(path: Path) -> bool:
    """Tell whether a file may hold a walk or a camera.

    Raises:
        OSError: it cannot be read.
    """
    head = first_bytes(path, HEAD)
    whole = len(head) < HEAD
    if not head.strip():
        return not whole
    suffix = path.suffix.lower()
    if suffix == ".npz":
        return head.startswith(b"PK") and _ARRAY.search(head + _tail(path)) is not None
    if suffix == ".npy":
        return _POSES.search(head) is not None
    text = head.decode("utf-8-sig", errors="replace")
    if suffix in (".json", ".jsonl"):
        return text.lstrip().startswith(("{", "[")) and not _ELSEWHERE.match(text) and bool(_MEMBER.search(text))
    lines = [line for line in text.splitlines() if line.strip(_EMPTY)]
    if len(lines) == 1 and not whole:  # the first line goes on and on
        return True
    return _table(lines) if suffix == ".csv" else _trajectory(lines, whole)


def _trajectory(lines: list[str], whole: bool) -> bool:
    """Tell whether one of the first lines holds the numbers of a pose."""
    if any(_BESIDE.match(line) for line in lines[:_LINES]):
        return False
    said = [line for line in lines if not _is_comment(line)]
    return any(map(_is_pose, said[:_LINES])) or (not said and not whole)


def _table(lines: list[str]) -> bool:
    """Tell whether the first row, or a comment, names keys, mouse or a camera, or the row has the numbers of a pose."""
    said = [line for line in lines if not _is_comment(line)]
    return any(map(_names, [*filter(_is_comment, lines), *said[:1]])) or any(map(_is_pose, said[:1])) or not said


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")


def _is_pose(line: str) -> bool:
    return _numbers(line) >= _NUMBERS


def _names(row: str) -> bool:
    """Tell whether a row names keys, mouse or a camera."""
    names = [cell.strip().strip("\"'").lstrip("#").strip() for cell in re.split("[,;\t]", row)]
    known = {*WORDS, *LETTERS, *(letter.lower() for letter in LETTERS)}
    return any(name in known or _COLUMN.search(name) for name in names)


def _numbers(line: str) -> int:
    """Count the words of a line that are numbers."""
    count = 0
    for word in re.split(r"[\s,;]+", line[:HEAD]):
        try:
            float(word)
        except ValueError:
            continue
        count += 1
    return count


def _tail(path: Path) -> bytes:
    """Read the end of a file."""
    with path.open("rb") as file:
        file.seek(-min(_TAIL, os.fstat(file.fileno()).st_size), os.SEEK_END)
        return file.read()
