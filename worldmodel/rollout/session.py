"""One rollout in progress: gather context, build conditions, sample, commit, hand out the chunk.

Shapes: c latents per chunk, h, w latent grid.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..layers.cache import KVCache
from ..models.matrix_game2.conditions import chunk_step
from ..models.matrix_game2.network import Step
from ..variants import Variant, variant_named
from ..world.state import Chunk, Context, Controls, Start, World, new_world, validate_chunk, validate_controls
from .sampling import Levels, recorded_draws, renoise_sample, seeded_draws, warped_steps

Predict = Callable[[Tensor, Step, Tensor], Tensor]
"""(x (1, 16, c, h, w) float32, step, context (1, tokens, width)) -> velocity (1, 16, c, h, w)."""

CONTEXT_BUDGET = 2 * 1024**3
"""Bytes that a carried context may take unless the caller says otherwise."""

SHELF_BYTES = 2**20
"""Room for latents that is made at once."""


class Progress(NamedTuple):
    """Where a rollout stands, told after every step."""

    chunk: int
    """Absolute chunk index."""
    step: int
    """Steps of the chunk that are done, from 1."""
    steps: int
    clean: Tensor
    """(16, c, h, w) the current estimate, on the network's device."""


class NotFinite(ValueError):
    """A network's output, or what was made of it, holds NaN or infinity: nothing of it is kept.

    Attributes:
        where: in words.
    """

    def __init__(self, where: str, dtype: torch.dtype):
        """Args: where: in words. dtype: chunks are stored in."""
        self.where = where
        advice = "load the model in bf16 or fp32" if dtype == torch.float16 else "try the model without patches"
        super().__init__(f"latents: found NaN or infinity {where}, expected finite numbers; {advice}.")


class Settings(NamedTuple):
    """Sampler settings; the variant's own unless the artist changes them."""

    steps: tuple[int, ...]
    shift: float
    window: int
    """Latents attended to, the current chunk included."""


def settings_of(variant: Variant) -> Settings:
    """Return the variant's own settings."""
    return Settings(variant.steps, variant.shift, variant.window)


def replay_depth(stages: int, window: int, chunk: int) -> int:
    """Return how many chunks back an exact replay begins.

    What a stage of the network remembers of a chunk depends on what the stage before it remembered of the chunks in
    the window, and so on down to the first stage, which depends on its own chunk alone.

    Args:
        stages: attention stages, one after another, that look back in time.
        window: latents attended to, the current chunk included.
        chunk: latents denoised together.
    """
    return stages * math.ceil((window - chunk) / chunk)


def bare(network: nn.Module) -> Predict:
    """Return the `Predict` of a network that runs by itself, without gradients."""
    parameter = next(network.parameters())

    @torch.no_grad()
    def predict(x: Tensor, step: Step, context: Tensor) -> Tensor:
        return network(x.to(parameter.dtype), step.timesteps, context, step=step).float()

    return predict


