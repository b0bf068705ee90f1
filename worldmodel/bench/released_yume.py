"""Yume 1.5 without numbers, and a chunk in the middle of a rollout: what `count` counts of it.

Shapes: h, w latent grid, N tokens of a pass, of which H are the history's.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..layers.kept import Kept
from ..models.yume.conditions import Call, Cuts, History
from ..models.yume.history import plan_of
from ..models.yume.network import Yume
from ..models.yume.sizes import PATCH, Sizes
from ..models.yume.start_frames import STANDING
from ..vae.wan22 import Wan22VAE
from .released import Form, Model, Pass
from .yume import NEW, RELEASED, WORDS, Setting, flop, levels, tokens_of

HISTORY = 101
"""Latents behind the chunk that is counted, as after twelve chunks."""


def yume(form: Form, sizes: Sizes = RELEASED, vae_widths: tuple[int, int] = (160, 256)) -> Model:
    """Return Yume 1.5 in a form, or a smaller one."""
    network = Yume(sizes, **form.place).eval().requires_grad_(False)
    encoder, decoder = vae_widths
    vae = Wan22VAE(encoder_width=encoder, decoder_width=decoder, **form.place).requires_grad_(False)
    grid = tuple(side // 16 for side in form.picture)
    x, latents = form.nothing(1, sizes.channels, NEW, *grid), form.nothing(sizes.channels, HISTORY, *grid)
    text, known = form.nothing(1, WORDS, sizes.text_dim), Cuts()

    def call(history: int, cuts: Cuts) -> Call:
        told, times = (
            History((latents[:, :history],), range(history)),
            torch.zeros(1, history + NEW, dtype=torch.float64),
        )
        kept, said = (Kept(), Kept()) if form.kept else (None, None)
        return Call(told, plan_of(history), text, times, kept, said, cuts)

    def run(told: Call, level: float) -> Tensor:
        return network(x, call=told.at(level))

    def chunk() -> Call:
        told = call(HISTORY, known)
        for level in levels():
            run(told, level)
        return told

    first, later, *_ = levels()
    again = call(HISTORY, Cuts())
    bound, once = bounds(sizes, grid)
    passes = [Pass("later pass", lambda: run(again, first), lambda: run(again, later), bound)]
    before = call(HISTORY - NEW, known)
    return Model(
        "Yume 1.5", form, network, vae, "UMT5-XXL", passes, lambda: network.tokens(x, before), chunk,
        len(levels()) * bound + once, lambda: vae.encode(form.nothing(1, 3, STANDING, *form.picture), {}),
        lambda: (memory := {}, vae.decode(form.nothing(1, sizes.channels, NEW, *grid), memory)),
    )  # fmt: skip


def bounds(sizes: Sizes, grid: tuple[int, int]) -> tuple[int, int]:
    """Return the least that a pass takes, and what a chunk takes once.

    The first block's queries, keys and values of the history are the same in every step, and so is all that is made of
    the words; what a latent of the history is cut into was made before.
    """
    setting = Setting(sizes, grid, torch.device("meta"), torch.bfloat16, 1)
    tokens = tokens_of(setting, plan_of(HISTORY))
    new = NEW * (grid[0] // PATCH[1]) * (grid[1] // PATCH[2])
    dim, ends = sizes.dim, 2 * new * sizes.channels * PATCH[1] * PATCH[2]
    begin = 2 * 3 * dim * dim * (tokens - new) if sizes.layers > 1 else 0
    words = 2 * WORDS * (sizes.text_dim * dim + dim * dim + sizes.layers * 2 * dim * dim)
    return flop(setting, tokens) + 2 * ends * dim - begin, words + begin
