"""How fast a network is beside its authors' own: `python scripts/beside_authors.py --authors FOLDER matrix-game-3`.

FOLDER holds the authors' public code (github.com/SkyworkAI/Matrix-Game, its folder Matrix-Game-3), which is fetched by
whoever runs this; none of it is in this repository. Both get the same random weights and inputs and run a later clip's
denoising pass in float32, in turns, on one core; both answers must agree. Kernels and bytes are counted as `python -m
worldmodel.bench count` does, at the released size without numbers: in float32, and as released, in bfloat16 with what
their autocast computes in float32. Their attention, which needs a GPU, is replaced by
torch's own for them as for us, and what they import but do not need here is left empty.
"""

from __future__ import annotations

import argparse
import importlib
import os
import statistics
import sys
import time
import types
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from comfy_host import HostError
from environment import run_inside, say
from torch import Tensor, nn
from torch.nn.functional import linear, scaled_dot_product_attention

from worldmodel.bench.counting import Cost, counted
from worldmodel.layers.kept import Kept
from worldmodel.models.matrix_game3.conditions import Call, Clip, Fetched, clip_call
from worldmodel.models.matrix_game3.network import MatrixGame3
from worldmodel.models.matrix_game3.sizes import sizes_of

NEEDED = [f"wan/modules/{name}.py" for name in ("model", "action_module", "posemb_layers", "attention")]
AGREES = 1e-5
"""Largest relative distance of the answers."""
TIMESTEP = 908.0


class Size(NamedTuple):
    """What is compared.

    Args:
        dim, heads, blocks, ffn, acting: of the network; `acting` blocks have an action module.
        action: width and heads of the action modules.
        turned: numbers of an action head that turn with time, row and column.
        text: width and number of words.
        grid: latents, height and width.
        frequencies: numbers of a timestep.
        embedded: numbers that a frame's keys are made into.
        memory, past, new: latents of a pass.
    """

    dim: int
    heads: int
    blocks: int
    ffn: int
    acting: tuple[int, ...]
    action: tuple[int, int]
    turned: tuple[int, int, int]
    text: tuple[int, int]
    grid: tuple[int, int]
    frequencies: int = 256
    embedded: int = 128
    memory: int = 5
    past: int = 4
    new: int = 10


TINY = Size(
    48, 3, 3, 64, (0, 1), (32, 2), (4, 6, 6), (24, 12), (4, 6), frequencies=32, embedded=8, memory=3, past=2, new=4
)
MIDDLE = Size(384, 3, 12, 1792, tuple(range(6)), (256, 4), (8, 28, 28), (4096, 512), (16, 24))
RELEASED = Size(3072, 24, 30, 14336, tuple(range(15)), (1024, 16), (8, 28, 28), (4096, 512), (44, 80))
CASES = (
    ("the goldens' size, float32", TINY, torch.float32),
    ("384 wide, float32", MIDDLE, torch.float32),
    ("the released size, float32", RELEASED, torch.float32),
    ("the released size, bfloat16 as released", RELEASED, torch.bfloat16),
)
STEPS = 3


def authors_class(folder: Path, needed: str, address: str, module: str, name: str) -> type[nn.Module]:
    """Return a network class of authors who build on diffusers, able to run on a CPU.

    Args:
        folder: of their code.
        needed: a file that is there, below it.
        address: where their code is to be had.
        module: that holds the class, importable from the folder.
        name: of the class.

    Raises:
        HostError: the folder holds no such code.
    """
    if not (folder / needed).is_file():
        raise HostError(
            f"--authors: found no {needed} in {folder}, expected the authors' code; fetch {address} and name its "
            "folder."
        )
    packages = module.split(".")[:-1]
    above = [".".join(packages[: deep + 1]) for deep in range(len(packages))]
    plain = type("ConfigMixin", (), {})
    stands = {
        **{package: {"__path__": [str(folder / package.replace(".", "/"))]} for package in above},
        "diffusers": {},
        "diffusers.configuration_utils": {"ConfigMixin": plain, "register_to_config": lambda function: function},
        "diffusers.models": {},
        "diffusers.models.modeling_utils": {"ModelMixin": type("ModelMixin", (nn.Module,), {})},
    }
    for package, members in stands.items():
        sys.modules[package] = types.ModuleType(package)
        vars(sys.modules[package]).update(members)
    warnings.filterwarnings("ignore")
    theirs = importlib.import_module(module)
    for attention in ("flash_attention", "attention"):
        if hasattr(theirs, attention):
            setattr(theirs, attention, attend)
    return getattr(theirs, name)


