"""Files that get their name when they are whole, and a name that nobody else has.

    with Part(target, "filename_prefix") as part:
        part.path.write_bytes(data)
        path = part.finish()

What is written lies beside its place under a hidden name, `.walk.1a2b3c4d.part`. An error takes it away; what a killed
process leaves is taken away by the next one that writes into the folder.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from itertools import count
from pathlib import Path
from typing import NamedTuple

from .locks import lock
from .troubles import told

PARTIAL = ".part"
STALE_SECONDS = 600
"""Age at which what was being written has lost its writer, unless that still holds it."""
_PARTIAL = re.compile(r"\..+\.[0-9a-f]{8}\.part(\.\w+)?")
_STEM = 32
"""Letters of the final name in the hidden one, which must not be the longer of the two."""
_NUMBER = 99999
"""The longest number that a name is tried with."""
_MOST = 4096
"""Letters of a name with all its folders; no system takes more."""
_FORBIDDEN = '<>:"|?*' if os.name == "nt" else ""
_BINARY = getattr(os, "O_BINARY", 0)
_TAKEN = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR, errno.EACCES, errno.EPERM)
"""Why a folder does not get a name that something has, on one system or another."""


class Numbered(NamedTuple):
    """A name that is chosen when the file is whole: the first that is free of `walk_00007_.csv`, `walk_00008_.csv` …

    Args:
        folder: made if it is not there.
        stem: of the name.
        first: number.
        ending: behind the number; `/images.txt` makes a folder `walk_00007_`, and the name is that of a file in it.
        field: the input that the name comes from.
    """

    folder: Path
    stem: str
    first: int
    ending: str
    field: str

    def path(self, number: int) -> Path:
        """Return the file's path with a number."""
        return self.folder / f"{self.stem}_{number:05}_{self.ending}"

    def entry(self, number: int) -> Path:
        """Return what gets the name with a number: the file, or the folder that it lies in."""
        return self.folder / f"{self.stem}_{number:05}_{self.ending.partition('/')[0]}"


Target = Path | Numbered
"""Where a file is to lie: at a path, in the place of one that may be there; or under a new name."""


