"""A saved world at a glance: what its header says, its picture, and the way it walked; no latents are read for it.

The picture lies in the header as a small JPEG in base64, under a name of its own beside what is a world: it is no part
of the checksum, older versions pass over it, and a file without one is as good.
"""

from __future__ import annotations

import base64
import binascii
import io
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image
from torch import Tensor

from ..reading.json_text import is_whole
from ..reading.safetensors_header import MAX_BYTES, METADATA, read_json
from ..storage.listing import first_bytes, readable
from ..storage.pixels import to_bytes
from ..variants import CORRECTED
from .archive import PICTURE, header_of

_WIDTH = 256
"""Pixels of a picture's longer side at most; twice what a card shows."""
_QUALITY = 82
_LARGEST = 100_000
"""Bytes of a picture; ours have some ten thousand."""
_JPEG = b"\xff\xd8\xff"


class Card(NamedTuple):
    """What a saved world's header says.

    Args:
        model: its title.
        chunks: how many it has.
        frames: how many frames.
        seconds: how long they are.
        prompt: that it began with, "" where it has none in words.
        picture: whether it has one.
    """

    model: str
    chunks: int
    frames: int
    seconds: float
    prompt: str
    picture: bool


def card_of(path: Path) -> Card:
    """Return what a file's header says; nothing else of the file is read or checked.

    Raises:
        ValueError: it is missing or closed, or its header is not a world's.
    """
    header = _header(path)
    metadata = header[METADATA]
    try:
        entries, variant = header_of(metadata)
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from None
    chunks = len(entries["chunks"])
    cut = variant.cut_for(entries.get("form", CORRECTED), _start_latents(header))
    frames = cut.chunking.first_frame(chunks)
    prompt = entries.get("prompt", "") or next((told["prompt"] for told in entries["chunks"] if told["prompt"]), "")
    return Card(variant.title, chunks, frames, frames / variant.fps, prompt, PICTURE in metadata)


def picture_of(path: Path) -> bytes | None:
    """Return a file's picture, a JPEG; `None` if it has none, or what is there is none.

    Raises:
        ValueError: see `card_of`.
    """
    text = _header(path)[METADATA].get(PICTURE, "")
    if not text or len(text) > 2 * _LARGEST:
        return None
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if data.startswith(_JPEG) and len(data) <= _LARGEST else None


def made_picture(frame: Tensor) -> bytes:
    """Return a frame (H, W, 3) in 0..1 as a small JPEG."""
    picture = Image.fromarray(to_bytes(frame))
    scale = _WIDTH / max(picture.size)
    if scale < 1:
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=_QUALITY)
    return data.getvalue()


def _start_latents(header: dict[str, Any]) -> int:
    """Return how many latents a world begins with, 0 if the header does not say: nothing more is checked here."""
    entry = header.get("start.image_condition")
    shape = entry.get("shape") if isinstance(entry, dict) else None
    return shape[1] if isinstance(shape, list) and len(shape) == 4 and is_whole(shape[1]) else 0


def _header(path: Path) -> dict[str, Any]:
    """Read a safetensors header, with metadata in any case."""
    with readable(path):
        length = int.from_bytes(first_bytes(path, 8), "little")
        if length > MAX_BYTES:
            raise ValueError(f"{path.name}: found a header of {length} bytes, expected a world's; choose another file.")
        text = first_bytes(path, 8 + length)[8:]
    try:
        header = read_json(text)
    except ValueError as error:
        raise ValueError(f"{path.name}: found a damaged header ({error}), expected a world's; copy it again.") from None
    metadata = header.setdefault(METADATA, {}) if isinstance(header, dict) else None
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise ValueError(f"{path.name}: found a header without texts, expected a world's; choose another file.")
    return header
