"""How fast a rollout of Matrix-Game 2 is beside its authors': `python scripts/beside_matrix_game2.py --authors FOLDER`.

FOLDER holds the authors' public code (github.com/SkyworkAI/Matrix-Game, its folder Matrix-Game-2), which is fetched by
whoever runs this; none of it is in this repository. Their own pipeline and a session of ours roll the same six chunks
out in float32, in turns, on one core: the same random weights, noise, picture, keys and mouse, three steps and a clean
pass a chunk, and both windows of keys and values. (Their last chunk has a clean pass, too; ours would run it when
somebody goes on.) The latents must agree. A chunk's passes are counted without numbers at the released size, too.
Attention, which needs a GPU there, is torch's own on both sides. What their code asserts of 880 tokens a latent is left
out, and so is their decoder.

Shapes: T latents of the rollout, h, w latent grid.
"""

from __future__ import annotations

import argparse
import ast
import importlib.machinery
import importlib.util
import os
import sys
import types
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import torch
from beside_authors import attend, check_equal, in_turns
from comfy_host import HostError
from environment import run_inside, say
from torch import Tensor, nn

from worldmodel.bench.count import denoised
from worldmodel.bench.counting import Cost, Counter, tensors_of
from worldmodel.bench.released import CLIP_TOKENS, MATRIX_GAME_2_SIZES, PICTURES, Form, matrix_game_2
from worldmodel.families.begin import begin
from worldmodel.models.matrix_game2.conditions import image_condition
from worldmodel.models.matrix_game2.network import MatrixGame2, Sizes, sizes_from_state_dict
from worldmodel.rollout.session import bare
from worldmodel.variants import VARIANTS
from worldmodel.world.state import Controls, RecordedNoise, Start, latents, new_world

NEEDED = (
    "wan.modules.attention", "wan.modules.posemb_layers", "wan.modules.action_module", "wan.modules.model",
    "wan.modules.causal_model", "utils.scheduler", "utils.wan_wrapper", "pipeline.causal_inference",
)  # fmt: skip
"""Their modules, each behind those that it imports."""
VARIANT = VARIANTS["matrix_game_2_universal"]
CHUNK, WINDOW, CHUNKS = VARIANT.chunking.later, VARIANT.window, 6
PASSES = len(VARIANT.steps) + 1
HEAD = 64
"""Numbers of an action head."""


class Size(NamedTuple):
    """What is compared: a network, image tokens that it is given, and a latent grid."""

    sizes: Sizes
    tokens: int
    grid: tuple[int, int]


