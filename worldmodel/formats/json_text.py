"""Strict JSON: numbers as JavaScript reads them, no member twice, and checks that name the member."""

from __future__ import annotations

import json
import math
from typing import Any

from ..timeline import MAX_FRAMES, shortened


def load(text: str) -> Any:
    """Parse JSON.

    Raises:
        ValueError: it is none, with line and column, or a member stands twice.
    """
    try:
        return json.loads(text, object_pairs_hook=_members_once, parse_float=_number, parse_int=_number)
    except json.JSONDecodeError as error:
        raise ValueError(f"not valid JSON at line {error.lineno}, column {error.colno}: {error.msg}") from None
    except RecursionError:
        raise ValueError("nested too deeply; a track has at most four levels") from None


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
    return shortened(json.dumps(value))


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
    return any("\ud800" <= letter <= "\udfff" for letter in text)


def check_text(text: str, field: str) -> None:
    """Refuse what UTF-8 cannot carry."""
    if holds_half_character(text):
        raise ValueError(f"{field} holds half of a character (a lone surrogate); write its text again")


def _members_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"'{twice}' stands twice in one object; keep one")
    return members


def _number(text: str) -> int | float:
    """Read 57.0 as 57, as JavaScript does: JSON has one kind of number."""
    value = float(text)
    return int(value) if value.is_integer() and abs(value) < 2**53 else value
