"""`python -m worldmodel.bench.long`: whether a long rollout stays as small and as fast as it began.

Memory is the resident set of the process. Time is the processor's, and paired: at the end, chunks of the long rollout
alternate with the early ones of a second, young process, so that neither the weather of the machine nor what grew in
the first process is on both sides. Early is the second twentieth; for a model that is given all of its past, it is
where that is as long as it will ever be, since until then a pass has more tokens from chunk to chunk. The quarters
show that, too.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import time
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..binding.bind import bind_track, chunk_controls
from ..checkpoints.recognise import load_network, recognise
from ..families import family_of
from ..families.begin import begin
from ..models.causal_wan.network import CausalWan
from ..models.causal_wan.sizes import Sizes as CausalSizes
from ..models.matrix_game2.network import MatrixGame2, Sizes
from ..models.matrix_game3.network import MatrixGame3
from ..models.matrix_game3.sizes import Sizes as Sizes3
from ..models.yume.history import MOST
from ..models.yume.network import Yume
from ..models.yume.sizes import Sizes as YumeSizes
from ..reading.safetensors_files import load_safetensors
from ..rollout.session import bare
from ..tinyworld.player import MODEL_FILE
from ..vae.latent_formats import TINY_WORLD
from ..variants import BUILT_IN, VARIANTS, Variant, variant_named
from ..world.state import Controls, Start, new_world
from .retrieval import round_blocks

WARM = 10
"""Chunks after which the cache is full and memory counts."""
SPARE_BYTES = 20 * 10**6
"""Memory that a rollout may take besides its stored latents."""
SLOWER = 0.10
"""How much a chunk's time may differ between the early chunks and the last twentieth of all."""
STATM = Path("/proc/self/statm")
CLIP_TOKENS, MOST_LATENTS = 257, 6
"""Of a start with image tokens: how many, and latents of its image condition."""


class Subject(NamedTuple):
    """A network to be run for long."""

    title: str
    network: nn.Module
    start: Start
    full: int = 0
    """Chunks behind which a pass is given as much of the past as it will ever be."""
    said: Tensor | None = None
    """(words, width) of every sentence."""


class Quarter(NamedTuple):
    """What a quarter of a long rollout took."""

    name: str
    grown: int
    """Bytes of memory between its first chunk, or chunk `WARM` at most, and its last."""
    stored: int
    """Bytes of latents of the same chunks."""
    seconds: float
    """Of the processor, a chunk."""


class Figures(NamedTuple):
    """What a long rollout took."""

    grown: int
    """Bytes of memory between chunk `WARM` and the last."""
    stored: int
    """Bytes of latents of the same chunks."""
    early: list[float]
    """Processor seconds of early chunks, in a young process."""
    late: list[float]
    """Of those in the last twentieth of the long one; pairs."""
    first: int
    """The first of the early chunks: in the second twentieth, or where all is full."""
    quarters: tuple[Quarter, ...] = ()


