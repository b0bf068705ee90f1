"""The form: sizes of its network, and what a batch of its chunks is told, each clip under an event of its own.

The family's own functions make the calls (`families.causal_wan`, for one world); here they run on a batch.

Shapes: B clips, T latents of a pass, C = 16 channels, h x w latent grid, W words of a sentence.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ...layers.camera_rays import packed_rays, ray_tokens, seen_from
from ...layers.sink_cache import SinkCache
from ...models.causal_wan.conditions import Call
from ...models.causal_wan.sizes import Sizes
from ...models.causal_wan.vocabulary import width_of, words_of
from ...models.matrix_game2.conditions import image_condition_at
from ...rollout.lookups import Lookups
from ...variants import VARIANTS, WITH_EVENTS
from .. import pilot
from ..pilot import Actions
from ..remember.player import way_of

VARIANT = VARIANTS[WITH_EVENTS]
EVENTS = VARIANT.text.vocabulary
CHUNK = VARIANT.chunking.later
SAMPLER = Lookups(VARIANT.steps, VARIANT.shift)
SIZES = Sizes(
    dim=192, ffn_dim=768, freq_dim=128, layers=6, text_dim=width_of(VARIANT),
    in_dim=VARIANT.start.channels + VARIANT.latents.channels, channels=VARIANT.latents.channels,
    cell=VARIANT.latents.pixels, heads=3,
)  # fmt: skip
WORDS = torch.stack([words_of(VARIANT, event) for event in EVENTS])
"""(events, W, width)."""


class Told(NamedTuple):
    """What a batch of walks is told, from their start on.

    Args:
        condition: (B, 20, L, h, w) mask and image latents; the last stands for all later ones.
        steps: (B, T, 4, 4) float32, where each latent's last frame is seen from that of the latent before.
        events: (B, chunks) numbers of `EVENTS`.
    """

    condition: Tensor
    steps: Tensor
    events: Tensor

    def call(self, chunk: int, events: Tensor | None = None, cache: SinkCache | None = None, shift: int = 0) -> Call:
        """Return the call of a chunk, at timestep 0.

        Args:
            chunk: absolute index.
            events: (B,) in place of the chunk's own.
            cache: what is remembered.
            shift: latents that the chunk's place in time is moved by.
        """
        positions = torch.arange(chunk * CHUNK, (chunk + 1) * CHUNK)
        condition = image_condition_at(self.condition, positions)
        said = self.events[:, chunk] if events is None else events
        return Call(
            timesteps=torch.zeros(len(said), CHUNK),
            positions=positions + shift,
            text=WORDS[said],
            condition=condition,
            rays=rays_of(self.steps[:, positions], tuple(condition.shape[-2:])),
            cache=cache,
        )


def steps_of(actions: Actions, latents: int) -> Tensor:
    """Return the steps (B, T, 4, 4) of a camera that actions lead if no wall is in the way, as the nodes reckon."""
    way = way_of(actions)
    frames = torch.arange(latents) * VARIANT.chunking.frames_per_latent
    poses = pilot.poses(way.places[:, frames], way.yaws[:, frames])
    steps = seen_from(torch.cat([poses[:, :1], poses[:, :-1]], 1), poses)
    steps[..., :3, 3] /= VARIANT.camera.metres
    return steps.float()


def rays_of(steps: Tensor, grid: tuple[int, int]) -> Tensor:
    """Return rays by tokens (B, N, 6 * 8 * 8 * 4) of steps (B, T, 4, 4)."""
    height, width = (side * SIZES.cell for side in grid)
    lens = VARIANT.lens.focal, VARIANT.lens.focal * width / height, 0.5, 0.5
    packed = packed_rays(steps.flatten(0, 1), height, width, intrinsics=lens, cell=SIZES.cell)  # (K, B * T, h, w)
    return ray_tokens(packed.unflatten(1, steps.shape[:2]).movedim(1, 0))


def told_of(image: Tensor, actions: Actions, events: Tensor, latents: int) -> Told:
    """Return what walks are told.

    Args:
        image: (B, 16, 1 + tail, h, w) normalised latents of the start picture and the grey after it.
        actions: rows for all frames but the last at least.
        events: (B, chunks).
        latents: T.
    """
    mask = torch.zeros_like(image[:, :4])
    mask[:, :, 0] = 1
    return Told(torch.cat([mask, image], 1), steps_of(actions, latents), events)
