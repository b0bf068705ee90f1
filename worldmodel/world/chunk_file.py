"""One chunk as a file of the journal: safetensors, with all that is no tensor in the header and a checksum over it all.

What is read back is checked against what the key was made of: a file may be damaged, of another version, or written by
another hand, and then it is no chunk.
"""

from __future__ import annotations

import hashlib
import json
import re
import stat
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import load, save
from torch import Tensor

from ..reading.safetensors_files import METADATA_KEY
from ..variants import variant_named
from .state import Chunk, Controls, Start, validate_chunk

VERSION = 1
"""Part of every key and file: raise it when the same inputs give other latents than before, or the file changes."""
BESIDE_LATENTS = 2**24
"""Bytes that a file may have beside its latents; what is there, controls, poses and header, takes some thousands."""
_FLOATS = (torch.float32, torch.bfloat16, torch.float16)
_UNSEALED = "0" * 64
_SEAL = re.compile(rb'"checksum":"([0-9a-f]{64})"')


class Expected(NamedTuple):
    """What a chunk must be that is looked for: its key was made of this, but a file's content is a claim."""

    start: Start
    index: int
    """Of the chunk in its world."""
    controls: Controls
    prompt: str
    seed: int


def pack(chunk: Chunk, parent: str) -> bytes:
    """Return a chunk as the bytes of its file.

    Args:
        chunk: with a key.
        parent: key of the chunk before.
    """
    entries = {"journal": VERSION, "key": chunk.key, "parent": parent, "prompt": chunk.prompt, "seed": chunk.seed}
    tensors = {"latents": chunk.latents, **chunk.controls._asdict(), "poses": chunk.poses}
    data = save(
        {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items() if tensor is not None},
        metadata={METADATA_KEY: json.dumps(entries), "checksum": _UNSEALED},
    )
    begin, end = _SEAL.search(data).span(1)
    return data[:begin] + hashlib.sha256(data).hexdigest().encode() + data[end:]


def read(path: Path, key: str, expected: Expected | None = None) -> Chunk:
    """Read the chunk in a file.

    Args:
        path: of the file.
        key: that the chunk must have.
        expected: what else it must be; `None`: any chunk.

    Raises:
        FileNotFoundError: there is none.
        Exception: of whatever kind, because any content may stand there: it is not that chunk.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):  # a pipe would never end
        raise ValueError("found no regular file.")
    if expected is not None:
        height, width = expected.start.image_condition.shape[2:]
        numbers = 16 * variant_named(expected.start.variant).chunk * height * width
        if status.st_size > 4 * numbers + BESIDE_LATENTS:
            raise ValueError(f"found {status.st_size} bytes.")
    chunk = _unpacked(path.read_bytes(), key)
    if expected is not None:
        _check(chunk, expected)
    return chunk


def _unpacked(data: bytes, key: str) -> Chunk:
    """Return the chunk in a file's bytes, once it is known to be whole, of this version, and made of numbers."""
    seal = _SEAL.search(data)
    if seal is None:
        raise ValueError("found no checksum, expected one.")
    digest = hashlib.sha256(data[: seal.start(1)])
    digest.update(_UNSEALED.encode())
    digest.update(memoryview(data)[seal.end(1) :])
    if digest.hexdigest().encode() != seal[1]:
        raise ValueError("found other bytes than its checksum was made of.")
    length = int.from_bytes(data[:8], "little")
    entries = json.loads(json.loads(data[8 : 8 + length])["__metadata__"][METADATA_KEY])
    if entries["journal"] != VERSION or entries["key"] != key:
        raise ValueError(f"found chunk {entries['key']} of journal version {entries['journal']}.")
    tensors = load(data)
    prompt, seed, poses = entries["prompt"], entries["seed"], tensors.get("poses")
    if type(prompt) is not str or type(seed) is not int or not 0 <= seed < 2**64:
        raise ValueError("found a prompt or a seed of another kind.")
    if poses is not None and poses.shape[1:] != (4, 4):
        raise ValueError(f"found poses of shape {tuple(poses.shape)}.")
    if tensors["latents"].dtype not in _FLOATS or not all(map(_finite, tensors.values())):
        raise ValueError("found NaN or infinity, or latents that are no such numbers.")
    controls = Controls(tensors["keyboard"], tensors.get("mouse"))
    return Chunk(tensors["latents"], controls, poses, prompt, seed, key)


def _finite(tensor: Tensor) -> bool:
    return bool(torch.isfinite(tensor).all())


def _check(chunk: Chunk, expected: Expected) -> None:
    """Check that a chunk is the one whose key was looked up.

    Raises:
        ValueError: it is another.
    """
    validate_chunk(chunk, expected.start, expected.index)
    same = all(
        a is b if a is None or b is None else a.dtype == b.dtype and torch.equal(a, b)
        for a, b in zip(chunk.controls, expected.controls, strict=True)
    )
    if not same or (chunk.prompt, chunk.seed) != (expected.prompt, expected.seed):
        raise ValueError("found a chunk that was told something else.")
