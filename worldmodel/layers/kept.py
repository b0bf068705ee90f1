"""What stays the same from pass to pass, made once, as far as memory allows."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable
from typing import TypeVar

from torch import Tensor

from ..reading.one_line import number_of, one_line, tensors_in

Made = TypeVar("Made")


class Kept:
    """Results that later passes ask for again; a budget decides how many, never what they are."""

    def __init__(self, budget: int | None = None):
        """Keep nothing yet.

        Args:
            budget: bytes that may be kept; what no longer fits is made anew each time. `None`: all is kept.
        """
        self.budget, self.bytes = budget, 0
        self._made: dict[Hashable, tuple[Tensor, ...] | Tensor] = {}

    def once(self, slot: Hashable, make: Callable[[], Made]) -> Made:
        """Return what `make` gives, a tensor or a tuple of them, from here if it was kept."""
        if slot in self._made:
            return self._made[slot]
        made = make()
        size = sum(tensor.nbytes for tensor in tensors_in(made))
        if self.budget is None or self.bytes + size <= self.budget:
            self._made[slot] = made
            self.bytes += size
        return made

    def part(self, name: Hashable) -> Part:
        """Return a place of its own within the same budget, for what has the same slots and is something else."""
        return Part(self, name)

    def __repr__(self) -> str:
        """Say it in one line."""
        return one_line(self, number_of(self._made, "slot"), f"{self.bytes / 1e6:.1f} MB")


class LastKept:
    """What the newest call keeps; it lives as long as the call, and nobody else holds it."""

    def __init__(self):
        """Know of no call."""
        self._kept: Callable[[], Kept | None] = lambda: None

    def begin(self, budget: int | None) -> Kept:
        """Return what a new call is to keep its results in; see `Kept`."""
        kept = Kept(budget)
        self._kept = weakref.ref(kept)
        return kept

    @property
    def bytes(self) -> int:
        """Memory of it, in bytes; none where the call is over."""
        kept = self._kept()
        return 0 if kept is None else kept.bytes


class Part:
    """A place within what is kept; see `Kept.part`."""

    def __init__(self, kept: Kept, name: Hashable):
        self._kept, self._name = kept, name

    def once(self, slot: Hashable, make: Callable[[], Made]) -> Made:
        """Do what `Kept.once` does."""
        return self._kept.once((self._name, slot), make)

    def part(self, name: Hashable) -> Part:
        """Do what `Kept.part` does."""
        return Part(self._kept, (self._name, name))


def once(kept: Kept | Part | None, slot: Hashable, make: Callable[[], Made]) -> Made:
    """Return what `make` gives, made anew where nothing is kept."""
    return make() if kept is None else kept.once(slot, make)
