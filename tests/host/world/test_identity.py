"""Which model a graph rolls out with: the same name exactly where the frames would be the same."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import comfy.lora
import comfy.lora_convert
import comfy.sd
import pytest
import torch
from comfy_execution.graph import DynamicPrompt
from comfy_execution.utils import CurrentNodeContext

GRAPH = {
    "1": {"class_type": "WMLoadWorldModel", "inputs": {"model_name": "Tiny World", "attention": "auto"}},
    "2": {
        "class_type": "LoraLoaderModelOnly",
        "inputs": {"model": ["1", 0], "lora_name": "walk.safetensors", "strength_model": 0.5},
        "_meta": {"title": "a"},
    },
    "3": {"class_type": "WMRolloutWorld", "inputs": {"model": ["2", 0], "seed": 0}},
}


@pytest.fixture
def identity(tiny: SimpleNamespace, of_pack: Callable[[str], ModuleType]) -> Callable[..., str | None]:
    """`identity(graph, model=...)`: of the MODEL that goes into node 3."""
    module = of_pack("nodes.host.identity")

    def tell(graph: dict = GRAPH, node: str = "3", model: Any = None) -> str | None:
        return module.model_identity(model or tiny.model, DynamicPrompt(graph), node)

    return tell


def changed(node: str, **inputs: Any) -> dict:
    graph = copy.deepcopy(GRAPH)
    graph[node]["inputs"] |= inputs
    return graph


def test_ids_titles_and_the_nodes_own_widgets_do_not_matter(identity: Callable) -> None:
    renamed = {
        "90": GRAPH["1"],
        "a:7": {**copy.deepcopy(GRAPH["2"]), "_meta": {"title": "b"}},
        "5": {"class_type": "WMRolloutWorld", "inputs": {"seed": 8, "model": ["a:7", 0]}},
    }
    renamed["a:7"]["inputs"]["model"] = ["90", 0]
    assert identity(renamed, "5") == identity()


@pytest.mark.parametrize(
    "graph",
    [
        changed("1", attention="sub_quad"),
        changed("2", strength_model=0.4),
        changed("3", model=["1", 0]),
        changed("3", model=["2", 1]),
        {**GRAPH, "2": {**GRAPH["2"], "class_type": "Another"}},
    ],
)
def test_what_comes_before_the_model_matters(identity: Callable, graph: dict) -> None:
    assert identity(graph) not in (None, identity())


def test_nodes_made_by_expansion_are_known(identity: Callable, of_pack: Callable, tiny: SimpleNamespace) -> None:
    prompt = DynamicPrompt({"1": GRAPH["1"], "3": GRAPH["3"]})
    prompt.add_ephemeral_node("2", GRAPH["2"], "3", "3")
    assert of_pack("nodes.host.identity").model_identity(tiny.model, prompt, "3") == identity()


def test_what_cannot_be_told_has_no_name(identity: Callable, of_pack: Callable, tiny: SimpleNamespace) -> None:
    assert of_pack("nodes.host.identity").model_identity(tiny.model, None, None) is None
    assert identity(changed("3", model=tiny.model)) is None
    assert identity(changed("2", lora_name=object())) is None


def test_a_file_that_a_node_names_matters(identity: Callable, place_file: Callable, tmp_path: Path) -> None:
    file = tmp_path / "walk.safetensors"
    file.write_bytes(b"one")
    names = [identity()]
    place_file("loras", file)
    names.append(identity())
    placed = next(path for path in map(Path, paths_of("loras")) if path.exists())
    os.utime(placed, (1, 1))
    names.append(identity())
    assert len({*names}) == 3


def paths_of(folder: str) -> list[str]:
    import folder_paths

    return [os.path.join(path, "walk.safetensors") for path in folder_paths.get_folder_paths(folder)]


def test_items_of_a_list_are_told_apart(identity: Callable) -> None:
    names = []
    for index in (0, 1, 0):
        with CurrentNodeContext("prompt", "3", index):
            names.append(identity())
    assert names[0] == names[2] != names[1]


def with_lora(model: Any, seed: int, strength: float) -> Any:
    torch.manual_seed(seed)
    name = "diffusion_model.blocks.0.self_attn.q"
    lora = {f"{name}.lora_up.weight": torch.randn(64, 2), f"{name}.lora_down.weight": torch.randn(2, 64)}
    patched, _ = comfy.sd.load_lora_for_models(model, None, lora, strength, 0)
    assert patched.patches
    return patched


def test_what_was_added_to_the_weights_matters_by_content(identity: Callable, tiny: SimpleNamespace) -> None:
    plain, one = identity(), identity(model=with_lora(tiny.model, 1, 1.0))
    assert one == identity(model=with_lora(tiny.model, 1, 1.0)) != plain
    others = [with_lora(tiny.model, 2, 1.0), with_lora(tiny.model, 1, 0.9)]
    others.append(with_lora(with_lora(tiny.model, 1, 1.0), 2, 1.0))
    assert len({plain, one, *(identity(model=model) for model in others)}) == 5


def test_the_file_the_model_came_from_matters(identity: Callable, run: Callable, built_in: Path) -> None:
    before = identity(model=run("WMLoadWorldModel", "Tiny World"))
    assert identity(model=run("WMLoadWorldModel", "Tiny World").clone()) == before
    status = (built_in / "tiny_world.safetensors").stat()
    os.utime(built_in / "tiny_world.safetensors", ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert identity(model=run("WMLoadWorldModel", "Tiny World")) != before
    assert identity(model=run("WMLoadWorldModel", "Tiny World", "bf16")) != before
