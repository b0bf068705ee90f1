"""The columns of a table of keys and mouse: what their names mean, and how their cells are read."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from difflib import get_close_matches
from typing import NamedTuple

from ..reading.words import shortened
from ..track.timeline import LETTERS, MAX_DEGREES, WORDS, unknown_word
from .walk_rows import ARROWS, OTHER_KEYS, SYNONYMS, counts_pixels

PASSED_OVER = (
    "x", "y", "z", "yaw", "pitch", "roll", "next_x", "next_y", "next_z", "next_yaw", "next_pitch", "next_roll",
    "bumped",
)  # fmt: skip
"""Columns of Tiny World's recordings, and of others, that say where a walk led."""
MOUSE = ("mouse_yaw", "mouse_pitch")
PROMPT = "prompt"
OURS = (*WORDS, *MOUSE, PROMPT)
FRAMES = ("frame", "frames", "frame_index", "frame_idx", "frame_id", "frame_number", "index", "idx", "step", "tick")
TIMES = {
    "seconds": 1.0, "time_s": 1.0, "timestamp_s": 1.0, "milliseconds": 1e-3, "ms": 1e-3, "time_ms": 1e-3,
    "timestamp_ms": 1e-3, "time": None, "timestamp": None, "t": None,
}  # fmt: skip
"""Columns of times, and their unit in seconds where the name says it."""
INDEX = re.compile(r"|id|unnamed:? ?[0-9]*")
"""Names of a column that counts the rows; programs that write an index without a name read it again as "Unnamed: 0"."""
_OTHERS = (*PASSED_OVER, *OTHER_KEYS, *FRAMES, *TIMES, "id", "episode", "session")
MAX_COLUMNS = 1000
_HELD = {"0": 0.0, "1": 1.0, "false": 0.0, "true": 1.0}


class Column(NamedTuple):
    """One column.

    Args:
        name: one of ours where it is one, else in small letters; empty where it has none.
        written: as the table writes it.
        read: turns a cell and its line's number into a number; NaN for what is none and need not be one.
    """

    name: str
    written: str
    read: Callable[[str, int], float]


def named(cell: str) -> str:
    """Return a column's name: ours where it means one of them, else in small letters."""
    name = cell.strip()
    return LETTERS.get(name.upper()) or SYNONYMS.get(name.lower(), name.lower())


def columns_of(row: list[str], line: int, number: Callable[[str, int, str], float]) -> list[Column]:
    """Return the columns of a row of names.

    Args:
        row: the names.
        line: of the row.
        number: reads a cell; see `numbers_of`.

    Raises:
        ValueError: a name is misspelt, stands twice or counts pixels, or none is of keys or mouse.
    """
    if len(row) > MAX_COLUMNS:
        raise ValueError(f"line {line}: found {len(row)} columns, expected at most {MAX_COLUMNS}; take some out")
    columns: list[Column] = []
    met: set[str] = set()
    for at, cell in enumerate(row):
        name = named(cell)
        if name in OURS and name in met:
            raise ValueError(f"line {line}: column '{name}' stands twice; keep one")
        if name in ARROWS:
            raise ValueError(
                f"line {line}: found a column '{name}', expected {ARROWS[name]} to walk, or mouse_pitch in degrees per "
                "frame to look; rename it"
            )
        if name not in OURS and name not in _OTHERS and not counts_pixels(name):
            near = get_close_matches(shortened(name), OURS, n=1)
            if near:
                raise ValueError(f"line {line}: {_misspelt(cell.strip(), near[0])}")
        met.add(name)
        columns.append(Column(name, cell.strip(), _reader(name, cell.strip(), at, number)))
    if not {*WORDS, *MOUSE} & met:
        pixels = next((column.written for column in columns if counts_pixels(column.name)), None)
        if pixels is not None:
            raise ValueError(_pixels(pixels, line))
        found = ", ".join(_shown(name.strip()) for name in [name for name in row if name.strip()][:5])
        raise ValueError(
            f"line {line}: found no column of keys or mouse in {found}; expected a row of names such as forward or "
            "mouse_yaw, and a row for each frame"
        )
    return columns


def _misspelt(name: str, near: str) -> str:
    if near in WORDS:
        return unknown_word(name)
    unit = " (degrees per frame)" if near in MOUSE else ""
    return f"unknown column '{shortened(name)}': did you mean '{near}'{unit}?"


def _reader(name: str, written: str, at: int, number: Callable[[str, int, str], float]) -> Callable[[str, int], float]:
    """Return how the cells of a column are read."""
    if name in WORDS:
        return lambda cell, line: _held(cell, line, name)
    if name in MOUSE:
        return lambda cell, line: _degrees(number(cell, line, name), cell, line, name)
    if counts_pixels(name):
        return lambda cell, line: _no_pixels(_other(cell), line, written)
    if not name and at:
        return lambda cell, line: _nameless(cell, line, at)
    return lambda cell, line: _other(cell)


def _held(cell: str, line: int, name: str) -> float:
    """Return 1 or 0."""
    if cell in _HELD:
        return _HELD[cell]
    try:
        value = _HELD.get(cell.strip().lower(), math.nan) if not cell[:1].isdigit() else float(cell)
    except ValueError:
        value = math.nan
    if value not in (0, 1):
        raise ValueError(
            f"line {line}: column '{name}' must be 1 or TRUE while the key is held, else 0 or FALSE, not {_shown(cell)}"
        )
    return value


def numbers_of(mark: str) -> Callable[[str, int, str], float]:
    """Return how numbers are read in a table with this mark between cells; with commas they have no decimal ones."""
    written: dict[str, str] = {}

    def number(cell: str, line: int, name: str) -> float:
        if "," in cell and mark != "," and "." not in cell:
            written.setdefault(",", cell)
            cell = cell.replace(",", ".", 1)
        elif "." in cell:
            written.setdefault(".", cell)
        if len(written) > 1:
            told = " and ".join(map(_shown, written.values()))
            raise ValueError(
                f"line {line}: found {told} in one table, expected decimal commas or points; write one kind"
            )
        try:
            return float(cell)
        except ValueError:
            comma = "; a decimal comma must be a point here" if "," in cell else ""
            raise ValueError(f"line {line}: column '{name}' must be a number, not {_shown(cell)}{comma}") from None

    return number


def _degrees(value: float, cell: str, line: int, name: str) -> float:
    if not abs(value) <= MAX_DEGREES:
        raise ValueError(
            f"line {line}: column '{name}' must be degrees per frame between -{MAX_DEGREES:g} and {MAX_DEGREES:g}, "
            f"not {_shown(cell)}"
        )
    return value


def _no_pixels(value: float, line: int, name: str) -> float:
    if value != 0:
        raise ValueError(_pixels(name, line))
    return value


def _pixels(name: str, line: int) -> str:
    """Say why pixels are not read."""
    return (
        f"line {line}: column '{shortened(name)}' counts the mouse's pixels, expected degrees per frame; how far one "
        f"turns only the game knows: write {' and '.join(MOUSE)} in degrees, or take the column out"
    )


def _nameless(cell: str, line: int, at: int) -> float:
    if cell.strip():
        raise ValueError(f"line {line}: found {_shown(cell)} in column {at + 1}, which has no name; name it")
    return math.nan


def _other(cell: str) -> float:
    """Return a number that is not used, NaN for what is none."""
    try:
        return float(cell)
    except ValueError:
        return _HELD.get(cell.strip().lower(), math.nan)


def _shown(cell: str) -> str:
    return repr(shortened(cell))
