"""Frames and ranges of frames as people write them."""

from __future__ import annotations

from ..reading.words import shortened

MOST = 10_000
"""Frames or ranges in a text; no walk needs more."""


def read_frames(text: str, field: str) -> tuple[int, ...]:
    """Read frames such as `12, 480`.

    Args:
        text: numbers with commas or spaces between them; empty for none.
        field: that messages name.

    Raises:
        ValueError: something else stands there.
    """
    return tuple(_number(word, field, "12, 480") for word in _words(text, field))


def read_ranges(text: str, field: str) -> tuple[tuple[int, int], ...]:
    """Read ranges such as `100-160, 300`, first and last frame each; see `read_frames`."""
    found = []
    for word in _words(text, field):
        first, dash, last = word.partition("-")
        number = _number(first, field, "100-160, 300")
        found.append((number, _number(last, field, "100-160, 300") if dash else number))
    return tuple(found)


def _words(text: str, field: str) -> list[str]:
    words = text.replace(",", " ").replace("–", "-").split()
    if len(words) > MOST:
        raise ValueError(f"{field}: found {len(words)} of them, expected at most {MOST}; write ranges, or fewer.")
    return words


def _number(word: str, field: str, such_as: str) -> int:
    if not word.isdecimal() or len(word) > 9:
        raise ValueError(f"{field}: found {shortened(word)!r}, expected frames such as {such_as}; correct it.")
    return int(word)