class Session:
    """A rollout that mutates only itself: worlds and chunks that went in stay as they were.

    A chunk's clean pass runs when something needs it: before the next chunk is sampled, or for a snapshot. Sampled,
    adopted and replayed chunks thus take the same way into the cache, and a chunk can be shown before its clean pass.
    Whatever `predict` or `after_step` raise, the session can go on.
    """

    def __init__(
        self,
        start: Start,
        predict: Predict,
        *,
        chunks: Iterable[Chunk] = (),
        context: Context | None = None,
        model: str = "",
        stages: int | None = None,
        settings: Settings | None = None,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
        after_step: Callable[[Progress], None] | None = None,
    ):
        """Begin at a start, or behind chunks that already exist.

        Args:
            start: where the world begins.
            predict: the network, see `Predict`.
            chunks: finished chunks.
            context: behind the last of them; not used unless this model made it under these settings.
            model: identity of the model; "": unknown, so that no context is used or made.
            stages: of the network (`MatrixGame2.stages`), which bound how far back a replay begins; `None`: unknown,
                so that it begins at the start.
            settings: `None`: the variant's own.
            dtype: precision chunks are stored in.
            device: where the network runs.
            after_step: called after every step; may raise to stop.

        Raises:
            ValueError: the start, a chunk or the settings are wrong.
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
        self._depth = None if stages is None else replay_depth(stages, settings.window, self._variant.chunk)
        self._model = model
        self._dtype = dtype
        self._device = torch.device(device)
        self._after_step = after_step
        self._visual_context = start.visual_context[None].to(self._device)
        self._shelf = _Shelf()
        self._told: tuple[int, Controls, Step] | None = None
        self._cached = 0  # the cache stands behind so many chunks
        self._writing = False  # a clean pass was begun and did not end: the cache holds halves
        for chunk in chunks:
            self.adopt(chunk)
        if context is not None and model and context[:2] == (model, self._context_settings()):
            self._cache.restore(context.entries, self._device)
            self._cached = len(self.world.chunks)

    @property
    def cache_bytes(self) -> int:
        """Memory that the cache holds, in bytes."""
        return self._cache.bytes()

    @property
    def waiting(self) -> int:
        """Clean passes that the next chunk needs first."""
        return len(self.world.chunks) - self._next_clean()

    def step(self, controls: Controls, seed: int, key: str = "") -> Chunk:
        """Roll out one chunk.

        Args:
            controls: the rows of exactly this chunk's video frames.
            seed: with the absolute chunk index it fixes the noise.
            key: the chunk's journal key, which it will carry.

        Returns:
            The finished chunk; `world` has grown by it.

        Raises:
            ValueError: controls of the wrong shape, or recorded noise that is too short.
            NotFinite: the network gave, or the chunk would hold, NaN or infinity; the world has not grown.
        """
        index = len(self.world.chunks)
        controls = Controls(*(None if rows is None else rows.cpu() for rows in controls))
        validate_controls(controls, self._variant, index)
        self.replay()
        step = self._conditions(controls, index)
        clean = renoise_sample(
            lambda x, timestep: self._velocity(x, step, timestep, index), self._draws(seed, index), self._levels,
            lambda number, estimate: self._report(index, number, estimate),
        )  # fmt: skip
        # rounded before the clean pass, else a replay would differ; and rounding may overflow
        rounded = self._finite(clean.to(self._dtype), f"in chunk {index}")
        chunk = Chunk(self._shelf.put(rounded), controls, seed=seed, key=key)
        self._grow(chunk)
        return chunk

    def adopt(self, chunk: Chunk) -> None:
        """Take a finished chunk as the next one, without sampling.

        Raises:
            ValueError: it does not fit here.
        """
        validate_chunk(chunk, self.world.start, len(self.world.chunks))
        self._grow(chunk)

    def replay(self) -> None:
        """Run the clean passes that are due: those of new chunks, or of as many old ones as the network looks back.

        Raises:
            NotFinite: what the network would remember of a chunk is not finite.
        """
        begin = self._next_clean()
        if self._writing or begin > self._cached:
            self._cache, self._cached, self._writing = self._cache.emptied(), begin, False
        while self._cached < len(self.world.chunks):
            chunk = self.world.chunks[self._cached]
            step = self._conditions(chunk.controls, self._cached)
            latents = chunk.latents.to(self._device, torch.float32)
            self._writing = True
            velocity = self._predict(latents[None], step._replace(commit=True), self._visual_context)
            self._finite(velocity, f"in the clean pass of chunk {self._cached}")
            self._cached += 1
            self._writing = False

    def snapshot(self, budget_bytes: int = CONTEXT_BUDGET) -> Context | None:
        """Return the context behind the last chunk, for the world to carry; to be taken once, at the end.

        Args:
            budget_bytes: it may take; 0 carries none.

        Returns:
            `None` where it would be larger, where the model is unknown, where there is no chunk, where more than the
            last clean pass is missing (chunks were adopted and none was sampled), or where that pass overflows.
        """
        if not self._model or not self.world.chunks or self.waiting > 1 or self._cache.history_bytes() > budget_bytes:
            return None
        try:
            self.replay()
        except NotFinite:  # the chunk itself is sound; who goes on behind it will be told
            return None
        if self._cache.history_bytes() > budget_bytes:
            return None
        return Context(self._model, self._context_settings(), self._cache.snapshot())

    def _context_settings(self) -> tuple[int, str, int]:
        """All that a context depends on besides the model and what the chunks hold; steps and shift are not in it."""
        return self._cache.window, str(self._device), len(self.world.chunks)

    def _next_clean(self) -> int:
        """Return the chunk whose clean pass comes next for the cache to be exact behind the last one."""
        first = 0 if self._depth is None else max(0, len(self.world.chunks) - self._depth)
        return first if self._writing else max(first, self._cached)

    def _grow(self, chunk: Chunk) -> None:
        self.world = self.world._replace(chunks=(*self.world.chunks, chunk), context=None)

    def _conditions(self, controls: Controls, index: int) -> Step:
        """Return what all passes of a chunk share, made once for its sampling and its clean pass."""
        if self._told is None or self._told[0] != index or self._told[1] is not controls:
            self._cache.begin_chunk()
            before = self.world.chunks[index - 1] if index else None
            step = chunk_step(self._variant, self.world.start, before, controls, index, self._device)
            self._told = index, controls, step
        return self._told[2]._replace(cache=self._cache)

    def _draws(self, seed: int, index: int) -> Iterator[Tensor]:
        noise, condition = self.world.start.noise, self.world.start.image_condition
        if noise is not None:
            draws = recorded_draws(noise, index, self._variant.chunk)
        else:
            draws = seeded_draws(seed, index, (16, self._variant.chunk, *condition.shape[2:]))
        return (draw.to(self._device) for draw in draws)

    def _velocity(self, x: Tensor, step: Step, timestep: Tensor, index: int) -> Tensor:
        timesteps = torch.full_like(step.timesteps, timestep.item())
        velocity = self._predict(x[None], step._replace(timesteps=timesteps), self._visual_context)[0]
        return self._finite(velocity, f"at level {timestep.item():.0f} of chunk {index}").to(x)

    def _finite(self, tensor: Tensor, where: str) -> Tensor:
        if not bool(torch.isfinite(tensor).all()):
            raise NotFinite(where, self._dtype)
        return tensor

    def _report(self, index: int, number: int, estimate: Tensor) -> None:
        if self._after_step is not None:
            self._after_step(Progress(index, number + 1, len(self._levels.sigmas), estimate))


class _Shelf:
    """Room on the CPU for the latents that stay, made for many chunks at once.

    Made one by one between the passing tensors of a network, they leave holes that nothing fits any more: 600 chunks of
    11 MB took 12 to 25 MB.
    """

    def __init__(self):
        self._free: list[Tensor] = []

    def put(self, latents: Tensor) -> Tensor:
        """Return a copy on the CPU."""
        if not self._free:
            count = max(1, SHELF_BYTES // latents.nbytes)
            with torch.inference_mode(False):  # what is made in inference mode cannot be written to outside of it
                room = torch.empty(count, *latents.shape, dtype=latents.dtype)
                self._free = list(room.unbind())
        return self._free.pop().copy_(latents)


def extend(
    world: World,
    controls: Iterable[Controls],
    seed: int,
    predict: Predict,
    **options: Any,
) -> Iterator[tuple[World, Chunk]]:
    """Grow a world, one chunk per element of `controls`.

    Args:
        world: stays as it is.
        controls: one per chunk, in order.
        seed, predict: see `Session`.
        options: `model`, `stages`, `settings`, `dtype`, `device` and `after_step`, see `Session`.

    Yields:
        The grown world and its newest chunk.
    """
    session = Session(world.start, predict, chunks=world.chunks, context=world.context, **options)
    for rows in controls:
        chunk = session.step(rows, seed)
        yield session.world, chunk
