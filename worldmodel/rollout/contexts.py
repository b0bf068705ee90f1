"""What a network looks at besides the current chunk: one class per way to look back.

Shapes: C channels of a latent, c latents of a chunk, h, w latent grid.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, Self

import torch
from torch import Tensor

from ..layers.cache import KVCache
from ..reading.words import shortened
from ..variants import Variant
from ..world.state import Controls, Start, World


class Call(Protocol):
    """All that one pass of a network is given besides x: a family's own record.

    Everything in it keeps its precision on the way through a host, which casts what it knows as a model's input.
    """

    @property
    def timesteps(self) -> Tensor:
        """(B, T) in [0, 1000], of all latents of the pass; the last one is sampled."""
        ...

    def at(self, timestep: Tensor) -> Self:
        """Return the pass at a timestep (), in [0, 1000], of the latents that are sampled."""
        ...


class RememberedCall(Call, Protocol):
    """A call of a network that remembers what a clean pass shows it."""

    def clean(self) -> Self:
        """Return the clean pass."""
        ...


class GuidedCall(Call, Protocol):
    """A call of a model that is led away from what it predicts when it is told nothing."""

    def null(self) -> Self:
        """Return the pass that tells nothing, at the same timesteps."""
        ...


class ExpertCall(Call, Protocol):
    """A call of a model of two networks."""

    def of_expert(self, name: str) -> Self:
        """Return the same pass for the network of that name."""
        ...


Commit = Callable[[int, RememberedCall], None]
"""Runs the clean pass of a finished chunk, by its index; raises `NotFinite` where what is remembered is not."""


class About(NamedTuple):
    """What a context is made for.

    Args:
        start: of the world.
        variant: of the model.
        numbers: what else of the settings it goes by, as the family counts it.
        device: where the network runs.
        stages: attention stages of the network, one after another, that look back in time through what is kept;
            `None`: unknown.
        encode_text: gives (words, width) of a prompt; `None`: nobody can.
        dtype: what the network computes in.
        keep: bytes in which it may be kept what holds for all passes of a chunk; `None`: all of that.
        chained: gives the last frame of a clip's latents (C, c, h, w), and nothing behind it, as latents (C, L, h, w)
            in model space, whose last one stands for all later ones; `None`: nobody can.
    """

    start: Start
    variant: Variant
    numbers: tuple[Any, ...] = ()
    device: torch.device = torch.device("cpu")
    stages: int | None = None
    encode_text: Callable[[str], Tensor] | None = None
    dtype: torch.dtype = torch.float32
    keep: int | None = None
    chained: Callable[[Tensor], Tensor] | None = None

    def text_of(self, controls: Controls) -> Tensor:
        """Return (words, width) of the sentence that holds in a chunk: the start's, or one that came later.

        Raises:
            ValueError: one that came later, and nobody encodes it.
        """
        return self.encoded(controls.prompt) if controls.prompt else self.start.text

    def encoded(self, sentence: str) -> Tensor:
        """Return (words, width) of a sentence.

        Raises:
            ValueError: nobody encodes it.
        """
        if self.encode_text is None:
            raise ValueError(
                f"clip: found none, expected a text encoder for the prompt {shortened(sentence)!r}; connect Load World "
                "Text Encoder."
            )
        return self.encode_text(sentence)


class Context(Protocol):
    """What a network looks at besides the current chunk; whatever it keeps can be derived from the world."""

    @property
    def bytes(self) -> int:
        """Memory that it holds, in bytes."""
        ...

    def waiting(self, world: World) -> int:
        """Return the clean passes that are due before a world's next chunk; 0 where nothing is kept."""
        ...

    def catch_up(self, world: World, commit: Commit) -> None:
        """Run them."""
        ...

    def gather(self, world: World, controls: Controls, index: int) -> Call:
        """Return what all passes of chunk `index` share, made once for all of them.

        Args:
            world: with all chunks before that one; later ones are not looked at.
            controls: of that chunk.
            index: absolute chunk index.
        """
        ...

    def snapshot(self, world: World, commit: Commit, budget_bytes: int) -> tuple | None:
        """Return what is kept behind a world's last chunk, as CPU tensors in nested tuples.

        Returns:
            `None` where nothing is kept, where it would take more than the budget, or more than one pass.
        """
        ...

    def restore(self, entries: tuple, world: World) -> None:
        """Keep what a `snapshot` behind a world's last chunk had; the snapshot stays as it is."""
        ...


