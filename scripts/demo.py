"""A first walk in one command: `python scripts/demo.py`.

Sets up what is missing, starts the real ComfyUI with this pack, queues the workflow *First walk* through its API as a
user's Run button does, and says where the film and a contact sheet of it are.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from comfy_host import ComfyHost, HostError, Run
from environment import run_inside, say
from repository import REPOSITORY

WORKFLOW = REPOSITORY / "workflows" / "api" / "First walk.json"
OUTPUT = REPOSITORY / "output"
SHEET_COLUMNS, SHEET_PICTURES, SHEET_WIDTH = 6, 30, 1600


def walk(comfyui: Path) -> int:
    """Run the workflow in the host and show what came of it.

    Raises:
        HostError: the host did not start, or the workflow failed.
    """
    import torch

    cpu = not torch.accelerator.is_available()
    started = time.monotonic()
    graph = json.loads(WORKFLOW.read_text(encoding="utf-8"))
    say(f"Starting ComfyUI on the {'CPU' if cpu else 'GPU'}")
    with ComfyHost(comfyui, OUTPUT / "demo", cpu=cpu) as host:
        say(f"Queueing {WORKFLOW.stem}")
        terminal = Terminal(graph)
        run = host.client.run(graph, terminal, timeout=3600)
        terminal.close()
        if run.status != "success":
            raise HostError(f"{WORKFLOW.stem} ended with {run.status}: {run.error or host.log_text()[-3000:]}")
        film = keep_film(run, host.output)
    sheet = film.with_suffix(".png")
    write_contact_sheet(film, sheet)
    say(f"Done in {time.monotonic() - started:.0f} s")
    print(f"film:          {film}\ncontact sheet: {sheet}")
    return 0


class Terminal:
    """The host's progress, as lines in a terminal."""

    def __init__(self, graph: dict[str, Any]) -> None:
        """Args: graph: in API form; its titles name the nodes."""
        self.titles = {key: node.get("_meta", {}).get("title", node["class_type"]) for key, node in graph.items()}
        self.shown = ""

    def __call__(self, event: dict[str, Any]) -> None:
        """Show one event of the websocket."""
        data = event["data"]
        if event["type"] == "executing" and data["node"]:
            self.show(self.title(data["node"]))
        elif event["type"] == "progress":
            done = int(10 * data["value"] / max(data["max"], 1))
            self.show(f"{self.title(data['node'])}  [{'#' * done}{'.' * (10 - done)}]  {data['value']}/{data['max']}")

    def title(self, node: str) -> str:
        """Name a node; nodes made by expansion carry their parent's id in front."""
        return self.titles.get(node, self.titles.get(node.split(".")[0], node))

    def show(self, text: str) -> None:
        """Replace the current line in a terminal; in a file, write a line whenever the text before the bar changes."""
        if sys.stdout.isatty():
            fresh = "\n" if self.shown and text.split("  ")[0] != self.shown.split("  ")[0] else "\r"
            print(f"{fresh}   {text:<70}", end="", flush=True)
        elif text.rsplit("  ", 1)[0] != self.shown.rsplit("  ", 1)[0]:
            print(f"   {text}", flush=True)
        self.shown = text

    def close(self) -> None:
        """Leave the line that is being replaced."""
        if sys.stdout.isatty():
            print()


def keep_film(run: Run, output: Path) -> Path:
    """Copy the film that the host saved to a name that does not change.

    Raises:
        HostError: the workflow saved no film.
    """
    saved = [item for ui in run.outputs.values() for items in ui.values() for item in items if isinstance(item, dict)]
    films = [item for item in saved if str(item.get("filename", "")).endswith(".mp4") and item.get("type") == "output"]
    if not films:
        raise HostError(f"{WORKFLOW.stem} saved no film: its outputs are {run.outputs}")
    film = OUTPUT / f"{WORKFLOW.stem}.mp4"
    shutil.copyfile(output / films[0].get("subfolder", "") / films[0]["filename"], film)
    return film


def write_contact_sheet(film: Path, sheet: Path) -> None:
    """Write a picture with frames of the whole film, left to right and top to bottom, and their numbers."""
    from worldmodel.shown.film import contact_sheet, read_film

    frames = read_film(film).frames  # (frames, H, W, 3)
    shown = range(0, len(frames), 1 + len(frames) // SHEET_PICTURES)
    scale = SHEET_WIDTH / (SHEET_COLUMNS * frames.shape[2])
    contact_sheet(frames[list(shown)], SHEET_COLUMNS, [f"frame {index}" for index in shown], scale=scale).save(sheet)


if __name__ == "__main__":
    sys.exit(run_inside(__file__, walk))
