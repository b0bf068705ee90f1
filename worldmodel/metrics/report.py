"""The evaluation of Tiny World, row by row with its bars."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ..sampling import Levels
from ..tinyworld.player import Player
from . import drift, right_world, suites
from .intervals import Estimate, mean_of


class Bar(NamedTuple):
    """What a figure must reach: not below `least`, not above `most`."""

    least: float = float("-inf")
    most: float = float("inf")

    def met(self, value: float) -> bool:
        """Tell whether a figure reaches the bar; what is not a number does not."""
        return self.least <= value <= self.most


class Row(NamedTuple):
    """One measured figure; without a bar it only informs."""

    name: str
    unit: str
    figure: Estimate
    bar: Bar | None


class Form(NamedTuple):
    """How much is measured."""

    starts: int
    walks: int
    frames: int
    levels: Levels | None


Rows = Iterator[tuple[str, str, Estimate]]


def right_world_rows(player: Player, form: Form) -> Rows:
    """Yield the rows of the start frame's surfaces."""
    found = right_world.measure(player, suites.load()["world"], form.starts, form.levels)
    yield "world", "dB", mean_of(found.made)
    yield "world frozen", "dB", mean_of(found.frozen)
    yield "world astray", "dB", mean_of(found.astray)
    yield "world over frozen", "dB", mean_of(found.made - found.frozen)
    yield "world over astray", "dB", mean_of(found.made - found.astray)


def sharp_rows(player: Player, form: Form) -> Rows:
    """Yield the ratios of long walks to the true films through the VAE, and raw."""
    found = drift.watch(player, suites.load()["long"], form.walks, form.frames, form.levels)
    for name, span in zip(("early", "late"), drift.spans(form.frames), strict=True):
        for measure in drift.MEASURES:
            yield f"{measure} {name}", "x", drift.ratio(found, measure, span)
            yield f"{measure} {name} raw", "x", drift.ratio(found, measure, span, "true")


GROUPS: dict[str, Callable[[Player, Form], Rows]] = {"world": right_world_rows, "sharp": sharp_rows}
BARS = {
    "world": Bar(20.0),
    "world over frozen": Bar(3.0),
    "world over astray": Bar(3.0),
    **{f"{measure} {name}": Bar(0.8, 1.2) for measure in drift.MEASURES for name in ("early", "late")},
}
_FORMATS = {"dB": "{:.2f} dB", "x": "{:.3f}", "%": "{:.1%}"}


def say(line: str) -> None:
    """Write one line of the report."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def evaluate(player: Player, form: Form, groups: list[str]) -> list[Row]:
    """Measure and print every row as it comes."""
    rows = []
    for group in groups:
        for name, unit, figure in GROUPS[group](player, form):
            rows.append(Row(name, unit, figure, BARS.get(name)))
            say(line_of(rows[-1]))
    return rows


def line_of(row: Row) -> str:
    """Return a row as text."""
    value, low, high = (_FORMATS[row.unit].format(number) for number in row.figure)
    return f"{row.name:24s} {value:>9s}  [{low}, {high}]  {_verdict(row)}".rstrip()


def _verdict(row: Row) -> str:
    if row.bar is None:
        return ""
    ends = [
        f"{word} {_FORMATS[row.unit].format(end)}"
        for word, end in (("at least", row.bar.least), ("at most", row.bar.most))
        if abs(end) != float("inf")
    ]
    return f"bar {', '.join(ends)}: {'met' if row.bar.met(row.figure.value) else 'MISSED'}"