def authors_model(folder: Path, device: str, dtype: torch.dtype) -> Callable[..., nn.Module]:
    """Return the authors' network class, able to run on a CPU.

    Args:
        folder: of their code.
        device: where it runs.
        dtype: what their bfloat16 is.

    Raises:
        HostError: the folder holds no such code.
    """
    root = next((place for place in (folder, folder / "Matrix-Game-3") if (place / NEEDED[0]).is_file()), None)
    lacking = NEEDED if root is None else [name for name in NEEDED if not (root / name).is_file()]
    if lacking:
        raise HostError(
            f"--authors: found no {lacking[0]} in {folder}, expected the authors' folder Matrix-Game-3; fetch "
            "https://github.com/SkyworkAI/Matrix-Game and name its folder."
        )
    for name, members in _empty_packages(root).items():
        module = types.ModuleType(name)
        vars(module).update(members)
        sys.modules[name] = module
    torch.cuda.current_device = lambda: torch.device(device)
    warnings.filterwarnings("ignore")
    try:
        model = importlib.import_module("wan.modules.model")
        importlib.import_module("wan.modules.action_module").flash_attn_ops = None
    except ImportError as error:
        raise HostError(f"--authors: their code needs {error.name or error}, which is not installed here.") from error
    model.flash_attention = attend
    model.torch = _Torch(dtype)

    class Network(model.WanModel):
        """Theirs, with linear layers that follow its autocast."""

        def __init__(self, **sizes: Any):
            super().__init__(**sizes)
            for layer in self.modules():
                if isinstance(layer, nn.Linear):
                    layer.forward = partial(model.torch.linear, layer)

    return Network


def _empty_packages(root: Path) -> dict[str, dict[str, Any]]:
    """Return what stands for packages that would bring more than the network: names and members."""

    class Plain:
        pass

    packages = {
        name: {"__path__": [str(root / name.replace(".", "/"))]} for name in ("wan", "wan.modules", "wan.distributed")
    }
    return {
        **packages,
        "wan.distributed.util": {
            "get_world_size": lambda: 1, "get_rank": lambda: 0, "gather_forward": lambda x, dim: x,
        },
        "diffusers": {},
        "diffusers.configuration_utils": {"ConfigMixin": Plain, "register_to_config": lambda function: function},
        "diffusers.models": {},
        "diffusers.models.modeling_utils": {"ModelMixin": type("ModelMixin", (nn.Module,), {})},
    }  # fmt: skip


class _Torch:
    """torch as their network finds it; without numbers there is no autocast, so that theirs is followed by hand."""

    def __init__(self, dtype: torch.dtype):
        """Args: dtype: what their bfloat16 is."""
        self.bfloat16 = self.computes = dtype
        self.amp = self

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)

    @contextmanager
    def autocast(self, device: str, dtype: torch.dtype) -> Iterator[None]:
        """Let linear layers compute in another precision."""
        outside, self.computes = self.computes, dtype
        yield
        self.computes = outside

    def linear(self, layer: nn.Linear, x: Tensor) -> Tensor:
        """Run a linear layer, as autocast does."""
        bias = None if layer.bias is None else layer.bias.to(self.computes)
        return linear(x.to(self.computes), layer.weight.to(self.computes), bias)


def attend(q: Tensor, k: Tensor, v: Tensor, k_lens: Tensor | None = None, **_: Any) -> Tensor:
    """Attend as their kernel does, (B, N, H, d), to the first `k_lens` keys."""
    keys = k.shape[1] if k_lens is None else int(k_lens[0])
    parts = (q.to(v.dtype), k[:, :keys].to(v.dtype), v[:, :keys])
    return scaled_dot_product_attention(*(part.transpose(1, 2) for part in parts)).transpose(1, 2).contiguous()


