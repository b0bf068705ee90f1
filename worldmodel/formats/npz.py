"""Keys, mouse and poses as NumPy arrays in one file, read without pickle.

words (K,) text, keys (F, K) 0 or 1, mouse (F, 2) yaw and pitch in degrees per frame, right and up positive
turns (F,)           yaw alone, as Tiny World's recordings have it; instead of mouse
prompt_frames (P,), prompt_texts (P,)
c2w (F, 4, 4)        camera-to-world, OpenCV axes, metres; intrinsics (4,) as shares of width and height; fps ()

Other arrays are passed over without being read.
"""

from __future__ import annotations

import io
import math
import re
import struct
import sys
import zipfile
import zlib
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..geometry import Poses, check_poses
from ..timeline import MAX_DEGREES, MAX_FRAMES, WORDS, shortened, unknown_word
from ..track import Track
from .json_text import holds_half_character
from .poses_json import read_fps, read_intrinsics

KINDS = {
    "words": "U", "keys": "biuf", "mouse": "iuf", "turns": "iuf", "prompt_frames": "iu", "prompt_texts": "U",
    "c2w": "iuf", "intrinsics": "iuf", "fps": "iuf",
}  # fmt: skip
"""Arrays that are read, and the kinds of NumPy number they may be of: bool, int, unsigned, float, unicode text."""
MAX_BYTES = 64 * 2**20
"""Largest array that is read, unpacked."""
MAX_PROMPTS = 10_000
# NumPy's own reader evaluates the header; this is how NumPy and others write it
_HEADER = re.compile(
    r"\{'descr': '(?P<kind>[<>|=]?(?:b1|[iu][1248]|f[248]|U\d{1,6}|O))', "
    r"'fortran_order': (?P<by_columns>True|False), 'shape': \((?P<shape>(?:\d{1,18}, ?)*(?:\d{1,18})?)\),? ?\}\s*"
)


class Arrays(NamedTuple):
    """What a file holds: one of them, or both."""

    track: Track | None
    poses: Poses | None


def read(data: bytes) -> Arrays:
    """Read arrays.

    Raises:
        ValueError: in one sentence, which array is wrong, and what was found.
    """
    arrays = _unpack(data)
    track = _track(arrays) if {"keys", "mouse", "turns"} & {*arrays} else None
    poses = _poses(arrays) if "c2w" in arrays else None
    if track is None and poses is None:
        raise ValueError("found neither keys, mouse nor c2w, expected at least one of these arrays")
    return Arrays(track, poses)


def write(track: Track | None, poses: Poses | None) -> bytes:
    """Write arrays; reading gives every number back."""
    arrays: dict[str, np.ndarray] = {}
    if track is not None:
        arrays["words"] = np.array(track.words, dtype=np.str_)
        arrays["keys"] = (track.keys > 0).to(torch.uint8).numpy()
        arrays["mouse"] = track.mouse.numpy()
    if track is not None and track.prompts:
        arrays["prompt_frames"] = np.array([frame for frame, _ in track.prompts])
        arrays["prompt_texts"] = np.array([text for _, text in track.prompts], dtype=np.str_)
    if poses is not None:
        arrays["c2w"] = poses.c2w.numpy()
        arrays |= {} if poses.intrinsics is None else {"intrinsics": np.array(poses.intrinsics)}
        arrays |= {} if poses.fps is None else {"fps": np.array(poses.fps)}
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def _unpack(data: bytes) -> dict[str, np.ndarray]:
    """Return the arrays of `KINDS` that a file holds."""
    arrays = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            for entry in file.infolist():
                name = entry.filename.removesuffix(".npy")
                if name not in KINDS or name == entry.filename:
                    continue
                if name in arrays:
                    raise ValueError(f"array '{name}' stands twice; keep one")
                if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or entry.flag_bits & 1:
                    raise ValueError(f"array '{name}' is packed in a way that NumPy does not use; save it again")
                with file.open(entry) as packed:
                    raw = packed.read(MAX_BYTES + 1)
                if len(raw) > MAX_BYTES:
                    raise ValueError(f"array '{name}' is larger than {MAX_BYTES} bytes; cut it")
                arrays[name] = _array(raw, name)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, UnicodeError) as error:
        raise ValueError(f"no NPZ file, or a damaged one ({shortened(str(error), 80)})") from None
    return arrays


