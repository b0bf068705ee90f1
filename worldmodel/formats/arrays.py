"""NumPy's files, .npy and .npz, read without pickle: what an array is, its header says before anything is unpacked."""

from __future__ import annotations

import io
import math
import re
import struct
import sys
import zipfile
import zlib
from collections.abc import Mapping
from typing import BinaryIO, NamedTuple

import numpy as np

from ..reading.limits import MAX_FRAMES
from ..reading.words import shortened

MAX_BYTES = 64 * 2**20
"""Largest array that is read, unpacked."""
MAX_ENTRIES = 10_000
"""Arrays in an archive; more take long to list."""
_MAX_HEADER = 1000
# NumPy's own reader evaluates the header; this is how NumPy and others write it
_HEADER = re.compile(
    r"\{'descr': '(?P<kind>[<>|=]?(?:b1|[iu][1248]|f[248]|U\d{1,6}|O))', "
    r"'fortran_order': (?P<by_columns>True|False), 'shape': \((?P<shape>(?:\d{1,18}, ?)*(?:\d{1,18})?)\),? ?\}\s*"
)
Shape = tuple[int | None, ...]


class Wanted(NamedTuple):
    """What an array may be.

    Args:
        kinds: of NumPy numbers: bool, int, unsigned, float, unicode text.
        shapes: one of these, `None` standing for 0 to `MAX_FRAMES`; empty for any.
    """

    kinds: str
    shapes: tuple[Shape, ...] = ()


class Unpacked(NamedTuple):
    """Arrays by name, and what else is there, with its shape where it has one."""

    arrays: dict[str, np.ndarray]
    others: tuple[str, ...]


def unpack(data: bytes | BinaryIO, wanted: Mapping[str, Wanted]) -> Unpacked:
    """Return the arrays of an archive that are wanted; of the others only the name is read.

    Raises:
        ValueError: in one sentence, which array is wrong, and what was found.
    """
    file = io.BytesIO(data) if isinstance(data, bytes) else data
    arrays, others = {}, []
    try:
        _check_entries(file)
        with zipfile.ZipFile(file) as archive:
            for entry in archive.infolist():
                name = entry.filename.removesuffix(".npy")
                if name not in wanted or name == entry.filename:
                    others.append(name)
                    continue
                if name in arrays:
                    raise ValueError(f"array '{name}' stands twice; keep one")
                if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or entry.flag_bits & 1:
                    raise ValueError(f"array '{name}' is packed in a way that NumPy does not use; save it again")
                with archive.open(entry) as packed:
                    arrays[name] = read_array(packed, name, wanted[name], entry.file_size)
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        NotImplementedError,
        UnicodeError,
        struct.error,
    ) as error:
        raise ValueError(f"no NPZ file, or a damaged one ({shortened(str(error), 80)})") from None
    return Unpacked(arrays, tuple(others))


def read_array(file: BinaryIO, name: str, wanted: Wanted, size: int) -> np.ndarray:
    """Read one .npy; what its header promises is checked before the numbers are unpacked.

    Args:
        file: at its beginning.
        name: how messages call it.
        wanted: what it may be.
        size: of all of it in bytes, as the archive or the system says.

    Raises:
        ValueError: it is no array, or another one.
    """
    if size > MAX_BYTES:
        raise ValueError(f"array '{name}' is larger than {MAX_BYTES} bytes; cut it")
    kind, shape, by_columns, start = _header(file, name)
    if kind.kind not in wanted.kinds or not kind.itemsize:
        raise ValueError(f"array '{name}' is of type {kind}, which it cannot be; save plain numbers or texts")
    promised = math.prod(shape) * kind.itemsize
    if promised != size - start:
        raise ValueError(f"array '{name}' of shape {shown_shape(shape)} does not fit its {size - start} bytes")
    check_shape(shape, name, wanted.shapes)
    body = file.read(promised)
    if len(body) != promised:
        raise ValueError(f"array '{name}' of shape {shown_shape(shape)} does not fit its {len(body)} bytes")
    array = np.frombuffer(body, kind).reshape(shape, order="F" if by_columns else "C").astype(kind.newbyteorder("="))
    if kind.kind == "U" and array.size and array.reshape(-1).view(np.uint32).max() > sys.maxunicode:
        raise ValueError(f"array '{name}' holds letters that do not exist; save it again")
    return array


def header_of(file: BinaryIO, name: str) -> tuple[str, Shape]:
    """Return the type and the shape of a .npy, at whose beginning it is read."""
    kind, shape, _, _ = _header(file, name)
    return str(kind), shape


def check_shape(shape: Shape, name: str, shapes: tuple[Shape, ...]) -> None:
    """Refuse an array of a shape that is none of some.

    Raises:
        ValueError: names the shapes.
    """
    for wanted in shapes:
        if len(wanted) == len(shape) and all(
            length <= MAX_FRAMES if want is None else want == length for want, length in zip(wanted, shape, strict=True)
        ):
            return
    if shapes:
        told = " or ".join(str(tuple("any" if want is None else want for want in wanted)) for wanted in shapes)
        raise ValueError(f"array '{name}' must have the shape {told}, not {shown_shape(shape)}")


def shown_shape(shape: Shape) -> str:
    """Show a shape, shortened."""
    return shortened(str(tuple(shape)), 60)


def _header(file: BinaryIO, name: str) -> tuple[np.dtype, tuple[int, ...], bool, int]:
    """Return type, shape, order by columns, and the length of a header."""
    head = file.read(12)
    wide = head[6:7] != b"\x01"  # version 1 has two bytes for the header's length, later ones four
    length = struct.unpack_from("<I" if wide else "<H", head.ljust(12, b"\0"), 8)[0]
    start = (12 if wide else 10) + length
    text = (head + file.read(max(0, start - len(head))))[start - length :] if length < _MAX_HEADER else b""
    header = _HEADER.fullmatch(text.decode("latin-1"))
    if header is None or not head.startswith(b"\x93NUMPY"):
        raise ValueError(f"array '{name}' has no header of NumPy, or not one of plain numbers or texts; save it again")
    shape = tuple(int(number) for number in header["shape"].replace(" ", "").split(",") if number)
    return np.dtype(header["kind"]), shape, header["by_columns"] == "True", start


def _check_entries(file: BinaryIO) -> None:
    """Refuse an archive whose end promises very many entries, before they are listed."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - 65557))
    end = file.read()
    file.seek(0)
    at = end.rfind(b"PK\5\6")
    count = struct.unpack_from("<H", end, at + 10)[0] if at >= 0 and at + 12 <= len(end) else 0
    if count > MAX_ENTRIES:
        raise ValueError(
            f"found an archive of {count} arrays or more, expected at most {MAX_ENTRIES}; keep those of one walk"
        )
