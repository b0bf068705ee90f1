"""The golden set of causal Wan worlds: single passes of the network, block after block on one cache.

Shapes: B batch, C channels, P latents of a block, T latents, h, w latent grid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from ..layers.camera_rays import ray_tokens
from ..layers.sink_cache import SinkCache
from ..models.causal_wan.conditions import Call
from ..models.causal_wan.network import CausalWan
from ..models.causal_wan.sizes import sizes_of
from ..models.shapes import network_of
from .report import Golden, Judge, Line, load_golden, padded
from .towers import Towers

NETWORK = 1e-5


def judge(path: Path, towers: Towers | None) -> list[Line]:
    """Return the lines of one file."""
    verdicts = Judge(f"gamecraft2/{path.stem}")
    CASES[path.stem](load_golden(path), verdicts)
    return verdicts.lines()


def is_case(path: Path) -> bool:
    """Tell whether a file of the set is judged here."""
    return path.suffix == ".safetensors" and path.stem in CASES


def network_from(golden: Golden) -> CausalWan:
    """Return a file's network, strictly loaded."""
    weights, told = golden.under("sd."), golden.config["model"]
    sizes = sizes_of({key: tuple(value.shape) for key, value in weights.items()}, heads=told["num_heads"])
    expected = {
        "dim": told["dim"], "ffn_dim": told["ffn_dim"], "freq_dim": told["freq_dim"], "layers": told["num_layers"],
        "text_dim": told["text_dim"], "in_dim": told["in_dim"], "channels": told["out_dim"],
    }  # fmt: skip
    assert sizes._asdict().items() >= expected.items(), "the sizes that were read are not the configuration's"
    return network_of(CausalWan, weights, sizes)


def text_of(golden: Golden, text: Tensor) -> Tensor:
    """Return a text (n, width) as the model reads it, (words, width)."""
    return padded(text, golden.config["model"]["text_len"])


class Told(NamedTuple):
    """What all passes over a recorded film share; latents (C, T, h, w)."""

    text: Tensor
    condition: Tensor | None = None
    rays: Tensor | None = None
    """(1, 384, T, h, w) packed."""

    def call(self, first: int, end: int, **more: Any) -> Call:
        """Return the call of latents first ... end - 1."""
        count = end - first
        return Call(
            timesteps=torch.zeros(1, count),
            positions=torch.arange(first, end),
            text=self.text[None],
            condition=None if self.condition is None else self.condition[None, :, first:end],
            rays=None if self.rays is None else ray_tokens(self.rays[:, :, first:end].contiguous()),
            **more,
        )


class Run(NamedTuple):
    """A film that was run block after block, two passes each."""

    noisy: Tensor
    clean: Tensor
    """(C, T, h, w)."""
    levels: Tensor
    """(blocks, P) of the noisy passes."""
    block: int
    window: int
    sink: int
    relative: bool = False


def passes(network: CausalWan, run: Run, told: Told, cache: SinkCache) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Yield each block's number and both of its velocities (C, P, h, w); the cache stands behind it then."""
    for number, levels in enumerate(run.levels):
        first, end = number * run.block, (number + 1) * run.block
        call = told.call(first, end, cache=cache, relative=run.relative)
        noisy = network(run.noisy[None, :, first:end], call=call._replace(timesteps=levels[None]))
        yield number, noisy[0], network(run.clean[None, :, first:end], call=call.clean())[0]


@torch.no_grad()
def _dit(golden: Golden, judge: Judge) -> None:
    """Run a camera model over a film, and its first block without a camera."""
    network, config, given = network_from(golden), golden.config, golden.tensors
    block = config["P"]
    levels = given["in.t"].float()[:, None].expand(-1, block)
    run = Run(given["in.x_noisy"], given["in.x_clean"], levels, block, config["window"], config["sink"])
    told = Told(text_of(golden, given["in.context"]), given["in.y"], given["in.cam384"])
    cache, tokens, ends = SinkCache(run.window, run.sink), config["tokens_per_frame"], []
    for number, noisy, clean in passes(network, run, told, cache):
        judge.compare("flow_noisy", noisy, given[f"out.chunk{number}.flow_noisy"], absolute=NETWORK)
        judge.compare("flow_clean", clean, given[f"out.chunk{number}.flow_clean"], absolute=NETWORK)
        ends.append([(number + 1) * block * tokens, cache.latents * tokens])
        _caches(judge, cache, golden.under(f"cache.chunk{number}."))
    judge.inform("cache.ends", torch.tensor(ends), given["cache.ends"])
    bare = told._replace(rays=None).call(0, block, cache=SinkCache(run.window, run.sink)).at(levels[0, 0])
    judge.compare("nocam", network(run.noisy[None, :, :block], call=bare)[0], given["out.nocam.flow"], absolute=NETWORK)


def _caches(judge: Judge, cache: SinkCache, theirs: dict[str, Tensor]) -> None:
    for name, buffer in theirs.items():
        part, block = name.split(".block")
        ours = cache.history((int(block), "self"))[0 if part == "k" else 1]
        judge.inform(f"cache.{part}", filled(ours, buffer.shape[1]), buffer)


def filled(entries: Tensor, room: int) -> Tensor:
    """Return entries (B, M, H, d) with zeros behind them, as the authors' buffers have."""
    return pad(entries, (0, 0, 0, 0, 0, room - entries.shape[1]))


@torch.no_grad()
def _basecam(golden: Golden, judge: Judge) -> None:
    """Run one pass in which all latents see each other."""
    given, frames = golden.tensors, golden.config["frames"]
    told = Told(text_of(golden, given["in.context"]), given["in.y"], given["in.cam384"])
    call = told.call(0, frames).at(given["in.t"][0].item())
    judge.compare("flow", network_from(golden)(given["in.x"][None], call=call)[0], given["out.flow"], absolute=NETWORK)


@torch.no_grad()
def _causal_dit(golden: Golden, judge: Judge) -> None:
    """Run a text model with each of the recorded caches."""
    network, config, given = network_from(golden), golden.config, golden.tensors
    told = Told(text_of(golden, given["in.context"][0]))
    film = given["in.x_noisy"][0], given["in.x_clean"][0], given["in.t"]
    plain = Run(*film, config["P"], config["window"], config["sink"])
    big, told_big = None, config["bigsink"]
    block = told_big["P"]
    levels = torch.full((told_big["blocks"], block), told_big["t_noisy"])
    big = Run(*film[:2], levels, block, told_big["window"], told_big["sink"])
    runs = {
        "selfforcing": plain, "infinity": plain._replace(relative=True), "window_nosink": plain._replace(sink=0),
        "bigsink_selfforcing": big, "bigsink_longlive": big,
    }  # fmt: skip
    for name, run in runs.items():
        if f"{name}.chunk0.flow_noisy" not in given:
            continue
        cache = SinkCache(run.window, run.sink)
        for number, *velocities in passes(network, run, told, cache):
            for part, ours in zip(("flow_noisy", "flow_clean"), velocities, strict=True):
                theirs = given[f"{name}.chunk{number}.{part}"][0]
                if name == "bigsink_longlive":  # a trap: it attends to slots that were never written
                    judge.inform(name, ours, theirs)
                else:
                    judge.compare(name, ours, theirs, absolute=NETWORK)
            _caches(judge, cache, golden.under(f"{name}.cache.chunk{number}."))


CASES: dict[str, Callable[[Golden, Judge], None]] = {
    "lingbot_dit": _dit,
    "lingbot_basecam": _basecam,
    "causal_dit": _causal_dit,
}
