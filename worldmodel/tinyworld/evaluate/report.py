"""The evaluation as text: every row as it comes, with its interval and its bar."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Mapping, Sequence

from .bars import Bar
from .rows import GROUPS, Form, Row, check
from .suites import NAME

_FORMATS = {"dB": "{:.2f} dB", "": "{:.3f}", "%": "{:.1%}", "/s": "{:.1f}/s", "s": "{:.2f} s"}


def say(line: str) -> None:
    """Write one line of the report."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def evaluate(form: Form, groups: Sequence[str], bars: Mapping[str, Bar]) -> tuple[list[Row], list[Row]]:
    """Measure groups of rows and print every row as it comes.

    Returns:
        All rows, and those that miss their bar.

    Raises:
        ValueError: see `rows.check`.
    """
    check(form, groups)
    say(f"suite {NAME}: {form.starts} starts, {form.walks} walks of {form.frames} frames; mean [95 % interval]")
    rows, missed = [], []
    for group in groups:
        begin = time.monotonic()
        for row in GROUPS[group](form):
            bar = bars.get(row.name)
            rows.append(row)
            if bar is not None and not bar.met(row.figure.value):
                missed.append(row)
            say(line_of(row, bar))
        say(f"  ({group} took {time.monotonic() - begin:.0f} s)")
    say("all bars met" if not missed else f"missed: {', '.join(row.name for row in missed)}")
    return rows, missed


def line_of(row: Row, bar: Bar | None) -> str:
    """Return a row as text."""
    value, low, high = (_FORMATS[row.unit].format(number) for number in row.figure)
    interval = f"[{low}, {high}]" if low != high else ""
    return f"{row.name:24s} {value:>9s}  {interval:22s} {_verdict(row, bar)}".rstrip()


def _verdict(row: Row, bar: Bar | None) -> str:
    if bar is None:
        return ""
    ends = [
        f"{word} {_FORMATS[row.unit].format(end)}"
        for word, end in (("at least", bar.least), ("at most", bar.most))
        if abs(end) != float("inf")
    ]
    return f"bar {', '.join(ends)}: {'met' if bar.met(row.figure.value) else 'MISSED'}"


def figures(rows: Iterable[Row]) -> dict[str, list[float]]:
    """Return rows as JSON: each name with its mean and the ends of its interval."""
    return {row.name: [round(number, 4) for number in row.figure] for row in rows}
