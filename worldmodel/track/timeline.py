"""The editable form of a track: key spans, mouse keyframes and prompts on one frame axis.

A timeline is what the editors and the text forms hold; sampled at whole frames it becomes a dense `Track`.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import NamedTuple

import numpy as np

from ..reading.limits import DEFAULT_FRAMES, all_thousandths
from ..reading.words import shortened

MAX_DEGREES = 180.0
"""Largest turn in one frame; beyond half a turn left and right mean the same."""

WORDS = ("forward", "back", "left", "right", "jump", "slide", "turn_left", "turn_right", "attack")
"""Every word some model knows, in writing order. What a model does when nothing is held (nomove) is derived."""
LETTERS = {"W": "forward", "S": "back", "A": "left", "D": "right"}
EASINGS = ("linear", "smooth", "hold")
Span = tuple[int, int]
"""First frame and length of a held key."""


class Keyframe(NamedTuple):
    """A value in degrees per frame at a whole frame; the easing counts from here to the next keyframe."""

    frame: int
    value: float
    easing: str = "linear"


class Timeline(NamedTuple):
    """Spans, keyframes and prompts as the artist placed them; content beyond `frames` is kept but not played.

    Args:
        frames: length in frames, 1 to `MAX_FRAMES`.
        keys: (word, spans) pairs.
        yaw: keyframes in degrees per frame, right positive.
        pitch: keyframes in degrees per frame, up positive.
        prompts: (frame, text) pairs.
        extra: members this version does not know, as (name, JSON text), written back as they came.
        mouse_extra: the same for unknown members of `mouse`.
    """

    frames: int = DEFAULT_FRAMES
    keys: tuple[tuple[str, tuple[Span, ...]], ...] = ()
    yaw: tuple[Keyframe, ...] = ()
    pitch: tuple[Keyframe, ...] = ()
    prompts: tuple[tuple[int, str], ...] = ()
    extra: tuple[tuple[str, str], ...] = ()
    mouse_extra: tuple[tuple[str, str], ...] = ()


def canonical(timeline: Timeline) -> Timeline:
    """Return the one form all equal timelines share: everything sorted, spans merged, values in thousandths."""
    spans: dict[str, list[Span]] = {}
    for word, held in timeline.keys:
        spans.setdefault(word, []).extend(held)
    return Timeline(
        frames=timeline.frames,
        keys=tuple((word, held) for word in sorted(spans, key=_place) if (held := merge_spans(spans[word]))),
        yaw=_rounded(timeline.yaw),
        pitch=_rounded(timeline.pitch),
        prompts=tuple(sorted(timeline.prompts)),
        extra=tuple(sorted(timeline.extra)),
        mouse_extra=tuple(sorted(timeline.mouse_extra)),
    )


def merge_spans(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Sort spans, join those that overlap or touch, and drop empty ones."""
    merged: list[Span] = []
    first = end = None
    for start, length in sorted(span for span in spans if span[1] > 0):
        if end is None:
            first, end = start, start + length
        elif start > end:
            merged.append((first, end - first))
            first, end = start, start + length
        elif start + length > end:
            end = start + length
    return tuple(merged) if end is None else (*merged, (first, end - first))


def held_spans(held: Iterable[bool]) -> tuple[Span, ...]:
    """Turn one flag per frame into spans."""
    flags = np.fromiter(held, dtype=np.int8) if not isinstance(held, np.ndarray) else held.astype(np.int8)
    edges = np.flatnonzero(np.diff(flags, prepend=0, append=0))
    return tuple(zip(edges[::2].tolist(), (edges[1::2] - edges[::2]).tolist(), strict=True))


def curve_keyframes(values: Sequence[float] | np.ndarray) -> tuple[Keyframe, ...]:
    """Describe one value per frame by keyframes which, sampled at whole frames, give these values in thousandths.

    Equal neighbours share one holding keyframe, so key-like steering stays short; a curve of zeros has none.
    """
    rounded = all_thousandths(values)
    if not rounded.any():
        return ()
    starts = np.flatnonzero(np.diff(rounded, prepend=np.nan))
    easings = ["linear" if alone else "hold" for alone in (np.diff(starts, append=len(rounded)) == 1).tolist()]
    easings[-1] = "linear"  # the last value holds by itself
    return tuple(map(Keyframe, starts.tolist(), rounded[starts].tolist(), easings))


def unknown_word(word: str, known: Sequence[str] = WORDS) -> str:
    """Say what is wrong with a key that no model knows, and what was probably meant."""
    if word.upper() in LETTERS and len(word) == 1:
        return f"unknown key '{word}': write the word, '{LETTERS[word.upper()]}'"
    if word == "nomove":
        return "unknown key 'nomove': it is what a model does while no key is held, so leave those frames empty"
    word = shortened(word)
    near = get_close_matches(word.lower(), known, n=1)
    meant = f"did you mean '{near[0]}'?" if near else f"use one of {', '.join(known)}"
    return f"unknown key '{word}': {meant}"


def _place(word: str) -> tuple[int, str]:
    return (WORDS.index(word) if word in WORDS else len(WORDS), word)


def _rounded(keyframes: Sequence[Keyframe]) -> tuple[Keyframe, ...]:
    frames = [keyframe[0] for keyframe in keyframes]
    values = np.array([keyframe[1] for keyframe in keyframes], dtype=np.float64)
    rounded = all_thousandths(values)
    if rounded.tobytes() == values.tobytes() and all(map(operator.lt, frames, frames[1:])):
        return tuple(keyframes)
    return tuple(sorted(map(Keyframe, frames, rounded.tolist(), [keyframe[2] for keyframe in keyframes])))
