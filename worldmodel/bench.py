"""`python -m worldmodel.bench WHAT`: how fast things run here. This file: the built-in world, stage by stage.

The others are bench_matrix_game2.py, bench_quantization.py and bench_long.py. Figures are taken in one run on one
machine and stand beside real time (the model's own frame rate) as ratios; the median of the repetitions counts, after
one that warms up.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import torch

from . import bench_long, bench_matrix_game2, bench_quantization
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


def add_tiny_world(parser: argparse.ArgumentParser) -> None:
    """Add the options of `tiny-world`."""
    parser.add_argument("--repeats", type=int, default=3, help="counted repetitions (default 3)")
    parser.add_argument("--chunks", type=int, default=5, help="chunks of the rollout (default 5)")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads (default: torch's own choice)")


def report_tiny_world(options: argparse.Namespace) -> str:
    """Measure and return the table.

    Raises:
        ValueError: an option makes no sense.
    """
    if options.repeats < 1 or options.chunks < 1:
        raise ValueError(f"--repeats, --chunks: found {options.repeats}, {options.chunks}, expected 1 or more.")
    begin = time.perf_counter()
    load_player()
    loading = time.perf_counter() - begin
    stages, fps = tiny_world(options.repeats, options.chunks)
    lines = [f"Tiny World on {torch.get_num_threads()} threads; real time is {fps:g} frames/s"]
    for stage in stages:
        rate = stage.frames / stage.seconds
        lines.append(f"  {stage.name:20s} {stage.seconds:7.3f} s  {rate:8.1f} frames/s  {rate / fps:6.2f} x real time")
    first = sum(stage.seconds for stage in stages if stage.name in ("start", "first chunk shown"))
    lines.append(f"  first frame after load {first:.3f} s; loading {loading:.3f} s")
    lines.append(f"  peak memory of the process {bench_matrix_game2.peak_bytes(torch.device('cpu')) / 1e6:.0f} MB")
    return "\n".join(lines)


def main(words: list[str] | None = None) -> int:
    """Run one benchmark and print its table."""
    words = sys.argv[1:] if words is None else words
    if words[:1] == ["long"]:
        return bench_long.main(words[1:])
    parser = argparse.ArgumentParser(prog="python -m worldmodel.bench", description=__doc__.split("\n", 1)[0])
    kinds = parser.add_subparsers(dest="what", required=True)
    add_tiny_world(kinds.add_parser("tiny-world", help="the built-in world, stage by stage"))
    bench_matrix_game2.add_arguments(kinds.add_parser("matrix-game-2", help="random weights of the release's layout"))
    bench_quantization.add_arguments(kinds.add_parser("quantization", help="errors of layers in 8 bits"))
    kinds.add_parser("long", help="whether 2,000 chunks stay as small and as fast as the first")
    options = parser.parse_args(words)
    if options.threads:
        torch.set_num_threads(options.threads)
    try:
        if options.what == "tiny-world":
            text = report_tiny_world(options)
        elif options.what == "quantization":
            text = bench_quantization.report(options)
        else:
            setting = bench_matrix_game2.setting_of(options)
            text = bench_matrix_game2.report(setting, bench_matrix_game2.measure(setting), options.json)
    except ValueError as error:
        parser.error(str(error))
    sys.stdout.write(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
