"""`python -m worldmodel.bench vae --host COMFYUI`: the Wan 2.1 VAE beside the host's own, and its authors'.

All get the same random weights of the released widths, and take turns on one core: a film decoded in the chunks in
which it comes, an image with 4 frames of grey, and an image alone. Processor seconds count, the least of the rounds.
The default grid is small in width only, so that the kernels are those which the released size meets.

Shapes: T latents of h x w, F frames of H x W pixels.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..layers.threads import few_threads
from ..vae.causal import Memory
from ..vae.wan21 import Wan21VAE
from .matrix_game2 import DTYPES

CHUNK = 3
SIDE = 8
WIDTH = 96
AGREES = {torch.float32: 1e-4, torch.bfloat16: 0.06, torch.float16: 0.01}
"""Largest relative distance of what comes out."""
AUTHORS = "wan/modules/vae.py"


class Other(NamedTuple):
    """A VAE that ours stands beside."""

    name: str
    encode: Callable[[Tensor], Tensor]
    decode: Callable[[Tensor], Tensor]


class Row(NamedTuple):
    """What was measured: seconds of ours and theirs, and how far apart the results are."""

    name: str
    ours: float
    theirs: float
    apart: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this benchmark's options."""
    parser.add_argument("--host", type=Path, help="a folder with ComfyUI, to stand beside its own VAE")
    parser.add_argument("--authors", type=Path, help=f"a folder with the authors' {AUTHORS}, to stand beside theirs")
    parser.add_argument("--dtype", choices=DTYPES, default="fp32", help="precision (default fp32)")
    parser.add_argument("--grid", default="18x8", help="latents, height x width (default 18x8; released 44x80)")
    parser.add_argument("--width", type=int, default=WIDTH, help=f"of the finest level (default {WIDTH}, as released)")
    parser.add_argument("--latents", type=int, default=2 * CHUNK, help=f"of the film (default {2 * CHUNK})")
    parser.add_argument("--rounds", type=int, default=3, help="counted turns of each (default 3)")


def report(options: argparse.Namespace) -> str:
    """Measure and return the table.

    Raises:
        ValueError: an option makes no sense.
    """
    grid = _grid(options.grid)
    for name in ("width", "latents", "rounds"):
        if getattr(options, name) < 1:
            raise ValueError(f"--{name}: found {getattr(options, name)}, expected 1 or more.")
    if options.host is None and options.authors is None:
        raise ValueError("--host, --authors: found neither, expected a folder to stand beside; name ComfyUI's.")
    dtype = DTYPES[options.dtype]
    torch.manual_seed(0)
    ours = Wan21VAE(width=options.width).eval().requires_grad_(False)
    makers = {"the host's own": (options.host, hosts_vae), "the authors'": (options.authors, authors_vae)}
    lines = [f"Wan 2.1 VAE, {options.width} wide, latents {options.grid}, {options.dtype}, one thread"]
    with few_threads(), torch.inference_mode():
        others = [Other(name, *make(folder, ours, dtype)) for name, (folder, make) in makers.items() if folder]
        ours = ours.to(dtype).lay_out()
        draw = torch.Generator().manual_seed(1)
        latents = torch.randn(1, 16, options.latents, *grid, generator=draw).to(dtype)
        pixels = (torch.rand(1, 3, 5, *(SIDE * side for side in grid), generator=draw) * 2 - 1).to(dtype)
        pixels[:, :, 1:] = 0
        for other in others:
            lines.append(f"beside {other.name}")
            short = "host" if other.name.startswith("the host") else "authors"
            for row in rows_of(ours, other, latents, pixels, options.rounds):
                if not row.apart <= AGREES[dtype]:
                    raise ValueError(
                        f"{row.name}: the results differ by {row.apart:.1e}, expected {AGREES[dtype]:.0e}."
                    )
                lines.append(f"  {row.name:24s} {row.theirs:8.3f} s {row.ours:8.3f} s   apart {row.apart:.0e}")
                name = f"{short}-{options.dtype}-{row.name.replace(' ', '-')}"
                lines.append(f"ratio {name} {row.theirs / row.ours:.2f}")
    return "\n".join(lines)


