"""Broken files on purpose: bytes broken anywhere, and files that are whole but say odd things where a reader looks."""

from __future__ import annotations

import copy
import io
import json
import random
import struct
import zipfile
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np

TOKENS = [
    b"1e999", b"-1e308", b"nan", b"NaN", b"Infinity", b"-0", b"null", b"true", b"{}", b"[]", b'""', b'"x"', b"9" * 400,
    b"1" * 5000, b"\xff\xfe", b"\x00", b"\xed\xa0\x80", b"\\ud800", "é☃".encode(), b"\r", b"\n\n", b",", b'"', b"#",
    b"[" * 3000, b'{"a":' * 2000, b"0.5", b"-1", b"100001", b"forward", b"type", b"'<U99999999'", b"(10000000000,)",
    b"|O",
]  # fmt: skip


def broken(data: bytes, draw: random.Random) -> bytes:
    """Break a file in one to six places, whatever it is."""
    for _ in range(draw.choice((1, 1, 2, 3, 6))):
        at = draw.randrange(len(data) + 1)
        to = min(len(data), at + draw.choice((0, 1, 1, 4, 40)))
        kind = draw.randrange(6)
        if kind == 0:
            data = data[:at] + draw.randbytes(draw.choice((1, 1, 8))) + data[to:]
        elif kind == 1:
            data = data[:at] + draw.choice(TOKENS) + data[to:]
        elif kind == 2:
            data = data[:at] + data[to:]
        elif kind == 3:
            data = data[:at] + data[max(0, at - 30) : at] * draw.choice((1, 2, 20)) + data[to:]
        elif kind == 4:
            data = data[:at]
        else:  # exchange a number for another token
            spans = [i for i in range(len(data)) if data[i : i + 1].isdigit()][:400]
            at = draw.choice(spans) if spans else 0
            data = data[:at] + draw.choice(TOKENS) + data[at + 1 :]
    return data


# ---------------------------------------------------------------- JSON


class Raw(str):
    """JSON as it stands."""


class Members(list):
    """An object as its members, of which one may stand twice."""


ODD = [
    Raw("null"), Raw("true"), Raw("false"), Raw("NaN"), Raw("-Infinity"), Raw("1e999"), Raw("-0.0"), Raw("9" * 400),
    Raw("1" * 5000), Raw('"\\ud800"'), Raw("[" * 60 + "]" * 60), Raw("[" * 950 + "]" * 950), Raw("[" * 100_000),
    Raw('{"a":' * 400 + "1" + "}" * 400), Raw("{}"), Raw("[]"), Raw("{]"), "", "x", "forward", "path", "9", "é☃\u2028",
    "a" * 5000, 0, 1, -1, 2, 0.5, 1e308, 1e-320, 100_000, 100_001, 2**31, 2**53, 2**63, 2**64, [], [0], [[0, 1]],
    [None], {},
]  # fmt: skip
NAMES = (
    "", "type", "frames", "0", "forward", "constructor", "a" * 3000, "é\n", "\x00", "__metadata__", "data_offsets",
    "shape",
)  # fmt: skip
MANY = (2, 3, 40, 3000)


def members(value: Any) -> Any:
    """Return JSON values with their objects as `Members`."""
    if isinstance(value, dict):
        return Members([name, members(member)] for name, member in value.items())
    return [members(part) for part in value] if isinstance(value, list) else value


def text_of(value: Any) -> str:
    """Write what `members` returned."""
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, Members):
        return "{" + ", ".join(f"{json.dumps(name)}: {text_of(member)}" for name, member in value) + "}"
    return f"[{', '.join(map(text_of, value))}]" if isinstance(value, list) else json.dumps(value)


def odd_json(value: Any, draw: random.Random) -> str:
    """Return the text of JSON values with one to four odd things in them."""
    whole = [members(value)]
    for _ in range(draw.choice((1, 1, 2, 4))):
        inside, place = _somewhere(whole, draw)
        _change(inside, place, draw)
    return text_of(whole[0]) if len(whole) else ""


def _somewhere(whole: list, draw: random.Random) -> tuple[list, int]:
    """Return a list, or members, and a place in it; the root is the one place of the list around it."""
    inside, place = whole, 0
    while True:
        part = inside[place][1] if isinstance(inside, Members) else inside[place]
        if not isinstance(part, list) or not part or draw.random() < 0.15:
            return inside, place
        inside, place = part, draw.randrange(len(part))


