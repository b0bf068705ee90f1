"""Whatever a rollout needs of any model, small and without weights: starts, controls, and a network of fifteen lines.

Shapes: C channels, T latents of a pass, h, w latent grid, F video frames of a chunk.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor

from worldmodel.binding.motion import integrate
from worldmodel.reading.one_line import tensors_in
from worldmodel.rollout.session import Predict
from worldmodel.track.track import Track
from worldmodel.variants import VARIANTS
from worldmodel.world.state import Controls, Start

GRID, TOKENS, WIDTH = (4, 6), 7, 20
TOY_FAMILY = Path(__file__).parent / "toy_family.py"


def predict_of(dtype: torch.dtype = torch.float32) -> Predict:
    """Return a network that answers to every number of its call, and to every latent that a cache has kept."""

    @torch.no_grad()
    def predict(x: Tensor, call: tuple) -> Tensor:
        told = torch.stack([number_of(part) for part in tensors_in(tuple(call))]).sum()
        here = x.to(dtype)
        cache = getattr(call, "cache", None)
        if cache is not None:
            seen = here.flatten(3).mean(3).transpose(1, 2)[:, :, None]  # (1, T, 1, C)
            keys, _ = cache.extend((0, "all"), seen, seen, per_latent=1, commit=call.commit)
            told = told + number_of(keys)
        return (here.sin() + told.sin().to(dtype)).float()

    return predict


def number_of(part: Tensor) -> Tensor:
    """Return one number in which every number of a tensor counts, and its place."""
    flat = part.double().flatten()
    return (flat * torch.arange(1, len(flat) + 1, dtype=torch.float64).cos()).sum()


def said(sentence: str) -> Tensor:
    """Return (words, width) that are others for another sentence, as a text encoder gives them."""
    return torch.randn(TOKENS, WIDTH, generator=torch.Generator().manual_seed(sum(map(ord, sentence))))


def chained(latents: Tensor) -> Tensor:
    """Return latents that a clip begins with which follows one of these, as a VAE gives them."""
    return latents[:, -1:].float().expand(-1, 2, -1, -1).cos()


def start_of(name: str, grid: tuple[int, int] = GRID) -> Start:
    """Return a start of noise: to the laws of a rollout any picture is as good."""
    variant, generator = VARIANTS[name], torch.Generator().manual_seed(2)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    channels, latents, tokens, _ = variant.start
    latents = max(latents, variant.chunking.preceded)
    text = draw(TOKENS, WIDTH) if variant.text and not variant.is_spoken_to else None
    return Start(
        name,
        variant.latent_format,
        draw(channels, max(latents, 5) if tokens else latents, *grid),
        draw(TOKENS, WIDTH) if tokens else None,
        text=text,
        negative=text if variant.text and variant.text.negative else None,
        prompt="a street" if variant.is_spoken_to else "",
    )


def controls_of(name: str, chunks: int, seed: int = 3) -> list[Controls]:
    """Return controls at random, of every kind that the variant is told."""
    variant, generator = VARIANTS[name], torch.Generator().manual_seed(seed)
    told = []
    for index in range(chunks):
        count = variant.chunking.frames(index)
        keyboard = mouse = c2w = None
        if variant.keyboard is not None:
            keyboard = torch.rand(count, len(variant.keyboard.words), generator=generator).round()
        if variant.mouse is not None:
            mouse = torch.randn(count, 2, generator=generator) * 0.1
        if variant.camera is not None:
            turns = torch.randn(count, 2, generator=generator)
            c2w = integrate(Track(("forward",), torch.ones(count, 1), turns), variant.motion)
        told.append(Controls(keyboard, mouse, c2w))
    return told


def load_toy(families: ModuleType) -> ModuleType:
    """Load the toy family as if it lay among `families`, the package of the library or of the pack."""
    name = f"{families.__name__}.toy_family"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, TOY_FAMILY)
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@contextmanager
def with_toy(families: ModuleType, variants: dict) -> Iterator[ModuleType]:
    """Let the library know the toy family for a while."""
    toy = load_toy(families)
    families.FAMILIES["toy"], variants["toy"] = toy.FAMILY, toy.TOY
    try:
        yield toy
    finally:
        del families.FAMILIES["toy"], variants["toy"]
