"""Files found in a folder and all folders in it, at a cost that does not grow with what else lies there."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from .troubles import shown

_SETTLED_NS = 2_000_000_000
"""Age of a folder's last change from which its date tells the next one apart; some disks count in two seconds."""
_TRUSTED_NS = 5_000_000_000
"""How long a folder is believed to be what it was because its date is; some disks in the network never change it."""
_LOOKED_NS = 60_000_000_000
"""How long sizes and dates count where there are very many files, unless they are asked for afresh."""
_FEW = 1000
"""Files of a folder whose sizes and dates are always looked at."""
_WAITS_NOT = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
"""A pipe that took a file's place meanwhile would else be waited for."""


class Found(NamedTuple):
    """A file that was found.

    Args:
        name: below the folder that was looked through, with slashes.
        path: of the file.
        bytes: its size.
        modified_ns: its date.
    """

    name: str
    path: str
    bytes: int
    modified_ns: int


class _Folder(NamedTuple):
    """What one folder held.

    Args:
        scanned_ns: when its names were read.
        looked_ns: when the size and date of its files were.
        modified_ns: its date.
        files: those that count, by their names in it.
        folders: names.
    """

    scanned_ns: int
    looked_ns: int
    modified_ns: int
    files: dict[str, Found]
    folders: tuple[str, ...]

    def holds_still(self, now: int, modified_ns: int) -> bool:
        """Tell whether the names are those that a folder with this date has now."""
        settled = self.scanned_ns - self.modified_ns > _SETTLED_NS
        return settled and modified_ns == self.modified_ns and 0 <= now - self.scanned_ns < _TRUSTED_NS


class Finder:
    """Finds the files that some loader may read, and remembers folders that have not changed.

    Attributes:
        version: changes whenever a file does, or comes, or goes.
    """

    def __init__(self, wanted: Callable[[str], bool]) -> None:
        """Args: wanted: tells by its name, in small letters, whether a file counts."""
        self.version = 0
        self._wanted = wanted
        self._kept: dict[str, _Folder] = {}

    def files(self, root: Path | str, *, fresh: bool) -> list[Found]:
        """Return the regular files that count, in order of their folders and names.

        Args:
            root: where to look.
            fresh: look at the size and date of every file; else, where there are very many, they may be a minute old.
        """
        found: list[Found] = []
        waiting = [("", os.fspath(root))]
        while waiting:
            name, path = waiting.pop()
            folder = self._folder(name, path, fresh)
            found += folder.files.values()
            waiting += [(f"{name}{sub}/", os.path.join(path, sub)) for sub in reversed(folder.folders)]
        return found

    def _folder(self, name: str, path: str, fresh: bool) -> _Folder:
        """Return what a folder holds."""
        now, kept = time.time_ns(), self._kept.get(path)
        try:
            modified = os.stat(path).st_mtime_ns
            still = kept is not None and kept.holds_still(now, modified)
            if still:
                files, folders = list(kept.files), kept.folders
            else:
                with os.scandir(path) as entries:
                    files, folders = self._sorted(entries)
        except OSError:  # gone, or closed to this process
            self.version += self._kept.pop(path, None) is not None
            return _Folder(0, 0, 0, {}, ())
        recent = kept is not None and len(files) > _FEW and not fresh and 0 <= now - kept.looked_ns < _LOOKED_NS
        if still and recent:
            return kept
        known = kept.files if recent else {}
        looks = {file: known.get(file) or look_at(os.path.join(path, file), f"{name}{file}") for file in files}
        found = {file: look for file, look in looks.items() if look}
        self.version += kept is None or kept.files != found or kept.folders != folders
        scanned, looked = kept.scanned_ns if still else now, kept.looked_ns if recent else now
        self._kept[path] = _Folder(scanned, looked, modified, found, folders)
        return self._kept[path]

    def _sorted(self, entries: Iterator[os.DirEntry]) -> tuple[list[str], tuple[str, ...]]:
        """Return the names of files that count, and of folders."""
        files, folders = [], []
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.name)
            elif self._wanted(entry.name.lower()):
                files.append(entry.name)
        return sorted(files), tuple(sorted(folders))


def look_at(path: str, name: str = "") -> Found | None:
    """Return a file if it is one, and there; a broken link is not, nor is a pipe, which must not be opened."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return Found(name, path, status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None


def first_bytes(path: Path, count: int) -> bytes:
    """Read the beginning of a file.

    Raises:
        OSError: it cannot be read, or is no regular file.
    """
    descriptor = os.open(path, os.O_RDONLY | _WAITS_NOT)
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "no regular file")
        return file.read(count)


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn what the operating system refuses while a file is read into one sentence.

    Raises:
        ValueError: the file cannot be read.
    """
    try:
        yield
    except FileNotFoundError:
        raise ValueError(f"{shown(path.name)}: found it gone, expected it to stay; choose another file.") from None
    except OSError as error:
        reason = shown(error.strerror or str(error))
        raise ValueError(
            f"{shown(path.name)}: found a file that cannot be read ({reason}), expected one that can; change its "
            "permissions, or choose another."
        ) from error
