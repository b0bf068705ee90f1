"""Model files to the host's patchers, through the host's one loading path."""

from __future__ import annotations

import json
import pickle
import struct
from pathlib import Path
from typing import Any, NamedTuple

import comfy.sd
import comfy.utils
import torch
from comfy.ldm.modules.attention import REGISTERED_ATTENTION_FUNCTIONS, get_attention_function
from comfy.model_patcher import ModelPatcher
from safetensors import SafetensorError
from torch import Tensor

from ...worldmodel.weights import Checkpoint, read_metadata, recognise
from .network import IMAGE_MODEL, WorldModel

AUTO = "auto"
WEIGHT_DTYPES: dict[str, torch.dtype | None] = {
    AUTO: None,
    "fp32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
    "fp8_e4m3fn": torch.float8_e4m3fn,
}
IDENTITY = "worldmodel"
"""Key of the patcher's attachment."""


class Identity(NamedTuple):
    """What file a MODEL came from; clones keep it."""

    path: str
    bytes: int
    modified_ns: int
    variant: str
    latent_format: str


def attention_names() -> list[str]:
    """Return the attention functions this host offers, `auto` first."""
    return [AUTO, *sorted(REGISTERED_ATTENTION_FUNCTIONS)]


def read_file(path: Path, field: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return a file's tensors and header metadata.

    Raises:
        ValueError: the file is damaged or holds something other than tensors.
    """
    try:
        weights, metadata = comfy.utils.load_torch_file(str(path), safe_load=True, return_metadata=True)
    except (SafetensorError, ValueError, RuntimeError, EOFError, pickle.UnpicklingError, struct.error) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(
            f"{field}: found a damaged or unfinished file {path.name} ({reason}), expected weights; download it again."
        ) from error
    if not isinstance(weights, dict) or not all(isinstance(value, Tensor) for value in weights.values()):
        raise ValueError(
            f"{field}: found no plain weights in {path.name}, expected a dictionary of tensors; choose another file."
        )
    return weights, metadata or {}


def load_world_model(
    path: Path, weight_dtype: str = AUTO, attention: str = AUTO, *, disable_dynamic: bool = False
) -> ModelPatcher:
    """Load a world model as the host's MODEL.

    Args:
        path: the checkpoint.
        weight_dtype: one of `WEIGHT_DTYPES`; `auto` is the host's choice for the file and the device.
        attention: one of `attention_names`.
        disable_dynamic: load without the host's paging (the host asks for it when it clones a model).

    Raises:
        ValueError: the file is no world model, or an option is unknown.
    """
    weights, metadata = read_file(path, "model_name")
    checkpoint = recognise(weights, metadata, name=f"model_name: {path.name}")
    if weight_dtype not in WEIGHT_DTYPES:
        raise ValueError(f"weight_dtype: found {weight_dtype!r}, expected one of {', '.join(WEIGHT_DTYPES)}.")
    dtype = WEIGHT_DTYPES[weight_dtype]
    patcher = comfy.sd.load_diffusion_model_state_dict(
        checkpoint.weights,
        model_options={} if dtype is None else {"dtype": dtype},
        metadata={**metadata, "config": json.dumps({"transformer": _host_config(checkpoint, metadata, path.name)})},
        disable_dynamic=disable_dynamic,
    )
    assert patcher is not None and isinstance(patcher.model, WorldModel), "the host did not choose our entry"
    if attention != AUTO:
        patcher.set_model_optimized_attention(_attention_function(attention))
    status = path.stat()
    identity = Identity(
        str(path), status.st_size, status.st_mtime_ns, checkpoint.variant.name, checkpoint.latent_format
    )
    patcher.set_attachments(IDENTITY, identity)
    patcher.cached_patcher_init = (load_world_model, (path, weight_dtype, attention))
    return patcher


def latent_statistics(metadata: dict[str, str], name: str) -> dict[str, list[float]]:
    """Return `latent_mean` and `latent_std`, 16 numbers each, from a Tiny World file's metadata.

    Raises:
        ValueError: they are missing or no such numbers.
    """
    entries = read_metadata(metadata)
    found = {key: entries.get(key) for key in ("latent_mean", "latent_std")}
    for key, values in found.items():
        numbers = isinstance(values, list) and all(isinstance(value, int | float) for value in values)
        if not numbers or len(values) != 16:
            raise ValueError(f"{name}: found no {key!r} of 16 numbers in the metadata; train or download it again.")
    return found


def _host_config(checkpoint: Checkpoint, metadata: dict[str, str], name: str) -> dict[str, Any]:
    """What the host hands to our network's constructor, on top of what it infers itself."""
    config = {
        "image_model": IMAGE_MODEL,
        "variant": checkpoint.variant.name,
        "latent_format": checkpoint.latent_format,
        **checkpoint.sizes,
    }
    if checkpoint.latent_format == "tiny_world":
        config |= latent_statistics(metadata, f"model_name: {name}")
    return config


def _attention_function(name: str) -> Any:
    function = get_attention_function(name, None)
    if function is None:
        raise ValueError(f"attention: found {name!r}, expected one of {', '.join(attention_names())}.")
    return function
