"""What each chunk looks at again, and why: decided from poses alone, before anything is rendered.

The same poses, policy and chunk give the same plan, whatever lies behind that chunk: neither rewinding a world nor
rolling it on changes what an earlier chunk looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..reading.one_line import number_of, one_line
from ..world.state import Chunk, latents_of
from .forms import FORMS, poses_from
from .frames import MATRIX_GAME_3, Spans
from .index import Pick, PoseIndex
from .pictures import Picture
from .policy import CORRECTED, MemoryPolicy, allowed_frames, always_looked_at, check_policy, forbid

Why = Literal["overlap", "pinned", "sink", "picture"]


class Look(NamedTuple):
    """A past latent that a chunk looks at, or a picture's, which stands where a world's start picture does.

    Args:
        frame: the frame it was chosen by; 0 for a picture.
        latent: the latent that holds it.
        pose_frame: the frame whose camera stands for that latent; a picture has a camera of its own.
        query: the frame of the chunk it was chosen for, and seen from.
        why: by its overlap with that frame's view, because it is pinned, because it is the sink, or by the overlap of
            a picture.
        overlap: the share of that view that it saw, between 0 and 1.
        picture: its number among the policy's pictures; `None`: it is of the past.
    """

    frame: int
    latent: int
    pose_frame: int
    query: int
    why: Why
    overlap: float
    picture: int | None = None


class Memory(NamedTuple):
    """What one chunk looks at, slot by slot; nothing in the first chunk."""

    chunk: int
    looks: tuple[Look, ...] = ()

    @property
    def frames(self) -> tuple[int, ...]:
        """The frames that were chosen."""
        return tuple(look.frame for look in self.looks)

    @property
    def latents(self) -> tuple[int, ...]:
        """The latents to look at."""
        return tuple(look.latent for look in self.looks)

    def __repr__(self) -> str:
        """Say it in one line."""
        frames = " ".join(map(str, (look.frame for look in self.looks if look.picture is None)))
        return one_line(self, f"chunk {self.chunk}", number_of(self.looks, "look"), frames and f"frames {frames}")


def plan(
    poses: Tensor | PoseIndex,
    chunk: int,
    policy: MemoryPolicy = CORRECTED,
    spans: Spans = MATRIX_GAME_3,
    latent_bytes: int | None = None,
) -> Memory:
    """Choose what a chunk looks at again.

    The last slot holds the sink, those before it what is pinned: they belong to the chunk's earliest frames, which are
    nearest to what was. The other slots take, one after another, the frame that saw most of what their query sees; the
    oldest of equals. A picture that sees as much takes its place. A slot for which nothing is left stays away.

    Args:
        poses: (frames, 4, 4) camera-to-world of all frames up to the chunk's end at least, or an index of them.
        chunk: its number.
        policy: what may be chosen.
        spans: of the model.
        latent_bytes: size of one latent, where the policy's budget is in megabytes.

    Raises:
        ValueError: the policy contradicts itself or the world, or the poses are no numbers or too few.
    """
    index = poses if isinstance(poses, PoseIndex) else PoseIndex(poses)
    check_policy(policy, index.frames, spans, latent_bytes)
    if index.frames < spans.end(chunk):
        raise ValueError(
            f"poses: found {index.frames} frames, expected {spans.end(chunk)}, the end of chunk {chunk}; make the "
            "track longer, or plan fewer chunks."
        )
    if not chunk:
        return Memory(0)
    allowed = allowed_frames(policy, chunk, index.frames, spans, latent_bytes)
    queries = spans.queries(chunk, policy.slots)
    always = always_looked_at(policy, chunk, spans)
    free = policy.slots - len(always)
    if policy.distinct:
        for frame in always:
            _take(allowed, frame, spans)
    picks = _picks(index, queries[:free], allowed, policy, spans)
    looks = [_look(pick, query, "overlap", spans) for pick, query in zip(picks, queries, strict=False) if pick]
    for frame, query in zip(always, queries[free:], strict=True):
        pick = Pick(frame, seen_before(index, query, frame, policy))
        looks.append(_look(pick, query, "sink" if frame == policy.sink else "pinned", spans))
    return Memory(chunk, tuple(looks))


def _picks(
    index: PoseIndex, queries: Sequence[int], allowed: np.ndarray, policy: MemoryPolicy, spans: Spans
) -> list[Pick | None]:
    """Pick a frame for each query; where no latent may come twice, what one takes is not there for the next.

    A picture counts as a frame before the first: number n as -1 - n.
    """
    form = FORMS[policy.form]
    picks = index.picks(queries, allowed, form)
    shares = seen_by_pictures(index, queries, policy)
    if not policy.distinct:
        return [_better(pick, row) for pick, row in zip(picks, shares, strict=True)]
    taken: set[int] = set()
    for slot, pick in enumerate(picks):
        if pick is not None and spans.latent_of(pick.frame) in taken:
            pick = index.pick(queries[slot], allowed, form)
        pick = picks[slot] = _better(pick, shares[slot])
        if pick is not None and pick.frame < 0:
            shares[:, -1 - pick.frame] = 0
        elif pick is not None:
            taken.add(spans.latent_of(pick.frame))
            _take(allowed, pick.frame, spans)
    return picks


def seen_by_pictures(index: PoseIndex, queries: Sequence[int], policy: MemoryPolicy) -> np.ndarray:
    """Return how much of each query's view each picture saw: (queries, pictures), between 0 and 1."""
    count = len(policy.pictures)
    if not count or not queries:
        return np.zeros((len(queries), count))
    form = FORMS[policy.form]
    pictures = poses_from(torch.stack([picture.c2w for picture in policy.pictures]))
    views = index.poses.part(np.array(queries, dtype=np.int64))
    which = np.repeat(np.arange(len(queries)), count)
    scores = form.score(views, which, pictures.part(np.tile(np.arange(count), len(queries))))
    return scores.reshape(len(queries), count) / form.whole


