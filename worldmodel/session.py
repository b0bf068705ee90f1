"""One rollout in progress: gather context, build conditions, sample, commit, hand out the chunk.

Shapes: c latents per chunk, h, w latent grid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .cache import KVCache
from .conditions import chunk_step
from .models.matrix_game2 import Step
from .sampling import Levels, recorded_draws, renoise_sample, seeded_draws, warped_steps
from .state import Chunk, Controls, Start, World, new_world, validate_controls
from .variants import Variant, variant_named

Predict = Callable[[Tensor, Step, Tensor], Tensor]
"""(x (1, 16, c, h, w) float32, step, context (1, tokens, width)) -> velocity (1, 16, c, h, w)."""


class Progress(NamedTuple):
    """Where a rollout stands, told after every step."""

    chunk: int
    """Absolute chunk index."""
    step: int
    """Steps of the chunk that are done, from 1."""
    steps: int
    clean: Tensor
    """(16, c, h, w) the current estimate, on the network's device."""


class Settings(NamedTuple):
    """Sampler settings; the variant's own unless the artist changes them."""

    steps: tuple[int, ...]
    shift: float
    window: int
    """Latents attended to, the current chunk included."""


def settings_of(variant: Variant) -> Settings:
    """Return the variant's own settings."""
    return Settings(variant.steps, variant.shift, variant.window)


def bare(network: nn.Module) -> Predict:
    """Return the `Predict` of a network that runs by itself, without gradients."""
    parameter = next(network.parameters())

    @torch.no_grad()
    def predict(x: Tensor, step: Step, context: Tensor) -> Tensor:
        return network(x.to(parameter.dtype), step.timesteps, context, step=step).float()

    return predict


class Session:
    """A rollout that mutates only itself: worlds and chunks that went in stay as they were."""

    def __init__(
        self,
        start: Start,
        predict: Predict,
        *,
        chunks: Iterable[Chunk] = (),
        settings: Settings | None = None,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
        after_step: Callable[[Progress], None] | None = None,
    ):
        """Begin at a start, or behind chunks that already exist.

        Args:
            start: where the world begins.
            predict: the network, see `Predict`.
            chunks: finished chunks; their clean passes are replayed from the start, before the first step.
            settings: `None`: the variant's own.
            dtype: precision chunks are stored in.
            device: where the network runs.
            after_step: called after every step; may raise to stop.

        Raises:
            ValueError: the start or the settings are wrong.
        """
        self.world: World = new_world(start)
        self._variant = variant_named(start.variant)
        self._predict = predict
        settings = settings or settings_of(self._variant)
        self._levels: Levels = warped_steps(settings.steps, settings.shift)
        if settings.window < self._variant.chunk:
            raise ValueError(
                f"window: found {settings.window}, expected at least {self._variant.chunk} latents, the length of a "
                "chunk; use the variant's own."
            )
        self._cache = KVCache(settings.window, self._variant.chunk)
        self._dtype = dtype
        self._device = torch.device(device)
        self._after_step = after_step
        self._context = start.visual_context[None].to(self._device)
        self._waiting: list[Chunk] = list(chunks)
        self._committing = False

    @property
    def cache_bytes(self) -> int:
        """Memory that the cache holds, in bytes."""
        return self._cache.bytes()

    def step(self, controls: Controls, seed: int) -> Chunk:
        """Roll out one chunk.

        Args:
            controls: the rows of exactly this chunk's video frames.
            seed: with the absolute chunk index it fixes the noise.

        Returns:
            The finished chunk; `world` has grown by it.

        Raises:
            ValueError: controls of the wrong shape, or recorded noise that is too short.
        """
        self.replay()
        index = len(self.world.chunks)
        validate_controls(controls, self._variant, index)
        step = self._conditions(controls, index)
        clean = renoise_sample(
            lambda x, timestep: self._velocity(x, step, timestep), self._draws(seed, index), self._levels,
            lambda number, estimate: self._report(index, number, estimate),
        )  # fmt: skip
        # rounded before the clean pass, else a replay would differ
        latents = clean.to(self._dtype)
        self._commit(latents, step)
        chunk = Chunk(latents.cpu(), Controls(*(None if rows is None else rows.cpu() for rows in controls)), seed=seed)
        self.world = self.world._replace(chunks=(*self.world.chunks, chunk), context=None)
        return chunk

    def replay(self) -> None:
        """Run the clean passes of the chunks given at the beginning; exact, because it goes from the start on."""
        if self._committing:  # a clean pass was cut short: the cache holds halves
            self._cache = self._cache.emptied()
            self._waiting = [*self.world.chunks, *self._waiting]
            self.world = self.world._replace(chunks=(), context=None)
            self._committing = False
        while self._waiting:
            chunk = self._waiting[0]
            index = len(self.world.chunks)
            validate_controls(chunk.controls, self._variant, index)
            self._commit(chunk.latents.to(self._device), self._conditions(chunk.controls, index))
            self.world = self.world._replace(chunks=(*self.world.chunks, chunk), context=None)
            self._waiting.pop(0)

    def _conditions(self, controls: Controls, index: int) -> Step:
        self._cache.begin_chunk()
        before = self.world.chunks[-1] if self.world.chunks else None
        step = chunk_step(self._variant, self.world.start, before, controls, index, self._device)
        return step._replace(cache=self._cache)

    def _draws(self, seed: int, index: int) -> Iterator[Tensor]:
        noise, condition = self.world.start.noise, self.world.start.image_condition
        if noise is not None:
            draws = recorded_draws(noise, index, self._variant.chunk)
        else:
            draws = seeded_draws(seed, index, (16, self._variant.chunk, *condition.shape[2:]))
        return (draw.to(self._device) for draw in draws)

    def _velocity(self, x: Tensor, step: Step, timestep: Tensor) -> Tensor:
        timesteps = torch.full_like(step.timesteps, timestep.item())
        return self._predict(x[None], step._replace(timesteps=timesteps), self._context)[0].to(x)

    def _commit(self, latents: Tensor, step: Step) -> None:
        """Write the cache: one clean pass at timestep 0, whose velocity nobody needs."""
        self._committing = True
        self._predict(latents.float()[None], step._replace(commit=True), self._context)
        self._committing = False

    def _report(self, index: int, number: int, estimate: Tensor) -> None:
        if self._after_step is not None:
            self._after_step(Progress(index, number + 1, len(self._levels.sigmas), estimate))


def extend(
    world: World,
    controls: Iterable[Controls],
    seed: int,
    predict: Predict,
    *,
    settings: Settings | None = None,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
    after_step: Callable[[Progress], None] | None = None,
) -> Iterator[tuple[World, Chunk]]:
    """Grow a world, one chunk per element of `controls`.

    Args:
        world: stays as it is.
        controls: one per chunk, in order.
        seed, predict, settings, dtype, device, after_step: see `Session`.

    Yields:
        The grown world and its newest chunk.
    """
    session = Session(
        world.start, predict, chunks=world.chunks, settings=settings, dtype=dtype, device=device, after_step=after_step
    )
    for rows in controls:
        chunk = session.step(rows, seed)
        yield session.world, chunk
