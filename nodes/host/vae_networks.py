"""The VAEs' networks as the host calls them, and the layers they are built from.

Shapes: F frames of H x W pixels, T latents of h x w.
"""

from __future__ import annotations

from collections.abc import Callable

import comfy.ops
from torch import Tensor

from ...worldmodel.vae.causal import STOCK, Manner, Memory
from ...worldmodel.vae.latent_formats import TINY_WORLD
from ...worldmodel.vae.tiny import TinyVAE
from ...worldmodel.vae.wan21 import Wan21VAE
from ...worldmodel.vae.wan22 import Wan22VAE


class LAYERS(comfy.ops.disable_weight_init):
    """The host's layers, of which those of a causal VAE lend weight and bias, with all that the host does to them."""

    class Conv3d(comfy.ops.disable_weight_init.Conv3d):
        """Lends what it multiplies with; see `convolved`."""

        def lend(self, x: Tensor, compute: Callable[[Tensor, Tensor | None], Tensor]) -> Tensor:
            """Return `compute(weight, bias)`."""
            if not (self.comfy_cast_weights or self.weight_function or self.bias_function):
                return compute(self.weight, self.bias)
            with comfy.ops.CastBiasWeightContext(self, x, offloadable=True) as (weight, bias):
                return compute(weight, bias)


class _WholeLatents:
    """Frames that fill no whole latent are left out, as the host's Wan VAE does."""

    frames_per_latent: int

    def encode(self, pixels: Tensor, memory: Memory | None = None, *manner: Manner) -> Tensor:
        """Encode pixels (B, 3, F, H, W) in -1..1 to latents (B, C, T, h, w)."""
        left = (pixels.shape[2] - 1) % self.frames_per_latent if memory is None else 0
        return super().encode(pixels[:, :, : pixels.shape[2] - left], memory, *manner)


class HostTinyVAE(_WholeLatents, TinyVAE):
    """Tiny World's VAE as the host calls it; it is run in one manner."""

    frames_per_latent = TINY_WORLD.frames

    def decode(self, latents: Tensor, memory: Memory | None = None, manner: Manner | None = None) -> Tensor:
        """See `TinyVAE.decode`."""
        return super().decode(latents, memory)


class _OwnManner(_WholeLatents):
    """A VAE that is run as whoever calls it says, and by the host's nodes in a manner of its own."""

    usual: Manner = STOCK

    def encode(self, pixels: Tensor, memory: Memory | None = None, manner: Manner | None = None) -> Tensor:
        """See `CausalVAE.encode`."""
        return super().encode(pixels, memory, self.usual if manner is None else manner)

    def decode(self, latents: Tensor, memory: Memory | None = None, manner: Manner | None = None) -> Tensor:
        """See `CausalVAE.decode`."""
        return super().decode(latents, memory, self.usual if manner is None else manner)


class HostWan21VAE(_OwnManner, Wan21VAE):
    """The Wan 2.1 VAE as the host calls it."""


class HostWan22VAE(_OwnManner, Wan22VAE):
    """The Wan 2.2 VAE, or an MG-LightVAE, as the host calls it."""
