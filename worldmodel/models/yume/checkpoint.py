"""Whether a file holds Yume 1.5, told by its key names and shapes.

It is Wan 2.2's 5B model and five patch embeddings more, which compress the history; without them a file is that one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from torch import Tensor

from ...variants import VARIANTS, Variant
from ..shapes import HEAD_SIZE, check_heads
from .sizes import EMBEDDINGS, HALVING, PATCH, sizes_of

FAMILY = "yume"
OWN_LAYERS = tuple(f"{name}.weight" for name in (*(EMBEDDINGS[rate] for rate in EMBEDDINGS if rate > 1), HALVING))
LEFTOVERS = r"(mask_token$|sideblock\.)"
"""Of a branch that its authors train with, and that nothing else is made of."""
_ACTING = (".action_model.", "patch_embedding_wancamctrl.", "img_emb.")
"""Of other families on Wan."""
_VARIANT = VARIANTS["yume_1_5"]


def resembles(keys: Collection[str], prefix: str = "") -> bool:
    """Tell by names alone whether a file may be of this family."""
    return any(f"{prefix}{name}" in keys for name in OWN_LAYERS)


def identified(
    weights: Mapping[str, Tensor], entries: Mapping[str, Any], name: str
) -> tuple[Variant, dict[str, Any]] | None:
    """Return variant and sizes of a file of this family, `None` if it is of another one.

    Args:
        weights: under the released names.
        entries: our own metadata.
        name: how messages call the file.

    Raises:
        ValueError: it is of this family, and no model of it; or it is the model that this one was made of.
    """
    missing = [layer for layer in OWN_LAYERS if layer not in weights]
    if len(missing) == len(OWN_LAYERS):
        if _is_plain(weights):
            raise ValueError(
                f"{name}: found a plain Wan 2.2 5B model, expected {_VARIANT.title}, which has {len(OWN_LAYERS)} patch "
                "embeddings more that compress its history; load this one with the host's Load Diffusion Model, or "
                "download Yume-5B-720P."
            )
        return None
    if missing:
        raise ValueError(
            f"{name}: found no {missing[0]}, expected {_VARIANT.title} with all its tensors; download it again."
        )
    width = weights["patch_embedding.weight"].shape[0] if "patch_embedding.weight" in weights else HEAD_SIZE
    check_heads(width, entries, name)
    shapes = {key: tuple(tensor.shape) for key, tensor in weights.items()}
    try:
        sizes = sizes_of(shapes, heads=entries.get("heads"))
    except ValueError as error:
        raise ValueError(f"{name}: {str(error).removeprefix('checkpoint: ')}") from None
    if entries.get("variant") not in (None, _VARIANT.name) or sizes.channels != _VARIANT.latents.channels:
        raise ValueError(
            f"{name}: found a network like {_VARIANT.title}'s for latents of {sizes.channels} numbers, expected "
            f"{_VARIANT.latents.channels}, and no other model's name in its metadata; choose another file."
        )
    return _VARIANT, sizes._asdict()


def _is_plain(weights: Mapping[str, Tensor]) -> bool:
    """Tell Wan 2.2's 5B model: latents of 48 numbers in and out, and nothing of other families."""
    embedding, head = weights.get("patch_embedding.weight"), weights.get("head.head.weight")
    if embedding is None or head is None or any(part in key for key in weights for part in _ACTING):
        return False
    channels = _VARIANT.latents.channels
    patch = channels * PATCH[1] * PATCH[2]
    return tuple(embedding.shape[1:]) == (channels, *PATCH) and head.shape[0] == patch
