"""Chunks that follow one another in a journal: each is looked up before it is made, and kept when it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .chunk_file import Expected
from .journal import Journal, chunk_key
from .state import Chunk


class Lineage:
    """The rollouts of one model under the same settings, as a journal knows them."""

    def __init__(self, book: Journal, models: Sequence[str], settings: Sequence[Any], on_disk: bool = False):
        """Begin; nothing is looked up yet.

        Args:
            book: the journal.
            models: the model's names, its own first.
            settings: of the sampler and the context; plain values.
            on_disk: leave latents in the journal's files.
        """
        self._book, self._settings, self._on_disk = book, settings, on_disk
        self._models = [name for name in dict.fromkeys(models) if name]

    def find(self, parent: str, expected: Expected) -> tuple[str, Chunk | None]:
        """Look a chunk up.

        Args:
            parent: key of the chunk before, see `journal.parent_key`.
            expected: what it is made from.

        Returns:
            The key that it has, or is to have, and the chunk where it is there.
        """
        keys = [chunk_key(parent, expected.controls, self._settings, expected.seed, name) for name in self._models]
        chunk = self._book.find(*keys, expected=expected, on_disk=self._on_disk)
        return (keys[0], None) if chunk is None else (chunk.key, chunk)

    def keep(self, chunk: Chunk, parent: str) -> Chunk:
        """Write a chunk that was made, with the key that `find` gave it.

        Returns:
            The chunk; its latents are left in the file, where that was asked for.

        Raises:
            OSError: the folder cannot be written to, or the disk is full.
        """
        self._book.keep(chunk, parent)
        return self._book.on_disk(chunk) if self._on_disk else chunk
