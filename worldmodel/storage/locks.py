"""Locks that end with the process that holds them, however it ends."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

from .troubles import trouble

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None
    import msvcrt

log = logging.getLogger(__name__)
LOCK = ".lock"
"""Name of the file that stands for a folder's lock; it is there while the lock is held."""
_PAUSE = 0.05
"""Seconds between two looks at a lock that another holds."""
_HELD = (BlockingIOError, PermissionError)
"""What a lock that another holds raises: the first on POSIX, the second on Windows."""


def lock(descriptor: int) -> bool:
    """Lock an open file until it is closed; tell whether that worked, or another has it.

    Where the disk knows no locks the file counts as locked: there is no way to do better.
    """
    try:
        if fcntl is None:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except _HELD:
        return False
    except OSError as error:
        _warn(str(error))
    return True


@cache
def _warn(reason: str) -> None:
    log.warning("World Model: this disk knows no locks (%s); write to it from one ComfyUI at a time.", reason)


class FolderLock:
    """One writer at a time in a folder, over all processes; a holder may enter again.

        with FolderLock(folder, "folder"):
            ...

    Args:
        folder: must be there.
        field: the input that names it.
    """

    def __init__(self, folder: Path, field: str) -> None:
        self.path = folder / LOCK
        self._field = field
        self._descriptor: int | None = None
        self._depth = 0
        self.waiting: Callable[[], None] | None = None
        """Called again and again while another has the lock; `None`: that is refused."""

    def __enter__(self) -> FolderLock:
        """Take the lock.

        Raises:
            ValueError: another has it and there is no `waiting`, or the folder cannot be written to.
        """
        while self._descriptor is None and not self._take():
            if self.waiting is None:
                raise ValueError(
                    f"{self._field}: found another process that writes into {self.path.parent}, expected none; wait "
                    "until it is done, or choose another folder."
                )
            self.waiting()
            time.sleep(_PAUSE)
        self._depth += 1
        return self

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        if self._depth:
            return
        if fcntl is not None:  # while it is held, so that whoever waits finds that the name is of another file
            self.path.unlink(missing_ok=True)
        os.close(self._descriptor)
        self._descriptor = None
        if fcntl is None:
            with suppress(OSError):  # another has it open already, and removes it
                self.path.unlink(missing_ok=True)

    def _take(self) -> bool:
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            if fcntl is None and isinstance(error, PermissionError):  # it is being removed at this moment
                return False
            raise trouble(self._field, self.path, error) from error
        with suppress(FileNotFoundError):
            if lock(descriptor) and os.path.samestat(os.fstat(descriptor), os.stat(self.path)):
                self._descriptor = descriptor
                return True
        os.close(descriptor)
        return False
