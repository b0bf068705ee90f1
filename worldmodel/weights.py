"""Checkpoints: what is in a file, said before anything runs.

Works on dicts of tensors (their shapes are enough); a host brings its own way to read files.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .key_names import released_names
from .models.matrix_game2 import MatrixGame2, sizes_from_state_dict
from .strangers import stranger_among
from .timeline import shortened
from .variants import VARIANTS, Variant, variant_named

METADATA_KEY = "worldmodel"
EXPECTED = "expected a Matrix-Game 2.0 distilled or Tiny World model"
# what quantising tools add beside a weight
_QUANTISED = (
    "comfy_quant", "weight_scale", "weight_scale_2", "weight_s_rel", "weight_s_channel", "weight_codebook",
    "scale_weight", "scale_input", "input_scale", "pre_quant_scale",
)  # fmt: skip
_PACKED = ("nvfp4", "convrot_w4a4", "asym_w4a8_int8")
"""Formats that keep two numbers in a byte, so that a weight's last dimension is halved."""
_RELEASED_BLOCKS_WITH_ACTIONS = 15
_BY_KEYS = {
    len(variant.keyboard.words): variant for variant in VARIANTS.values() if variant.name.startswith("matrix_game_2")
}


class Checkpoint(NamedTuple):
    """A recognised model file."""

    variant: Variant
    latent_format: str
    sizes: dict[str, Any]
    """Keyword arguments of the network, JSON-compatible."""
    weights: dict[str, Tensor]
    """The file's tensors, not copied, under the released names."""


def read_metadata(metadata: Mapping[str, str] | None) -> dict[str, Any]:
    """Return our own entries of a safetensors header, {} if there are none.

    Raises:
        ValueError: the entry is not a JSON object.
    """
    text = (metadata or {}).get(METADATA_KEY)
    if text is None:
        return {}
    try:
        entries = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(
            f"metadata: found a damaged {METADATA_KEY!r} entry ({error}), expected JSON; download the file again."
        ) from error
    if not isinstance(entries, dict):
        raise ValueError(
            f"metadata: found a {type(entries).__name__} under {METADATA_KEY!r}, expected a JSON object; "
            "download the file again."
        )
    return entries


def recognise(
    state_dict: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None, *, name: str = "model file"
) -> Checkpoint:
    """Tell which model a state dict holds, by key names and first dimensions.

    Args:
        state_dict: tensors of the file; meta tensors do.
        metadata: the file's header.
        name: how messages call the file.

    Raises:
        ValueError: it holds something else, or lacks keys, or has keys too many.
    """
    weights = released_names(state_dict)
    entries = read_metadata(metadata)
    what = _what_else(weights)
    if what is None and "variant" not in entries:
        what = _foundation(weights)
    if what is not None:
        raise ValueError(f"{name}: found {what[0]}, {EXPECTED}; {what[1]}.")
    width = weights["patch_embedding.weight"].shape[0]
    if not entries.get("heads") and width % 128:
        raise ValueError(
            f"{name}: found a network {width} wide whose metadata does not say how many heads it has, expected "
            f"'heads' under {METADATA_KEY!r}; train or download it again."
        )
    sizes = _sizes_of(weights, entries, name)
    variant = _variant_of(sizes, entries, name)
    _check_keys(weights, sizes, name)
    return Checkpoint(variant, str(entries.get("latent_format", variant.latent_format)), sizes, weights)


def _sizes_of(weights: Mapping[str, Tensor], entries: Mapping[str, Any], name: str) -> dict[str, Any]:
    try:
        return sizes_from_state_dict(_unpacked(weights), entries)
    except KeyError as error:
        raise ValueError(
            f"{name}: found no tensor {error}, {EXPECTED} with all its tensors; download it again."
        ) from error


def _what_else(weights: Mapping[str, Tensor]) -> tuple[str, str] | None:
    """Return (what was found, what to do) if these are not weights of the family."""
    keys = weights.keys()
    if not keys:
        return "no tensors", "download the file again"
    stranger = stranger_among(keys)
    if stranger is not None:
        return stranger.found, stranger.advice
    if "patch_embedding.weight" not in keys or "head.modulation" not in keys:
        return f"an unknown network (first key {next(iter(keys))!r})", "choose another file"
    acting = {int(key.split(".")[1]) for key in keys if key.startswith("blocks.") and ".action_model." in key}
    if not acting:
        return "a plain Wan network without action modules", "load it with the host's Load Diffusion Model"
    if weights["patch_embedding.weight"].shape[1] != 36 or f"blocks.{min(acting)}.cross_attn.k_img.weight" in keys:
        return "a network with action modules of another family", "choose another file"
    return None


def _foundation(weights: Mapping[str, Tensor]) -> tuple[str, str] | None:
    # the distilled models act in blocks 0-14 only (specs/matrix_game2.md 6.8)
    if any(key.startswith(f"blocks.{_RELEASED_BLOCKS_WITH_ACTIONS}.action_model.") for key in weights):
        return "the Matrix-Game 2.0 foundation model, which has no interactive sampler", "load a distilled model"
    return None


