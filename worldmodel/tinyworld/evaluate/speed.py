"""How fast the built-in world runs, stage by stage."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import torch

from ...binding.bind import chunk_controls
from ...rollout.session import Session, bare
from ...world.state import Controls, Start
from .. import pilot
from ..data import held_out_clips
from ..player import Player, build_conditions, encode_start, load_player


class Stage(NamedTuple):
    """One timed stage: seconds for how many frames."""

    name: str
    seconds: float
    frames: int


def median_seconds(work: Callable[[], object], repeats: int) -> float:
    """Return the median time of `work` over `repeats` runs after one that is not counted."""
    times = []
    for _ in range(repeats + 1):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return statistics.median(times[1:])


@torch.inference_mode()
def tiny_world(repeats: int = 3, chunks: int = 5, player: Player | None = None) -> tuple[list[Stage], float]:
    """Time Tiny World's stages as the nodes run them, one world at a time.

    Args:
        repeats: counted repetitions of each stage.
        chunks: of the rollout.
        player: the model and VAE; `None`: the shipped ones.

    Returns:
        The stages, and the model's own frames per second.
    """
    player = player or load_player()
    variant = player.variant
    clip = held_out_clips(1, variant.first_frame(chunks))
    first = clip[:, :, 0]
    actions = pilot.hold(("forward",), 0.5, 1, variant.first_frame(chunks))
    start, pieces = _start(player, first, actions, chunks)
    rolled: list[Session] = []

    def roll(count: int) -> None:
        session = Session(start, bare(player.network))
        for piece in pieces[:count]:
            session.step(piece, seed=0)
        rolled[:] = [session]

    def decode(count: int) -> None:
        memory: dict[str, torch.Tensor] = {}
        for chunk in rolled[0].world.chunks[:count]:
            for latent in (chunk.latents[None] * player.std + player.mean).split(1, 2):
                player.vae.decode(latent, memory)

    frames = variant.first_frame(chunks)
    generated = Stage("generate", median_seconds(lambda: roll(chunks), repeats), frames)
    decoded = Stage("decode", median_seconds(lambda: decode(chunks), repeats), frames)
    stages = [
        Stage("render the truth", median_seconds(lambda: held_out_clips(1, frames), repeats), frames),
        Stage("start", median_seconds(lambda: encode_start(player.vae, first), repeats), 1),
        generated,
        decoded,
        Stage("generate and decode", generated.seconds + decoded.seconds, frames),
        Stage("first chunk shown", median_seconds(lambda: (roll(1), decode(1)), repeats), variant.first_frame(1)),
    ]
    return stages, variant.fps


def _start(player: Player, first: torch.Tensor, actions: pilot.Actions, chunks: int) -> tuple[Start, list[Controls]]:
    variant = player.variant
    image = (encode_start(player.vae, first) - player.mean) / player.std
    told = build_conditions(image, *actions, variant, chunks * variant.chunk)
    mouse = torch.stack([torch.zeros_like(actions.turns[0]), actions.turns[0] / variant.mouse.degrees_per_unit], -1)
    pieces, _ = chunk_controls(Controls(actions.keys[0], mouse.float()), 0, variant)
    return Start(variant.name, variant.latent_format, told.condition[0], told.context[0]), pieces
