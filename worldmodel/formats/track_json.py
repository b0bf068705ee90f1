"""The action track's versioned JSON (`type` "track", version 1): strict reading, canonical writing.

Canonical text has its members in a fixed order, no spaces, numbers in thousandths, spans sorted and merged, so that
equal tracks are equal texts.
"""

from __future__ import annotations

import json
import math
from typing import Any

from ..timeline import (
    DEFAULT_FRAMES,
    EASINGS,
    MAX_DEGREES,
    MAX_FRAMES,
    WORDS,
    Keyframe,
    Span,
    Timeline,
    canonical,
    shortened,
    unknown_word,
)

VERSION = 1
_MEMBERS = ("type", "version", "frames", "keys", "mouse", "prompts")
_CURVES = ("yaw", "pitch")


def read(text: str) -> Timeline:
    """Parse a track's JSON; `null` and `{}` are an empty track of the default length.

    Raises:
        ValueError: in one sentence, which member is wrong, what was found and what to write instead.
    """
    data = _load(text)
    if data is None or data == {}:
        return Timeline(DEFAULT_FRAMES)
    if not isinstance(data, dict):
        raise ValueError(f'a track is an object such as {{"type":"track",...}}, not {_shown(data)}')
    _check_kind(data)
    mouse = _object(data.get("mouse"), "mouse")
    return canonical(
        Timeline(
            frames=_frames(data),
            keys=_keys(_object(data.get("keys"), "keys")),
            yaw=_curve(mouse.get("yaw"), "mouse.yaw"),
            pitch=_curve(mouse.get("pitch"), "mouse.pitch"),
            prompts=_prompts(data.get("prompts")),
            extra=_unknown(data, _MEMBERS),
            mouse_extra=_unknown(mouse, _CURVES),
        )
    )


def write(timeline: Timeline) -> str:
    """Write the canonical JSON text of a timeline."""
    t = canonical(timeline)
    mouse = [(name, _json([_entry(keyframe) for keyframe in getattr(t, name)])) for name in _CURVES if getattr(t, name)]
    members = [
        ("type", '"track"'),
        ("version", str(VERSION)),
        ("frames", str(t.frames)),
        ("keys", _json(dict(t.keys))),
        ("mouse", _joined([*mouse, *t.mouse_extra])),
        ("prompts", _json(t.prompts)),
    ]
    return _joined([*members, *t.extra])


def _load(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_members_once, parse_float=_number, parse_int=_number)
    except json.JSONDecodeError as error:
        raise ValueError(f"not valid JSON at line {error.lineno}, column {error.colno}: {error.msg}") from None
    except RecursionError:
        raise ValueError("nested too deeply; a track has at most four levels") from None


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


def _check_kind(data: dict[str, Any]) -> None:
    kind, version = data.get("type"), data.get("version")
    if kind in ("poses", "path"):
        raise ValueError(f"type '{kind}' is a camera path, which Action Track cannot read yet; give it a 'track'")
    if kind != "track":
        found = f"not {_shown(kind)}" if "type" in data else "and it is missing"
        raise ValueError(f'type must be "track", {found}')
    if not _is_whole(version) or version < 1:
        found = f"not {_shown(version)}" if "version" in data else "and it is missing"
        raise ValueError(f"version must be {VERSION}, {found}")
    if version > VERSION:
        raise ValueError(
            f"version: made by a newer version ({version}), this one reads up to {VERSION}; update the pack"
        )


def _frames(data: dict[str, Any]) -> int:
    if "frames" not in data:
        raise ValueError(f'frames is missing; write the length of the track, such as "frames":{DEFAULT_FRAMES}')
    return _whole(data["frames"], "frames", least=1)


def _keys(lanes: dict[str, Any]) -> tuple[tuple[str, tuple[Span, ...]], ...]:
    keys = []
    for word, spans in lanes.items():
        field = f"keys.{word}"
        if word not in WORDS:
            raise ValueError(f"{_first_frame(spans)}{unknown_word(word)}")
        keys.append((word, tuple(_span(span, f"{field}[{i}]") for i, span in enumerate(_list(spans, field)))))
    return tuple(keys)


