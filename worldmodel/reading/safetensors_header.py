"""The header of a safetensors file, checked before any reader sees it: JSON that says where each tensor lies.

Readers take a great deal on trust: what they do with a text in place of a number is theirs, and not said in a sentence.
Source: the format's page, https://github.com/huggingface/safetensors.
"""

from __future__ import annotations

import json
import math
from typing import Any

from .json_text import is_whole, shown

MAX_BYTES = 16_000_000
"""Room for 100,000 tensors; the format itself allows 100 MB, which take a gigabyte of memory to read."""
METADATA = "__metadata__"
BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "I16": 16, "U16": 16, "I32": 32, "U32": 32, "I64": 64, "U64": 64,
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F16": 16, "BF16": 16, "F32": 32,
    "F64": 64, "C64": 64,
}  # fmt: skip
"""Of one number of each type."""
_DIGITS = 20
"""Of the largest whole number that 64 bits hold."""
_DIMENSIONS = 64
"""As many as torch knows."""


def read_json(text: str | bytes) -> Any:
    """Read JSON that a user's file holds; a whole number beyond 64 bits is read as infinite.

    Raises:
        ValueError: it is none; what is wrong with it in a few words.
    """
    try:
        return json.loads(text, parse_int=_whole)
    except UnicodeDecodeError:
        raise ValueError("no text in UTF-8") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg[0].lower()}{error.msg[1:]} at character {error.pos}") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None


def check_header(text: bytes) -> int:
    """Check a header: names, types, shapes, and that the bytes of each tensor are as many as its shape needs.

    Args:
        text: the header, without the eight bytes before it.

    Returns:
        How many bytes of tensors follow it.

    Raises:
        ValueError: what is wrong with it in a few words.
    """
    header = read_json(text)
    if not isinstance(header, dict):
        raise ValueError("no JSON object")
    metadata = header.pop(METADATA, None)
    if metadata is not None:
        _check_metadata(metadata)
    return max((_end_of(name, entry) for name, entry in header.items()), default=0)


def is_number(value: Any) -> bool:
    """Tell whether a value of JSON is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _check_metadata(metadata: Any) -> None:
    if not isinstance(metadata, dict):
        raise ValueError(f"{METADATA} is {shown(metadata)}, no object")
    odd = next((name for name, value in metadata.items() if not isinstance(value, str)), None)
    if odd is not None:
        raise ValueError(f"{METADATA} holds {shown(metadata[odd])} under {shown(odd)}, no text")


def _end_of(name: str, entry: Any) -> int:
    """Return where a tensor's bytes end."""
    tensor = f"tensor {shown(name)}"
    if not isinstance(entry, dict):
        raise ValueError(f"{tensor} is {shown(entry)}, no object")
    dtype, shape, offsets = (entry.get(key) for key in ("dtype", "shape", "data_offsets"))
    if not isinstance(dtype, str) or dtype not in BITS:
        raise ValueError(f"{tensor} has numbers of the type {shown(dtype)}, which none of {', '.join(BITS)} is")
    if not isinstance(shape, list) or not all(is_whole(size) and size >= 0 for size in shape):
        raise ValueError(f"{tensor} has the shape {shown(shape)}, no list of whole numbers")
    if len(shape) > _DIMENSIONS or max(shape, default=0) >= 2**63:
        raise ValueError(f"{tensor} has the shape {shown(shape)}, which no memory holds")
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(map(is_whole, offsets)):
        raise ValueError(f"{tensor} lies at {shown(offsets)}, which are no two whole numbers")
    begin, end = offsets
    needed = math.prod(shape) * BITS[dtype]
    if not 0 <= begin <= end or (end - begin) * 8 != needed:
        raise ValueError(f"{tensor} lies at {shown(offsets)}, but {shown(shape)} of {dtype} take {needed // 8} bytes")
    return end


def _whole(text: str) -> int | float:
    # thousands of digits take Python long, or are refused with advice for programmers
    return int(text) if len(text) <= _DIGITS else -math.inf if text[0] == "-" else math.inf
