"""The host's folders for what is made: films, recordings, and files that one node writes and another reads."""

from __future__ import annotations

import os
import re
import threading
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping
from heapq import nlargest
from pathlib import Path
from typing import Any, NamedTuple

import folder_paths

from ...worldmodel.storage.listing import Finder, Found, look_at
from ...worldmodel.storage.troubles import shown, told
from ...worldmodel.storage.writing import Numbered, check_letters, try_out
from . import progress, runs

NEWEST = "the newest"
"""What a loader's list calls the file that was written last."""
_IN_OUTPUT = " [output]"
"""The host's mark of a name in its output folder; names without a mark are in its input folder."""
_FIRST_LOOKS = 300, 10_000
"""Files that one listing looks into for the first time, on the host's event loop and in its worker; further ones are
offered until a later listing has."""
_MOST_READ = 100
"""Files that are read in search of the newest."""
_TOLD = 3
"""Files that are named as passed over."""
_DATES = {"year": "%Y", "month": "%m", "day": "%d", "hour": "%H", "minute": "%M", "second": "%S"}
_ZERO = ("width", "height")
"""What the host fills in where there is no picture."""


class Chosen(NamedTuple):
    """A file that a loader read.

    Args:
        path: of the file.
        content: what was in it.
        notes: a sentence for what the user should know of the choice.
    """

    path: Path
    content: Any
    notes: tuple[str, ...]


class Kind(NamedTuple):
    """A kind of file that one node writes and another reads.

    Args:
        what: one of them, such as "a track".
        missing: how the sentence begins that says that there is none.
        endings: of their names, in small letters; capitals count for nothing.
        writer: the node that writes them.
        glance: tells by its first bytes whether a file may be one; raises OSError.
        never: names, in small letters, of files that are only read with another one.
    """

    what: str
    missing: str
    endings: tuple[str, ...]
    writer: str
    glance: Callable[[Path], bool]
    never: Collection[str] = ()


