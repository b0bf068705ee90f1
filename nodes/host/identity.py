"""Which model a graph would roll out with: a name that is the same exactly when the frames would be.

A MODEL says which file it came from and what was added to its weights; what else was done to it (wrappers, attention,
object patches) is code, and is told by the nodes before it and their inputs.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterator
from typing import Any

import comfy.ldm.modules.attention
import comfy.model_management
import folder_paths
import torch
from comfy.model_patcher import ModelPatcher
from comfy.weight_adapter import WeightAdapterBase
from comfy_execution.graph import DynamicPrompt
from comfy_execution.graph_utils import is_link
from comfy_execution.utils import get_executing_context
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from ...worldmodel.journal import VERSION, add_tensor
from .checkpoints import IDENTITY

log = logging.getLogger(__name__)
LONGEST_NAME = 1024
"""Characters that a file's name may have; longer texts are none."""
_digests = WeakTensorKeyDictionary()
"""Digests of tensors that were added to weights: they last as long as the tensors, which nobody writes to."""


class _Nameless(Exception):
    """Something whose content cannot be told."""


def model_identity(model: ModelPatcher, dynprompt: DynamicPrompt | None, node_id: str | None) -> str | None:
    """Return a digest of all that decides what a model makes of its inputs.

    Args:
        model: the MODEL that came in through the input `model`.
        dynprompt: the running graph, nodes made by expansion included.
        node_id: of the running node.

    Returns:
        64 hex digits, or `None` where it cannot be told: outside of a graph, or behind a node whose inputs are objects.
    """
    if dynprompt is None or node_id is None:
        return None
    link = dynprompt.get_node(node_id)["inputs"].get("model")
    try:
        graph = [_ancestor(link, dynprompt, {}), _list_index()]
        weights = [_content(model.get_attachment(IDENTITY)), _content(model.patches)]
    except _Nameless as error:
        log.info("World Model: the journal is off for this rollout: %s", error)
        return None
    return _digest([VERSION, graph, weights, _machine(model)])


def _ancestor(link: Any, dynprompt: DynamicPrompt, known: dict[str, str]) -> list:
    """Name what a link brings by the node's class, its inputs and, in the same way, all nodes before it; no ids."""
    if not is_link(link):
        raise _Nameless("the model input is no link.")
    node_id, output = link
    if node_id not in known:
        node = dynprompt.get_node(node_id)
        inputs = [
            [name, _ancestor(value, dynprompt, known) if is_link(value) else [_content(value), list(_files(value))]]
            for name, value in sorted(node["inputs"].items())
        ]
        known[node_id] = _digest([node["class_type"], inputs])
    return [known[node_id], output]


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


def _content(value: Any) -> Any:
    """Return plain values that stand for a value's content, tensors as digests."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Tensor):
        return _tensor_digest(value)
    if isinstance(value, WeightAdapterBase):
        return [type(value).__name__, _content(value.weights)]
    if isinstance(value, list | tuple | torch.Size):
        return [_content(item) for item in value]
    if isinstance(value, dict):
        return [[_content(key), _content(value[key])] for key in sorted(value, key=str)]
    if isinstance(value, torch.dtype | torch.device):
        return str(value)
    if hasattr(value, "__qualname__"):  # a function that shapes a patch; which one it is, the ancestors say
        return f"{value.__module__}.{value.__qualname__}"
    raise _Nameless(f"a value of type {type(value).__name__} has no name.")


def _tensor_digest(tensor: Tensor) -> str:
    if tensor not in _digests:
        digest = hashlib.sha256()
        plain = type(tensor) in (Tensor, torch.nn.Parameter)
        add_tensor(digest, tensor if plain else tensor.dequantize())
        _digests[tensor] = digest.hexdigest()
    return _digests[tensor]


def _digest(parts: list) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
