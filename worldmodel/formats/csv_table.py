"""Keys and mouse as a CSV table, a row per frame, under a row of column names.

forward, back, … or W, S, A, D   1 while the key is held, else 0
mouse_yaw, mouse_pitch           degrees per frame, right and up positive
prompt                           a text in the row where it begins, else empty

These columns may stand in any order, and each may be missing. What other tables say beside them is passed over: the
columns of `PASSED_OVER`, which Tiny World's recordings have. Any other column is refused: it may be a key.
"""

from __future__ import annotations

import csv
import io
import math

import torch

from ..timeline import LETTERS, MAX_DEGREES, MAX_FRAMES, WORDS, shortened, unknown_word
from ..track import Track
from .json_text import holds_half_character

PASSED_OVER = (
    "frame", "seconds", "x", "y", "z", "yaw", "pitch", "roll", "next_x", "next_y", "next_z", "next_yaw", "next_pitch",
    "next_roll", "bumped",
)  # fmt: skip
_MOUSE = ("mouse_yaw", "mouse_pitch")
_PROMPT = "prompt"
MAX_CELL = 20_000
_OTHER_MARKS = (";", "\t")
"""What spreadsheets write in place of commas in some countries, and then commas in numbers."""


def read(text: str) -> Track:
    """Parse a table.

    Raises:
        ValueError: in one sentence, which line and column is wrong, and what was found.
    """
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    columns: list[str] = []
    values: list[list[float]] = []
    prompts: list[tuple[int, str]] = []
    try:
        for row in rows:
            if not any(cell.strip() for cell in row):
                continue
            if not columns:
                columns = _columns(row, rows.line_num)
                continue
            if len(values) == MAX_FRAMES:
                raise ValueError(f"line {rows.line_num}: more than {MAX_FRAMES} frames; cut the table")
            if len(row) != len(columns):
                raise ValueError(
                    f"line {rows.line_num}: found {len(row)} cells, expected one for each of {len(columns)} columns"
                )
            values.append([_value(cell, name, rows.line_num) for cell, name in zip(row, columns, strict=True)])
            if _PROMPT in columns and (prompt := row[columns.index(_PROMPT)].strip()):
                prompts.append((len(values) - 1, _checked_prompt(prompt, rows.line_num)))
    except csv.Error as error:
        raise ValueError(f"line {rows.line_num}: no CSV ({error})") from None
    if not values:
        raise ValueError("found no row of frames, expected a row of column names and a row for each frame")
    return _track(columns, values, prompts)


def write(track: Track) -> str:
    """Write a table; reading gives the keys and the mouse back exactly."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    prompts = dict(track.prompts)
    rows.writerow(["frame", *track.words, *_MOUSE] + [_PROMPT] * bool(prompts))
    for frame, (keys, mouse) in enumerate(zip((track.keys > 0).int().tolist(), track.mouse.tolist(), strict=True)):
        rows.writerow([frame, *keys, *mouse] + [prompts.get(frame, "")] * bool(prompts))
    return text.getvalue()


def _columns(row: list[str], line: int) -> list[str]:
    """Return the columns' names as words."""
    other = next((mark for mark in _OTHER_MARKS if mark in row[0]), None)
    if len(row) == 1 and other:
        raise ValueError(f"line {line}: cells stand apart by {other!r}, expected commas; save the table with them")
    columns = []
    for cell in row:
        name = LETTERS.get(cell.strip().upper(), cell.strip().lower())
        if name not in (*WORDS, *_MOUSE, _PROMPT, *PASSED_OVER):
            raise ValueError(f"line {line}: {unknown_word(name or '(no name)', (*WORDS, *_MOUSE, _PROMPT))}")
        if name in columns:
            raise ValueError(f"line {line}: column '{name}' stands twice; keep one")
        columns.append(name)
    if not {*WORDS, *_MOUSE} & {*columns}:
        raise ValueError(f"line {line}: found no column of keys or mouse, expected such as forward or mouse_yaw")
    return columns


def _value(cell: str, name: str, line: int) -> float:
    """Return a cell's number; 0 for what is no key and no mouse."""
    if name not in (*WORDS, *_MOUSE):
        return 0.0
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if name in WORDS and value not in (0, 1):
        raise ValueError(f"line {line}: column '{name}' must be 1 while the key is held, else 0, not {_shown(cell)}")
    if not abs(value) <= MAX_DEGREES:
        raise ValueError(
            f"line {line}: column '{name}' must be degrees per frame between -{MAX_DEGREES:g} and {MAX_DEGREES:g}, "
            f"not {_shown(cell)}"
        )
    return value


def _checked_prompt(prompt: str, line: int) -> str:
    if len(prompt) > MAX_CELL:
        raise ValueError(f"line {line}: a prompt of {len(prompt)} letters; write at most {MAX_CELL}")
    if holds_half_character(prompt):
        raise ValueError(f"line {line}: the prompt holds half of a character (a lone surrogate); write it again")
    return prompt


def _track(columns: list[str], values: list[list[float]], prompts: list[tuple[int, str]]) -> Track:
    table = torch.tensor(values, dtype=torch.float64)
    words = tuple(word for word in WORDS if word in columns)
    keys = torch.zeros(len(values), len(words))
    for column, word in enumerate(words):
        keys[:, column] = table[:, columns.index(word)].float()
    mouse = torch.zeros(len(values), 2)
    for axis, name in enumerate(_MOUSE):
        if name in columns:
            mouse[:, axis] = table[:, columns.index(name)].float()
    return Track(words, keys, mouse, tuple(prompts))


def _shown(cell: str) -> str:
    return repr(shortened(cell))
