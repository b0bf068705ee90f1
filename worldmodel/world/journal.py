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
from torch import Tensor

from ..reading.words import shortened
from .chunk_file import VERSION, Expected, pack, read
from .on_disk import mapped
from .state import Chunk, Controls, World, latents_of

log = logging.getLogger(__name__)

SUFFIX = ".safetensors"
PARTIAL = ".part"
SPACING_NS = 1_000_000
"""How much older than its parent a chunk is dated."""
STALE_SECONDS = 600
"""Age at which a partial file has lost its writer; writing one takes far less than a second."""
CANDIDATES = 4096
"""Files that one look through the folder lines up for leaving."""
NAMES = "names.json"
"""Which names equal models went by; see `Journal.other_names`."""
MODELS, NAMES_OF_ONE = 256, 16
"""Models in that file, and names of one model; what came first leaves first."""
LONGEST_NAMES = 2**20
"""Bytes that it may have; full, it has a third of that."""
_KEY = re.compile(r"[0-9a-f]{64}")


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


def chunk_key(parent: str, controls: Controls, settings: Sequence[Any], seed: int, model: str) -> str:
    """Return the key of a chunk, 64 hex digits, before it is made.

    Args:
        parent: key of the chunk before, or the world's digest; see `parent_key`.
        controls: of this chunk.
        settings: of the sampler and the context; plain values.
        seed: of the rollout.
        model: identity of the model and of what runs it.
    """
    words = json.dumps([VERSION, parent, controls.prompt, list(settings), seed, model])
    return _content_key(words, list(controls.tensors.values()))


def parent_key(world: World) -> str:
    """Return what a world's next chunk has as its parent: the last chunk's key, or the world's digest.

    A chunk without a key, made while the journal was off, stands here by its content.
    """
    return [world.digest, *chunk_names(world)][-1]


def chunk_names(world: World) -> list[str]:
    """Return the name of each chunk of a world, 64 hex digits, which tells all that came before it too.

    It is the chunk's key; one without a key, made while the journal was off, stands here by its content.
    """
    names, name = [], world.digest
    for chunk in world.chunks:
        told = chunk.controls
        words = json.dumps([VERSION, name, "unkeyed", told.prompt])
        name = chunk.key or _content_key(words, [latents_of(chunk), *told.tensors.values()])
        names.append(name)
    return names


def fingerprint(world: World) -> str:
    """Return 16 hex digits over a world's start and the latents of all its chunks."""
    digest = hashlib.sha256(world.digest.encode())
    for chunk in world.chunks:
        add_tensor(digest, latents_of(chunk))
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

    def other_names(self, model: str, name: str) -> list[str]:
        """Return under which other names chunks of an equal model may lie, and remember this one.

        Args:
            model: stands for all that the model is.
            name: the model's identity in the keys of this rollout's chunks.
        """
        path = self.folder / NAMES
        known = _read_names(path)
        names = known.pop(model, [])
        if name not in names and name != model:
            known[model] = [*names, name][-NAMES_OF_ONE:]
            try:
                _write_names(path, dict(list(known.items())[-MODELS:]))
            except OSError as error:  # the chunks, which matter more, will say it to the user
                log.warning("World Model: %s was not written: %s", path.name, error)
        return [other for other in names if other != name]

    def find(self, *keys: str, expected: Expected | None = None, on_disk: bool = False) -> Chunk | None:
        """Return the first chunk that is there under one of the keys, the likeliest first.

        Whatever lies under such a name, a file that is not certainly the chunk that is wanted counts as not there.

        Args:
            keys: that it may have.
            expected: what else it must be.
            on_disk: leave its latents in the file.
        """
        for key in keys:
            chunk = self._read(key, expected)
            if chunk is not None:
                self._use(key)
                self._date(self._path(key), key)
                return self._where(chunk) if on_disk else chunk
        self._use(keys[0])
        return None

    def _where(self, chunk: Chunk) -> Chunk:
        """Return a chunk that was found with its latents in the file, or else as it is."""
        try:
            return self.on_disk(chunk)
        except (OSError, ValueError) as error:  # another rollout made room meanwhile
            log.warning("World Model: a chunk of the journal stays in memory: %s", shortened(str(error), 200))
            return chunk

    def on_disk(self, chunk: Chunk) -> Chunk:
        """Return a chunk that was kept, its latents left in the file.

        Raises:
            OSError, ValueError: the file is gone.
        """
        latents, place = mapped(self._path(chunk.key), chunk.latents)
        return chunk._replace(latents=latents, place=place)

    def _read(self, key: str, expected: Expected | None) -> Chunk | None:
        path = self._path(key)
        try:
            return read(path, key, expected)
        except FileNotFoundError:
            return None
        except Exception as error:  # noqa: BLE001 - any content may stand there; each kind breaks another part of what reads it
            reason = shortened(f"{type(error).__name__}: {error}", 200)
            log.warning("World Model: the journal's %s is not used, the chunk is computed again: %s", path.name, reason)
            return None

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
        data = pack(chunk, parent)
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
    _delete(folder / NAMES, None)
    _remove_stale_partials(folder)
    return Usage(len(gone), sum(gone))


def _files(folder: Path) -> Iterator[_File]:
    """Yield the chunks' files; others that lie there are none of ours."""
    for entry in _entries(folder):
        if entry.name.endswith(SUFFIX) and _KEY.fullmatch(entry.name.removesuffix(SUFFIX)):
            with suppress(OSError):  # another rollout made room meanwhile
                status = entry.stat()
                yield _File(status.st_mtime_ns, entry.name, status.st_size)


def _entries(folder: Path) -> list[os.DirEntry]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except FileNotFoundError:
        return []
    except OSError as error:  # a file in its place, or not ours to read: who keeps a chunk there will say so
        log.warning("World Model: the journal's folder cannot be read: %s", error)
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


def _read_names(path: Path) -> dict[str, list[str]]:
    """Return the names of each model, none where the file is missing or damaged."""
    if not path.is_file():
        return {}
    try:
        if path.stat().st_size > LONGEST_NAMES:
            raise ValueError(f"found {path.stat().st_size} bytes.")
        known = json.loads(path.read_text(encoding="utf-8"))
        lists = {model: [name for name in names if _KEY.fullmatch(name)] for model, names in known.items()}
        return {model: names[-NAMES_OF_ONE:] for model, names in lists.items() if _KEY.fullmatch(model)}
    except Exception as error:  # noqa: BLE001 - as with a damaged chunk
        log.warning("World Model: the journal's %s is not used: %s", path.name, shortened(str(error), 200))
        return {}


def _write_names(path: Path, known: dict[str, list[str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}{PARTIAL}")
    try:
        partial.write_text(json.dumps(known), encoding="utf-8")
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
