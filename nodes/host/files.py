"""The host's folders: model files, and where a film is written."""

from __future__ import annotations

import os
from pathlib import Path

import folder_paths

BUILT_IN = "Tiny World"
"""What the file lists call the weights that the pack brings along."""
WEIGHTS = Path(__file__).resolve().parents[2] / "worldmodel" / "tinyworld" / "weights"
BUILT_IN_FILES = {"diffusion_models": "tiny_world.safetensors", "vae": "tiny_world_vae.safetensors"}


def model_names(folder: str) -> list[str]:
    """Return what a loader offers: the built-in weights, then the files in one of the host's model folders."""
    return [BUILT_IN, *folder_paths.get_filename_list(folder)]


def model_path(folder: str, name: str, field: str) -> Path:
    """Return the file behind a name that a loader offers.

    Args:
        folder: the host's name of the model folder.
        name: one of `model_names`.
        field: the input that messages name.

    Raises:
        ValueError: there is no such file in the host's folders.
    """
    if name == BUILT_IN:
        path = WEIGHTS / BUILT_IN_FILES[folder]
        if not path.is_file():
            raise ValueError(
                f"{field}: found no {path.name} in the pack's own folder {path.parent}, expected the built-in "
                f"{BUILT_IN}; install the pack again."
            )
        return path
    # only listed names: a name such as ../x would leave the folder
    found = folder_paths.get_full_path(folder, name) if name in folder_paths.get_filename_list(folder) else None
    if found is None:
        raise ValueError(
            f"{field}: found no file {name!r} in the host's {folder} folders, expected one of the list; "
            "put the file there and refresh the page."
        )
    return Path(found)


def new_film(prefix: str) -> Path:
    """Return the path of a film that does not exist yet, in the host's folder for temporary files."""
    folder, name, counter, _, _ = folder_paths.get_save_image_path(prefix, folder_paths.get_temp_directory())
    os.makedirs(folder, exist_ok=True)
    return Path(folder) / f"{name}_{counter:05}_.mp4"


def output_folder(name: str, field: str) -> Path:
    """Return a folder inside the host's output folder; it need not exist yet.

    Raises:
        ValueError: the name leads elsewhere.
    """
    root = folder_paths.get_output_directory()
    if not name.strip() or not folder_paths.is_within_directory(root, os.path.join(root, name)):
        raise ValueError(f"{field}: found {name!r}, expected a folder inside the host's output folder; write its name.")
    return Path(root) / name
