"""Which causal Wan model a file holds, told by its key names and shapes.

Several models have the same ones: without our metadata a file is taken for what most people have, and whoever knows its
name or its place may know better.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from torch import Tensor

from ...variants import VARIANTS, Variant
from ..shapes import HEAD_SIZE, check_heads
from .sizes import CAMERA_LAYER, PATCH, Sizes, sizes_of
from .vocabulary import width_of

FAMILIES = "causal_wan", "causal_wan_clips", "causal_wan_words"
EXPECTED = "expected a LingBot-World, Self-Forcing or LongLive model"
TWINS = {variant.twins: variant for variant in reversed(list(VARIANTS.values())) if variant.family in FAMILIES}
"""The first variant of each kind."""
CAMERA_NET = "camera_net."
"""How the camera's tensors of Hunyuan-GameCraft 1.0 begin, and those of GameCraft-2 may."""
_WAN_14B, _WORLD_CHANNELS = 5120, 36
_OTHERS = (".action_model.", "img_emb.", "patch_embedding_2x.", "control_adapter.", ".to_out_prope.", "action_embedder")
"""Of other families on Wan."""


def resembles(keys: Collection[str], prefix: str = "") -> bool:
    """Tell by names alone whether a file may be of this family, which a plain Wan model is not."""
    return f"{prefix}{CAMERA_LAYER}" in keys and not any(".action_model." in key for key in keys)


def identified(
    weights: Mapping[str, Tensor], entries: Mapping[str, Any], name: str
) -> tuple[Variant, dict[str, Any]] | None:
    """Return variant and sizes of a file of this family, `None` if it is of another one.

    Args:
        weights: under the released names.
        entries: our own metadata.
        name: how messages call the file.

    Raises:
        ValueError: it is a relative that cannot be run, or of this family and no model of it.
    """
    _refuse_relatives(weights, name)
    if any(part in key for key in weights for part in _OTHERS) or "patch_embedding.weight" not in weights:
        return None
    if CAMERA_LAYER not in weights and not _reads_words_alone(weights, entries):
        return None
    check_heads(weights["patch_embedding.weight"].shape[0], entries, name)
    try:
        sizes = sizes_of({key: tuple(tensor.shape) for key, tensor in weights.items()}, heads=entries.get("heads"))
    except ValueError as error:
        raise ValueError(f"{name}: {str(error).removeprefix('checkpoint: ')}") from None
    variant = _variant_of(sizes, entries, name)
    embedded = variant.start.channels + variant.latents.channels if variant.camera else variant.latents.channels
    if (sizes.channels, sizes.in_dim, bool(sizes.cell)) != (
        variant.latents.channels, embedded, variant.camera is not None,
    ):  # fmt: skip
        raise ValueError(
            f"{name}: found {sizes.in_dim} channels in, {sizes.channels} out and {'a' if sizes.cell else 'no'} camera, "
            f"expected {embedded}, {variant.latents.channels} and {'a' if variant.camera else 'no'} camera for "
            f"{variant.title}; choose another file."
        )
    if variant.text.vocabulary and sizes.text_dim != width_of(variant):
        raise ValueError(
            f"{name}: found words of {sizes.text_dim} numbers, expected {width_of(variant)} for {variant.title}, whose "
            "vocabulary is another one; choose another file."
        )
    return variant, sizes._asdict()


def _reads_words_alone(weights: Mapping[str, Tensor], entries: Mapping[str, Any]) -> bool:
    """Tell Self-Forcing's network, which is Wan 2.1's 1.3B text model trained to go on; others of its shape are not."""
    if entries.get("variant") in VARIANTS:
        return VARIANTS[entries["variant"]].family in FAMILIES
    shape = tuple(weights["patch_embedding.weight"].shape)
    return shape == (1536, 16, *PATCH) and not any("k_img" in key for key in weights)


def _refuse_relatives(weights: Mapping[str, Tensor], name: str) -> None:
    """Name what looks like Hunyuan-GameCraft-2; version 1.0 is another network, told by its other names."""
    if not any(key.startswith(CAMERA_NET) or f".{CAMERA_NET}" in key for key in weights):
        return
    shape = tuple(weights["patch_embedding.weight"].shape) if "patch_embedding.weight" in weights else ()
    if shape[:2] == (_WAN_14B, _WORLD_CHANNELS):
        own = ", ".join(sorted(key for key in weights if CAMERA_NET in key)[:3])
        raise ValueError(
            f"{name}: found a model like Hunyuan-GameCraft-2 (a camera net on Wan's 14B network: {own}), {EXPECTED}; "
            "its weights and code were not published when this was written, so how it is to be run is not known: "
            "please report this file's key names."
        )


def _variant_of(sizes: Sizes, entries: Mapping[str, Any], name: str) -> Variant:
    """Return what the metadata says, else the first variant of that kind."""
    said = entries.get("variant")
    if said is not None:
        variant = VARIANTS[said]
        if variant.family not in FAMILIES:
            raise ValueError(f"{name}: found the network of another family than {variant.title}'s, {EXPECTED}.")
        return variant
    kind = f"{'camera' if sizes.cell else 'words'} {sizes.dim}"
    if kind not in TWINS:
        raise ValueError(
            f"{name}: found a network {sizes.dim} wide, expected 1536 or 5120 as LingBot-World has it, or a variant in "
            f"the metadata ({HEAD_SIZE} numbers a head); choose another file."
        )
    return TWINS[kind]
