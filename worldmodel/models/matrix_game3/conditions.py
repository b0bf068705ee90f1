"""What Matrix-Game 3.0's network is told besides the noisy latents: one record a pass, made once a clip.

A clip is denoised at once. Its latents stand behind those that are given: `M` memory latents, fetched from anywhere in
the world, then `P` past latents, the end of the clip before (of a world's first clip: its image).

Shapes: B batch, T = M + P + new latents, F video frames, K numbers a frame, h, w latent grid, S = h/2 * w/2 tokens per
latent.
Source: Matrix-Game 3.0 (github.com/SkyworkAI/Matrix-Game), pipeline/inference_pipeline.py.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ...layers.camera_rays import ray_tokens
from ...layers.kept import Kept, Part
from ..action import WINDOW_FRAMES

FRAMES_PER_LATENT = 4
NO_MOUSE, NO_KEYS = 1.0, -1.0
"""What stands for "nobody acted": in memory latents, and everywhere in the pass that guidance starts from."""


class Call(NamedTuple):
    """All that one pass of the network is given besides x."""

    past: Tensor
    """(B, C, P, h, w) clean latents right before the new ones."""
    memory: Tensor | None
    """(B, C, M, h, w) clean latents, in any order."""
    positions: Tensor
    """(T,) int64 absolute latent indices: of the memory, the past, then the new latents; (B, T) where clips have their
    own."""
    keyboard: Tensor
    """(B, T, 12, keys) action windows."""
    mouse: Tensor
    """(B, T, 12, 2) action windows."""
    rays: Tensor
    """(B, T * S, 6 * 16 * 16 * 4) rays by tokens (`layers.camera_rays.ray_tokens`)."""
    text: Tensor | None
    """(B, words, width); behind a prompt's words come zeros, up to the number that the variant reads. `None`: nothing
    is said."""
    timesteps: Tensor
    """(B, T) float32 in [0, 1000], on the CPU, where reading them waits for no device."""
    negative: Tensor | None = None
    """(B, words, width) of the prompt that guidance leads away from; `None`: there is no guidance."""
    kept: Kept | Part | None = None
    """What holds for all passes of the clip; `None`: it is made anew in each."""
    rounded: bool = False
    """Whether `at` rounds timesteps to bfloat16, as the release does (999 becomes 1000)."""

    @property
    def memories(self) -> int:
        """M."""
        return 0 if self.memory is None else self.memory.shape[2]

    @property
    def given(self) -> int:
        """M + P, the latents in front of the new ones."""
        return self.memories + self.past.shape[2]

    def at(self, timestep: Tensor | float) -> Call:
        """Return the pass at a timestep of the new latents; those given are clean, at 0."""
        level = torch.as_tensor(timestep, dtype=torch.float32, device="cpu")
        timesteps = torch.zeros_like(self.timesteps)
        timesteps[:, self.given :] = level.bfloat16() if self.rounded else level
        return self._replace(timesteps=timesteps)

    def null(self) -> Call:
        """Return the pass that guidance starts from: the negative prompt, nobody acting, and no memory."""
        assert self.negative is not None, "a call without a negative prompt has no guidance"
        first = self.memories
        tokens = self.rays.shape[1] // self.positions.shape[-1]
        return self._replace(
            memory=None,
            positions=self.positions[..., first:],
            keyboard=torch.full_like(self.keyboard[:, first:], NO_KEYS),
            mouse=torch.full_like(self.mouse[:, first:], NO_MOUSE),
            rays=self.rays[:, first * tokens :],
            text=self.negative,
            timesteps=self.timesteps[:, first:],
            kept=None if self.kept is None else self.kept.part("null"),
        )


class Clip(NamedTuple):
    """What is known of a clip before its latents are."""

    past: Tensor
    """(B, C, P, h, w)."""
    positions: Tensor
    """(P + new,) int64 absolute latent indices, or (B, P + new)."""
    keyboard: Tensor
    """(B, F, keys) rows of the frames of all these latents, the past ones' too."""
    mouse: Tensor
    """(B, F, 2)."""
    rays: Tensor
    """(B, 6 * 16 * 16, P + new, h, w)."""


class Fetched(NamedTuple):
    """What a clip looks at again."""

    latents: Tensor
    """(B, C, M, h, w)."""
    positions: Tensor
    """(M,) int64 absolute latent indices, or (B, M)."""
    rays: Tensor
    """(B, 6 * 16 * 16, M, h, w)."""


def window_index(latents: int, frames: int) -> Tensor:
    """Return the frames whose actions each latent reads: its own four and the eight before them.

    Args:
        latents: of a clip.
        frames: of it: 4 * latents, or 3 fewer where its first latent is the world's first, of a single frame.

    Returns:
        (latents, 12) indices into the clip's frames; the first stands for all that lie before the clip.

    Raises:
        ValueError: another number of frames.
    """
    missing = FRAMES_PER_LATENT * latents - frames
    if missing not in (0, FRAMES_PER_LATENT - 1):
        raise ValueError(
            f"frames: found {frames} rows of actions for {latents} latents, expected {4 * latents} or "
            f"{4 * latents - 3}; give a row for each frame."
        )
    # a latent of a single frame reads nothing of itself: 12 frames back where the others begin 8 back
    back = WINDOW_FRAMES if missing else WINDOW_FRAMES - FRAMES_PER_LATENT
    first = torch.arange(latents)[:, None] * FRAMES_PER_LATENT - back
    return (first + torch.arange(WINDOW_FRAMES)).clamp_min(0)


def action_windows(rows: Tensor, latents: int, memory: Tensor | None = None) -> Tensor:
    """Return each latent's window of actions, those of memory latents in front.

    Args:
        rows: (B, F, K), one row per frame of the clip.
        latents: of the clip.
        memory: (B, M, K), one row per memory latent, which sees nothing else.

    Returns:
        (B, M + latents, 12, K).
    """
    windows = rows[:, window_index(latents, rows.shape[1]).to(rows.device)]
    if memory is None:
        return windows
    return torch.cat((memory[:, :, None].expand(-1, -1, WINDOW_FRAMES, -1).to(windows), windows), dim=1)


def clip_call(
    clip: Clip,
    text: Tensor | None,
    memory: Fetched | None = None,
    *,
    negative: Tensor | None = None,
    kept: Kept | None = None,
    rounded: bool = False,
) -> Call:
    """Return what stays the same over all passes of a clip, at timestep 0.

    Args:
        clip: past latents, and what is known of the whole clip.
        text: (B, words, width) of the prompt; `None`: nothing is said.
        memory: what was fetched; `None` in a world's first clip.
        negative, kept, rounded: see `Call`.
    """
    batch, latents = clip.past.shape[0], clip.positions.shape[-1]

    def windows(rows: Tensor, nobody: float) -> Tensor:
        code = None if memory is None else rows.new_full((batch, memory.positions.shape[-1], rows.shape[-1]), nobody)
        return action_windows(rows, latents, code)

    parts = (clip,) if memory is None else (memory, clip)
    positions = torch.cat([part.positions for part in parts], dim=-1)
    return Call(
        past=clip.past,
        memory=None if memory is None else memory.latents,
        positions=positions,
        keyboard=windows(clip.keyboard, NO_KEYS),
        mouse=windows(clip.mouse, NO_MOUSE),
        rays=torch.cat([ray_tokens(part.rays.to(clip.rays)) for part in parts], dim=1),
        text=text,
        timesteps=torch.zeros(batch, positions.shape[-1]),
        negative=negative,
        kept=kept,
        rounded=rounded,
    )
