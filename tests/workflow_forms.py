"""A shipped workflow in its two forms: as the page draws it, and as the API is sent it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

WORKFLOWS = Path(__file__).resolve().parents[1] / "workflows"
Graph = dict[str, Any]


def drawn_form(title: str) -> Graph:
    """Return a workflow as the page has it."""
    return json.loads((WORKFLOWS / f"{title}.json").read_text(encoding="utf-8"))


def sent_form(title: str) -> Graph:
    """Return a workflow as the API is sent it."""
    return json.loads((WORKFLOWS / "api" / f"{title}.json").read_text(encoding="utf-8"))


def check_same(page: Graph, asked: Graph) -> None:
    """Check that both forms hold the same nodes and wires."""
    drawn = {str(node["id"]): node["type"] for node in page["nodes"] if node["type"] != "MarkdownNote"}
    assert drawn == {node: item["class_type"] for node, item in asked.items()}
    links = {(str(link[1]), link[2], str(link[3])) for link in page["links"]}
    assert links == {
        (value[0], value[1], node)
        for node, item in asked.items() for value in item["inputs"].values() if isinstance(value, list)
    }  # fmt: skip


def check_files(page: Graph, folders: dict[str, str]) -> None:
    """Check that each loader says where its file is to be had, and the note which files there are.

    Args:
        folders: of models, by the loader's type.
    """
    models = {
        node["type"]: (node["properties"]["models"][0], node["widgets_values"][0])
        for node in page["nodes"] if "models" in node.get("properties", {})
    }  # fmt: skip
    assert {node: model["directory"] for node, (model, _) in models.items()} == folders
    (note,) = [node["widgets_values"][0] for node in page["nodes"] if node["type"] == "MarkdownNote"]
    for model, chosen in models.values():
        assert model["name"] == chosen and model["name"] in note
        assert model["url"].startswith("https://huggingface.co/") and "/resolve/main/" in model["url"]
