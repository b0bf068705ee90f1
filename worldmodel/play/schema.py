"""The messages of `wire` as a JSON Schema, for programs in other languages."""

from __future__ import annotations

from typing import Any

from . import wire

_WHOLE = {"type": "integer", "minimum": 0, "maximum": wire.MOST_ID}
_SEED = {"oneOf": [_WHOLE, {"type": "string", "pattern": "^[0-9]{1,20}$"}]}
_MEMBERS: dict[str, dict[str, Any]] = {
    "version": {"const": wire.VERSION},
    "pictures": {"enum": list(wire.PICTURES)},
    "controls": {"type": ["string", "object"], "description": "a track of state.next frames, short form or JSON"},
    "chunks": {"type": "integer", "minimum": 1, "maximum": wire.MOST_CHUNKS},
    "seed": _SEED,
    "place": {**_WHOLE, "minimum": 1},
}


def schema() -> dict[str, Any]:
    """Return the schema, plain JSON values: `$defs` has `order` and `answer`, and a message is one of them."""
    orders = [_order(do, *members) for do, members in wire.MEMBERS.items()]
    names = {"order": {"oneOf": orders}, "answer": {"oneOf": _answers()}, "state": _state(), "way": _way()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Playing a world, version {wire.VERSION}",
        "description": "Text messages of the WebSocket /wm/play/SESSION; see docs/playing.md.",
        "oneOf": [{"$ref": "#/$defs/order"}, {"$ref": "#/$defs/answer"}],
        "$defs": names,
    }


def _order(do: str, needed: tuple[str, ...], possible: tuple[str, ...]) -> dict[str, Any]:
    properties = {"do": {"const": do}, "id": {"oneOf": [_WHOLE, {"type": "null"}]}}
    properties |= {name: _MEMBERS[name] for name in (*needed, *possible)}
    return {"type": "object", "properties": properties, "required": ["do", *needed], "additionalProperties": False}


def _answers() -> list[dict[str, Any]]:
    text, stands = {"type": "string"}, {"state": {"$ref": "#/$defs/state"}, "way": {"$ref": "#/$defs/way"}}
    number = {"type": ["integer", "null"]}
    optional = {"seconds": {"type": "number"}, "made": {"type": "boolean"}, "place": {"type": "integer"}, "world": text,
                "version": {"const": wire.VERSION}, "pictures": {"enum": list(wire.PICTURES)}}  # fmt: skip
    known = {
        "open": ({"version": {"const": wire.VERSION}, "about": {"type": "object"}, **stands}, {}),
        "done": ({"id": number, "do": {"enum": list(wire.MEMBERS)}, **stands}, optional),
        "refused": ({"id": number, "error": text}, {}),
        "says": ({"text": text}, {}),
        "end": ({"why": {"enum": list(wire.WHYS)}, "text": text}, {}),
    }
    return [
        {"type": "object", "properties": {"type": {"const": kind}, **needed, **more}, "required": ["type", *needed]}
        for kind, (needed, more) in known.items()
    ]


def _state() -> dict[str, Any]:
    counts = {name: {"type": "integer", "minimum": 0} for name in ("frames", "next", "chunks", "limit", "turn")}
    return {"type": "object", "properties": {**counts, "seed": _SEED}, "required": [*counts, "seed"]}


def _way() -> dict[str, Any]:
    point = {"type": "array", "items": {"type": "number"}, "minItems": 3, "maxItems": 3}
    points = {"type": "array", "items": point, "description": "metres right, metres ahead, degrees to the right"}
    return {"type": "object", "properties": {"from": {"type": "integer"}, "points": points},
            "required": ["from", "points"]}  # fmt: skip
