"""What the network remembers within one rollout: keys and values of clean latents, and results that do not change.

Shapes: B batch, M entries (latents * entries per latent, oldest first), H heads, d numbers per head.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import torch
from torch import Tensor


class KVCache:
    """Rolling window of keys and values, one pair per slot (block and kind of attention).

    A query sees the last `window - chunk` committed latents and the latents of its own pass. Only committing passes
    write, and they write keys already rotated to absolute positions (specs/matrix_game2.md 6.4).
    """

    def __init__(self, window: int, chunk: int):
        """Make an empty cache.

        Args:
            window: latents attended to, the current chunk included.
            chunk: latents denoised together.
        """
        self.window, self.chunk = window, chunk
        self.kept_latents = window - chunk
        self._history: dict[Hashable, tuple[Tensor, Tensor]] = {}
        self._rollout: dict[Hashable, Any] = {}
        self._chunk: dict[Hashable, Any] = {}

    def extend(
        self, slot: Hashable, keys: Tensor, values: Tensor, *, per_latent: int, commit: bool
    ) -> tuple[Tensor, Tensor]:
        """Return history ++ current of a slot, and remember it if `commit`.

        Args:
            keys, values: (B, M, H, d) of the current latents.
            per_latent: entries of one latent along M.
            commit: True on the clean pass; the oldest latents then leave the window.
        """
        if slot in self._history:
            old_keys, old_values = self._history[slot]
            keys = torch.cat((old_keys, keys), dim=1)
            values = torch.cat((old_values, values), dim=1)
        if commit and self.kept_latents > 0:
            first = max(0, keys.shape[1] - self.kept_latents * per_latent)
            # cloned: a view would keep the whole window alive
            self._history[slot] = (keys[:, first:].clone(), values[:, first:].clone())
        return keys, values

    def of_rollout(self, slot: Hashable, make: Callable[[], Any]) -> Any:
        """Return what `make` gives, made once per rollout."""
        return _once(self._rollout, slot, make)

    def of_chunk(self, slot: Hashable, make: Callable[[], Any]) -> Any:
        """Return what `make` gives, made once per chunk."""
        return _once(self._chunk, slot, make)

    def begin_chunk(self) -> None:
        """Forget what held for the chunk before."""
        self._chunk.clear()

    def snapshot(self) -> tuple[tuple[Hashable, Tensor, Tensor], ...]:
        """Return the committed history as (slot, keys, values) on the CPU, sorted by slot; never written to again."""
        return tuple((slot, *(part.cpu() for part in self._history[slot])) for slot in sorted(self._history))

    def restore(self, snapshot: tuple[tuple[Hashable, Tensor, Tensor], ...], device: torch.device | str) -> None:
        """Put the history of a `snapshot` in place of this one, on `device`; the snapshot stays as it is."""
        self.begin_chunk()
        self._history = {slot: (keys.to(device), values.to(device)) for slot, keys, values in snapshot}

    def history_bytes(self) -> int:
        """Return the size of a `snapshot`, in bytes."""
        return _bytes(self._history)

    def emptied(self) -> KVCache:
        """Return an empty cache of the same window."""
        return KVCache(self.window, self.chunk)

    def bytes(self) -> int:
        """Return the memory held by tensors, in bytes."""
        return sum(_bytes(store) for store in (self._history, self._rollout, self._chunk))


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
    return sum(_bytes(item) for item in value) if isinstance(value, tuple) else 0
