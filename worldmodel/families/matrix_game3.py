"""Matrix-Game 3.0: base and distilled.

Shapes: T latents of a call, M of them memory, h, w latent grid.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..camera.poses import to_matrix_game3
from ..layers.camera_rays import framewise_poses, memory_poses, packed_rays
from ..layers.quantize import ATTENTION
from ..memory.policy import CORRECTED as EXACT_OVERLAP
from ..memory.policy import RELEASED, MemoryPolicy
from ..models.matrix_game3.checkpoint import identified, resembles
from ..models.matrix_game3.conditions import Call, Clip, Fetched, clip_call
from ..models.matrix_game3.network import MatrixGame3
from ..models.matrix_game3.sizes import PATCH, Sizes
from ..models.matrix_game3.start_picture import cropped_colours
from ..rollout.memory_context import Looked, MemoryContext
from ..rollout.samplers import count_of
from ..rollout.unipc import UniPC
from ..vae.wan22 import MATRIX_GAME_3 as MANNER
from ..variants import AS_RELEASED, Variant
from ..world.state import Start
from .family import Beginning, Encoders, Family


def make_call(looked: Looked) -> Call:
    """Return the call of a chunk, at timestep 0."""
    about, device, dtype = looked.about, looked.about.device, looked.about.dtype
    metres = about.variant.camera.metres

    def brought(part: Tensor) -> Tensor:
        return part[None].to(device, torch.float32)

    def rays(relative: Tensor) -> Tensor:
        height, width = (about.variant.latents.pixels * side for side in about.start.grid)
        # in the precision that the network reads them in: they are the largest part of a call
        cell = about.variant.latents.pixels
        return packed_rays(relative.float().to(device), height, width, cell=cell)[None].to(dtype)

    clip = Clip(
        past=brought(looked.past),
        positions=torch.tensor(looked.latents, device=device),
        keyboard=brought(looked.controls.keyboard),
        mouse=brought(looked.controls.mouse),
        rays=rays(framewise_poses(to_matrix_game3(looked.cameras), metres)),
    )
    memory = None
    if looked.fetched is not None:
        relative = memory_poses(to_matrix_game3(looked.queries), to_matrix_game3(looked.memories), metres)
        positions = torch.tensor(looked.memory.latents, device=device)
        memory = Fetched(brought(looked.fetched), positions, rays(relative))
    text, negative = about.text_of(looked.controls) if about.variant.text else None, about.start.negative
    return clip_call(
        clip, None if text is None else brought(text), memory,
        negative=None if negative is None else brought(negative), kept=looked.kept,
        # the release keeps timesteps in the precision of its latents, which is bfloat16
        rounded=about.start.form == AS_RELEASED and dtype == torch.bfloat16,
    )  # fmt: skip


def start_of(asked: Beginning, encoders: Encoders) -> Start:
    """Return a start: the picture as the world's first latent, and the prompt of a variant that reads one.

    Raises:
        ValueError: the picture cannot be used, or nobody brought a text encoder that is needed.
    """
    variant = asked.variant
    if variant.text is None:
        latent = picture_latent(asked.image, asked.size, encoders.video)
        return Start(variant.name, variant.latent_format, latent, form=asked.form)
    if encoders.text is None:
        raise ValueError(
            f"clip: found none, expected a text encoder for {variant.title}; connect Load World Text Encoder."
        )
    latent = picture_latent(asked.image, asked.size, encoders.video)
    negative = encoders.text(asked.negative) if variant.text.negative else None
    return Start(
        variant.name, variant.latent_format, latent, text=encoders.text(asked.prompt), negative=negative,
        form=asked.form,
    )  # fmt: skip


def picture_latent(image: Tensor, size: tuple[int, int], encode: Callable[[Tensor], Tensor]) -> Tensor:
    """Return the latent (C, 1, h, w) of a picture (1, H, W, 3) in 0..1, as a world's start and its memory have it."""
    return encode(cropped_colours(image, size))[:, :1]


def policy_numbers(variant: Variant, form: str, memory: MemoryPolicy | None) -> tuple[Any, ...]:
    """Return the fields of the policy that was asked for, or of a form's own; those of pictures where there are any."""
    policy = memory or (RELEASED if form == AS_RELEASED else EXACT_OVERLAP)
    return tuple(policy) if policy.pictures else tuple(policy)[:-1]  # as keys had it before there were pictures


def seen_latents(variant: Variant) -> int:
    """Return how many latents a pass is fed: memory, past and new."""
    return variant.memories.slots + variant.memories.past + variant.chunking.later


def kept_numbers(network: nn.Module, variant: Variant, grid: tuple[int, int]) -> int:
    """Return how many numbers a call holds; what holds for a whole chunk is kept only where there is room for it."""
    latents, (height, width) = seen_latents(variant), grid
    tokens = latents * (height // PATCH[1]) * (width // PATCH[2])
    rays = network.patch_embedding_wancamctrl.in_features * tokens
    return 2 * rays + variant.latents.channels * latents * height * width


def _sizes(sizes: Mapping[str, Any]) -> dict[str, Any]:
    return {"sizes": Sizes(**{**sizes, "action_blocks": tuple(sizes["action_blocks"])})}


MATRIX_GAME_3 = Family(
    name="matrix_game_3",
    title="a Matrix-Game 3.0 base or distilled model",
    network=MatrixGame3,
    arguments=_sizes,
    identified=identified,
    resembles=resembles,
    sampler=lambda steps, shift, form: UniPC(count_of(steps), shift),
    numbers=policy_numbers,
    context=lambda about: MemoryContext(about, make_call),
    start=start_of,
    widths=lambda sizes: {"text": sizes["text_dim"]},
    kept=kept_numbers,
    seen=seen_latents,
    manner=MANNER,
    in_8_bits=ATTENTION,
    picture=picture_latent,
)
