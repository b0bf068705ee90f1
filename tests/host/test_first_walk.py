"""First walk in the real host: it runs, is cached, can be stopped, and says what is wrong before it runs."""

from __future__ import annotations

import copy
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from comfy_host import PACK, ComfyHost, PromptRefused
from PIL import Image
from workflow_forms import check_same, drawn_form

from worldmodel.shown.film import read_film

WORKFLOWS = Path(__file__).resolve().parents[2] / "workflows"
API = WORKFLOWS / "api" / "First walk.json"
TRACK, VIEW, ROLLOUT, FILM, COMPARISON = "3", "4", "6", "7", "13"

Graph = dict[str, Any]


@pytest.fixture
def graph() -> Graph:
    """First walk in API form."""
    return json.loads(API.read_text(encoding="utf-8"))


@pytest.fixture
def changed(graph: Graph) -> Callable[..., Graph]:
    """`changed({"6": {"seed": 1}})`: First walk with other inputs."""

    def change(inputs: dict[str, dict[str, Any]]) -> Graph:
        other = copy.deepcopy(graph)
        for node, values in inputs.items():
            other[node]["inputs"] |= values
        return other

    return change


def errors_of(comfy: ComfyHost, graph: Graph) -> list[str]:
    """Queue a graph that must not run; return what the host says about our nodes' inputs."""
    with pytest.raises(PromptRefused) as refused:
        comfy.client.run(graph)
    return [error["details"] for node in refused.value.node_errors.values() for error in node["errors"]]


def test_the_workflow_is_a_template_of_the_host(comfy: ComfyHost) -> None:
    listed = comfy.client.call("/api/workflow_templates")[PACK]
    assert sorted(listed) == sorted(path.stem for path in WORKFLOWS.glob("*.json"))


def test_both_forms_hold_the_same_nodes(graph: Graph) -> None:
    check_same(drawn_form("First walk"), graph)


def test_a_walk_is_filmed_shown_and_then_cached(comfy: ComfyHost, graph: Graph) -> None:
    run = comfy.client.run(graph)
    assert run.status == "success", run.error
    film, comparison = (
        read_film(comfy.output / saved["subfolder"] / saved["filename"])
        for saved in (run.outputs[node]["images"][0] for node in (FILM, COMPARISON))
    )
    assert film.frames.shape == (57, 64, 96, 3) and film.fps == 16
    assert len(comparison.frames) == 57 and comparison.fps == 16
    assert run.outputs[ROLLOUT]["text"][0].startswith("5 chunks, 57 frames added; the world has 57 frames.")
    done = [(e["data"]["value"], e["data"]["max"]) for e in run.events
            if e["type"] == "progress" and e["data"]["node"] == ROLLOUT]  # fmt: skip
    assert done == sorted(done) and done[-1] == (15, 15)  # 5 chunks of 3 steps
    shown = [picture for about, picture in run.previews if about["node_id"] == ROLLOUT]
    assert len(shown) == 5  # one for each chunk
    assert Image.open(io.BytesIO(shown[0])).size == (512, 341)

    again = comfy.client.run(graph)
    assert again.status == "success"
    assert again.executed == [] and again.cached == set(graph)


def test_another_track_loads_nothing_again(comfy: ComfyHost, changed: Callable[..., Graph]) -> None:
    comfy.client.run(changed({}))
    run = comfy.client.run(changed({TRACK: {"track": "back*21"}}))
    assert run.status == "success", run.error
    assert run.cached == {"1", "2"}


def test_stop_stops_within_a_step_and_the_next_run_is_clean(comfy: ComfyHost, changed: Callable[..., Graph]) -> None:
    long = {TRACK: {"track": "forward*2001"}, ROLLOUT: {"seed": 1}}
    seen: list[int] = []

    def stop(event: dict[str, Any]) -> None:
        if event["type"] == "progress" and event["data"]["node"] == ROLLOUT:
            seen.append(event["data"]["value"])
            if len(seen) == 1:
                comfy.client.interrupt()

    stopped = comfy.client.run(changed(long), stop)
    assert stopped.status == "interrupted"
    assert seen[-1] - seen[0] <= 2, seen
    films = comfy.base / "temp" / "worldmodel"
    assert not [path for path in films.rglob("*") if ".part" in path.name]

    run = comfy.client.run(changed({ROLLOUT: {"seed": 1}}))
    assert run.status == "success", run.error
    assert ROLLOUT in run.executed


@pytest.mark.parametrize("name", ["../../etc/passwd", "missing.safetensors"])
@pytest.mark.parametrize("node, field", [("1", "model_name"), ("2", "vae_name")])
def test_a_file_outside_the_list_is_refused_at_the_queue(
    comfy: ComfyHost, changed: Callable[..., Graph], node: str, field: str, name: str
) -> None:
    errors = errors_of(comfy, changed({node: {field: name}}))
    assert errors and all(name in error for error in errors)


def test_mistyped_tracks_and_steps_are_refused_at_the_queue(comfy: ComfyHost, changed: Callable[..., Graph]) -> None:
    assert any("forwad" in error for error in errors_of(comfy, changed({TRACK: {"track": "forwad*9"}})))
    assert any("steps: found" in error for error in errors_of(comfy, changed({ROLLOUT: {"steps": "5, 6"}})))
    assert errors_of(comfy, changed({VIEW: {"world_seed": 10_000}}))


def test_a_sampler_of_the_host_says_where_to_go(comfy: ComfyHost, changed: Callable[..., Graph]) -> None:
    graph = changed({})
    graph["20"] = {"class_type": "BasicScheduler",
                   "inputs": {"model": ["1", 0], "scheduler": "simple", "steps": 4, "denoise": 1.0}}  # fmt: skip
    graph["21"] = {"class_type": "PreviewAny", "inputs": {"source": ["20", 0]}}
    run = comfy.client.run({node: graph[node] for node in ("1", "20", "21")})
    assert run.status == "error" and "use Rollout World" in run.error


def test_model_sampling_sd3_is_refused_before_sampling(comfy: ComfyHost, changed: Callable[..., Graph]) -> None:
    graph = changed({ROLLOUT: {"model": ["20", 0]}})
    graph["20"] = {"class_type": "ModelSamplingSD3", "inputs": {"model": ["1", 0], "shift": 8.0}}
    run = comfy.client.run(graph)
    assert run.status == "error"
    assert "ModelSamplingSD3" in run.error and "\n" not in run.error
    assert not [e for e in run.events if e["type"] == "progress" and e["data"]["node"] == ROLLOUT]
