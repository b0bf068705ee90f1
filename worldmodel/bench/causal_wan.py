"""A block of LingBot-World with a full window: how long it takes, and what a cache in 8 bits does to it.

Random weights: time does not depend on them. The error of a cache is measured in two ways. *Given*: at every so many
blocks of a rollout in float32 the past is stored in 8 bits, or in bfloat16, and the block's velocity is compared.
*Free*: a rollout of its own from the same noise, whose blocks are compared with those of the rollout in float32.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..layers.int8_cache import Int8Cache
from ..layers.kept import Kept
from ..layers.sink_cache import SinkCache
from ..models.causal_wan.conditions import Call
from ..models.causal_wan.network import CausalWan
from ..models.causal_wan.sizes import PATCH, Sizes
from ..rollout.lookups import Lookups
from ..rollout.sampling import seeded_draws
from ..rollout.session import bare
from ..vae.wan21 import Wan21VAE
from ..variants import VARIANTS, Variant
from .matrix_game2 import peak_bytes
from .released_causal_wan import LINGBOT_1_3B, LINGBOT_14B, PICTURE
from .yume import clock

MODELS = {"1.3b": (LINGBOT_1_3B, "lingbot_2_1_3b"), "14b": (LINGBOT_14B, "lingbot_2_14b")}
SMALL = LINGBOT_1_3B._replace(dim=384, ffn_dim=1152, layers=4, heads=3)
TINY = Sizes(dim=64, ffn_dim=96, freq_dim=32, layers=3, text_dim=20, in_dim=36, channels=16, cell=8, heads=2)
TINY_GRID, SMALL_GRID = (4, 6), (32, 48)
EVERY = 50


class Setting(NamedTuple):
    """What is measured."""

    sizes: Sizes
    variant: Variant
    grid: tuple[int, int]
    device: torch.device
    dtype: torch.dtype
    words: int


class Rows(NamedTuple):
    """A block with a full window.

    Args:
        seconds: of its passes, the clean one included.
        decode: seconds of decoding it; `None`: not measured.
        frames: of film that it is.
        cache: bytes of keys and values, as computed and in 8 bits.
        peak: bytes held at most so far.
    """

    seconds: float
    decode: float | None
    frames: int
    cache: tuple[int, int]
    peak: int


def build(setting: Setting) -> CausalWan:
    """Return a network with random weights."""
    torch.manual_seed(0)
    network = CausalWan(setting.sizes, dtype=setting.dtype, device=setting.device)
    return network.eval().requires_grad_(False)


class Told:
    """What every block is told, at random; the same for every rollout."""

    def __init__(self, setting: Setting):
        """Draw a text."""
        self._setting = setting
        self._text = self._drawn(0, 1, setting.words, setting.sizes.text_dim)

    def call(self, index: int, cache: SinkCache) -> Call:
        """Return the call of block `index`."""
        setting, block = self._setting, self._setting.variant.chunking.later
        sizes, grid, device = setting.sizes, setting.grid, setting.device
        tokens = block * (grid[0] // PATCH[1]) * (grid[1] // PATCH[2])
        values = 6 * sizes.cell * sizes.cell * PATCH[1] * PATCH[2]
        return Call(
            torch.zeros(1, block), torch.arange(index * block, (index + 1) * block, device=device), self._text,
            self._drawn(2 * index + 1, 1, 20, block, *grid), self._drawn(2 * index + 2, 1, tokens, values),
            cache=cache, kept=Kept(),
        )  # fmt: skip

    def noise(self, index: int) -> Any:
        """Yield the draws of a block."""
        block = self._setting.variant.chunking.later
        draws = seeded_draws(7, index, (self._setting.sizes.channels, block, *self._setting.grid))
        return (draw.to(self._setting.device) for draw in draws)

    def _drawn(self, seed: int, *shape: int) -> Tensor:
        draw = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
        return draw.to(self._setting.device, self._setting.dtype)


class Roll:
    """A rollout block by block on a cache of its own."""

    def __init__(self, setting: Setting, network: CausalWan, cache: SinkCache):
        """Begin."""
        self.cache, self._told, self._predict = cache, Told(setting), bare(network)
        self._sampler = Lookups(setting.variant.steps, setting.variant.shift)

    def block(self, index: int) -> Tensor:
        """Denoise a block, and run its clean pass; return its latents."""
        call = self._told.call(index, self.cache)
        latents = self._sampler.sample(lambda x, t: self._predict(x[None], call.at(t))[0], self._told.noise(index))
        self._predict(latents[None], call.clean())
        return latents

    def velocity(self, index: int, cache: SinkCache) -> Tensor:
        """Return the velocity of a block's first pass with another past."""
        call = self._told.call(index, cache).at(self._sampler.levels().timesteps[0])
        return self._predict(next(self._told.noise(index))[None], call)


