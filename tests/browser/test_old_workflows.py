"""Workflows that users saved with earlier releases: ids are a file format, so they open with the values they had."""

from __future__ import annotations

import json
from pathlib import Path

from playwright.sync_api import Page

WORKFLOWS = Path(__file__).resolve().parents[2] / "workflows"
ROLLOUT = "6"


def test_a_rollout_saved_before_there_was_a_context_budget_opens_as_it_was(page: Page) -> None:
    old = json.loads((WORKFLOWS / "First walk.json").read_text(encoding="utf-8"))
    node = next(node for node in old["nodes"] if str(node["id"]) == ROLLOUT)
    node["inputs"] = [slot for slot in node["inputs"] if slot["name"] != "context_budget"]
    node["widgets_values"] = [11, "fixed", "1000, 500", 3.0, 24.0]
    inputs = page.evaluate(
        "async graph => { await app.loadGraphData(graph); return (await app.graphToPrompt()).output }", old
    )[ROLLOUT]["inputs"]
    expected = json.loads((WORKFLOWS / "api" / "First walk.json").read_text(encoding="utf-8"))[ROLLOUT]["inputs"]
    changes = {"seed": 11, "steps": "1000, 500", "shift": 3.0, "fps": 24.0, "context_budget": 0}
    assert inputs == expected | changes
