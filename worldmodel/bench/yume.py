"""`python -m worldmodel.bench yume`: what a chunk of Yume 1.5 costs as its history grows, on random weights.

In one run: with the history compressed; with every latent cut as finely as a new one, which is the plain form; and both
counted. On a CPU a thread's own time counts, so that other work on the machine counts on neither side. At the size of
the golden data no latent can be cut into less than one token, so there compression shows least. `--full` is the
released size, with the decoder beside it.

Shapes: h, w latent grid.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..layers.kept import Kept
from ..models.yume.conditions import Call, Cuts, History
from ..models.yume.history import Plan, grid_of, plan_of, uncompressed
from ..models.yume.network import Yume
from ..models.yume.sizes import Sizes
from ..rollout.euler import Euler
from ..rollout.session import bare
from ..vae.wan22 import Wan22VAE, from_model_space
from ..variants import VARIANTS
from .matrix_game2 import peak_bytes

VARIANT = VARIANTS["yume_1_5"]
NEW, WORDS, TEXT = VARIANT.chunking.later, 512, 4096
HISTORIES = (5, 69, 325)
PLAIN = (5, 21)
"""Lengths at which the plain form is run on a CPU; longer ones would take hours there, and are counted."""


class Setting(NamedTuple):
    """What is measured."""

    sizes: Sizes
    grid: tuple[int, int]
    device: torch.device
    dtype: torch.dtype
    repeats: int
    words: int = WORDS


RELEASED = Sizes(dim=3072, ffn_dim=14336, freq_dim=256, layers=30, text_dim=TEXT, channels=48, heads=24)
EIGHTH = RELEASED._replace(dim=384, ffn_dim=1792, heads=3, layers=4)
GOLDEN = Sizes(dim=32, ffn_dim=48, freq_dim=32, layers=2, text_dim=20, channels=4, heads=2)


class Row(NamedTuple):
    """A chunk at one length of history.

    Args:
        history: latents.
        plain: whether they are not compressed.
        tokens: of a pass.
        gflop: of the chunk's passes.
        seconds: of the chunk; `None`: it was only counted.
        peak: bytes held at most so far.
    """

    history: int
    plain: bool
    tokens: int
    gflop: float
    seconds: float | None
    peak: int


def build(setting: Setting) -> Yume:
    """Return a network with random weights."""
    torch.manual_seed(0)
    network = Yume(setting.sizes, dtype=setting.dtype, device=setting.device)
    return network.eval().requires_grad_(False)


def measure(setting: Setting, histories: tuple[int, ...], plain: tuple[int, ...]) -> list[Row]:
    """Time a chunk behind each length of history: compressed ones first, then those of the plain form."""
    network, rows = build(setting), []
    latents = torch.randn(setting.sizes.channels, max(histories) + NEW, *setting.grid)
    for plan, lengths, timed in ((plan_of, histories, histories), (uncompressed, histories, plain)):
        for count in sorted({*lengths, *timed}):
            run = chunk_of(setting, network, latents, count, plan)
            seconds = run() if count in timed else None
            tokens = tokens_of(setting, plan(count))
            gflop = len(levels()) * flop(setting, tokens) / 1e9
            rows.append(Row(count, plan is uncompressed, tokens, gflop, seconds, peak_bytes(setting.device)))
    return rows


def levels() -> list[float]:
    """Return the timesteps of a chunk."""
    return Euler(*VARIANT.steps, VARIANT.shift).levels().timesteps.tolist()


def chunk_of(
    setting: Setting, network: Yume, latents: Tensor, count: int, plan: Callable[[int], Plan]
) -> Callable[[], float]:
    """Return what times a chunk: its first pass, and another one for each that follows it, which are all alike.

    What the chunk before made of single latents is there, as in a walk.
    """
    predict = bare(network)
    x = torch.randn(1, setting.sizes.channels, NEW, *setting.grid, device=setting.device)
    text = torch.randn(1, setting.words, setting.sizes.text_dim, device=setting.device)

    def call(length: int, cuts: Cuts) -> Call:
        history = History((latents[:, :length],), range(length)) if length else History()
        times = torch.zeros(1, length + NEW, dtype=torch.float64)
        return Call(history, plan(length), text, times, Kept(), Kept(), cuts)

    def once() -> float:
        cuts = Cuts()
        network.tokens(x.to(setting.dtype), call(max(count - NEW, 0), cuts))
        (first, later, *_), told = levels(), call(count, cuts)
        times = [clock(setting.device)]
        for level in (first, later):
            predict(x, told.at(level))
            times.append(clock(setting.device))
        return times[1] - times[0] + (len(levels()) - 1) * (times[2] - times[1])

    def run() -> float:
        warm = setting.device.type != "cpu"
        with torch.inference_mode():
            times = [once() for _ in range(setting.repeats + warm)]
        return statistics.median(times[warm:])

    return run


def clock(device: torch.device) -> float:
    """Return seconds: of this thread alone on a CPU that it has one thread of."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    alone = device.type == "cpu" and torch.get_num_threads() == 1
    return time.thread_time() if alone else time.perf_counter()


def tokens_of(setting: Setting, plan: Plan) -> int:
    """Return the tokens of a pass."""
    old = sum((span.end - span.first) * math.prod(grid_of(span.rate, *setting.grid)) for span in plan)
    return old + NEW * math.prod(grid_of(1, *setting.grid))


