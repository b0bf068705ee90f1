"""The workflows' thumbnails, in one command: `python scripts/thumbnails.py [workflow names]`.

Runs each workflow in the real ComfyUI and cuts a picture out of what it saved: the cards in the template browser show
what the weights of today make.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
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
            run = host.client.run(graph, walked_by_hand(host), timeout=3600)
            if run.status != "success":
                raise HostError(f"{name} ended with {run.status}: {run.error}")
            shown = run.outputs[node]
            files = [
                host.base / saved["type"] / saved["subfolder"] / saved["filename"]
                for saved in shown.get("images", shown.get("files", []))
            ]
            cut = picture(files if picture is last_of_takes else files[0])
            cut.resize(SIZE, Image.Resampling.LANCZOS).save(WORKFLOWS / f"{name}.jpg", quality=88)
    return 0


WAYS = ("forward", "forward", "right", "forward", "forward+yaw_left(3)", "forward")
"""What is held in the chunks of a walk that is played."""


def walked_by_hand(host: ComfyHost) -> Callable[[dict[str, Any]], None]:
    """Return what plays the walk of a graph that runs, where there is one."""
    from played import sit_down

    def on_event(event: dict[str, Any]) -> None:
        if event["type"] == "wm_play" and not event["data"]["over"]:
            asyncio.run(sit_down(host.client.url, event["data"]["session"], lambda player: player.walk(*WAYS)))

    return on_event


def left_half(film: Path, number: int = 6) -> Any:
    """One frame of the rollout, without the truth beside it."""
    frame = frame_of(film, number)
    return frame.crop((0, 0, (frame.width - 8) // 2, frame.height))


def both_halves(film: Path) -> Any:
    """One frame of the rollout, and of the truth beside it the right part."""
    from PIL import Image

    frame = frame_of(film, 14)
    width = (frame.width - 8) // 2
    whole = Image.new("RGB", (2 * (width // 2) + 4, frame.height))
    whole.paste(frame.crop((width // 4, 0, width // 4 + width // 2, frame.height)))
    whole.paste(
        frame.crop((frame.width - 3 * width // 4, 0, frame.width - width // 4, frame.height)), (width // 2 + 4, 0)
    )
    return whole


def there_and_back(film: Path) -> Any:
    """The middle of the rollout at its beginning, and back there at its end."""
    from PIL import Image

    frames = [left_half(film, number) for number in (0, -1)]
    width, height = frames[0].size
    whole = Image.new("RGB", (2 * (width // 2) + 4, height))
    for column, frame in enumerate(frames):
        whole.paste(frame.crop((width // 4, 0, width // 4 + width // 2, height)), (column * (width // 2 + 4), 0))
    return whole


def last_of_takes(films: Sequence[Path]) -> Any:
    """The last frames of takes, side by side, the middle of each."""
    from PIL import Image

    gap, width = 6, (SIZE[0] - 2 * 6) // 3
    whole = Image.new("RGB", SIZE)
    for column, film in enumerate(films):
        frame = frame_of(film, -1)
        frame = frame.resize((frame.width * SIZE[1] // frame.height, SIZE[1]), Image.Resampling.NEAREST)
        left = (frame.width - width) // 2
        whole.paste(frame.crop((left, 0, left + width, SIZE[1])), (column * (width + gap), 0))
    return whole


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


def four_events(film: Path) -> Any:
    """A frame of the rollout under each of four events, as two rows of two."""
    from PIL import Image

    whole, (width, height) = Image.new("RGB", SIZE), (SIZE[0] // 2, SIZE[1] // 2)
    for number, frame in enumerate((26, 50, 74, 98)):
        picture = left_half(film, frame).resize((width - 4, height - 4), Image.Resampling.LANCZOS)
        whole.paste(picture, (number % 2 * width + 2, number // 2 * height + 2))
    return whole


def nine_frames(film: Path) -> Any:
    """Nine frames of a film, row by row, as a page of films has them."""
    from PIL import Image

    whole, (width, height) = Image.new("RGB", SIZE), (SIZE[0] // 3, SIZE[1] // 3)
    for number in range(9):
        picture = frame_of(film, 6 * number).resize((width - 4, height - 4), Image.Resampling.LANCZOS)
        whole.paste(picture, (number % 3 * width + 2, number // 3 * height + 2))
    return whole


def frame_of(film: Path, number: int) -> Any:
    """Return one frame of a film."""
    from PIL import Image

    from worldmodel.shown.film import read_film
    from worldmodel.storage.pixels import to_bytes

    return Image.fromarray(to_bytes(read_film(film).frames[number]))


PICTURES: dict[str, tuple[str, Callable[..., Any]]] = {
    "First walk": ("7", lambda film: frame_of(film, 6)),
    "Beside the true film": ("13", both_halves),
    "There and back (with memory)": ("13", there_and_back),
    "Walk and change the weather (Tiny World)": ("13", four_events),
    "Three takes, keep one": ("9", last_of_takes),
    "Draw a path, walk it (Tiny World)": ("13", lambda film: left_half(film, 12)),
    "Camera out, camera in": ("8", lambda film: frame_of(film, 40)),
    "Branch and compare": ("17", four_columns),
    "One walk, every model": ("30", both_halves),
    "Stop, save, resume": ("8", upper_part),
    "Look before you render": ("4", upper_part),
    "Overnight": ("7", nine_frames),
    "Play, then render": ("11", both_halves),
}
"""The node that saved what the picture is cut from, and how it is cut."""

if __name__ == "__main__":
    names = sys.argv[1:]
    sys.exit(run_inside(__file__, lambda comfyui: take(names or list(PICTURES), comfyui), names))
