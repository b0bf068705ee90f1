"""What a model goes by: the same name exactly where the frames would be the same, with a graph and without one."""

from __future__ import annotations

import copy
import functools
import os
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import comfy.lora
import comfy.lora_convert
import comfy.sd
import numpy as np
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
    """`identity(graph, model=...)`: the own name of the MODEL that goes into node 3."""
    module = of_pack("nodes.host.identity")

    def tell(graph: dict = GRAPH, node: str = "3", model: Any = None) -> str:
        return module.model_names(model or tiny.model, DynamicPrompt(graph), node).own

    return tell


@pytest.fixture
def content(tiny: SimpleNamespace, of_pack: Callable[[str], ModuleType]) -> Callable[..., Any]:
    """`content(model)`: the names of a MODEL that comes as a value, as from a loop."""
    module = of_pack("nodes.host.identity")
    graph = {"3": {"class_type": "WMRolloutWorld", "inputs": {"model": None, "seed": 0}}}
    return lambda model=None: module.model_names(model or tiny.model, DynamicPrompt(graph), "3")


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
    assert identity(graph) not in ("", identity())


def test_the_names_of_queued_graphs_stay_the_same_from_release_to_release(
    identity: Callable, tiny: SimpleNamespace, of_pack: Callable
) -> None:
    """Else the chunks that users have would be made again; the name was made with the first release's code."""
    checkpoints, model = of_pack("nodes.host.checkpoints"), tiny.model.clone()
    file = checkpoints.Identity("/models/walk.safetensors", 1, 2, "tiny_world", "tiny_world")
    model.set_attachments(checkpoints.IDENTITY, file)
    change = (0.5, ("diff", (torch.arange(12.0).view(6, 2),)), 1.0, None, None)
    model.patches = {"diffusion_model.blocks.0.self_attn.q.weight": [change]}
    assert identity(model=model) == "37a36ac6fa48dfbebe66d09efd3937ddf73f0dddabc4b711b6a168d0e43df6dc"


def test_nodes_made_by_expansion_are_known(identity: Callable, of_pack: Callable, tiny: SimpleNamespace) -> None:
    prompt = DynamicPrompt({"1": GRAPH["1"], "3": GRAPH["3"]})
    prompt.add_ephemeral_node("2", GRAPH["2"], "3", "3")
    assert of_pack("nodes.host.identity").model_names(tiny.model, prompt, "3").own == identity()


def test_outside_of_a_graph_there_is_no_name(of_pack: Callable, tiny: SimpleNamespace) -> None:
    names = of_pack("nodes.host.identity").model_names(tiny.model, None, None)
    assert not names.own and not names.content and names.trouble


@pytest.mark.parametrize("graph", [
    changed("3", model=None), changed("2", model=None), changed("2", lora_name=object()), changed("3", model=["9", 0]),
])  # fmt: skip
def test_a_model_whose_graph_cannot_be_told_goes_by_its_content(
    identity: Callable, content: Callable, tiny: SimpleNamespace, graph: dict
) -> None:
    if graph["2"]["inputs"]["model"] is None:  # a loop hands the model to a node before this one
        graph["2"]["inputs"]["model"] = tiny.model
    assert identity(graph) == content().own == content(tiny.model.clone()).own != ""


def test_a_graph_without_end_is_not_walked(identity: Callable, content: Callable) -> None:
    graph = {str(i): {"class_type": "Switch", "inputs": {"model": [str(i + 1), 0]}} for i in range(3, 4000)}
    assert identity({**graph, "4000": GRAPH["1"]}) == content().own


def test_values_that_no_queue_could_hold_name_the_model_by_its_content(
    identity: Callable, content: Callable, tiny: SimpleNamespace
) -> None:
    """A loop hands its world on beside the model: every turn's graph is another, its model is not."""
    graph = changed("2", world=tiny.world)
    assert identity(graph) == content().own


def test_whatever_stands_between_an_equal_model_has_an_equal_content(
    of_pack: Callable, tiny: SimpleNamespace, content: Callable
) -> None:
    names_of, one = of_pack("nodes.host.identity").model_names, with_lora(tiny.model, 1, 0.5)
    plain = names_of(one, DynamicPrompt(GRAPH), "3")
    switch = {"4": {"class_type": "Switch", "inputs": {"first": ["2", 0], "which": 1}}}
    behind = names_of(with_lora(tiny.model, 1, 0.5), DynamicPrompt({**changed("3", model=["4", 0]), **switch}), "3")
    assert plain.own != behind.own and plain.content == behind.content == plain.other == content(one).own


class Holder:
    """What packs keep beside a wrapper."""

    def __init__(self, **settings: Any):
        vars(self).update(settings)

    def __call__(self, executor: Any, *args: Any, **kwargs: Any) -> Any:
        return executor(*args, **kwargs)


def wrapping(model: Any, wrapper: Any) -> Any:
    clone = model.clone()
    clone.add_wrapper_with_key("diffusion_model", "test", wrapper)
    return clone


def scaled(by: float) -> Callable:
    return lambda executor, *args, **kwargs: executor(*args, **kwargs) * by


