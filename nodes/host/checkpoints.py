"""Model files to the host's patchers, through the host's one loading path."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import comfy.sd
import comfy.utils
import torch
from comfy.ldm.modules.attention import REGISTERED_ATTENTION_FUNCTIONS, get_attention_function
from comfy.model_patcher import ModelPatcher
from comfy.quant_ops import QUANT_ALGOS
from safetensors import SafetensorError
from torch import Tensor

from ...worldmodel.checkpoints.file_kinds import kind_of_file, load_pickle, parts_of
from ...worldmodel.checkpoints.recognise import Checkpoint, latent_statistics, read_metadata, recognise
from ...worldmodel.checkpoints.twins import expert_named, twins_of
from ...worldmodel.families import family_of
from ...worldmodel.reading.json_text import is_whole
from ...worldmodel.reading.safetensors_header import read_json
from ...worldmodel.reading.words import shortened
from ...worldmodel.rollout.wrappers import HIGH, LOW
from ...worldmodel.vae.latent_formats import TINY_WORLD
from ...worldmodel.variants import VARIANTS, Variant
from . import model_files, progress
from .int8 import in_8_bits
from .network import WorldModel, host_config

AUTO = "auto"
INT8, INT8_RELEASED = "int8 attention (Matrix-Game 3)", "int8 attention as released (Matrix-Game 3)"
WEIGHT_DTYPES: dict[str, torch.dtype | None] = {
    AUTO: None,
    "fp32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
    "fp8_e4m3fn": torch.float8_e4m3fn,
    INT8: None,
    INT8_RELEASED: None,
}
LONGEST_WINDOW = 1000
LARGEST_CONFIG = 1_000_000
"""Bytes; a release's has some hundred."""
MUCH_OR_LITTLE = {HIGH: "much", LOW: "little"}
"""Noise, for which each of two experts was trained."""
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
    """Return a file's tensors and header metadata; the tensors of safetensors and zip files are mapped, not read.

    Raises:
        ValueError: the file is unfinished, damaged or of another kind, or holds something other than tensors.
    """
    name = f"{field}: {path.name}"
    if kind_of_file(path, name) == "torch":
        return load_pickle(path, name), {}
    try:
        weights, metadata = comfy.utils.load_torch_file(str(path), safe_load=True, return_metadata=True)
    except (SafetensorError, ValueError, RuntimeError, OSError) as error:
        reason = shortened(next(iter(str(error).splitlines()), ""), 120)
        raise ValueError(f"{name}: found a damaged file ({reason}), expected weights; download it again.") from error
    return weights, metadata or {}


