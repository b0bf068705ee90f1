"""What a model may look at again: a policy, as data, and what of the past it leaves.

Frames are absolute pixel frames. What is kept, dropped and looked at are whole latents: a frame brings its latent.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from ..reading.words import shortened
from ..variants import HISTORIES
from .forms import FORMS, FormName
from .frames import MATRIX_GAME_3, Spans
from .pictures import Picture

HistoryName = Literal["full history", "last chunk"]
MEGABYTE = 10**6
MOST_SLOTS = 7
"""Slots whose frames still lie in the chunk that asks: one every 8 frames of 56."""


class MemoryPolicy(NamedTuple):
    """Which past frames a chunk looks at again.

    Args:
        form: how overlap is reckoned: the exact shared volume, or as Matrix-Game 3.0's release reckons it. Or one of
            `variants.HISTORIES`, for a model that is given all of its past; the rest then means nothing.
        slots: past latents a chunk looks at.
        sink: a frame that the last slot always holds; `None`: that slot is chosen like the others.
        distinct: whether no two slots hold the same latent.
        pinned: frames that are always looked at, from the chunk on whose past they lie in.
        dropped: first and last frames of ranges that are never looked at.
        budget_frames: how many past frames may be kept to look at, the newest beside those pinned and the sink.
        budget_megabytes: the same, by the size of their latents.
        pictures: that stand beside past frames, and count against no budget.
    """

    form: FormName | HistoryName = "exact"
    slots: int = 5
    sink: int | None = 4
    distinct: bool = True
    pinned: tuple[int, ...] = ()
    dropped: tuple[tuple[int, int], ...] = ()
    budget_frames: int | None = None
    budget_megabytes: float | None = None
    pictures: tuple[Picture, ...] = ()


RELEASED = MemoryPolicy(form="released", distinct=False)
"""As Matrix-Game 3.0's release chooses."""
CORRECTED = MemoryPolicy()
"""By the exact overlap, no latent twice."""


def check_policy(
    policy: MemoryPolicy, frames: int, spans: Spans = MATRIX_GAME_3, latent_bytes: int | None = None
) -> None:
    """Check a policy.

    Args:
        policy: what was asked for.
        frames: of the world and the track behind it.
        spans: of the model.
        latent_bytes: size of one latent, where the budget is in megabytes.

    Raises:
        ValueError: the field, what was found, what was expected, what to do.
    """
    if policy.form in HISTORIES:
        return
    if policy.form not in FORMS:
        raise ValueError(f"form: found {shortened(str(policy.form))!r}, expected exact or released; choose one.")
    if not 1 <= policy.slots <= MOST_SLOTS:
        raise ValueError(
            f"slots: found {policy.slots}, expected 1 to {MOST_SLOTS} (the model was trained with 5); change it."
        )
    _check_places(policy, frames, spans)
    free = policy.slots - (policy.sink is not None)
    if len(policy.pinned) > free:
        kept = f", one of them kept for frame {policy.sink}" if policy.sink is not None else ""
        raise ValueError(
            f"pinned: found {len(policy.pinned)} frames, expected at most {free} ({policy.slots} slots{kept}); unpin "
            "some."
        )
    _check_budget(policy, spans, latent_bytes)


def _check_places(policy: MemoryPolicy, frames: int, spans: Spans) -> None:
    held: dict[int, int] = {}
    for name, chosen in (("pinned", policy.pinned), ("sink", () if policy.sink is None else (policy.sink,))):
        for frame in chosen:
            if not 0 <= frame < frames:
                raise ValueError(
                    f"{name}: found frame {frame}, expected 0 to {frames - 1}, the frames of this world; choose one of "
                    "them."
                )
            latent = spans.latent_of(frame)
            if latent in held:
                raise ValueError(
                    f"{name}: found frames {held[latent]} and {frame}, which lie in one latent; keep one of them."
                )
            held[latent] = frame
    for first, last in policy.dropped:
        if not 0 <= first <= last:
            raise ValueError(
                f"dropped: found the range {first} to {last}, expected a first frame from 0 on and a last one not "
                "before it; correct it."
            )
        for latent, frame in held.items():
            if spans.latent_of(first) <= latent <= spans.latent_of(last):
                raise ValueError(
                    f"dropped: found frames {first} to {last}, in whose latents lies frame {frame}, which is always "
                    "looked at; unpin it, choose another sink or none, or drop less."
                )


