"""What a walk's memory will be like, before anything is rendered: overlaps, returns, and views that nothing covers.

Symbols: F frames that were sampled, P points of a view, N cameras.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from torch import Tensor

from .forms import poses_from
from .frames import MATRIX_GAME_3, Spans
from .index import PoseIndex
from .overlap import shares
from .pictures import Picture
from .plan import Memory, plan
from .policy import CORRECTED, MemoryPolicy
from .views import FAR, Cameras, seen_from

SAMPLES = 200
"""Most frames of an overlap matrix, which grows with their square."""
SEEN, LEFT = 0.5, 0.1
"""Share of a view from which on a place is seen again, and up to which it was left."""
COVERED = 0.5
"""Share of a view that is called covered."""
_SIDE = 10


class Overlaps(NamedTuple):
    """How much each frame sees of what another one sees.

    Args:
        frames: the frames that were compared, rising.
        shares: (F, F) of the row's view, exactly.
    """

    frames: tuple[int, ...]
    shares: np.ndarray


class Return(NamedTuple):
    """A loop that closes: the camera sees again what it saw, and did not see in between.

    Args:
        first, last: sampled frames that see it again.
        frame: the one of them that sees most of it.
        then: the frame that saw it before.
        overlap: the share of the view of `frame` that `then` saw.
    """

    first: int
    last: int
    frame: int
    then: int
    overlap: float


class Covered(NamedTuple):
    """How much of what a chunk's frame will see is in what the chunk looks at.

    Args:
        chunk: its number.
        frame: the frame of it.
        memory: share of its view in what memory brings.
        all: the same with the frames the chunk is fed again.
    """

    chunk: int
    frame: int
    memory: float
    all: float


class Survey(NamedTuple):
    """A walk's memory.

    Args:
        memories: what each chunk looks at.
        overlaps: of frames with each other.
        returns: where loops close, by frame.
        coverage: of every frame that memory is asked for, by frame.
        pictures: that stand in it.
    """

    memories: tuple[Memory, ...]
    overlaps: Overlaps
    returns: tuple[Return, ...]
    coverage: tuple[Covered, ...]
    pictures: tuple[Picture, ...] = ()

    @property
    def uncovered(self) -> tuple[Covered, ...]:
        """Turns and places that nothing the chunk looks at has seen."""
        return tuple(each for each in self.coverage if each.all < COVERED)


def survey(
    poses: Tensor | PoseIndex,
    policy: MemoryPolicy = CORRECTED,
    spans: Spans = MATRIX_GAME_3,
    latent_bytes: int | None = None,
    samples: int = SAMPLES,
) -> Survey:
    """Plan every whole chunk of a walk, and tell what its memory will be like.

    Args:
        poses: (frames, 4, 4) camera-to-world, or an index of them.
        policy: what may be chosen.
        spans: of the model.
        latent_bytes: size of one latent, where the policy's budget is in megabytes.
        samples: most frames of the overlap matrix.

    Raises:
        ValueError: as `plan` does.
    """
    index = poses if isinstance(poses, PoseIndex) else PoseIndex(poses)
    chunks = max((index.frames - spans.first) // spans.later + 1, 1)
    memories = tuple(plan(index, chunk, policy, spans, latent_bytes) for chunk in range(chunks))
    latents = spans.latent_of(spans.end(chunks - 1))
    chosen = np.unique(np.linspace(0, latents - 1, min(samples, latents)).round().astype(int))
    overlaps = overlap_matrix(index, tuple(spans.pose_frame(int(latent)) for latent in chosen))
    coverage = [each for memory in memories for each in coverage_of(index, memory, spans, policy.pictures)]
    ordered = tuple(sorted(coverage, key=lambda each: each.frame))
    return Survey(memories, overlaps, returns_in(overlaps), ordered, policy.pictures)


def overlap_matrix(index: PoseIndex, frames: tuple[int, ...]) -> Overlaps:
    """Compare frames with each other."""
    cameras = index.poses.cameras.part(np.array(frames))
    found = np.eye(len(frames))
    for row in range(1, len(frames)):  # a view is as large as any other, so half of them tell the rest
        found[row, :row] = shares(seen_from(cameras.part(slice(row, row + 1)), cameras.part(slice(row))))
        found[:row, row] = found[row, :row]
    return Overlaps(frames, found)


def returns_in(overlaps: Overlaps) -> tuple[Return, ...]:
    """Find where loops close: runs of frames that see what was seen before it was last left."""
    frames, found = overlaps
    runs: list[list[Return]] = []
    before = None
    for row, frame in enumerate(frames):
        left = np.flatnonzero(found[row, :row] <= LEFT)
        then = int(found[row, : left[-1]].argmax()) if len(left) and left[-1] else None
        if then is not None and found[row, then] >= SEEN:
            if before != row - 1:
                runs.append([])
            before = row
            runs[-1].append(Return(frame, frame, frame, frames[then], float(found[row, then])))
    return tuple(
        max(run, key=lambda each: each.overlap)._replace(first=run[0].frame, last=run[-1].frame) for run in runs
    )


def coverage_of(
    index: PoseIndex, memory: Memory, spans: Spans = MATRIX_GAME_3, pictures: Sequence[Picture] = ()
) -> tuple[Covered, ...]:
    """Tell how much of what a chunk's frames will see is in what it looks at; nothing of the first chunk."""
    cameras = index.poses.cameras
    past = spans.samples(memory.chunk)[: spans.fixed(memory.chunk)]
    looked_at = cameras.part(np.array([*(look.pose_frame for look in memory.looks), *past], dtype=np.int64))
    for place, look in enumerate(memory.looks):
        if look.picture is not None:
            own = poses_from(pictures[look.picture].c2w[None]).cameras
            looked_at.axes[..., place], looked_at.places[:, place] = own.axes[..., 0], own.places[:, 0]
    found = []
    for look in memory.looks:
        seen = _points_seen(cameras.part(slice(look.query, look.query + 1)), looked_at)
        by_memory = seen[:, : len(memory.looks)].any(1).mean()
        found.append(Covered(memory.chunk, look.query, float(by_memory), float(seen.any(1).mean())))
    return tuple(found)


def _points_seen(query: Cameras, others: Cameras) -> np.ndarray:
    """Tell which of points that are spread evenly over a view lie in others' views: (P, N) bool."""
    middle = (np.arange(_SIDE) + 0.5) / _SIDE
    depth = FAR * np.cbrt(middle)  # as much volume before each as it has neighbours before it
    x, y, z = (part.reshape(-1) for part in np.meshgrid(2 * middle - 1, 2 * middle - 1, depth, indexing="ij"))
    views = seen_from(query, others)
    away = np.stack([x * z, y * z, z])[..., None] - views.apex[:, None]  # (3, P, N)
    across, down, ahead = ((axis[:, None] * away).sum(0) for axis in views.axes)
    return (abs(across) <= ahead) & (abs(down) <= ahead) & (ahead <= FAR)
