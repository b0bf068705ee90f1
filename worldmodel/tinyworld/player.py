"""Tiny World's model at play, many starts at once: what the measures judge.

The nodes play one world through `Session`; here the same network, cache, sampler and conditions run on a batch.

Shapes: B starts, R rows of actions = frames, T latents, h x w latent grid.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..checkpoints.recognise import load_network, read_metadata, recognise
from ..layers.cache import KVCache
from ..models.matrix_game2.conditions import cut_windows, image_condition_at
from ..models.matrix_game2.network import Step
from ..models.matrix_game2.tokens import patch_context
from ..reading.no_search import READING
from ..reading.safetensors_files import load_safetensors
from ..rollout.sampling import Levels, renoise_sample, warped_steps
from ..vae.tiny import TinyVAE
from ..variants import BUILT_IN, VARIANTS, Variant
from .pilot import Actions

WEIGHTS = Path(__file__).parent / "weights"
MODEL_FILE = WEIGHTS / "tiny_world_2.safetensors"
MEMORY_FILE = WEIGHTS / "tiny_world_2_memory.safetensors"
EVENTS_FILE = WEIGHTS / "tiny_world_2_events.safetensors"
VAE_FILE = WEIGHTS / "tiny_world_2_vae.safetensors"
SIZES = {
    "dim": 192, "heads": 3, "ffn_dim": 768, "freq_dim": 128, "layers": 6, "context_dim": 128, "keyboard_dim": 4,
    "keyboard_width": 32, "action_heads": 3, "action_blocks": (0, 1, 2), "mouse": True,
}  # fmt: skip
"""Of the shipped form's network."""
TAIL = 5
"""Latents of grey after which the encoder no longer remembers the start image."""


class Conditions(NamedTuple):
    """What a batch of rollouts is told, for T latents from the start.

    condition (B, 20, T, h, w); context (B, tokens, 128); keyboard (B, T, 12, 4); mouse (B, T, 12, 2).
    """

    condition: Tensor
    context: Tensor
    keyboard: Tensor
    mouse: Tensor

    def step(self, latents: Tensor, timesteps: Tensor, **state: object) -> Step:
        """Build the call of the network for the latents of these absolute indices (T',), at timesteps (B, T')."""
        return Step(
            timesteps=timesteps,
            positions=latents,
            image_condition=image_condition_at(self.condition, latents),
            image_tokens=self.context,
            keyboard=self.keyboard[:, latents],
            mouse=self.mouse[:, latents],
            **state,
        )


def build_conditions(image: Tensor, keys: Tensor, turns: Tensor, variant: Variant, latents: int) -> Conditions:
    """Build the conditions of rollouts.

    Args:
        image: (B, 16, 1 + TAIL, h, w) normalised latents of the start image and the grey after it.
        keys: (B, R, 4) multi-hot; rows the window never reaches may be missing at the end.
        turns: (B, R) degrees per frame, right positive.
        variant: Tiny World's.
        latents: T.
    """
    mask = torch.zeros_like(image[:, :4])
    mask[:, :, 0] = 1
    positions = torch.arange(latents, device=image.device)
    mouse = torch.stack([torch.zeros_like(turns), turns / variant.mouse.degrees_per_unit], -1).float()
    return Conditions(
        torch.cat([mask, image], 1),
        patch_context(image[:, :, 0]),
        cut_windows(keys.float(), positions),
        cut_windows(mouse, positions),
    )


@torch.inference_mode()
def encode_start(vae: TinyVAE, first: Tensor, tail: int = TAIL) -> Tensor:
    """Encode start frames (B, 3, H, W) in -1..1, then grey: latents (B, 16, 1 + tail, h, w), not normalised."""
    grey = torch.zeros_like(first)[:, :, None].expand(-1, -1, 4 * tail, -1, -1)
    return vae.encode(torch.cat([first[:, :, None], grey], 2))


