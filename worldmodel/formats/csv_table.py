"""Keys and mouse as a CSV table, a row per frame, under a row of column names.

forward, back, … or W, S, A, D   1 or TRUE while the key is held, else 0 or FALSE
mouse_yaw, mouse_pitch           degrees per frame, right and up positive
prompt                           a text in the row where it begins, else empty
frame                            the rows are put in its order

These columns may stand in any order, and each may be missing. Cells stand apart by commas, or by semicolons or tabs, as
spreadsheets write them in some countries; numbers may then have decimal commas. What other tables say beside that is
named and not used: an index without a name, poses (which Tiny World's recordings have), keys that no model knows.
Refused are a name that looks like a misspelt one of ours, and mouse movement in pixels, whose degrees nobody knows.
"""

from __future__ import annotations

import csv
import io
import re
from array import array
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch

from ..reading.asked import AS_IT_IS, Asked
from ..reading.json_text import holds_half_character
from ..reading.limits import MAX_FRAMES
from ..reading.words import shortened
from ..track.timeline import WORDS
from ..track.track import Track
from .table_columns import FRAMES, INDEX, MOUSE, OURS, PASSED_OVER, PROMPT, TIMES, Column, columns_of, named, numbers_of
from .walk_rows import Walk, frame_note, keys_note, names_of, time_note

_TURNING = re.compile("yaw|pitch|mouse|look|turn|cam|rot|heading")
MAX_CELL, MAX_CELLS = 20_000, 10_000_000
"""Letters of a cell, and cells of a table: a hundred columns of the most frames."""
_MARKS = (",", ";", "\t")
_OFTEN = 1024
"""Rows between two looks at whether the user has stopped."""


class Rows(NamedTuple):
    """A table that was read.

    Args:
        columns: C of them.
        values: (F, C).
        lines: F line numbers.
        prompts: (row, text) pairs.
    """

    columns: list[Column]
    values: np.ndarray
    lines: Sequence[int]
    prompts: list[tuple[int, str]]

    def column(self, names: Sequence[str]) -> int | None:
        """Return which column has the first of these names that any has."""
        met = [column.name for column in self.columns]
        return next((met.index(name) for name in names if name in met), None)


def read(text: str) -> Track:
    """Parse a table; see `read_content`."""
    return read_content(text).track


def read_content(text: str, asked: Asked = AS_IT_IS) -> Walk:
    """Parse a table.

    Raises:
        ValueError: in one sentence, which line and column is wrong, and what was found.
    """
    mark = _mark(text)
    rows = _read(text, mark, asked)
    rows, ordered = _in_order(rows)
    others = _other_keys(rows)
    notes = [*ordered, _turns_elsewhere(rows), keys_note(others), _time(rows)]
    if mark != ",":
        name = {";": "semicolons", "\t": "tabs"}[mark]
        notes.append(f"The cells stand apart by {name}, and numbers may have decimal commas: read as such.")
    return Walk(_track(rows), tuple(note for note in notes if note), names_of(_unused(rows, others)))


def write(track: Track) -> str:
    """Write a table; reading gives the keys and the mouse back exactly."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    prompts = dict(track.prompts)
    rows.writerow(["frame", *track.words, *MOUSE] + [PROMPT] * bool(prompts))
    # str of a float32 has the fewest digits that tell it from its neighbours: 1.055, and not 1.0549999475479126
    for frame, (keys, mouse) in enumerate(zip((track.keys > 0).int().tolist(), track.mouse.numpy(), strict=True)):
        rows.writerow([frame, *keys, *map(str, mouse)] + [prompts.get(frame, "")] * bool(prompts))
    return text.getvalue()


def _mark(text: str) -> str:
    """Return what stands between cells: what stands most often in the first line that is not empty."""
    head = next((line for line in io.StringIO(text[:MAX_CELL], newline=None) if line.strip(" ,;\t\r\n")), "")
    if head.lower().startswith("sep=") and head[4:5] in _MARKS:  # what Excel is told this way
        return head[4]
    return max(_MARKS, key=head.count)


def _read(text: str, mark: str, asked: Asked) -> Rows:
    """Read all rows."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=mark)
    columns: list[Column] = []
    values, lines, prompts = array("d"), array("q"), []
    prompt = -1
    try:
        for row in _filled(reader):
            line = reader.line_num
            if not columns:
                columns = columns_of(row, line, numbers_of(mark))
                prompt = next((at for at, column in enumerate(columns) if column.name == PROMPT), -1)
                continue
            if row[0].lstrip().startswith("#"):
                continue
            if len(lines) == MAX_FRAMES:
                raise ValueError(f"line {line}: more than {MAX_FRAMES} frames; cut the table")
            if len(values) > MAX_CELLS:
                raise ValueError(f"line {line}: more than {MAX_CELLS} cells; cut the table, or take columns out")
            if len(row) != len(columns):
                row = _fitting(row, len(columns), line)
            if prompt >= 0 and (said := row[prompt].strip()):
                prompts.append((len(lines), _checked_prompt(said, line)))
            values.extend([column.read(cell, line) for column, cell in zip(columns, row, strict=True)])
            lines.append(line)
            if not len(lines) % _OFTEN:
                asked.check()
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: no CSV ({shortened(str(error), 80)})") from None
    if not lines:
        raise ValueError("found no row of frames, expected a row of column names and a row for each frame")
    return Rows(columns, np.frombuffer(values).reshape(len(lines), len(columns)), lines, prompts)


