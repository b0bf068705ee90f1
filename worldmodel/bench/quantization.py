"""`python -m worldmodel.bench quantization`: what layers in 8 bits cost, against float32.

On Tiny World: decibels against the true film over the surfaces that the start showed, beside float32's, and how far the
made frames lie from float32's own. On golden files of Matrix-Game 2, if a folder is given: the relative error of the
network's output, history included. Random weights are no trained ones: the goldens' errors bound nothing but mistakes.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..checkpoints.recognise import load_network, recognise
from ..conformance.report import Golden, load_golden
from ..layers.cache import KVCache
from ..layers.quantize import ATTENTION, EVERYWHERE, KINDS, layers
from ..metrics.pictures import psnr
from ..models.matrix_game2.conditions import cut_windows, image_condition_at
from ..models.matrix_game2.network import MatrixGame2, Sizes, Step, sizes_from_state_dict
from ..reading.safetensors_files import load_safetensors
from ..tinyworld.evaluate import right_world, suites
from ..tinyworld.player import MODEL_FILE, Player, load_player

PLACES = {"every block": EVERYWHERE, "attention": ATTENTION}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this benchmark's options."""
    parser.add_argument("--golden", type=Path, help="folder with dit_*.safetensors of Matrix-Game 2")
    parser.add_argument("--starts", type=int, default=8, help="walks in Tiny World (default 8)")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads (default: torch's own choice)")


def report(options: argparse.Namespace) -> str:
    """Measure and return the table.

    Raises:
        ValueError: an option makes no sense.
    """
    if options.starts < 1:
        raise ValueError(f"--starts: found {options.starts}, expected 1 or more.")
    goldens = sorted(options.golden.glob("dit_*.safetensors")) if options.golden else []
    if options.golden and not goldens:
        raise ValueError(f"--golden: found no dit_*.safetensors in {options.golden}, expected some; check the path.")
    names = [path.stem for path in goldens]
    lines = [f"  {'layers':32s} {'weights':>9s} {'PSNR':>9s} {'to fp32':>9s}  " + "  ".join(names)]
    truth = right_world.truth_of(suites.load("layouts")["world"].part(slice(options.starts)))
    exact, film = _tiny_world(None, truth)
    lines.append(f"  {'fp32':32s} {'100 %':>9s} {exact:6.2f} dB {'':>9s}")
    for kind in KINDS:
        for place, pattern in PLACES.items():
            chosen = layers(kind, pattern)
            made, frames = _tiny_world(chosen, truth)
            apart = psnr((frames - film).square().mean()).item()
            errors = "  ".join(f"{_golden_error(load_golden(path), chosen):{len(path.stem)}.4f}" for path in goldens)
            row = f"  {kind + ', ' + place:32s} {_share(chosen):7.0%}   {made:6.2f} dB {apart:6.2f} dB  {errors}"
            lines.append(row)
    return "\n".join(lines)


def _player(operations: Any) -> Player:
    player = load_player()
    if operations is None:
        return player
    weights, metadata = load_safetensors(MODEL_FILE)
    checkpoint = recognise(weights, metadata, name=MODEL_FILE.name)
    return player._replace(network=load_network(checkpoint, dtype=torch.float32, operations=operations))


def _tiny_world(operations: Any, truth: right_world.Truth) -> tuple[float, Tensor]:
    """Return the mean PSNR against the truth and the made frames."""
    made = right_world.play(_player(operations), truth, truth.actions, right_world.SEED)
    return right_world.seen_psnr(made, truth).mean().item(), made


def _share(operations: Any) -> float:
    """Return the memory of Tiny World's weights as a share of float32's."""
    network, plain = _player(operations).network, _player(None).network
    packed = sum(module.bytes for module in network.modules() if getattr(module, "packed", None) is not None)
    whole = sum(part.nbytes for part in plain.parameters())
    return (packed + sum(part.nbytes for part in network.parameters())) / whole


@torch.no_grad()
def _golden_error(golden: Golden, operations: Any) -> float:
    """Return the relative error (L2) of the network over all chunks, noisy and clean."""
    config, tensors, sizes = golden.config, golden.tensors, golden.config["model_config"]
    weights = golden.under("sd.")
    network = MatrixGame2(
        Sizes(**sizes_from_state_dict(weights, {"heads": sizes["num_heads"]})), operations=operations, device="meta"
    )
    network.load_state_dict(weights, strict=True, assign=True)
    length = config["num_frame_per_block"]
    cache, wrong, whole = KVCache(sizes["local_attn_size"], length), 0.0, 0.0
    for chunk in range(config["n_chunks"]):
        positions = torch.arange(chunk * length, (chunk + 1) * length)
        step = Step(
            timesteps=tensors["in.t_noisy"][chunk][None],
            positions=positions,
            image_condition=image_condition_at(tensors["in.cond_concat"][0], positions)[None],
            image_tokens=tensors["in.visual_context"],
            keyboard=cut_windows(tensors["in.keyboard_cond"], positions),
            mouse=cut_windows(tensors["in.mouse_cond"], positions) if "in.mouse_cond" in tensors else None,
            cache=cache,
        )
        for name, this in (("noisy", step), ("clean", step.clean())):
            flow = network(tensors[f"in.x_{name}"][:, :, positions], call=this)
            truth = tensors[f"out.chunk{chunk}.flow_{name}"]
            wrong += (flow - truth).square().sum().item()
            whole += truth.square().sum().item()
    return (wrong / whole) ** 0.5
