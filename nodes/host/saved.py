"""Films and pictures in the output folder, with the workflow in them as the host writes it."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

from comfy.cli_args import args
from comfy_api.latest import InputImpl
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ...worldmodel.storage.writing import Numbered, Part, PartFolder

COMPRESSION = 4
"""Of PNG, as the host's own node has it."""


def workflow_told(hidden: Any) -> dict[str, Any]:
    """Return what a file is to say of the workflow that made it; nothing where the user has turned that off.

    Args:
        hidden: the node's hidden inputs; `None` outside of a graph.
    """
    if args.disable_metadata or hidden is None:
        return {}
    return {**(hidden.extra_pnginfo or {}), **({"prompt": hidden.prompt} if hidden.prompt else {})}


def save_film(film: Path, target: Numbered, told: dict[str, Any]) -> Path:
    """Copy a film's streams into a new file, as the host's Save Video does, and return where that lies.

    Raises:
        Unwritable: the operating system refused.
    """
    with Part(target, target.field, ".mp4") as part:
        InputImpl.VideoFromFile(str(film)).save_to(str(part.path), metadata=told or None)
        return part.finish()


def save_pictures(target: Numbered, told: dict[str, Any], fill: Callable[[Callable[[str, Any], None]], None]) -> Path:
    """Write pictures into a new folder, which appears when all are whole, and return its path.

    Args:
        target: of the folder.
        told: see `workflow_told`; in every picture, as the host's Save Image does.
        fill: is given what writes a picture (H, W, 3) uint8 under a name, which may have folders.

    Raises:
        Unwritable: the operating system refused.
    """
    said = PngInfo()
    for name, value in told.items():
        said.add_text(name, json.dumps(value))

    with PartFolder(target) as folder:

        def write(name: str, picture: Any) -> None:
            data = BytesIO()
            Image.fromarray(picture).save(data, "PNG", pnginfo=said if told else None, compress_level=COMPRESSION)
            folder.write(name, data.getvalue())

        fill(write)
        return folder.finish()
