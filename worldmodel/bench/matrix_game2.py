"""`python -m worldmodel.bench matrix-game-2`: how fast Matrix-Game 2.0 runs here, on random weights of its layout.

The fast form and the plain form (`PlainCache`: everything made anew, everything concatenated) take turns in one run, so
that a ratio says something on any machine. At full size (`--width 1536 --depth 30 --heads 12 --grid 44x80`) the layers
are those of the release; smaller sizes keep their proportions.

Shapes: h, w latent grid.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..binding.bind import chunk_controls
from ..families.begin import begin, settings_of
from ..layers.cache import KVCache, PlainCache
from ..models.matrix_game2.conditions import chunk_step
from ..models.matrix_game2.network import MatrixGame2, Sizes
from ..rollout.samplers import Renoise
from ..rollout.session import Predict, bare
from ..vae.wan21 import Wan21VAE, from_model_space
from ..variants import VARIANTS
from ..world.state import Controls, Start, new_world

VARIANT = VARIANTS["matrix_game_2_universal"]
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
FULL = {"width": 1536, "depth": 30, "heads": 12, "grid": (44, 80), "vae_width": 96}
SMALL = {"width": 384, "depth": 8, "heads": 3, "grid": (16, 24), "vae_width": 16}
CLIP_TOKENS, CLIP_WIDTH = 257, 1280


class Setting(NamedTuple):
    """What is measured."""

    width: int
    depth: int
    heads: int
    grid: tuple[int, int]
    vae_width: int
    device: torch.device
    dtype: torch.dtype
    steps: int
    chunks: int
    compiled: bool


def build(setting: Setting) -> MatrixGame2:
    """Return a network with random weights: the release's proportions at this width and depth."""
    torch.manual_seed(0)
    return (
        MatrixGame2(
            Sizes(
                dim=setting.width,
                heads=setting.heads,
                ffn_dim=setting.width * 35 // 6,
                freq_dim=256,
                layers=setting.depth,
                context_dim=CLIP_WIDTH,
                keyboard_dim=4,
                keyboard_width=128,
                action_heads=max(1, setting.width // 96),
                action_blocks=range((setting.depth + 1) // 2),
                mouse=True,
            ),
            dtype=setting.dtype,
            device=setting.device,
        )
        .eval()
        .requires_grad_(False)
    )


def measure(setting: Setting) -> dict[str, float]:
    """Return seconds by stage, ratios, frames per second and bytes."""
    network = build(setting)
    found: dict[str, float] = {"parameters": sum(part.numel() for part in network.parameters())}
    if setting.compiled:
        compile_blocks(network)
    with torch.inference_mode():
        found |= _passes(setting, network)
        found |= _vae(setting)
    steps = setting.steps * found["denoising pass"] + found["clean pass"]
    frames = VARIANT.chunking.frames(1)
    found["frames/s, network"] = frames / steps
    found["frames/s, network and decoder"] = frames / (steps + found["decode a chunk"])
    found["peak bytes"] = peak_bytes(setting.device)
    return found


def compile_blocks(network: nn.Module, backend: str = "inductor") -> None:
    """Compile what lies between the attentions, which is the same for every block; the cache stays in Python."""
    for block in network.blocks:
        block.self_attn.project = torch.compile(block.self_attn.project, dynamic=False, backend=backend)
        block.feed_forward = torch.compile(block.feed_forward, dynamic=False, backend=backend)


def _passes(setting: Setting, network: MatrixGame2) -> dict[str, float]:
    """Time the passes of a chunk in the middle of a rollout, fast and plain in turns, then a rollout."""
    start, controls = start_of(setting)
    predict = bare(network)
    x = torch.randn(1, 16, VARIANT.chunking.later, *setting.grid, device=setting.device)
    caches = {
        "": KVCache(VARIANT.window, VARIANT.chunking.later),
        ", plainly": PlainCache(VARIANT.window, VARIANT.chunking.later),
    }
    step = chunk_step(VARIANT, start, None, controls[0], 0, setting.device)
    noisy = step.at(torch.tensor(714.0))
    times: dict[str, list[float]] = {}
    for number in range(5):
        for name, cache in caches.items():
            for kind, this in (("denoising pass", noisy), ("clean pass", step.clean())):
                seconds = timed(lambda this=this, cache=cache: predict(x, this._replace(cache=cache)), setting)
                if number > 1:  # the first two fill the cache and warm up
                    times.setdefault(kind + name, []).append(seconds)
    found = {name: statistics.median(values) for name, values in times.items()}
    found["plain / fast"] = found["denoising pass, plainly"] / found["denoising pass"]
    found["cache bytes"] = caches[""].bytes()
    found["rollout"] = timed(lambda: roll_out(setting, predict, start, controls), setting)
    found["frames/s, rollout"] = VARIANT.chunking.first_frame(setting.chunks) / found["rollout"]
    return found


def roll_out(setting: Setting, predict: Predict, start: Start, controls: list[Controls]) -> None:
    """Roll out the chunks through a session."""
    steps = tuple(1000 - 1000 * number // setting.steps for number in range(setting.steps))
    steps = VARIANT.steps if setting.steps == len(VARIANT.steps) else steps
    settings = settings_of(VARIANT)._replace(sampler=Renoise(steps, VARIANT.shift))
    session = begin(new_world(start), predict, settings=settings, device=setting.device, dtype=setting.dtype)
    for rows in controls:
        session.step(rows, seed=0)


def start_of(setting: Setting) -> tuple[Start, list[Controls]]:
    """Return a random start and forward-walking controls for the chunks."""
    generator = torch.Generator().manual_seed(0)
    condition = torch.randn(20, 30, *setting.grid, generator=generator)
    context = torch.randn(CLIP_TOKENS, CLIP_WIDTH, generator=generator)
    frames = VARIANT.chunking.first_frame(setting.chunks)
    keys = torch.tensor([1.0, 0, 0, 0]).expand(frames, 4)
    controls, _ = chunk_controls(Controls(keys, torch.zeros(frames, 2)), 0, VARIANT)
    return Start(VARIANT.name, VARIANT.latent_format, condition, context), controls


def _vae(setting: Setting) -> dict[str, float]:
    """Time the encoding of a start (a picture and 4 frames of grey) and the streamed decoding of a chunk."""
    torch.manual_seed(0)
    vae = Wan21VAE(width=setting.vae_width, dtype=setting.dtype, device=setting.device).eval().requires_grad_(False)
    vae.lay_out()
    place = {"dtype": setting.dtype, "device": setting.device}
    height, width = (8 * side for side in setting.grid)
    pixels = torch.zeros(1, 3, 5, height, width, **place)
    latents = from_model_space(torch.randn(1, 16, VARIANT.chunking.later, *setting.grid, **place))
    memory: dict[str, Tensor] = {}
    vae.decode(latents, memory)
    vae.encode(pixels)
    return {
        "encode 5 frames": timed(lambda: vae.encode(pixels), setting),
        "decode a chunk": statistics.median(timed(lambda: vae.decode(latents, memory), setting) for _ in range(3)),
    }


def timed(work: Callable[[], object], setting: Setting) -> float:
    """Return the seconds of `work`, to the end of what it started on the device."""
    if setting.device.type == "cuda":
        torch.cuda.synchronize(setting.device)
    begin = time.perf_counter()
    work()
    if setting.device.type == "cuda":
        torch.cuda.synchronize(setting.device)
    return time.perf_counter() - begin


def peak_bytes(device: torch.device) -> int:
    """Return the most memory held so far: the device's, or on the CPU the process's."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this benchmark's options."""
    parser.add_argument("--full", action="store_true", help="the released size (default on CUDA; elsewhere small)")
    for name in ("width", "depth", "heads", "vae-width"):
        parser.add_argument(f"--{name}", type=int, help="in place of the size's own")
    parser.add_argument("--grid", help="latents, height x width, such as 44x80")
    parser.add_argument("--device", default="cpu", help="cpu (default), cuda, ...")
    parser.add_argument("--dtype", choices=DTYPES, help="default fp32 on the CPU, else bf16")
    parser.add_argument("--steps", type=int, default=len(VARIANT.steps), help="denoising steps (default 3)")
    parser.add_argument("--chunks", type=int, default=3, help="chunks of the rollout (default 3)")
    parser.add_argument("--compile", action="store_true", help="compile the blocks with torch.compile")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads (default: torch's own choice)")


def setting_of(options: argparse.Namespace) -> Setting:
    """Return the setting that the options ask for.

    Raises:
        ValueError: an option makes no sense.
    """
    device = torch.device(options.device)
    sizes = dict(FULL if options.full or device.type == "cuda" else SMALL)
    sizes |= {name: getattr(options, name) for name in sizes if name != "grid" and getattr(options, name)}
    if options.grid:
        sides = options.grid.split("x")
        if len(sides) != 2 or not all(side.isdigit() and int(side) > 0 and int(side) % 2 == 0 for side in sides):
            raise ValueError(f"--grid: found {options.grid!r}, expected two even numbers such as 44x80.")
        sizes["grid"] = (int(sides[0]), int(sides[1]))
    if sizes["width"] % sizes["heads"] or sizes["width"] // sizes["heads"] % 2:
        raise ValueError(f"--heads: found {sizes['heads']}, expected a number that splits {sizes['width']} evenly.")
    if options.steps < 1 or options.chunks < 1:
        raise ValueError(f"--steps, --chunks: found {options.steps}, {options.chunks}, expected 1 or more.")
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError("--device: found cuda, expected a device that is here; use --device cpu.")
    dtype = DTYPES[options.dtype or ("fp32" if device.type == "cpu" else "bf16")]
    return Setting(
        **sizes, device=device, dtype=dtype, steps=options.steps, chunks=options.chunks, compiled=options.compile
    )


def report(setting: Setting, found: dict[str, float], as_json: bool) -> str:
    """Return the figures as text."""
    if as_json:
        plain = {name: str(value) for name, value in setting._asdict().items()}
        return json.dumps({"setting": plain, **{name: round(value, 6) for name, value in found.items()}})
    size = f"{setting.width} wide, {setting.depth} blocks, grid {setting.grid[0]}x{setting.grid[1]}"
    lines = [f"Matrix-Game 2.0, {size}, {setting.dtype}, {setting.device}, {torch.get_num_threads()} threads"]
    for name, value in found.items():
        if name.endswith("bytes"):
            lines.append(f"  {name:32s} {value / 1e6:10.1f} MB")
        elif name.startswith("frames/s") or "/" in name:
            lines.append(f"  {name:32s} {value:10.2f}")
        else:
            lines.append(
                f"  {name:32s} {value / 1e6:10.1f} M" if name == "parameters" else f"  {name:32s} {value:10.3f} s"
            )
    return "\n".join(lines)
