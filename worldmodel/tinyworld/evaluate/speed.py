"""How fast the built-in world runs, stage by stage, and each way to decode beside the plain one.

Shapes: T latents of a world, F frames of H x W pixels.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from ...binding.bind import bind_track, chunk_controls
from ...families.begin import begin
from ...layers.precision import has_bfloat16
from ...layers.threads import few_threads
from ...rollout.session import Session, bare
from ...track.track import Track
from ...vae.tiny import TinyVAE
from ...vae.tiny_decoder import TOGETHER, FastDecoder, fast
from ...world.state import Controls, Start, new_world
from .. import pilot
from ..player import Player, build_conditions, encode_start, load_player
from ..scene import clips
from ..weather.form import WORDS, told_of


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


class Way(NamedTuple):
    """A way to generate, or to decode what was generated.

    Args:
        name: as the table has it.
        seconds: the least of all rounds, a thread's own.
        decibels: how near its frames are to those of the plain way; infinite: the same bits.
    """

    name: str
    seconds: float
    decibels: float = math.inf


@torch.inference_mode()
def tiny_world(
    repeats: int = 3, chunks: int = 5, player: Player | None = None, exact: bool = False
) -> tuple[list[Stage], float]:
    """Time Tiny World's stages as the nodes run them, one world at a time.

    Args:
        repeats: counted repetitions of each stage.
        chunks: of the rollout.
        player: the model and VAE; `None`: the shipped ones.
        exact: decode in float32 everywhere.

    Returns:
        The stages, and the model's own frames per second.
    """
    player = player or load_player()
    variant = player.variant
    decoder = fast(player.vae.decoder, exact)
    clip = clips.held_out(1, variant.chunking.first_frame(chunks))
    first = clip[:, :, 0]
    actions = pilot.hold(("forward",), 0.5, 1, variant.chunking.first_frame(chunks))
    start, pieces = _start(player, first, actions, chunks)
    rolled: list[Session] = []

    def roll(count: int) -> None:
        session = begin(new_world(start), bare(player.network))
        for piece in pieces[:count]:
            session.step(piece, seed=0)
        rolled[:] = [session]

    def decode(count: int) -> None:
        memory: dict[str, Tensor] = {}
        for chunk in rolled[0].world.chunks[:count]:
            for latents in (chunk.latents[None] * player.std + player.mean).split(TOGETHER, 2):
                decoder.decode(latents, memory)

    frames = variant.chunking.first_frame(chunks)
    generated = Stage("generate", median_seconds(lambda: roll(chunks), repeats), frames)
    decoded = Stage("decode", median_seconds(lambda: decode(chunks), repeats), frames)
    stages = [
        Stage("render the truth", median_seconds(lambda: clips.held_out(1, frames), repeats), frames),
        Stage("start", median_seconds(lambda: encode_start(player.vae, first), repeats), 1),
        generated,
        decoded,
        Stage("generate and decode", generated.seconds + decoded.seconds, frames),
        Stage(
            "first chunk shown", median_seconds(lambda: (roll(1), decode(1)), repeats), variant.chunking.first_frame(1)
        ),
    ]
    return stages, variant.fps


@torch.inference_mode()
def ways(repeats: int = 3, chunks: int = 5, player: Player | None = None) -> list[Way]:
    """Time generating, and decoding in every way that this CPU has, in turns on one thread.

    Args:
        repeats: rounds, after one that warms up.
        chunks: of the rollout.
        player: the model and VAE; `None`: the shipped ones.

    Returns:
        "generate", then the ways to decode: latent by latent as the VAE is written down ("plain"), as the nodes do in
        float32 ("exact") and, where the CPU multiplies in it, in bfloat16.
    """
    player = player or load_player()
    frames = player.variant.chunking.first_frame(chunks)
    first = clips.held_out(1, frames)[:, :, 0]
    start, pieces = _start(player, first, pilot.hold(("forward",), 0.5, 1, frames), chunks)

    def roll() -> Tensor:
        session = begin(new_world(start), bare(player.network))
        return torch.cat([session.step(piece, seed=0).latents for piece in pieces], 1)

    with few_threads():
        latents = roll()[None] * player.std + player.mean

        def decode(decoder: FastDecoder | TinyVAE, together: int) -> Tensor:
            memory: dict[str, Tensor] = {}
            return torch.cat([decoder.decode(piece, memory) for piece in latents.split(together, 2)], 2)

        works = {"generate": roll, "plain": lambda: decode(player.vae, 1)}
        dtypes = {"exact": torch.float32, **({"bfloat16": torch.bfloat16} if has_bfloat16("cpu") else {})}
        for name, dtype in dtypes.items():
            works[name] = partial(decode, FastDecoder(player.vae.decoder, dtype), TOGETHER)
        made = {name: work() for name, work in works.items()}
        rounds = [{name: _own_seconds(work) for name, work in works.items()} for _ in range(repeats)]
    return [
        Way(
            name,
            min(taken[name] for taken in rounds),
            _decibels(made[name], made["plain"]) if name in dtypes else math.inf,
        )
        for name in works
    ]


def _own_seconds(work: Callable[[], object]) -> float:
    before = time.thread_time()
    work()
    return time.thread_time() - before


def _decibels(found: Tensor, plain: Tensor) -> float:
    """How near frames in -1..1 are to others, as the peak signal to the noise."""
    error = ((found - plain) / 2).square().mean().item()
    return -10 * math.log10(error) if error else math.inf


def _start(player: Player, first: torch.Tensor, actions: pilot.Actions, chunks: int) -> tuple[Start, list[Controls]]:
    variant = player.variant
    mouse = torch.stack([actions.turns[0], torch.zeros_like(actions.turns[0])], -1)
    bound = bind_track(Track(pilot.WORDS, actions.keys[0], mouse.float()), variant)
    pieces, _ = chunk_controls(bound.controls, 0, variant, frames=len(mouse))
    image = player.see(first / 2 + 0.5, chunks)
    if variant.memories is not None:
        return Start(variant.name, variant.latent_format, image[0]), pieces
    if variant.text is not None:
        condition = told_of(image, actions, torch.zeros(1, chunks, dtype=torch.long), 1).condition[0]
        return Start(variant.name, variant.latent_format, condition, text=WORDS[0]), pieces
    told = build_conditions(image, *actions, variant, chunks * variant.chunking.later)
    return Start(variant.name, variant.latent_format, told.condition[0], told.context[0]), pieces
