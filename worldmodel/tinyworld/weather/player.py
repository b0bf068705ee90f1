"""The form with events at play, many starts at once: what the measures judge.

The nodes play one world through `Session`; here the same network, cache, policies and sampler run on a batch.

Shapes: B starts, R rows of actions, C = 16 channels, h x w latent grid.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ...layers.sink_cache import SinkCache
from ...memory.kept_keys import BLOCKS, LAST_BLOCK, WINDOW
from ...rollout.lookups import Lookups
from ...rollout.sampling import Levels
from ..pilot import Actions
from ..player import Player, padded
from .form import CHUNK, VARIANT, Told, told_of


class EventPlayer(Player):
    """A `Player` that is told of events: numbers of the variant's vocabulary, (B, chunks) or (chunks,), the last of
    which holds on; `None`: none. `recache` is a policy of `memory.kept_keys`."""

    events: Tensor | None = None
    recache: str = LAST_BLOCK

    def under(self, events: Tensor | None, recache: str = LAST_BLOCK) -> EventPlayer:
        """Return one that is told of other events, and makes as much again under a new one as a policy says."""
        other = EventPlayer(*self)
        other.events, other.recache = events, recache
        return other

    @torch.inference_mode()
    def roll_latents(
        self, image: Tensor, actions: Actions, chunks: int, seed: int, levels: Levels | None = None
    ) -> Iterator[Tensor]:
        """Roll a batch out from what `see` returned; yield each chunk's normalised latents (B, 16, 3, h, w).

        Args:
            image, actions, chunks, seed: as `Player.roll` takes them.
            levels: must be `None`: the sampler looks its levels up.
        """
        assert levels is None, "this form's sampler finds its levels itself"
        sampler = Lookups(self.variant.steps, self.variant.shift)
        actions = Actions(*(padded(value, self.variant.chunking.first_frame(chunks)) for value in actions))
        events = torch.zeros(1, dtype=torch.long) if self.events is None else self.events
        events = padded(events.expand(len(image), -1), chunks)
        told = told_of(image, actions, events, chunks * CHUNK)
        cache = SinkCache(self.variant.window, self.variant.sink)
        generator = torch.Generator().manual_seed(seed)
        shape = (len(image), image.shape[1], CHUNK, *image.shape[-2:])
        made: list[Tensor] = []
        for chunk in range(chunks):
            if chunk and bool((events[:, chunk] != events[:, chunk - 1]).any()):
                cache.begin_sentence()
                self._make_again(cache, told, made)
            call = told.call(chunk, cache=cache)
            new = sampler.sample(
                lambda x, timestep, call=call: self.network(x, call=call.at(timestep)),
                iter(lambda: torch.randn(shape, generator=generator), None),
            )
            self.network(new, call=call.clean())
            made.append(new)
            yield new

    def _make_again(self, cache: SinkCache, told: Told, made: list[Tensor]) -> None:
        """Make again under the newest events what the policy says; see `rollout.sink_context`."""
        now, events = len(made), told.events[:, len(made)]
        if self.recache != WINDOW:
            count = min(BLOCKS[self.recache], now)
            cache.rewind(count * CHUNK)
            for chunk in range(now - count, now):
                self.network(made[chunk], call=told.call(chunk, events, cache).clean())
            return
        first = max(0, now - self.variant.window // CHUNK)
        stays = self.variant.sink if first else 0
        cache.keep(stays)
        cache.skip(stays)
        calls = [told.call(chunk, events, cache) for chunk in range(first, now)]
        call = calls[-1]
        if len(calls) > 1:
            call = call.joined(calls, made[0][0], 0)._replace(past=torch.cat(made[first:-1], 2))
        self.network(made[-1], call=call.clean())
        cache.skip(0)


assert VARIANT.window % CHUNK == 0, "a window is made again in whole chunks"
