"""Keys and values of a causal network whose first latents stay for ever: a sink in front of a rolling window.

Shapes: B batch, M entries (latents * entries per latent, oldest first), H heads, d numbers per head.
Source: LingBot-World (github.com/Robbyant/lingbot-world), LongLive (arXiv:2509.22622), Self-Forcing (arXiv:2506.08009).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import torch
from torch import Tensor

from .cache import Pair, Snapshot, same_place
from .kept import Kept, Part


class SinkCache:
    """What a network remembers within one rollout, one pair of keys and values per slot (a block).

    A query sees the first `sink` latents, the last ones that fit into the window behind them, and those of its own
    pass. The sink counts as a part of the window. Only committing passes stay; when the next one needs room, exactly as
    many latents as are too many leave, those right behind the sink.
    """

    def __init__(self, window: int, sink: int = 0):
        """Make an empty cache.

        Args:
            window: latents attended to, sink and current pass included; 0: all there ever were.
            sink: latents at the front that never leave.
        """
        self.window, self.sink = window, sink
        self._blocks: dict[Hashable, _Block] = {}
        self._rollout: dict[Hashable, Any] = {}
        self._skipped = 0
        self.said = Kept()
        """What is made of the sentence in force: it lives as long as that."""

    def extend(self, slot: Hashable, keys: Tensor, values: Tensor, *, per_latent: int, commit: bool) -> Pair:
        """Return history ++ current of a slot, and remember it if `commit`; the views hold until its next pass.

        Args:
            keys, values: (B, M, H, d) of the current latents.
            per_latent: entries of one latent along M.
            commit: True on a clean pass.
        """
        first = self._skipped * per_latent  # of a pass over latents whose oldest are in the sink already
        current = keys[:, first:], values[:, first:]
        block = self._blocks.get(slot)
        if block is None:
            block = self._blocks[slot] = self.new_block()
        return block.write(current, per_latent, self.window, self.sink, commit)

    def place(self, slot: Hashable, like: Tensor, *, per_latent: int) -> Pair | None:
        """Return where the current keys and values of a slot belong; who writes them there spares `extend` the copies.

        Args:
            like: (B, M, H, d) as keys and values are.
            per_latent: entries of one latent along M.

        Returns:
            Views, to be given to `extend` when they are written; `None` where it must be given tensors of their own.
        """
        if self._skipped or torch.is_grad_enabled():
            return None
        block = self._blocks.get(slot)
        if block is None:
            block = self._blocks[slot] = self.new_block()
        return block.place((like, like), per_latent, self.window, self.sink)

    def new_block(self) -> _Block:
        """Return an empty place for a slot's keys and values."""
        return _Block()

    @property
    def slots(self) -> list[Hashable]:
        """In order."""
        return sorted(self._blocks)

    @property
    def latents(self) -> int:
        """Committed latents that are in the cache."""
        return next((block.latents for block in self._blocks.values()), 0)

    def rewind(self, latents: int) -> None:
        """Forget the last committed latents, so that they can be written again; nothing else changes."""
        self.keep(self.latents - latents)

    def keep(self, latents: int) -> None:
        """Forget all but the first latents, such as all but the sink."""
        for block in self._blocks.values():
            block.keep(max(latents, 0))

    def skip(self, latents: int) -> None:
        """Let later passes keep nothing of their first latents, which only look; 0 ends it."""
        self._skipped = latents

    def begin_sentence(self) -> None:
        """Forget what was made of the sentence in force."""
        self.said = Kept()

    def begin_weights(self) -> None:
        """Forget what held for weights that have changed since; the history stays."""
        self._rollout.clear()
        self.begin_sentence()

    def of_rollout(self, slot: Hashable, make: Callable[[], Any]) -> Any:
        """Return what `make` gives, made once per rollout."""
        if torch.is_grad_enabled():
            return make()
        if slot not in self._rollout:
            self._rollout[slot] = make()
        return self._rollout[slot]

    def history(self, slot: Hashable) -> Pair:
        """Return the committed keys and values of a slot, as later passes read them."""
        return self._blocks[slot].history()

    def of_expert(self, name: str) -> Shelf:
        """Return the place of one of several networks that remember by themselves."""
        return Shelf(self, name)

    def snapshot(self) -> Snapshot:
        """Return the committed history as (slot, parts...) on the CPU, sorted by slot; never written to again."""
        return Snapshot(
            (slot, *(part.to("cpu", copy=True) for part in self._blocks[slot].stored()))
            for slot in self.slots
            if self._blocks[slot].committed
        )

    def restore(self, snapshot: Snapshot, device: torch.device | str, latents: int) -> None:
        """Put the history of a `snapshot` in place of this one, on `device`; the snapshot stays as it is.

        Args:
            latents: that it holds.
        """
        self._blocks = {}
        for slot, *parts in snapshot:
            self._blocks[slot] = block = self.new_block()
            block.take([part.to(device, copy=True) for part in parts], parts[0].shape[1] // latents)

    def history_bytes(self) -> int:
        """Return the size of a `snapshot`, in bytes."""
        return sum(part.nbytes for block in self._blocks.values() for part in block.stored())

    def emptied(self) -> SinkCache:
        """Return an empty cache of the same kind."""
        return type(self)(self.window, self.sink)

    def bytes(self) -> int:
        """Return the memory held by tensors, in bytes."""
        return sum(block.bytes for block in self._blocks.values()) + self.said.bytes


class Shelf:
    """What a network asks of a cache in which another one has a place, too: the same, under slots of its own."""

    def __init__(self, cache: SinkCache, name: str):
        """Args: cache: of both. name: of the network."""
        self._cache, self._name = cache, name

    @property
    def said(self) -> Part:
        """What this network makes of the sentence in force."""
        return self._cache.said.part(self._name)

    def extend(self, slot: Hashable, keys: Tensor, values: Tensor, *, per_latent: int, commit: bool) -> Pair:
        """Do what `SinkCache.extend` does."""
        return self._cache.extend((self._name, slot), keys, values, per_latent=per_latent, commit=commit)

    def place(self, slot: Hashable, like: Tensor, *, per_latent: int) -> Pair | None:
        """Do what `SinkCache.place` does."""
        return self._cache.place((self._name, slot), like, per_latent=per_latent)

    def of_rollout(self, slot: Hashable, make: Callable[[], Any]) -> Any:
        """Do what `SinkCache.of_rollout` does."""
        return self._cache.of_rollout((self._name, slot), make)


class _Block:
    """Keys and values of one slot, each in one tensor as long as the window: committed entries, then the current ones.

    Nothing moves until a pass needs the room; attention gets one contiguous view.
    """

    def __init__(self):
        self.parts: list[Tensor] = []
        self.committed = 0
        self.per_latent = 1

    @property
    def latents(self) -> int:
        """Committed latents."""
        return self.committed // self.per_latent

    @property
    def bytes(self) -> int:
        """Memory that is held."""
        return sum(part.nbytes for part in self.parts)

    def write(self, current: Pair, per_latent: int, window: int, sink: int, commit: bool) -> Pair:
        """Write the current entries, if not there already, behind the committed ones and return views of both."""
        copies, placed = None, self.place(current, per_latent, window, sink)
        if torch.is_grad_enabled():  # which must see nothing overwritten
            copies = tuple(torch.cat((old, part), dim=1) for old, part in zip(self._old(current), current, strict=True))
        with torch.no_grad():
            for part, entries in zip(placed, current, strict=True):
                if not same_place(entries, part):
                    part.copy_(entries)
        end = self.committed + current[0].shape[1]
        if commit:
            self.committed = end
        return copies or tuple(part[:, :end] for part in self.parts)

    def place(self, current: Pair, per_latent: int, window: int, sink: int) -> Pair | None:
        """Return views of where entries like the current ones belong, behind the committed ones."""
        self.per_latent = per_latent
        end = self.committed + current[0].shape[1]
        if window:
            self._drop(end - window * per_latent, sink * per_latent)
            end = self.committed + current[0].shape[1]
        self._grow(current, end, window * per_latent)
        return tuple(part[:, self.committed : end] for part in self.parts)

    def history(self) -> Pair:
        """Return views of the committed entries."""
        return tuple(part[:, : self.committed] for part in self.parts)

    def stored(self) -> list[Tensor]:
        """Return views of the committed entries as they are stored."""
        return [part[:, : self.committed] for part in self.parts]

    def take(self, parts: list[Tensor], per_latent: int) -> None:
        """Begin with entries as they were `stored`."""
        self.parts, self.committed, self.per_latent = parts, parts[0].shape[1], per_latent

    def keep(self, latents: int) -> None:
        """Forget all but the first latents."""
        self.committed = min(self.committed, latents * self.per_latent)

    def _old(self, like: Pair) -> Pair:
        return self.history() if self.parts else tuple(part[:, :0] for part in like)

    def _grow(self, current: Pair, end: int, room: int) -> None:
        have = self.parts[0].shape[1] if self.parts else 0
        if have >= end:
            return
        room = room or max(end, 2 * have)  # without a window it doubles
        with torch.inference_mode(False):  # what is made in inference mode cannot be written to outside of it
            grown = [
                torch.empty((new.shape[0], max(room, end), *new.shape[2:]), dtype=new.dtype, device=new.device)
                for new in current
            ]
        for part, old in zip(grown, self.parts, strict=False):
            part[:, : self.committed] = old[:, : self.committed]
        self.parts = grown

    def _drop(self, count: int, first: int) -> None:
        """Drop the oldest entries from number `first` on, piece by piece where the rest would overlap itself."""
        if count <= 0:
            return
        for part in self.parts:
            for at in range(first, self.committed - count, count):
                end = min(at + count, self.committed - count)
                part[:, at:end] = part[:, at + count : end + count]
        self.committed -= count