def configuration(size: Size) -> dict[str, Any]:
    """Return the arguments of the authors' network."""
    width, heads = size.action
    turned = list(size.turned)
    action = {
        "blocks": list(size.acting), "enable_keyboard": True, "enable_mouse": True, "heads_num": heads,
        "hidden_size": size.embedded, "img_hidden_size": size.dim, "keyboard_dim_in": 6, "keyboard_hidden_dim": width,
        "mouse_dim_in": 2, "mouse_hidden_dim": width, "mouse_qk_dim_list": turned, "patch_size": [1, 2, 2],
        "qk_norm": True, "qkv_bias": False, "rope_dim_list": turned, "rope_theta": 256,
        "vae_time_compression_ratio": 4, "windows_size": 3,
    }  # fmt: skip
    return {
        "model_type": "ti2v", "patch_size": (1, 2, 2), "text_len": size.text[1], "in_dim": 48, "dim": size.dim,
        "ffn_dim": size.ffn, "freq_dim": size.frequencies, "text_dim": size.text[0], "out_dim": 48,
        "num_heads": size.heads, "num_layers": size.blocks, "eps": 1e-6, "use_memory": True, "sigma_theta": 0.8,
        "action_config": action,
    }  # fmt: skip


def networks(build: Callable[..., nn.Module], size: Size, device: str) -> tuple[nn.Module, MatrixGame3]:
    """Return theirs and ours, which share their weights; none of these is as it was first drawn, all zeros or ones."""
    torch.manual_seed(0)
    with torch.device(device):
        theirs = build(**configuration(size)).eval().requires_grad_(False)
    if device != "meta":
        for weight in theirs.parameters():
            if weight.dim() > 1:
                weight.normal_(0, 0.05)
            else:
                weight.add_(0.1 * torch.randn_like(weight))
    weights = theirs.state_dict()
    shapes = {name: tuple(value.shape) for name, value in weights.items()}
    ours = MatrixGame3(sizes_of(shapes, heads=size.heads, action_rotated=size.turned[0]), device="meta")
    ours.load_state_dict(weights, strict=True, assign=True)
    return theirs, ours.eval().requires_grad_(False)


def passes(size: Size, device: str, dtype: torch.dtype) -> tuple[dict[str, Any], Tensor, dict[str, Call]]:
    """Return a later clip's pass: what theirs is given, and what ours is, with constants kept and made anew."""
    draw = torch.Generator().manual_seed(1)

    def random(*shape: int) -> Tensor:
        numbers = torch.empty(shape, device="meta") if device == "meta" else torch.randn(shape, generator=draw)
        return numbers.to(dtype)

    height, width = size.grid
    tokens, latents, start = height // 2 * (width // 2), size.past + size.new, 21
    x, memory = random(1, 48, latents, *size.grid), random(1, 48, size.memory, *size.grid)
    rays = random(1, 1536, size.memory + latents, *size.grid)
    keyboard, mouse, text = random(1, 4 * latents, 6), random(1, 4 * latents, 2), random(size.text[1], size.text[0])
    timesteps = torch.full((1, latents, tokens), TIMESTEP, device=device)
    timesteps[:, : size.past] = 0
    theirs = {
        "x": x, "t": timesteps.flatten(1), "context": [text], "seq_len": (size.memory + latents + 1) * tokens,
        "mouse_cond": mouse, "keyboard_cond": keyboard, "plucker_emb": rays, "x_memory": memory,
        "predict_latent_idx": (start, start + latents), "memory_latent_idx": list(range(1, 1 + size.memory)),
        "timestep_memory": torch.zeros(1, size.memory * tokens, device=device),
        "mouse_cond_memory": torch.ones(1, size.memory, 2, device=device),
        "keyboard_cond_memory": -torch.ones(1, size.memory, 6, device=device),
    }  # fmt: skip
    positions = torch.arange(start, start + latents)
    clip = Clip(x[:, :, : size.past], positions, keyboard, mouse, rays[:, :, size.memory :])
    fetched = Fetched(memory, torch.arange(1, 1 + size.memory), rays[:, :, : size.memory])
    calls = {
        name: clip_call(clip, text[None], fetched, kept=kept).at(TIMESTEP)
        for name, kept in (("kept", Kept()), ("anew", None))
    }
    return theirs, x[:, :, size.past :], calls