def _check_budget(policy: MemoryPolicy, spans: Spans, latent_bytes: int | None) -> None:
    always = len(policy.pinned) + (policy.sink is not None)
    needed = max(always, 1)
    for name, unit in (("budget_frames", "frames"), ("budget_megabytes", "MB")):
        budget = getattr(policy, name)
        if budget is None:
            continue
        size = spans.frames_per_latent if name == "budget_frames" else _megabytes(latent_bytes)
        if not budget >= needed * size:  # NaN is not
            what = f"the {always} frames that are always looked at take" if always > 1 else "one latent takes"
            raise ValueError(
                f"{name}: found {budget:g}, expected at least {needed * size:.3g} {unit}, which {what}; raise it, or "
                "leave it out."
            )


def budget_latents(policy: MemoryPolicy, spans: Spans = MATRIX_GAME_3, latent_bytes: int | None = None) -> int | None:
    """Return how many latents a policy's budget holds; `None`: as many as there are."""
    held = []
    if policy.budget_frames is not None:
        held.append(policy.budget_frames // spans.frames_per_latent)
    if policy.budget_megabytes is not None:
        held.append(int(policy.budget_megabytes / _megabytes(latent_bytes)))
    return min(held, default=None)


def allowed_frames(
    policy: MemoryPolicy, chunk: int, frames: int, spans: Spans = MATRIX_GAME_3, latent_bytes: int | None = None
) -> np.ndarray:
    """Return which frames (frames,) bool a chunk may choose from: those before it that are neither dropped nor old.

    The frames a policy always looks at count against its budget, whether the chunk may choose them or not.
    """
    candidates = spans.candidates(chunk)
    allowed = np.zeros(frames, dtype=bool)
    allowed[candidates.start : candidates.stop] = True
    for first, last in policy.dropped:
        forbid(allowed, range(spans.latent_of(first), spans.latent_of(last) + 1), spans)
    budget = budget_latents(policy, spans, latent_bytes)
    if budget is not None:
        allowed &= _kept(policy, chunk, frames, spans, budget)
    return allowed


def _kept(policy: MemoryPolicy, chunk: int, frames: int, spans: Spans, budget: int) -> np.ndarray:
    """Return which frames (frames,) a budget of latents keeps: those always looked at, and then the newest."""
    behind = spans.latent_of(spans.candidates(chunk).stop)
    always = [spans.latent_of(frame) for frame in always_looked_at(policy, chunk, spans)]
    newest = max(behind - budget, 0)
    while behind - newest + sum(latent < newest for latent in always) > budget:
        newest += 1
    kept = np.zeros(frames, dtype=bool)
    kept[spans.frames_of(newest).start :] = True
    for latent in always:
        kept[spans.frames_of(latent).start : spans.frames_of(latent).stop] = True
    return kept


def always_looked_at(policy: MemoryPolicy, chunk: int, spans: Spans = MATRIX_GAME_3) -> tuple[int, ...]:
    """Return the pinned frames and the sink that lie in a chunk's past, in that order."""
    behind = spans.candidates(chunk).stop
    chosen = (*policy.pinned, *(() if policy.sink is None else (policy.sink,)))
    return tuple(frame for frame in chosen if frame < behind)


def forbid(allowed: np.ndarray, latents: range, spans: Spans) -> None:
    """Take the frames of latents out of what is allowed."""
    allowed[spans.frames_of(latents.start).start : spans.frames_of(latents.stop).start] = False


def _megabytes(latent_bytes: int | None) -> float:
    assert latent_bytes, "a budget in megabytes needs the size of a latent"
    return latent_bytes / MEGABYTE
