"""Checkpoints: what is in a file, said before anything runs.

Works on dicts of tensors (their shapes are enough); a host brings its own way to read files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..families import FAMILIES, family_of
from ..families.family import Family
from ..models.shapes import filled
from ..reading.json_text import is_whole, shown
from ..reading.safetensors_files import METADATA_KEY
from ..reading.safetensors_header import is_number, read_json
from ..reading.words import shortened
from ..vae.latent_formats import TINY_WORLD
from ..variants import VARIANTS, Variant
from .fit import misfit
from .key_names import released_names
from .quantised import check_quantised, is_companion, quantised_weights, unpacked
from .strangers import Stranger, stranger_among

CHANNELS = TINY_WORLD.channels
_ACTING = re.compile(r"blocks\.[0-9]{1,6}\.action_model\.")


def _statistics(least: float) -> Callable[[Any], bool]:
    return lambda values: (
        isinstance(values, list)
        and len(values) == CHANNELS
        and all(is_number(value) and least <= value <= 1e4 for value in values)
    )


def _widths(values: Any) -> bool:
    return (
        isinstance(values, list)
        and len(values) == 3
        and all(is_whole(value) and 8 <= value <= 4096 and value % 8 == 0 for value in values)
    )


def _formats() -> list[str]:
    return sorted({variant.latent_format for variant in VARIANTS.values()})


# what loading takes from our entry in a header: what it must be, as messages put it, and whether it is
_ENTRIES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "variant": (f"one of {', '.join(VARIANTS)}", lambda value: isinstance(value, str) and value in VARIANTS),
    "latent_format": (f"one of {', '.join(_formats())}", lambda value: isinstance(value, str) and value in _formats()),
    "kind": ("text", lambda value: isinstance(value, str)),
    "heads": ("a whole number from 1 to 256", lambda value: is_whole(value) and 1 <= value <= 256),
    "action_rotated": ("an even number from 2 to 256", lambda value: is_whole(value) and value in range(2, 257, 2)),
    "freq_dim": ("an even number from 2 to 65536", lambda value: is_whole(value) and value in range(2, 65537, 2)),
    "latent_mean": (f"{CHANNELS} numbers from -10000 to 10000", _statistics(-1e4)),
    "latent_std": (f"{CHANNELS} numbers from 0.0001 to 10000", _statistics(1e-4)),
    "encoder_widths": ("three multiples of 8, up to 4096", _widths),
    "decoder_widths": ("three multiples of 8, up to 4096", _widths),
}


class Checkpoint(NamedTuple):
    """A recognised model file."""

    variant: Variant
    latent_format: str
    sizes: dict[str, Any]
    """Keyword arguments of the network, JSON-compatible."""
    weights: dict[str, Tensor]
    """The file's tensors, not copied, under the released names."""


def read_metadata(metadata: Mapping[str, str] | None, name: str = "metadata") -> dict[str, Any]:
    """Return our own entries of a safetensors header, {} if there are none.

    Args:
        metadata: of the header.
        name: how messages call the file.

    Raises:
        ValueError: the entry is not a JSON object, or what loading takes from it is of the wrong kind.
    """
    text = (metadata or {}).get(METADATA_KEY)
    if text is None:
        return {}
    try:
        entries = read_json(text)
    except ValueError as error:
        raise ValueError(
            f"{name}: found a damaged {METADATA_KEY!r} entry ({error}), expected JSON; download the file again."
        ) from error
    if not isinstance(entries, dict):
        raise ValueError(
            f"{name}: found {shown(entries)} under {METADATA_KEY!r}, expected a JSON object; download the file again."
        )
    for key, (expected, fits) in _ENTRIES.items():
        if entries.get(key) is not None and not fits(entries[key]):
            raise ValueError(
                f"{name}: found {shown(entries[key])} as {key!r} in the metadata, expected {expected}; train or "
                "download it again."
            )
    return entries


