"""Which model a rollout goes with: names that are the same exactly when the frames would be.

A MODEL says which file it came from and what was added to its weights; what else was done to it (wrappers, attention,
object patches) is code. A queued graph tells that by the nodes before it and their inputs: the graph's name. Without
one, as where a loop or an expansion hands the MODEL in as a value, the code itself must tell: the content's name. Equal
contents behind different graphs, as with a switch in between, go by both names, and the journal looks under both.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from typing import Any, NamedTuple

import comfy.ldm.modules.attention
import comfy.model_management
import folder_paths
from comfy.model_patcher import ModelPatcher
from comfy_execution.graph import DynamicPrompt, NodeNotFoundError
from comfy_execution.graph_utils import is_link
from comfy_execution.utils import get_executing_context
from torch.nn import Module

from ...worldmodel.world.journal import VERSION
from .checkpoints import IDENTITY
from .contents import Deep, Nameless, digest_of, shallow
from .sampling import LOW_NOISE, low_noise_of

log = logging.getLogger(__name__)
LONGEST_NAME = 1024
"""Characters that a file's name may have; longer texts are none."""
_NOT_TOLD = ("injections", "hook_patches", "current_hooks", "forced_hooks")
"""What a patcher may carry that has no name: objects that act when they are asked."""
_TOLD = ("patches", "object_patches", "weight_wrapper_patches", "model_options", "attachments", "wrappers", "callbacks")


class ModelNames(NamedTuple):
    """What a MODEL goes by; each is 64 hex digits or ""."""

    own: str
    """Stands in the keys of what is kept. "": nothing tells the model, and nothing can be kept."""
    other: str
    """A second name of the same, under which there may be something too."""
    content: str
    """Of the content, whatever the graph."""
    trouble: str
    """Why there is no name of its own."""


def model_names(
    model: ModelPatcher, dynprompt: DynamicPrompt | None, node_id: str | None, vae: Any = None
) -> ModelNames:
    """Return names for all that decides what a model makes of its inputs.

    Args:
        model: the MODEL that came in through the input `model`; the expert that it may carry through `low_noise_model`.
        dynprompt: the running graph, nodes made by expansion included.
        node_id: of the running node.
        vae: that decides, too, which came in through the input `vae`; `None`: none does.
    """
    if dynprompt is None or node_id is None:
        return ModelNames("", "", "", "no graph runs this node")
    content, graph, plain, trouble = "", "", False, ""
    low = low_noise_of(model)
    more = [(name, one) for name, one in (("low_noise_model", low), ("vae", vae)) if one is not None]
    try:
        content = digest_of([VERSION, "content", _state(model), _machine(model), *map(_state_of_more, more)])
    except Nameless as error:
        trouble = f"the model comes as a value, from a loop or an expansion, and {error}"
    try:
        inputs = dynprompt.get_node(node_id)["inputs"]
        ancestors = _Ancestors(dynprompt)
        told = [ancestors.name(inputs.get("model")), _list_index()]
        weights = [shallow(model.get_attachment(IDENTITY)), shallow(model.patches)]
        besides = [[ancestors.name(inputs.get(name)), _weights_of_more(one)] for name, one in more]
        graph, plain = digest_of([VERSION, told, weights, _machine(model), *besides]), ancestors.plain
    except (Nameless, NodeNotFoundError, RecursionError) as error:
        log.info("World Model: the graph does not tell the model: %s", error)
    # values of a loop's turn, which no queue could hold, make a graph's name that no other turn and no other queue has
    own, other = (graph, content) if plain or not content else (content, graph)
    return ModelNames(own or other, other if own else "", content, "" if own or other else trouble)


class _Ancestors:
    """The nodes before a link: each is named by its class, its inputs and, in the same way, all nodes before it."""

    def __init__(self, dynprompt: DynamicPrompt):
        self._dynprompt = dynprompt
        self._known: dict[str, str] = {}
        self.plain = True
        """Whether all inputs were such as a queued graph has."""

    def name(self, link: Any) -> list:
        """Return plain values that stand for what a link brings.

        Raises:
            Nameless: a node has an input that has no name, or it is no link.
        """
        if not is_link(link):
            raise Nameless("the model is no link")
        node_id, output = link
        if node_id not in self._known:
            node = self._dynprompt.get_node(node_id)
            inputs = [[name, self._input(value)] for name, value in sorted(node["inputs"].items())]
            self._known[node_id] = digest_of([node["class_type"], inputs])
        return [self._known[node_id], output]

    def _input(self, value: Any) -> list:
        if is_link(value):
            return self.name(value)
        try:
            json.dumps(value)
        except TypeError:
            self.plain = False
        return [shallow(value), list(_files(value))]


