"""One rollout in progress: gather context, build conditions, sample, commit, hand out the chunk.

What a network looks back on, and how it samples, are the caller's (`contexts.Context`, `samplers.Sampler`): a session
knows no family. Shapes: C channels of a latent, c latents of a chunk, h, w latent grid.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..variants import Variant
from ..world.state import (
    Carried,
    Chunk,
    Controls,
    World,
    latents_of,
    new_world,
    validate_chunk,
    validate_controls,
    variant_of,
)
from .contexts import Call, Context, RememberedCall
from .samplers import Settings
from .sampling import recorded_draws, seeded_draws

Predict = Callable[[Tensor, Call], Tensor]
"""(x (1, C, c, h, w) float32, call) -> velocity (1, C, c, h, w)."""

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
    """(C, c, h, w) the current estimate of what is sampled, on the network's device."""


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


class Watchers(NamedTuple):
    """Who is told what a session does; both may raise to stop."""

    after_step: Callable[[Progress], None] | None = None
    after_clean: Callable[[int], None] | None = None
    """Told the index of each chunk whose clean pass has run."""


def bare(network: nn.Module) -> Predict:
    """Return the `Predict` of a network that runs by itself, without gradients."""
    parameter = next(network.parameters())

    @torch.no_grad()
    def predict(x: Tensor, call: Call) -> Tensor:
        return network(x.to(parameter.dtype), call=call).float()

    return predict


