"""Rollouts inside a loop of the host's: the model comes as a value, and the journal is as useful as in any graph."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import execution
import pytest
import server

import nodes as host_nodes

LOADED = {
    "1": {"class_type": "WMLoadWorldModel", "inputs": {"model_name": "Tiny World"}},
    "2": {"class_type": "WMLoadWorldVAE", "inputs": {"vae_name": "Tiny World"}},
    "3": {"class_type": "WMTinyWorldView", "inputs": {"world_seed": 3, "place": 0}},
    "4": {"class_type": "WMStartWorld", "inputs": {"model": ["1", 0], "vae": ["2", 0], "image": ["3", 0]}},
    "5": {"class_type": "WMActionTrack", "inputs": {"track": "forward*12"}},
}
LOOP = {
    **LOADED,
    "10": {
        "class_type": "TestWhileLoopOpen",
        "inputs": {"condition": True, "initial_value0": ["1", 0], "initial_value1": ["4", 0], "initial_value2": 3},
    },
    "6": {
        "class_type": "WMRolloutWorld",
        "inputs": {"model": ["10", 1], "world": ["10", 2], "track": ["5", 0], "seed": 0, "steps": "", "shift": 0.0,
                   "fps": 0.0},
    },
    "11": {"class_type": "TestIntMathOperation", "inputs": {"a": ["10", 3], "b": 1, "operation": "subtract"}},
    "12": {"class_type": "TestIntConditions", "inputs": {"a": ["11", 0], "b": 0, "operation": ">"}},
    "13": {
        "class_type": "TestWhileLoopClose",
        "inputs": {"flow_control": ["10", 0], "condition": ["12", 0], "initial_value0": ["10", 1],
                   "initial_value1": ["6", 0], "initial_value2": ["11", 0]},
    },
    "14": {"class_type": "WMWorldInfo", "inputs": {"world": ["13", 1]}},
}  # fmt: skip
"""Three turns of one chunk each."""


def chain(turns: int) -> dict[str, Any]:
    """The same without a loop: one Rollout World behind the other."""
    graph = dict(LOADED)
    for turn in range(turns):
        inputs = {**LOOP["6"]["inputs"], "model": ["1", 0], "world": [f"r{turn - 1}", 0] if turn else ["4", 0]}
        graph[f"r{turn}"] = {"class_type": "WMRolloutWorld", "inputs": inputs}
    return {**graph, "14": {"class_type": "WMWorldInfo", "inputs": {"world": [f"r{turns - 1}", 0]}}}


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What nodes say while they run, as the page gets it."""
    said: list[str] = []
    page = SimpleNamespace(client_id=None, send_progress_text=lambda text, *_: said.append(text))
    monkeypatch.setattr(server.PromptServer, "instance", page, raising=False)
    return said


@pytest.fixture
def queue(
    nodes: dict, built_in: Path, told: list, of_pack: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[dict], list[str]]]:
    """`queue(graph)`: run it in a host that was just started; returns what the journal did, rollout by rollout."""
    folder = Path(os.environ["COMFYUI_PATH"], "tests/execution/testing_nodes/testing-pack")
    spec = importlib.util.spec_from_file_location("testing_pack", folder / "__init__.py")
    loops = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "testing_pack", loops)
    spec.loader.exec_module(loops)
    for name, node in {**nodes, **loops.NODE_CLASS_MAPPINGS}.items():
        monkeypatch.setitem(host_nodes.NODE_CLASS_MAPPINGS, name, node)
    page = SimpleNamespace(client_id=None, last_node_id=None, last_prompt_id=None, send_sync=lambda *_: None)

    def run(graph: dict[str, Any]) -> list[str]:
        told.clear()
        executor = execution.PromptExecutor(page, execution.CacheType.CLASSIC, {"ram": 0, "ram_inactive": 0, "lru": 0})
        executor.execute(graph, uuid.uuid4().hex, {}, ["14"])
        failed = [data for event, data in executor.status_messages if event == "execution_error"]
        assert executor.success, failed
        assert (
            f"{sum('frames added' in text for text in told)} chunks"
            in executor.history_result["outputs"]["14"]["text"][0]
        )
        reports = [text.splitlines() for text in told if "frames added" in text]
        return [next((line for line in lines if "journal" in line), "") for lines in reports]

    yield run
    shutil.rmtree(of_pack("nodes.host.journal").journal_folder(), ignore_errors=True)


MADE, TAKEN = "", "1 chunk from the journal on disk, 0 computed."


def test_a_loop_finds_its_turns_again_and_a_chain_finds_a_loops(queue: Callable[[dict], list[str]]) -> None:
    assert queue(LOOP) == [MADE] * 3
    assert queue(LOOP) == [TAKEN] * 3
    assert queue(chain(4)) == [TAKEN] * 3 + [MADE]


def test_a_loop_finds_a_chains(queue: Callable[[dict], list[str]]) -> None:
    assert queue(chain(2)) == [MADE] * 2
    assert queue(LOOP) == [TAKEN] * 2 + [MADE]


def test_a_switch_on_the_wire_is_no_other_model(queue: Callable[[dict], list[str]]) -> None:
    """A node that hands the model on as it is: here a loop that does not turn."""
    graph = chain(2)
    graph["10"] = {"class_type": "TestWhileLoopOpen", "inputs": {"condition": False, "initial_value0": ["1", 0]}}
    for turn in range(2):
        graph[f"r{turn}"] = {**graph[f"r{turn}"], "inputs": {**graph[f"r{turn}"]["inputs"], "model": ["10", 1]}}
    assert queue(chain(2)) == [MADE] * 2
    assert queue(graph) == [TAKEN] * 2
