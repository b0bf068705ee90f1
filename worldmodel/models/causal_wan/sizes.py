"""Sizes of a causal Wan network, read off the names and shapes of a checkpoint's tensors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from ..shapes import HEAD_SIZE, Shapes, check_widths

PATCH = (1, 2, 2)
CAMERA_LAYER = "patch_embedding_wancamctrl.weight"
RAY_NUMBERS = 6
_EXPECTED = "expected the tensors of a causal Wan model"


class Sizes(NamedTuple):
    """What the network is built from; the heads stand in no tensor."""

    dim: int
    ffn_dim: int
    freq_dim: int
    layers: int
    text_dim: int
    in_dim: int
    """Of what is embedded: a noisy latent, and its image condition where there is one."""
    channels: int
    """Of a latent."""
    cell: int
    """Pixels along each side of a latent's cell, whose rays are read; 0: the network reads no camera."""
    heads: int


def sizes_of(shapes: Mapping[str, tuple[int, ...]], *, heads: int | None = None) -> Sizes:
    """Read the sizes off the shapes of a checkpoint's tensors.

    Args:
        shapes: by released names, without prefix.
        heads: if they are not 128 wide.

    Raises:
        ValueError: a tensor is missing, or has a shape that no such network has.
    """
    read = Shapes(shapes, _EXPECTED)
    layers, shape = read.blocks(), read.of
    dim, in_dim = shape("patch_embedding.weight", 5)[:2]
    patch = PATCH[1] * PATCH[2]
    cell = 0
    if CAMERA_LAYER in shapes:
        values = shape(CAMERA_LAYER, 2)[1]
        cell = math.isqrt(values // (RAY_NUMBERS * patch))
        if RAY_NUMBERS * patch * cell * cell != values:
            raise ValueError(
                f"checkpoint: found camera tokens of {values} numbers, expected 6 a ray, such as 1536 for 8 x 8 rays a "
                "latent; models that read keys beside the rays (control type 'act') are not supported, choose the "
                "'cam' model."
            )
    found = Sizes(
        dim=dim,
        ffn_dim=shape("blocks.0.ffn.0.weight", 2)[0],
        freq_dim=shape("time_embedding.0.weight", 2)[1],
        layers=layers,
        text_dim=shape("text_embedding.0.weight", 2)[1],
        in_dim=in_dim,
        channels=shape("head.head.weight", 2)[0] // patch,
        cell=cell,
        heads=heads or max(dim // HEAD_SIZE, 1),
    )
    check_widths(found.dim, found.heads, found.freq_dim, _EXPECTED)
    return found
