"""All latents of a world as context, as they are stored: what a network that compresses its history looks back on.

Nothing of the world is copied or kept; what a family makes of single latents it may keep from chunk to chunk.

Shapes: C channels of a latent, c latents of a chunk, n latents of history, h, w latent grid.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from ..layers.kept import Kept, LastKept
from ..variants import LAST_CHUNK
from ..world.state import Chunk, Controls, World, latents_of
from .contexts import About, Call, KeepsNothing


class Stored:
    """Latents of a chunk in a file, (C, c, h, w), of which only as much is read as is asked for."""

    def __init__(self, chunk: Chunk):
        """Read nothing yet."""
        self._chunk = chunk

    @property
    def shape(self) -> torch.Size:
        """Of all of them."""
        return self._chunk.latents.shape

    def __getitem__(self, at: tuple[slice, slice]) -> Tensor:
        """Return some of them; `at` is all channels, and which latents."""
        return latents_of(self._chunk, at[1])


class Behind(NamedTuple):
    """What a family makes a chunk's call of.

    Args:
        about: of the context.
        world: the chunks before.
        controls: of the chunk.
        parts: (C, c, h, w) each, the latents of history, in order; those in files are read when they are cut.
        numbers: (n,) of those latents, from the start's first one on.
        kept: for what stays the same in all passes of the chunk.
        said: the same for all passes, of later chunks too, that are told the same sentence.
    """

    about: About
    world: World
    controls: Controls
    parts: tuple[Tensor | Stored, ...]
    numbers: list[int]
    kept: Kept
    said: Callable[[str], Kept]


class HistoryContext(KeepsNothing):
    """A world's start and all of its chunks, or its start and its last chunk."""

    def __init__(self, about: About, make_call: Callable[[Behind], Call], most: int):
        """Begin.

        Args:
            about: the first of `numbers` is one of `variants.HISTORIES`.
            make_call: the family's own.
            most: latents that the network can be given; of a longer history those behind the first are left out.
        """
        super().__init__(about)
        self._make_call, self._most = make_call, most
        self._kept = LastKept()
        self._said = "", Kept()

    @property
    def bytes(self) -> int:
        """Memory that is kept of the chunk in progress, and of its sentence, in bytes."""
        return self._said[1].bytes + self._kept.bytes

    def gather(self, world: World, controls: Controls, index: int) -> Call:
        """Return what all passes of a chunk share.

        Raises:
            ValueError: nobody encodes its sentence.
        """
        parts, numbers = self._behind(world, index)
        kept = self._kept.begin(self._budget)
        before = world._replace(chunks=world.chunks[:index])
        return self._make_call(Behind(self.about, before, controls, parts, numbers, kept, self._of_sentence))

    def _behind(self, world: World, index: int) -> tuple[tuple[Tensor | Stored, ...], list[int]]:
        """Return the latents of history, and their numbers."""
        start = world.start.image_condition
        numbered, at = [(0, start)], start.shape[1]
        seen = index - 1 if self.about.numbers[0] == LAST_CHUNK else 0
        for number, chunk in enumerate(world.chunks[:index]):
            if number >= seen:
                numbered.append((at, chunk.latents if chunk.place is None else Stored(chunk)))
            at += chunk.latents.shape[1]
        over = sum(latents.shape[1] for _, latents in numbered) - self._most
        if over > 0:
            numbered = _without(numbered, over)
        filled = [(first, latents) for first, latents in numbered if latents.shape[1]]
        numbers = [first + place for first, latents in filled for place in range(latents.shape[1])]
        return tuple(latents for _, latents in filled), numbers

    @property
    def _budget(self) -> int | None:
        return None if self.about.keep is None else self.about.keep // 2  # the other half is the sentence's

    def _of_sentence(self, sentence: str) -> Kept:
        """Return where it is kept what is made of a sentence: the last one's place, if it is the same."""
        if sentence != self._said[0] or not self._said[1].bytes:
            self._said = sentence, Kept(self._budget)
        return self._said[1]


def _without(numbered: list[tuple[int, Tensor | Stored]], over: int) -> list[tuple[int, Tensor | Stored]]:
    """Leave out so many latents behind the first one."""
    first, *rest = [(at, latents) for at, latents in numbered if latents.shape[1]]
    rest.insert(0, (first[0] + 1, first[1][:, 1:]))
    found = [(first[0], first[1][:, :1])]
    for at, latents in rest:
        gone = min(over, latents.shape[1])
        over -= gone
        if gone < latents.shape[1]:
            found.append((at + gone, latents[:, gone:] if gone else latents))
    return found
