"""The action track's versioned JSON (`type` "track", version 1): strict reading, canonical writing.

Canonical text has its members in a fixed order, no spaces, numbers in thousandths, spans sorted and merged, so that
equal tracks are equal texts.
"""

from __future__ import annotations

from typing import Any

from ..reading.document import Head, checked_frames, checked_members, joined, kept_members, plain
from ..reading.json_text import (
    check_text,
    checked_list,
    checked_object,
    checked_whole,
    dump,
    is_number,
    is_whole,
    load,
    shown,
)
from ..reading.limits import DEFAULT_FRAMES, MAX_FRAMES
from .timeline import EASINGS, MAX_DEGREES, WORDS, Keyframe, Span, Timeline, canonical, unknown_word

VERSION = 1
_MEMBERS = ("type", "version", "frames", "keys", "mouse", "prompts")
_CURVES = ("yaw", "pitch")
_CAMERAS = {
    "path": "is a camera, not a track; give it to Camera Path",
    "poses": "is a camera, not a track; read it from a file with Load Track",
}
_HEAD = Head("track", 'type must be "track"', _CAMERAS, VERSION)


def read(text: str) -> Timeline:
    """Parse a track's JSON; see `parse`."""
    return parse(load(text))


def parse(value: Any) -> Timeline:
    """Read a track out of JSON values; `null` and `{}` are an empty track of the default length.

    Raises:
        ValueError: in one sentence, which member is wrong, what was found and what to write instead.
    """
    data = checked_members(value, _HEAD)
    if data is None:
        return Timeline(DEFAULT_FRAMES)
    mouse = checked_object(data.get("mouse"), "mouse")
    return canonical(
        Timeline(
            frames=checked_frames(data, "track"),
            keys=_keys(checked_object(data.get("keys"), "keys")),
            yaw=_curve(mouse.get("yaw"), "mouse.yaw"),
            pitch=_curve(mouse.get("pitch"), "mouse.pitch"),
            prompts=_prompts(data.get("prompts")),
            extra=kept_members(data, _MEMBERS),
            mouse_extra=kept_members(mouse, _CURVES),
        )
    )


def write(timeline: Timeline) -> str:
    """Write the canonical JSON text of a timeline."""
    t = canonical(timeline)
    mouse = [(name, dump([_entry(keyframe) for keyframe in getattr(t, name)])) for name in _CURVES if getattr(t, name)]
    members = [
        ("type", '"track"'),
        ("version", str(VERSION)),
        ("frames", str(t.frames)),
        ("keys", dump(dict(t.keys))),
        ("mouse", joined([*mouse, *t.mouse_extra])),
        ("prompts", dump(t.prompts)),
    ]
    return joined([*members, *t.extra])


def _keys(lanes: dict[str, Any]) -> tuple[tuple[str, tuple[Span, ...]], ...]:
    keys = []
    for word, spans in lanes.items():
        field = f"keys.{word}"
        if word not in WORDS:
            raise ValueError(f"{_first_frame(spans)}{unknown_word(word)}")
        keys.append((word, tuple(_span(span, field, i) for i, span in enumerate(checked_list(spans, field)))))
    return tuple(keys)


def _span(span: Any, field: str, number: int) -> Span:
    if isinstance(span, list) and len(span) == 2 and is_whole(span[0]) and is_whole(span[1]):
        start, length = span
        if start >= 0 and length >= 1 and start + length <= MAX_FRAMES:
            return start, length
    field = f"{field}[{number}]"  # what is wrong is looked for only where something is: there may be 100,000 spans
    if not isinstance(span, list) or len(span) != 2:
        raise ValueError(f"{field} must be [first frame, length], not {shown(span)}")
    start, length = checked_whole(span[0], f"{field} first frame"), checked_whole(span[1], f"{field} length", least=1)
    raise ValueError(f"{field} ends at frame {start + length - 1}; tracks end before frame {MAX_FRAMES}")


def _curve(keyframes: Any, field: str) -> tuple[Keyframe, ...]:
    curve: dict[int, Keyframe] = {}
    for i, entry in enumerate(checked_list(keyframes, field)):
        keyframe = _keyframe(entry, field, i)
        if keyframe.frame in curve:
            raise ValueError(f"frame {keyframe.frame}: {field} has two keyframes here; keep one")
        curve[keyframe.frame] = keyframe
    return tuple(curve.values())


def _keyframe(entry: Any, field: str, number: int) -> Keyframe:
    if not isinstance(entry, list) or len(entry) not in (2, 3):
        raise ValueError(f"{field}[{number}] must be [frame, degrees per frame, easing], not {shown(entry)}")
    frame, value, easing = (*entry, "linear")[:3]
    if not is_whole(frame) or not 0 <= frame <= MAX_FRAMES:
        checked_whole(frame, f"{field}[{number}] frame")
    if not is_number(value) or not abs(value) <= MAX_DEGREES:
        raise ValueError(
            f"frame {frame}: {field}[{number}] must be degrees per frame between -{MAX_DEGREES:g} and {MAX_DEGREES:g}, "
            f"not {shown(value)}"
        )
    if easing not in EASINGS:
        raise ValueError(
            f"frame {frame}: {field}[{number}] easing must be one of {', '.join(EASINGS)}, not {shown(easing)}"
        )
    return Keyframe(frame, value, easing)


def _prompts(entries: Any) -> tuple[tuple[int, str], ...]:
    prompts: dict[int, str] = {}
    for i, entry in enumerate(checked_list(entries, "prompts")):
        if not isinstance(entry, list) or len(entry) != 2 or not isinstance(entry[1], str):
            raise ValueError(f"prompts[{i}] must be [frame, text], not {shown(entry)}")
        frame = checked_whole(entry[0], f"prompts[{i}] frame")
        if frame in prompts:
            raise ValueError(f"frame {frame}: two prompts start here; keep one")
        check_text(entry[1], f"prompts[{i}]")
        prompts[frame] = entry[1]
    return tuple(prompts.items())


def _first_frame(spans: Any) -> str:
    starts = [span[0] for span in spans if isinstance(span, list) and span] if isinstance(spans, list) else []
    frames = [start for start in starts if is_whole(start)]
    return f"frame {min(frames)}: " if frames else ""


def _entry(keyframe: Keyframe) -> list[Any]:
    return [keyframe.frame, plain(keyframe.value)] + [keyframe.easing] * (keyframe.easing != "linear")