class Session:
    """A rollout that mutates only itself: worlds and chunks that went in stay as they were.

    A chunk can be shown before its clean pass, which runs when something needs it. Whatever `predict` or a watcher
    raise, the session can go on.
    """

    def __init__(
        self,
        world: World,
        predict: Predict,
        context: Context,
        settings: Settings,
        *,
        model: str = "",
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
        watchers: Watchers | None = None,
    ):
        """Begin behind the chunks of a world.

        Args:
            world: what it carries of a context is not used unless this model made it under these settings.
            predict: the network, see `Predict`.
            context: made for this world's start, empty.
            settings: the sampler, and the numbers that the context was made with.
            model: identity of the model; "": unknown, so that no context is carried on.
            dtype: precision chunks are stored in.
            device: where the network runs.
            watchers: are told what happens; `None`: nobody is.

        Raises:
            ValueError: the start, a chunk or the settings are wrong.
        """
        self.world: World = new_world(world.start)
        self._variant: Variant = variant_of(world.start)
        self._predict, self._context, self._settings = predict, context, settings
        self._steps = len(settings.sampler.levels().sigmas)
        self._model, self._dtype, self._device = model, dtype, torch.device(device)
        self._watchers = watchers or Watchers()
        self._shelf = _Shelf()
        for chunk in world.chunks:
            self.adopt(chunk)
        if world.context is not None and model and world.context[:2] == (model, self._carried_settings()):
            context.restore(world.context.entries, self.world)

    @property
    def context_bytes(self) -> int:
        """Memory that the context holds, in bytes."""
        return self._context.bytes

    @property
    def waiting(self) -> int:
        """Clean passes that the next chunk needs first."""
        return self._context.waiting(self.world)

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
        controls = controls.on_cpu()
        validate_controls(controls, self._variant, index)
        self.catch_up()
        call = self._context.gather(self.world, controls, index)
        clean = self._settings.sampler.sample(
            lambda x, timestep: self._velocity(x, call, timestep, index), self._draws(seed, index),
            lambda number, estimate: self._report(index, number, estimate),
        )  # fmt: skip
        # rounded before the clean pass, else a replay would differ; and rounding may overflow
        rounded = self._finite(self._whole(clean, index).to(self._dtype), f"in chunk {index}")
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

    def settle(self, chunk: Chunk) -> None:
        """Take the last chunk as it lies elsewhere now, such as in a file; what it holds must be the same."""
        self.world = self.world._replace(chunks=(*self.world.chunks[:-1], chunk))

    def catch_up(self) -> None:
        """Run the clean passes that are due: those of new chunks, or of as many old ones as the network looks back.

        Raises:
            NotFinite: what the network would remember of a chunk is not finite.
        """
        self._context.catch_up(self.world, self._commit)

    def snapshot(self, budget_bytes: int = CONTEXT_BUDGET) -> Carried | None:
        """Return the context behind the last chunk, for the world to carry; to be taken once, at the end.

        Args:
            budget_bytes: it may take; 0 carries none.

        Returns:
            `None` where nothing is kept or it would be larger, where the model is unknown, where there is no chunk,
            where more than the last clean pass is missing (chunks were adopted and none was sampled), or where that
            pass overflows.
        """
        if not self._model or not self.world.chunks:
            return None
        try:
            entries = self._context.snapshot(self.world, self._commit, budget_bytes)
        except NotFinite:  # the chunk itself is sound; who goes on behind it will be told
            return None
        return None if entries is None else Carried(self._model, self._carried_settings(), entries)

    def _carried_settings(self) -> tuple:
        """All that a context depends on besides the model and what the chunks hold; the sampler is not in it."""
        return *self._settings.numbers, str(self._device), len(self.world.chunks)

    def _commit(self, index: int, call: RememberedCall) -> None:
        latents = latents_of(self.world.chunks[index]).to(self._device, torch.float32)
        velocity = self._predict(latents[None], call.clean())
        self._finite(velocity, f"in the clean pass of chunk {index}")
        if self._watchers.after_clean is not None:
            self._watchers.after_clean(index)

    def _grow(self, chunk: Chunk) -> None:
        self.world = self.world._replace(chunks=(*self.world.chunks, chunk), context=None)

    def _draws(self, seed: int, index: int) -> Iterator[Tensor]:
        start, variant = self.world.start, self._variant
        if start.noise is not None:
            draws = recorded_draws(start.noise, index, variant.chunking)
        else:
            shape = (variant.latents.channels, variant.chunking.sampled(index), *start.grid)
            draws = seeded_draws(seed, index, shape)
        return (draw.to(self._device) for draw in draws)

    def _velocity(self, x: Tensor, call: Call, timestep: Tensor, index: int) -> Tensor:
        velocity = self._predict(x[None], call.at(timestep))[0]
        return self._finite(velocity, f"at level {timestep.item():.0f} of chunk {index}").to(x)

    def _whole(self, clean: Tensor, index: int) -> Tensor:
        """Put what the start brings of a world's first chunk in front of what was sampled."""
        given = self._variant.chunking.given
        if index or not given:
            return clean
        return torch.cat((self.world.start.image_condition[:, :given].to(clean), clean), dim=1)

    def _finite(self, tensor: Tensor, where: str) -> Tensor:
        if not math.isfinite(torch.linalg.vector_norm(tensor, math.inf).item()):  # the greatest of them, or NaN
            raise NotFinite(where, self._dtype)
        return tensor

    def _report(self, index: int, number: int, estimate: Tensor) -> None:
        if self._watchers.after_step is not None:
            self._watchers.after_step(Progress(index, number + 1, self._steps, estimate))


class _Shelf:
    """Room on the CPU for the latents that stay, made for many chunks at once.

    Made one by one between the passing tensors of a network, they leave holes that nothing fits any more: 600 chunks of
    11 MB took 12 to 25 MB.
    """

    def __init__(self):
        self._free: list[Tensor] = []

    def put(self, latents: Tensor) -> Tensor:
        """Return a copy on the CPU."""
        if not self._free or self._free[-1].shape != latents.shape:  # a first chunk may be longer
            count = max(1, SHELF_BYTES // latents.nbytes)
            with torch.inference_mode(False):  # what is made in inference mode cannot be written to outside of it
                room = torch.empty(count, *latents.shape, dtype=latents.dtype)
                self._free = list(room.unbind())
        return self._free.pop().copy_(latents)
