"""What one queued graph is to the host: its number for files, and what it links."""

from __future__ import annotations

import re
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from comfy_execution.utils import get_executing_context

_NUMBER = re.compile(r".*_(\d{5})_(\.mp4|\.world\.safetensors)?")
"""Films, worlds, and folders of pictures."""


class _Numbered(NamedTuple):
    prompt: str
    number: int


_last = _Numbered("", 0)
_turn = threading.Lock()


def number_of_run(folder: Path, first: int) -> int:
    """Return the number that a file of this run gets: what one run writes has one number, a film as its world.

    Args:
        folder: of the file.
        first: number that its own name would begin with.

    Returns:
        That of the run's first file, else one behind all films and worlds of the folder; outside of a run `first`.
    """
    global _last
    context = get_executing_context()
    if context is None:
        return first
    with _turn:
        if _last.prompt != context.prompt_id:
            _last = _Numbered(context.prompt_id, max(first, 1 + _highest(folder)))
        return max(first, _last.number)


def _highest(folder: Path) -> int:
    with suppress(OSError):
        found = (_NUMBER.fullmatch(entry.name) for entry in folder.iterdir())
        return max((int(match[1]) for match in found if match), default=0)
    return 0


def is_linked(output: int, dynprompt: Any = None) -> bool:
    """Tell whether anything takes an output of the node that runs, or is asked for its fingerprint.

    Args:
        output: its number.
        dynprompt: of the running node; `None`: the graph as it was queued, which is all there is before it runs.
    """
    context = get_executing_context()
    if context is None:
        return True
    if dynprompt is None:
        graph = _queued(context.prompt_id)
    else:
        graph = {name: dynprompt.get_node(name) for name in dynprompt.all_node_ids()}
    if context.node_id not in graph:
        return True  # a loop or an expansion made it, and who takes its outputs is not told
    values = (value for node in graph.values() for value in node["inputs"].values())
    return any(isinstance(value, list) and value == [context.node_id, output] for value in values)


def _queued(prompt_id: str) -> dict[str, Any]:
    from server import PromptServer

    running, _ = PromptServer.instance.prompt_queue.get_current_queue_volatile()
    return next((item[2] for item in running if item[1] == prompt_id), {})
