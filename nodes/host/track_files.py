"""Track and camera files in the host's folders: which ones a loader offers, and where new ones are written."""

from __future__ import annotations

import os
from pathlib import Path

import folder_paths

from ...worldmodel.track_files import FORMATS, SUFFIXES
from .world_files import NEWEST, check_prefix, found_files

_PART_OF_COLMAP = "cameras.txt"


def track_names() -> list[str]:
    """Return what a loader offers: the newest, then the track and camera files in the input and output folders."""
    return [NEWEST, *_found()]


def track_path(name: str) -> Path:
    """Return the file behind a name that a loader offers.

    Raises:
        ValueError: there is no such file, or no track file at all.
    """
    found = _found()  # only listed names: a name such as ../x would leave the folders
    if name == NEWEST and found:
        return max(found.values(), key=lambda path: path.stat().st_mtime_ns)
    if name not in found:
        missing = "no track file" if name == NEWEST else f"no track file {name!r}"
        raise ValueError(
            f"track_file: found {missing} in the host's input and output folders, expected one ending in "
            f"{', '.join(SUFFIXES)}; write one with Save Track, or put it into the input folder and refresh the page."
        )
    return found[name]


def fingerprint(name: str) -> str:
    """Return a text that changes when the file behind a name does, or COLMAP's other file."""
    path = track_path(name)
    beside = [path.with_name(_PART_OF_COLMAP)] if path.name == "images.txt" else []
    stats = [file.stat() for file in (path, *beside) if file.is_file()]
    return "|".join([str(path), *(f"{status.st_size}|{status.st_mtime_ns}" for status in stats)])


def new_track_file(prefix: str, form: str) -> Path:
    """Return the path of a track file that does not exist yet, in the host's output folder.

    Args:
        prefix: name, with folders if wished; %year% and its like are filled in by the host.
        form: one of `FORMATS`.

    Raises:
        ValueError: the prefix is no name, or leads out of the output folder.
    """
    check_prefix(prefix)
    folder, name, counter, _, _ = folder_paths.get_save_image_path(prefix, folder_paths.get_output_directory())
    os.makedirs(folder, exist_ok=True)
    return Path(folder) / f"{name}_{counter:05}_{FORMATS[form]}"


def _found() -> dict[str, Path]:
    return {name: path for name, path in found_files(SUFFIXES).items() if path.name != _PART_OF_COLMAP}
