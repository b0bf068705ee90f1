"""The form: sizes of its network, and what a batch of its chunks is told, each clip with a past of its own.

The family's own functions make the calls (`families.matrix_game3`, for one world); here they run on a batch, and the
family's own plan says which latents a chunk looks at again.

Shapes: B clips, F frames, T latents of a pass, M of them memory, C = 16 channels, h x w latent grid.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ...camera.poses import to_matrix_game3
from ...layers.camera_rays import framewise_poses, memory_poses, packed_rays
from ...memory.frames import spans_of
from ...memory.index import PoseIndex
from ...memory.plan import Memory, plan
from ...memory.policy import CORRECTED, MemoryPolicy
from ...models.matrix_game3.conditions import Call, Clip, Fetched, clip_call
from ...models.matrix_game3.sizes import Sizes
from ...variants import VARIANTS, WITH_MEMORY
from .. import pilot

VARIANT = VARIANTS[WITH_MEMORY]
SPANS = spans_of(VARIANT)
PAST, NEW, SLOTS = VARIANT.memories.past, VARIANT.chunking.later, VARIANT.memories.slots
SIZES = Sizes(
    dim=192, ffn_dim=768, freq_dim=128, layers=6, text_dim=16, channels=VARIANT.latents.channels,
    cell=VARIANT.latents.pixels, keyboard_dim=len(VARIANT.keyboard.words), keyboard_width=32, action_heads=3,
    action_head_size=64, action_blocks=(0, 1, 2), heads=3,
)  # fmt: skip
NONE = -1
"""Stands for a slot for which nothing is left."""


class Window(NamedTuple):
    """What a batch of chunks is told of its walks.

    Args:
        first: (B,) the latent at which each window begins: that of the first past one, 0 for first chunks.
        keys: (B, F, 4) rows of the window's frames, the past ones' too.
        turns: (B, F) degrees a frame, right positive.
        cameras: (B, P + new, 4, 4) float64 camera-to-world of each latent.
        looks: (B, M) absolute latents that are looked at again.
        queries, memories: (B, M, 4, 4) cameras that each was chosen for, and its own.
    """

    first: Tensor
    keys: Tensor
    turns: Tensor
    cameras: Tensor
    looks: Tensor
    queries: Tensor
    memories: Tensor


def planned(places: Tensor, yaws: Tensor, chunks: int, policy: MemoryPolicy = CORRECTED) -> np.ndarray:
    """Return what each chunk of a walk looks at again, as the runtime plans it.

    Args:
        places, yaws: (F, 2) metres and (F,) radians of the walk's frames.
        chunks: of the walk.
        policy: what may be chosen.

    Returns:
        (chunks, SLOTS, 2) int16: latents, and which of the queries of `SPANS` each was chosen for; `NONE` behind the
        last.
    """
    index = index_of(places, yaws)
    return np.stack([slots_of(plan(index, chunk, policy, SPANS), chunk) for chunk in range(chunks)])


def index_of(places: Tensor, yaws: Tensor) -> PoseIndex:
    """Return the index of a walk's cameras, (F, 2) metres and (F,) radians."""
    return PoseIndex(pilot.poses(places, yaws))


def slots_of(memory: Memory, chunk: int) -> np.ndarray:
    """Return what a chunk looks at, (SLOTS, 2) as `planned` has it."""
    found, queries = np.full((SLOTS, 2), NONE, np.int16), SPANS.queries(chunk, SLOTS)
    for slot, look in enumerate(memory.looks):
        found[slot] = look.latent, queries.index(look.query)
    return found


def window_of(walks: dict[str, Tensor], rows: Tensor, chunk: Tensor, looks: Tensor) -> Window:
    """Cut what chunks are told out of walks.

    Args:
        walks: keys (N, F, 4), turns (N, F) and poses (N, F, 3): x, z in metres and yaw in radians.
        rows: (B,) the walk of each clip.
        chunk: (B,) its chunk; all are first chunks, or none is.
        looks: (B, M, 2) latents and the number of the query that each was chosen for.
    """
    later = bool(chunk[0])
    assert bool(((chunk > 0) == later).all()), "first chunks are told other things than later ones"
    start = torch.tensor([SPANS.start(int(one)) for one in chunk])
    count = SPANS.past + SPANS.later if later else SPANS.first
    frames = start[:, None] + torch.arange(count)
    first = torch.tensor([SPANS.latents(int(one)).start for one in chunk])
    latents = first[:, None] + torch.arange(PAST + NEW if later else NEW + 1)
    asked = torch.tensor([SPANS.queries(int(one), SLOTS) for one in chunk])

    def cameras(at: Tensor) -> Tensor:
        poses = walks["poses"][rows[:, None], at]
        return pilot.poses(poses[..., :2], poses[..., 2])

    chosen, slots = looks.long().unbind(-1)
    return Window(
        first=first,
        keys=walks["keys"][rows[:, None], frames].float(),
        turns=walks["turns"][rows[:, None], frames].float(),
        cameras=cameras(latents * SPANS.frames_per_latent),
        looks=chosen,
        queries=cameras(asked.gather(1, slots)),
        memories=cameras(chosen * SPANS.frames_per_latent),
    )


def call_of(window: Window, past: Tensor, memory: Tensor | None) -> Call:
    """Return the call of a batch, at timestep 0.

    Args:
        window: what the clips are told.
        past: (B, C, P, h, w) latents right before the new ones, or the start's alone.
        memory: (B, C, M, h, w) what is looked at again; `None`: nothing is, whatever the window says.
    """
    size, metres = tuple(SIZES.cell * side for side in past.shape[-2:]), VARIANT.camera.metres

    def rays(relative: Tensor) -> Tensor:
        packed = packed_rays(relative.float().flatten(0, 1), *size, cell=SIZES.cell)  # (K, B * T, h, w)
        return packed.unflatten(1, relative.shape[:2]).movedim(1, 0)

    turns = window.turns / VARIANT.mouse.degrees_per_unit
    count = window.cameras.shape[1]
    clip = Clip(
        past=past,
        positions=window.first[:, None] + torch.arange(count),
        keyboard=window.keys,
        mouse=torch.stack([torch.zeros_like(turns), turns], -1),
        rays=rays(framewise_poses(to_matrix_game3(window.cameras), metres)),
    )
    fetched = None
    if memory is not None and memory.shape[2]:
        relative = memory_poses(to_matrix_game3(window.queries), to_matrix_game3(window.memories), metres)
        fetched = Fetched(memory, window.looks, rays(relative))
    return clip_call(clip, None, fetched)