def read_model(path: Path, field: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors and the metadata of a model: of a file, of all parts of several, or of a folder.

    Older marks of quantised layers are replaced by the host's own.

    Raises:
        ValueError: see `read_file` and `parts_of`.
    """
    weights: dict[str, Tensor] = {}
    metadata: dict[str, str] = {}
    for part in parts_of(path, f"{field}: {path.name}"):
        tensors, header = read_file(part, field)
        weights |= tensors
        metadata |= header
    try:
        weights, metadata = comfy.utils.convert_old_quants(weights, "", metadata=metadata)
    except (ValueError, LookupError, TypeError, AttributeError, RuntimeError) as error:
        reason = shortened(next(iter(str(error).splitlines()), type(error).__name__), 120)
        raise ValueError(
            f"{field}: {path.name}: found damaged marks of quantised layers ({reason}), expected those of ComfyUI's "
            "tools; download it again."
        ) from error
    # now said by the layers themselves; the header's names may carry a prefix that ours do not
    return weights, {key: text for key, text in metadata.items() if key != "_quantization_metadata"}


def load_world_model(
    path: Path,
    weight_dtype: str = AUTO,
    attention: str = AUTO,
    window: int = 0,
    variant: str = AUTO,
    *,
    disable_dynamic: bool = False,
) -> ModelPatcher:
    """Load a world model as the host's MODEL.

    Args:
        path: the checkpoint: a file, one part of several, or a folder.
        weight_dtype: one of `WEIGHT_DTYPES`; `auto` is the host's choice for the file and the device.
        attention: one of `attention_names`.
        window: latents attended to, the current chunk included; 0: what the release says, or else the variant's own.
        variant: one of `twin_titles`, for a file that may be any of several models.
        disable_dynamic: load without the host's paging (the host asks for it when it clones a model).

    Raises:
        ValueError: the file is no world model, or an option is unknown.
    """
    weights, metadata = read_model(path, "model_name")
    checkpoint = recognise(weights, metadata, name=f"model_name: {path.name}", formats=QUANT_ALGOS)
    if weight_dtype not in WEIGHT_DTYPES:
        known = ", ".join(WEIGHT_DTYPES)
        raise ValueError(f"weight_dtype: found {shortened(weight_dtype)!r}, expected one of {known}.")
    dtype, asked = WEIGHT_DTYPES[weight_dtype], (window, variant)
    twin, why = choose_twin(variant, checkpoint, path, metadata)
    checkpoint = checkpoint._replace(variant=twin)
    window, reason = choose_window(window, checkpoint, path)
    told = " ".join(filter(None, [_description(checkpoint, window, reason), why]))
    config = host_config(checkpoint, window, truncates=weight_dtype == INT8_RELEASED)
    if checkpoint.latent_format == TINY_WORLD.name:
        config |= latent_statistics(metadata, f"model_name: {path.name}")
    patcher = comfy.sd.load_diffusion_model_state_dict(
        _stored(checkpoint, weight_dtype, f"model_name: {path.name}"),
        model_options={} if dtype is None else {"dtype": dtype},
        metadata={**metadata, "config": json.dumps({"transformer": config})},
        disable_dynamic=disable_dynamic,
    )
    assert patcher is not None and isinstance(patcher.model, WorldModel), "the host did not choose our entry"
    if attention != AUTO:
        patcher.set_model_optimized_attention(_attention_function(attention))
    identity = Identity(
        *model_files.stamp(path, f"model_name: {path.name}"), checkpoint.variant.name, checkpoint.latent_format
    )
    patcher.set_attachments(IDENTITY, identity)
    patcher.cached_patcher_init = (load_world_model, (path, weight_dtype, attention, *asked))
    progress.tell(told)
    return patcher


def _stored(checkpoint: Checkpoint, weight_dtype: str, name: str) -> dict[str, Tensor]:
    """Return the tensors as they are to be kept, where that is none of the host's own ways."""
    if weight_dtype not in (INT8, INT8_RELEASED):
        return checkpoint.weights
    pattern = family_of(checkpoint.variant).in_8_bits
    if not pattern:
        raise ValueError(
            f"weight_dtype: found {weight_dtype} for {checkpoint.variant.title}, whose authors make no 8 bits of it, "
            "expected auto, or another precision; choose one."
        )
    return in_8_bits(checkpoint.weights, pattern, weight_dtype == INT8_RELEASED, name)


def twin_titles() -> list[str]:
    """Return the titles of variants whose weights look the same as another one's, `auto` first."""
    return [AUTO, *(variant.title for variant in VARIANTS.values() if variant.folder)]


def choose_twin(asked: str, checkpoint: Checkpoint, path: Path, metadata: Mapping[str, str]) -> tuple[Variant, str]:
    """Return which of several models with the same tensors a file is, and a sentence where that had to be found out.

    Args:
        asked: the user's choice.
        checkpoint: recognised; its variant is what most people have.
        path: its file or folder, which may be called as in the release.
        metadata: of the file.

    Raises:
        ValueError: the choice is a model with other tensors, or unknown.
    """
    found = checkpoint.variant
    twins = twins_of(found)
    if asked != AUTO:
        twin = next((twin for twin in twins if twin.title == asked), None)
        if twin is None:
            raise ValueError(
                f"variant: found {shortened(asked)!r} for the tensors of {found.title}, expected auto"
                f"{''.join(f' or {twin.title}' for twin in twins)}; choose that."
            )
        return twin, "As chosen."
    if not twins or read_metadata(metadata).get("variant"):
        return found, ""
    named = {path.name, path.parent.name, path.stem}
    twin = next((twin for twin in twins if twin.folder in named), None)
    if twin is not None:
        return twin, f"Its folder is called {twin.folder}."
    twin = next((twin for twin in twins if twin.experts), None) if expert_named(path) else None
    if twin is not None:
        return twin, f"Its name says that it is the expert for {MUCH_OR_LITTLE[expert_named(path)]} noise."
    others = " or ".join(twin.title for twin in twins if twin is not found)
    if float_bits(checkpoint.weights) == 32 and not found.twins:  # of Matrix-Game 3 only one is
        return found, f"It has 32 bits, as only this one is released; if it is {others}, choose that as variant."
    return found, f"Nothing tells it from {others}; choose that as variant if it is."


def float_bits(weights: Mapping[str, Tensor]) -> int:
    """Return how many bits most numbers of a model have."""
    numbers: Counter[int] = Counter()
    for tensor in weights.values():
        numbers[8 * tensor.element_size()] += tensor.numel()
    return numbers.most_common(1)[0][0]


def choose_window(asked: int, checkpoint: Checkpoint, path: Path) -> tuple[int, str]:
    """Return how many latents the network attends to, and who says so; the weights do not.

    Args:
        asked: the user's choice, 0 for none.
        checkpoint: recognised.
        path: its file or folder; the config.json of the release may lie beside it.

    Raises:
        ValueError: the choice is shorter than a chunk, or config.json is damaged.
    """
    variant = checkpoint.variant
    if not variant.window:
        if asked:
            raise ValueError(
                f"window: found {shortened(str(asked))}, expected 0 for {variant.title}, which has none; change it."
            )
        return 0, ""
    if asked:
        if not variant.chunking.later <= asked <= LONGEST_WINDOW:
            raise ValueError(
                f"window: found {shortened(str(asked))}, expected 0 (the model's own) or at least "
                f"{variant.chunking.later} latents, the length of a chunk, and at most {LONGEST_WINDOW}; change it."
            )
        return asked, "as chosen"
    said = _window_of_release(checkpoint, model_files.config_beside(path, f"model_name: {path.name}"))
    if said is None:
        return variant.window, f"{variant.title}'s own"
    return said, "as the config.json beside the file says"


def _window_of_release(checkpoint: Checkpoint, config_path: Path) -> int | None:
    """Return `local_attn_size` of a release's config.json, if there is one and it speaks of this model."""
    if not config_path.is_file():
        return None
    try:
        if config_path.stat().st_size > LARGEST_CONFIG:
            raise ValueError(f"more than {LARGEST_CONFIG} bytes")
        config = read_json(config_path.read_bytes())
    except (OSError, ValueError) as error:
        raise ValueError(
            f"model_name: found a damaged config.json beside the model ({error}), expected JSON; download it again or "
            "remove it."
        ) from error
    size = config.get("local_attn_size") if isinstance(config, dict) else None
    if not is_whole(size) or not checkpoint.variant.chunking.later <= size <= LONGEST_WINDOW:
        return None
    actions = config.get("action_config")
    keys = actions.get("keyboard_dim_in") if isinstance(actions, dict) else None
    return size if keys in (None, checkpoint.sizes.get("keyboard_dim")) else None


def _description(checkpoint: Checkpoint, window: int, reason: str) -> str:
    """Say in one line what was recognised."""
    numbers: Counter[str] = Counter()
    for tensor in checkpoint.weights.values():
        numbers[str(tensor.dtype).removeprefix("torch.")] += tensor.numel()
    total, (stored, _) = sum(numbers.values()), numbers.most_common(1)[0]
    count = f"{total / 1e9:.2f} billion" if total >= 1e8 else f"{total / 1e6:.2f} million"
    blocks = len({key.split(".")[1] for key in checkpoint.weights if key.startswith("blocks.")})
    looks = f"; window: the last {window} latents ({reason})" if window else ""
    return f"{checkpoint.variant.title}: {blocks} blocks, {count} numbers, most of them {stored} in the file{looks}."


def _attention_function(name: str) -> Any:
    function = get_attention_function(name, None)
    if function is None:
        raise ValueError(f"attention: found {shortened(name)!r}, expected one of {', '.join(attention_names())}.")
    return function