class SavedFiles:
    """The files of one kind in the host's output folder, where they are written, and in its input folder.

    Only listed names are ever opened: a name such as ../x would leave the folders.
    """

    def __init__(self, kind: Kind, beside: Callable[[Path], Path | None] = lambda path: None) -> None:
        """Describe a kind.

        Args:
            kind: of the files.
            beside: returns the file that is read with another one, `None` where there is none.
        """
        self._kind, self._beside = kind, beside
        self._finder = Finder(lambda name: name.endswith(kind.endings) and name not in kind.never)
        self._version = -1
        self._last: dict[str, Found] = {}
        self._offer: tuple[dict[str, Found], list[str]] = {}, []
        """A listing all of whose files have been looked into, and the names that are offered of it."""
        self._turn = threading.Lock()
        self._glances: dict[str, tuple[int, int, bool]] = {}
        """Path -> size, date, what a glance said."""
        self._spoilt: set[str] = set()
        """Fingerprints of files that passed a glance and could not be read."""

    def names(self) -> list[str]:
        """Return what a loader offers: the newest, then the files in the input and output folders."""
        return [NEWEST, *self._offered()]

    def newest_first(self) -> list[tuple[str, Found]]:
        """Return the files that a loader offers, by the names it offers them under, the newest first."""
        self._listed(fresh=True)
        offered = set(self._offered())
        listed = [(name, file) for name, file in self._listed(fresh=False).items() if name in offered]
        return sorted(listed, key=lambda item: _date(item[1]), reverse=True)

    def check(self, name: str) -> None:
        """Check a name when a graph is queued, at little cost: many other requests wait meanwhile.

        Raises:
            ValueError: there is no such file, or none at all.
        """
        listed = self._listed(fresh=False)
        if name not in listed and not (name == NEWEST and self._holds_one(listed)):
            raise ValueError(self._none(name))

    def path(self, name: str) -> Path:
        """Return the file behind a name that a loader offers; the newest is one that passes a glance.

        Raises:
            ValueError: there is no such file, or none at all.
        """
        listed = self._listed(fresh=name == NEWEST)
        file = next(self._from_newest(listed), None) if name == NEWEST else listed.get(name)
        if file is None:
            raise ValueError(self._none(name))
        return Path(file.path)

    def read(self, name: str, reader: Callable[[Path], Any], plainly: Callable[[Path], Any] | None = None) -> Chosen:
        """Read the file behind a name, or the newest that can be read.

        Args:
            name: that a loader offers.
            reader: raises ValueError.
            plainly: reads without what the user wishes of it, so that a wish that does not fit is no damage of the
                file; `None` where there are no wishes.

        Raises:
            ValueError: there is no such file, or it cannot be read.
        """
        if name != NEWEST:
            path = self.path(name)
            return Chosen(path, reader(path), ())
        listed = self._listed(fresh=True)
        names = {file.path: listed_as for listed_as, file in listed.items()}
        first: ValueError | None = None
        for count, file in enumerate(self._from_newest(listed)):
            if count == _MOST_READ:
                break
            progress.let_stop_through()
            path = Path(file.path)
            try:
                state = self._state(path)
                content = reader(path)
            except FileNotFoundError:  # it went with its folder
                continue
            except ValueError as error:
                if plainly is not None and _reads(path, plainly):
                    raise
                first = first or error
                self._spoilt.add(state)
            else:
                return Chosen(path, content, self._choice(names, file, listed.values()))
        raise first or ValueError(self._none(name))

    def fingerprint(self, name: str) -> str:
        """Return a text that changes when the file behind a name does, or the one that is read with it."""
        return self._state(self.path(name))

    def _listed(self, *, fresh: bool) -> dict[str, Found]:
        """Return files by the names a list shows, those of the input folder first, then those of the output folder."""
        roots = (folder_paths.get_input_directory(), ""), (folder_paths.get_output_directory(), _IN_OUTPUT)
        with self._turn:  # the host asks from its event loop and from its worker
            found = [(self._finder.files(root, fresh=fresh), mark) for root, mark in roots]
            if self._version != self._finder.version:
                self._last = {file.name + mark: file for files, mark in found for file in files}
                there = {file.path for file in self._last.values()}
                for gone in [path for path in list(self._glances) if path not in there]:
                    self._glances.pop(gone, None)  # another thread may look at a file meanwhile
                self._version = self._finder.version
            return self._last

    def _offered(self) -> list[str]:
        """Return the names of the files that pass a glance, or had none yet."""
        listed = self._listed(fresh=False)
        if self._offer[0] is listed:
            return self._offer[1]
        unknown = [file for file in listed.values() if self._known(file) is None]
        for file in nlargest(_first_looks(), unknown, key=_date):
            self._passes(file)
        offer = [name for name, file in listed.items() if self._known(file) is not False]
        if len(unknown) <= _first_looks():
            self._offer = listed, offer
        return offer

    def _holds_one(self, listed: Mapping[str, Found]) -> bool:
        """Tell whether a file passes a glance, as far as is known after some looks."""
        if any(map(self._known, listed.values())):
            return True
        unknown = [file for file in listed.values() if self._known(file) is None]
        return any(map(self._passes, nlargest(_first_looks(), unknown, key=_date))) or len(unknown) > _first_looks()

    def _from_newest(self, listed: Mapping[str, Found]) -> Iterable[Found]:
        """Yield the files that pass a glance, the newest first; those that are known to be unreadable come last."""
        spoilt = []
        for file in sorted(listed.values(), key=_date, reverse=True):
            if not self._passes(file):
                continue
            if self._spoilt and self._state(Path(file.path)) in self._spoilt:
                spoilt.append(file)
            else:
                yield file
        yield from spoilt

    def _known(self, file: Found) -> bool | None:
        """Return what a glance said of a file as it is; `None` if there was none."""
        size, date, passed = self._glances.get(file.path, (-1, 0, False))
        return passed if (size, date) == (file.bytes, file.modified_ns) else None

    def _passes(self, file: Found) -> bool:
        passed = self._known(file)
        if passed is None:
            try:
                passed = self._kind.glance(Path(file.path))
            except OSError:  # gone meanwhile, or closed to this process
                passed = False
            self._glances[file.path] = (file.bytes, file.modified_ns, passed)
        return passed

    def _state(self, path: Path) -> str:
        """Return a text that changes when a file does, or the one beside it."""
        other = self._beside(path)
        files = [str(path)] if other is None else [str(path), str(other)]
        looks = [look for file in files if (look := look_at(file))]
        return "|".join([str(path), *(f"{look.bytes}|{look.modified_ns}" for look in looks)])

    def _choice(self, names: Mapping[str, str], chosen: Found, listed: Iterable[Found]) -> tuple[str, ...]:
        """Say which file the newest is, where newer ones were passed over."""
        beside = self._beside(Path(chosen.path))
        newer = [file for file in listed if _date(file) > _date(chosen) and file.path != str(beside)]
        newer.sort(key=_date, reverse=True)
        if not newer:
            return ()
        said = ", ".join(shown(names[file.path]) for file in newer[:_TOLD])
        more = f" and {len(newer) - _TOLD} more" if len(newer) > _TOLD else ""
        return (
            f"the newest is {shown(names[chosen.path])}; newer, and passed over because they do not read as "
            f"{self._kind.what}: {said}{more}.",
        )

    def _none(self, name: str) -> str:
        named = "" if name == NEWEST else f" {shown(name)!r}"
        return (
            f"{self._kind.missing}{named} in the host's input and output folders, expected one ending in "
            f"{', '.join(self._kind.endings)}; write one with {self._kind.writer}, or put it into the input folder "
            "and refresh the page."
        )


