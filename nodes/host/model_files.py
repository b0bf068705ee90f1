"""What the loaders offer: the built-in weights, and model files and folders below the host's model folders.

A release may be put whole into the folder diffusion_models: its VAE and CLIP are then offered where they belong.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePath

import folder_paths

from ...worldmodel.checkpoints.file_kinds import DIFFUSERS_FOLDER, is_part, parts_of
from ...worldmodel.reading.words import shortened

BUILT_IN, WITH_MEMORY, WITH_EVENTS = "Tiny World", "Tiny World with memory", "Tiny World with events"
"""What the lists call the weights that the pack brings along."""
WEIGHTS = Path(__file__).resolve().parents[2] / "worldmodel" / "tinyworld" / "weights"
BUILT_IN_FILES = {
    "diffusion_models": {
        BUILT_IN: "tiny_world_2.safetensors",
        WITH_MEMORY: "tiny_world_2_memory.safetensors",
        WITH_EVENTS: "tiny_world_2_events.safetensors",
    },
    "vae": {BUILT_IN: "tiny_world_2_vae.safetensors"},
}
MODELS = "diffusion_models"
_RELEASED_FOLDERS = ("base_distilled_model", "gta_distilled_model", "templerun_distilled_model", "base_model")
_RELEASED_FILES = {
    "vae": ("Wan2.1_VAE.pth", "Wan2.2_VAE.pth", "MG-LightVAE.pth", "MG-LightVAE_v2.pth"),
    "clip_vision": ("models_clip_open-clip-xlm-roberta-large-vit-huge-14.pth",),
    "text_encoders": ("models_t5_umt5-xxl-enc-bf16.pth",),
}

_GGUF_LOADERS = {MODELS: "Unet Loader (GGUF)", "text_encoders": "CLIPLoader (GGUF)"}
"""Whose output our nodes take."""


def offered(folder: str) -> list[str]:
    """Return what a loader offers: built-in weights, files, and folders with one model in them (they end in /).

    Args:
        folder: the host's name of a model folder.
    """
    own = [*_there(folder), *folder_paths.get_filename_list(folder)]
    more = sorted(_model_folders(own)) if folder == MODELS else _from_releases(folder)
    return [*own, *(name for name in more if name not in own)]


def find(folder: str, name: str, field: str) -> Path:
    """Return the file or folder behind a name that a loader offers.

    Args:
        folder: the host's name of the model folder.
        name: one of `offered`.
        field: the input that messages name.

    Raises:
        ValueError: there is no such file in the host's folders, or it is one that only another pack reads.
    """
    if name in BUILT_IN_FILES.get(folder, ()):
        return _built_in(folder, name, field)
    listed = folder_paths.get_filename_list(folder)
    if folder == MODELS and name in _model_folders(listed):
        return next(path for base in folder_paths.get_folder_paths(folder) if (path := Path(base) / name).is_dir())
    if name not in listed and name in _from_releases(folder):
        return find(MODELS, name, field)
    # only listed names: a name such as ../x would leave the folder
    found = folder_paths.get_full_path(folder, name) if name in listed else None
    if found is None and PurePath(name).suffix.lower() == ".gguf":
        raise ValueError(
            f"{field}: found {shortened(name)!r}, a GGUF file, expected safetensors or a PyTorch file; load it with "
            f"{_GGUF_LOADERS.get(folder, 'a loader')} of the ComfyUI-GGUF pack."
        )
    if found is None:
        raise ValueError(
            f"{field}: found no file {shortened(name)!r} in the host's {folder} folders, expected one of the list; "
            "put the file there and refresh the page."
        )
    return Path(found)


def fingerprint(folder: str, name: str, field: str) -> str:
    """Return a text that changes when the files behind a name do, or the release's config beside them."""
    found = find(folder, name, field)
    path, size, newest = stamp(found, f"{field}: {name}")
    config = config_beside(found, f"{field}: {name}")
    return f"{path}|{size}|{newest}|{config.stat().st_mtime_ns if config.is_file() else ''}"


def config_beside(path: Path, name: str) -> Path:
    """Return where the config.json of a model would lie."""
    return parts_of(path, name)[0].with_name("config.json")


def stamp(path: Path, name: str) -> tuple[str, int, int]:
    """Return path, bytes and date (in ns) of a model; of several parts the sum and the newest."""
    status = [part.stat() for part in parts_of(path, name)]
    return str(path), sum(part.st_size for part in status), max(part.st_mtime_ns for part in status)


def _there(folder: str) -> list[str]:
    """Return the names of the weights that are built in; Tiny World's own even where its file is missing."""
    files = BUILT_IN_FILES.get(folder, {})
    return [name for name, file in files.items() if name == BUILT_IN or (WEIGHTS / file).is_file()]


def _built_in(folder: str, name: str, field: str) -> Path:
    path = WEIGHTS / BUILT_IN_FILES[folder][name]
    if not path.is_file():
        raise ValueError(
            f"{field}: found no {path.name} in the pack's own folder {path.parent}, expected the built-in {name}; "
            "install the pack again."
        )
    return path


def _model_folders(listed: Iterable[str]) -> set[str]:
    """Return the folders that stand for a model: of the release, with parts, or of diffusers."""
    found = set()
    for path in map(PurePath, listed):
        folder = path.parent
        if folder.name == DIFFUSERS_FOLDER:
            found.add(folder.parent)
        elif folder.name in _RELEASED_FOLDERS or is_part(path.name):
            found.add(folder)
    return {f"{folder}/" for folder in found - {PurePath(".")}}


def _from_releases(folder: str) -> list[str]:
    known = _RELEASED_FILES.get(folder, ())
    return [name for name in folder_paths.get_filename_list(MODELS) if PurePath(name).name in known]
