"""From what a world holds to what the network is given: action windows and slices of the image condition.

Shapes: F video frames (rows) of H x W pixels, K numbers per row, T latents, h, w latent grid.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...variants import Variant
from ...world.state import Chunk, Controls, Start
from .network import Step


def window_index(positions: Tensor, window_latents: int = 3, frames_per_latent: int = 4) -> Tensor:
    """Return the video frames whose actions a latent reads (wan/modules/action_module.py of the release).

    Args:
        positions: (T,) absolute latent indices.
        window_latents, frames_per_latent: the variant's.

    Returns:
        (T, 12) absolute frames: latent f reads 4f-12 ... 4f-1, and frame 0 in place of earlier ones.
    """
    length = window_latents * frames_per_latent
    offsets = torch.arange(-length, 0, device=positions.device)
    return (positions[:, None] * frames_per_latent + offsets).clamp_min(0)


def cut_windows(rows: Tensor, positions: Tensor, *, first_row: int = 0) -> Tensor:
    """Cut the action window of each latent out of rows of actions.

    Args:
        rows: (..., F, K) one row per video frame.
        positions: (T,) absolute latent indices.
        first_row: the absolute video frame of rows[0].

    Returns:
        (..., T, 12, K).
    """
    index = (window_index(positions.to(rows.device)) - first_row).flatten()
    return rows.index_select(-2, index).unflatten(-2, (positions.shape[0], -1))


def image_then_grey(picture: Tensor, latents: int, frames_per_latent: int = 4) -> Tensor:
    """Return the video whose latents are a world's image condition (inference.py of the release).

    Args:
        picture: (H, W, 3) in 0..1.
        latents: of the video.
        frames_per_latent: of the VAE.

    Returns:
        (F, H, W, 3) in 0..1: the picture, then grey.
    """
    frames = picture.new_full((1 + frames_per_latent * (latents - 1), *picture.shape), 0.5)  # 0.0 to the encoder
    frames[0] = picture
    return frames


def image_condition(latents: Tensor) -> Tensor:
    """Return (20, T, h, w): the mask, 1 at the first latent, over the latents (16, T, h, w) in model space."""
    mask = torch.zeros_like(latents[:4])
    mask[:, 0] = 1
    return torch.cat((mask, latents))


def image_condition_at(condition: Tensor, positions: Tensor) -> Tensor:
    """Return (..., T, h, w) of a condition (..., L, h, w); its last latent stands for all later ones."""
    return condition.index_select(-3, positions.to(condition.device).clamp_max(condition.shape[-3] - 1))


def chunk_step(
    variant: Variant, start: Start, before: Chunk | None, controls: Controls, index: int, device: torch.device
) -> Step:
    """Build what stays the same over all passes of one chunk.

    Args:
        before: the chunk before; its rows are the last that a latent of this one can still read.
        controls: rows of this chunk's frames.
        index: absolute chunk index.
        device: where the network runs.

    Returns:
        A `Step` of batch 1 whose timesteps are zeros, without a cache.
    """
    assert variant.action_window <= variant.chunking.later, "a window would reach further back than the chunk before"
    positions = torch.arange(variant.chunking.first_latent(index), variant.chunking.first_latent(index + 1))
    first_row = variant.chunking.first_frame(index if before is None else index - 1)

    def windows(past: Tensor | None, rows: Tensor) -> Tensor:
        known = rows if past is None else torch.cat((past, rows))
        return cut_windows(known, positions, first_row=first_row)[None].to(device)

    old = Controls(None, None) if before is None else before.controls
    return Step(
        timesteps=torch.zeros(1, len(positions)),  # on the CPU, where reading them waits for no device
        positions=positions.to(device),
        image_condition=image_condition_at(start.image_condition, positions)[None].to(device),
        image_tokens=start.visual_context[None].to(device),
        keyboard=windows(old.keyboard, controls.keyboard),
        mouse=None if controls.mouse is None else windows(old.mouse, controls.mouse),
    )
