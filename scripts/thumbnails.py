"""The workflows' thumbnails, in one command: `python scripts/thumbnails.py [workflow names]`.

Runs each workflow in the real ComfyUI and cuts a picture out of what it saved: the cards in the template browser show
what the weights of today make.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from comfy_host import ComfyHost, HostError
from environment import run_inside, say
from repository import REPOSITORY

WORKFLOWS = REPOSITORY / "workflows"
SIZE = (576, 384)
"""Pixels; what the card of the template browser shows."""


def take(names: list[str], comfyui: Path) -> int:
    """Run the workflows and write a JPEG beside each.

    Raises:
        HostError: a workflow is unknown or failed.
    """
    from PIL import Image

    with tempfile.TemporaryDirectory() as base, ComfyHost(comfyui, Path(base)) as host:
        for name in names:
            if name not in PICTURES:
                raise HostError(f"no thumbnail is known of {name!r}; choose from {', '.join(PICTURES)}")
            say(name)
            node, picture = PICTURES[name]
            graph = json.loads((WORKFLOWS / "api" / f"{name}.json").read_text(encoding="utf-8"))
            run = host.client.run(graph, timeout=3600)
            if run.status != "success":
                raise HostError(f"{name} ended with {run.status}: {run.error}")
            saved = run.outputs[node]["images"][0]
            cut = picture(host.base / saved["type"] / saved["subfolder"] / saved["filename"])
            cut.resize(SIZE, Image.Resampling.LANCZOS).save(WORKFLOWS / f"{name}.jpg", quality=88)
    return 0


def left_half(film: Path, number: int = 6) -> Any:
    """One frame of the rollout, without the truth beside it."""
    frame = frame_of(film, number)
    return frame.crop((0, 0, (frame.width - 8) // 2, frame.height))


def four_columns(film: Path) -> Any:
    """The four columns of a comparison as two rows of two, without their names."""
    from PIL import Image

    frame = frame_of(film, 38)
    (width, height), top = (SIZE[0] // 2, SIZE[1] // 2), 25
    whole = Image.new("RGB", SIZE)
    for column in range(4):
        left = column * (width + (frame.width - 4 * width) // 3)
        cut = frame.crop((left, top, left + width, top + height))
        whole.paste(cut, (column % 2 * width, column // 2 * height))
    return whole


def upper_part(picture: Path) -> Any:
    """The drawing of a world and the first pictures below it."""
    from PIL import Image

    with Image.open(picture) as drawing:
        return drawing.convert("RGB").crop((0, 0, drawing.width, drawing.width * SIZE[1] // SIZE[0]))


def frame_of(film: Path, number: int) -> Any:
    """Return one frame of a film."""
    from PIL import Image

    from worldmodel.shown.film import read_film, to_bytes

    return Image.fromarray(to_bytes(read_film(film).frames[number]))


PICTURES: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "First walk": ("13", left_half),
    "Draw a path, walk it (Tiny World)": ("13", lambda film: left_half(film, 12)),
    "Branch and compare": ("17", four_columns),
    "Stop, save, resume": ("8", upper_part),
    "Look before you render": ("4", upper_part),
}
"""The node that saved what the picture is cut from, and how it is cut."""

if __name__ == "__main__":
    names = sys.argv[1:]
    sys.exit(run_inside(__file__, lambda comfyui: take(names or list(PICTURES), comfyui), names))