def _change(inside: list, place: int, draw: random.Random) -> None:
    named = isinstance(inside, Members)
    part = inside[place][1] if named else inside[place]
    kind = draw.randrange(8)
    if kind == 0 and len(inside) > 1:
        del inside[place]
        return
    if kind == 1 and named:
        inside[place][0] = draw.choice(NAMES)
        return
    if kind == 2:
        inside[place:place] = [inside[place] for _ in range(draw.choice(MANY))]
        return
    if kind == 3 and len(inside) > 1:
        other = draw.randrange(len(inside))
        inside[place], inside[other] = inside[other], inside[place]
        return
    if kind == 4:
        part = [part] if draw.random() < 0.5 else Members([[draw.choice(NAMES), part]])
    elif kind == 5 and isinstance(part, (int, float)) and not isinstance(part, bool):
        part = draw.choice((part + 1, -part, part * 1e9, part / 7, str(part), part + 0.5, 1 - part))
    else:
        part = members(copy.deepcopy(draw.choice(ODD)))
    if named:
        inside[place] = [inside[place][0], part]
    else:
        inside[place] = part


# ---------------------------------------------------------------- lines of cells

CELLS = (
    "", " ", "nan", "NaN", "inf", "-inf", "1e999", "1e308", "-1e-320", "0", "-0", "1", "-1", "2", "9" * 400, "1_0",
    "0x10", "é", "TRUE", "false", '"', "a" * 5000, "1,5", "1;5", "#", "# 1", "\ufeff", "\x00", "\u2028", "٣",
    "1403636580838555648", "0.5", "x y",
)  # fmt: skip
HEADS = (
    "", "forward", "W", "mouse_yaw", "mouse_dx", "frame", "seconds", "prompt", "frwd", "Unnamed: 0", "x" * 3000, "time",
)  # fmt: skip
ROWS = ("", " ", "#", "# comment", ",,,", "0", "nan " * 8, "1 " * 40, "sep=;", '"', "a" * 200_000)


def odd_table(text: str, draw: random.Random, mark: str) -> str:
    """Return a table whose cells stand apart by a mark, with one to four odd things in it."""
    rows = [row.split(mark) for row in text.splitlines()]
    for _ in range(draw.choice((1, 1, 2, 4))):
        at = draw.choice((0, draw.randrange(len(rows)), draw.randrange(len(rows))))
        row = rows[at]
        place = draw.randrange(len(row))
        kind = draw.randrange(12)
        if kind <= 2:
            row[place] = draw.choice(CELLS)
        elif kind == 3:
            del row[place]
            row += [""] * (not row)
        elif kind == 4:
            row[place:place] = [row[place]] * draw.choice(MANY)
        elif kind == 5:
            rows[at:at] = [list(row)] * draw.choice(MANY)
        elif kind == 6:
            other = draw.randrange(len(rows))
            rows[at], rows[other] = rows[other], rows[at]
        elif kind == 7:
            rows[at:at] = [[draw.choice(ROWS)]]
        elif kind == 8:
            rows[0][min(place, len(rows[0]) - 1)] = draw.choice(HEADS)
        elif kind == 9:  # a column of one kind
            cell = draw.choice(CELLS)
            for other in rows[1:]:
                other[place : place + 1] = [cell]
        elif kind == 10:  # a column in another unit
            scale = draw.choice((1e9, 1e3, -1.0, 1e-9, 0.0))
            for other in rows:
                other[place : place + 1] = [_scaled(cell, scale) for cell in other[place : place + 1]]
        elif draw.random() < 0.5:
            draw.shuffle(rows)
        else:
            mark = draw.choice((",", ";", "\t", " ", "  ", ", "))
    return draw.choice(("\n", "\n", "\r\n", "\r")).join(mark.join(row) for row in rows)


def _scaled(cell: str, scale: float) -> str:
    try:
        return repr(float(cell) * scale)
    except ValueError:
        return cell


# ---------------------------------------------------------------- arrays

VALUES = (0, 1, 2, -1, 0.5, np.nan, np.inf, -np.inf, 1e308, 181, 500, 100_001)
KINDS = ("?", "i1", "u1", "i8", "u8", "f2", "f4", ">f8", "U1", "U40", "S5", "c16", "M8[s]")
SHAPES = (
    (), (0,), (1,), (4,), (3, 3), (2, 3, 3), (0, 4, 4), (1, 4, 4), (4, 4), (2, 2, 2, 2), (5000,), (3000, 4, 4),
    (1000, 2),
)  # fmt: skip
BOMB = 8_000_000
"""Numbers in an array that takes a thousandth of its size in the file."""