def _array(raw: bytes, name: str) -> np.ndarray:
    """Read one .npy; its header is checked against the bytes that are there before any memory is taken."""
    wide = raw[6:7] != b"\x01"  # version 1 has two bytes for the header's length, later ones four
    length = struct.unpack_from("<I" if wide else "<H", raw.ljust(12, b"\0"), 8)[0]
    start = (12 if wide else 10) + length
    header = _HEADER.fullmatch(raw[start - length : start].decode("latin-1")) if length < 1000 else None
    if header is None or not raw.startswith(b"\x93NUMPY"):
        raise ValueError(f"array '{name}' has no header of NumPy, or not one of plain numbers or texts; save it again")
    kind = np.dtype(header["kind"])
    if kind.kind not in KINDS[name] or not kind.itemsize:
        raise ValueError(f"array '{name}' is of type {kind}, which it cannot be; save plain numbers or texts")
    shape = tuple(int(length) for length in header["shape"].replace(" ", "").split(",") if length)
    body = raw[start:]
    if len(shape) > 3 or math.prod(shape) * kind.itemsize != len(body):
        raise ValueError(f"array '{name}' of shape {shape} does not fit its {len(body)} bytes")
    array = np.frombuffer(body, kind).reshape(shape, order="F" if header["by_columns"] == "True" else "C")
    array = array.astype(kind.newbyteorder("="))
    if kind.kind == "U" and array.size and array.reshape(-1).view(np.uint32).max() > sys.maxunicode:
        raise ValueError(f"array '{name}' holds letters that do not exist; save it again")
    return array


def _track(arrays: dict[str, np.ndarray]) -> Track:
    frames = len(next(np.atleast_1d(arrays[name]) for name in ("keys", "mouse", "turns") if name in arrays))
    if not 1 <= frames <= MAX_FRAMES:
        raise ValueError(f"found {frames} frames, expected 1 to {MAX_FRAMES}")
    if "keys" in arrays and "words" not in arrays:
        raise ValueError("found keys without words, expected an array 'words' with the word of each column")
    words = tuple(str(word) for word in _shaped(arrays, "words", (None,), [])) if "keys" in arrays else ()
    for word in words:
        if word not in WORDS:
            raise ValueError(unknown_word(word))
    if len({*words}) < len(words):
        raise ValueError("a key stands twice in words; keep one")
    keys = _shaped(arrays, "keys", (frames, len(words)), np.zeros((frames, 0)))
    if not np.isin(keys, (0, 1)).all():
        raise ValueError(f"frame {int((~np.isin(keys, (0, 1))).any(1).argmax())}: keys must be 0 or 1")
    if "mouse" in arrays:
        mouse = _shaped(arrays, "mouse", (frames, 2), None)
    else:
        turns = _shaped(arrays, "turns", (frames,), np.zeros(frames))
        mouse = np.stack([turns, np.zeros_like(turns)], 1)
    wrong = ~(np.abs(mouse.astype(np.float64)) <= MAX_DEGREES).all(1)
    if wrong.any():
        raise ValueError(
            f"frame {int(wrong.argmax())}: mouse must be degrees per frame between -{MAX_DEGREES:g} and {MAX_DEGREES:g}"
        )
    return Track(words, _tensor(keys).float(), _tensor(mouse).float(), _prompts(arrays, frames))


def _prompts(arrays: dict[str, np.ndarray], frames: int) -> tuple[tuple[int, str], ...]:
    texts = _shaped(arrays, "prompt_texts", (None,), np.array([], dtype=np.str_))
    starts = _shaped(arrays, "prompt_frames", (len(texts),), np.zeros(len(texts), dtype=np.int64))
    prompts = tuple((int(frame), str(text)) for frame, text in zip(starts, texts, strict=True))
    rising = all(a[0] < b[0] for a, b in pairwise(prompts))
    if len(prompts) > MAX_PROMPTS or not rising or any(not 0 <= frame < frames for frame, _ in prompts):
        raise ValueError(f"prompt_frames must rise, from 0 to {frames - 1}, and be at most {MAX_PROMPTS}")
    if any(holds_half_character(text) for _, text in prompts):
        raise ValueError("prompt_texts holds half of a character (a lone surrogate); write it again")
    return prompts


def _poses(arrays: dict[str, np.ndarray]) -> Poses:
    c2w = _tensor(_shaped(arrays, "c2w", (None, 4, 4), None))
    check_poses(c2w)
    lens, fps = arrays.get("intrinsics"), arrays.get("fps")
    lens = None if lens is None else read_intrinsics(lens.astype(np.float64).tolist())
    return Poses(c2w, lens, None if fps is None else read_fps(fps.astype(np.float64).tolist()))


def _shaped(arrays: dict[str, np.ndarray], name: str, shape: tuple[int | None, ...], default: object) -> np.ndarray:
    """Return an array of a shape, `None` in it standing for any length."""
    array = arrays.get(name, default)
    if array is default and name not in arrays:
        return array
    fits = array.ndim == len(shape) and all(w is None or w == h for w, h in zip(shape, array.shape, strict=True))
    if not fits:
        told = tuple("any" if want is None else want for want in shape)
        raise ValueError(f"array '{name}' must have the shape {told}, not {array.shape}")
    return array


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float64))
