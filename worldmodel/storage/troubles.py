"""What the operating system refuses while a file is written, said once for all savers."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..reading.words import shortened

_LETTERS = 120
"""Of a folder's or a file's name in a message."""
_CLOSED = (
    "that {folder} may not be written to",
    "a folder that may",
    "change its permissions, or choose another folder",
)
_FULL = ("no room for {name} on the disk of {folder}", "enough for all of it", "make room and try again")
_IN_THE_WAY = ("{blocking} in the way", "a folder or nothing of that name", "move it away, or choose another name")
_TROUBLES = {
    errno.EACCES: _CLOSED,
    errno.EPERM: _CLOSED,
    errno.EROFS: _CLOSED,
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: _FULL,
    errno.ENOTDIR: _IN_THE_WAY,
    errno.EEXIST: _IN_THE_WAY,
    errno.EISDIR: _IN_THE_WAY,
    errno.ENAMETOOLONG: ("a name of {letters}", "one that the disk takes", "shorten it"),
    errno.EINVAL: ("a name that this system does not take", "letters, digits, - and _", "write another"),
    errno.ENOENT: ("{folder} gone while {name} was written", "it to stay", "try again"),
}
"""Number of an error -> what was found, what was expected, what to do."""
_OTHER = (
    "no way to write {name} into {folder} ({reason})",
    "a disk that takes it",
    "check it, or choose another folder",
)


class Unwritable(OSError, ValueError):
    """A file cannot be written: a refusal of the operating system's, in a sentence for the user."""


def trouble(field: str, path: Path, error: OSError) -> Unwritable:
    """Say why a file cannot be written, in one sentence.

    Args:
        field: the input that names it.
        path: where it should lie.
        error: what the operating system said.
    """
    is_there = error.errno == errno.ENOENT and os.path.isdir(path.parent)  # then it is no folder for files, as /proc
    found, expected, advice = _OTHER if is_there else _TROUBLES.get(error.errno, _OTHER)
    found = found.format(
        name=shown(path.name),
        folder=f"the folder {shown(path.parent)}",
        blocking=f"a file, {shown(_blocking(path))},",
        letters=_letters(path),
        reason=shown(error.strerror or str(error) or type(error).__name__),
    )
    return Unwritable(f"{field}: found {found}, expected {expected}; {advice}.")


@contextmanager
def told(field: str, path: Path) -> Iterator[None]:
    """Turn what the operating system refuses inside the `with` into one sentence; see `trouble`."""
    try:
        yield
    except Unwritable:
        raise
    except OSError as error:
        raise trouble(field, path, error) from error


def shown(text: str | os.PathLike[str]) -> str:
    """Return a name or a short text as a message may hold it: cut, and on one line."""
    return shortened("".join(letter if letter.isprintable() else "?" for letter in os.fspath(text)), _LETTERS)


def _letters(path: Path) -> str:
    """Return the length of a path's longest name."""
    longest = max(path.parts, key=len)
    return f"{len(longest)} letters{', number and ending counted' * (longest == path.name)}"


def _blocking(path: Path) -> Path:
    """Return the first part of a path that is there and is no folder."""
    for part in (*reversed(path.parents), path):
        if os.path.lexists(part) and not os.path.isdir(part):
            return part
    return path