def subject_of(model: str) -> Subject:
    """Return what `--model` names: the shipped Tiny World, a released layout at small random widths, or a file.

    Raises:
        ValueError: the file is no model of ours.
    """
    if model in small_models():
        variant = variant_named(model)
        layout = _LAYOUTS[variant.family](variant)
        title = f"{variant.title}, {len(layout.network.blocks)} blocks of small random weights"
        return _subject(title, layout, variant)
    path = MODEL_FILE if model == BUILT_IN else Path(model)
    weights, metadata = load_safetensors(path)
    found = recognise(weights, metadata, name=path.name)
    network = load_network(found, dtype=torch.float32)  # what the host computes in on a CPU
    variant = found.variant
    grid = tuple(side // variant.latents.pixels for side in variant.picture)
    layout = Layout(network, family_of(variant).widths(found.sizes), grid)
    return _subject(f"{variant.title}, {path.name}", layout, variant)


def _subject(title: str, layout: Layout, variant: Variant) -> Subject:
    full = math.ceil(MOST / variant.chunking.later) if variant.histories else 0
    said = torch.randn(variant.text.words, layout.widths["text"]) if variant.is_spoken_to else None
    return Subject(title, layout.network, _start(variant, layout.widths, layout.grid), full, said)


class Layout(NamedTuple):
    """A small network of a released layout.

    Args:
        network: of random weights.
        widths: see `Family.widths`.
        grid: (h, w) of the latents that it makes.
    """

    network: nn.Module
    widths: dict[str, int]
    grid: tuple[int, int]


def _matrix_game_2(variant: Variant) -> Layout:
    network = MatrixGame2(
        Sizes(
            dim=48,
            heads=2,
            ffn_dim=96,
            freq_dim=32,
            layers=30,
            context_dim=16,
            keyboard_dim=len(variant.keyboard.words),
            keyboard_width=8,
            action_heads=1,
            action_blocks=range(15),
            mouse=variant.mouse is not None,
        )
    )
    return Layout(network.eval().requires_grad_(False), {"visual_context": 16}, (8, 12))


def _matrix_game_3(variant: Variant) -> Layout:
    network = MatrixGame3(
        Sizes3(
            dim=48,
            ffn_dim=64,
            freq_dim=32,
            layers=4,
            text_dim=16,
            channels=variant.latents.channels,
            cell=variant.latents.pixels,
            keyboard_dim=len(variant.keyboard.words),
            keyboard_width=8,
            action_heads=2,
            action_head_size=16,
            action_blocks=(0, 1),
            heads=3,
            action_rotated=4,
        )
    )
    return Layout(network.eval().requires_grad_(False), {"text": 16}, (4, 6))


def _causal_wan(variant: Variant) -> Layout:
    sizes = CausalSizes(
        dim=48, ffn_dim=64, freq_dim=32, layers=2, text_dim=16, in_dim=36 if variant.camera else 16, channels=16,
        cell=8 if variant.camera else 0, heads=2,
    )  # fmt: skip
    return Layout(CausalWan(sizes).eval().requires_grad_(False), {"text": 16}, (4, 6))


def _yume(variant: Variant) -> Layout:
    sizes = YumeSizes(
        dim=48, ffn_dim=64, freq_dim=32, layers=2, text_dim=16, channels=variant.latents.channels, heads=3
    )
    return Layout(Yume(sizes).eval().requires_grad_(False), {"text": 16}, (4, 6))


_LAYOUTS: dict[str, Callable[[Variant], Layout]] = {
    "matrix_game_2": _matrix_game_2, "matrix_game_3": _matrix_game_3, "causal_wan": _causal_wan,
    "causal_wan_words": _causal_wan, "yume": _yume,
}  # fmt: skip


def small_models() -> list[str]:
    """Return the models that are built small, with random weights."""
    released = {name: variant for name, variant in VARIANTS.items() if variant.latents is not TINY_WORLD}
    return [name for name, variant in released.items() if variant.family in _LAYOUTS]


def _start(variant: Variant, widths: dict[str, int], grid: tuple[int, int]) -> Start:
    """A start of noise: to time and memory any picture is as good."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    channels, latents, has_tokens, _ = variant.start
    behind = max(latents, variant.chunking.preceded)
    condition = draw(channels, MOST_LATENTS if has_tokens else behind, *grid)
    tokens = draw(CLIP_TOKENS, widths["visual_context"]) if has_tokens else None
    text = draw(variant.text.words, widths["text"]) if variant.text and not variant.is_spoken_to else None
    negative = text if variant.text and variant.text.negative else None
    prompt = "a street" if variant.is_spoken_to else ""
    return Start(variant.name, variant.latent_format, condition, tokens, text=text, negative=negative, prompt=prompt)


def _controls(variant: Variant, chunks: int) -> list[Controls]:
    """A track, cut as the nodes cut it: at random, or where old places count, one that comes by as many everywhere."""
    frames, generator = variant.chunking.first_frame(chunks), torch.Generator().manual_seed(1)
    if variant.memories is not None or variant.keyboard is None:
        return chunk_controls(bind_track(round_blocks(frames), variant).controls, 0, variant, frames=frames)[0]
    keyboard = torch.rand(frames, len(variant.keyboard.words), generator=generator).round()
    mouse = None if variant.mouse is None else torch.randn(frames, 2, generator=generator) * 0.1
    return chunk_controls(Controls(keyboard, mouse), 0, variant)[0]


class Walker:
    """A rollout that tells the processor time of each chunk."""

    def __init__(self, subject: Subject, chunks: int):
        self._controls = _controls(variant_named(subject.start.variant), chunks)
        stages = getattr(subject.network, "stages", None)  # only what looks back through a cache has any
        self._session = begin(
            new_world(subject.start), bare(subject.network), stages=stages, encode_text=lambda sentence: subject.said
        )

    @torch.inference_mode()
    def step(self) -> float:
        """Roll out one chunk; seconds of processor time, all threads."""
        controls = self._controls[len(self._session.world.chunks)]
        begin = time.process_time()
        self._session.step(controls, seed=0)
        return time.process_time() - begin

    def stored_bytes(self, first: int = 0, end: int | None = None) -> int:
        """Return the bytes of the latents of chunks `first` ... `end` - 1."""
        return sum(chunk.latents.nbytes for chunk in self._session.world.chunks[first:end])


def _young(pipe: Connection, model: str, threads: int, behind: int, chunks: int) -> None:
    """In a process of its own: roll out as many chunks as are to lie behind, then up to `chunks` more, one and its time
    for each message."""
    torch.set_num_threads(threads)
    walker = Walker(subject_of(model), behind + chunks)
    for _ in range(behind):
        walker.step()
    while pipe.recv():
        pipe.send(walker.step())


def measure(model: str, chunks: int, told: Callable[[str], None] = lambda _: None) -> Figures:
    """Roll out and measure.

    Args:
        model: see `subject_of`.
        chunks: of the long rollout.
        told: gets a line now and then.
    """
    subject, part = subject_of(model), chunks // 20
    walker = Walker(subject, chunks)
    told(f"{subject.title}: {chunks} chunks on {torch.get_num_threads()} threads")
    times, memory = [], [resident_bytes()]
    for index in range(1, chunks - part + 1):
        times.append(walker.step())
        memory.append(resident_bytes())
        if index == WARM or index % part == 0:
            seconds = statistics.median(times[-part:])
            told(f"  after chunk {index:6d}: {memory[-1] / 1e6:8.1f} MB, {seconds:.4f} s of the processor a chunk")
    first = min(max(part, subject.full), chunks - part)
    early = _in_turns(model, first, part, walker, times)
    memory += [resident_bytes()] * part
    quarters = []
    for name, since, end in (("first", min(WARM, chunks // 8), chunks // 4), ("last", chunks - chunks // 4, chunks)):
        seconds = statistics.median(times[since:end])
        quarters.append(Quarter(name, memory[end] - memory[since], walker.stored_bytes(since, end), seconds))
    return Figures(memory[-1] - memory[WARM], walker.stored_bytes(WARM), early, times[-part:], first, tuple(quarters))


def _in_turns(model: str, behind: int, count: int, walker: Walker, times: list[float]) -> list[float]:
    """Let chunks of a walker and of a young process take turns; the walker's times go to `times`, the others come back.

    Args:
        model: see `subject_of`.
        behind: chunks of the young process before.
        count: of pairs.
    """
    early, context = [], get_context("spawn")
    ours, theirs = context.Pipe()
    young = context.Process(target=_young, args=(theirs, model, torch.get_num_threads(), behind, count), daemon=True)
    young.start()
    for _ in range(count):
        ours.send(True)
        early.append(ours.recv())
        times.append(walker.step())
    ours.send(False)
    young.join()
    return early


def resident_bytes() -> int:
    """Return the memory of this process that is in RAM.

    Raises:
        ValueError: the system does not tell.
    """
    if not STATM.exists():
        raise ValueError(f"memory: found no {STATM}, expected Linux; run this measurement there.")
    import resource

    return int(STATM.read_text().split()[1]) * resource.getpagesize()


def judge(found: Figures) -> list[tuple[str, bool]]:
    """Return one sentence for memory and one for time, and whether each bar is met."""
    most = found.stored + SPARE_BYTES
    slower = statistics.median(late / early for early, late in zip(found.early, found.late, strict=True)) - 1
    pairs = len(found.early)
    early, late = statistics.median(found.early), statistics.median(found.late)
    return [
        (
            f"memory: {found.grown / 1e6:.1f} MB more than after chunk {WARM}; stored latents {found.stored / 1e6:.1f} "
            f"MB, at most {most / 1e6:.1f} MB",
            found.grown <= most,
        ),
        (
            f"time: {early:.4f} s at chunks {found.first} to {found.first + pairs}, {late:.4f} s in the last {pairs}; "
            f"over the pairs {slower:+.1%}, within {SLOWER:.0%}",
            abs(slower) <= SLOWER,
        ),
    ]


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(words: list[str] | None = None) -> int:
    """Run the measurement and print its figures with verdicts; 1 where a bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m worldmodel.bench.long", description=__doc__.split("\n", 1)[0])
    parser.add_argument(
        "--model", default=BUILT_IN,
        help=f"{BUILT_IN} (default), one of {', '.join(small_models())} (in small, with random weights), or a model "
        "file",
    )  # fmt: skip
    parser.add_argument("--chunks", type=int, default=2000, help="chunks of the rollout (default 2000)")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads (default: torch's own choice)")
    options = parser.parse_args(words)
    if options.chunks < 2 * WARM:
        parser.error(f"--chunks: found {options.chunks}, expected {2 * WARM} or more.")
    if options.threads:
        torch.set_num_threads(options.threads)
    found = measure(options.model, options.chunks, _say)
    for quarter in found.quarters:
        _say(
            f"{quarter.name} quarter: {quarter.grown / 1e6:.1f} MB more, stored latents {quarter.stored / 1e6:.1f} MB; "
            f"{quarter.seconds:.4f} s of the processor a chunk"
        )
    verdicts = judge(found)
    for sentence, met in verdicts:
        _say(f"{sentence}: {'met' if met else 'MISSED'}")
    return 0 if all(met for _, met in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