def array_bytes(array: np.ndarray) -> bytes:
    """Write one .npy."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def archive_of(entries: list[tuple[str, bytes]], packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Write a zip archive, whose names may stand twice."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", packing) as archive:
        for name, data in entries:
            info = zipfile.ZipInfo(name)
            info.compress_type = packing
            archive.writestr(info, data)
    return file.getvalue()


def odd_array(array: np.ndarray, draw: random.Random) -> bytes:
    """Return the bytes of an array with one odd thing about it."""
    kind = draw.randrange(7)
    if kind == 0 and array.size and array.dtype.kind in "biuf":
        array = array.astype(np.float64)
        array.reshape(-1)[draw.randrange(array.size)] = draw.choice(VALUES)
    elif kind == 1:
        with np.errstate(all="ignore"):
            try:
                array = array.astype(draw.choice(KINDS))
            except (ValueError, TypeError):
                array = array.astype("S5")
    elif kind == 2:
        array = np.zeros(draw.choice(SHAPES), array.dtype)
    elif kind == 3:
        array = np.full(array.shape, draw.choice(VALUES))
    elif kind == 4 and array.ndim:
        array = array[: draw.randrange(len(array) + 1)]
    elif kind == 5:
        array = np.asfortranarray(np.repeat(array[None] if not array.ndim else array, draw.choice(MANY), axis=0))
    data = array_bytes(array)
    if kind == 6:  # a header that says something else than what follows
        odd = draw.choice((b"(100000000000, 2)", b"(0,)", b"()", b"(-1,)", b"(3", b"(1, 1, 1, 1, 1, 1, 1, 1)"))
        at, end = data.find(b"(", 10), data.find(b")", 10)
        data = data[:at] + odd + data[end + 1 :]
    return data


@cache
def bombs() -> tuple[bytes, ...]:
    """Return small archives, each with an array that is many times as large unpacked."""
    shapes = {
        "fps": (BOMB,), "intrinsics": (BOMB,), "prompt_frames": (BOMB,), "other": (BOMB,), "keys": (BOMB, 1),
        "mouse": (BOMB // 2, 2), "c2w": (BOMB // 16, 4, 4),
    }  # fmt: skip
    return tuple(_bomb(name, shape) for name, shape in shapes.items())


def _bomb(name: str, shape: tuple[int, ...]) -> bytes:
    """Return an archive of sound arrays and one of zeros, which is never in memory as a whole."""
    head, file = io.BytesIO(), io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "<f8", "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("c2w.npy", array_bytes(np.eye(4)[None]))
        archive.writestr("mouse.npy", array_bytes(np.zeros((9, 2))))
        info = zipfile.ZipInfo(f"{name}.npy")
        info.compress_type = zipfile.ZIP_DEFLATED
        with archive.open(info, "w") as entry:
            entry.write(head.getvalue())
            for _ in range(8):
                entry.write(bytes(BOMB))
    return file.getvalue()


def odd_archive(arrays: Mapping[str, np.ndarray], draw: random.Random) -> bytes:
    """Return an archive with odd arrays, names and packing, or a small one of a huge array."""
    if draw.random() < 0.01:
        return draw.choice(bombs())
    entries = [(f"{name}.npy", array_bytes(array)) for name, array in arrays.items()]
    for _ in range(draw.choice((1, 1, 2, 3))):
        at = draw.randrange(len(entries))
        name = entries[at][0]
        kind = draw.randrange(5)
        if kind == 0 and len(entries) > 1:
            del entries[at]
        elif kind == 1:
            other = draw.choice((name, "x.npy", "../c2w.npy", "c2w", "é.npy", "a" * 3000 + ".npy"))
            entries.append((other, entries[at][1]))
        else:
            entries[at] = name, odd_array(arrays.get(name.removesuffix(".npy"), np.eye(4)), draw)
    packing = draw.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED, zipfile.ZIP_BZIP2))
    return archive_of(entries, packing)


# ---------------------------------------------------------------- safetensors


def odd_safetensors(data: bytes, draw: random.Random, inner: tuple[str, ...] = ()) -> bytes:
    """Return a safetensors file whose header, or JSON within its metadata, says odd things.

    Args:
        data: of a whole file.
        draw: of the oddities.
        inner: names of the metadata that hold JSON of their own.
    """
    length = struct.unpack_from("<Q", data)[0]
    header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    metadata = header.get("__metadata__", {})
    told = [name for name in inner if name in metadata]
    if told and draw.random() < 0.6:
        name = draw.choice(told)
        text = odd_json(json.loads(metadata[name]), draw)
        header["__metadata__"] = {**metadata, name: text}
        text = json.dumps(header)
    else:
        text = odd_json(header, draw)
    if draw.random() < 0.1:
        body = broken(body, draw) if body else b"x"
    head = text.encode("utf-8", "surrogatepass")
    said = draw.choice((len(head),) * 12 + (0, 1, len(head) - 1, len(head) + 1, 2**31, 2**63))
    return struct.pack("<Q", max(said, 0)) + head + body


Make = Callable[[random.Random], bytes]
LARGEST = 4_000_000
"""Bytes of a mutant; what is larger than files of this kind are is cut."""


def sometimes_broken(make: Make, whole: bytes, share: float = 0.25) -> Make:
    """Return mutants of a kind, some of them broken anywhere instead."""
    return lambda draw: (broken(whole, draw) if draw.random() < share else make(draw))[:LARGEST]
