"""Strict JSON: numbers as JavaScript reads them, no member twice, and checks that name the member."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from .limits import MAX_FRAMES
from .words import SHOWN_LETTERS, shortened

MAX_DEPTH = 100
"""Lists and objects within one another; what is read may be written back, which takes Python's stack once more."""
_SAFE_DIGITS = 15
"""Digits of a whole number that JavaScript's numbers hold all of."""
_SURROGATE = re.compile("[\ud800-\udfff]")


def load(text: str) -> Any:
    """Parse JSON; it takes time and memory in proportion to the text.

    Raises:
        ValueError: it is none, with line and column, a member stands twice, or it is nested deeper than `MAX_DEPTH`.
    """
    too_deep = f"nested too deeply, found more than {MAX_DEPTH} levels; a track has at most four"
    try:
        value = json.loads(text, object_pairs_hook=_members_once, parse_float=_number, parse_int=_whole_number)
    except json.JSONDecodeError as error:
        raise ValueError(f"not valid JSON at line {error.lineno}, column {error.colno}: {error.msg}") from None
    except RecursionError:
        raise ValueError(too_deep) from None
    if text.count("[") + text.count("{") > MAX_DEPTH and _is_deep(value):
        raise ValueError(too_deep)
    return value


def dump(value: Any) -> str:
    """Write JSON without spaces.

    Raises:
        ValueError: it holds NaN or infinity.
    """
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def shown(value: Any) -> str:
    """Show a value as its JSON, shortened."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "infinity"
    text = ""
    for piece in json.JSONEncoder().iterencode(value):
        text += piece
        if len(text) > SHOWN_LETTERS:
            break  # the rest may be millions of members
    return shortened(text)


def checked_object(value: Any, field: str) -> dict[str, Any]:
    """Return an object; nothing is an empty one."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError(f"{field} must be an object, not {shown(value)}")
    return value


def checked_list(value: Any, field: str) -> list[Any]:
    """Return a list; nothing is an empty one."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise ValueError(f"{field} must be a list, not {shown(value)}")
    return value


def checked_whole(value: Any, field: str, least: int = 0) -> int:
    """Return a frame or a number of frames."""
    if not is_whole(value) or not least <= value <= MAX_FRAMES:
        raise ValueError(f"{field} must be a whole number from {least} to {MAX_FRAMES}, not {shown(value)}")
    return value


def checked_number(value: Any, field: str) -> float:
    """Return a finite number."""
    if not is_number(value) or not math.isfinite(value):
        raise ValueError(f"{field} must be a number, not {shown(value)}")
    return float(value)


def checked_numbers(value: Any, field: str, count: int) -> list[float]:
    """Return a list of so many finite numbers."""
    if not isinstance(value, list) or len(value) != count:
        found = f"a list of {len(value)}" if isinstance(value, list) else shown(value)
        raise ValueError(f"{field} must be a list of {count} numbers, not {found}")
    return [checked_number(number, f"{field}[{i}]") for i, number in enumerate(value)]


def is_number(value: Any) -> bool:
    """Tell whether a value is a number, which true and false are not; it may be NaN or infinite."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_whole(value: Any) -> bool:
    """Tell whether a value is a whole number."""
    return isinstance(value, int) and not isinstance(value, bool)


def holds_half_character(text: str) -> bool:
    """Tell whether a text holds a lone surrogate, which UTF-8 cannot carry."""
    return _SURROGATE.search(text) is not None


def check_text(text: str, field: str) -> None:
    """Refuse what UTF-8 cannot carry."""
    if holds_half_character(text):
        raise ValueError(f"{field} holds half of a character (a lone surrogate); write its text again")


def _is_deep(value: Any) -> bool:
    """Tell whether lists and objects lie deeper in one another than `MAX_DEPTH`, level by level."""
    level = [value] if isinstance(value, (list, dict)) else []
    for _ in range(MAX_DEPTH):
        inner = (member.values() if isinstance(member, dict) else member for member in level)
        level = [part for parts in inner for part in parts if isinstance(part, (list, dict))]
        if not level:
            return False
    return True


def _members_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        met: set[str] = set()
        twice = next(name for name, _ in pairs if name in met or met.add(name))
        raise ValueError(f"'{shortened(twice)}' stands twice in one object; keep one")
    return members


def _whole_number(text: str) -> int | float:
    return int(text) if len(text) <= _SAFE_DIGITS else _number(text)


def _number(text: str) -> int | float:
    """Read 57.0 as 57, as JavaScript does: JSON has one kind of number."""
    value = float(text)
    return int(value) if value.is_integer() and abs(value) < 2**53 else value
