"""`python -m worldmodel.bench tiny-world`: how fast the built-in world runs here, stage by stage.

Every figure is taken in one run on one machine and stands beside real time (the model's own frame rate) as a ratio;
the median of the repetitions counts, after one that warms up.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import torch

from .bind import chunk_controls
from .session import Session, bare
from .state import Controls, Start
from .tinyworld import pilot
from .tinyworld.data import held_out_clips
from .tinyworld.player import Player, build_conditions, encode_start, load_player


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
def tiny_world(repeats: int = 3, chunks: int = 5) -> tuple[list[Stage], float]:
    """Time Tiny World's stages as the nodes run them, one world at a time.

    Args:
        repeats: counted repetitions of each stage.
        chunks: of the rollout.

    Returns:
        The stages, and the model's own frames per second.
    """
    player = load_player()
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


def main(words: list[str] | None = None) -> int:
    """Run one benchmark and print its table."""
    parser = argparse.ArgumentParser(prog="python -m worldmodel.bench", description=__doc__.split("\n", 1)[0])
    parser.add_argument("what", choices=("tiny-world",))
    parser.add_argument("--repeats", type=int, default=3, help="counted repetitions (default 3)")
    parser.add_argument("--chunks", type=int, default=5, help="chunks of the rollout (default 5)")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads (default: torch's own choice)")
    options = parser.parse_args(words)
    if options.repeats < 1 or options.chunks < 1:
        parser.error(f"--repeats, --chunks: found {options.repeats}, {options.chunks}, expected 1 or more.")
    if options.threads:
        torch.set_num_threads(options.threads)
    stages, fps = tiny_world(options.repeats, options.chunks)
    lines = [f"Tiny World on {torch.get_num_threads()} threads; real time is {fps:g} frames/s"]
    for stage in stages:
        rate = stage.frames / stage.seconds
        lines.append(f"  {stage.name:20s} {stage.seconds:7.3f} s  {rate:8.1f} frames/s  {rate / fps:6.2f} x real time")
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
