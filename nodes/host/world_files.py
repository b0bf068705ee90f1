"""World files in the host's folders: where new ones are written, and which ones a loader offers."""

from __future__ import annotations

import os
from pathlib import Path

import folder_paths

from ...worldmodel.archive import SUFFIX

NEWEST = "the newest"
"""What the list calls the world file that was written last."""
_ELSEWHERE = " [output]"
"""The host's mark of a name in its output folder; names without a mark are in its input folder."""


def new_world_file(prefix: str) -> Path:
    """Return the path of a world file that does not exist yet, in the host's output folder.

    Args:
        prefix: name, with folders if wished; %year% and its like are filled in by the host.

    Raises:
        ValueError: the prefix is no name, or leads out of the output folder.
    """
    check_prefix(prefix)
    folder, name, counter, _, _ = folder_paths.get_save_image_path(prefix, folder_paths.get_output_directory())
    os.makedirs(folder, exist_ok=True)
    return Path(folder) / f"{name}_{counter:05}_{SUFFIX}"


def check_prefix(prefix: str) -> None:
    """Check a prefix before anything is written; see `new_world_file`."""
    root = folder_paths.get_output_directory()
    inside = folder_paths.is_within_directory(root, os.path.join(root, os.path.dirname(os.path.normpath(prefix))))
    if not prefix.strip() or os.path.basename(os.path.normpath(prefix)) in (".", "..") or not inside:
        raise ValueError(
            f"filename_prefix: found {prefix!r}, expected a name inside the host's output folder; write one such as "
            "worldmodel/world."
        )


def world_names() -> list[str]:
    """Return what a loader offers: the newest, then the world files in the host's input and output folders."""
    return [NEWEST, *_found()]


def listed_name(path: Path) -> str:
    """Return the name by which a loader offers a file of the output folder."""
    return path.relative_to(folder_paths.get_output_directory()).as_posix() + _ELSEWHERE


def world_path(name: str) -> Path:
    """Return the file behind a name that a loader offers.

    Raises:
        ValueError: there is no such file, or no world file at all.
    """
    found = _found()  # only listed names: a name such as ../x would leave the folders
    if name == NEWEST and found:
        return max(found.values(), key=lambda path: path.stat().st_mtime_ns)
    if name not in found:
        missing = "no world file" if name == NEWEST else f"no world file {name!r}"
        raise ValueError(
            f"world_file: found {missing} in the host's input and output folders, expected one ending in {SUFFIX}; "
            "write one with Save World, or put it into the input folder and refresh the page."
        )
    return found[name]


def fingerprint(name: str) -> str:
    """Return a text that changes when the file behind a name does."""
    path = world_path(name)
    status = path.stat()
    return f"{path}|{status.st_size}|{status.st_mtime_ns}"


def found_files(suffixes: tuple[str, ...]) -> dict[str, Path]:
    """Return files by the names a list shows, those of the input folder first, then those of the output folder."""
    found = {}
    for root, mark in ((folder_paths.get_input_directory(), ""), (folder_paths.get_output_directory(), _ELSEWHERE)):
        for folder, _, names in sorted(os.walk(root)):
            for name in sorted(name for name in names if name.endswith(suffixes)):
                path = Path(folder) / name
                found[path.relative_to(root).as_posix() + mark] = path
    return found


def _found() -> dict[str, Path]:
    return found_files((SUFFIX,))