GOLDEN = Size(
    Sizes(
        dim=56, heads=2, ffn_dim=96, freq_dim=32, layers=3, context_dim=40, keyboard_dim=4, keyboard_width=8,
        action_heads=2, action_blocks=range(2), mouse=True,
    ), 17, (4, 6),
)  # fmt: skip
MIDDLE = Size(
    Sizes(**MATRIX_GAME_2_SIZES)._replace(
        dim=384, heads=3, ffn_dim=2240, layers=12, action_heads=4, action_blocks=range(6)
    ), CLIP_TOKENS, (16, 24),
)  # fmt: skip
RELEASED = Size(Sizes(**MATRIX_GAME_2_SIZES), CLIP_TOKENS, tuple(side // 8 for side in PICTURES["matrix-game-2"]))
CASES = {"golden-sized": GOLDEN, "384-wide": MIDDLE}


class Given(NamedTuple):
    """What both roll out from, on the CPU.

    Args:
        noise: (16, T, h, w).
        renoise: (chunks, steps - 1, latents of a chunk, 16, h, w).
        condition: (20, T, h, w), the mask and the picture's latents.
        tokens: (K, width) of the picture.
        keyboard, mouse: a row for every video frame.
    """

    noise: Tensor
    renoise: Tensor
    condition: Tensor
    tokens: Tensor
    keyboard: Tensor
    mouse: Tensor


# --- Theirs ---------------------------------------------------------------------------------------------------------


class _AnySize(importlib.machinery.SourceFileLoader, ast.NodeTransformer):
    """Loads a module without what it asserts of 880 tokens a latent, and leaves no compiled file behind."""

    def get_code(self, fullname: str) -> types.CodeType:
        return compile(self.visit(ast.parse(self.get_data(self.path))), self.path, "exec", dont_inherit=True)

    def visit_Assert(self, node: ast.Assert) -> ast.Assert | None:
        return None if "880" in ast.unparse(node) else node


@cache
def authors_modules(folder: Path) -> dict[str, types.ModuleType]:
    """Return the authors' modules by name, able to run on a CPU.

    Raises:
        HostError: the folder holds no such code, or what it imports is not installed.
    """
    paths = {name: f"{name.replace('.', '/')}.py" for name in NEEDED}
    places = folder, folder / "Matrix-Game-2"
    root = next((place for place in places if (place / paths[NEEDED[-1]]).is_file()), places[0])
    for path in paths.values():
        if not (root / path).is_file():
            raise HostError(
                f"--authors: found no {path} in {folder}, expected the authors' folder Matrix-Game-2; fetch "
                "https://github.com/SkyworkAI/Matrix-Game and name its folder."
            )
    for name, members in _stands(root).items():
        sys.modules[name] = types.ModuleType(name)
        vars(sys.modules[name]).update(members)
    sys.modules["flash_attn_interface"] = None  # as where it is not installed
    warnings.filterwarnings("ignore")
    for name, path in paths.items():
        loader = _AnySize(name, str(root / path))
        spec = importlib.util.spec_from_file_location(name, loader.path, loader=loader)
        sys.modules[name] = importlib.util.module_from_spec(spec)
        try:
            loader.exec_module(sys.modules[name])
        except ImportError as error:
            raise HostError(
                f"--authors: their code needs {error.name or error}, which is not installed here."
            ) from error
    found = {name: sys.modules[name] for name in NEEDED}
    found["wan.modules.causal_model"].attention = found["wan.modules.model"].flash_attention = attend
    found["pipeline.causal_inference"].tqdm = iter
    return found


def _stands(root: Path) -> dict[str, dict[str, Any]]:
    """Return what stands for packages that would bring more than the rollout: names and members."""
    plain = {name: type(name, (), {}) for name in ("FromOriginalModelMixin", "PeftAdapterMixin")}
    made_of = {"from_config": classmethod(lambda network, sizes: network(**sizes))}
    typed = {"dtype": property(lambda network: network.patch_embedding.weight.dtype)}
    return {
        **{name: {"__path__": [str(root / name.replace(".", "/"))]} for name in (
            "wan", "wan.modules", "utils", "pipeline",
        )},
        "wan.modules.tokenizers": {"HuggingfaceTokenizer": None},
        "wan.modules.vae": {"_video_vae": None},
        "utils.visualize": {"process_video": None},
        "demo_utils": {},
        "demo_utils.constant": {"ZERO_VAE_CACHE": []},
        "flash_attn": {"flash_attn_func": attend},
        "diffusers": {},
        "diffusers.loaders": plain,
        "diffusers.configuration_utils": {
            "ConfigMixin": type("ConfigMixin", (), made_of), "register_to_config": lambda function: function,
        },
        "diffusers.models": {},
        "diffusers.models.modeling_utils": {"ModelMixin": type("ModelMixin", (nn.Module,), typed)},
    }  # fmt: skip


def configuration(sizes: Sizes) -> dict[str, Any]:
    """Return the arguments of the authors' network."""
    width, turned = HEAD * sizes.action_heads, [8, 28, 28]
    action = {
        "blocks": list(sizes.action_blocks), "enable_keyboard": True, "enable_mouse": True,
        "heads_num": sizes.action_heads, "hidden_size": sizes.keyboard_width, "img_hidden_size": sizes.dim,
        "keyboard_dim_in": sizes.keyboard_dim, "keyboard_hidden_dim": width, "mouse_dim_in": 2,
        "mouse_hidden_dim": width, "mouse_qk_dim_list": turned, "patch_size": [1, 2, 2], "qk_norm": True,
        "qkv_bias": False, "rope_dim_list": turned, "rope_theta": 256, "vae_time_compression_ratio": 4,
        "windows_size": 3,
    }  # fmt: skip
    return {
        "model_type": "i2v", "in_dim": sizes.in_dim, "dim": sizes.dim, "ffn_dim": sizes.ffn_dim,
        "freq_dim": sizes.freq_dim, "out_dim": sizes.out_dim, "num_heads": sizes.heads, "num_layers": sizes.layers,
        "local_attn_size": WINDOW, "sink_size": 0, "action_config": action,
    }  # fmt: skip


def authors_pipeline(folder: Path, size: Size, device: str = "cpu") -> nn.Module:
    """Return the authors' pipeline of a network whose weights are random, none of them as first drawn.

    Raises:
        HostError: the folder holds no such code.
    """
    modules, (sizes, _, grid) = authors_modules(folder), size
    base = modules["pipeline.causal_inference"].CausalInferencePipeline
    tokens, head = grid[0] * grid[1] // 4, sizes.dim // sizes.heads

    class Pipeline(base):
        """Theirs, with caches as large as this network wants them."""

        def _initialize_kv_cache(self, batch_size: int, dtype: torch.dtype, device: torch.device) -> None:
            self.kv_cache1 = _caches((batch_size, WINDOW * tokens, sizes.heads, head), dtype, device)

        def _initialize_kv_cache_mouse_and_keyboard(
            self, batch_size: int, dtype: torch.dtype, device: torch.device
        ) -> None:
            heads = sizes.action_heads, HEAD
            self.kv_cache_keyboard = _caches((batch_size, WINDOW, *heads), dtype, device)
            self.kv_cache_mouse = _caches((batch_size * tokens, WINDOW, *heads), dtype, device)

        def _initialize_crossattn_cache(self, batch_size: int, dtype: torch.dtype, device: torch.device) -> None:
            self.crossattn_cache = [{"is_init": False} for _ in range(sizes.layers)]

    def _caches(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> list[dict[str, Tensor]]:
        return [
            {
                **{name: torch.zeros(shape, dtype=dtype, device=device) for name in ("k", "v")},
                **{f"{name}_end_index": torch.tensor([0]) for name in ("global", "local")},
            }
            for _ in range(sizes.layers)
        ]

    torch.manual_seed(0)
    settings = types.SimpleNamespace(
        denoising_step_list=list(VARIANT.steps), warp_denoising_step=True, num_frame_per_block=CHUNK, context_noise=0
    )
    # it greets with its settings, and its tables of rotations are made where a card would be
    with redirect_stdout(None), patch.object(torch.cuda, "current_device", lambda: torch.device(device)):
        with torch.device(device):
            network = modules["wan.modules.causal_model"].CausalWanModel(**configuration(sizes))
            network.img_emb = modules["wan.modules.model"].MLPProj(sizes.context_dim, sizes.dim)
        with patch.object(type(network), "from_config", lambda sizes: network):
            generator = modules["utils.wan_wrapper"].WanDiffusionWrapper({}, timestep_shift=VARIANT.shift)
        pipeline = Pipeline(settings, generator=generator, vae_decoder=lambda latents, *memory: (latents, memory))
    pipeline.frame_seq_length = tokens
    for block in network.blocks:
        block.self_attn.max_attention_size = WINDOW * tokens
    if device != "meta":
        for weight in network.parameters():
            if weight.dim() > 1:
                weight.data.normal_(0, weight[0].numel() ** -0.5)
            else:
                weight.data.add_(0.1 * torch.randn_like(weight))
    return pipeline.eval().requires_grad_(False)


def run_theirs(pipeline: nn.Module, given: Given) -> Tensor:
    """Roll out as their inference does, and return the latents (16, T, h, w)."""
    draws = iter(given.renoise.flatten(0, 1))
    told = {
        "cond_concat": given.condition[None], "visual_context": given.tokens[None],
        "keyboard_cond": given.keyboard[None], "mouse_cond": given.mouse[None],
    }  # fmt: skip
    with patch.object(torch, "randn_like", lambda latents: next(draws)):
        return pipeline.inference(given.noise[None], told, return_latents=True)[0]


# --- Ours -----------------------------------------------------------------------------------------------------------


def network_of(weights: dict[str, Tensor], heads: int) -> MatrixGame2:
    """Return our network of their weights."""
    network = MatrixGame2(Sizes(**sizes_from_state_dict(weights, {"heads": heads})), device="meta")
    network.load_state_dict(weights, strict=True, assign=True)
    return network.eval().requires_grad_(False)


def run_ours(network: MatrixGame2, given: Given) -> Tensor:
    """Roll out in a session and return the latents (16, T, h, w).

    The clean pass of a chunk is run when the next one is asked for: so there is none behind the last.
    """
    noise = RecordedNoise(given.noise, given.renoise)
    start = Start(VARIANT.name, VARIANT.latent_format, given.condition, given.tokens, noise)
    session = begin(new_world(start), bare(network))
    for index in range(CHUNKS):
        rows = slice(VARIANT.chunking.first_frame(index), VARIANT.chunking.first_frame(index + 1))
        session.step(Controls(given.keyboard[rows], given.mouse[rows]), seed=0)
    return latents(session.world)


# --- Both -----------------------------------------------------------------------------------------------------------


def given_of(size: Size) -> Given:
    """Return random noise, picture, keys and mouse."""
    draw = torch.Generator().manual_seed(1)

    def random(*shape: int) -> Tensor:
        return torch.randn(shape, generator=draw)

    sizes, length, frames = size.sizes, CHUNKS * CHUNK, VARIANT.chunking.first_frame(CHUNKS)
    return Given(
        random(16, length, *size.grid),
        random(CHUNKS, len(VARIANT.steps) - 1, CHUNK, 16, *size.grid),
        image_condition(random(16, length, *size.grid)),
        random(size.tokens, sizes.context_dim),
        (random(frames, sizes.keyboard_dim) > 0).float(),
        0.1 * random(frames, 2),
    )


def runners(folder: Path, size: Size) -> dict[str, Callable[[], Tensor]]:
    """Return theirs and ours, each giving the latents of a rollout."""
    pipeline, given = authors_pipeline(folder, size), given_of(size)
    network = network_of(pipeline.generator.model.state_dict(), size.sizes.heads)
    return {"theirs": lambda: run_theirs(pipeline, given), "ours": lambda: run_ours(network, given)}


class _OnDevice(Counter):
    """Leaves out what is done with a few numbers on the CPU: sizes, and where their windows end."""

    def __torch_dispatch__(self, operation: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        before = self.cost
        out = super().__torch_dispatch__(operation, types, args, kwargs)
        if not any(tensor.is_meta for tensor in tensors_of((args, kwargs, out))):
            self.cost = before
        return out


def chunk_of_theirs(folder: Path, size: Size) -> Cost:
    """Count the passes of their third chunk, the first behind a full window, in bfloat16 and without numbers."""
    pipeline = authors_pipeline(folder, size, "meta").to(torch.bfloat16)
    given = Given(*(part.to("meta", torch.bfloat16) for part in given_of(size)))
    given = given._replace(noise=given.noise[:, : 3 * CHUNK])
    costs, forward = [], pipeline.generator.model.forward

    def counting(*args: Any, **kwargs: Any) -> Tensor:
        with _OnDevice() as counter:
            velocity = forward(*args, **kwargs)
        costs.append(counter.cost)
        return velocity

    pipeline.generator.model.forward = counting
    with torch.inference_mode():
        run_theirs(pipeline, given)
    return sum(costs[-PASSES:], Cost())


def compare(options: argparse.Namespace) -> int:
    """Compare at every size and print the figures.

    Raises:
        HostError: the authors' code is missing, or the latents differ.
    """
    torch.set_num_threads(1)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
    folder = options.authors.expanduser()
    for name, size in CASES.items():
        runs = runners(folder, size)
        agreed = check_equal(runs)
        seconds = in_turns(runs, options.rounds)
        sizes, (height, width) = size.sizes, size.grid
        what = f"{sizes.dim} wide, {sizes.layers} blocks, {height} x {width} latents, float32"
        say(f"Matrix-Game 2.0, {CHUNKS} chunks of {PASSES} passes, {what}: {agreed}")
        print(f"  theirs {seconds['theirs']:.4f} s, ours {seconds['ours']:.4f} s")
        print(f"ratio {name} {seconds['theirs'] / seconds['ours']:.2f}", flush=True)
    say("a chunk's passes behind a full window, counted at the released size in bfloat16")
    ours, _ = denoised(matrix_game_2(Form(PICTURES["matrix-game-2"])))
    for name, cost in (("theirs", chunk_of_theirs(folder, RELEASED)), ("ours", ours)):
        print(
            f"  {name:7s}{cost.kernels:7,} kernels {cost.bytes / 1e9:8,.1f} GB {cost.flop / 1e9:10,.1f} GFLOP",
            flush=True,
        )
    return 0


def main(words: list[str]) -> int:
    """Read the command line and compare."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--authors", type=Path, required=True, help="the folder with the authors' code")
    parser.add_argument("--rounds", type=int, default=5, help="counted turns of each (default %(default)s)")
    options = parser.parse_args(words)
    if options.rounds < 1:
        parser.error(f"--rounds: found {options.rounds}, expected 1 or more.")
    return run_inside(__file__, lambda comfyui: compare(options), words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