def rows_of(ours: Wan21VAE, other: Other, latents: Tensor, pixels: Tensor, rounds: int) -> list[Row]:
    """Measure all that is measured, ours and another in turns."""

    def streamed() -> Tensor:
        memory: Memory = {}
        return torch.cat([ours.decode(piece, memory) for piece in latents.split(CHUNK, dim=2)], dim=2)

    works = {
        "streamed decode": (streamed, lambda: other.decode(latents).clamp(-1, 1)),
        "image and grey": (lambda: ours.encode(pixels), lambda: other.encode(pixels)),
        "one image": (lambda: ours.encode(pixels[:, :, :1]), lambda: other.encode(pixels[:, :, :1])),
    }
    rows = []
    for name, pair in works.items():
        made = [work() for work in pair]
        apart = ((made[0] - made[1]).float().norm() / made[1].float().norm()).item()
        taken = [[_seconds(work) for work in pair] for _ in range(rounds)]
        rows.append(Row(name, *(min(column) for column in zip(*taken, strict=True)), apart))
    return rows


def _seconds(work: Callable[[], object]) -> float:
    begin = time.thread_time()
    work()
    return time.thread_time() - begin


def _grid(text: str) -> tuple[int, int]:
    sides = text.split("x")
    if len(sides) != 2 or not all(side.isdigit() and 0 < int(side) < 1000 for side in sides):
        raise ValueError(f"--grid: found {text!r}, expected height x width in latents, such as 18x8.")
    return int(sides[0]), int(sides[1])


def _filled(network: nn.Module, ours: Wan21VAE, dtype: torch.dtype) -> Any:
    network.load_state_dict(ours.state_dict())
    return network.to(dtype).eval().requires_grad_(False)


def hosts_vae(folder: Path, ours: Wan21VAE, dtype: torch.dtype) -> tuple[Callable, Callable]:
    """Return encode and decode of ComfyUI's own VAE with our weights.

    Raises:
        ValueError: there is no ComfyUI, or a package of its is missing.
    """
    if not (folder / "comfyui_version.py").is_file():
        raise ValueError(f"--host: found no ComfyUI in {folder}, expected the folder that holds main.py.")
    sys.path.insert(0, str(folder.resolve()))
    try:
        importlib.import_module("comfy.cli_args").args.cpu = True  # read by the host's other modules as they are loaded
        network = importlib.import_module("comfy.ldm.wan.vae").WanVAE
    except ImportError as error:
        raise ValueError(
            f"--host: found no package {error.name!r}, expected those of ComfyUI; use its Python."
        ) from error
    host = _filled(network(dim=ours.width, z_dim=16, temperal_downsample=[False, True, True]), ours, dtype)
    return host.encode, host.decode


def authors_vae(folder: Path, ours: Wan21VAE, dtype: torch.dtype) -> tuple[Callable, Callable]:
    """Return encode and decode of the authors' VAE with our weights.

    Raises:
        ValueError: their code is not there.
    """
    path = folder / AUTHORS
    if not path.is_file():
        raise ValueError(f"--authors: found no {AUTHORS} in {folder}, expected the folder of Matrix-Game-2.")
    spec = importlib.util.spec_from_file_location("authors_vae", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    theirs = _filled(module.WanVAE_(dim=ours.width, z_dim=16, temperal_downsample=[False, True, True]), ours, dtype)
    scale = [0, 1]

    def decode(latents: Tensor) -> Tensor:
        theirs.clear_cache()
        return torch.cat([theirs.cached_decode(piece, scale) for piece in latents.split(CHUNK, dim=2)], dim=2)

    return lambda pixels: theirs.encode(pixels, scale), decode
