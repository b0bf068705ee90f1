"""Latents that lie in a file and are read where they are needed, each checked against what was put there.

The file is mapped: the system brings in what is read and takes the memory back when it needs it. A file that is deleted
or replaced meanwhile stays as it was for whoever has mapped it. One that was shortened would end the process, and one
that was written over would give other numbers; both are noticed before anything is made of it.

Shapes: C channels of a latent, c latents of a chunk, h, w latent grid.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from ..reading.safetensors_files import load_safetensors


class OnDisk(NamedTuple):
    """Where a chunk's latents lie.

    Args:
        path: of the file, safetensors with a tensor `latents`.
        file: its device and number there; another file in its place is none of ours.
        bytes: of it.
        sums: CRC-32 of each latent.
    """

    path: Path
    file: tuple[int, int]
    bytes: int
    sums: tuple[int, ...]

    def read(self, latents: Tensor, part: slice = slice(None)) -> Tensor:
        """Copy some latents into memory.

        Args:
            latents: (C, c, h, w) mapped.
            part: which of them.

        Raises:
            ValueError: the file was shortened or written over.
        """
        if self._is_shortened():
            raise self._changed("the file shortened")
        copy = latents[:, part].clone(memory_format=torch.contiguous_format)
        if checksums(copy) != self.sums[part]:
            raise self._changed("other latents")
        return copy

    def _is_shortened(self) -> bool:
        try:
            status = os.stat(self.path)
        except OSError:  # deleted, which takes nothing from who has mapped it
            return False
        return (status.st_dev, status.st_ino) == self.file and status.st_size < self.bytes

    def _changed(self, found: str) -> ValueError:
        return ValueError(
            f"latents: found {found} in {self.path.name[:12]}… of the journal, expected what the chunk was made of; "
            "roll the world out again with keep_latents in memory, which makes that chunk anew."
        )


def checksums(latents: Tensor) -> tuple[int, ...]:
    """Return CRC-32 of each latent (C, c, h, w)."""
    return tuple(zlib.crc32(each.contiguous().reshape(-1).view(torch.uint8).numpy()) for each in latents.unbind(1))


def mapped(path: Path, latents: Tensor) -> tuple[Tensor, OnDisk]:
    """Map the latents that were written into a file, without reading them.

    Args:
        path: of the file.
        latents: (C, c, h, w) what was written.

    Raises:
        OSError, ValueError: the file is gone, or no such latents are in it.
    """
    status = path.stat()
    found = load_safetensors(path)[0].get("latents")
    if found is None or (found.dtype, found.shape) != (latents.dtype, latents.shape):
        raise ValueError(f"{path.name}: found no such latents, expected those of the chunk; empty the journal.")
    return found, OnDisk(path, (status.st_dev, status.st_ino), status.st_size, checksums(latents))
