"""What the network remembers within one rollout: keys and values of clean latents, and results that do not change.

Shapes: B batch, M entries (latents * entries per latent, oldest first), H heads, d numbers per head.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import torch
from torch import Tensor

from ..reading.one_line import number_of, one_line, tensors_in

Pair = tuple[Tensor, Tensor]
"""Keys and values, (B, M, H, d) each."""


class Snapshot(tuple[tuple[Hashable, Tensor, Tensor], ...]):
    """(slot, keys, values) of the committed history."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Say it in one line."""
        tensors = tensors_in(tuple(self))
        return one_line(self, number_of(self, "slot"), f"{sum(tensor.nbytes for tensor in tensors) / 1e6:.1f} MB")


class KVCache:
    """Rolling window of keys and values, one pair per slot (block and kind of attention).

    A query sees the last `window - chunk` committed latents and the latents of its own pass, oldest first. Only
    committing passes write, and they write keys already rotated to absolute positions, as the release of
    Matrix-Game 2.0 does (wan/modules/causal_model.py).
    """

    def __init__(self, window: int, chunk: int):
        """Make an empty cache.

        Args:
            window: latents attended to, the current chunk included.
            chunk: latents denoised together, the most that one pass brings.
        """
        self.window, self.chunk = window, chunk
        self.kept_latents = window - chunk
        self._blocks: dict[Hashable, _Block] = {}
        self._rollout: dict[Hashable, Any] = {}
        self._chunk: dict[Hashable, Any] = {}

    def extend(self, slot: Hashable, keys: Tensor, values: Tensor, *, per_latent: int, commit: bool) -> Pair:
        """Return history ++ current of a slot, and remember it if `commit`.

        Args:
            keys, values: (B, M, H, d) of the current latents.
            per_latent: entries of one latent along M.
            commit: True on the clean pass; the oldest latents then leave the window.

        Returns:
            Views that hold until the slot's next pass; under autograd, which must see nothing overwritten, copies.
        """
        if self.kept_latents == 0:
            return keys, values
        current, kept = (keys, values), self.kept_latents * per_latent
        if torch.is_grad_enabled():
            joined = _joined(self._blocks[slot].history(kept), current) if slot in self._blocks else current
            if commit:
                with torch.no_grad():
                    self.extend(slot, keys, values, per_latent=per_latent, commit=True)
            return joined
        block = self._block(slot)
        seen = block.write(current, kept, self.window * per_latent)
        if commit:
            block.commit()
        return seen

    def place(self, slot: Hashable, like: Tensor, *, per_latent: int) -> Pair | None:
        """Return where the current keys and values of a slot belong; who writes them there spares `extend` the copies.

        Args:
            like: (B, M, H, d) as keys and values are.
            per_latent: entries of one latent along M.

        Returns:
            Views, to be given to `extend` when they are written; `None` where it must be given tensors of their own.
        """
        if self.kept_latents == 0 or torch.is_grad_enabled():
            return None
        return self._block(slot).place(like, self.kept_latents * per_latent, self.window * per_latent)

    def of_rollout(self, slot: Hashable, make: Callable[[], Any]) -> Any:
        """Return what `make` gives, made once per rollout."""
        return _once(self._rollout, slot, make)

    def of_chunk(self, slot: Hashable, make: Callable[[], Any]) -> Any:
        """Return what `make` gives, made once per chunk."""
        return _once(self._chunk, slot, make)

    def begin_chunk(self) -> None:
        """Forget what held for the chunk before."""
        self._chunk.clear()

    def begin_weights(self) -> None:
        """Forget what held for weights that have changed since; the history stays."""
        self._chunk.clear()
        self._rollout.clear()

    def snapshot(self) -> Snapshot:
        """Return the committed history as (slot, keys, values) on the CPU, sorted by slot; never written to again."""
        return Snapshot((slot, *(part.to("cpu", copy=True) for part in self._history(slot))) for slot in self._slots())

    def restore(self, snapshot: Snapshot, device: torch.device | str) -> None:
        """Put the history of a `snapshot` in place of this one, on `device`; the snapshot stays as it is."""
        self.begin_chunk()
        self._blocks = {}
        for slot, *pair in snapshot:
            self._blocks[slot] = _Block(tuple(part.to(device, copy=True) for part in pair))

    def history_bytes(self) -> int:
        """Return the size of a `snapshot`, in bytes."""
        return sum(_bytes(self._history(slot)) for slot in self._slots())

    def emptied(self) -> KVCache:
        """Return an empty cache of the same window."""
        return type(self)(self.window, self.chunk)

    def bytes(self) -> int:
        """Return the memory held by tensors, in bytes."""
        blocks = sum(_bytes(block.pair) for block in self._blocks.values())
        return blocks + _bytes(self._rollout) + _bytes(self._chunk)

    def _block(self, slot: Hashable) -> _Block:
        if slot not in self._blocks:
            self._blocks[slot] = _Block()
        return self._blocks[slot]

    def _slots(self) -> list[Hashable]:
        return sorted(slot for slot, block in self._blocks.items() if block.committed)

    def _history(self, slot: Hashable) -> Pair:
        """Return the committed history of a slot, in views."""
        block = self._blocks[slot]
        # between passes a block may still hold latents that have left the window
        return block.history(block.kept)