def _span(span: Any, field: str) -> Span:
    if not isinstance(span, list) or len(span) != 2:
        raise ValueError(f"{field} must be [first frame, length], not {_shown(span)}")
    start, length = _whole(span[0], f"{field} first frame"), _whole(span[1], f"{field} length", least=1)
    if start + length > MAX_FRAMES:
        raise ValueError(f"{field} ends at frame {start + length - 1}; tracks end before frame {MAX_FRAMES}")
    return start, length


def _curve(keyframes: Any, field: str) -> tuple[Keyframe, ...]:
    curve: dict[int, Keyframe] = {}
    for i, entry in enumerate(_list(keyframes, field)):
        if not isinstance(entry, list) or len(entry) not in (2, 3):
            raise ValueError(f"{field}[{i}] must be [frame, degrees per frame, easing], not {_shown(entry)}")
        frame, value, easing = _whole(entry[0], f"{field}[{i}] frame"), entry[1], (*entry, "linear")[2]
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not abs(value) <= MAX_DEGREES:
            raise ValueError(
                f"frame {frame}: {field}[{i}] must be degrees per frame between -{MAX_DEGREES:g} and {MAX_DEGREES:g}, "
                f"not {_shown(value)}"
            )
        if easing not in EASINGS:
            raise ValueError(
                f"frame {frame}: {field}[{i}] easing must be one of {', '.join(EASINGS)}, not {_shown(easing)}"
            )
        if frame in curve:
            raise ValueError(f"frame {frame}: {field} has two keyframes here; keep one")
        curve[frame] = Keyframe(frame, value, easing)
    return tuple(curve.values())


def _prompts(entries: Any) -> tuple[tuple[int, str], ...]:
    prompts: dict[int, str] = {}
    for i, entry in enumerate(_list(entries, "prompts")):
        if not isinstance(entry, list) or len(entry) != 2 or not isinstance(entry[1], str):
            raise ValueError(f"prompts[{i}] must be [frame, text], not {_shown(entry)}")
        frame = _whole(entry[0], f"prompts[{i}] frame")
        if frame in prompts:
            raise ValueError(f"frame {frame}: two prompts start here; keep one")
        _check_text(entry[1], f"prompts[{i}]")
        prompts[frame] = entry[1]
    return tuple(prompts.items())


def _unknown(members: dict[str, Any], known: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Keep what this version does not know as text, so that it is written back."""
    kept = []
    for name, value in members.items():
        if name in known:
            continue
        try:
            text = _json(value)
        except ValueError:
            raise ValueError(f"{_shown(name)} holds NaN or infinity, which JSON has no word for; remove it") from None
        _check_text(name + text, _shown(name))
        kept.append((name, text))
    return tuple(kept)


def _object(value: Any, field: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError(f"{field} must be an object, not {_shown(value)}")
    return value


def _list(value: Any, field: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise ValueError(f"{field} must be a list, not {_shown(value)}")
    return value


def _whole(value: Any, field: str, least: int = 0) -> int:
    if not _is_whole(value) or not least <= value <= MAX_FRAMES:
        raise ValueError(f"{field} must be a whole number from {least} to {MAX_FRAMES}, not {_shown(value)}")
    return value


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _check_text(text: str, field: str) -> None:
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ValueError(f"{field} holds half of a character (a lone surrogate); write its text again")


def _first_frame(spans: Any) -> str:
    starts = [span[0] for span in spans if isinstance(span, list) and span] if isinstance(spans, list) else []
    frames = [start for start in starts if _is_whole(start)]
    return f"frame {min(frames)}: " if frames else ""


def _shown(value: Any) -> str:
    """Show a value as its JSON, shortened."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "infinity"
    return shortened(json.dumps(value))


def _entry(keyframe: Keyframe) -> list[Any]:
    value = int(keyframe.value) if keyframe.value == int(keyframe.value) else keyframe.value
    return [keyframe.frame, value] + [keyframe.easing] * (keyframe.easing != "linear")


def _joined(members: list[tuple[str, str]]) -> str:
    return "{" + ",".join(f"{_json(name)}:{text}" for name, text in members) + "}"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
