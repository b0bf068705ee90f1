"""Sizes of Matrix-Game 3.0's network, read off the names and shapes of a checkpoint's tensors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from ..action import ROTATED, WINDOW_FRAMES
from ..shapes import HEAD_SIZE, Shapes

PATCH = (1, 2, 2)
HEAD_SPREAD = 0.8
_EXPECTED = "expected the tensors of Matrix-Game 3.0"


class Sizes(NamedTuple):
    """What the network is built from; the last four stand in no tensor."""

    dim: int
    ffn_dim: int
    freq_dim: int
    layers: int
    text_dim: int
    channels: int
    """Of a latent."""
    cell: int
    """Pixels along each side of a latent's cell, whose rays are read."""
    keyboard_dim: int
    """Keys."""
    keyboard_width: int
    """Numbers each frame's keys are embedded into."""
    action_heads: int
    action_head_size: int
    action_blocks: tuple[int, ...]
    heads: int
    action_rotated: int = ROTATED
    """Numbers of an action head that turn with time."""
    head_spread: float = HEAD_SPREAD
    """How far the heads' rotary bases lie from the usual one, as a share of it."""


def sizes_of(
    shapes: Mapping[str, tuple[int, ...]],
    *,
    heads: int | None = None,
    action_rotated: int = ROTATED,
    head_spread: float = HEAD_SPREAD,
) -> Sizes:
    """Read the sizes off the shapes of a checkpoint's tensors.

    Args:
        shapes: by released names, without prefix.
        heads: of the transformer, if they are not 128 wide.
        action_rotated, head_spread: see `Sizes`, where they are not the release's.

    Raises:
        ValueError: a tensor is missing, or has a shape that no such network has.
    """
    read = Shapes(shapes, _EXPECTED)
    layers, shape = read.blocks(), read.of
    acting = [block for block in range(layers) if f"blocks.{block}.action_model.keyboard_embed.0.weight" in shapes]
    if not acting:
        raise ValueError("checkpoint: found no block with actions, expected some; choose another file.")
    first = f"blocks.{acting[0]}.action_model"
    dim, channels = shape("patch_embedding.weight", 5)[:2]
    keyboard_width, keyboard_dim = shape(f"{first}.keyboard_embed.0.weight", 2)
    head_size = shape(f"{first}.key_attn_q_norm.weight", 1)[0]
    found = Sizes(
        dim=dim,
        ffn_dim=shape("blocks.0.ffn.0.weight", 2)[0],
        freq_dim=shape("time_embedding.0.weight", 2)[1],
        layers=layers,
        text_dim=shape("text_embedding.0.weight", 2)[1],
        channels=channels,
        cell=math.isqrt(shape("patch_embedding_wancamctrl.weight", 2)[1] // (6 * PATCH[1] * PATCH[2])),
        keyboard_dim=keyboard_dim,
        keyboard_width=keyboard_width,
        action_heads=shape(f"{first}.mouse_attn_q.weight", 2)[0] // head_size,
        action_head_size=head_size,
        action_blocks=tuple(acting),
        heads=heads or max(dim // HEAD_SIZE, 1),
        action_rotated=action_rotated,
        head_spread=head_spread,
    )
    _check(found, mouse=shape(f"{first}.mouse_mlp.0.weight", 2)[1] - dim)
    return found


def _check(sizes: Sizes, mouse: int) -> None:
    """Refuse sizes that no network has.

    Args:
        mouse: numbers of the mouse that a token reads.
    """
    faults = {
        f"{sizes.heads} heads for a network {sizes.dim} wide": sizes.dim % sizes.heads or sizes.dim // sizes.heads % 2,
        f"{sizes.freq_dim} numbers for a timestep": sizes.freq_dim % 2,
        f"{sizes.action_heads} heads of {sizes.action_head_size} in an action module": (
            sizes.action_heads < 1 or sizes.action_head_size < sizes.action_rotated
        ),
        f"{mouse} numbers of the mouse": mouse != 2 * WINDOW_FRAMES,
        f"rays of {sizes.cell} pixels": sizes.cell < 1,
    }
    for said, wrong in faults.items():
        if wrong:
            raise ValueError(f"checkpoint: found {said}, {_EXPECTED}; choose another file.")