def latent_statistics(metadata: Mapping[str, str] | None, name: str) -> dict[str, list[float]]:
    """Return `latent_mean` and `latent_std`, one number per channel, from a Tiny World file's metadata.

    Raises:
        ValueError: they are missing or no such numbers.
    """
    entries = read_metadata(metadata, name)
    found = {key: entries.get(key) for key in ("latent_mean", "latent_std")}
    for key, values in found.items():
        if values is None:
            raise ValueError(
                f"{name}: found no {key!r} in the metadata, expected {CHANNELS} numbers; train or download it again."
            )
    return found


def recognise(
    state_dict: Mapping[str, Tensor],
    metadata: Mapping[str, str] | None = None,
    *,
    name: str = "model file",
    formats: Collection[str] | None = None,
) -> Checkpoint:
    """Tell which model a state dict holds, by key names and first dimensions.

    Args:
        state_dict: tensors of the file; meta tensors do.
        metadata: the file's header.
        name: how messages call the file.
        formats: of quantised weights, those that the loader knows; they are then looked at, too.

    Raises:
        ValueError: it holds something else, or lacks keys, or has keys too many.
    """
    weights = released_names(state_dict)
    entries = read_metadata(metadata, name)
    stranger = stranger_among(weights) if weights else Stranger("no tensors", "download the file again")
    if stranger is not None:
        raise ValueError(f"{name}: found {stranger.found}, {_expected()}; {stranger.advice}.")
    family, variant, sizes = _identified(weights, entries, name)
    if family.leftovers:
        weights = {key: tensor for key, tensor in weights.items() if not re.match(family.leftovers, key)}
    expected, shapes = f"expected {family.title}", _shapes_of(family, sizes, name)
    packed = quantised_weights(weights)
    if found := misfit(weights, shapes, beside=is_companion, any_shape=packed, any_numbers=formats is None):
        raise ValueError(f"{name}: found {found}, {expected} with all its tensors; download it again.")
    if formats is not None:
        check_quantised(weights, shapes, formats, name)
    return Checkpoint(variant, entries.get("latent_format") or variant.latent_format, sizes, weights)


def _identified(
    weights: Mapping[str, Tensor], entries: Mapping[str, Any], name: str
) -> tuple[Family, Variant, dict[str, Any]]:
    """Ask each family in turn whether a file is one of theirs."""
    whole = unpacked(weights)
    for family in FAMILIES.values():
        found = family.identified(whole, entries, name)
        if found is not None:
            return family, *found
    found, advice = _what_else(weights)
    raise ValueError(f"{name}: found {found}, {_expected()}; {advice}.")


def _expected() -> str:
    return f"expected {' or '.join(dict.fromkeys(family.title for family in FAMILIES.values()))}"


def _what_else(weights: Mapping[str, Tensor]) -> tuple[str, str]:
    """Return (what was found, what to do) of a network that no family knows."""
    if "patch_embedding.weight" not in weights or "head.modulation" not in weights:
        return f"an unknown network (first key {shortened(next(iter(weights)), 80)!r})", "choose another file"
    if not any(map(_ACTING.match, weights)):
        return "a plain Wan network without action modules", "load it with the host's Load Diffusion Model"
    return "a network with action modules of another family", "choose another file"


def _shapes_of(family: Family, sizes: Mapping[str, Any], name: str) -> dict[str, tuple[int, ...]]:
    """Return the shape of each of the network's tensors."""
    try:
        network = family.network(**family.arguments(sizes), device="meta")
    except RuntimeError as error:  # a storage too large to be numbered
        raise ValueError(
            f"{name}: found tensors larger than any network, expected {family.title}; download it again."
        ) from error
    return {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}


def load_network(
    checkpoint: Checkpoint, *, dtype: torch.dtype, device: torch.device | str = "cpu", operations: Any = torch.nn
) -> torch.nn.Module:
    """Return the network of a checkpoint without a host, in `dtype` on `device`, ready to infer.

    Args:
        operations: the layers it is built from, such as `quantize.layers(...)`.

    Raises:
        ValueError: the weights are quantised, which takes a host.
    """
    if any(map(is_companion, checkpoint.weights)):
        raise ValueError("model file: found quantised weights, expected plain ones; load it in ComfyUI.")
    family = family_of(checkpoint.variant)
    network = family.network(**family.arguments(checkpoint.sizes), operations=operations, device="meta")
    return filled(network, checkpoint.weights, dtype, device)


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