def like(cache: SinkCache, kind: type[SinkCache], dtype: torch.dtype | None = None) -> SinkCache:
    """Return a cache of another kind that holds what this one does; rounded to `dtype` first, where one is given."""
    made, latents = kind(cache.window, cache.sink), cache.latents
    for slot in cache.slots:
        pair = tuple(part if dtype is None else part.to(dtype).to(part.dtype) for part in cache.history(slot))
        made.extend(slot, *pair, per_latent=pair[0].shape[1] // latents, commit=True)
    return made


def measure(setting: Setting, blocks: int, decoder: int = 0) -> Rows:
    """Time blocks with a full window.

    Args:
        blocks: counted repetitions.
        decoder: width of the VAE; 0: nothing is decoded.
    """
    variant, times = setting.variant, []
    with torch.inference_mode():
        roll = Roll(setting, build(setting), SinkCache(variant.window, variant.sink))
        warm = -(-variant.window // variant.chunking.later) + 1
        for index in range(warm + blocks):
            begin = clock(setting.device)
            roll.block(index)
            times.append(clock(setting.device) - begin)
        packed = like(roll.cache, Int8Cache).history_bytes()
        decode = _decode_seconds(setting, decoder, blocks) if decoder else None
    seconds, caches = statistics.median(times[warm:]), (roll.cache.history_bytes(), packed)
    return Rows(seconds, decode, variant.chunking.frames(1), caches, peak_bytes(setting.device))


def _decode_seconds(setting: Setting, width: int, repeats: int) -> float:
    vae = Wan21VAE(width=width, dtype=setting.dtype, device=setting.device).eval().requires_grad_(False)
    latents = torch.randn(1, 16, setting.variant.chunking.later, *setting.grid, device=setting.device)
    memory, times = {}, []
    for _ in range(repeats + 1):
        begin = clock(setting.device)
        vae.decode(latents.to(setting.dtype), memory)
        times.append(clock(setting.device) - begin)
    return statistics.median(times[1:])


def errors(setting: Setting, blocks: int, every: int = EVERY) -> dict[str, Any]:
    """Roll out in float32, and measure what 8 bits and bfloat16 do to it; see the module.

    Returns:
        `given`: rows of block, error of int8, error of bfloat16, relative L2 norms; `free`: rows of block and error of
        int8; `ratio`: the largest of int8's given errors over bfloat16's.
    """
    network, variant = build(setting), setting.variant
    given, free = [], []
    with torch.inference_mode():
        exact = Roll(setting, network, SinkCache(variant.window, variant.sink))
        packed = Roll(setting, network, Int8Cache(variant.window, variant.sink))
        for index in range(blocks):
            if index and index % every == 0:
                whole = exact.velocity(index, like(exact.cache, SinkCache))
                pair = like(exact.cache, Int8Cache), like(exact.cache, SinkCache, torch.bfloat16)
                given.append((index, *(_off(exact.velocity(index, cache), whole) for cache in pair)))
            mine, theirs = packed.block(index), exact.block(index)
            if index % every == every - 1:
                free.append((index + 1, _off(mine, theirs)))
    return {"given": given, "free": free, "ratio": max((row[1] / row[2] for row in given), default=0.0)}


def _off(one: Tensor, other: Tensor) -> float:
    return ((one - other).norm() / other.norm()).item()


def cache_share(heads: int = 12, size: int = 128) -> float:
    """Return the bytes of a cache in 8 bits as a share of bfloat16's, at heads of that size."""
    pair = torch.zeros(1, 4, heads, size, dtype=torch.bfloat16)
    caches = SinkCache(4), Int8Cache(4)
    for cache in caches:
        cache.extend(0, pair, pair, per_latent=1, commit=True)
    plain, packed = (cache.history_bytes() for cache in caches)
    return packed / plain


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this benchmark's options."""
    parser.add_argument("--full", action="store_true", help="the released sizes and their decoder, on a card")
    parser.add_argument("--model", choices=MODELS, help="of the released sizes (default: both)")
    parser.add_argument("--device", default="cpu", help="cpu (default), cuda, ...")
    parser.add_argument("--blocks", type=int, default=3, help="blocks that are timed (default 3)")
    parser.add_argument("--int8", type=int, default=0, metavar="BLOCKS", help="measure a cache in 8 bits over so many")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default 1: its own time counts)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def report(options: argparse.Namespace) -> str:
    """Measure and return the table.

    Raises:
        ValueError: an option makes no sense.
    """
    if options.blocks < 1 or options.int8 < 0:
        raise ValueError(f"--blocks, --int8: found {options.blocks}, {options.int8}, expected at least 1 and 0.")
    device = torch.device(options.device)
    dtype = torch.bfloat16 if device.type != "cpu" else torch.float32
    small = VARIANTS["lingbot_2_1_3b"]
    found: dict[str, Any] = {}
    if options.full:
        grid = tuple(side // 8 for side in PICTURE)
        for name in [options.model] if options.model else MODELS:
            sizes, variant = MODELS[name]
            setting = Setting(sizes, VARIANTS[variant], grid, device, dtype, 512)
            found[f"LingBot-World 2 {name}, {PICTURE[1]} x {PICTURE[0]}"] = measure(setting, options.blocks, 96)
    else:
        for title, sizes, grid in (("384 wide, 4 blocks", SMALL, SMALL_GRID), ("the goldens' size", TINY, TINY_GRID)):
            setting = Setting(sizes, small, grid, device, dtype, 512)
            found[f"{title}, {grid[0]} x {grid[1]} latents"] = measure(setting, options.blocks)
    figures: dict[str, Any] = {"blocks": {title: row._asdict() for title, row in found.items()}}
    figures["int8 bytes beside bf16, heads of 128"] = cache_share()
    if options.int8:
        setting = Setting(TINY, small, TINY_GRID, device, torch.float32, 12)
        figures["int8"] = errors(setting, options.int8)
    return json.dumps(figures) if options.json else "\n".join(_lines(figures))


def _lines(figures: dict[str, Any]) -> Iterable[str]:
    for title, row in figures["blocks"].items():
        rate = row["frames"] / row["seconds"]
        yield f"{title}: a block with a full window {row['seconds']:.3f} s, {rate:.2f} frames/s"
        if row["decode"]:
            both = row["frames"] / (row["seconds"] + row["decode"])
            yield f"  decoded in {row['decode']:.3f} s; {both:.2f} frames/s with it, one after the other"
        plain, packed = row["cache"]
        bytes_ = f"keys and values {plain / 1e6:.1f} MB, in 8 bits {packed / 1e6:.1f} MB"
        yield f"  {bytes_}; peak {row['peak'] / 1e6:.0f} MB"
    yield f"8 bits take {figures['int8 bytes beside bf16, heads of 128']:.3f} of bfloat16's bytes at heads of 128"
    if "int8" in figures:
        for index, packed, rounded in figures["int8"]["given"]:
            yield f"  block {index:4d}, past given: int8 {packed:.2e}, bf16 {rounded:.2e}, {packed / rounded:.2f} x"
        for index, off in figures["int8"]["free"]:
            yield f"  block {index:4d}, free: {off:.2e}"
        yield f"at most {figures['int8']['ratio']:.2f} x what bfloat16 makes"
