"""Finished chunks on disk, so that a rollout that was stopped or killed goes on where it was.

One safetensors file per chunk, named by the chunk's key: it is there whole or not at all, and carries a checksum of all
its bytes. A file's date says when it was last used, with one addition: a rollout dates what it uses from its own
beginning, every chunk a little older than its parent. So the oldest file is always the last chunk of the lineage that
has lain unused for longest, and making room needs no index.
"""

from __future__ import annotations

import hashlib
import heapq
import json
import logging
import os
import re
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import load, save
from torch import Tensor

from .state import Chunk, Controls, World
from .weights import METADATA_KEY

log = logging.getLogger(__name__)

VERSION = 1
"""Part of every key and file: raise it when the same inputs give other latents than before, or the file changes."""
SUFFIX = ".safetensors"
PARTIAL = ".part"
SPACING_NS = 1_000_000
"""How much older than its parent a chunk is dated."""
STALE_SECONDS = 600
"""Age at which a partial file has lost its writer; writing one takes far less than a second."""
CANDIDATES = 4096
"""Files that one look through the folder lines up for leaving."""
_KEY = re.compile(r"[0-9a-f]{64}")
_UNSEALED = "0" * 64
_SEAL = re.compile(rb'"checksum":"([0-9a-f]{64})"')


class Usage(NamedTuple):
    """What lies in a journal."""

    chunks: int
    bytes: int


class _File(NamedTuple):
    """A chunk's file, oldest first in order."""

    modified_ns: int
    name: str
    bytes: int


def add_tensor(digest: Any, tensor: Tensor) -> None:
    """Feed a tensor's type, shape and bytes to one of hashlib's digests."""
    digest.update(f"|{tensor.dtype}|{tuple(tensor.shape)}|".encode())
    digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())


def chunk_key(parent: str, controls: Controls, prompt: str, settings: Sequence[Any], seed: int, model: str) -> str:
    """Return the key of a chunk, 64 hex digits, before it is made.

    Args:
        parent: key of the chunk before, or the world's digest; see `parent_key`.
        controls: rows of this chunk's video frames.
        prompt: what was written for it.
        settings: of the sampler; plain values.
        seed: of the rollout.
        model: identity of the model and of what runs it.
    """
    words = json.dumps([VERSION, parent, prompt, list(settings), seed, model])
    return _content_key(words, [rows for rows in controls if rows is not None])


def parent_key(world: World) -> str:
    """Return what a world's next chunk has as its parent: the last chunk's key, or the world's digest.

    A chunk without a key, made while the journal was off, stands here by its content.
    """
    key = world.digest
    for chunk in world.chunks:
        rows = [rows for rows in chunk.controls if rows is not None]
        key = chunk.key or _content_key(json.dumps([VERSION, key, "unkeyed", chunk.prompt]), [chunk.latents, *rows])
    return key


def fingerprint(world: World) -> str:
    """Return 16 hex digits over a world's start and the latents of all its chunks."""
    digest = hashlib.sha256(world.digest.encode())
    for chunk in world.chunks:
        add_tensor(digest, chunk.latents)
    return digest.hexdigest()[:16]


def _content_key(words: str, tensors: Sequence[Tensor]) -> str:
    digest = hashlib.sha256(words.encode())
    for tensor in tensors:
        add_tensor(digest, tensor)
    return digest.hexdigest()


