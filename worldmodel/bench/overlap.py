"""`python -m worldmodel.bench overlap`: what it saves to decode a chunk while the next one is made.

Matrix-Game 3.0's layout with random weights, 384 wide unless told otherwise, with the Wan 2.2 VAE's decoder of width
16; beside it the shipped Tiny World. In one run each is rolled out and decoded in turns, its stages run alone, and both
stages side by side as the nodes run them: each on one CPU thread, chunks handed over in order. What comes out must be
the same bits. On cores that other programs use the two stages share what is left, and the ratio says nothing.

Shapes: C channels, T latents of a chunk, h, w latent grid, F frames of H x W pixels.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from ..binding.bind import bind_track, chunk_controls
from ..families.begin import begin
from ..layers.beside import Beside
from ..layers.threads import few_threads
from ..models.matrix_game3.network import MatrixGame3
from ..models.matrix_game3.sizes import Sizes
from ..rollout.session import Session, bare
from ..tinyworld.player import build_conditions, encode_start, load_player
from ..track.track import parse_track
from ..vae.causal import Memory
from ..vae.tiny_decoder import TOGETHER, fast
from ..vae.wan22 import MATRIX_GAME_3, Wan22VAE, from_model_space
from ..variants import VARIANTS, Variant
from ..world.state import Controls, Start, new_world

BAR = 1.25
"""Most that side by side may take, in times of the slower stage alone."""
WORDS = 512


class Subject(NamedTuple):
    """A world to be rolled out and decoded.

    Args:
        title: as the table has it.
        controls: of its chunks.
        session: begins the rollout.
        decode: the latents (C, T, h, w) of a stream's next chunk, and what the stream remembers, to (1, 3, F, H, W).
    """

    title: str
    controls: list[Controls]
    session: Callable[[], Session]
    decode: Callable[[Tensor, Memory], Tensor]


class Setting(NamedTuple):
    """The sizes of what stands for Matrix-Game 3.0.

    Args:
        width, blocks, heads: of the network.
        vae_width: of the decoder's finest level.
        grid: latents, height and width.
        chunks: of the rollout.
    """

    width: int = 384
    blocks: int = 12
    heads: int = 3
    vae_width: int = 16
    grid: tuple[int, int] = (16, 24)
    chunks: int = 4


class Times(NamedTuple):
    """Seconds of a rollout of some frames."""

    frames: int
    in_turns: float
    network: float
    decoder: float
    side_by_side: float

    @property
    def ratio(self) -> float:
        """How long side by side takes, in times of the slower stage alone."""
        return self.side_by_side / max(self.network, self.decoder)


def matrix_game_3(setting: Setting) -> Subject:
    """Return a world of Matrix-Game 3.0's layout, distilled, with random weights, a start and text of noise."""
    variant = VARIANTS["matrix_game_3_distilled"]
    torch.manual_seed(0)
    sizes = Sizes(
        dim=setting.width, ffn_dim=setting.width * 14 // 3, freq_dim=256, layers=setting.blocks, text_dim=4096,
        channels=48, cell=16, keyboard_dim=6, keyboard_width=128, action_heads=4, action_head_size=64,
        action_blocks=tuple(range((setting.blocks + 1) // 2)), heads=setting.heads,
    )  # fmt: skip
    network = MatrixGame3(sizes).eval().requires_grad_(False)
    vae = Wan22VAE(encoder_width=None, decoder_width=setting.vae_width).eval().requires_grad_(False)
    start = Start(
        variant.name, variant.latent_format, torch.randn(48, 1, *setting.grid), text=torch.randn(WORDS, sizes.text_dim)
    )
    return Subject(
        f"Matrix-Game 3.0, {setting.width} wide, {setting.blocks} blocks, grid {setting.grid[0]}x{setting.grid[1]}, "
        f"VAE width {setting.vae_width}",
        _controls(variant, setting.chunks),
        lambda: begin(new_world(start), bare(network)),
        lambda latents, memory: vae.decode(from_model_space(latents[None]), memory, MATRIX_GAME_3),
    )


def tiny_world(chunks: int) -> Subject:
    """Return a world of the shipped Tiny World that begins at a picture of noise."""
    player = load_player()
    variant = player.variant
    controls = _controls(variant, chunks)
    with torch.inference_mode():
        first = torch.rand(1, 3, *variant.picture, generator=torch.Generator().manual_seed(0))
        image = (encode_start(player.vae, first * 2 - 1) - player.mean) / player.std
        told = build_conditions(image, torch.zeros(1, 1, 4), torch.zeros(1, 1), variant, 1)
    start = Start(variant.name, variant.latent_format, told.condition[0], told.context[0])

    decoder = fast(player.vae.decoder)

    def decode(latents: Tensor, memory: Memory) -> Tensor:
        pieces = (latents[None] * player.std + player.mean).split(TOGETHER, 2)
        return torch.cat([decoder.decode(piece, memory) for piece in pieces], 2)

    return Subject(
        f"{variant.title}, as shipped",
        controls,
        lambda: begin(new_world(start), bare(player.network), stages=player.network.stages),
        decode,
    )


def _controls(variant: Variant, chunks: int) -> list[Controls]:
    """Walk forward and to the right, as the nodes cut a track."""
    frames = variant.chunking.first_frame(chunks)
    half = frames // 2
    track = parse_track(f"forward*{half} forward+yaw_right(3)*{frames - half}")
    return chunk_controls(bind_track(track, variant).controls, 0, variant)[0]


@torch.inference_mode()
def measure(subject: Subject, repeats: int = 1) -> Times:
    """Time a world in turns, stage by stage, and side by side: one thread a stage, the median of the repetitions.

    Raises:
        RuntimeError: side by side made other bits.
    """
    with few_threads():
        first = subject.session().step(subject.controls[0], seed=0)
        subject.decode(first.latents[:, :2], {})  # both warm now
        rounds = [_round(subject) for _ in range(repeats)]
    return Times(rounds[0].frames, *(statistics.median(each) for each in list(zip(*rounds, strict=True))[1:]))


def _round(subject: Subject) -> Times:
    in_turns, (latents, frames) = _timed(lambda: _in_turns(subject))
    network, _ = _timed(lambda: _rolled(subject))
    decoder, _ = _timed(lambda: _decoded(subject, latents))
    side_by_side, (others, shown) = _timed(lambda: _side_by_side(subject))
    pairs = [*zip(latents, others, strict=True), *zip(frames, shown, strict=True)]
    if not all(torch.equal(one, other) for one, other in pairs):
        raise RuntimeError(f"{subject.title}: side by side made other bits than in turns")
    return Times(sum(piece.shape[2] for piece in frames), in_turns, network, decoder, side_by_side)


def _timed(work: Callable[[], object]) -> tuple[float, object]:
    began = time.perf_counter()
    made = work()
    return time.perf_counter() - began, made


def _in_turns(subject: Subject) -> tuple[list[Tensor], list[Tensor]]:
    session, memory, latents, frames = subject.session(), {}, [], []
    for rows in subject.controls:
        latents.append(session.step(rows, seed=0).latents)
        frames.append(subject.decode(latents[-1], memory))
    return latents, frames


def _rolled(subject: Subject) -> None:
    session = subject.session()
    for rows in subject.controls:
        session.step(rows, seed=0)


def _decoded(subject: Subject, latents: list[Tensor]) -> None:
    memory: Memory = {}
    for chunk in latents:
        subject.decode(chunk, memory)


def _side_by_side(subject: Subject) -> tuple[list[Tensor], list[Tensor]]:
    session, memory, latents, frames = subject.session(), {}, [], []
    with Beside(lambda chunk: subject.decode(chunk, memory)) as beside:
        for rows in subject.controls:
            latents.append(session.step(rows, seed=0).latents)
            beside.give(latents[-1])
            frames += beside.take()
        frames += beside.take_all()
    return latents, frames


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this benchmark's options."""
    usual = Setting()
    for name in ("width", "blocks", "heads", "vae-width", "chunks"):
        own = getattr(usual, name.replace("-", "_"))
        parser.add_argument(f"--{name}", type=int, default=own, help=f"of Matrix-Game 3.0's layout (default {own})")
    parser.add_argument("--grid", default="16x24", help="latents, height x width (default 16x24)")
    parser.add_argument("--repeats", type=int, default=1, help="counted repetitions (default 1)")
    parser.add_argument("--tiny-chunks", type=int, default=20, help="chunks of Tiny World (default 20)")


def report(options: argparse.Namespace) -> str:
    """Measure and return the table.

    Raises:
        ValueError: an option makes no sense.
    """
    setting = setting_of(options)
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    lines = [f"one CPU thread a stage, {os.cpu_count()} cores{load}; the same bits in turns and side by side"]
    for subject in (matrix_game_3(setting), tiny_world(options.tiny_chunks)):
        found = measure(subject, options.repeats)
        lines.append(f"{subject.title}: {len(subject.controls)} chunks, {found.frames} frames")
        for name, seconds in zip(found._fields[1:], found[1:], strict=True):
            words = f"{name.replace('_', ' ')}{' alone' if name in ('network', 'decoder') else ''}"
            lines.append(f"  {words:20s} {seconds:8.3f} s  {found.frames / seconds:8.2f} frames/s")
        met = "met" if found.ratio <= BAR else "MISSED"
        lines.append(f"  side by side / the slower stage alone {found.ratio:.3f}, at most {BAR}: {met}")
        lines.append(f"  in turns / side by side {found.in_turns / found.side_by_side:.3f}")
    return "\n".join(lines)


def setting_of(options: argparse.Namespace) -> Setting:
    """Return what the options ask for.

    Raises:
        ValueError: an option makes no sense.
    """
    counts = {name: getattr(options, name) for name in ("chunks", "repeats", "tiny_chunks", "blocks", "vae_width")}
    for name, count in counts.items():
        if count < 1:
            raise ValueError(f"--{name.replace('_', '-')}: found {count}, expected 1 or more.")
    if options.heads < 1 or options.width < 2 or options.width % (2 * options.heads):
        raise ValueError(
            f"--width, --heads: found {options.width}, {options.heads}, expected a width that is a multiple of twice "
            "the heads."
        )
    sides = options.grid.split("x")
    if len(sides) != 2 or not all(side.isdecimal() and int(side) and int(side) % 2 == 0 for side in sides):
        raise ValueError(f"--grid: found {options.grid!r}, expected two even numbers such as 16x24.")
    grid = int(sides[0]), int(sides[1])
    return Setting(options.width, options.blocks, options.heads, options.vae_width, grid, options.chunks)
