"""Clips, each of which begins with the last frame of the one before: all that a network without a cache looks back on.

That frame is decoded and encoded again, so a rollout needs a VAE from its second clip on. Nothing is kept from clip to
clip.
"""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from ..layers.kept import Kept, LastKept
from ..variants import Variant
from ..world.state import Controls, World, latents_of
from .contexts import About, Call, KeepsNothing


class MakeClipCall(Protocol):
    """How a family builds the call of a clip, at timestep 0.

    `begun`: the last frame of the clip before, and nothing behind it, as latents (C, L, h, w); `None`: the start's own.
    """

    def __call__(
        self, about: About, world: World, controls: Controls, index: int, begun: Tensor | None, kept: Kept
    ) -> Call: ...


class ClipContext(KeepsNothing):
    """What a network looks back on that makes a whole clip at once: the frame that the clip before ended with."""

    def __init__(self, about: About, make_call: MakeClipCall):
        """Begin.

        Args:
            about: with `chained` where there is more than one clip.
            make_call: the family's own.
        """
        super().__init__(about)
        self._make_call = make_call
        self._kept = LastKept()

    @property
    def bytes(self) -> int:
        """Memory that is kept of the clip in progress, in bytes."""
        return self._kept.bytes

    def gather(self, world: World, controls: Controls, index: int) -> Call:
        """Return what all passes of a clip share.

        Raises:
            ValueError: a clip is before this one, and nobody brought a VAE.
        """
        begun = None
        if index:
            if self.about.chained is None:
                raise no_vae(self.about.variant)
            begun = self.about.chained(latents_of(world.chunks[index - 1]))
        kept = self._kept.begin(self.about.keep)
        return self._make_call(self.about, world, controls, index, begun, kept)


def no_vae(variant: Variant) -> ValueError:
    """Return what is to be said where nobody brought the VAE that clips are chained with."""
    frames = variant.chunking.frames(0)
    return ValueError(
        f"vae: found none, expected one, because each clip of {variant.title} (of {frames} frames) begins with the "
        "last frame of the one before, decoded; connect the VAE that the world was started with, or walk one clip."
    )
