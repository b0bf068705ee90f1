"""Training of Tiny World's model: flow matching on true histories, then on the model's own.

A clip of n chunks trains all of them in one pass (teacher forcing): its clean latents and its noisy latents stand
side by side in one sequence, and a mask lets a noisy chunk see itself and the clean chunk before, as the window of
inference does. Errors the model made elsewhere are added to the clean latents (error buffer, specs/methods.md 2.5).
Later, the variant's sampler is unrolled on the model's own past and every step is judged against the truth.

Shapes: B clips, T latents of a clip, C = 16 channels, h x w latent grid.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ..cache import KVCache
from ..models.matrix_game2 import MatrixGame2
from ..sampling import warped_steps
from ..variants import VARIANTS
from .latents import Shards
from .player import Conditions, build_conditions
from .run import Run

VARIANT = VARIANTS["tiny_world"]
LEVELS = warped_steps(VARIANT.steps, VARIANT.shift)
CHUNK = VARIANT.chunk
CLIP_SIZES = {1: 64, 2: 20, 3: 12}
"""Clips of a batch by their number of chunks: about equal work."""
SIZES = {
    "dim": 192, "heads": 3, "ffn_dim": 768, "freq_dim": 128, "layers": 6, "context_dim": 128, "keyboard_dim": 4,
    "keyboard_width": 32, "action_heads": 3, "action_blocks": (0, 1, 2), "mouse": True,
}  # fmt: skip


KEYBOARD_GAIN = {"keyboard_embed.0.weight": 2.0, "keyboard_embed.2.weight": 3.0, "keyboard_attn_kv.weight": 2.0}
"""Without it the keys' part of the residual stream starts ten times weaker than the mouse's, and is learnt last."""


class Clip(NamedTuple):
    """Clips of `chunks` chunks that begin at chunk `first` of their walks; latents (B, C, T, h, w) normalised.

    T and the conditions count from the walks' start, so a column is an absolute latent index.
    """

    latents: Tensor
    told: Conditions
    first: int
    chunks: int


def build_network(seed: int) -> MatrixGame2:
    """Make a fresh network whose branches and head start at or near zero."""
    torch.manual_seed(seed)
    network = MatrixGame2(**SIZES)
    for name, parameter in network.named_parameters():
        if name.endswith(("proj_mouse.weight", "proj_keyboard.weight", "head.head.weight", "head.head.bias")):
            nn.init.zeros_(parameter)
        elif name.endswith("mouse_mlp.0.weight"):
            with torch.no_grad():
                parameter[:, SIZES["dim"] :] *= 8  # a mouse of 0.1 stands beside features of size 1
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


def draw_clip(shards: Shards, random: np.random.Generator, share: float, mean: Tensor, std: Tensor) -> Clip:
    """Draw clips: first mostly single chunks from the start, later longer ones, some in the middle of long walks."""
    chunks = int(random.choice(3, p=(0.7, 0.2, 0.1) if share < 0.25 else (0.2, 0.3, 0.5))) + 1
    batch = CLIP_SIZES[chunks]
    if chunks == 1 or not shards.long or random.random() < 0.5:
        return take_clip(shards.draw(random, batch, long=False), mean, std, 0, chunks)
    walks = shards.draw(random, batch, long=True)
    last = walks["latents"].shape[2] // CHUNK - chunks
    return take_clip(walks, mean, std, int(random.integers(1, last + 1)), chunks)


def side_by_side(first: int, chunks: int) -> tuple[Tensor, Tensor, int]:
    """Columns (T',) of clean ++ noisy latents, the mask (T', T') of who sees whom, and the count of clean ones.

    In the middle of a walk the clip's first chunk is history only, since its own history is missing.
    """
    clean = torch.arange(first * CHUNK, (first + chunks - 1) * CHUNK)
    noisy = torch.arange((first + (first > 0)) * CHUNK, (first + chunks) * CHUNK)
    columns = torch.cat([clean, noisy])
    begin = columns // CHUNK * CHUNK
    is_noisy = torch.arange(len(columns)) >= len(clean)
    kept = VARIANT.window - CHUNK
    recent = (columns[None] < begin[:, None]) & (columns[None] >= begin[:, None] - kept)
    own = (begin[:, None] == begin[None]) & (is_noisy[:, None] == is_noisy[None])
    return columns, own | (recent & ~is_noisy[None]), len(clean)


class ErrorBuffer:
    """Residuals of the model's last step, whole chunks, to spoil true histories with (specs/methods.md 2.5)."""

    def __init__(self, size: int = 600) -> None:
        self.size, self.chunks = size, []

    def push(self, residuals: Tensor) -> None:
        """Keep residuals (K, C, CHUNK, h, w)."""
        self.chunks.extend(residuals.detach().unbind(0))
        del self.chunks[: -self.size]

    def spoil(self, clean: Tensor, random: np.random.Generator) -> Tensor:
        """Add residuals of random strength to 80 % of the clips (B, C, T, h, w)."""
        if len(self.chunks) < 64 or not clean.shape[2]:
            return clean
        batch, pieces = len(clean), clean.shape[2] // CHUNK
        picks = random.integers(len(self.chunks), size=(batch, pieces))
        error = torch.stack([torch.cat([self.chunks[one] for one in row], 1) for row in picks])
        strength = torch.from_numpy(random.uniform(0, 1.5, batch) * (random.random(batch) < 0.8)).float()
        return clean + error * strength[:, None, None, None, None]


def draw_sigmas(random: np.random.Generator, shape: tuple[int, int]) -> Tensor:
    """Draw noise levels: mostly the variant's own steps, else any level of the shifted schedule."""
    u = torch.from_numpy(random.random(shape)).float()
    any_level = VARIANT.shift * u / (1 + (VARIANT.shift - 1) * u)
    own = LEVELS.sigmas[torch.from_numpy(random.integers(len(LEVELS.sigmas), size=shape))]
    return torch.where(torch.from_numpy(random.random(shape) < 0.6), own, any_level)


def teacher_forced(network: nn.Module, clip: Clip, errors: ErrorBuffer, random: np.random.Generator) -> Tensor:
    """Return the flow-matching loss of all chunks of the clips given true, spoiled histories."""
    columns, mask, clean = side_by_side(clip.first, clip.chunks)
    truth = clip.latents[:, :, columns[clean:]]
    chunks = truth.shape[2] // CHUNK
    sigma = draw_sigmas(random, (len(truth), chunks)).repeat_interleave(CHUNK, 1)
    level = sigma[:, None, :, None, None]
    noise = torch.randn_like(truth)
    history = errors.spoil(clip.latents[:, :, columns[:clean]], random)
    x = torch.cat([history, (1 - level) * truth + level * noise], 2)
    timesteps = torch.cat([torch.zeros(len(truth), clean), 1000 * sigma], 1)
    with torch.autocast("cpu", torch.bfloat16):
        velocity = network(x, None, clip.told.context, step=clip.told.step(columns, timesteps, mask=mask))
    velocity = velocity[:, :, clean:].float()
    with torch.no_grad():
        # the clean estimate x - level * velocity, less the truth
        residual = level * (noise - truth - velocity)
        residual = residual.unflatten(2, (chunks, CHUNK)).transpose(1, 2).flatten(0, 1)
        low = sigma[:, ::CHUNK].flatten()
        errors.push(residual[(low > 0.3) & (low < 0.75)])
    return (velocity - (noise - truth)).square().mean()


def self_forced(network: nn.Module, clip: Clip) -> Tensor:
    """Return the loss of every step of the variant's sampler, unrolled on the model's own chunks."""
    cache = KVCache(VARIANT.window, CHUNK)
    losses = []
    for chunk in range(clip.first, clip.first + clip.chunks):
        columns = torch.arange(chunk * CHUNK, (chunk + 1) * CHUNK)
        truth = estimate = clip.latents[:, :, columns]
        if chunk > clip.first or clip.first == 0:
            for timestep, sigma in zip(*LEVELS, strict=True):
                noise = torch.randn_like(truth)
                x = sigma * noise + (1 - sigma) * estimate
                step = clip.told.step(columns, timestep.expand(len(truth), CHUNK), cache=cache)
                with torch.autocast("cpu", torch.bfloat16):
                    velocity = network(x, None, clip.told.context, step=step).float()
                # the velocity that leads from x to the truth, which is what the step should have answered
                losses.append((velocity - (x - truth) / sigma).square().mean() * sigma.square())
                estimate = (x - sigma * velocity).detach()
        if chunk < clip.first + clip.chunks - 1:
            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
                step = clip.told.step(columns, torch.zeros(len(truth), CHUNK), cache=cache, commit=True)
                network(estimate, None, clip.told.context, step=step)
    return torch.stack(losses).mean()


def optimizers_for(network: nn.Module, rate: float) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the blocks, AdamW for everything else."""
    matrices = [
        p for name, p in network.named_parameters() if p.ndim == 2 and name.startswith("blocks.") and p.requires_grad
    ]
    chosen = {id(parameter) for parameter in matrices}
    others = [p for p in network.parameters() if id(p) not in chosen and p.requires_grad]
    muon = torch.optim.Muon(matrices, lr=rate, weight_decay=0.02, adjust_lr_fn="match_rms_adamw", ns_steps=3)
    return [muon, torch.optim.AdamW(others, lr=rate, betas=(0.9, 0.98), weight_decay=0.0)]


def latent_statistics(shards: Shards) -> tuple[Tensor, Tensor]:
    """Mean and std per channel (16, 1, 1, 1) over all shards."""
    values = torch.cat([shard["latents"].float().transpose(0, 1).flatten(1) for shard in shards.short], 1)
    return values.mean(1).view(-1, 1, 1, 1), values.std(1).view(-1, 1, 1, 1)


def train(
    folder: Path,
    shard_folder: Path,
    minutes: float,
    rate: float,
    seed: int,
    begin_with: Path | None = None,
    own_from: float = 0.6,
) -> Run:
    """Train, or go on training, the run in `folder` for `minutes` in all.

    Args:
        begin_with: run whose weights to begin with; `None`: fresh ones.
        own_from: share of the time from which on most steps unroll the sampler on the model's own past.
    """
    network = build_network(seed)
    if begin_with is not None:
        network.load_state_dict(torch.load(begin_with / "state.pt", weights_only=True)["model"])
    run = Run(folder, minutes, network, optimizers_for(network, rate))
    random = np.random.default_rng([19, seed, run.step])
    torch.manual_seed(seed + run.step)
    shards = Shards(shard_folder)
    shards.refresh()
    if "mean" not in run.extra:
        mean, std = latent_statistics(shards)
        run.extra.update(mean=mean, std=std, average={k: v.detach().clone() for k, v in network.state_dict().items()})
    mean, std, average = run.extra["mean"], run.extra["std"], run.extra["average"]
    errors = ErrorBuffer()
    while not run.done:
        run.schedule()
        if run.step % 25 == 0:
            shards.refresh()
        own = run.share > own_from and random.random() < 0.7
        clip = draw_clip(shards, random, run.share, mean, std)
        loss = self_forced(network, clip) if own else teacher_forced(network, clip, errors, random)
        for optimizer in run.optimizers:
            optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        for optimizer in run.optimizers:
            optimizer.step()
        keep = min(0.998, 1 - 1 / (run.step + 10))
        for name, value in network.state_dict().items():
            average[name].lerp_(value, 1 - keep)
        run.advance({"own" if own else "loss": loss.item(), "norm": norm.item()})
    return run
