"""`python -m worldmodel.bench WHAT`: how fast things run here. This file: the built-in world, stage by stage.

The others stand beside it. Figures are taken in one run on one
machine and stand beside real time (the model's own frame rate) as ratios; the median of the repetitions counts, after
one that warms up.
"""

from __future__ import annotations

import argparse
import sys
import time

import torch

from ..tinyworld.evaluate.speed import tiny_world
from ..tinyworld.player import load_player
from . import count as bench_count
from . import long as bench_long
from . import matrix_game2 as bench_matrix_game2
from . import overlap as bench_overlap
from . import quantization as bench_quantization
from . import retrieval as bench_retrieval
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
    bench_retrieval.add_arguments(kinds.add_parser("retrieval", help="finding past frames again, beside the release"))
    bench_count.add_arguments(kinds.add_parser("count", help="what released models cost, counted without a card"))
    bench_overlap.add_arguments(kinds.add_parser("overlap", help="decoding beside the network, and in turns"))
    bench_yume.add_arguments(kinds.add_parser("yume", help="what a chunk costs as the history grows"))
    kinds.add_parser("long", help="whether 2,000 chunks stay as small and as fast as the first")
    options = parser.parse_args(words)
    if getattr(options, "threads", 0):
        torch.set_num_threads(options.threads)
    try:
        if options.what == "tiny-world":
            text = report_tiny_world(options)
        elif options.what == "count":
            text = bench_count.report(options)
        elif options.what == "quantization":
            text = bench_quantization.report(options)
        elif options.what == "yume":
            text = bench_yume.report(options)
        elif options.what == "retrieval":
            text = bench_retrieval.report(options)
        elif options.what == "overlap":
            text = bench_overlap.report(options)
        else:
            setting = bench_matrix_game2.setting_of(options)
            text = bench_matrix_game2.report(setting, bench_matrix_game2.measure(setting), options.json)
    except ValueError as error:
        parser.error(str(error))
    sys.stdout.write(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