def _state(model: ModelPatcher) -> list:
    """Name a MODEL by its file and by everything that hangs on its patcher.

    Raises:
        Nameless: something of it cannot be told.
    """
    modules = dict(model.model.named_modules())
    content = Deep({id(module): f"network {name}" for name, module in modules.items()})
    if model.get_attachment(IDENTITY) is None and model.cached_patcher_init is None:
        raise Nameless("its file is not known")
    others = {name for name, models in model.additional_models.items() if models} - {LOW_NOISE}
    for name in (*others, *(name for name in _NOT_TOLD if getattr(model, name, None))):
        raise Nameless(f"what stands in its {name.replace('_', ' ')} has no name")
    loader = content(model.cached_patcher_init)
    files = [path for path in _texts(loader) if os.path.isabs(path)]
    told = [content(getattr(model, name)) for name in _TOLD]
    return [loader, list(_files(files)), told, model.force_cast_weights, content(list(_changed(model, modules)))]


def _state_of_more(named: tuple[str, Any]) -> list:
    """Name what decides besides the first MODEL, an expert or a VAE, by what it is.

    Raises:
        Nameless: something of it cannot be told.
    """
    name, one = named
    if isinstance(one, ModelPatcher):
        return [name, _state(one), _machine(one)]
    if one.patcher.cached_patcher_init is None:
        raise Nameless("the file of the vae is not known")
    loader = Deep({})(one.patcher.cached_patcher_init)
    return [name, loader, list(_files([path for path in _texts(loader) if os.path.isabs(path)])), str(one.vae_dtype)]


def _weights_of_more(one: Any) -> list:
    """Name what the graph alone does not tell of it."""
    if isinstance(one, ModelPatcher):
        return [shallow(one.get_attachment(IDENTITY)), shallow(one.patches), _machine(one)]
    return [str(one.vae_dtype)]


def _changed(model: ModelPatcher, modules: dict[str, Module]) -> Iterator[tuple]:
    """Yield what was done to the network itself, past its patcher: other `forward` functions, and hooks."""
    for name, module in modules.items():
        forward = vars(module).get("forward")
        hosts_own = f"{name}.forward" in model.object_patches_backup  # of whichever clone is loaded
        if forward is not None and not hosts_own and getattr(forward, "__func__", None) is not type(module).forward:
            yield name, forward
        for hooks in (module._forward_hooks, module._forward_pre_hooks):
            if hooks:
                yield name, list(hooks.values())


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str):
        yield value


def _files(value: Any) -> Iterator[list]:
    """Yield folder, size and date of the files that an input's texts name, in the host's folders or in full."""
    if isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _files(item)
    if not isinstance(value, str) or not value or len(value) > LONGEST_NAME:
        return
    if os.path.isabs(value) or os.path.splitdrive(value)[0]:
        paths = {"": value}
    else:
        paths = {folder: folder_paths.get_full_path(folder, value) for folder in folder_paths.folder_names_and_paths}
        paths["input"] = folder_paths.exists_annotated_filepath(value) and folder_paths.get_annotated_filepath(value)
    for folder, path in paths.items():
        if path and os.path.isfile(path):
            status = os.stat(path)
            yield [folder, status.st_size, status.st_mtime_ns]


def _list_index() -> int | None:
    """Which of a list's items is being worked on: they all have the same ancestors."""
    context = get_executing_context()
    return None if context is None else context.list_index


def _machine(model: ModelPatcher) -> list[str]:
    """Name what computes: the device, the precisions and the host's attention."""
    network = model.model
    return [
        comfy.model_management.get_torch_device_name(model.load_device),
        *(str(dtype) for dtype in (model.model_dtype(), network.get_dtype_inference(), network.manual_cast_dtype)),
        comfy.ldm.modules.attention.optimized_attention.__name__,
    ]
