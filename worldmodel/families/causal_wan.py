"""Causal Wan worlds: LingBot-World, Self-Forcing, LongLive; and LingBot-World's base, two experts that make clips.

Shapes: T latents of a call, h, w latent grid, F frames of a chunk.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..layers.kept import Kept
from ..memory.kept_keys import KeptKeys
from ..models.causal_wan.checkpoint import EXPECTED, identified, resembles
from ..models.causal_wan.conditions import Call
from ..models.causal_wan.network import CausalWan
from ..models.causal_wan.rays import steps, tokens_of
from ..models.causal_wan.sizes import PATCH, Sizes
from ..models.causal_wan.start_picture import bicubic_picture
from ..models.causal_wan.vocabulary import reads_words
from ..models.matrix_game2.conditions import image_condition, image_condition_at, image_then_grey
from ..rollout.clip_context import ClipContext
from ..rollout.contexts import About
from ..rollout.lookups import Lookups
from ..rollout.samplers import Renoise, count_of
from ..rollout.sink_context import SinkContext, Window, check_window
from ..rollout.unipc import UniPC
from ..variants import Variant
from ..world.state import Controls, Start, World
from .family import Beginning, Encoders, Family

LEVELS = 5
"""Of a rollout, the clean pass included, that the memory estimate assumes; each has its modulations."""


def make_call(about: About, world: World, controls: Controls, index: int) -> Call:
    """Return the call of a chunk, at timestep 0 and without a cache."""
    chunking, device = about.variant.chunking, about.device
    positions = torch.arange(chunking.first_latent(index), chunking.first_latent(index + 1))
    condition = rays = None
    if about.variant.camera is not None:
        condition = image_condition_at(about.start.image_condition, positions)[None].to(device)
        rays = _rays(about, world, controls, index).to(device, about.dtype)
    return Call(
        timesteps=torch.zeros(1, len(positions)),  # on the CPU, where reading them waits for no device
        positions=positions.to(device),
        text=about.text_of(controls)[None].to(device),
        condition=condition,
        rays=rays,
        kept=Kept(about.keep),
    )


def make_clip_call(
    about: About, world: World, controls: Controls, index: int, begun: Tensor | None, kept: Kept
) -> Call:
    """Return the call of a clip, at timestep 0: nothing is behind it but the frame that it begins with."""
    positions = torch.arange(about.variant.chunking.later)
    condition = about.start.image_condition if begun is None else image_condition(begun)
    return Call(
        timesteps=torch.zeros(1, len(positions)),
        positions=positions.to(about.device),
        text=about.text_of(controls)[None].to(about.device),
        negative=about.start.negative[None].to(about.device),
        condition=image_condition_at(condition, positions)[None].to(about.device),
        rays=_rays(about, world, controls, index).to(about.device, about.dtype),
        kept=kept.part("clip"),
        said=kept.part("said"),
    )


def _rays(about: About, world: World, controls: Controls, index: int) -> Tensor:
    """Return a chunk's rays by tokens: of where each latent's last frame stands, seen from the one before.

    A clip that begins with a frame of the one before begins where that stood.
    """
    chunking = about.variant.chunking
    own = controls.c2w[(0 if index == 0 else chunking.frames_per_latent - 1) :: chunking.frames_per_latent]
    before = world.chunks[index - 1].controls.c2w[-1] if index else None
    if index and about.variant.is_chained:
        own = torch.cat((before[None], own))
    metres, *lens = camera_of(about.start, about.variant)
    return tokens_of(steps(own, before, metres).float(), about.start.grid, tuple(lens))


def camera_of(start: Start, variant: Variant) -> tuple[float, ...]:
    """Return what a world's start says of its camera, or else the variant: the way that counts as 1, then the lens.

    The way is in the units of the poses, the lens fx, fy, cx, cy as shares of the picture's width and height. A variant
    that knows metres reads them as they are.
    """
    known = variant.camera.metres
    if start.camera is not None:
        way, *lens = start.camera.tolist()
        return known or way, *lens
    height, width = start.grid
    way = known or variant.motion.step_metres * variant.chunking.frames_per_latent
    return way, variant.lens.focal, variant.lens.focal * width / height, 0.5, 0.5


def start_of(asked: Beginning, encoders: Encoders) -> Start:
    """Return a start: the picture and nothing behind it as latents, and the prompt; or the prompt alone.

    Raises:
        ValueError: the picture cannot be used, or nobody brought a text encoder.
    """
    variant, (height, width) = asked.variant, asked.size
    encode = reads_words(variant) or encoders.text
    if encode is None:
        raise ValueError(
            f"clip: found none, expected a text encoder for {variant.title}; connect Load World Text Encoder."
        )
    text = encode(asked.prompt)
    if variant.camera is None:
        side = variant.latents.pixels
        condition = torch.zeros(variant.latents.channels, 0, height // side, width // side)
    else:
        film = image_then_grey(bicubic_picture(asked.image, asked.size), encoders.settles)
        condition = image_condition(encoders.video(film))
    return Start(
        variant.name, variant.latent_format, condition, text=text,
        negative=encode(asked.negative) if variant.text.negative else None, form=asked.form,
        camera=asked.camera,
    )  # fmt: skip


def numbers_of(variant: Variant, form: str, memory: KeptKeys | None) -> tuple[Any, ...]:
    """Return the fields of the window that a rollout goes by.

    Raises:
        ValueError: the window is too short for its sink and what is made again.
    """
    window = Window(variant.window, variant.sink, *(memory or KeptKeys()))
    check_window(window, variant.chunking.later)
    return tuple(window)


def kept_numbers(network: nn.Module, variant: Variant, grid: tuple[int, int]) -> int:
    """Return how many numbers a rollout keeps: keys and values of the window and of the text, and modulations.

    Two networks keep twice as many; with guidance, a pass has two texts.
    """
    sizes, tokens = network.sizes, grid[0] // PATCH[1] * (grid[1] // PATCH[2])
    words = variant.text.words * (1 if variant.guidance is None else 2)
    each = 2 * sizes.dim * sizes.layers * (variant.window * tokens + words) + 6 * LEVELS * sizes.dim * sizes.layers
    return each * (1 if variant.experts is None else 2)


CAUSAL_WAN = Family(
    name="causal_wan",
    title=EXPECTED.removeprefix("expected "),
    network=CausalWan,
    arguments=lambda sizes: {"sizes": Sizes(**sizes)},
    identified=identified,
    resembles=resembles,
    sampler=lambda steps, shift, form: Lookups(steps, shift),
    numbers=numbers_of,
    context=lambda about: SinkContext(about, make_call),
    start=start_of,
    widths=lambda sizes: {"text": sizes["text_dim"]},
    kept=kept_numbers,
    seen=lambda variant: variant.chunking.later,
)

CAUSAL_WAN_CLIPS = CAUSAL_WAN._replace(
    name="causal_wan_clips",
    identified=lambda weights, entries, name: None,  # the family above knows its files
    sampler=lambda steps, shift, form: UniPC(count_of(steps), shift),
    numbers=lambda variant, form, memory: (),
    context=lambda about: ClipContext(about, make_clip_call),
)
"""LingBot-World's base: the same network as two experts, which make whole clips in many steps, with guidance."""

CAUSAL_WAN_WORDS = CAUSAL_WAN._replace(
    name="causal_wan_words",
    identified=lambda weights, entries, name: None,  # the family above knows its files
    sampler=lambda steps, shift, form: Renoise(steps, shift),
)
"""Self-Forcing and LongLive: the same network without camera and picture, and other levels of noise."""
