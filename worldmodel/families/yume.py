"""Yume 1.5.

Shapes: C channels of a latent, n latents of history, h, w latent grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from ..binding.spoken import Template, spoken_of
from ..binding.spoken_chunks import lagging
from ..memory.policy import MemoryPolicy
from ..models.yume.checkpoint import LEFTOVERS, identified, resembles
from ..models.yume.conditions import Call, Cuts, History
from ..models.yume.history import MOST, plan_of
from ..models.yume.network import Yume
from ..models.yume.sizes import PATCH, Sizes
from ..models.yume.start_frames import frames_behind
from ..rollout.contexts import About
from ..rollout.euler import Euler
from ..rollout.history_context import Behind, HistoryContext
from ..rollout.samplers import count_of
from ..variants import Variant
from ..world.state import Controls, Start, World, variant_of
from .family import Beginning, Encoders, Family

SEEN = 16
"""Latents whose tokens a pass has at most: 8 new ones, and a history of fewer tokens than 8 more."""


def captions(world: World, told: Sequence[Controls], numbers: tuple[Any, ...]) -> list[str]:
    """Return the sentence that each of some chunks is told.

    As released, a chunk is told what the one before it should have been, and the first one what is its own.

    Args:
        world: with the chunks before.
        told: controls of the chunks.
        numbers: of the context.
    """
    variant, template = variant_of(world.start), Template(*numbers[1:])
    heard_in = lagging(list(told), world.chunks[-1].controls if world.chunks else None, world.start.form)
    return [spoken_of(rows, variant).caption(rows.prompt or world.start.prompt, template) for rows in heard_in]


def context_of(about: About) -> HistoryContext:
    """Return what a rollout looks back on; what is made of single latents lives as long as it does."""
    cuts = Cuts()

    def make_call(behind: Behind) -> Call:
        (caption,) = captions(behind.world, [behind.controls], about.numbers)
        text = about.encoded(caption)[None].to(about.device, torch.float32)
        count = len(behind.numbers)
        timesteps = torch.zeros(1, count + about.variant.chunking.later, dtype=torch.float64)
        history = History(behind.parts, behind.numbers)
        return Call(history, plan_of(count), text, timesteps, behind.kept, behind.said(caption), cuts)

    return HistoryContext(about, make_call, MOST)


def start_of(asked: Beginning, encoders: Encoders) -> Start:
    """Return a start: latents of the frames that it begins behind, or none, and the prompt in words.

    Raises:
        ValueError: the picture cannot be used, or there is neither a picture nor a prompt.
    """
    variant, (height, width) = asked.variant, asked.size
    prompt = asked.prompt.strip()
    if asked.image is None:
        if not prompt:
            raise ValueError(
                "prompt: found none, expected what is to be seen, because no image is connected; write it, or "
                "connect one."
            )
        side = variant.latents.pixels
        latents = torch.zeros(variant.latents.channels, 0, height // side, width // side)
    else:
        latents = encoders.video(frames_behind(asked.image, asked.size, asked.form))
    return Start(variant.name, variant.latent_format, latents, form=asked.form, prompt=prompt)


def history_numbers(variant: Variant, form: str, memory: MemoryPolicy | None) -> tuple[Any, ...]:
    """Return how the past is given: as asked for, or all of it."""
    return (variant.histories[0] if memory is None else memory.form,)


def kept_numbers(network: nn.Module, variant: Variant, grid: tuple[int, int]) -> int:
    """Return how many numbers a rollout keeps: the history's tokens, single and joined."""
    tokens = (SEEN - variant.chunking.later) * (grid[0] // PATCH[1]) * (grid[1] // PATCH[2])
    return 2 * tokens * network.sizes.dim


YUME = Family(
    name="yume",
    title="a Yume 1.5 model",
    network=Yume,
    arguments=lambda sizes: {"sizes": Sizes(**sizes)},
    identified=identified,
    resembles=resembles,
    sampler=lambda steps, shift, form: Euler(count_of(steps), shift),
    numbers=history_numbers,
    context=context_of,
    start=start_of,
    widths=lambda sizes: {"text": sizes["text_dim"]},
    kept=kept_numbers,
    seen=lambda variant: SEEN,
    sentences=captions,
    leftovers=LEFTOVERS,
)
