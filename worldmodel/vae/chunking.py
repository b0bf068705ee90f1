"""How the latents of a world are cut into chunks, and which video frames belong to each."""

from __future__ import annotations

from typing import NamedTuple


class Chunking(NamedTuple):
    """How the latents of a world are cut into chunks.

    Args:
        first, later: latents of a world's first chunk, and of every other one.
        frames_per_latent: video frames that a latent spans; the first of a stream spans one.
        restarts: every chunk is a stream of its own, so its first latent spans one frame.
        given: latents of the first chunk that the start brings along, so that only the rest is sampled.
        preceded: latents of the start that the stream begins with, before the first chunk; nobody sees their frames.
        repeated: frames at the beginning of every later chunk that show what the one before ended with; nobody sees
            them again. Only where every chunk is a stream of its own.
    """

    first: int
    later: int
    frames_per_latent: int = 4
    restarts: bool = False
    given: int = 0
    preceded: int = 0
    repeated: int = 0

    def latents(self, index: int) -> int:
        """Return the latents of chunk `index`."""
        return self.later if index else self.first

    def sampled(self, index: int) -> int:
        """Return how many latents of chunk `index` are sampled, the last ones."""
        return self.later if index else self.first - self.given

    def first_latent(self, index: int) -> int:
        """Return the absolute latent at which chunk `index` begins."""
        return self.first + (index - 1) * self.later if index else 0

    def frames(self, index: int) -> int:
        """Return the video frames of chunk `index`."""
        return self.first_frame(index + 1) - self.first_frame(index)

    def first_frame(self, index: int) -> int:
        """Return the absolute video frame at which chunk `index` begins."""
        streams = index if self.restarts else 0 if self.preceded else min(index, 1)
        unseen = streams * (self.frames_per_latent - 1) + max(index - 1, 0) * self.repeated
        return self.first_latent(index) * self.frames_per_latent - unseen

    def chunk_of(self, frame: int) -> int:
        """Return the chunk that an absolute video frame lies in."""
        beyond = frame - self.frames(0)
        return 0 if beyond < 0 else 1 + beyond // self.frames(1)

    def chunk_of_latent(self, latent: int) -> int:
        """Return the chunk that an absolute latent lies in."""
        return 0 if latent < self.first else 1 + (latent - self.first) // self.later

    def latent_of(self, frame: int) -> int:
        """Return the absolute latent that holds an absolute video frame."""
        chunk = self.chunk_of(frame) if self.restarts else 0
        within = frame - self.first_frame(chunk) + (self.repeated if chunk else 0)
        ahead = 0 if self.preceded else self.frames_per_latent - 1  # that the stream's first latent does not span
        return self.first_latent(chunk) + (within + ahead) // self.frames_per_latent
