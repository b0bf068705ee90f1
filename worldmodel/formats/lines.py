"""Lines of numbers, checked by their line's number."""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..camera.poses import quaternion_rotations
from ..reading.asked import nothing
from ..reading.limits import MAX_FRAMES
from ..reading.words import shortened

_DIGITS = re.compile("([0-9]+)")
_OFTEN = 1024
"""Lines between two looks at whether the user has stopped."""
_LONG = 10_000
"""Letters of a line from which on it is no row of a few numbers."""
_HUGE = 1e6
"""More than any part of a quaternion, and little enough to be squared."""
_UNIT = 0.05
"""Largest error of a quaternion's length; two digits behind the point make up to 0.02."""


def rows(text: str | Iterable[str], check: Callable[[], None] = nothing) -> Iterator[tuple[int, str]]:
    """Yield the lines of a text with their numbers, counted from 1, one at a time.

    Args:
        text: with line ends of any system, or an open file.
        check: called now and then; raises what is to end the reading.
    """
    for line, row in enumerate(_split(text) if isinstance(text, str) else text, start=1):
        if not line % _OFTEN:
            check()
        yield line, row


def _split(text: str) -> Iterator[str]:
    """Yield lines of a text without a copy of all of it, which `splitlines` and `StringIO` make."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    begin = 0
    while begin < len(text):
        end = text.find("\n", begin) + 1 or len(text)
        yield text[begin:end]
        begin = end


def natural(name: str) -> tuple[tuple[str | tuple[int, str], ...], str]:
    """Return a key that sorts names as people count: frame 9 before frame 10, however many zeros lead."""
    parts: list[str | tuple[int, str]] = []
    for place, part in enumerate(_DIGITS.split(name)):
        number = part.lstrip("0")
        parts.append((len(number), number) if place % 2 else part)  # as text: a name may have thousands of digits
    return tuple(parts), name


class Table(NamedTuple):
    """Rows of numbers.

    Args:
        lines: R numbers of their lines.
        values: (R, columns) float64; NaN and infinity stand as they are.
        first: R texts of the first column, as the file writes them.
        comments: what stands before the first row: comments and lines without numbers.
        notes: what was left out.
    """

    lines: list[int]
    values: np.ndarray
    first: list[str]
    comments: list[str]
    notes: tuple[str, ...]

    def name(self, row: int) -> str:
        """Return how a message calls a row."""
        return f"line {self.lines[row]}"


def table(text: str, columns: int, told: str, check: Callable[[], None] = nothing) -> Table:
    """Read rows of so many numbers, apart by spaces or commas; comments begin with #, a short last line is left out.

    Args:
        text: of the file.
        columns: how many numbers stand in a line.
        told: what they are, for messages.
        check: called now and then.

    Raises:
        ValueError: names the line that is none, or says that there is no row.
    """
    values, first, lines, comments, short = array("d"), [], [], [], None
    for line, row in rows(text, check):
        if len(row) > _LONG:
            raise ValueError(f"line {line}: found {len(row)} letters, expected {columns} numbers: {told}")
        cells = row.replace(",", " ").split()
        if not cells or cells[0].startswith("#"):
            comments += [row.strip()] * (not lines and len(comments) < 9)
            continue
        if short is not None:
            raise ValueError(f"line {short[0]}: found {short[1]} numbers, expected {columns}: {told}")
        if len(cells) != columns:
            if not lines and len(comments) < 9 and not is_number(cells[0]):
                comments.append(row.strip())
            else:
                short = line, len(cells)
            continue
        if len(lines) == MAX_FRAMES:
            raise ValueError(f"line {line}: more than {MAX_FRAMES} frames; cut the file")
        try:
            values.extend(map(float, cells))
        except ValueError:
            if not lines and not is_number(cells[0]):
                del values[:]
                comments.append(row.strip())
                continue
            raise no_number(cells, line) from None
        first.append(cells[0])
        lines.append(line)
    if short is not None and (not lines or short[1] > columns):
        raise ValueError(f"line {short[0]}: found {short[1]} numbers, expected {columns}: {told}")
    if not lines:
        head = next((f", but {shortened(comment)!r}" for comment in comments if not comment.startswith("#")), "")
        raise ValueError(f"found no pose{head}, expected lines of {told}")
    notes = () if short is None else (f"Line {short[0]}, the last, is cut short: left out.",)
    return Table(lines, np.frombuffer(values).reshape(-1, columns), first, comments, notes)


def columns_of(text: str) -> int:
    """Return how many numbers stand in the first line that begins with one; 0 where none of the first lines does."""
    for line, row in rows(text):
        cells = row[:_LONG].replace(",", " ").split()
        if cells and all(map(is_number, cells)):
            return len(cells)
        if line > 100:
            break
    return 0


def is_number(text: str) -> bool:
    """Tell whether a text is a number, which may be NaN or infinite."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def no_number(cells: Iterable[str], line: int) -> ValueError:
    """Return the error that names the first of some cells that is no number."""
    wrong = next(cell for cell in cells if not is_number(cell))
    return ValueError(f"line {line}: {shortened(wrong)!r} is no number")


def turns(quaternions: np.ndarray, names: Callable[[int], str]) -> Tensor:
    """Turn quaternions of a file, which rounds them, into rotations.

    Args:
        quaternions: (R, 4) float64: w, x, y, z.
        names: how a message calls each row.

    Returns:
        (R, 3, 3), NaN where all four are 0, which stands for no pose, or one of them is no number.

    Raises:
        ValueError: a length is not near 1; names the first row.
    """
    lengths = np.linalg.norm(quaternions.clip(-_HUGE, _HUGE), axis=1)
    none = ~np.isfinite(quaternions).all(1) | (lengths == 0)
    wrong = ~none & (np.abs(lengths - 1) > _UNIT)
    if wrong.any():
        at = int(wrong.argmax())
        raise ValueError(f"{names(at)}: the quaternion must have length 1, not {lengths[at]:.6g}")
    rotations = quaternion_rotations(torch.from_numpy(np.where(none[:, None], [1.0, 0, 0, 0], quaternions)))
    rotations[torch.from_numpy(none)] = torch.nan
    return rotations
