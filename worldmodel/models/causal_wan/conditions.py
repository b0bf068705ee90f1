"""What a causal Wan network is told besides the noisy latents: one record a pass, made once a chunk.

Shapes: B batch (1), C channels of a latent, T latents of a pass, n of them in front of x, h, w latent grid,
S = h/2 * w/2 tokens per latent, N = T * S.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ...layers.kept import Kept, Part
from ...layers.sink_cache import Shelf, SinkCache


class Call(NamedTuple):
    """All that one pass of the network is given besides x."""

    timesteps: Tensor
    """(B, T) float32 in [0, 1000], on the CPU, where reading them waits for no device."""
    positions: Tensor
    """(T,) int64 absolute latent indices."""
    text: Tensor
    """(B, words, width), zeros behind a prompt's words included: they are attended to."""
    condition: Tensor | None = None
    """(B, 20, T, h, w): mask 4, image latents 16; `None`: the model is told of no picture."""
    rays: Tensor | None = None
    """(B, N, 6 * 8 * 8 * 4) rays by tokens (`layers.camera_rays.ray_tokens`); `None`: no camera, and none of what it
    does to a block."""
    cache: SinkCache | Shelf | None = None
    """`None`: every latent of the pass sees every other, and nothing else."""
    commit: bool = False
    """True on a clean pass, which writes the cache."""
    past: Tensor | None = None
    """(B, C, n, h, w) clean latents in front of x, in a pass that writes many again; nobody asks for their velocity."""
    mask: Tensor | None = None
    """bool (T, T), row sees column, for many blocks in one pass without a history."""
    relative: bool = False
    """Whether positions are counted in the cache's window at each pass, instead of from the world's beginning."""
    kept: Kept | Part | None = None
    """What holds for all passes of the chunk; `None`: it is made anew in each."""
    negative: Tensor | None = None
    """(B, words, width) of the prompt to be led away from."""
    said: Kept | Part | None = None
    """What is made of the sentence, where there is no cache to keep it."""

    def at(self, timestep: Tensor | float) -> Call:
        """Return the pass that all latents make at a timestep ()."""
        return self._replace(timesteps=torch.full_like(self.timesteps, float(timestep)))

    def clean(self) -> Call:
        """Return the pass that writes the cache."""
        return self._replace(timesteps=torch.zeros_like(self.timesteps), commit=True)

    def null(self) -> Call:
        """Return the pass that guidance starts from: the negative prompt; the camera stays."""
        assert self.negative is not None, "a call without a negative prompt has no guidance"
        return self._replace(text=self.negative, said=_part(self.said, "null"))  # the camera is the same

    def of_expert(self, name: str) -> Call:
        """Return the same pass of one of two networks: what is kept for it are that network's own results."""
        return self._replace(
            cache=None if self.cache is None else self.cache.of_expert(name),
            kept=_part(self.kept, name),
            said=_part(self.said, name),
        )

    def joined(self, calls: Sequence[Call], latents: Tensor, first: int) -> Call:
        """Return one pass over many blocks, at timestep 0, of which this one is the last.

        Args:
            calls: of the blocks, in order.
            latents: (C, n, h, w) of all blocks but the last, whose latents come as x; those left out are not in it.
            first: latents that are left out.
        """

        def cut(name: str, dimension: int, each: int = 1) -> Tensor | None:
            parts = [getattr(call, name) for call in calls]
            if parts[0] is None:
                return None
            whole = torch.cat(parts, dimension)
            return whole.narrow(dimension, first * each, whole.shape[dimension] - first * each)

        tokens = 1 if self.rays is None else self.rays.shape[1] // len(self.positions)
        return self._replace(
            timesteps=cut("timesteps", 1),
            positions=cut("positions", 0),
            condition=cut("condition", 2),
            rays=cut("rays", 1, tokens),
            past=latents[None],
            kept=None,
        )


def _part(kept: Kept | Part | None, name: Hashable) -> Kept | Part | None:
    return None if kept is None else kept.part(name)