def runners(
    build: Callable[..., nn.Module], size: Size, device: str, dtype: torch.dtype
) -> dict[str, Callable[[], Tensor]]:
    """Return theirs and both forms of ours, each giving the velocity of the new latents."""
    theirs, ours = (network.to(dtype) for network in networks(build, size, device))
    given, x, calls = passes(size, device, dtype)
    forms = {name: lambda call=call: ours(x, call=call) for name, call in calls.items()}
    return {"theirs": lambda: theirs(**given)[:, :, size.past :], **forms}


class Counted(NamedTuple):
    """A pass, and the memory that it needs besides weights and what it is given."""

    cost: Cost
    peak: int


def count(run: Callable[[], Tensor]) -> Counted:
    """Count a pass that is not the first of its clip."""
    with counted() as counter:
        run()
        before, counter.peak = counter.cost, counter.live
        run()
    return Counted(counter.cost - before, counter.peak)


def in_turns(runs: dict[str, Callable[[], Tensor]], rounds: int) -> dict[str, float]:
    """Return the median of the processor seconds of each, after a round that does not count."""
    taken: dict[str, list[float]] = {name: [] for name in runs}
    with torch.inference_mode():
        for turn in range(rounds + 1):
            for name, run in runs.items():
                begin = time.process_time()
                run()
                if turn:
                    taken[name].append(time.process_time() - begin)
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


def check_equal(runs: dict[str, Callable[[], Tensor]]) -> str:
    """Return how far apart the answers are.

    Raises:
        HostError: they differ.
    """
    with torch.inference_mode():
        theirs = runs["theirs"]()
        apart = {name: ((run() - theirs).norm() / theirs.norm()).item() for name, run in runs.items()}
    worst = max(apart.values())
    if not worst <= AGREES:
        raise HostError(f"the answers differ by {worst:.1e}, expected at most {AGREES:.0e}: {apart}")
    return f"answers agree within {worst:.0e}"


def table(found: dict[str, Counted], seconds: dict[str, float]) -> str:
    """Return lines of theirs and ours, and their ratios."""
    lines = [f"  {'':8s} {'kernels':>8} {'GB':>10} {'GFLOP':>12} {'peak GB':>9} {'seconds':>9}   theirs / ours"]
    theirs = found["theirs"].cost
    for name, (cost, peak) in found.items():
        spent = f"{seconds[name]:9.4f}" if seconds else f"{'':9s}"
        line = f"  {name:8s} {cost.kernels:8,} {cost.bytes / 1e9:10,.3f} {cost.flop / 1e9:12,.1f} {peak / 1e9:9.3f}"
        line += f" {spent}"
        if name != "theirs":
            line += f"   kernels {theirs.kernels / cost.kernels:.2f}, bytes {theirs.bytes / cost.bytes:.2f}"
            line += f", time {seconds['theirs'] / seconds[name]:.2f}" if seconds else ""
        lines.append(line)
    once = found["anew"].cost.flop - found["kept"].cost.flop
    whole = [STEPS * theirs.flop, STEPS * found["kept"].cost.flop + once]
    told = " and ".join(f"{flop / 1e9:,.1f}" for flop in whole)
    lines.append(f"  GFLOP of a clip of {STEPS} steps, theirs and ours with constants kept: {told}")
    return "\n".join(lines)


def compare(options: argparse.Namespace) -> int:
    """Compare at every size and print the tables.

    Raises:
        HostError: the authors' code is missing, or the answers differ.
    """
    torch.set_num_threads(1)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
    for name, size, dtype in CASES:
        device = "meta" if size is RELEASED else "cpu"
        runs = runners(authors_model(options.authors.expanduser(), device, dtype), size, device, dtype)
        agreed = "counted only" if device == "meta" else check_equal(runs)
        say(f"Matrix-Game 3.0, a later clip's denoising pass, {name}: {agreed}")
        seconds = {} if device == "meta" else in_turns(runs, options.rounds)
        print(table({each: count(run) for each, run in runs.items()}, seconds), flush=True)
    return 0


def main(words: list[str]) -> int:
    """Read the command line and compare."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("family", choices=("matrix-game-3",), help="whose network")
    parser.add_argument("--authors", type=Path, required=True, help="the folder with the authors' code")
    parser.add_argument("--rounds", type=int, default=7, help="counted turns of each (default %(default)s)")
    options = parser.parse_args(words)
    if options.rounds < 1:
        parser.error(f"--rounds: found {options.rounds}, expected 1 or more.")
    return run_inside(__file__, lambda comfyui: compare(options), words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