class KeepsNothing:
    """The part of a context that every one has in common which reads the world's latents: nothing is ever due."""

    bytes = 0

    def __init__(self, about: About):
        """Begin; `about` is for `gather`, which is the family's own."""
        self.about = about

    def waiting(self, world: World) -> int:
        """Return 0."""
        return 0

    def catch_up(self, world: World, commit: Commit) -> None:
        """Do nothing."""

    def snapshot(self, world: World, commit: Commit, budget_bytes: int) -> None:
        """Return nothing, which is all there is to carry."""
        return

    def restore(self, entries: tuple, world: World) -> None:
        """Do nothing."""


class MakeCall(Protocol):
    """How a causal family builds the call of a chunk, without a cache, at timestep 0."""

    def __call__(self, about: About, world: World, controls: Controls, index: int) -> RememberedCall: ...


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


class WindowContext:
    """Keys and values of the last clean latents, as causal networks look back.

    A chunk's clean pass writes them when something needs it: before the next chunk is sampled, or for a snapshot.
    Sampled, adopted and replayed chunks thus take the same way into the cache. Without a snapshot as many chunks are
    replayed as the network looks back.
    """

    def __init__(self, about: About, make_call: MakeCall):
        """Begin with an empty cache.

        Args:
            about: `numbers` is the window alone: latents attended to, the current chunk included.
            make_call: the family's own; what it returns has a field `cache`.

        Raises:
            ValueError: the window is shorter than a chunk.
        """
        (window,) = about.numbers
        chunk = about.variant.chunking.later
        if window < chunk:
            raise ValueError(
                f"window: found {window}, expected at least {chunk} latents, the length of a chunk; use the variant's "
                "own."
            )
        self._about, self._make_call = about, make_call
        self._cache = KVCache(window, chunk)
        self._depth = None if about.stages is None else replay_depth(about.stages, window, chunk)
        self._told: tuple[int, Controls, Call] | None = None
        self._cached = 0  # the cache stands behind so many chunks
        self._writing = False  # a clean pass was begun and did not end: the cache holds halves

    @property
    def bytes(self) -> int:
        """Memory that the cache holds, in bytes."""
        return self._cache.bytes()

    def waiting(self, world: World) -> int:
        """Return the clean passes of chunks that are not in the cache, or of as many as the network looks back."""
        return len(world.chunks) - self._next_clean(world)

    def catch_up(self, world: World, commit: Commit) -> None:
        """Run them."""
        begin = self._next_clean(world)
        if self._writing or begin > self._cached:
            self._cache, self._cached, self._writing = self._cache.emptied(), begin, False
        while self._cached < len(world.chunks):
            call = self.gather(world, world.chunks[self._cached].controls, self._cached)
            self._writing = True
            commit(self._cached, call)
            self._cached += 1
            self._writing = False

    def gather(self, world: World, controls: Controls, index: int) -> Call:
        """Return what the sampling of a chunk and its clean pass share."""
        if self._told is None or self._told[0] != index or self._told[1] is not controls:
            self._cache.begin_chunk()
            self._told = index, controls, self._make_call(self._about, world, controls, index)
        return self._told[2]._replace(cache=self._cache)

    def snapshot(self, world: World, commit: Commit, budget_bytes: int) -> tuple | None:
        """Return the cache's history, after the last chunk's clean pass."""
        if self.waiting(world) > 1 or self._cache.history_bytes() > budget_bytes:
            return None
        self.catch_up(world, commit)
        return None if self._cache.history_bytes() > budget_bytes else self._cache.snapshot()

    def restore(self, entries: tuple, world: World) -> None:
        """Put a snapshot's history in place of the cache's."""
        self._cache.restore(entries, self._about.device)
        self._cached = len(world.chunks)

    def _next_clean(self, world: World) -> int:
        """Return the chunk whose clean pass comes next for the cache to be exact behind the last one."""
        first = 0 if self._depth is None else max(0, len(world.chunks) - self._depth)
        return first if self._writing else max(first, self._cached)
