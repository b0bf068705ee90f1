"""Training of Tiny World's model: flow matching on true histories.

A clip of n chunks trains all of them in one pass (teacher forcing): its clean latents and its noisy latents stand
side by side in one sequence, and a mask lets a noisy chunk see itself and the clean chunks before, as the window of
inference does. Errors the model made elsewhere are added to the clean latents (error buffer, as in Matrix-Game 3.0).
What makes it keep its sharpness on its own past comes after, in `train_rollout`.

Shapes: B clips, T latents of a clip, C = 16 channels, h x w latent grid.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from einops import rearrange
from torch import Tensor, nn

from ..models.matrix_game2.network import MatrixGame2, Sizes
from ..rollout.sampling import warped_steps
from ..variants import BUILT_IN, VARIANTS
from .export import open_player
from .latents import Shards
from .muon import Muon
from .player import SIZES, Conditions, build_conditions
from .precision import mixed_precision
from .run import Run
from .together import rank, share_gradients

VARIANT = VARIANTS[BUILT_IN]
LEVELS = warped_steps(VARIANT.steps, VARIANT.shift)
OWN_LEVELS = LEVELS.sigmas.tolist()
CHUNK = VARIANT.chunking.later
REMEMBERED = VARIANT.window // CHUNK - 1
"""Chunks before its own that a chunk sees."""
FROM_START, FROM_MIDDLE = REMEMBERED + 1, REMEMBERED + 3
"""Chunks of a clip from the start of a walk, and of one from its middle, whose first chunk is history only."""
CLIP_SIZES = {FROM_START: 9, FROM_MIDDLE: 7}
"""Clips of a batch of scale 1 by their number of chunks: about equal work."""
KEYBOARD_GAIN = {"keyboard_embed.0.weight": 2.0, "keyboard_embed.2.weight": 3.0, "keyboard_attn_kv.weight": 2.0}
"""Without it the keys' part of the residual stream starts ten times weaker than the mouse's, and is learnt last."""


class Course(NamedTuple):
    """What a run trains, and how far: the network's sizes; the share of the updates that learn from own films (see
    `own_films`; it rises over the first half); the length in updates, if it is not given in minutes; the seeds of the
    only places whose walks are learnt from, if not all are; and the clips and rollouts of a batch, in multiples of what
    suits a CPU core."""

    sizes: dict = SIZES
    own_share: float = 0.0
    updates: int | None = None
    only: tuple[int, ...] = ()
    scale: int = 1


COURSE = Course()


class Clip(NamedTuple):
    """Clips of `chunks` chunks that begin at chunk `first` of their walks; latents (B, C, T, h, w) normalised.

    T and the conditions count from the walks' start, so a column is an absolute latent index.
    """

    latents: Tensor
    told: Conditions
    first: int
    chunks: int


def build_network(seed: int, sizes: dict = SIZES) -> MatrixGame2:
    """Make a fresh network whose branches and head start at or near zero."""
    torch.manual_seed(seed)
    network = MatrixGame2(Sizes(**sizes))
    for name, parameter in network.named_parameters():
        if name.endswith(("proj_mouse.weight", "proj_keyboard.weight", "head.head.weight", "head.head.bias")):
            nn.init.zeros_(parameter)
        elif name.endswith("mouse_mlp.0.weight"):
            with torch.no_grad():
                parameter[:, sizes["dim"] :] *= 8  # a mouse of 0.1 stands beside features of size 1
        elif name.endswith(tuple(KEYBOARD_GAIN)):
            with torch.no_grad():
                parameter *= KEYBOARD_GAIN[name.split(".action_model.")[1]]
    return network


def take_clip(walks: dict[str, Tensor], mean: Tensor, std: Tensor, first: int, chunks: int) -> Clip:
    """Cut clips out of walks (a shard's tensors) and build their conditions."""
    end = (first + chunks) * CHUNK
    latents, tail = ((walks[name] - mean) / std for name in ("latents", "tail"))
    image = torch.cat([latents[:, :, :1], tail], 2)
    return Clip(
        latents[:, :, :end], build_conditions(image, walks["keys"], walks["turns"], VARIANT, end), first, chunks
    )


def draw_clip(
    shards: Shards, random: np.random.Generator, share: float, mean: Tensor, std: Tensor, scale: int = 1
) -> Clip:
    """Draw clips: at first mostly from the start of a walk, later more from the middle of long ones."""
    if not shards.long or random.random() < (0.5 if share < 0.25 else 0.3):
        walks = shards.draw(random, CLIP_SIZES[FROM_START] * scale, long=bool(shards.long) and random.random() < 0.5)
        return take_clip(walks, mean, std, 0, min(FROM_START, walks["latents"].shape[2] // CHUNK))
    walks = shards.draw(random, CLIP_SIZES[FROM_MIDDLE] * scale, long=True)
    last = walks["latents"].shape[2] // CHUNK - FROM_MIDDLE
    return take_clip(walks, mean, std, int(random.integers(1, last + 1)), FROM_MIDDLE)


def side_by_side(
    first: int, chunks: int, device: torch.device | str = "cpu", given: int | None = None
) -> tuple[Tensor, Tensor, int]:
    """Columns (T',) of clean ++ noisy latents, the mask (T', T') of who sees whom, and the count of clean ones.

    The first `given` chunks are history only: by default one in the middle of a walk, since its own history is missing.
    """
    clean = torch.arange(first * CHUNK, (first + chunks - 1) * CHUNK)
    noisy = torch.arange((first + (int(first > 0) if given is None else given)) * CHUNK, (first + chunks) * CHUNK)
    columns = torch.cat([clean, noisy])
    begin = columns // CHUNK * CHUNK
    is_noisy = torch.arange(len(columns)) >= len(clean)
    kept = VARIANT.window - CHUNK
    recent = (columns[None] < begin[:, None]) & (columns[None] >= begin[:, None] - kept)
    own = (begin[:, None] == begin[None]) & (is_noisy[:, None] == is_noisy[None])
    return columns.to(device), (own | (recent & ~is_noisy[None])).to(device), len(clean)


class ErrorBuffer:
    """Residuals of the model's last steps, whole chunks, to spoil true histories with."""

    def __init__(self, size: int = 600) -> None:
        self.size, self.pushed = size, 0
        self.chunks: Tensor | None = None

    def push(self, residuals: Tensor, worth: Tensor) -> None:
        """Keep those of residuals (K, C, CHUNK, h, w) that are `worth` (K,) it, in place of the oldest."""
        residuals = residuals.detach()[worth][-self.size :]
        if self.chunks is None:
            self.chunks = residuals.new_zeros(self.size, *residuals.shape[1:])
        places = (self.pushed + torch.arange(len(residuals), device=residuals.device)) % self.size
        self.chunks.index_copy_(0, places, residuals)
        self.pushed += len(residuals)

    def spoil(self, clean: Tensor, random: np.random.Generator) -> Tensor:
        """Add residuals of random strength to 80 % of the clips (B, C, T, h, w)."""
        if self.chunks is None or self.pushed < 64 or not clean.shape[2]:
            return clean
        batch, pieces = len(clean), clean.shape[2] // CHUNK
        picks = torch.from_numpy(random.integers(min(self.pushed, self.size), size=batch * pieces)).to(clean.device)
        error = rearrange(self.chunks[picks], "(b p) c t h w -> b c (p t) h w", p=pieces)
        strength = torch.from_numpy(random.uniform(0, 1.5, batch) * (random.random(batch) < 0.8)).to(clean)
        return clean + error * strength[:, None, None, None, None]


def draw_sigmas(random: np.random.Generator, shape: tuple[int, int], least: float = 0.0) -> Tensor:
    """Draw noise levels above `least`: mostly the variant's own steps, else any level of the shifted schedule."""
    lowest = least / (VARIANT.shift - (VARIANT.shift - 1) * least)
    u = lowest + (1 - lowest) * torch.from_numpy(random.random(shape)).float()
    any_level = VARIANT.shift * u / (1 + (VARIANT.shift - 1) * u)
    steps = [level for level in OWN_LEVELS if level > least]
    own = torch.tensor(steps)[torch.from_numpy(random.integers(len(steps), size=shape))]
    return torch.where(torch.from_numpy(random.random(shape) < 0.6), own, any_level)


def teacher_forced(
    network: nn.Module, clip: Clip, errors: ErrorBuffer, random: np.random.Generator, least: float = 0.0
) -> Tensor:
    """Return the flow-matching loss of all chunks of the clips, given true, spoiled histories, above a noise level."""
    columns, mask, clean = side_by_side(clip.first, clip.chunks, clip.latents.device)
    truth = clip.latents[:, :, columns[clean:]]
    history = errors.spoil(clip.latents[:, :, columns[:clean]], random)
    error, residual, sigma = flow_error(network, history, truth, clip.told, (columns, mask), random, least)
    low = sigma[:, ::CHUNK].flatten()
    errors.push(residual.unflatten(2, (-1, CHUNK)).transpose(1, 2).flatten(0, 1), (low > 0.3) & (low < 0.75))
    return error.mean()


def flow_error(
    network: nn.Module,
    history: Tensor,
    truth: Tensor,
    told: Conditions,
    sight: tuple[Tensor, Tensor],
    random: np.random.Generator,
    least: float = 0.0,
) -> tuple[Tensor, Tensor, Tensor]:
    """Let the network denoise whole chunks, each at a noise level of its own above `least`.

    Args:
        history: (B, C, T1, h, w) clean latents.
        truth: (B, C, T2, h, w) latents that are made noisy, whole chunks.
        sight: columns (T1 + T2,) and the mask of who sees whom, of `side_by_side`.

    Returns:
        The squared error of the velocity (B, C, T2, h, w); the clean estimate less the truth, without a gradient; and
        the noise levels (B, T2).
    """
    columns, mask = sight
    clean, count = history.shape[2], truth.shape[2] // CHUNK
    sigma = draw_sigmas(random, (len(truth), count), least).to(truth.device).repeat_interleave(CHUNK, 1)
    level = sigma[:, None, :, None, None]
    noise = torch.randn_like(truth)
    x = torch.cat([history, (1 - level) * truth + level * noise], 2)
    timesteps = torch.cat([sigma.new_zeros(len(truth), clean), 1000 * sigma], 1)
    with mixed_precision(truth.device):
        velocity = network(x, call=told.step(columns, timesteps, mask=mask))
    wrong = velocity[:, :, clean:].float() - (noise - truth)
    # the clean estimate is x - level * velocity
    return wrong.square(), (-level * wrong).detach(), sigma


def optimizers_for(network: nn.Module, rate: float) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the blocks, AdamW for everything else."""
    matrices = [
        p for name, p in network.named_parameters() if p.ndim == 2 and name.startswith("blocks.") and p.requires_grad
    ]
    chosen = {id(parameter) for parameter in matrices}
    others = [p for p in network.parameters() if id(p) not in chosen and p.requires_grad]
    muon = Muon(matrices, lr=rate, weight_decay=0.02, adjust_lr_fn="match_rms_adamw", ns_steps=3)
    return [muon, torch.optim.AdamW(others, lr=rate, betas=(0.9, 0.98), weight_decay=0.0)]


def latent_statistics(shards: Shards) -> tuple[Tensor, Tensor]:
    """Mean and std per channel (16, 1, 1, 1) over all shards."""
    values = shards.short["latents"].float().transpose(0, 1).flatten(1)
    return values.mean(1).view(-1, 1, 1, 1), values.std(1).view(-1, 1, 1, 1)


def begin_run(
    folder: Path,
    minutes: float,
    rate: float,
    seed: int,
    shards: Shards,
    begin_with: Path | None = None,
    course: Course = COURSE,
) -> Run:
    """Begin, or resume, a run of the model on the device of the shards.

    Its `extra` holds mean and std of the latents, the moving average of the weights, and the network's sizes.

    Args:
        begin_with: model file or run whose (averaged) weights and latent statistics to begin with; `None`: fresh ones.
        course: the network's sizes, which must be those of `begin_with`, and the length of the run.
    """
    network = build_network(seed, course.sizes).to(shards.device)
    run = Run(folder, minutes, network, optimizers_for(network, rate), course.updates)
    if "mean" not in run.extra:
        if begin_with is None:
            mean, std = latent_statistics(shards)
        else:
            known = open_player(begin_with)
            network.load_state_dict(known.network.state_dict())
            mean, std = known.mean.to(shards.device), known.std.to(shards.device)
        run.begin(mean, std, sizes=course.sizes)
    torch.manual_seed(seed + run.step + 1_000_003 * rank())
    return run


def update(run: Run, loss: Tensor, keep: float) -> float:
    """Take one optimizer step, let the average of the weights follow, and return the gradient's norm."""
    for optimizer in run.optimizers:
        optimizer.zero_grad(set_to_none=True)
    loss.backward()
    share_gradients(run.model.parameters())
    norm = nn.utils.clip_grad_norm_(run.model.parameters(), 1.0)
    for optimizer in run.optimizers:
        optimizer.step()
    average, weights = run.extra["average"], run.model.state_dict()
    torch._foreach_lerp_([average[name] for name in weights], list(weights.values()), 1 - keep)
    return norm.item()


def train(
    folder: Path,
    shard_folder: Path,
    minutes: float,
    rate: float,
    seed: int,
    begin_with: Path | None = None,
    device: torch.device | str = "cpu",
    course: Course = COURSE,
) -> Run:
    """Train, or go on training, the run in `folder` for `minutes` in all.

    Args:
        begin_with: model file or run whose weights to begin with; `None`: fresh ones.
        device: where to train.
        course: sizes of the network, share of own films, and length in updates.
    """
    from .own_films import OwnFilms  # which is made of this file's parts

    shards = Shards(shard_folder, device, course.only)
    shards.refresh()
    run = begin_run(folder, minutes, rate, seed, shards, begin_with, course)
    mean, std = run.extra["mean"], run.extra["std"]
    random = np.random.default_rng([19, seed, run.step, rank()])
    errors, own = ErrorBuffer(600 * course.scale), OwnFilms(shards, mean, std, course.scale)
    while not run.done:
        run.schedule()
        if run.step % 25 == 0:
            shards.refresh()
        figures: dict[str, float] = {}
        if random.random() < course.own_share * min(1.0, 2 * run.share):
            loss = own.loss(run.model, random)
            figures["own"] = loss.item()
        else:
            clip = draw_clip(shards, random, run.share, mean, std, course.scale)
            loss = teacher_forced(run.model, clip, errors, random)
            figures["loss"] = loss.item()
        figures["norm"] = update(run, loss, min(0.998, 1 - 1 / (run.step + 10)))
        run.advance(figures)
    return run
