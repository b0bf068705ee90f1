"""`python -m worldmodel.bench WHAT`: how fast things run here. This file: the built-in world.

The others stand beside it. Figures are taken in one run on one machine and stand beside real time (the model's own
frame rate) as ratios; the median of the repetitions counts, after one that warms up.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import torch

from ..tinyworld.evaluate.speed import Way, tiny_world, ways
from ..tinyworld.player import load_player
from . import causal_wan as bench_causal_wan
from . import count as bench_count
from . import long as bench_long
from . import matrix_game2 as bench_matrix_game2
from . import overlap as bench_overlap
from . import plan as bench_plan
from . import quantization as bench_quantization
from . import retrieval as bench_retrieval
from . import vae as bench_vae
from . import yume as bench_yume


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
    return "\n".join([*lines, *_beside_the_plain_form(ways(options.repeats, options.chunks))])


def _beside_the_plain_form(found: list[Way]) -> list[str]:
    """Return what each way to decode takes, and how many times as fast as the plain one it is."""
    generate, plain, *others = found
    lines = ["in turns on one thread, its own seconds, the least of all rounds"]
    lines += [f"  {way.name if way is generate else f'decode, {way.name}':20s} {way.seconds:7.3f} s" for way in found]
    for number, way in enumerate(others, len(lines) - len(others)):
        lines[number] += f"  {way.decibels:8.1f} dB beside the plain form"
    if len(others) == 1:
        lines.append("  no bfloat16: this CPU does not multiply in it, so nodes decode in float32")
    for way in others:
        lines.append(f"ratio decode-{way.name} {plain.seconds / way.seconds:.2f}")
        both = (generate.seconds + plain.seconds) / (generate.seconds + way.seconds)
        lines.append(f"ratio generate-and-decode-{way.name} {both:.2f}")
    return lines


def report_matrix_game2(options: argparse.Namespace) -> str:
    """Measure and return the table.

    Raises:
        ValueError: an option makes no sense.
    """
    setting = bench_matrix_game2.setting_of(options)
    return bench_matrix_game2.report(setting, bench_matrix_game2.measure(setting), options.json)


class Kind(NamedTuple):
    """A benchmark: what its help says, what adds its options, and what runs it and returns its table."""

    help: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    report: Callable[[argparse.Namespace], str]


KINDS = {
    "tiny-world": Kind("the built-in world, stage by stage", add_tiny_world, report_tiny_world),
    "matrix-game-2": Kind(
        "random weights of the release's layout", bench_matrix_game2.add_arguments, report_matrix_game2
    ),
    "yume": Kind("what a chunk costs as the history grows", bench_yume.add_arguments, bench_yume.report),
    "causal-wan": Kind(
        "a block of LingBot-World, and its cache in 8 bits", bench_causal_wan.add_arguments, bench_causal_wan.report
    ),
    "quantization": Kind("errors of layers in 8 bits", bench_quantization.add_arguments, bench_quantization.report),
    "retrieval": Kind(
        "finding past frames again, beside the release", bench_retrieval.add_arguments, bench_retrieval.report
    ),
    "count": Kind("what released models cost, counted without a card", bench_count.add_arguments, bench_count.report),
    "plan": Kind("planned memory beside what is taken", bench_plan.add_arguments, bench_plan.report),
    "vae": Kind("the Wan 2.1 VAE beside the host's own", bench_vae.add_arguments, bench_vae.report),
    "overlap": Kind("decoding beside the network, and in turns", bench_overlap.add_arguments, bench_overlap.report),
}


def main(words: list[str] | None = None) -> int:
    """Run one benchmark and print its table."""
    words = sys.argv[1:] if words is None else words
    if words[:1] == ["long"]:
        return bench_long.main(words[1:])
    parser = argparse.ArgumentParser(prog="python -m worldmodel.bench", description=__doc__.split("\n", 1)[0])
    kinds = parser.add_subparsers(dest="what", required=True)
    for name, kind in KINDS.items():
        kind.add_arguments(kinds.add_parser(name, help=kind.help))
    kinds.add_parser("long", help="whether 2,000 chunks stay as small and as fast as the first")
    options = parser.parse_args(words)
    if getattr(options, "threads", 0):
        torch.set_num_threads(options.threads)
    try:
        text = KINDS[options.what].report(options)
    except ValueError as error:
        parser.error(str(error))
    sys.stdout.write(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
