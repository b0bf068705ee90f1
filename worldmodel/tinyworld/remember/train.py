"""Training of Tiny World's form with memory: flow matching on chunks that look at what the runtime would look at.

A clip is one chunk: it is given the latents right before it, and those that the family's plan chose among its walk's
past, and all of them are spoiled by errors that the model made elsewhere (error buffer). Its noise levels are mostly
those of the family's few-step sampler.

Shapes: B clips, T latents, C = 16 channels, h x w latent grid.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ...models.matrix_game3.network import MatrixGame3
from ...rollout.samplers import count_of
from ...rollout.unipc import UniPC
from ...variants import WITH_MEMORY
from ..export import open_player
from ..precision import mixed_precision
from ..run import Run
from ..train_dit import KEYBOARD_GAIN, optimizers_for, update
from .clips import Clip, Clips, Remembers
from .errors import ErrorBuffer
from .form import SIZES, VARIANT, call_of

BATCH = 8
"""Clips of an update."""
OWN_SHARE = 0.8
"""Share of the noise levels that are the sampler's own."""
HIDDEN, LEAST_HIDDEN = 0.3, 0.5
"""Share of the clips whose past is hidden behind noise too, and its least level: what is to be seen then stands in
memory alone, which is learnt late otherwise."""
LEVELS = UniPC(count_of(VARIANT.steps), VARIANT.shift).levels()


class Recipe(NamedTuple):
    """What a run trains with: what its chunks look at, whether the error buffer spoils what they are given, and its
    length in updates, if it is not given in minutes."""

    remembers: Remembers = "retrieved"
    errors: bool = True
    updates: int | None = None


RECIPE = Recipe()


def build_network(seed: int) -> MatrixGame3:
    """Make a fresh network whose branches, cameras and head start at or near zero."""
    torch.manual_seed(seed)
    network = MatrixGame3(SIZES)
    nothing = ("proj_mouse", "proj_keyboard", "head.head", "cam_scale_layer", "cam_shift_layer")
    for name, parameter in network.named_parameters():
        if name.rpartition(".")[0].endswith(nothing):
            nn.init.zeros_(parameter)
        elif name.endswith("mouse_mlp.0.weight"):
            with torch.no_grad():
                parameter[:, SIZES.dim :] *= 8  # a mouse of 0.1 stands beside features of size 1
        elif name.endswith(tuple(KEYBOARD_GAIN)):
            with torch.no_grad():
                parameter *= KEYBOARD_GAIN[name.split(".action_model.")[1]]
    return network


def taken_over(network: nn.Module, weights: dict[str, Tensor]) -> list[str]:
    """Put another network's weights in where they fit, and return their names.

    Of Tiny World's other form all layers but the camera's fit; its patches hold a condition behind the latents.
    """
    own = network.state_dict()
    fitting = {}
    for name, tensor in weights.items():
        if name == "patch_embedding.weight":
            tensor = tensor[:, : SIZES.channels]
        if name in own and own[name].shape == tensor.shape:
            fitting[name] = tensor.float()
    network.load_state_dict({**own, **fitting})
    return sorted(fitting)


def draw_sigmas(random: np.random.Generator, batch: int) -> tuple[Tensor, Tensor]:
    """Draw noise levels and their timesteps, (B,) each: mostly the sampler's own, else any of the shifted schedule."""
    u = torch.from_numpy(random.random(batch)).float()
    sigma = VARIANT.shift * u / (1 + (VARIANT.shift - 1) * u)
    own = torch.from_numpy(random.integers(len(LEVELS.sigmas), size=batch))
    is_own = torch.from_numpy(random.random(batch) < OWN_SHARE)
    return torch.where(is_own, LEVELS.sigmas[own], sigma), torch.where(is_own, LEVELS.timesteps[own], 1000 * sigma)


def hidden_past(past: Tensor, random: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Make the past (B, C, P, h, w) of some clips noisy; return it, and the noise levels (B,), 0 where it is clean."""
    level = random.uniform(LEAST_HIDDEN, 1, len(past)) * (random.random(len(past)) < HIDDEN)
    level = torch.from_numpy(level).to(past)
    shown = level.view(-1, 1, 1, 1, 1)
    return (1 - shown) * past + shown * torch.randn_like(past), level


def flow_error(network: nn.Module, clip: Clip, random: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Let the network denoise chunks, each at a noise level of its own.

    Returns:
        The squared error of the velocity (B, C, new, h, w); the clean estimate less the truth, without a gradient; and
        the noise levels (B,).
    """
    sigma, timesteps = draw_sigmas(random, len(clip.truth))
    level = sigma.view(-1, 1, 1, 1, 1)
    noise = torch.randn_like(clip.truth)
    past, hidden = hidden_past(clip.past, random)
    call = call_of(clip.window, past, clip.memory)
    times = torch.zeros_like(call.timesteps)
    times[:, call.memories : call.given] = 1000 * hidden[:, None]
    times[:, call.given :] = timesteps[:, None]
    with mixed_precision("cpu"):
        velocity = network((1 - level) * clip.truth + level * noise, call=call._replace(timesteps=times))
    wrong = velocity.float() - (noise - clip.truth)
    return wrong.square(), (-level * wrong).detach(), sigma


def begin_run(folder: Path, minutes: float, rate: float, seed: int, begin_with: Path | None, recipe: Recipe) -> Run:
    """Begin, or resume, a run.

    Its `extra` holds mean and std of the latents, the moving average of the weights, the variant, the network's sizes,
    and what its chunks look at.
    """
    network = build_network(seed)
    run = Run(folder, minutes, network, optimizers_for(network, rate), recipe.updates)
    if "mean" not in run.extra:
        known = open_player(begin_with)
        taken = taken_over(network, known.network.state_dict()) if begin_with else []
        told = {"sizes": SIZES._asdict(), "variant": WITH_MEMORY, "remembers": recipe.remembers}
        run.begin(known.mean, known.std, **told)
        of = len(run.extra["average"])
        run.note({"taken over": len(taken), "of": of, "remembers": recipe.remembers, "errors": recipe.errors})
    torch.manual_seed(seed + run.step)
    return run


def train(
    folder: Path,
    shards: Path,
    minutes: float,
    rate: float,
    seed: int,
    begin_with: Path | None = None,
    recipe: Recipe = RECIPE,
) -> Run:
    """Train, or go on training, the run in `folder` for `minutes` in all.

    Args:
        shards: folder of encoded walks that `write_loops` writes.
        begin_with: model file or run of either form, whose weights to begin with where they fit; `None`: fresh ones.
        recipe: what it looks at and how it is spoiled.

    Raises:
        ValueError: there are no walks.
    """
    run = begin_run(folder, minutes, rate, seed, begin_with, recipe)
    clips = Clips(shards, recipe.remembers, run.extra["mean"], run.extra["std"])
    random = np.random.default_rng([61, seed, run.step])
    errors = ErrorBuffer()
    while not run.done:
        run.schedule()
        if run.step % 25 == 0 or not clips.loops.walks:
            clips.refresh()
        clip = clips.draw(random, BATCH)
        if recipe.errors:
            past, memory = errors.spoil(clip.past, clip.memory, random)
            clip = clip._replace(past=past, memory=memory)
        error, residual, sigma = flow_error(run.model, clip, random)
        errors.push(residual, sigma)
        loss = error.mean()
        norm = update(run, loss, min(0.998, 1 - 1 / (run.step + 10)))
        name = "loss" if clip.memory is not None else "loss alone"
        run.advance({name: loss.item(), "norm": norm})
    return run
