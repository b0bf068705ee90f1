"""What Yume 1.5's network is told besides the noisy latents: one record a pass, made once a chunk.

Shapes: B batch (1), C channels of a latent, n latents of history, p new ones, h, w latent grid, N tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ...layers.kept import Kept
from .history import Plan


class History(NamedTuple):
    """Clean latents that lie behind the new ones, as they are stored: neither joined nor moved."""

    parts: tuple[Tensor, ...] = ()
    """(C, c, h, w) each, one behind the other, or what gives them when it is sliced."""
    numbers: Sequence[int] = ()
    """(n,) what each latent is called, as long as anything is kept of it."""

    def latents(self, first: int, end: int) -> Tensor:
        """Return latents first ... end - 1, (C, end - first, h, w)."""
        found, at = [], 0
        for part in self.parts:
            if at < end and first < at + part.shape[1]:
                found.append(part[:, max(first - at, 0) : end - at])
            at += part.shape[1]
        return found[0] if len(found) == 1 else torch.cat(found, dim=1)


class Cuts:
    """Tokens of single latents at single rates: they depend on nothing else, so later chunks take them from here.

    What is kept lies in one piece, the last chunk's: small tensors that stay leave holes between those that pass.
    """

    def __init__(self):
        """Keep nothing yet."""
        self._known: dict[tuple[int, int], Tensor] = {}
        self._asked: list[tuple[tuple[int, int], Tensor]] = []

    @property
    def bytes(self) -> int:
        """Memory that is held, in bytes."""
        return sum(tokens.nbytes for tokens in self._known.values())

    def ask(self, rate: int, numbers: Sequence[int], make: Callable[[int, int], list[Tensor]]) -> None:
        """Put the tokens of some latents behind those asked for before, those that are not known made run by run.

        Args:
            rate: that they are cut at.
            numbers: of the latents.
            make: gives those of latents first ... end - 1 of `numbers`.
        """
        found = [self._known.get((rate, number)) for number in numbers]
        while None in found:
            first = found.index(None)
            end = next((at for at in range(first, len(found)) if found[at] is not None), len(found))
            found[first:end] = make(first, end)
        self._asked += [((rate, number), tokens) for number, tokens in zip(numbers, found, strict=True)]

    def joined(self) -> Tensor:
        """Return all that was asked for, (1, H, C), and forget the rest: no later chunk cuts those latents so."""
        names, tokens = zip(*self._asked, strict=True)
        whole = torch.cat(tokens)
        self._known = dict(zip(names, whole.split([len(part) for part in tokens]), strict=True))
        self._asked = []
        return whole[None]


class Call(NamedTuple):
    """All that one pass of the network is given besides x."""

    history: History
    plan: Plan
    """Which of its latents are cut at which rate, in the order of their tokens."""
    text: Tensor
    """(B, words, width); behind a prompt's words come zeros, up to the number that the variant reads."""
    timesteps: Tensor
    """(B, n + p) float64 in [0, 1000], on the CPU. The network looks at the first and the last: one timestep holds for
    all of the history, one for all new latents."""
    kept: Kept | None = None
    """What holds for all passes of a chunk; `None`: it is made anew in each."""
    said: Kept | None = None
    """The same for all passes with this text."""
    cuts: Cuts | None = None
    """The same for latents of the history, from chunk to chunk."""

    def at(self, timestep: Tensor | float) -> Call:
        """Return the pass at a timestep of the new latents; the history is clean, at 0."""
        level = torch.as_tensor(timestep, dtype=torch.float64, device="cpu")
        timesteps = torch.zeros_like(self.timesteps)
        timesteps[:, len(self.history.numbers) :] = level
        return self._replace(timesteps=timesteps)

    @property
    def levels(self) -> Tensor:
        """(2,) timesteps of the history and of the new latents; (1,) where there is no history."""
        own = self.timesteps[0]
        return own[[0, -1]] if self.plan else own[-1:]