class Part:
    """A file while it is written.

    Attributes:
        path: of the hidden file; it is there, and empty, from the beginning of the `with`.
    """

    def __init__(self, target: Target, field: str, ending: str = "") -> None:
        """Describe it; nothing is written yet.

        Args:
            target: where it is to lie; the folder of a path must be there.
            field: the input that a path comes from; a `Numbered` knows its own.
            ending: of the hidden name, for writers that go by it, such as `.mp4`.
        """
        numbered = isinstance(target, Numbered)
        self.target = target
        self.field = target.field if numbered else field
        self.name = target.entry(target.first) if numbered else target
        self.path = _hidden(self.name, ending)
        self._descriptor: int | None = None

    def __enter__(self) -> Part:
        """Make the hidden file.

        Raises:
            Unwritable: the folder cannot be written to.
        """
        with told(self.field, self.name):
            if isinstance(self.target, Numbered):
                self.path.parent.mkdir(parents=True, exist_ok=True)
            remove_stale(self.path.parent)
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _BINARY, 0o666)
        if os.name == "nt":
            self._let_go()  # there an open file is safe from others, and the writer has it open
        else:
            lock(self._descriptor)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, *_: object) -> None:
        """Take the hidden file away if it did not get its name.

        Raises:
            Unwritable: what the operating system refused meanwhile.
        """
        self._let_go()
        with suppress(OSError):
            self.path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            with told(self.field, self.name):
                raise error

    def finish(self) -> Path:
        """Give the file its name, once its bytes are on the disk; return its path.

        Raises:
            Unwritable: the operating system refused.
        """
        with told(self.field, self.name):
            with self.path.open("r+b") as file:
                os.fsync(file.fileno())
            self._let_go()
            if not isinstance(self.target, Numbered):
                os.replace(self.path, self.target)
                return self.target
            for number in count(self.target.first):
                with suppress(FileExistsError):
                    _take(self.path, self.target.path(number))
                    return self.target.path(number)
        raise AssertionError("numbers do not end")

    def _let_go(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def write_file(target: Target, data: bytes, field: str) -> Path:
    """Write a file, and return its path.

    Args:
        target: where it is to lie.
        data: all of it.
        field: the input that a path comes from.

    Raises:
        Unwritable: the operating system refused.
    """
    with Part(target, field) as part:
        part.path.write_bytes(data)
        return part.finish()


def write_files(target: Target, contents: Mapping[str, bytes], field: str) -> tuple[Path, ...]:
    """Write files that belong together, and return their paths.

    Args:
        target: of the first; the others lie beside it. For several new ones its ending makes a folder.
        contents: of each file, by its name.
        field: the input that a path comes from.

    Raises:
        Unwritable: the operating system refused.
    """
    if isinstance(target, Numbered):
        if "/" in target.ending:
            return _write_folder(target, contents)
        return tuple(write_file(target, data, field) for data in contents.values())
    with told(field, target):
        target.parent.mkdir(parents=True, exist_ok=True)
    paths = [write_file(target.with_name(name), data, field) for name, data in reversed(contents.items())]
    return tuple(reversed(paths))


class PartFolder:
    """A new folder while it is filled; it gets its name when all in it is whole.

    Attributes:
        path: of the hidden folder; it is there, and empty, from the beginning of the `with`.
    """

    def __init__(self, target: Numbered) -> None:
        """Describe it; nothing is written yet. Args: target: whose entry is the folder."""
        self.target = target
        self.path = _hidden(target.entry(target.first))

    def __enter__(self) -> PartFolder:
        """Make the hidden folder.

        Raises:
            Unwritable: there is no place for it.
        """
        with self._told():
            self.target.folder.mkdir(parents=True, exist_ok=True)
            remove_stale(self.target.folder)
            self.path.mkdir()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, *_: object) -> None:
        """Take the hidden folder away if it did not get its name.

        Raises:
            Unwritable: what the operating system refused meanwhile.
        """
        shutil.rmtree(self.path, ignore_errors=True)
        if isinstance(error, OSError):
            with self._told():
                raise error

    def write(self, name: str, data: bytes) -> None:
        """Write a file that is not there yet; folders in its name are made. Raises: OSError."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.utime(self.path)  # it is not stale, though all that grows lies in its folders

    def finish(self) -> Path:
        """Give the folder its name, and return its path.

        Raises:
            Unwritable: the operating system refused.
        """
        with self._told():
            return _name_folder(self.path, self.target)

    def _told(self) -> AbstractContextManager[None]:
        return told(self.target.field, self.target.entry(self.target.first))


def _write_folder(target: Numbered, contents: Mapping[str, bytes]) -> tuple[Path, ...]:
    """Write files into a new folder, which gets its name when all are whole."""
    with PartFolder(target) as folder:
        for name, data in contents.items():
            folder.write(name, data)
        entry = folder.finish()
    return tuple(entry / name for name in contents)


def rename_file(path: Path, name: Path, field: str) -> None:
    """Give a file another name in its folder, if nothing has that.

    Args:
        path: of the file.
        name: its new path.
        field: the input that it comes from.

    Raises:
        ValueError: something has the name.
        Unwritable: the operating system refused.
    """
    with told(field, name):
        try:
            _take(path, name)
        except FileExistsError:
            raise ValueError(
                f"{field}: found a file called {name.name!r} already, expected a name of its own; choose another."
            ) from None


def try_out(target: Numbered) -> None:
    """Check that a file could be written now; what is made for that is gone when this returns.

    Raises:
        ValueError: a name is not one that the disk takes, something is in the way, or the folder is closed.
    """
    entry = target.entry(_NUMBER)
    for name in entry.parts[1:]:
        check_letters(name, target.field)
    with told(target.field, entry):
        there = next(folder for folder in entry.parents if os.path.lexists(folder))
        for part in entry.relative_to(there).parts:
            with suppress(FileNotFoundError):
                os.lstat(there / part)  # too long a name is told even so
    probe = there / target.entry(target.first).name
    with told(target.field, probe):
        hidden = _hidden(probe)
        os.close(os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        hidden.unlink()


def check_letters(name: str, field: str) -> None:
    """Refuse letters that no file's name can have, or far too many.

    Raises:
        ValueError: names the letter.
    """
    if len(name) > _MOST:
        raise ValueError(f"{field}: found a name of {len(name)} letters, expected one that the disk takes; shorten it.")
    wrong = next((letter for letter in f"\0{_FORBIDDEN}" if letter in name), None)
    try:
        os.fsencode(name)
    except UnicodeEncodeError as error:
        wrong = name[error.start]
    if wrong is not None:
        raise ValueError(
            f"{field}: found the letter {wrong!a} in a name, expected one that file names may have; leave it out."
        )


def remove_stale(folder: Path, mine: re.Pattern[str] = _PARTIAL, seconds: float = STALE_SECONDS) -> None:
    """Take away what processes that were killed left in a folder.

    Args:
        folder: need not be there.
        mine: names that count.
        seconds: age from which they have lost their writer, unless that still holds them.
    """
    for path in hidden_parts(folder, mine):
        with suppress(OSError):  # another was faster, or may do what this one may not
            status = path.lstat()
            if time.time() - status.st_mtime < seconds:
                continue
            if stat.S_ISDIR(status.st_mode):
                shutil.rmtree(path)
            elif stat.S_ISREG(status.st_mode) and not _is_held(path):
                path.unlink()


def hidden_parts(folder: Path, mine: re.Pattern[str] = _PARTIAL) -> Iterator[Path]:
    """Yield what is being written in a folder, or was when its writer was killed."""
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        yield from [Path(entry.path) for entry in entries if mine.fullmatch(entry.name)]


def _hidden(path: Path, ending: str = "") -> Path:
    stem = path.name[:_STEM].lstrip(".") or "file"
    return path.with_name(f".{stem}.{uuid.uuid4().hex[:8]}{PARTIAL}{ending}")


def _take(path: Path, name: Path) -> None:
    """Rename a file.

    Raises:
        FileExistsError: the name is taken.
    """
    if os.name == "nt":
        os.rename(path, name)  # refuses by itself there
        return
    try:
        os.link(path, name)
    except FileExistsError:
        raise
    except OSError:  # a disk without second names; the name is taken with an empty file
        os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        try:
            os.replace(path, name)
        except BaseException:
            name.unlink(missing_ok=True)
            raise
    else:
        path.unlink()


def _name_folder(path: Path, target: Numbered) -> Path:
    for number in count(target.first):
        entry = target.entry(number)
        try:
            os.rename(path, entry)  # takes the place of an empty folder at most
        except OSError as error:
            if error.errno not in _TAKEN or not os.path.lexists(entry):
                raise
        else:
            return entry
    raise AssertionError("numbers do not end")


def _is_held(path: Path) -> bool:
    """Tell whether a file's writer is still there."""
    descriptor = os.open(path, os.O_RDWR | _BINARY)
    try:
        return not lock(descriptor)
    finally:
        os.close(descriptor)
