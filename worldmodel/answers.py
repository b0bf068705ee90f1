"""Answers to the page as JSON bytes, written in pieces: a long one in one piece keeps every other thread waiting."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

PIECE = 2000
"""Members of a list written at once: some milliseconds."""
TEXT_PIECE = 200_000
"""Letters written at once."""


def written(value: Any) -> bytes:
    """Write a value as JSON.

    Args:
        value: plain JSON values.
    """
    return "".join(_pieces(value)).encode()


def _pieces(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        between = "{"
        for name, member in value.items():
            yield f"{between}{json.dumps(name)}:"
            yield from _pieces(member)
            between = ","
        yield "}" if value else "{}"
    elif isinstance(value, list) and len(value) > PIECE:
        for start in range(0, len(value), PIECE):
            yield "," if start else "["
            yield _dump(value[start : start + PIECE])[1:-1]
        yield "]"
    elif isinstance(value, str) and len(value) > TEXT_PIECE:
        yield '"'
        for start in range(0, len(value), TEXT_PIECE):
            yield _dump(value[start : start + TEXT_PIECE])[1:-1]
        yield '"'
    else:
        yield _dump(value)


def _dump(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