def _filled(reader: Iterator[list[str]]) -> Iterator[list[str]]:
    """Yield the rows that say something, from the names of columns on; names may stand in a comment."""
    begun = False
    for row in reader:
        if not any(cell.strip() for cell in row):
            continue
        if not begun:
            if row[0].lower().startswith("sep=") and not any(row[1:]):
                continue
            if row[0].lstrip().startswith("#"):
                row = [row[0].lstrip(" #"), *row[1:]]
                if not any(named(cell) in (*WORDS, *MOUSE) for cell in row):
                    continue
            begun = True
        yield row


def _fitting(row: list[str], count: int, line: int) -> list[str]:
    """Return a row of so many cells; empty ones behind the last are what some programs end rows with."""
    if len(row) > count and not any(cell.strip() for cell in row[count:]):
        return row[:count]
    cause = "; numbers with decimal commas must stand in quotes or apart by semicolons" if len(row) > count else ""
    raise ValueError(f"line {line}: found {len(row)} cells, expected one for each of {count} columns{cause}")


def _in_order(rows: Rows) -> tuple[Rows, list[str | None]]:
    """Put the rows in the order of their frames, where these say another one than the table."""
    at = rows.column((*FRAMES, ""))
    if at is None or (not rows.columns[at].name and at):
        return rows, []
    frames, name = rows.values[:, at], rows.columns[at].written or "The index"
    if not (np.isfinite(frames).all() and (frames % 1 == 0).all()):
        return rows, []
    told = None
    back = np.flatnonzero(np.diff(frames) < 0)
    if rows.columns[at].name and len(back) and len(np.unique(frames)) == len(frames):
        first = int(back[0])
        told = (
            f"The rows were put in the order of {shortened(name)}: in the table {frames[first + 1]:.9g} stands behind "
            f"{frames[first]:.9g} (line {rows.lines[first + 1]})."
        )
        order = np.argsort(frames, kind="stable")
        place = np.argsort(order)  # where each row goes
        prompts = sorted((int(place[row]), text) for row, text in rows.prompts)
        rows = Rows(rows.columns, rows.values[order], [rows.lines[row] for row in order.tolist()], prompts)
    return rows, [told, frame_note(rows.values[:, at], name, [f"line {line}" for line in rows.lines])]


def _turns_elsewhere(rows: Rows) -> str | None:
    """Say that the walk does not turn where the table may tell turns by another name."""
    if rows.column(MOUSE) is not None:
        return None
    turning = [
        column.written
        for at, column in enumerate(rows.columns)
        if column.name not in OURS and _TURNING.search(column.name) and rows.values[:, at].any()
    ]
    if not turning:
        return None
    return (
        "The walk does not turn: the table has no column mouse_yaw, in degrees per frame; "
        f"{', '.join(map(shortened, turning[:8]))} may be something else, and was not read."
    )


def _time(rows: Rows) -> str | None:
    at = rows.column(tuple(TIMES))
    if at is None:
        return None
    unit = TIMES[rows.columns[at].name]
    return time_note(rows.values[:, at] * (unit or 1.0), rows.columns[at].written, is_seconds=unit is not None)


def _other_keys(rows: Rows) -> dict[str, int]:
    """Return columns of keys that no model knows, and the frames in which they are held."""
    held = {}
    for at, column in enumerate(rows.columns):
        values = rows.values[:, at]
        others = INDEX.fullmatch(column.name) or column.name in (*OURS, *FRAMES, *TIMES, *PASSED_OVER)
        if not others and values.any() and np.isin(values, (0, 1)).all():
            held[column.written] = int(values.sum())
    return held


def _unused(rows: Rows, told: Collection[str]) -> list[str]:
    """Name what the table holds beside a walk and what is told of it; frames and times were looked at."""
    unused = []
    for at, column in enumerate(rows.columns):
        if not column.name:
            unused += ["an index without a name"] * (not at)
        elif column.name not in (*OURS, *FRAMES, *TIMES) and column.written not in told:
            unused.append(column.written)
    return unused


def _track(rows: Rows) -> Track:
    words = [word for word in WORDS if rows.column((word,)) is not None]
    keys = torch.zeros(len(rows.lines), len(words))
    for column, word in enumerate(words):
        keys[:, column] = torch.from_numpy(rows.values[:, rows.column((word,))]).float()
    mouse = torch.zeros(len(rows.lines), 2)
    for axis, name in enumerate(MOUSE):
        at = rows.column((name,))
        if at is not None:
            mouse[:, axis] = torch.from_numpy(rows.values[:, at]).float()
    return Track(tuple(words), keys, mouse, tuple(rows.prompts))


def _checked_prompt(prompt: str, line: int) -> str:
    if len(prompt) > MAX_CELL:
        raise ValueError(f"line {line}: a prompt of {len(prompt)} letters; write at most {MAX_CELL}")
    if holds_half_character(prompt):
        raise ValueError(f"line {line}: the prompt holds half of a character (a lone surrogate); write it again")
    return prompt
