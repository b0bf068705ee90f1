"""Sizes of Yume 1.5's network, read off the names and shapes of a checkpoint's tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ..shapes import HEAD_SIZE, Shapes, check_widths

PATCH = (1, 2, 2)
EMBEDDINGS = {1: "patch_embedding", **{rate: f"patch_embedding_{rate}x" for rate in (2, 4, 8, 16)}}
"""What cuts latents into tokens at each rate; trained weights of their own."""
HALVING = "patch_embedding_2x_f"
"""What halves latents, from latents to latents, before the rate 16 that the farthest are cut at."""
_EXPECTED = "expected the tensors of Yume 1.5"


class Sizes(NamedTuple):
    """What the network is built from; the heads stand in no tensor."""

    dim: int
    ffn_dim: int
    freq_dim: int
    layers: int
    text_dim: int
    channels: int
    """Of a latent."""
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
    dim, channels = shape("patch_embedding.weight", 5)[:2]
    found = Sizes(
        dim=dim,
        ffn_dim=shape("blocks.0.ffn.0.weight", 2)[0],
        freq_dim=shape("time_embedding.0.weight", 2)[1],
        layers=layers,
        text_dim=shape("text_embedding.0.weight", 2)[1],
        channels=channels,
        heads=heads or max(dim // HEAD_SIZE, 1),
    )
    check_widths(found.dim, found.heads, found.freq_dim, _EXPECTED)
    return found