def _variant_of(sizes: Mapping[str, Any], entries: Mapping[str, Any], name: str) -> Variant:
    keys, has_mouse = sizes["keyboard_dim"], sizes["mouse"]
    if "variant" in entries:
        variant = variant_named(str(entries["variant"]))
    elif keys in _BY_KEYS:
        variant = _BY_KEYS[keys]
    else:
        raise ValueError(
            f"{name}: found a keyboard of {keys} keys, expected one of {sorted(_BY_KEYS)} or a variant in the "
            "metadata; choose another file."
        )
    if len(variant.keyboard.words) != keys or (variant.mouse is not None) != has_mouse:
        raise ValueError(
            f"{name}: found {keys} keys and {'a' if has_mouse else 'no'} mouse, expected {len(variant.keyboard.words)} "
            f"keys and {'no' if variant.mouse is None else 'a'} mouse for {variant.title}; choose another file."
        )
    return variant


def _check_keys(weights: Mapping[str, Tensor], sizes: Mapping[str, Any], name: str) -> None:
    wanted = {key: tensor.shape for key, tensor in MatrixGame2(**sizes, device="meta").state_dict().items()}
    missing = sorted(wanted.keys() - weights.keys())
    surplus = sorted(key for key in weights.keys() - wanted.keys() if not _is_quantisation(key))
    plain = (wanted.keys() & weights.keys()) - _quantised_weights(weights).keys()
    bent = sorted(key for key in plain if wanted[key] != weights[key].shape)
    faults = [
        f"{len(found)} {kind} tensors (such as {found[0]})"
        for kind, found in (("missing", missing), ("unknown", surplus), ("differently shaped", bent))
        if found
    ]
    if faults:
        raise ValueError(f"{name}: found {' and '.join(faults)}, {EXPECTED} with all its tensors; download it again.")


def _is_quantisation(key: str) -> bool:
    return key.rpartition(".")[2] in _QUANTISED or key == "scaled_fp8"


def _quantised_weights(weights: Mapping[str, Tensor]) -> dict[str, str]:
    """Return the quantised weights' keys and formats ("" where the file does not name one)."""
    found = {}
    for key, value in weights.items():
        layer, _, kind = key.rpartition(".")
        if kind == "comfy_quant":
            found[f"{layer}.weight"] = _format_of(value)
        elif kind in _QUANTISED:
            found.setdefault(f"{layer}.weight", "")
    return found


def _format_of(mark: Tensor) -> str:
    """Return the format that a layer's `comfy_quant` names: JSON as bytes."""
    if mark.is_meta:
        return ""
    return str(json.loads(bytes(mark.flatten().tolist())).get("format", ""))


def _unpacked(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights with those of packed formats in the shape that their layer has, without numbers."""
    whole = dict(weights)
    for key, kind in _quantised_weights(weights).items():
        if kind in _PACKED and key in weights:
            rows, columns = weights[key].shape
            whole[key] = torch.empty(rows, 2 * columns, device="meta")
    return whole


def load_network(
    checkpoint: Checkpoint, *, dtype: torch.dtype, device: torch.device | str = "cpu", operations: Any = torch.nn
) -> MatrixGame2:
    """Return the network of a checkpoint without a host, in `dtype` on `device`, ready to infer.

    Args:
        operations: the layers it is built from, such as `quantize.layers(...)`.
    """
    network = MatrixGame2(**checkpoint.sizes, operations=operations, device="meta")
    weights = {key: tensor.to(device, dtype) for key, tensor in checkpoint.weights.items()}
    network.load_state_dict(weights, strict=True, assign=True)
    network.dtype = dtype
    return network.eval().requires_grad_(False)


def load_safetensors(path: Path | str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors and the header metadata of a safetensors file.

    Raises:
        ValueError: the file is missing or damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="pt") as file:
            return {key: file.get_tensor(key) for key in file.keys()}, dict(file.metadata() or {})
    except FileNotFoundError:
        raise ValueError(
            f"{Path(path).name}: found no such file, expected a safetensors file; check the path."
        ) from None
    except SafetensorError as error:
        raise ValueError(
            f"{Path(path).name}: found a damaged file ({shortened(str(error), 80)}), expected safetensors; download it "
            "again."
        ) from None


def check_latent_formats(model_format: str, vae_formats: str | Iterable[str], *, vae_name: str = "this VAE") -> None:
    """Check that a model and a VAE speak of the same latents.

    Raises:
        ValueError: they name different latent formats.
    """
    known = [vae_formats] if isinstance(vae_formats, str) else list(vae_formats)
    if model_format not in known:
        raise ValueError(
            f"vae: found {vae_name} with latents of format {' or '.join(known)}, expected {model_format}; connect the "
            "VAE that belongs to the model."
        )
