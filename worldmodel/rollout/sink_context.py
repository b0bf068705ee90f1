"""Keys and values behind a sink, and what becomes of them when the prompt changes on the way.

A new prompt holds from the next chunk on. What the network remembers was made under the old one, so a policy says how
much of it is made again: nothing but the keys of the text; the last block, or two, as Hunyuan-GameCraft-2 describes it
(arXiv:2511.23429); or the whole window in one pass, as LongLive does (arXiv:2509.22622).

Shapes: C channels of a latent, P latents of a chunk, h, w latent grid.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from torch import cat

from ..layers.int8_cache import Int8Cache
from ..layers.sink_cache import SinkCache
from ..memory.kept_keys import AS_COMPUTED, BLOCKS, INT8, LAST_BLOCK, WINDOW, WINDOW_AND_SINK
from ..world.state import Controls, World, latents_of
from .contexts import About, Commit, MakeCall, RememberedCall


class Window(NamedTuple):
    """What a context with a sink goes by, as plain values.

    Args:
        latents: attended to, sink and current chunk included; 0: all there are.
        sink: latents at the front that never leave.
        recache, store, relative: see `memory.kept_keys.KeptKeys`.
    """

    latents: int
    sink: int
    recache: str = LAST_BLOCK
    store: str = AS_COMPUTED
    relative: bool = False


class SinkContext:
    """Keys and values of a world's first latents and of its last ones, as causal networks with a sink look back.

    A chunk's clean pass writes them when something needs it; so does, on a change of the prompt, what the policy makes
    again. Without a snapshot those chunks are replayed that decide about the sink, then as many as the network looks
    back: what comes out is the same, bit for bit.
    """

    def __init__(self, about: About, make_call: MakeCall):
        """Begin with an empty cache.

        Args:
            about: `numbers` are the fields of a `Window`.
            make_call: the family's own; what it returns has a field `cache`.

        Raises:
            ValueError: the window is too short for its sink and what is made again.
        """
        self.window = window = Window(*about.numbers)
        self._block = about.variant.chunking.later
        check_window(window, self._block)
        self._about, self._make_call = about, make_call
        self._cache = cache_of(window)
        self._depth = _depth(about.stages, window, self._block)
        self._told: tuple[int, Controls, Any] | None = None
        self._cached = self._floor = 0  # the cache stands behind so many chunks, of which so many are not in it
        self._sentence: str | None = None  # in force; `None`: nothing was said yet
        self._commit: Commit | None = None
        self._writing = False  # a clean pass was begun and did not end: the cache holds halves

    @property
    def bytes(self) -> int:
        """Memory that the cache holds, in bytes."""
        return self._cache.bytes()

    @property
    def cache(self) -> SinkCache:
        """What is remembered now."""
        return self._cache

    def waiting(self, world: World) -> int:
        """Return the clean passes of chunks that are due."""
        prefix, begin = self._plan(world)
        return len(world.chunks) - begin + prefix

    def catch_up(self, world: World, commit: Commit) -> None:
        """Run them."""
        self._commit = commit
        prefix, begin = self._plan(world)
        if self._writing or (begin == 0 and self._cached):
            self._restart()
        if begin > self._cached:
            if prefix:
                self._restart()
                self._write(world, prefix)
                if prefix in _switches(world):
                    self._say(world, world.chunks[prefix].controls, prefix)
            self._cache.keep(self.window.sink)
            self._cached = self._floor = begin
            self._sentence = world.chunks[begin - 1].controls.prompt
            self._cache.begin_sentence()
        self._write(world, len(world.chunks))

    def gather(self, world: World, controls: Controls, index: int) -> RememberedCall:
        """Return what the sampling of a chunk and its clean pass share, after a change of the prompt was taken in."""
        if index == self._cached:
            self._say(world, controls, index)
        if self._told is None or self._told[0] != index or self._told[1] is not controls:
            self._told = index, controls, self._make_call(self._about, world, controls, index)
        return self._with_cache(self._told[2])

    def snapshot(self, world: World, commit: Commit, budget_bytes: int) -> tuple | None:
        """Return the cache's history, after the last chunk's clean pass."""
        if self.waiting(world) > 1 or self._cache.history_bytes() > budget_bytes:
            return None
        self.catch_up(world, commit)
        return None if self._cache.history_bytes() > budget_bytes else self._cache.snapshot()

    def restore(self, entries: tuple, world: World) -> None:
        """Put a snapshot's history in place of the cache's."""
        self._restart()
        count = len(world.chunks)
        latents = count * self._block
        self._cache.restore(entries, self._about.device, min(latents, self.window.latents or latents))
        self._cached, self._sentence = count, world.chunks[-1].controls.prompt

    def _restart(self) -> None:
        self._cache = self._cache.emptied()
        self._cached = self._floor = 0
        self._sentence, self._writing = None, False

    def _plan(self, world: World) -> tuple[int, int]:
        """Return how many chunks from the world's beginning are replayed for the sink, and where the rest begins."""
        count = len(world.chunks)
        have = 0 if self._writing else self._cached
        begin = 0 if self._depth is None else max(0, count - self._depth)
        if begin <= have:
            return 0, have
        prefix = self._of_sink(world)
        if have >= prefix:
            return 0, begin
        return (prefix, begin) if prefix < begin else (0, have)

    def _of_sink(self, world: World) -> int:
        """Return how many chunks decide about the sink: those that it lies in, and all before it was made again."""
        window, chunks = self.window, -(-self.window.sink // self._block)
        for switch in _switches(world):
            end = switch * self._block
            if window.recache == WINDOW_AND_SINK:
                again = True
            elif window.recache == WINDOW:
                again = not window.latents or end <= window.latents
            else:
                again = end - BLOCKS[window.recache] * self._block < window.sink and BLOCKS[window.recache] > 0
            chunks = max(chunks, switch) if again else chunks
        return chunks

    def _write(self, world: World, count: int) -> None:
        """Run the clean passes up to a chunk."""
        while self._cached < count:
            call = self.gather(world, world.chunks[self._cached].controls, self._cached)
            self._run(self._cached, call)
            self._cached += 1

    def _run(self, index: int, call: RememberedCall) -> None:
        self._writing = True
        self._commit(index, call)
        self._writing = False

    def _say(self, world: World, controls: Controls, index: int) -> None:
        """Let a sentence hold from chunk `index` on, and make again what the policy says."""
        if controls.prompt == self._sentence:
            return
        changed = self._sentence is not None
        self._cache.begin_sentence()
        if changed and index > self._floor:
            self._make_again(world, controls.prompt, index)
        self._sentence = controls.prompt

    def _make_again(self, world: World, sentence: str, index: int) -> None:
        if self.window.recache in (WINDOW, WINDOW_AND_SINK):
            self._make_window_again(world, sentence, index)
            return
        count = min(BLOCKS[self.window.recache], index - self._floor)
        self._cache.rewind(count * self._block)
        for again in range(index - count, index):
            self._run(again, self._with_cache(self._call_again(world, sentence, again)))

    def _make_window_again(self, world: World, sentence: str, index: int) -> None:
        """Run the window's clean latents in one pass, all of them seeing each other.

        The sink stays, and the first latents of the pass look without being kept; unless the pass begins with the
        world, or the sink is to be made again: then the oldest latents of the pass are the sink.
        """
        window, end = self.window, index * self._block
        first = max(0, end - window.latents) if window.latents else 0
        stays = first > 0 and window.recache == WINDOW
        self._cache.keep(window.sink if stays else 0)
        self._cache.skip(window.sink if stays else 0)
        blocks = range(first // self._block, index)
        calls = [self._call_again(world, sentence, again) for again in blocks]
        before = [latents_of(world.chunks[again]) for again in blocks][:-1]
        call = calls[-1]
        if before:
            left_out = first - blocks[0] * self._block
            past = cat(before, dim=1)[:, left_out:].to(self._about.device)
            call = calls[-1].joined(calls, past, left_out)
        self._run(index - 1, self._with_cache(call))
        self._cache.skip(0)

    def _call_again(self, world: World, sentence: str, index: int) -> Any:
        controls = world.chunks[index].controls._replace(prompt=sentence)
        return self._make_call(self._about, world, controls, index)

    def _with_cache(self, call: Any) -> Any:
        return call._replace(cache=self._cache, relative=self.window.relative)


def check_window(window: Window, block: int) -> None:
    """Check that a window holds its sink, and the blocks that are made again.

    Args:
        window: asked for.
        block: latents of a block.

    Raises:
        ValueError: it does not.
    """
    least = window.sink + block * max(1, BLOCKS.get(window.recache, 1))
    if window.latents and window.latents < least:
        raise ValueError(
            f"window: found {window.latents}, expected at least {least} latents: {window.sink} of the sink and "
            f"{least - window.sink} of blocks; use the variant's own."
        )


def cache_of(window: Window) -> SinkCache:
    """Return an empty cache."""
    kind = Int8Cache if window.store == INT8 else SinkCache
    return kind(window.latents, window.sink)


def _depth(stages: int | None, window: Window, block: int) -> int | None:
    """Return how many chunks back an exact replay begins, once the sink is there; `None`: at the beginning."""
    if stages is None or not window.latents:
        return None
    return stages * max(1, math.ceil((window.latents - window.sink - block) / block))


def _switches(world: World) -> list[int]:
    """Return the chunks before which the prompt changed."""
    told = [chunk.controls.prompt for chunk in world.chunks]
    return [index for index in range(1, len(told)) if told[index] != told[index - 1]]
