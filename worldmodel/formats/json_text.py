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
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
        raise ValueError(f"{field} must be a number, not {shown(value)}")
    return float(value)


def checked_numbers(value: Any, field: str, count: int) -> list[float]:
    """Return a list of so many finite numbers."""
    if not isinstance(value, list) or len(value) != count:
        found = f"a list of {len(value)}" if isinstance(value, list) else shown(value)
        raise ValueError(f"{field} must be a list of {count} numbers, not {found}")
    return [checked_number(number, f"{field}[{i}]") for i, number in enumerate(value)]


def is_whole(value: Any) -> bool:
    """Tell whether a value is a whole number."""
    return isinstance(value, int) and not isinstance(value, bool)


def check_version(data: dict[str, Any], newest: int) -> None:
    """Refuse a document of a version that nobody has written yet, or of none."""
    version = data.get("version")
    if not is_whole(version) or version < 1:
        found = f"not {shown(version)}" if "version" in data else "and it is missing"
        raise ValueError(f"version must be {newest}, {found}")
    if version > newest:
        raise ValueError(
            f"version: made by a newer version ({version}), this one reads up to {newest}; update the pack"
        )


def kept_members(members: dict[str, Any], known: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Keep what this version does not know as text, so that it is written back."""
    kept = []
    for name, value in members.items():
        if name in known:
            continue
        try:
            text = dump(value)
        except ValueError:
            raise ValueError(f"{shown(name)} holds NaN or infinity, which JSON has no word for; remove it") from None
        check_text(name + text, shown(name))
        kept.append((name, text))
    return tuple(kept)


def check_text(text: str, field: str) -> None:
    """Refuse what UTF-8 cannot carry."""
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ValueError(f"{field} holds half of a character (a lone surrogate); write its text again")


def joined(members: list[tuple[str, str]]) -> str:
    """Write an object of members whose values are JSON text already."""
    return "{" + ",".join(f"{dump(name)}:{text}" for name, text in members) + "}"


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
