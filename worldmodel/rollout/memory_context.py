"""Latents of a world's own past as context: those right before a chunk, and those it looks at again.

Nothing is kept from chunk to chunk but an index of poses, which can be derived from the world at any time.

Shapes: C channels of a latent, P past latents, M memory latents, T latents of a call, F frames, h, w latent grid.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ..layers.kept import Kept, LastKept
from ..memory.frames import Spans, spans_of
from ..memory.index import PoseIndex
from ..memory.plan import Memory, memory_latents, plan
from ..memory.policy import MemoryPolicy
from ..world.state import Controls, World, latents_of
from .contexts import About, Call, KeepsNothing


class Looked(NamedTuple):
    """What a family makes a chunk's call of.

    Args:
        about: of the context.
        controls: rows of the frames that the call is fed, past ones included; their cameras too.
        past: (C, P, h, w) latents right before those that are sampled.
        memory: what is looked at again.
        fetched: (C, M, h, w) its latents; `None` where nothing is.
        queries, memories: (M, 4, 4) cameras that each memory was asked for by, and its own.
        cameras: (P + new, 4, 4) of each latent that is fed, past or new.
        latents: their absolute indices.
        kept: for what stays the same in all passes of the chunk.
    """

    about: About
    controls: Controls
    past: Tensor
    memory: Memory
    fetched: Tensor | None
    queries: Tensor
    memories: Tensor
    cameras: Tensor
    latents: range
    kept: Kept


class MemoryContext(KeepsNothing):
    """What networks look back on that are fed latents of the world again; see `variants.Memories`."""

    def __init__(self, about: About, make_call: Callable[[Looked], Call]):
        """Begin with no pose known.

        Args:
            about: `numbers` are the fields of a `MemoryPolicy`.
            make_call: the family's own.
        """
        super().__init__(about)
        self._make_call = make_call
        self._policy = MemoryPolicy(*about.numbers)
        self._spans: Spans = spans_of(about.variant)
        self._kept = LastKept()
        self._index, self._known = PoseIndex(), []  # of the cameras of which chunks

    @property
    def bytes(self) -> int:
        """Memory that is kept of the chunk in progress, in bytes."""
        return self._kept.bytes

    def gather(self, world: World, controls: Controls, index: int) -> Call:
        """Return what all passes of a chunk share.

        Raises:
            ValueError: the memory policy does not fit the world.
        """
        told = [*(chunk.controls for chunk in world.chunks[:index]), controls]
        self._learn([rows.c2w for rows in told])
        spans, latents = self._spans, self._spans.latents(index)
        memory = self._plan(index)
        queries = [look.query for look in memory.looks]
        kept = self._kept.begin(self.about.keep)
        past = _last_rows(told[-2], spans.past) if index else None
        return self._make_call(
            Looked(
                about=self.about,
                controls=controls if past is None else _joined(past, controls),
                past=self._past(world, index),
                memory=memory,
                fetched=self._fetched(world, memory, index) if memory.looks else None,
                queries=self._cameras(told, queries),
                memories=self._memories(told, memory),
                cameras=self._cameras(told, spans.samples(index)),
                latents=latents,
                kept=kept,
            )
        )

    def _plan(self, index: int) -> Memory:
        """Plan a chunk as it would be planned with the whole walk known: what is pinned may still lie ahead."""
        policy, frames = self._policy, self._index.frames
        pinned = tuple(frame for frame in policy.pinned if frame < frames)
        return plan(self._index, index, policy._replace(pinned=pinned), self._spans, latent_bytes(self.about))

    def _learn(self, cameras: list[Tensor]) -> None:
        """Bring the index up to a walk, of which it mostly knows all but the last chunk."""
        same = len(self._known) <= len(cameras) and all(map(_is, self._known, cameras))
        if not same:
            self._index, self._known = PoseIndex(), []
        for c2w in cameras[len(self._known) :]:
            self._index.extend(c2w)
            self._known.append(c2w)

    def _past(self, world: World, index: int) -> Tensor:
        given = self._spans.fixed(index)
        if not index:
            return world.start.image_condition[:, :given]
        return latents_of(world.chunks[index - 1], slice(-given, None))

    def _fetched(self, world: World, memory: Memory, index: int) -> Tensor:
        return memory_latents(world.chunks[:index], memory, self._spans, self._policy.pictures)

    def _memories(self, told: Sequence[Controls], memory: Memory) -> Tensor:
        """Return (M, 4, 4) the cameras of what is looked at; a picture has its own."""
        cameras = self._cameras(told, [look.pose_frame for look in memory.looks])
        for row, look in enumerate(memory.looks):
            if look.picture is not None:
                cameras[row] = self._policy.pictures[look.picture].c2w
        return cameras

    def _cameras(self, told: Sequence[Controls], frames: Sequence[int]) -> Tensor:
        """Return (N, 4, 4) of absolute frames."""
        chunking = self.about.variant.chunking
        found = []
        for frame in frames:
            chunk = chunking.chunk_of(frame)
            found.append(told[chunk].c2w[frame - chunking.first_frame(chunk)])
        return torch.stack(found).double() if found else torch.zeros(0, 4, 4, dtype=torch.float64)


def latent_bytes(about: About) -> int:
    """Return the size of one latent of a world, as it is stored."""
    height, width = about.start.grid
    return about.variant.latents.channels * height * width * about.dtype.itemsize


def _is(one: Tensor, other: Tensor) -> bool:
    return one is other


def _last_rows(controls: Controls, count: int) -> Controls:
    return controls.rows(slice(controls.frames - count, None))


def _joined(past: Controls, new: Controls) -> Controls:
    rows = {name: torch.cat([part, new.tensors[name]]) for name, part in past.tensors.items()}
    return new._replace(**rows)
