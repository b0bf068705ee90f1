"""First walk in the real host: it runs, is cached, can be stopped, and says what is wrong before it runs."""

from __future__ import annotations

import copy
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from comfy_host import PACK, ComfyHost, PromptRefused, Run
from PIL import Image
from workflow_forms import check_same, drawn_form, sent_form

from worldmodel.shown.film import Film, read_film
from worldmodel.variants import BUILT_IN, VARIANTS

WORKFLOWS = Path(__file__).resolve().parents[2] / "workflows"
API = WORKFLOWS / "api" / "First walk.json"
TRACK, VIEW, ROLLOUT, FILM = "3", "4", "6", "7"
BESIDE, TAKES = "Beside the true film", "Three takes, keep one"
BACK = "There and back (with memory)"
STEPS = len(VARIANTS[BUILT_IN].steps)
WEATHER = "Walk and change the weather (Tiny World)"

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


def film_of(comfy: ComfyHost, run: Run, node: str) -> Film:
    """Read the film that a node saved."""
    (saved,) = run.outputs[node]["images"]
    return read_film(comfy.output / saved["subfolder"] / saved["filename"])


def errors_of(comfy: ComfyHost, graph: Graph) -> list[str]:
    """Queue a graph that must not run; return what the host says about our nodes' inputs."""
    with pytest.raises(PromptRefused) as refused:
        comfy.client.run(graph)
    return [error["details"] for node in refused.value.node_errors.values() for error in node["errors"]]


def test_the_workflow_is_a_template_of_the_host(comfy: ComfyHost) -> None:
    listed = comfy.client.call("/api/workflow_templates")[PACK]
    assert sorted(listed) == sorted(path.stem for path in WORKFLOWS.glob("*.json"))


@pytest.mark.parametrize("name", ["First walk", BESIDE, TAKES, BACK, WEATHER])
def test_both_forms_hold_the_same_nodes(name: str) -> None:
    check_same(drawn_form(name), sent_form(name))


def test_first_walk_is_seven_nodes_and_a_note_and_three_takes_are_three_nodes_and_eight_wires_more() -> None:
    walk, takes = drawn_form("First walk"), drawn_form(TAKES)
    kinds = [sorted(node["type"] for node in drawn["nodes"]) for drawn in (walk, takes)]
    assert kinds[0] == sorted(
        ["WMLoadWorldModel", "WMLoadWorldVAE", "WMTinyWorldView", "WMStartWorld", "WMActionTrack", "WMRolloutWorld",
         "WMFilmWorld", "MarkdownNote"]
    )  # fmt: skip
    assert len(kinds[1]) - len(kinds[0]) <= 3 and len(takes["links"]) - len(walk["links"]) <= 8


def test_a_walk_is_filmed_shown_and_then_cached(comfy: ComfyHost, graph: Graph) -> None:
    run = comfy.client.run(graph)
    assert run.status == "success", run.error
    film = film_of(comfy, run, FILM)
    assert film.frames.shape == (57, 512, 768, 3) and film.fps == 16
    assert run.outputs[ROLLOUT]["text"][0].startswith("5 chunks, 57 frames added; the world has 57 frames.")
    done = [(e["data"]["value"], e["data"]["max"]) for e in run.events
            if e["type"] == "progress" and e["data"]["node"] == ROLLOUT]  # fmt: skip
    assert done == sorted(done) and done[-1] == (5 * STEPS, 5 * STEPS)  # 5 chunks
    shown = [picture for about, picture in run.previews if about["node_id"] == ROLLOUT]
    assert len(shown) == 5  # one for each chunk
    assert Image.open(io.BytesIO(shown[0])).size == (512, 341)

    again = comfy.client.run(graph)
    assert again.status == "success"
    assert again.executed == [] and again.cached == set(graph)


def test_a_walk_is_set_beside_the_true_film(comfy: ComfyHost) -> None:
    run = comfy.client.run(sent_form(BESIDE))
    assert run.status == "success", run.error
    film = film_of(comfy, run, "13")
    assert len(film.frames) == 57 and film.fps == 16


def test_a_walk_there_and_back_looks_at_where_it_was(comfy: ComfyHost) -> None:
    graph = sent_form(BACK)
    graph["3"]["inputs"]["track"] = "forward*30 yaw_right(3)*19"
    run = comfy.client.run(graph)
    assert run.status == "success", run.error
    assert len(film_of(comfy, run, "13").frames) == 49
    assert run.outputs[ROLLOUT]["text"][0].startswith("2 chunks, 49 frames added; the world has 49 frames.")


def test_the_weather_changes_on_a_walk(comfy: ComfyHost) -> None:
    graph = sent_form(WEATHER)
    track = json.loads(graph["3"]["inputs"]["track"])
    graph["3"]["inputs"]["track"] = json.dumps(track | {"frames": 33, "prompts": track["prompts"][:1]})
    run = comfy.client.run(graph)
    assert run.status == "success", run.error
    assert len(film_of(comfy, run, "13").frames) == 33
    assert run.outputs[ROLLOUT]["text"][0].startswith("3 chunks, 33 frames added; the world has 33 frames.")


def test_of_three_takes_another_is_kept_without_rolling_any_again(comfy: ComfyHost) -> None:
    graph = sent_form(TAKES)
    first = comfy.client.run({node: graph[node] for node in graph if node not in ("7", "10", "11")})
    assert first.status == "success", first.error
    said = first.outputs["9"]["text"][0]
    assert said.startswith("-2s is frame 25 (1.56 s); rounded to frame 21 (1.31 s), where chunk 2 begins.\n")
    assert "from the journal" not in said
    graph["9"]["inputs"]["keep"], graph["10"]["inputs"]["track"] = 3, "forward*12"
    run = comfy.client.run(graph)
    assert run.status == "success" and {"9", "11", "7"} == set(run.executed) - {"10"}, run.error
    assert not [e for e in run.events if e["type"] == "progress" and e["data"]["node"] == "9"], (
        "takes were rolled again"
    )
    assert len(film_of(comfy, run, "7").frames) == 57 + 12


def test_another_track_loads_nothing_again(comfy: ComfyHost, changed: Callable[..., Graph]) -> None:
    comfy.client.run(changed({}))
    run = comfy.client.run(changed({TRACK: {"track": "back*21"}}))
    assert run.status == "success", run.error
    assert run.cached == {"1", "2", "4", "5"}, "model, VAE, view and start need no track"


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
