"""The binding report: what a model gets of a track, frame by frame and in words.

kept       the model gets exactly this
quantised  it gets the nearest thing it knows: rounded, clipped, moved
dropped    it never gets it
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby, pairwise
from typing import Any, Literal, NamedTuple

import numpy as np
from torch import Tensor

from ..reading.words import counted

Kind = Literal["quantised", "dropped"]
KINDS = ("kept", "quantised", "dropped")
"""From the least loss to the worst; a frame has the worst kind of what is in it."""
Told = str | Callable[[slice], str]
"""A text, or how one is made of some frames."""
MAX_ROWS = 1000
"""Rows that are handed out; a report of more is no longer read."""


class Row(NamedTuple):
    """One finding.

    Args:
        kind: what becomes of it.
        first: frame.
        last: frame, inclusive.
        what: it is about.
        asked: by the track, in these frames.
        got: by the model.
        why: the rule, in words; equal in all rows that tell of the same loss.
    """

    kind: Kind
    first: int
    last: int
    what: str
    asked: str
    got: str
    why: str


class Report(NamedTuple):
    """What becomes of a whole track.

    Args:
        model: its title.
        frames: of the track.
        rows: by frame.
        notes: sentences about the whole.
        said: (frame, sentence) of each chunk, where keys and mouse reach the model in words.
    """

    model: str
    frames: int
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    said: tuple[tuple[int, str], ...] = ()

    def band(self) -> list[tuple[str, int, int]]:
        """Return the worst kind of every frame as runs: (kind, first frame, length), which add up to the frames."""
        worst = np.zeros(self.frames, dtype=int)
        for row in self.rows:
            span = worst[row.first : row.last + 1]
            np.maximum(span, KINDS.index(row.kind), out=span)
        return [(KINDS[worst[first]], first, last + 1 - first) for first, last in _stretches(worst)]

    def text(self) -> str:
        """Return the report as lines; empty if everything is kept, and nothing is told in words."""
        told = (f"from frame {first}: “{sentence}”" for first, sentence in self.said)
        return "\n".join((*self.notes, *sentences(self.rows), *told))

    def values(self) -> dict[str, Any]:
        """Return the report as JSON values, as the editors read it."""
        rows = [
            {"kind": kind, "from": first, "to": last, "what": what, "asked": asked, "got": got, "why": why}
            for kind, first, last, what, asked, got, why in self.rows[:MAX_ROWS]
        ]
        told = {"sentences": [list(said) for said in self.said[:MAX_ROWS]]} if self.said else {}
        band = [list(run) for run in self.band()]
        return {"model": self.model, "frames": self.frames, "band": band, "rows": rows, **told}


def in_order(rows: Iterable[Row]) -> tuple[Row, ...]:
    """Sort rows by frame, and make one of those that go on where an equal one ends."""
    merged: list[Row] = []
    open_rows: dict[tuple[str, ...], int] = {}
    for row in sorted(rows, key=lambda row: (row.first, row.last)):
        same = (row.kind, *row[3:])
        at = open_rows.get(same)
        if at is not None and merged[at].last + 1 == row.first:
            merged[at] = merged[at]._replace(last=row.last)
        else:
            open_rows[same] = len(merged)
            merged.append(row)
    return tuple(merged)


def sentences(rows: Iterable[Row]) -> tuple[str, ...]:
    """Say the rows, one sentence for each rule."""
    rules: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        rules.setdefault((row.what, row.why, row.kind), []).append(row)
    return tuple(
        f"{what}: {why}, {counted(sum(row.last + 1 - row.first for row in told), 'frame')} {kind}, "
        f"from frame {told[0].first}."
        for (what, why, kind), told in rules.items()
    )


def rows_where(flags: Tensor, kind: Kind, what: str, why: str, *, asked: Told, got: Told = "none") -> list[Row]:
    """Return one row per stretch of flagged frames.

    Args:
        flags: (frames,) bool.
        kind: of every row.
        what: of every row.
        why: of every row.
        asked: of every row, or how a stretch of frames is told.
        got: of every row, or how a stretch of frames is told.
    """
    flagged = flags.numpy()

    def told(how: Told, first: int, last: int) -> str:
        return how if isinstance(how, str) else how(slice(first, last + 1))

    return [
        Row(kind, first, last, what, told(asked, first, last), told(got, first, last), why)
        for first, last in _stretches(flagged)
        if flagged[first]
    ]


def rows_of_labels(labels: list[tuple[str, str] | None], kind: Kind, what: str, why: str) -> list[Row]:
    """Return one row per stretch of equal labels: (asked, got) of each frame, `None` where nothing is lost."""
    rows, frame = [], 0
    for label, stretch in groupby(labels):
        length = sum(1 for _ in stretch)
        if label is not None:
            rows.append(Row(kind, frame, frame + length - 1, what, *label, why))
        frame += length
    return rows


def degrees_a_frame(values: Sequence[float]) -> str:
    """Show turns, smallest to largest."""
    least, most = (f"{value:+.2f}".replace("-", "\N{MINUS SIGN}") for value in (min(values), max(values)))
    return f"{least} °/f" if least == most else f"{least} to {most} °/f"


def _stretches(values: np.ndarray) -> list[tuple[int, int]]:
    """Return first and last index of each stretch of equal values."""
    edges = [0, *(np.flatnonzero(values[1:] != values[:-1]) + 1).tolist(), len(values)]
    return [(first, after - 1) for first, after in pairwise(edges) if after > first]
