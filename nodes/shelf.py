"""The world shelf: what the page asks about saved worlds, to show, rename and delete them on Load World.

Only files that Load World offers can be named, and they stay in their folders.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

from ..worldmodel.binding.motion import way_of
from ..worldmodel.binding.unbind import told_track
from ..worldmodel.reading.json_text import shown
from ..worldmodel.storage.troubles import told
from ..worldmodel.storage.writing import check_letters, rename_file
from ..worldmodel.world.archive import SUFFIX, load_told
from ..worldmodel.world.cards import Card, card_of, picture_of
from .archive import WORLDS
from .host.files import NEWEST, Found

MOST = 500
"""Worlds that are listed, the newest first."""
POINTS = 64
"""Of a way that is drawn on a card."""
_LONGEST = 200
"""Letters of a name."""
_kept: dict[tuple[str, int, int], Card | None] = {}
"""Path, size and date -> the card; `None` where the header is not a world's that this version reads."""


def worlds(asked: dict[str, Any]) -> dict[str, Any]:
    """List saved worlds, the newest first: {} -> {worlds, left_out}, by headers alone."""
    found = WORLDS.newest_first()
    current = {(file.path, file.bytes, file.modified_ns) for _, file in found}
    for gone in set(_kept) - current:
        _kept.pop(gone, None)
    listed = [_line(name, file) for name, file in found[:MOST]]
    return {"worlds": listed, "left_out": max(0, len(found) - MOST)}


def _line(name: str, file: Found) -> dict[str, Any]:
    key = (file.path, file.bytes, file.modified_ns)
    try:
        card = _kept[key]
    except KeyError:  # asked once: another page may take it out, or put it in, meanwhile
        card = _kept[key] = _card(file)
    said = {"model": "", "chunks": 0, "frames": 0, "seconds": 0.0, "prompt": "", "picture": False}
    return {
        "world_file": name,
        "title": Path(file.path).name.removesuffix(SUFFIX),
        "date": file.modified_ns // 1_000_000,
        "bytes": file.bytes,
        "readable": card is not None,
        **(said if card is None else card._asdict()),
    }


def _card(file: Found) -> Card | None:
    try:
        return card_of(Path(file.path))
    except ValueError:
        return None


def picture(asked: dict[str, Any]) -> dict[str, Any]:
    """Show one: {world_file} -> {picture, way}, a picture as a data URL, or else its way from above.

    The way is a list of places in metres, right and ahead of where it began; [] where it cannot be drawn.
    """
    path = _path(asked)
    try:
        data = picture_of(path)
        if data is not None:
            return {"picture": f"data:image/jpeg;base64,{base64.b64encode(data).decode()}", "way": []}
        return {"picture": "", "way": _way(path)}
    except ValueError:  # for Load World to say when it runs
        return {"picture": "", "way": []}


def _way(path: Path) -> list[list[float]]:
    variant, _, _, rows = load_told(path)
    if not rows or not variant.walks:
        return []
    places = way_of(told_track(rows, variant), variant.motion)[:, [0, 2], 3]
    few = [index * (len(places) - 1) // (POINTS - 1) for index in range(POINTS)]
    return [[round(right, 2), round(ahead, 2)] for right, ahead in places[few].tolist()]


def rename(asked: dict[str, Any]) -> dict[str, Any]:
    """Rename one in its folder: {world_file, title} -> {world_file}, its new name in the list.

    Raises:
        ValueError: there is no such file, or the title is no name, or another file's.
    """
    path, title = _path(asked), asked.get("title")
    if not isinstance(title, str):
        raise ValueError(f"title must be a name, not {shown(title)}")
    title = title.strip().removesuffix(SUFFIX)
    check_letters(title, "title")
    if not 1 <= len(title) <= _LONGEST or title.startswith(".") or {"/", "\\", os.sep} & set(title):
        raise ValueError(
            f"title: found {shown(title)}, expected a name of 1 to {_LONGEST} letters without a slash, not beginning "
            "with a dot; write another."
        )
    new = path.with_name(title + SUFFIX)
    if new != path:
        rename_file(path, new, "title")
    return {"world_file": next((name for name, file in WORLDS.newest_first() if file.path == str(new)), "")}


def delete(asked: dict[str, Any]) -> dict[str, Any]:
    """Delete one for good, as the host deletes files: {world_file} -> {}; the page has asked before.

    Raises:
        ValueError: there is no such file, or the operating system refused.
    """
    path = _path(asked)
    with told("world_file", path):
        path.unlink()
    return {}


def _path(asked: dict[str, Any]) -> Path:
    """Return the file that is named.

    Raises:
        ValueError: it is none that is listed.
    """
    name = asked.get("world_file")
    if isinstance(name, str) and name != NEWEST:
        try:
            return WORLDS.path(name)
        except ValueError:
            pass
    raise ValueError(f"world_file: found {shown(name)}, expected a saved world of the list; refresh the list.")


QUESTIONS = {"worlds": worlds, "worlds/picture": picture, "worlds/rename": rename, "worlds/delete": delete}
