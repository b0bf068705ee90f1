"""What lies in a folder of the host's output, for programs that fetch the files which a node wrote there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import folder_paths

from ...worldmodel.reading.json_text import shown


def list_files(asked: dict[str, Any]) -> dict[str, Any]:
    """List the files in a folder and in its folders: {folder} -> {files}, paths with `/`; none where it is not there.

    Links are not followed, and hidden files, which are still being written, are left out.

    Raises:
        ValueError: it is no folder inside the output folder.
    """
    folder = asked.get("folder")
    root = folder_paths.get_output_directory()
    is_path = isinstance(folder, str) and folder.strip() and "\0" not in folder
    if not is_path or not folder_paths.is_within_directory(root, os.path.join(root, folder)):
        raise ValueError(
            f"folder: found {shown(folder)}, expected a folder inside the host's output folder; write one such as "
            "worldmodel/cameras_00001_."
        )
    top, found = Path(root, folder), []
    for path, folders, names in os.walk(top):
        folders[:] = [name for name in folders if not name.startswith(".")]
        inside = Path(path).relative_to(top)
        found += [(inside / name).as_posix() for name in names
                  if not name.startswith(".") and not os.path.islink(os.path.join(path, name))]  # fmt: skip
    return {"files": sorted(found)}


QUESTIONS = {"written": list_files}
