"""The host's folders for what is made: films, recordings, and files that one node writes and another reads."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import folder_paths

NEWEST = "the newest"
"""What a loader's list calls the file that was written last."""
_IN_OUTPUT = " [output]"
"""The host's mark of a name in its output folder; names without a mark are in its input folder."""


class SavedFiles(NamedTuple):
    """One kind of file that is written into the host's output folder, and read from there or from the input folder.

    Args:
        missing: how the sentence begins that says that there is none.
        endings: of their names.
        writer: the node that writes them.
        beside: of some names, the name of a second file in the same folder that is read with it, never alone.
    """

    missing: str
    endings: tuple[str, ...]
    writer: str
    beside: Mapping[str, str]

    def names(self) -> list[str]:
        """Return what a loader offers: the newest, then the files in the input and output folders."""
        return [NEWEST, *self._found()]

    def path(self, name: str) -> Path:
        """Return the file behind a name that a loader offers.

        Raises:
            ValueError: there is no such file, or none at all.
        """
        found = self._found()  # only listed names: a name such as ../x would leave the folders
        if name == NEWEST and found:
            return max(found.values(), key=lambda path: path.stat().st_mtime_ns)
        if name not in found:
            named = "" if name == NEWEST else f" {name!r}"
            raise ValueError(
                f"{self.missing}{named} in the host's input and output folders, expected one ending in "
                f"{', '.join(self.endings)}; write one with {self.writer}, or put it into the input folder and refresh "
                "the page."
            )
        return found[name]

    def fingerprint(self, name: str) -> str:
        """Return a text that changes when the file behind a name does, or the one that is read with it."""
        path = self.path(name)
        beside = [path.with_name(self.beside[path.name])] if path.name in self.beside else []
        stats = [file.stat() for file in (path, *beside) if file.is_file()]
        return "|".join([str(path), *(f"{status.st_size}|{status.st_mtime_ns}" for status in stats)])

    def _found(self) -> dict[str, Path]:
        """Return files by the names a list shows, those of the input folder first, then those of the output folder."""
        found = {}
        for root, mark in ((folder_paths.get_input_directory(), ""), (folder_paths.get_output_directory(), _IN_OUTPUT)):
            for folder, _, names in sorted(os.walk(root)):
                for name in sorted(names):
                    if name.endswith(self.endings) and name not in self.beside.values():
                        path = Path(folder) / name
                        found[path.relative_to(root).as_posix() + mark] = path
        return found


def listed_name(path: Path) -> str:
    """Return the name by which a loader offers a file of the output folder."""
    return path.relative_to(folder_paths.get_output_directory()).as_posix() + _IN_OUTPUT


def check_prefix(prefix: str) -> None:
    """Check a prefix before anything is written; see `new_file`."""
    root = folder_paths.get_output_directory()
    inside = folder_paths.is_within_directory(root, os.path.join(root, os.path.dirname(os.path.normpath(prefix))))
    if not prefix.strip() or os.path.basename(os.path.normpath(prefix)) in (".", "..") or not inside:
        raise ValueError(
            f"filename_prefix: found {prefix!r}, expected a name inside the host's output folder; write one such as "
            "worldmodel/my walk."
        )


def new_file(prefix: str, ending: str) -> Path:
    """Return the path of a file that does not exist yet, in the host's output folder.

    Args:
        prefix: name, with folders if wished; %year% and its like are filled in by the host.
        ending: of the name, behind the number that the host chooses.

    Raises:
        ValueError: the prefix is no name, or leads out of the output folder.
    """
    check_prefix(prefix)
    return _numbered(prefix, ending, folder_paths.get_output_directory())


def new_film(prefix: str) -> Path:
    """Return the path of a film that does not exist yet, in the host's folder for temporary files."""
    return _numbered(prefix, ".mp4", folder_paths.get_temp_directory())


def output_folder(name: str) -> Path:
    """Return a folder inside the host's output folder; it need not exist yet.

    Raises:
        ValueError: the name leads elsewhere.
    """
    root = folder_paths.get_output_directory()
    if not name.strip() or not folder_paths.is_within_directory(root, os.path.join(root, name)):
        raise ValueError(f"folder: found {name!r}, expected a folder inside the host's output folder; write its name.")
    return Path(root) / name


def _numbered(prefix: str, ending: str, root: str) -> Path:
    folder, name, counter, _, _ = folder_paths.get_save_image_path(prefix, root)
    os.makedirs(folder, exist_ok=True)
    return Path(folder) / f"{name}_{counter:05}_{ending}"
