"""Matrix-Game 2.0 and Tiny World, which is of its family."""

from __future__ import annotations

from torch import nn

from ..models.action import HEAD_SIZE
from ..models.matrix_game2.checkpoint import identified, resembles
from ..models.matrix_game2.conditions import chunk_step, image_condition, image_then_grey
from ..models.matrix_game2.network import PATCH, MatrixGame2, Sizes, Step
from ..models.matrix_game2.start_picture import prepare_picture
from ..models.matrix_game2.tokens import patch_context
from ..rollout.contexts import About, WindowContext
from ..rollout.samplers import Renoise
from ..variants import Variant
from ..world.state import Controls, Start, World
from .family import Beginning, Encoders, Family

IMAGE_TOKENS = 257
"""That the memory estimate assumes."""
STEPS = 8
"""Steps, the clean pass included, that it assumes; each has its modulations."""


def make_call(about: About, world: World, controls: Controls, index: int) -> Step:
    """Return the step of a chunk, without a cache."""
    before = world.chunks[index - 1] if index else None
    return chunk_step(about.variant, world.start, before, controls, index, about.device)


def start_of(asked: Beginning, encoders: Encoders) -> Start:
    """Return a start: the picture and grey behind it as latents, and tokens of an image encoder.

    Raises:
        ValueError: the picture cannot be used, or nobody brought an image encoder.
    """
    variant, by_clip = asked.variant, asked.variant.image_context == "clip"
    if by_clip and encoders.image is None:
        raise ValueError(
            f"clip_vision: found none, expected a CLIP vision model for {variant.title}; connect Load CLIP Vision "
            "(clip_vision_h)."
        )
    picture = prepare_picture(asked.image, asked.size)
    latents = encoders.video(image_then_grey(picture, encoders.settles))
    tokens = encoders.image(picture) if by_clip else patch_context(latents[:, 0])
    return Start(variant.name, variant.latent_format, image_condition(latents), tokens, form=asked.form)


def kept_numbers(network: nn.Module, variant: Variant, grid: tuple[int, int]) -> int:
    """Return how many numbers a rollout keeps: keys and values of the window, and what is made once."""
    tokens = grid[0] // PATCH[1] * (grid[1] // PATCH[2])
    window = variant.window if variant.window > variant.chunking.later else 0
    numbers = 0
    for block in network.blocks:
        dim = block.norm1.normalized_shape[0]
        numbers += 2 * dim * (window * tokens + IMAGE_TOKENS) + STEPS * block.modulation.numel()
        action = getattr(block, "action_model", None)
        if action is not None:
            numbers += 2 * action.heads * HEAD_SIZE * window * (1 + tokens * action.has_mouse)
    return numbers


MATRIX_GAME_2 = Family(
    name="matrix_game_2",
    title="a Matrix-Game 2.0 distilled or Tiny World model",
    network=MatrixGame2,
    arguments=lambda sizes: {"sizes": Sizes(**sizes)},
    identified=identified,
    resembles=resembles,
    sampler=lambda steps, shift, form: Renoise(steps, shift),
    numbers=lambda variant, form, memory: (variant.window,),
    context=lambda about: WindowContext(about, make_call),
    start=start_of,
    widths=lambda sizes: {"visual_context": sizes["context_dim"]},
    kept=kept_numbers,
    seen=lambda variant: variant.chunking.later,
)