def with_options(model: Any, **options: Any) -> Any:
    clone = model.clone()
    clone.model_options["transformer_options"] |= options
    return clone


def with_object(model: Any, path: str, value: Any) -> Any:
    clone = model.clone()
    clone.add_object_patch(path, value)
    return clone


CONTENTS: dict[str, Callable[[Any], Any]] = {
    "nothing": lambda model: model.clone(),
    "a LoRA": lambda model: with_lora(model, 1, 1.0),
    "a weaker LoRA": lambda model: with_lora(model, 1, 0.9),
    "a closure": lambda model: wrapping(model, scaled(1.5)),
    "a closure over another number": lambda model: wrapping(model, scaled(2.0)),
    "a function": lambda model: wrapping(model, lambda executor, *args, **kwargs: executor(*args, **kwargs)),
    "another function": lambda model: wrapping(model, lambda executor, *args, **kwargs: -executor(*args, **kwargs)),
    "an object": lambda model: wrapping(model, Holder(strength=1.0, blocks={1, 2}, weight=torch.ones(3))),
    "another object": lambda model: wrapping(model, Holder(strength=1.0, blocks={1, 3}, weight=torch.ones(3))),
    "an object's tensor": lambda model: wrapping(model, Holder(strength=1.0, blocks={1, 2}, weight=torch.zeros(3))),
    "a method": lambda model: wrapping(model, Holder(strength=3.0).__call__),
    "a partial": lambda model: wrapping(model, functools.partial(scaled, 2.0)),
    "an array": lambda model: wrapping(model, Holder(curve=np.arange(3))),
    "a compiled block": lambda model: with_object(
        model, "diffusion_model.blocks.0", torch.compile(model.model.diffusion_model.blocks[0], backend="eager")
    ),
    "a number": lambda model: with_options(model, nag_scale=2.0),
    "another number": lambda model: with_options(model, nag_scale=3.0),
    "a part": lambda model: with_object(model, "diffusion_model.blocks.0.ffn.forward", scaled(3.0)),
    "another part": lambda model: with_object(model, "diffusion_model.blocks.1.ffn.forward", scaled(3.0)),
    "its precision": lambda model: with_object(model, "manual_cast_dtype", torch.bfloat16),
}


def test_all_that_hangs_on_a_patcher_is_in_its_content(tiny: SimpleNamespace, content: Callable) -> None:
    names = {what: content(change(tiny.model)).own for what, change in CONTENTS.items()}
    assert names == {what: content(change(tiny.model)).own for what, change in CONTENTS.items()}
    assert "" not in names.values() and len({*names.values()}) == len(names)


def test_a_layer_that_was_changed_past_the_patcher_is_in_the_content_too(run: Callable, content: Callable) -> None:
    model = run("WMLoadWorldModel", "Tiny World")
    names, layer = [content(model).own], model.model.diffusion_model.blocks[0].ffn
    layer.forward = functools.partial(type(layer).forward, layer)
    names.append(content(model).own)
    layer.forward = type(layer).forward.__get__(layer)  # as the host sets it back after a patch
    names.append(content(model).own)
    hook = layer.register_forward_hook(scaled(2.0))
    names.append(content(model).own)
    hook.remove()
    assert names[0] == names[2] and len({*names}) == 3


@pytest.mark.parametrize(
    "thing", [threading.Lock(), torch.nn.Linear(2, 2), torch.Generator(), iter(())],
    ids=["lock", "network", "generator", "iterator"],
)  # fmt: skip
def test_what_has_no_content_gives_no_name_and_says_why(
    thing: Any, tiny: SimpleNamespace, content: Callable, identity: Callable
) -> None:
    model = wrapping(tiny.model, Holder(thing=thing))
    names = content(model)
    assert not names.own and not names.content
    assert type(thing).__qualname__ in names.trouble and "the model comes as a value" in names.trouble
    assert identity(model=model)  # where a graph tells it, nothing changes


def test_what_holds_itself_or_a_model_has_no_content(tiny: SimpleNamespace, content: Callable) -> None:
    ring: list = []
    ring.append(ring)
    for thing in (ring, tiny.model.clone()):
        assert not content(wrapping(tiny.model, Holder(thing=thing))).own


def test_a_model_of_the_hosts_own_loader_goes_by_its_file(
    tiny: SimpleNamespace, content: Callable, of_pack: Callable, tmp_path: Path
) -> None:
    model, names = tiny.model.clone(), []
    model.attachments.clear()
    for size in (1, 2):
        (tmp_path / "walk.safetensors").write_bytes(bytes(size))
        model.cached_patcher_init = (comfy.sd.load_diffusion_model, (str(tmp_path / "walk.safetensors"), {}))
        names.append(content(model).own)
    model.cached_patcher_init = None
    assert names[0] and names[1] and names[0] != names[1]
    assert "its file is not known" in content(model).trouble


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
    status = (built_in / "tiny_world_2.safetensors").stat()
    os.utime(built_in / "tiny_world_2.safetensors", ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert identity(model=run("WMLoadWorldModel", "Tiny World")) != before
    assert identity(model=run("WMLoadWorldModel", "Tiny World", "bf16")) != before