def flop(setting: Setting, tokens: int) -> int:
    """Return the operations of a pass: products of matrices in the blocks, of which the last leaves the history out."""
    dim, ffn, blocks = setting.sizes.dim, setting.sizes.ffn_dim, setting.sizes.layers
    new = NEW * math.prod(grid_of(1, *setting.grid))

    def block(read: int) -> int:
        rest = dim * dim + 2 * tokens * dim + 2 * dim * dim + 2 * setting.words * dim + 2 * dim * ffn
        return 2 * (2 * tokens * dim * dim + read * dim * dim + read * rest)

    return (blocks - 1) * block(tokens) + block(new)


def decode_seconds(setting: Setting, widths: tuple[int, int] = (160, 256)) -> float:
    """Return how long the decoder of the release takes for a chunk in the middle of a stream, with random weights."""
    encoder, decoder = widths
    vae = Wan22VAE(encoder_width=encoder, decoder_width=decoder, dtype=setting.dtype, device=setting.device).eval()
    latents = from_model_space(torch.randn(1, 48, NEW, *setting.grid, device=setting.device)).to(setting.dtype)
    times: list[float] = []
    with torch.inference_mode():
        memory: dict[str, Tensor] = {}
        for _ in range(setting.repeats + 1):
            begin = clock(setting.device)
            vae.decode(latents, memory)
            times.append(clock(setting.device) - begin)
    return statistics.median(times[1:])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this benchmark's options."""
    parser.add_argument("--full", action="store_true", help="the released size and its decoder, on a card")
    parser.add_argument("--device", default="cpu", help="cpu (default), cuda, ...")
    parser.add_argument("--histories", default="", help="latents of history, such as 5,69,325 (default)")
    parser.add_argument("--plain", default="", help="where the plain form is run, too (default 5,21; on a card all)")
    parser.add_argument("--repeats", type=int, default=1, help="counted repetitions (default 1)")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default 1: its own time counts)")
    parser.add_argument("--golden", action="store_true", help="the golden data's size alone")
    parser.add_argument("--json", action="store_true", help="print JSON")


def report(options: argparse.Namespace) -> str:
    """Measure and return the table.

    Raises:
        ValueError: an option makes no sense.
    """
    device = torch.device(options.device)
    if options.repeats < 1:
        raise ValueError(f"--repeats: found {options.repeats}, expected 1 or more.")
    histories = _lengths(options.histories, "--histories") or HISTORIES
    on_card = device.type != "cpu"
    plain = _lengths(options.plain, "--plain") or (histories if on_card else PLAIN)
    dtype = torch.bfloat16 if on_card else torch.float32
    small = Setting(GOLDEN, (6, 10), device, dtype, options.repeats, words=12)
    settings = {"the golden data's size, 6 x 10 latents": small}
    if not options.golden:
        sizes, name = (RELEASED, "the released size") if options.full else (EIGHTH, "an eighth as wide, 4 blocks")
        settings = {f"{name}, 34 x 60 latents": Setting(sizes, (34, 60), device, dtype, options.repeats), **settings}
    found: dict[str, Any] = {}
    for title, setting in settings.items():
        rows = measure(setting, histories, histories if setting is small else plain)
        found[title] = [row._asdict() for row in rows]
        if options.full and setting is not small:
            found["decode a chunk, seconds"] = decode_seconds(setting)
            longest = max((row for row in rows if not row.plain), key=lambda row: row.history)
            frames = VARIANT.chunking.frames(1)
            found["frames/s, network"] = frames / longest.seconds
            found["frames/s, network and decoder"] = frames / (longest.seconds + found["decode a chunk, seconds"])
    return json.dumps(found) if options.json else "\n".join(_lines(found))


def _lines(found: dict[str, Any]) -> list[str]:
    lines: list[str] = []
    for title, rows in found.items():
        if not isinstance(rows, list):
            lines.append(f"{title}: {rows:.3g}")
            continue
        lines.append(f"{title}; a chunk of {NEW} latents, {len(levels())} steps")
        for row in rows:
            seconds = "counted only" if row["seconds"] is None else f"{row['seconds']:9.3f} s"
            form = "plain" if row["plain"] else "compressed"
            lines.append(
                f"  {row['history']:5d} latents behind, {form:10s} {row['tokens']:7d} tokens"
                f" {row['gflop']:12.4g} GFLOP {seconds:>14s}  peak {row['peak'] / 1e6:8.0f} MB"
            )
        timed = [row for row in rows if not row["plain"] and row["history"] > min(row["history"] for row in rows)]
        if len(timed) > 1:
            ratio = timed[-1]["seconds"] / timed[0]["seconds"]
            lines.append(
                f"  {timed[-1]['history']} beside {timed[0]['history']} latents behind: {ratio:.2f} x the time"
            )
    return lines


def _lengths(text: str, option: str) -> tuple[int, ...]:
    words = text.replace(",", " ").split()
    if not all(word.isdecimal() and len(word) < 5 for word in words):
        raise ValueError(f"{option}: found {text!r}, expected whole numbers such as 5,69,325.")
    return tuple(sorted({int(word) for word in words}))
