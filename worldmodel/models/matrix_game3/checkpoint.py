"""Which Matrix-Game 3.0 model a file holds, told by its key names and shapes.

The base and the distilled model have the same ones: without our metadata a file is taken for the distilled model, and
whoever knows its place may know better.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from torch import Tensor

from ...variants import VARIANTS, Variant
from ..action import ROTATED
from ..shapes import check_heads
from .sizes import sizes_of

FAMILY = "matrix_game_3"
EXPECTED = "expected a Matrix-Game 3.0 base or distilled model"
OWN_LAYER = "patch_embedding_wancamctrl.weight"
"""Beside action modules no other network has it: it embeds the camera's rays."""


def resembles(keys: Collection[str], prefix: str = "") -> bool:
    """Tell by names alone whether a file may be of this family."""
    return any(key.startswith(f"{prefix}{OWN_LAYER}") for key in keys)


def identified(
    weights: Mapping[str, Tensor], entries: Mapping[str, Any], name: str
) -> tuple[Variant, dict[str, Any]] | None:
    """Return variant and sizes of a file of this family, `None` if it is of another one.

    Args:
        weights: under the released names.
        entries: our own metadata.
        name: how messages call the file.

    Raises:
        ValueError: it is of this family, and no model of it.
    """
    if OWN_LAYER not in weights or not any(".action_model." in key for key in weights):
        return None
    check_heads(weights[OWN_LAYER].shape[0], entries, name)
    shapes = {key: tuple(tensor.shape) for key, tensor in weights.items()}
    try:
        rotated = entries.get("action_rotated") or ROTATED
        sizes = sizes_of(shapes, heads=entries.get("heads"), action_rotated=rotated)
    except ValueError as error:
        raise ValueError(f"{name}: {str(error).removeprefix('checkpoint: ')}") from None
    variant = _variant_of(weights, entries, name)
    keys = len(variant.keyboard.words)
    if sizes.keyboard_dim != keys or sizes.channels != variant.latents.channels:
        raise ValueError(
            f"{name}: found {sizes.keyboard_dim} keys and latents of {sizes.channels} numbers, expected {keys} and "
            f"{variant.latents.channels} for {variant.title}; choose another file."
        )
    return variant, {**sizes._asdict(), "action_blocks": list(sizes.action_blocks)}


def _variant_of(weights: Mapping[str, Tensor], entries: Mapping[str, Any], name: str) -> Variant:
    """Return what the metadata says, else the distilled model, as most people have it."""
    if entries.get("variant") is None:
        return VARIANTS["matrix_game_3_distilled"]
    variant = VARIANTS[entries["variant"]]
    if variant.family != FAMILY:
        raise ValueError(f"{name}: found the network of another family than {variant.title}'s, {EXPECTED}; choose it.")
    return variant
