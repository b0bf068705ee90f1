"""What the documents of both editors share: their head, members that a newer version adds, how numbers are written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from .json_text import check_text, checked_whole, dump, is_whole, shown
from .limits import DEFAULT_FRAMES


class Head(NamedTuple):
    """What the beginning of a document must say.

    Args:
        kind: its type, and what messages call it.
        refusal: what is said of other types.
        elsewhere: what is said of those types that are read in another place.
        newest: version that is read.
    """

    kind: str
    refusal: str
    elsewhere: Mapping[str, str]
    newest: int


def checked_members(data: Any, head: Head) -> dict[str, Any] | None:
    """Check the head of a document.

    Args:
        data: JSON values.
        head: what they must say.

    Returns:
        Its members; `None` for `null` and `{}`, which stand for an empty document.

    Raises:
        ValueError: in one sentence, what is wrong with the head, and what to write instead.
    """
    if data is None or data == {}:
        return None
    if not isinstance(data, dict):
        raise ValueError(f'a {head.kind} is an object such as {{"type":"{head.kind}",...}}, not {shown(data)}')
    found = data.get("type")
    if isinstance(found, str) and found in head.elsewhere:
        raise ValueError(f"type '{found}' {head.elsewhere[found]}")
    if found != head.kind:
        raise ValueError(f"{head.refusal}, {_not_that(data, 'type')}")
    check_version(data, head.newest)
    return data


def check_version(data: dict[str, Any], newest: int) -> None:
    """Refuse a document of a version that nobody has written yet, or of none."""
    version = data.get("version")
    if not is_whole(version) or version < 1:
        raise ValueError(f"version must be {newest}, {_not_that(data, 'version')}")
    if version > newest:
        raise ValueError(
            f"version: made by a newer version ({version}), this one reads up to {newest}; update the pack"
        )


def checked_frames(data: dict[str, Any], kind: str) -> int:
    """Return a document's length in frames."""
    if "frames" not in data:
        raise ValueError(f'frames is missing; write the length of the {kind}, such as "frames":{DEFAULT_FRAMES}')
    return checked_whole(data["frames"], "frames", least=1)


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


def joined(members: Iterable[tuple[str, str]]) -> str:
    """Write an object of members whose values are JSON text already."""
    return "{" + ",".join(f"{dump(name)}:{text}" for name, text in members) + "}"


def plain(value: float) -> int | float:
    """Return what is written of a number: 57 of 57.0, as JavaScript does."""
    return int(value) if value == int(value) else float(value)


def _not_that(data: dict[str, Any], name: str) -> str:
    return f"not {shown(data[name])}" if name in data else "and it is missing"
