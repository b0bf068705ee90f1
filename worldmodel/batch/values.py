"""Values for a node's inputs, checked against what the host lists in its /object_info."""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..reading.words import shortened

_WHOLE = re.compile(r"[+-]?\d{1,20}")
_TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_PLAIN = ("INT", "FLOAT", "STRING", "BOOLEAN")
_CHOSEN = ("COMBO", "COMFY_DYNAMICCOMBO_V3")
_UPLOADS = ("image_upload", "video_upload", "audio_upload", "file_upload", "animated_image_upload", "remote")
"""Of a choice that may have more than what is listed, such as files in folders of a folder."""


class Kind(NamedTuple):
    """What an input takes.

    Args:
        type: INT, FLOAT, STRING, BOOLEAN, COMBO, or the type of a wire.
        options: as the host lists them.
        choices: of a COMBO.
        is_open: whether more than these may be chosen, and only the host can tell.
    """

    type: str
    options: Mapping[str, Any]
    choices: tuple[Any, ...] = ()
    is_open: bool = False

    @property
    def is_wire(self) -> bool:
        """Whether only another node gives it a value."""
        return self.type not in (*_PLAIN, "COMBO") or bool(self.options.get("forceInput"))


def kind_of(specified: Mapping[str, Any], name: str) -> Kind | None:
    """Return what an input takes, `None` where the node has none of that name.

    Args:
        specified: `input` of a node in /object_info.
        name: as the API has it; an input inside a choice is called `format.codec`.
    """
    inputs = _inputs(specified)
    if name in inputs:
        return _kind(inputs[name])
    for outer, spec in inputs.items():
        if name.startswith(f"{outer}.") and spec[0] == "COMFY_DYNAMICCOMBO_V3":
            for choice in _options(spec).get("options", ()):
                if found := kind_of(choice.get("inputs", {}), name[len(outer) + 1 :]):
                    return found
    return None


def input_names(specified: Mapping[str, Any]) -> list[str]:
    """Return the names of the inputs that take a value."""
    return [name for name, spec in _inputs(specified).items() if not _kind(spec).is_wire]


def read_value(kind: Kind, value: Any, typed: bool) -> Any:
    """Return a cell's value as the API is sent it.

    Args:
        kind: of the input, which is no wire.
        value: of the cell.
        typed: whether it has JSON's types; else it is text.

    Raises:
        ValueError: `found X, expected Y`.
    """
    made = _READERS[kind.type](kind, value, typed)
    if made is None:
        raise ValueError(f"found {told(value)}, expected {expected(kind)}")
    return made


def told(value: Any) -> str:
    """Quote a value."""
    return shortened(json.dumps(value, ensure_ascii=False))


def expected(kind: Kind) -> str:
    """Say what an input takes."""
    if kind.type == "COMBO":
        listed = ", ".join(map(str, kind.choices[:6]))
        return f"one of {shortened(listed, 160)}{' …' * (len(kind.choices) > 6)}" if listed else "a file that is there"
    if kind.type in ("INT", "FLOAT"):
        least, most = kind.options.get("min"), kind.options.get("max")
        span = f" from {least} to {most}" if least is not None and most is not None else ""
        return f"a {'whole ' * (kind.type == 'INT')}number{span}"
    return {"STRING": "a text", "BOOLEAN": "true or false"}[kind.type]


def _inputs(specified: Mapping[str, Any]) -> dict[str, list[Any]]:
    return {**specified.get("required", {}), **specified.get("optional", {})}


def _options(spec: list[Any]) -> dict[str, Any]:
    return spec[1] if len(spec) > 1 and isinstance(spec[1], dict) else {}


def _kind(spec: list[Any]) -> Kind:
    type_, options = spec[0], _options(spec)
    if not isinstance(type_, list) and type_ not in _CHOSEN:
        return Kind(str(type_), options)
    listed = type_ if isinstance(type_, list) else options.get("options", [])
    names = tuple(choice.get("key") if isinstance(choice, dict) else choice for choice in listed)
    return Kind("COMBO", options, names, any(options.get(name) for name in _UPLOADS))


def _in_span(kind: Kind, value: int | float) -> int | float | None:
    least, most = kind.options.get("min"), kind.options.get("max")
    return value if (least is None or value >= least) and (most is None or value <= most) else None


def _whole(kind: Kind, value: Any, typed: bool) -> int | None:
    if not typed:
        value = int(value) if _WHOLE.fullmatch(value := value.strip()) else None
    elif isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return _in_span(kind, value)


def _number(kind: Kind, value: Any, typed: bool) -> float | None:
    if not typed:
        try:
            value = float(value.strip())
        except ValueError:
            return None
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
        return None
    return _in_span(kind, float(value))


def _text(kind: Kind, value: Any, typed: bool) -> str | None:
    return value if isinstance(value, str) else None


def _truth(kind: Kind, value: Any, typed: bool) -> bool | None:
    if isinstance(value, str):
        return None if typed else _TRUTHS.get(value.strip().lower())
    return value if isinstance(value, bool) else None


def _choice(kind: Kind, value: Any, typed: bool) -> Any:
    if value in kind.choices and not isinstance(value, bool):
        return value
    if typed and not isinstance(value, str):
        return None
    text = value.strip()
    for choice in kind.choices:
        if str(choice) == text:
            return choice
    return text if kind.is_open else None


_READERS = {"INT": _whole, "FLOAT": _number, "STRING": _text, "BOOLEAN": _truth, "COMBO": _choice}


def nearest(name: str, known: list[str]) -> str:
    """Return what was probably meant, or what there is, as the end of a sentence."""
    close = difflib.get_close_matches(name, known, 1)
    if close:
        return f"did you mean {close[0]}?"
    listed = ", ".join(known[:8])
    return f"there is {shortened(listed, 200)}{' …' * (len(known) > 8)}."
