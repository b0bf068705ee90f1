"""LingBot-World without numbers, and a block in the middle of a rollout: what `count` counts of it.

Shapes: h, w latent grid, N tokens of a block, M those of the window.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from ..layers.int8_cache import Int8Cache
from ..layers.kept import Kept
from ..layers.sink_cache import SinkCache
from ..models.causal_wan.conditions import Call
from ..models.causal_wan.network import CausalWan
from ..models.causal_wan.sizes import PATCH, Sizes
from ..rollout.lookups import Lookups
from ..rollout.unipc import UniPC
from ..vae.wan21 import Wan21VAE
from ..variants import VARIANTS, Variant
from .released import Form, Model, Pass

LINGBOT_1_3B = Sizes(
    dim=1536, ffn_dim=8960, freq_dim=256, layers=30, text_dim=4096, in_dim=36, channels=16, cell=8, heads=12
)
LINGBOT_14B = LINGBOT_1_3B._replace(dim=5120, ffn_dim=13824, layers=40, heads=40)
PICTURE = 464, 832


def lingbot_1_3b(form: Form, sizes: Sizes = LINGBOT_1_3B, vae_width: int = 96) -> Model:
    """Return LingBot-World 2 1.3B in a form, or a smaller network of other sizes."""
    return _lingbot(form, VARIANTS["lingbot_2_1_3b"], sizes, vae_width)


def lingbot_14b(form: Form) -> Model:
    """Return LingBot-World 2 14B in a form."""
    return _lingbot(form, VARIANTS["lingbot_2_14b"], LINGBOT_14B, 96)


def base_cam(form: Form, sizes: Sizes = LINGBOT_14B, vae_width: int = 96) -> Model:
    """Return LingBot-World base-cam in a form: two experts that make a clip at once, told and untold in every step."""
    variant = VARIANTS["lingbot_base_cam"]
    network = CausalWan(sizes, **form.place).eval().requires_grad_(False)
    vae = Wan21VAE(width=vae_width, **form.place).eval().requires_grad_(False)
    grid, latents = tuple(side // 8 for side in form.picture), variant.chunking.later
    told, x = call_of(form, sizes, variant, grid), form.nothing(1, sizes.channels, latents, *grid)
    levels = UniPC(*variant.steps, variant.shift).levels().timesteps.tolist()

    def step(call: Call, level: float) -> None:
        for each in (call, call.null()):
            network(x, call=each.at(level))

    def chunk() -> tuple[Call, Call]:
        calls = told(), told()  # each expert keeps what it made in its first step
        for call, level in zip(calls, (levels[0], levels[-1]), strict=True):
            step(call, level)
        return calls

    one = told()
    bound, once = bounds(sizes, replace(variant, window=latents), grid)
    return Model(
        variant.title, form, network, vae, "UMT5-XXL",
        [Pass("later step, told and untold", lambda: step(one, levels[0]), lambda: step(one, levels[1]), 2 * bound)],
        lambda: None, chunk, 2 * len(levels) * bound + 2 * once,
        lambda: vae.encode(form.nothing(1, 3, variant.chunking.frames(0), *form.picture), {}),
        lambda: (memory := {}, vae.decode(form.nothing(1, sizes.channels, latents, *grid), memory)),
        again=len(levels) - 2, experts=2,
    )  # fmt: skip


def _lingbot(form: Form, variant: Variant, sizes: Sizes, vae_width: int) -> Model:
    network = CausalWan(sizes, **form.place).eval().requires_grad_(False)
    vae = Wan21VAE(width=vae_width, **form.place).eval().requires_grad_(False)
    grid = tuple(side // 8 for side in form.picture)
    block, frames = variant.chunking.later, variant.chunking.frames(0)
    cache = (Int8Cache if form.packed else SinkCache)(variant.window, variant.sink)
    told = call_of(form, sizes, variant, grid)
    x = form.nothing(1, sizes.channels, block, *grid)
    first, later, *_ = timesteps = Lookups(variant.steps, variant.shift).levels().timesteps.tolist()
    blocks = -(-variant.window // block)

    def run(level: float, call: Call) -> Tensor:
        return network(x, call=call._replace(cache=cache).at(level))

    def clean(call: Call) -> Tensor:
        return network(x, call=call._replace(cache=cache).clean())

    def fill() -> None:
        while cache.latents < variant.window:
            clean(told())
        for level in timesteps:  # what holds for the whole rollout is made once
            run(level, told())

    def chunk() -> Call:
        call = told()
        for level in timesteps:
            run(level, call)
        clean(call)
        return call

    one = told()
    bound, once = bounds(sizes, variant, grid)
    passes = [Pass("later pass", lambda: (fill(), run(first, one)), lambda: run(later, one), bound)]
    assert blocks * block >= variant.window
    return Model(
        variant.title, form, network, vae, "UMT5-XXL", passes, fill, chunk, (len(timesteps) + 1) * bound + once,
        lambda: vae.encode(form.nothing(1, 3, frames, *form.picture), {}),
        lambda: (memory := {}, vae.decode(form.nothing(1, sizes.channels, block, *grid), memory)),
    )  # fmt: skip


def call_of(form: Form, sizes: Sizes, variant: Variant, grid: tuple[int, int]) -> Callable[[], Call]:
    """Return what makes the call of a block without numbers."""
    block = variant.chunking.later
    tokens = block * (grid[0] // PATCH[1]) * (grid[1] // PATCH[2])
    values = 6 * sizes.cell * sizes.cell * PATCH[1] * PATCH[2]
    text = form.nothing(1, variant.text.words, sizes.text_dim)
    condition, rays = form.nothing(1, 20, block, *grid), form.nothing(1, tokens, values)

    def call() -> Call:
        clip = Kept()
        return Call(
            torch.zeros(1, block), form.nothing(block, dtype=torch.int64), text, condition, rays,
            kept=clip.part("clip") if form.kept else None, negative=text if variant.text.negative else None,
            said=clip.part("said") if variant.window == 0 else None,
        )  # fmt: skip

    return call


def bounds(sizes: Sizes, variant: Variant, grid: tuple[int, int]) -> tuple[int, int]:
    """Return the least that a pass takes, and what a block takes once: the camera's part."""
    dim, patch = sizes.dim, PATCH[1] * PATCH[2]
    per_latent = grid[0] // PATCH[1] * (grid[1] // PATCH[2])
    tokens, window = variant.chunking.later * per_latent, variant.window * per_latent
    attention = 4 * tokens * dim * (window + variant.text.words)
    each = 2 * tokens * dim * (6 * dim + 2 * sizes.ffn_dim) + attention
    ends = 2 * tokens * dim * patch * (sizes.in_dim + sizes.channels)
    values = 6 * sizes.cell * sizes.cell * patch
    camera = 2 * tokens * dim * (values + 2 * dim + 4 * dim * sizes.layers)
    return sizes.layers * each + ends, camera
