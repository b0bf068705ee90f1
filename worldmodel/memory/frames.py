"""Frames, latents and chunks of a model that looks back: whole-number arithmetic.

A chunk after the first is fed again with the last frames of the chunk before it; what lies before those may be looked
at as memory. Frames are absolute pixel frames. Source: Matrix-Game 3.0, `pipeline/inference_pipeline.py`.
"""

from __future__ import annotations

from typing import NamedTuple

from ..variants import Variant


class Spans(NamedTuple):
    """How chunks lie on the frame axis.

    Args:
        first: frames of the first chunk.
        later: new frames of every later one.
        past: frames before them that a later chunk is fed again.
        spacing: frames between the frames that memory is asked for, from a chunk's last frame backwards.
        frames_per_latent: of every latent but the first, which is one frame.
    """

    first: int = 57
    later: int = 40
    past: int = 16
    spacing: int = 8
    frames_per_latent: int = 4

    def end(self, chunk: int) -> int:
        """Return the frame behind a chunk's last one."""
        return self.first + self.later * chunk

    def start(self, chunk: int) -> int:
        """Return the first frame a chunk is fed, the past ones included."""
        return self.end(chunk) - self.later - self.past if chunk else 0

    def latents(self, chunk: int) -> range:
        """Return the latents a chunk is fed, those of past frames included."""
        return range(self.latent_of(self.start(chunk)), self.latent_of(self.end(chunk)))

    def fixed(self, chunk: int) -> int:
        """Return how many of those are given and not made."""
        return self.past // self.frames_per_latent if chunk else 1

    def latent_of(self, frame: int) -> int:
        """Return the latent that holds a frame."""
        return (frame - 1) // self.frames_per_latent + 1

    def pose_frame(self, latent: int) -> int:
        """Return the frame whose camera stands for a latent: its last."""
        return latent * self.frames_per_latent

    def frames_of(self, latent: int) -> range:
        """Return the frames of a latent."""
        last = self.pose_frame(latent)
        return range(max(0, last - self.frames_per_latent + 1), last + 1)

    def samples(self, chunk: int) -> tuple[int, ...]:
        """Return the frame whose camera stands for each latent a chunk is fed."""
        return tuple(self.pose_frame(latent) for latent in self.latents(chunk))

    def queries(self, chunk: int, slots: int) -> tuple[int, ...]:
        """Return the frames that memory is asked for, one a slot, the last frame first."""
        return tuple(self.end(chunk) - 1 - self.spacing * slot for slot in range(slots))

    def candidates(self, chunk: int) -> range:
        """Return the frames that may be looked at again: all before those the chunk is fed, but the start picture."""
        return range(1, max(1, self.start(chunk)))


def spans_of(variant: Variant) -> Spans:
    """Return how a variant's chunks lie; it is one that looks back at latents."""
    assert variant.memories is not None, f"{variant.name} looks at no memory"
    chunking, frames = variant.chunking, variant.chunking.frames_per_latent
    past = variant.memories.past * frames
    return Spans(chunking.frames(0), chunking.frames(1), past, variant.memories.spacing, frames)


MATRIX_GAME_3 = Spans()
"""57 frames, then 40 each; the 16 before them are fed again."""
