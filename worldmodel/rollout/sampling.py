"""Noise levels and samplers, one function each.

Shapes: x, velocity, noise (..., h, w) of any layout; J steps; sigma in [0, 1], timestep = 1000 * sigma.
Source: Matrix-Game 2.0 (arXiv:2508.13009), pipeline/causal_inference.py of its release; self-forcing
(arXiv:2506.08009), algorithm 2.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from ..layers.rope import as_float64
from ..reading.words import shortened
from ..variants import Chunking
from ..world.state import RecordedNoise

LEVELS = 1000
LEAST_SHIFT = 0.001
GREATEST_SHIFT = 1000.0
"""Of samplers that make their own levels: beyond it the first ones are 1 in float32, and their logarithms infinite."""
"""Below it the levels lose their digits in float32; from 5e-8 on there are none left, and 0 / 0 comes out."""


class Levels(NamedTuple):
    """Noise levels, float32, noisiest first."""

    timesteps: Tensor
    sigmas: Tensor


def shifted_levels(shift: float) -> Levels:
    """Return the 1000 levels shift * u / (1 + (shift - 1) * u) for u = 1 ... 0.001."""
    u = torch.linspace(1.0, 0.0, LEVELS + 1)[:LEVELS]
    sigmas = shift * u / (1 + (shift - 1) * u)
    return Levels(1000 * sigmas, sigmas)


def warped_steps(steps: Sequence[int], shift: float) -> Levels:
    """Look listed steps up in the shifted table: step n is entry 1000 - n.

    Args:
        steps: falling integers in 1 ... 1000.
        shift: of the table.

    Raises:
        ValueError: steps that are empty, out of range or not falling, or a shift that gives no levels.
    """
    falling = all(a > b for a, b in pairwise(steps))
    if not steps or not falling or steps[0] > LEVELS or steps[-1] < 1:
        found = shortened(str(list(steps)))
        raise ValueError(f"steps: found {found}, expected falling numbers from {LEVELS} to 1, such as 1000, 500.")
    if not LEAST_SHIFT <= shift < math.inf:
        raise ValueError(f"shift: found {shift}, expected a number from {LEAST_SHIFT} on, such as 5; change it.")
    index = torch.tensor([LEVELS - int(step) for step in steps])
    levels = Levels(*(column[index] for column in shifted_levels(shift)))
    if not bool(torch.isfinite(levels.sigmas).all()):
        raise ValueError(f"shift: found {shift}, too large for levels of noise, expected one such as 5; change it.")
    return levels


def nearest_level(timesteps: Tensor, shift: float) -> Tensor:
    """Return the table index nearest to each timestep, int64 of the same shape."""
    table = shifted_levels(shift).timesteps.to(timesteps.device)
    return (timesteps[..., None] - table).abs().argmin(dim=-1)


def clean_from_velocity(x: Tensor, velocity: Tensor, sigma: Tensor) -> Tensor:
    """Return x - sigma * velocity, computed in float64, in x's dtype."""
    return (as_float64(x) - as_float64(sigma) * as_float64(velocity)).to(x.device, x.dtype)


def add_noise(clean: Tensor, noise: Tensor, sigma: Tensor) -> Tensor:
    """Return (1 - sigma) * clean + sigma * noise, computed in float32, in the noise's dtype."""
    sigma = sigma.to(clean.device, torch.float32)
    return ((1 - sigma) * clean.float() + sigma * noise.float()).to(noise.dtype)


def renoise_sample(
    predict: Callable[[Tensor, Tensor], Tensor],
    draws: Iterator[Tensor],
    levels: Levels,
    after_step: Callable[[int, Tensor], None] | None = None,
) -> Tensor:
    """Denoise in few steps, each back to clean and then out to the next level with fresh noise.

    Args:
        predict: (x, timestep) -> velocity.
        draws: independent noise, as many as there are steps.
        levels: J steps.
        after_step: called with the step's number and its clean estimate; may raise to stop.

    Returns:
        The clean latents, in the layout and dtype of the noise.
    """
    x = clean = next(draws)
    for number, (timestep, sigma) in enumerate(zip(*levels, strict=True)):
        if number > 0:
            x = add_noise(clean, next(draws), sigma)
        clean = clean_from_velocity(x, predict(x, timestep), sigma)
        if after_step is not None:
            after_step(number, clean)
    return clean


def seeded_draws(seed: int, chunk: int, shape: Sequence[int]) -> Iterator[Tensor]:
    """Yield the noise of one chunk: initial noise, then one draw per re-noising.

    A CPU float32 generator seeded with sha256 of "seed:chunk" makes it independent of the device and of how a
    rollout is split between nodes.

    Args:
        seed: of the rollout.
        chunk: absolute chunk index.
        shape: of one draw.
    """
    digest = hashlib.sha256(f"{seed}:{chunk}".encode()).digest()
    generator = torch.Generator("cpu").manual_seed(int.from_bytes(digest[:8], "big") >> 1)
    while True:
        yield torch.randn(*shape, generator=generator, dtype=torch.float32)


def recorded_draws(noise: RecordedNoise, chunk: int, chunking: Chunking) -> Iterator[Tensor]:
    """Yield recorded noise in the order of `seeded_draws`, each draw (C, c, h, w) float32.

    Args:
        noise: one draw for each latent that is sampled.
        chunk: absolute chunk index.
        chunking: the variant's.

    Raises:
        ValueError: the record is too short for this chunk or for the steps.
    """
    first = chunking.first_latent(chunk) - (chunking.given if chunk else 0)
    last = first + chunking.sampled(chunk)
    if last > noise.initial.shape[1] or chunk >= noise.renoise.shape[0]:
        raise ValueError(
            f"noise: found recorded noise for {noise.renoise.shape[0]} chunks, expected some for chunk {chunk}; "
            "roll out fewer chunks."
        )
    yield noise.initial[:, first:last].float()
    for draw in noise.renoise[chunk]:
        yield draw.float().transpose(0, 1)  # (c, C, h, w) -> (C, c, h, w)
    raise ValueError(
        f"steps: found more steps than the {noise.renoise.shape[1] + 1} that were recorded; use the variant's own."
    )


def check_own_levels(count: int, shift: float) -> None:
    """Check what a sampler makes its own levels of.

    Args:
        count: steps.
        shift: of the levels.

    Raises:
        ValueError: no steps, too many, or a shift that gives no levels.
    """
    if not 1 <= count <= LEVELS:
        raise ValueError(f"steps: found {count}, expected 1 to {LEVELS}, such as 3 or 50; change it.")
    if not LEAST_SHIFT <= shift <= GREATEST_SHIFT:
        raise ValueError(
            f"shift: found {shift}, expected a number from {LEAST_SHIFT} to {GREATEST_SHIFT:g}, such as 5; change it."
        )