class Player(NamedTuple):
    """Tiny World's network and VAE with the latent format they share (mean and std (16, 1, 1, 1))."""

    network: nn.Module
    vae: TinyVAE
    mean: Tensor
    std: Tensor
    variant: Variant = VARIANTS[BUILT_IN]

    def play(self, first: Tensor, actions: Actions, chunks: int, seed: int, levels: Levels | None = None) -> Tensor:
        """Roll a batch out and return the whole film (B, 3, F, H, W) in 0..1, F = 12 * chunks - 3; see `roll`."""
        return torch.cat(list(self.roll(first, actions, chunks, seed, levels)), 2)

    @torch.inference_mode()
    def roll(
        self, first: Tensor, actions: Actions, chunks: int, seed: int, levels: Levels | None = None
    ) -> Iterator[Tensor]:
        """Roll a batch out, chunk after chunk; only the cache's window is kept.

        Args:
            first: (B, 3, H, W) start frames in 0..1.
            actions: rows for all frames; the last frame's row is never read.
            chunks: to generate.
            seed: of the noise, drawn for the whole batch.
            levels: noise levels; `None`: the variant's own.

        Yields:
            The frames of each chunk, (B, 3, 9 or 12, H, W) in 0..1.
        """
        memory: dict[str, Tensor] = {}
        image = self.see(first, chunks)
        for latents in self.roll_latents(image, actions, chunks, seed, levels):
            yield self.show(latents, memory)

    def see(self, first: Tensor, chunks: int) -> Tensor:
        """Return the image condition of start frames (B, 3, H, W) in 0..1: (B, 16, 1 + tail, h, w), normalised."""
        tail = min(TAIL, chunks * self.variant.chunking.later - 1)
        return (encode_start(self.vae, first * 2 - 1, tail) - self.mean) / self.std

    def show(self, latents: Tensor, memory: dict[str, Tensor]) -> Tensor:
        """Decode a stream's next normalised latents (B, 16, T, h, w) to frames (B, 3, F, H, W) in 0..1."""
        pieces = (latents * self.std + self.mean).split(1, 2)
        return (torch.cat([self.vae.decode(piece, memory) for piece in pieces], 2) + 1) / 2

    @torch.inference_mode()
    def roll_latents(
        self, image: Tensor, actions: Actions, chunks: int, seed: int, levels: Levels | None = None,
        past: Tensor | None = None,
    ) -> Iterator[Tensor]:  # fmt: skip
        """Roll a batch out from what `see` returned; yield each chunk's normalised latents (B, 16, 3, h, w).

        Args:
            image, actions, chunks, seed, levels: as `roll` takes them.
            past: (B, 16, 3 * P, h, w) the first chunks, normalised, which are then not made; `None`: none.
        """
        levels = levels or warped_steps(self.variant.steps, self.variant.shift)
        length = self.variant.chunking.later
        keys, turns = (padded(value, self.variant.chunking.first_frame(chunks)) for value in actions)
        told = build_conditions(image, keys, turns, self.variant, chunks * length)
        cache = KVCache(self.variant.window, length)
        generator = torch.Generator().manual_seed(seed)
        shape = (len(image), 16, length, *image.shape[-2:])
        for chunk in range(chunks):
            cache.begin_chunk()
            step = told.step(
                torch.arange(chunk * length, (chunk + 1) * length), torch.zeros(len(image), length), cache=cache
            )
            if past is not None and chunk * length < past.shape[2]:
                latents = past[:, :, chunk * length : (chunk + 1) * length]
            else:
                latents = renoise_sample(
                    lambda x, timestep, step=step: self.network(
                        x, call=step._replace(timesteps=timestep.expand(len(x), length))
                    ),
                    iter(lambda: torch.randn(shape, generator=generator), None),
                    levels,
                )
            self.network(latents, call=step.clean())
            yield latents


def padded(rows: Tensor, count: int) -> Tensor:
    """Repeat the last of rows (B, R, ...) until there are `count` at least."""
    missing = max(0, count - rows.shape[1])
    return torch.cat([rows, rows[:, -1:].expand(-1, missing, *rows.shape[2:])], 1)


def load_vae(path: Path = VAE_FILE) -> tuple[TinyVAE, dict]:
    """Load the VAE with its metadata (latent_mean, latent_std, widths)."""
    weights, about = load_safetensors(path)
    about = read_metadata(about)
    vae = TinyVAE(tuple(about["encoder_widths"]), tuple(about["decoder_widths"]), device="meta")
    vae.load_state_dict({name: value.float() for name, value in weights.items()}, assign=True)
    return vae.to(memory_format=torch.channels_last).eval(), about


@READING
def load_player(model: Path = MODEL_FILE, vae: Path = VAE_FILE) -> Player:
    """Load network and VAE in float32."""
    weights, metadata = load_safetensors(model)
    checkpoint = recognise(weights, metadata, name=model.name)
    network = load_network(checkpoint, dtype=torch.float32)
    decoder, about = load_vae(vae)
    mean, std = (torch.tensor(about[name]).view(-1, 1, 1, 1) for name in ("latent_mean", "latent_std"))
    return player_of(network, decoder, mean, std, checkpoint.variant)


def player_of(network: nn.Module, vae: TinyVAE, mean: Tensor, std: Tensor, variant: Variant) -> Player:
    """Return the player of a variant of Tiny World, of any form."""
    from .remember.player import MemoryPlayer  # which are made of this file's parts
    from .weather.player import EventPlayer

    kind = MemoryPlayer if variant.memories else EventPlayer if variant.text else Player
    return kind(network.eval(), vae, mean, std, variant)