def _better(pick: Pick | None, shares: np.ndarray) -> Pick | None:
    """Return a pick, or the first picture of those that saw most of the view, if it saw as much."""
    best = int(shares.argmax()) if len(shares) else 0
    if not len(shares) or not shares[best] or (pick is not None and shares[best] < pick.overlap):
        return pick
    return Pick(-1 - best, float(shares[best]))


def seen_before(index: PoseIndex, query: int, frame: int, policy: MemoryPolicy) -> float:
    """Return the share of one frame's view that another frame saw."""
    form, poses = FORMS[policy.form], index.poses
    views, frames = poses.part(slice(query, query + 1)), poses.part(slice(frame, frame + 1))
    score = form.score(views, np.zeros(1, dtype=np.int64), frames)
    return int(score[0]) / form.whole


def memory_latents(
    chunks: Sequence[Chunk], memory: Memory, spans: Spans = MATRIX_GAME_3, pictures: Sequence[Picture] = ()
) -> Tensor:
    """Gather the latents a chunk looks at from a world's chunks, which stay where they are.

    Args:
        chunks: the finished ones.
        memory: what to look at.
        spans: of the model.
        pictures: of the policy.

    Returns:
        (channels, looks, h, w).

    Raises:
        ValueError: a latent lies in no finished chunk, or in a file that has changed.
    """
    first = spans.latent_of(spans.end(0))
    later = spans.later // spans.frames_per_latent
    found = []
    for latent, picture in ((look.latent, look.picture) for look in memory.looks):
        if picture is not None:
            found.append(pictures[picture].latent)
            continue
        chunk, within = (0, latent) if latent < first else divmod(latent - first + later, later)
        if chunk >= len(chunks):
            raise ValueError(
                f"memory: found latent {latent}, which chunk {chunk} holds, expected one of the {len(chunks)} finished "
                "chunks; plan with the poses of this world."
            )
        found.append(latents_of(chunks[chunk], slice(within, within + 1)))
    return torch.cat(found, 1)


def _look(pick: Pick, query: int, why: Why, spans: Spans) -> Look:
    if pick.frame < 0:
        return Look(0, 0, 0, query, "picture", pick.overlap, -1 - pick.frame)
    latent = spans.latent_of(pick.frame)
    return Look(pick.frame, latent, spans.pose_frame(latent), query, why, pick.overlap)


def _take(allowed: np.ndarray, frame: int, spans: Spans) -> None:
    latent = spans.latent_of(frame)
    forbid(allowed, range(latent, latent + 1), spans)