def listed_name(path: Path) -> str:
    """Return the name by which a loader offers a file of the output folder."""
    return path.relative_to(folder_paths.get_output_directory()).as_posix() + _IN_OUTPUT


def said_name(path: Path) -> str:
    """Return what a report calls a file of the output folder: with that folder's own name, as it is on the disk."""
    root = Path(folder_paths.get_output_directory())
    return f"{root.name}/{path.relative_to(root).as_posix()}"


def results(paths: Iterable[Path]) -> dict[str, list[dict[str, str]]]:
    """Return what tells the host's history, and whoever reads it, of files that were written.

    The key is our own: the page shows pictures, films and texts among them by their endings, and leaves the node as it
    is. Args: paths: in the host's output folder, or in that for temporary files.
    """
    roots = {"output": Path(folder_paths.get_output_directory()), "temp": Path(folder_paths.get_temp_directory())}
    said = []
    for path in paths:
        kind = next(kind for kind, root in roots.items() if path.is_relative_to(root))
        folder = path.parent.relative_to(roots[kind]).as_posix()
        said.append({"filename": path.name, "subfolder": "" if folder == "." else folder, "type": kind})
    return {"files": said} if said else {}


def check_prefix(prefix: str, ending: str = "") -> None:
    """Check a prefix before anything is written, and try it out; see `new_file`."""
    check_letters(prefix, "filename_prefix")
    root = folder_paths.get_output_directory()
    folder, name = os.path.split(os.path.normpath(re.sub("%([a-z]+)%", _filled, prefix)))
    inside = folder_paths.is_within_directory(root, os.path.join(root, folder))
    if not prefix.strip() or name in ("", ".", "..") or not inside:
        raise ValueError(
            f"filename_prefix: found {shown(prefix)!r}, expected a name inside the host's output folder; write one "
            "such as worldmodel/my walk."
        )
    try_out(Numbered(Path(root, folder), name, 1, ending, "filename_prefix"))


def new_file(prefix: str, ending: str) -> Numbered:
    """Return the name of a file that does not exist yet, in the host's output folder.

    Args:
        prefix: name, with folders if wished; %year% and its like are filled in by the host.
        ending: of the name, behind the number, which begins where the host says.

    Raises:
        ValueError: the prefix is no name, leads out of the output folder, or cannot be written to.
    """
    check_prefix(prefix, ending)
    with told("filename_prefix", Path(folder_paths.get_output_directory(), os.path.normpath(prefix))):
        folder, name, counter, _, _ = folder_paths.get_save_image_path(prefix, folder_paths.get_output_directory())
    return Numbered(Path(folder), name, runs.number_of_run(Path(folder), counter), ending, "filename_prefix")


def new_film(prefix: str) -> Path:
    """Return the path of a film that does not exist yet, in the host's folder for temporary files.

    No other host that works on the same folder gives this name, though the film is written long afterwards.

    Raises:
        ValueError: the folder cannot be written to.
    """
    root = Path(folder_paths.get_temp_directory())
    with told("film", root / f"{prefix}.mp4"):
        folder, name, counter, _, _ = folder_paths.get_save_image_path(prefix, str(root))
        os.makedirs(folder, exist_ok=True)
    return Path(folder) / f"{name}_{counter:05}_{uuid.uuid4().hex[:12]}.mp4"


def check_films() -> None:
    """Check that a film could be written into the host's folder for temporary files.

    Raises:
        ValueError: it could not.
    """
    try_out(Numbered(Path(folder_paths.get_temp_directory(), "worldmodel"), "rollout", 1, ".mp4", "film"))


def output_folder(name: str) -> Path:
    """Return a folder inside the host's output folder that files can be written to; it need not exist yet.

    Raises:
        ValueError: the name leads elsewhere, or the folder cannot be written to.
    """
    check_letters(name, "folder")
    root = folder_paths.get_output_directory()
    if not name.strip() or not folder_paths.is_within_directory(root, os.path.join(root, name)):
        raise ValueError(
            f"folder: found {shown(name)!r}, expected a folder inside the host's output folder; write its name."
        )
    folder = Path(root, name)
    try_out(Numbered(folder, "walk", 1, ".mp4", "folder"))
    return folder


def _filled(variable: re.Match[str]) -> str:
    """Return what the host writes in the place of a variable of a prefix."""
    if variable[1] in _DATES:
        return time.strftime(_DATES[variable[1]])
    return "0" if variable[1] in _ZERO else variable[0]


def _reads(path: Path, reader: Callable[[Path], Any]) -> bool:
    try:
        reader(path)
    except ValueError:
        return False
    return True


def _first_looks() -> int:
    """Return how many files this thread may look into: in the host's first one everyone waits for it."""
    return _FIRST_LOOKS[threading.current_thread() is not threading.main_thread()]


def _date(file: Found) -> tuple[int, str]:
    return file.modified_ns, file.name