class Journal:
    """A folder of finished chunks, as one rollout uses it; any number of processes may share the folder.

    What this object enters, finds or keeps is the running world's lineage, from the root on: it never leaves to make
    room, even if it alone is larger than the budget.
    """

    def __init__(self, folder: Path | str, budget_bytes: int):
        """Begin a rollout's use; nothing is read or written yet.

        Args:
            folder: made when the first chunk is kept.
            budget_bytes: size the folder may have.
        """
        self.folder = Path(folder)
        self.budget_bytes = budget_bytes
        self._begin_ns = time.time_ns()
        self._depths: dict[str, int] = {}
        self._bytes: int | None = None
        self._oldest: list[_File] = []
        self._more = True
        self._staying: set[str] = set()

    def enter(self, world: World) -> None:
        """Count the chunks of the world that a rollout goes on from as used."""
        for chunk in world.chunks:
            if _KEY.fullmatch(chunk.key):
                self._use(chunk.key)
                self._date(self._path(chunk.key), chunk.key)

    def find(self, key: str) -> Chunk | None:
        """Return the chunk with a key; `None` if it is not there, or its file is not what it should be."""
        path = self._path(key)
        self._use(key)
        try:
            chunk = _unpacked(path.read_bytes(), key)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            log.warning("World Model: the journal's %s is not used, the chunk is computed again: %s", path.name, error)
            return None
        self._date(path, key)
        return chunk

    def keep(self, chunk: Chunk, parent: str) -> None:
        """Write a chunk under its key; it is in the journal, for good, when this returns.

        Args:
            chunk: with a key.
            parent: key of the chunk before, see `parent_key`.

        Raises:
            OSError: the folder cannot be written to, or the disk is full.
        """
        path = self._path(chunk.key)
        self._use(chunk.key)
        self.folder.mkdir(parents=True, exist_ok=True)
        data = _packed(chunk, parent)
        self._make_room(len(data))
        partial = self.folder / f".{chunk.key}.{uuid.uuid4().hex[:8]}{PARTIAL}"
        try:
            with partial.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            self._date(partial, chunk.key, fresh=True)
            os.replace(partial, path)
        except BaseException:
            with suppress(OSError):  # the first error is the one to tell
                partial.unlink(missing_ok=True)
            raise
        self._bytes += len(data)

    def _path(self, key: str) -> Path:
        assert _KEY.fullmatch(key), f"{key!r} is no key"
        return self.folder / f"{key}{SUFFIX}"

    def _use(self, key: str) -> None:
        self._depths.setdefault(key, len(self._depths))

    def _date(self, path: Path, key: str, fresh: bool = False) -> None:
        """Date a file by its place in this rollout's lineage, unless a later rollout has dated it."""
        date = self._begin_ns - self._depths[key] * SPACING_NS
        with suppress(OSError):  # gone, or a folder that may only be read: the chunk itself is not in question
            if fresh or path.stat().st_mtime_ns < date:
                os.utime(path, ns=(date, date))

    def _make_room(self, needed: int) -> None:
        """Let the oldest files leave until `needed` more bytes fit, or only this rollout's own are left."""
        if self._bytes is None:
            _remove_stale_partials(self.folder)
            self._bytes = usage(self.folder).bytes
        while self._bytes + needed > self.budget_bytes and (self._oldest or self._more):
            if not self._oldest:
                self._line_up()
            elif self._leaves(file := self._oldest.pop()):
                self._bytes -= file.bytes

    def _line_up(self) -> None:
        """Look through the folder for the files to leave next, the oldest last."""
        oldest = heapq.nsmallest(CANDIDATES, (file for file in _files(self.folder) if not self._stays(file)))
        self._oldest, self._more = oldest[::-1], len(oldest) == CANDIDATES

    def _stays(self, file: _File) -> bool:
        return file.name in self._staying or file.name.removesuffix(SUFFIX) in self._depths

    def _leaves(self, file: _File) -> bool:
        if not self._stays(file) and _delete(self.folder / file.name, file.modified_ns):
            return True
        self._staying.add(file.name)
        return False


def usage(folder: Path) -> Usage:
    """Return how much lies in a journal's folder."""
    sizes = [file.bytes for file in _files(folder)]
    return Usage(len(sizes), sum(sizes))


def clear(folder: Path) -> Usage:
    """Delete all chunks of a journal, and return how much that was; a file in use stays."""
    gone = [file.bytes for file in _files(folder) if _delete(folder / file.name, None)]
    _remove_stale_partials(folder)
    return Usage(len(gone), sum(gone))


def _files(folder: Path) -> Iterator[_File]:
    """Yield the chunks' files; others that lie there are none of ours."""
    for entry in _entries(folder):
        if entry.name.endswith(SUFFIX) and _KEY.fullmatch(entry.name.removesuffix(SUFFIX)):
            with suppress(FileNotFoundError):  # another rollout made room meanwhile
                status = entry.stat()
                yield _File(status.st_mtime_ns, entry.name, status.st_size)


def _entries(folder: Path) -> list[os.DirEntry]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except FileNotFoundError:
        return []


def _delete(path: Path, modified_ns: int | None) -> bool:
    """Delete a file, unless it was used since it had this date; tell whether it is gone."""
    try:
        if modified_ns is not None and path.stat().st_mtime_ns != modified_ns:
            return False
        path.unlink()
    except FileNotFoundError:
        return True
    except OSError:  # in use (Windows), or not ours to delete
        return False
    return True


def _remove_stale_partials(folder: Path) -> None:
    """Delete what writers left that were killed while they wrote."""
    for entry in _entries(folder):
        if entry.name.endswith(PARTIAL):
            with suppress(OSError):  # another rollout was faster
                if time.time() - entry.stat().st_mtime > STALE_SECONDS:
                    os.unlink(entry.path)


def _packed(chunk: Chunk, parent: str) -> bytes:
    """Return a chunk as the bytes of its file."""
    entries = {"journal": VERSION, "key": chunk.key, "parent": parent, "prompt": chunk.prompt, "seed": chunk.seed}
    tensors = {"latents": chunk.latents, **chunk.controls._asdict(), "poses": chunk.poses}
    data = save(
        {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items() if tensor is not None},
        metadata={METADATA_KEY: json.dumps(entries), "checksum": _UNSEALED},
    )
    begin, end = _SEAL.search(data).span(1)
    return data[:begin] + hashlib.sha256(data).hexdigest().encode() + data[end:]


def _unpacked(data: bytes, key: str) -> Chunk:
    """Return the chunk in a file's bytes.

    Raises:
        ValueError: they are damaged, or not the chunk with this key.
    """
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
    controls = Controls(*(tensors.get(name) for name in Controls._fields))
    return Chunk(tensors["latents"], controls, tensors.get("poses"), entries["prompt"], entries["seed"], key)
