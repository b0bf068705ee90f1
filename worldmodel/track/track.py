"""What the user asked for, frame by frame.

    Track.keys  (frames, words)  1 while the key is held
    Track.mouse (frames, 2)      yaw and pitch in degrees per frame, right and up positive

Row i acts between frame i and frame i + 1. Texts (JSON or the short form) are read into a `Timeline`, which keeps what
the artist wrote, and sampled into a `Track`, which is what crosses the wire.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..camera.poses import Poses
from ..reading.one_line import number_of, one_line
from . import short_text, track_json
from .timeline import Keyframe, Span, Timeline, canonical, curve_keyframes, held_spans


class Track(NamedTuple):
    """A dense, immutable track.

    Args:
        words: the keys' words, one per column of `keys`.
        keys: (frames, words) float32, 1 while held.
        mouse: (frames, 2) float32, yaw and pitch in degrees per frame, right and up positive.
        prompts: (frame, text) pairs, by frame.
        camera: what was asked, one pose per frame, where the track was drawn or filmed; keys and mouse are then one
            model's way to follow it, and binding follows it anew. No text of a track holds it.
    """

    words: tuple[str, ...]
    keys: Tensor
    mouse: Tensor
    prompts: tuple[tuple[int, str], ...] = ()
    camera: Poses | None = None

    @property
    def frames(self) -> int:
        """Length in frames."""
        return len(self.mouse)

    def __repr__(self) -> str:
        """Say it in one line."""
        keys = f"keys {' '.join(self.words)}" if self.words else None
        mouse = "mouse" if self.mouse.any() else None
        camera = "camera" if self.camera is not None else None
        return one_line(self, number_of(self.mouse, "frame"), keys, mouse, number_of(self.prompts, "prompt"), camera)


def parse_timeline(text: str | None) -> Timeline:
    """Read a track's text, JSON or short form; empty text is an empty track of the default length.

    Raises:
        ValueError: one sentence that begins with the form it was read as and names frame or member, value and fix.
    """
    stripped = (text or "").strip().removeprefix("\ufeff").strip()
    if not stripped:
        return Timeline()
    is_json = stripped[0] in '{["' or stripped == "null"
    reader, form = (track_json, "Track JSON") if is_json else (short_text, "Track text")
    try:
        return reader.read(stripped)
    except ValueError as error:
        raise ValueError(f"{form}: {error}") from None


def parse_track(text: str | None) -> Track:
    """Read a track's text, JSON or short form, into the dense track; see `parse_timeline`."""
    return sample(parse_timeline(text))


def write_track(track: Track | Timeline) -> str:
    """Write the canonical JSON: equal tracks give equal text. Values are rounded to thousandths."""
    return track_json.write(track if isinstance(track, Timeline) else timeline_of(track))


def sample(timeline: Timeline) -> Track:
    """Play a timeline at whole frames; what lies beyond its length is left out."""
    timeline = canonical(timeline)
    lanes = [(word, [span for span in spans if span[0] < timeline.frames]) for word, spans in timeline.keys]
    lanes = [(word, spans) for word, spans in lanes if spans]
    keys = torch.zeros(timeline.frames, len(lanes))
    for column, (_, spans) in enumerate(lanes):
        keys[:, column] = torch.from_numpy(_held(spans, timeline.frames)).float()
    mouse = np.stack([sample_curve(curve, timeline.frames) for curve in (timeline.yaw, timeline.pitch)], axis=1)
    prompts = tuple((frame, text) for frame, text in timeline.prompts if frame < timeline.frames)
    return Track(tuple(word for word, _ in lanes), keys, torch.from_numpy(mouse).float(), prompts)


def sample_curve(keyframes: Sequence[Keyframe], frames: int) -> np.ndarray:
    """Sample a curve at whole frames; the first value holds before it, the last after it.

    Args:
        keyframes: sorted by frame; none is a curve of zeros.
        frames: number of samples.

    Returns:
        (frames,) float64.
    """
    if not keyframes:
        return np.zeros(frames)
    at = np.array([keyframe.frame for keyframe in keyframes])
    value = np.array([keyframe.value for keyframe in keyframes], dtype=np.float64)
    smooth, hold = (np.array([keyframe.easing == easing for keyframe in keyframes]) for easing in ("smooth", "hold"))
    frame = np.arange(frames)
    here = np.searchsorted(at, frame, side="right") - 1  # the keyframe at or before each frame; -1 before the first
    inside = (here >= 0) & (here < len(at) - 1)
    values = value[here.clip(0)]
    here, frame = here[inside], frame[inside]
    along = (frame - at[here]) / (at[here + 1] - at[here])
    along = np.where(smooth[here], along * along * (3 - 2 * along), np.where(hold[here], 0.0, along))
    values[inside] = value[here] + (value[here + 1] - value[here]) * along
    return values


def _held(spans: Sequence[Span], frames: int) -> np.ndarray:
    """Return whether merged spans hold a key, (frames,) bool."""
    change = np.zeros(frames + 1, dtype=np.int8)
    starts, lengths = np.array(spans).T
    change[starts] += 1
    change[np.minimum(starts + lengths, frames)] -= 1
    return np.cumsum(change[:-1]) > 0


def timeline_of(track: Track) -> Timeline:
    """Describe a dense track by spans and keyframes; sampling them gives it back, in thousandths of a degree."""
    return canonical(
        Timeline(
            frames=track.frames,
            keys=tuple((word, held_spans((track.keys[:, i] > 0).numpy())) for i, word in enumerate(track.words)),
            yaw=curve_keyframes(track.mouse[:, 0].numpy()),
            pitch=curve_keyframes(track.mouse[:, 1].numpy()),
            prompts=track.prompts,
        )
    )


def same_track(a: Track, b: Track) -> bool:
    """Tell whether two tracks ask for the same; a key that is never held counts as absent."""
    held = [
        {word: track.keys[:, i] for i, word in enumerate(track.words) if track.keys[:, i].any()} for track in (a, b)
    ]
    return (
        held[0].keys() == held[1].keys()
        and all(torch.equal(held[0][word], held[1][word]) for word in held[0])
        and torch.equal(a.mouse, b.mouse)
        and a.prompts == b.prompts
        and _same_camera(a.camera, b.camera)
    )


def _same_camera(a: Poses | None, b: Poses | None) -> bool:
    if a is None or b is None:
        return a is b
    same = (a.intrinsics, a.fps, a.picture) == (b.intrinsics, b.fps, b.picture)
    return same and torch.equal(a.c2w, b.c2w)
