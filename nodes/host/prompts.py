"""What the host would refuse of a graph, asked without queueing it."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from functools import cache
from pathlib import Path
from typing import Any

from ...worldmodel.batch.host import pack_version
from ...worldmodel.reading.json_text import checked_object, shown
from .model_files import BUILT_IN, BUILT_IN_FILES, WEIGHTS

ROOT = Path(__file__).resolve().parents[2]


async def check(asked: dict[str, Any]) -> dict[str, Any]:
    """Say what is wrong with a graph: {prompt} -> {version, built_in, mistakes}.

    `version` is the pack's, `built_in` its weights, as model folder (and name, where it is another than Tiny World's)
    -> file and sha256. A mistake has the id of its `node`, the name of its `input` ("" where it is of the whole node,
    or of the whole graph, whose node is "") and a `sentence`.

    Args:
        asked: `prompt` is a graph in API form, which is not run.

    Raises:
        ValueError: there is no graph.
    """
    graph = checked_object(asked.get("prompt"), "prompt")
    for key, node in graph.items():
        if not isinstance(node, dict) or not isinstance(node.get("class_type", ""), str):
            raise ValueError(
                f"prompt: found {shown(node)} as node {shown(key)}, expected an object with a class_type; export the "
                "workflow in API form."
            )
    from execution import validate_prompt  # here, because commands run the pack without the host's server

    _, error, _, node_errors = await validate_prompt(str(uuid.uuid4()), graph, None)
    found: dict[tuple[str, str], str] = {}
    for node, about in node_errors.items():
        for told in about["errors"]:
            name, sentence = (told.get("extra_info") or {}).get("input_name") or "", _sentence(told)
            # a node that refuses is quoted once for each of its inputs, and begins with the name of the right one
            if (node, sentence) not in found or sentence.startswith(f"{name}:"):
                found[node, sentence] = name
    if error and not found:
        found["", _sentence(error)] = ""
    mistakes = [{"node": node, "input": name, "sentence": sentence} for (node, sentence), name in found.items()]
    return {"version": pack_version(ROOT), "built_in": await asyncio.to_thread(_built_in), "mistakes": mistakes}


@cache
def _built_in() -> dict[str, dict[str, str]]:
    return {
        folder if title == BUILT_IN else f"{folder}, {title}":
            {"file": name, "sha256": hashlib.sha256((WEIGHTS / name).read_bytes()).hexdigest()}
        for folder, files in BUILT_IN_FILES.items() for title, name in files.items() if (WEIGHTS / name).is_file()
    }  # fmt: skip


def _sentence(told: dict[str, Any]) -> str:
    """Return the host's words, or the node's own where it was the node that refused."""
    details = str(told.get("details") or "")
    if told.get("type") == "custom_validation_failed":
        return details.partition(" - ")[2] or details
    return f"{told.get('message')}: {details}" if details else str(told.get("message"))
