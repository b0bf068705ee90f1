"""A sweep: a table whose columns name a workflow's inputs, and whose rows are films.

CSV      names in the first line, such as `Rollout World.seed`; cells stand apart by commas, semicolons or tabs
JSONL    an object a line, `{"Rollout World.seed": 7}`

An empty cell, a member that is missing and `null` leave what the workflow says. With a grid each column's values are
put together with those of every other.
"""

from __future__ import annotations

import csv
import io
import json
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from ..reading.words import counted, shortened

MOST_ROWS = 100_000
MOST_BYTES = 64 * 2**20
_MARKS = (",", ";", "\t")


class Cell(NamedTuple):
    """What a row says of one input.

    Args:
        value: text out of a CSV file, any JSON value out of a JSONL file.
        line: of the file.
    """

    value: Any
    line: int


class Row(NamedTuple):
    """One film's wishes, by column; its number counts from 1."""

    number: int
    cells: dict[str, Cell]


class Sweep(NamedTuple):
    """A sweep that was read.

    Args:
        columns: in their order.
        rows: one or more.
        typed: whether values have JSON's types, and text is text.
    """

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    typed: bool


class Refused(ValueError):
    """Nothing was begun; every line is a sentence about one mistake."""

    def __init__(self, sentences: list[str]) -> None:
        self.sentences = sentences
        super().__init__("\n".join(sentences))


def read_sweep(path: Path, grid: bool = False) -> Sweep:
    """Read a sweep.

    Args:
        path: of a file whose name ends with .csv, .tsv, .jsonl or .ndjson.
        grid: put each column's values together with those of every other.

    Raises:
        Refused: it cannot be read; every row that is wrong is named.
    """
    kind = path.suffix.lower()
    if kind not in (".csv", ".tsv", ".jsonl", ".ndjson"):
        raise Refused([f"SWEEP: found {path.name}, expected a name that ends with .csv or .jsonl; rename it."])
    try:
        if path.stat().st_size > MOST_BYTES:
            raise Refused([f"SWEEP: found more than {MOST_BYTES // 2**20} MB in {path.name}, expected less; split it."])
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Refused([f"SWEEP: found no UTF-8 in {path.name}, expected text; save it as UTF-8."]) from None
    except OSError as error:
        raise Refused([f"SWEEP: found {path} unreadable ({error.strerror}), expected a file; check it."]) from None
    typed = kind in (".jsonl", ".ndjson")
    columns, rows = _of_lines(text) if typed else _of_table(text)
    if not columns or not rows:
        raise Refused([f"SWEEP: found no row in {path.name}, expected names of columns and a row for each film."])
    if grid:
        rows = _grid(columns, rows)
    if len(rows) > MOST_ROWS:
        raise Refused([f"SWEEP: found {len(rows)} rows, expected at most {MOST_ROWS}; split it."])
    return Sweep(columns, tuple(Row(number, cells) for number, cells in enumerate(rows, 1)), typed)


def _of_table(text: str) -> tuple[tuple[str, ...], list[dict[str, Cell]]]:
    head = next((line for line in text.splitlines() if line.strip(" ,;\t")), "")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=max(_MARKS, key=head.count))
    columns: tuple[str, ...] = ()
    rows: list[dict[str, Cell]] = []
    wrong: list[str] = []
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if not columns:
                while not cells[-1].strip():  # what some programs end rows with
                    cells.pop()
                columns = tuple(cell.strip() for cell in cells)
                wrong += _of_names(columns)
                continue
            if len(cells) != len(columns) and any(cell.strip() for cell in cells[len(columns) :]):
                wrong.append(
                    f"row {len(rows) + 1} (line {reader.line_num}): found {counted(len(cells), 'cell')}, expected one "
                    f"for each of {counted(len(columns), 'column')}; put a text with commas into quotes."
                )
            named = zip(columns, cells, strict=False)
            rows.append({name: Cell(cell, reader.line_num) for name, cell in named if cell.strip()})
    except csv.Error as error:
        wrong.append(f"line {reader.line_num}: found no CSV ({shortened(str(error), 80)}); check its quotes.")
    if wrong:
        raise Refused(wrong)
    return columns, rows


def _of_names(columns: tuple[str, ...]) -> list[str]:
    """Say what is wrong with the names of columns as such."""
    wrong = [f"column {at}: found no name, expected Title.input; write one." for at, name in enumerate(columns, 1)
             if not name]  # fmt: skip
    twice = sorted({name for name in columns if name and columns.count(name) > 1})
    return [*wrong, *(f"column {shortened(name)}: found it twice, expected it once; take one out." for name in twice)]


def _of_lines(text: str) -> tuple[tuple[str, ...], list[dict[str, Cell]]]:
    columns: dict[str, None] = {}
    rows: list[dict[str, Cell]] = []
    wrong: list[str] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            members = json.loads(line, object_pairs_hook=_members_once, parse_constant=_no_number)
            if not isinstance(members, dict):
                raise ValueError("expected an object")
        except (ValueError, RecursionError) as error:
            said = error.msg if isinstance(error, json.JSONDecodeError) else error
            wrong.append(f'row {len(rows) + 1} (line {number}): {said}; write {{"Title.input": value, …}}.')
            members = {}
        columns |= dict.fromkeys(members)
        rows.append({name: Cell(value, number) for name, value in members.items() if value is not None})
    if wrong:
        raise Refused(wrong)
    return tuple(columns), rows


def _members_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a name stands twice")
    return members


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number")


def _grid(columns: tuple[str, ...], rows: list[dict[str, Cell]]) -> list[dict[str, Cell]]:
    """Put every value of a column together with every value of the others; the last column changes fastest."""
    values: list[list[tuple[str, Cell]]] = []
    count = 1
    for name in columns:
        met: dict[str, Cell] = {}
        for row in rows:
            if name in row:
                met.setdefault(json.dumps(row[name].value, sort_keys=True), row[name])
        if met:
            values.append([(name, cell) for cell in met.values()])
            count *= len(met)
    if count > MOST_ROWS:
        raise Refused([f"--grid: found {count} rows, expected at most {MOST_ROWS}; take values out."])
    return [dict(chosen) for chosen in product(*values)]
