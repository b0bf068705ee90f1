"""Matrix-Game 2.0 and Tiny World, which is of its family."""

from __future__ import annotations

from ..models.matrix_game2.conditions import chunk_step
from ..models.matrix_game2.network import MatrixGame2, Step
from ..rollout.contexts import About, WindowContext
from ..rollout.samplers import Renoise
from ..world.state import Controls, World
from .family import Family


def make_call(about: About, world: World, controls: Controls, index: int) -> Step:
    """Return the step of a chunk, without a cache."""
    before = world.chunks[index - 1] if index else None
    return chunk_step(about.variant, world.start, before, controls, index, about.device)


MATRIX_GAME_2 = Family(
    name="matrix_game_2",
    network=MatrixGame2,
    sampler=Renoise,
    numbers=lambda variant: (variant.window,),
    context=lambda about: WindowContext(about, make_call),
)
