"""Which Matrix-Game 2.0 model a file holds, told by its key names and first dimensions."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from torch import Tensor

from ...variants import VARIANTS, Variant
from ..shapes import MOST_BLOCKS, check_heads
from .network import sizes_from_state_dict

FAMILY = "matrix_game_2"
EXPECTED = "expected a Matrix-Game 2.0 distilled or Tiny World model"
CHANNELS = 16
"""Of a latent."""
IN_CHANNELS = 36
"""Of what the network embeds: noisy latent, mask, image latent."""
_RELEASED_BLOCKS_WITH_ACTIONS = 15
_ACTING = re.compile(r"blocks\.([0-9]{1,6})\.action_model\.")
# sizes that the tensors' shapes speak of, and whether a network can have them
_SIZES: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(
        ("dim", "heads", "ffn_dim", "context_dim", "keyboard_dim", "keyboard_width", "action_heads"),
        lambda size: size >= 1,
    ),
    "freq_dim": lambda size: size >= 2 and size % 2 == 0,
    "layers": lambda count: 1 <= count <= MOST_BLOCKS,
    "out_dim": lambda size: size == CHANNELS,
}
_BY_KEYS = {
    len(variant.keyboard.words): variant for variant in VARIANTS.values() if variant.name.startswith("matrix_game_2")
}


def resembles(keys: Collection[str], prefix: str = "") -> bool:
    """Tell by names alone whether a file may be of this family."""
    return any(key.startswith(f"{prefix}blocks.0.action_model.") for key in keys)


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
    if not _is_ours(weights):
        return None
    # the distilled models act in blocks 0-14 only (Matrix-Game 2.0, config.json of its releases)
    if "variant" not in entries and any(
        key.startswith(f"blocks.{_RELEASED_BLOCKS_WITH_ACTIONS}.action_model.") for key in weights
    ):
        raise ValueError(
            f"{name}: found the Matrix-Game 2.0 foundation model, which has no interactive sampler, {EXPECTED}; load a "
            "distilled model."
        )
    check_heads(weights["patch_embedding.weight"].shape[0], entries, name)
    sizes = _sizes_of(weights, entries, name)
    return _variant_of(sizes, entries, name), sizes


def _is_ours(weights: Mapping[str, Tensor]) -> bool:
    acting = {int(match[1]) for match in map(_ACTING.match, weights) if match}
    if not acting or "patch_embedding.weight" not in weights or "head.modulation" not in weights:
        return False
    patches = weights["patch_embedding.weight"].shape
    own = len(patches) == 5 and patches[1] == IN_CHANNELS
    return own and f"blocks.{min(acting)}.cross_attn.k_img.weight" not in weights


def _sizes_of(weights: Mapping[str, Tensor], entries: Mapping[str, Any], name: str) -> dict[str, Any]:
    try:
        sizes = sizes_from_state_dict(weights, entries)
    except KeyError as error:
        raise ValueError(
            f"{name}: found no tensor {error}, {EXPECTED} with all its tensors; download it again."
        ) from error
    except (IndexError, ValueError) as error:
        raise ValueError(
            f"{name}: found tensors of other dimensions or other blocks, {EXPECTED}; download it again."
        ) from error
    faults = [f"{key} {sizes[key]}" for key, fits in _SIZES.items() if not fits(sizes[key])]
    if not faults and (sizes["dim"] % sizes["heads"] or sizes["dim"] // sizes["heads"] % 2):
        faults = [f"{sizes['heads']} heads for a network {sizes['dim']} wide"]
    if faults:
        raise ValueError(f"{name}: found {' and '.join(faults)}, {EXPECTED}; train or download it again.")
    return sizes


def _variant_of(sizes: Mapping[str, Any], entries: Mapping[str, Any], name: str) -> Variant:
    keys, has_mouse = sizes["keyboard_dim"], sizes["mouse"]
    if entries.get("variant") is not None:
        variant = VARIANTS[entries["variant"]]
    elif keys in _BY_KEYS:
        variant = _BY_KEYS[keys]
    else:
        raise ValueError(
            f"{name}: found a keyboard of {keys} keys, expected one of {sorted(_BY_KEYS)} or a variant in the "
            "metadata; choose another file."
        )
    if variant.family != FAMILY:
        raise ValueError(f"{name}: found the network of another family than {variant.title}'s, {EXPECTED}; choose it.")
    if len(variant.keyboard.words) != keys or (variant.mouse is not None) != has_mouse:
        raise ValueError(
            f"{name}: found {keys} keys and {'a' if has_mouse else 'no'} mouse, expected {len(variant.keyboard.words)} "
            f"keys and {'no' if variant.mouse is None else 'a'} mouse for {variant.title}; choose another file."
        )
    return variant