class _Block:
    """Keys and values of one slot, each in one tensor as long as the window.

    Committed entries come first, those of the current pass behind them. Nothing moves until a pass needs the room: then
    the entries that are still in the window go to the front. Attention thus gets one contiguous view, in the same order
    however many chunks have passed.
    """

    def __init__(self, committed: Pair | tuple[()] = ()):
        """Begin with committed entries, which from now on belong to the block."""
        self.pair = committed
        self.both: Tensor | None = None
        """Both of the pair in one, (2, B, M, H, d), as soon as they were grown: what moves moves in one kernel."""
        self.committed = self.kept = committed[0].shape[1] if committed else 0
        # views of where a pass's entries belong, and of all that it sees: the same until a commit
        self._placed: Pair | tuple[()] = ()
        self._seen: Pair | tuple[()] = ()
        self._span = 0, 0, 0

    def history(self, kept: int) -> Pair:
        """Return views of the last `kept` committed entries."""
        first = max(0, self.committed - kept)
        return tuple(part[:, first : self.committed] for part in self.pair)

    def write(self, current: Pair, kept: int, room: int) -> Pair:
        """Write the current entries behind the last `kept` committed ones and return views of both.

        Args:
            current: of these, what is already where `place` said, or an earlier pass of the chunk wrote it, stays.
            room: entries of the window.
        """
        for part, new in zip(self.place(current[0], kept, room), current, strict=True):
            if new is not part and not same_place(new, part):
                part.copy_(new)
        return self._seen

    def commit(self) -> None:
        """Let the entries that were written last be committed ones."""
        self.committed = self._seen[0].shape[1]
        self._placed = ()

    def place(self, like: Tensor, kept: int, room: int) -> Pair:
        """Return views of where entries such as `like` belong, behind the last `kept` committed ones."""
        span = like.shape[1], kept, room
        if self._placed and span == self._span:  # as for the chunk's pass before
            return self._placed
        if not self.pair or self.pair[0].shape[1] < room:
            self._grow(like, room)
        self._drop(self.committed - kept)
        self.kept, self._span = kept, span
        end = self.committed + like.shape[1]
        assert end <= room, f"a pass brought {like.shape[1]} entries, more than a chunk of a window of {room}"
        self._placed = tuple(part[:, self.committed : end] for part in self.pair)
        self._seen = tuple(part[:, :end] for part in self.pair)
        return self._placed

    def _grow(self, new: Tensor, room: int) -> None:
        with torch.inference_mode(False):  # what is made in inference mode cannot be written to outside of it
            self.both = torch.empty((2, new.shape[0], room, *new.shape[2:]), dtype=new.dtype, device=new.device)
            grown = tuple(self.both.unbind())
        for part, old in zip(grown, self.pair, strict=False):
            part[:, : old.shape[1]] = old
        self.pair = grown

    def _drop(self, count: int) -> None:
        """Drop the oldest entries and move the rest to the front, piece by piece where it would overlap itself."""
        if count <= 0:
            return
        for first in range(0, self.committed - count, count):
            last = min(first + count, self.committed - count)
            self.both[:, :, first:last] = self.both[:, :, first + count : last + count]
        self.committed -= count


class PlainCache:
    """The same said plainly, which `KVCache` must equal bit for bit: it concatenates, and makes everything anew."""

    def __init__(self, window: int, chunk: int):
        self.kept_latents = window - chunk
        self._history: dict[Hashable, Pair] = {}

    def extend(self, slot: Hashable, keys: Tensor, values: Tensor, *, per_latent: int, commit: bool) -> Pair:
        """Return history ++ current of a slot, and remember it if `commit`; see `KVCache.extend`."""
        if slot in self._history:
            keys, values = _joined(self._history[slot], (keys, values))
        if commit and self.kept_latents:
            kept = self.kept_latents * per_latent
            self._history[slot] = (keys[:, -kept:].clone(), values[:, -kept:].clone())
        return keys, values

    def place(self, slot: Hashable, like: Tensor, *, per_latent: int) -> None:
        """Return no place: `extend` concatenates."""

    def of_rollout(self, slot: Hashable, make: Callable[[], Any]) -> Any:
        """Return what `make` gives."""
        return make()

    def of_chunk(self, slot: Hashable, make: Callable[[], Any]) -> Any:
        """Return what `make` gives."""
        return make()

    def begin_chunk(self) -> None:
        """Do nothing: nothing is kept."""


def same_place(one: Tensor, other: Tensor) -> bool:
    """Tell whether two tensors are the same memory in the same order; tensors without numbers can be asked, too."""
    if one.untyped_storage()._cdata != other.untyped_storage()._cdata:
        return False
    places = [(part.storage_offset(), part.shape, part.stride()) for part in (one, other)]
    return places[0] == places[1]


def _joined(history: Pair, current: Pair) -> Pair:
    return tuple(torch.cat(both, dim=1) for both in zip(history, current, strict=True))


def _once(store: dict[Hashable, Any], slot: Hashable, make: Callable[[], Any]) -> Any:
    # Under autograd a stored result would either carry no gradient or a graph that is already freed.
    if torch.is_grad_enabled():
        return make()
    if slot not in store:
        store[slot] = make()
    return store[slot]


def _bytes(value: Any) -> int:
    if isinstance(value, Tensor):
        return value.numel() * value.element_size()
    if isinstance(value, dict):
        return sum(_bytes(item) for item in value.values())
    return sum(_bytes(item) for item in value) if isinstance(value, list | tuple) else 0
