"""Workflows that users saved with earlier releases: ids are a file format, so they open with the values they had."""

from __future__ import annotations

import json
from pathlib import Path

from playwright.sync_api import Page, expect

WORKFLOWS = Path(__file__).resolve().parents[2] / "workflows"
ROLLOUT, VIEW = "6", "4"
OPENED = "async graph => { await app.loadGraphData(graph); return (await app.graphToPrompt()).output }"


def test_a_rollout_saved_before_there_was_a_context_budget_opens_as_it_was(page: Page) -> None:
    old = json.loads((WORKFLOWS / "First walk.json").read_text(encoding="utf-8"))
    node = next(node for node in old["nodes"] if str(node["id"]) == ROLLOUT)
    node["inputs"] = [slot for slot in node["inputs"] if slot["name"] != "context_budget"]
    node["widgets_values"] = [11, "fixed", "1000, 500", 3.0, 24.0]
    inputs = page.evaluate(OPENED, old)[ROLLOUT]["inputs"]
    expected = json.loads((WORKFLOWS / "api" / "First walk.json").read_text(encoding="utf-8"))[ROLLOUT]["inputs"]
    changes = {"seed": 11, "steps": "1000, 500", "shift": 3.0, "fps": 24.0, "context_budget": 0}
    assert inputs == expected | changes


def test_a_view_saved_with_the_first_tiny_world_opens_as_a_layout_and_says_so(page: Page) -> None:
    old = json.loads((WORKFLOWS / "First walk.json").read_text(encoding="utf-8"))
    node = next(node for node in old["nodes"] if str(node["id"]) == VIEW)
    node["inputs"] = [slot for slot in node["inputs"] if slot["name"] != "level"]
    node["widgets_values"] = [112, 0]
    inputs = page.evaluate(OPENED, old)[VIEW]["inputs"]
    expected = json.loads((WORKFLOWS / "api" / "First walk.json").read_text(encoding="utf-8"))[VIEW]["inputs"]
    assert inputs == expected | {"world_seed": 112, "place": 0, "level": "random layout"}
    expect(page.get_by_text("its world_seed 112 is now a random layout of the present Tiny World")).to_be_visible()


def test_a_rewind_saved_before_it_took_seconds_opens_as_it_was(page: Page) -> None:
    old = json.loads((WORKFLOWS / "Branch and compare.json").read_text(encoding="utf-8"))
    node = next(node for node in old["nodes"] if node["type"] == "WMRewindWorld")
    node["inputs"] = [slot for slot in node["inputs"] if slot["name"] != "back_to"]
    node["widgets_values"] = [-1, "same seed", 5, "fixed"]
    sent = page.evaluate(OPENED, old)[str(node["id"])]["inputs"]
    sent.pop("world")
    assert sent == {"chunks": -1, "seed": "same seed", "new_seed": 5, "back_to": ""}
