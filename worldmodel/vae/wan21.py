"""The Wan 2.1 causal video VAE: 4 frames and 8 x 8 pixels to one latent of 16 numbers (Wan, arXiv:2503.20314).

The first frame makes a latent of its own, every later latent spans 4 frames. A convolution over time sees the two
steps before its own; these are all that a stream remembers. Work goes latent by latent whatever the caller hands in,
so any chunking gives the same bits, and memory does not grow with the length.

Shapes: B videos, F = 1 + 4(T-1) frames of H x W pixels, T latents of h x w = H/8 x W/8, C channels, S time steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from .causal import CausalVAE, Down, ResidualBlock, Stack, Up, head, middle

LATENT_MEAN = (
    -0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508,
    0.4134, -0.0715, 0.5517, -0.3632, -0.1922, -0.9497, 0.2503, -0.2921,
)  # fmt: skip
LATENT_STD = (
    2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743,
    3.2687, 2.1526, 2.8652, 1.5579, 1.6382, 1.1253, 2.8251, 1.9160,
)  # fmt: skip


def to_model_space(latents: Tensor) -> Tensor:
    """Return (B, 16, T, h, w) latents of the VAE as the networks know them: mean 0, deviation 1."""
    mean, std = (latents.new_tensor(values).view(1, -1, 1, 1, 1) for values in (LATENT_MEAN, LATENT_STD))
    return (latents - mean) / std


def from_model_space(latents: Tensor) -> Tensor:
    """Return (B, 16, T, h, w) latents of model space as the VAE knows them."""
    mean, std = (latents.new_tensor(values).view(1, -1, 1, 1, 1) for values in (LATENT_MEAN, LATENT_STD))
    return latents * std + mean


class Encoder(Stack):
    """Pixels (B, 3, S, H, W) to twice the channels of a latent (B, 32, T, h, w): mean and log variance."""

    def __init__(
        self, widths: Sequence[int], channels: int, blocks: int, temporal: Sequence[bool], operations: Any, **placement
    ) -> None:
        super().__init__("encoder")
        self.conv1 = operations.Conv3d(3, widths[0], 3, padding=(0, 1, 1), **placement)
        self.downsamples = nn.ModuleList()
        current = widths[0]
        for level, width in enumerate(widths):
            for _ in range(blocks):
                name = f"encoder.downsamples.{len(self.downsamples)}"
                self.downsamples.append(ResidualBlock(name, current, width, operations, **placement))
                current = width
            if level < len(temporal):
                name = f"encoder.downsamples.{len(self.downsamples)}"
                self.downsamples.append(Down(name, width, temporal[level], operations, **placement))
        self.middle = middle("encoder", current, operations, **placement)
        self.head = head(current, 2 * channels, operations, **placement)

    def layers(self) -> list[nn.Module]:
        return [*self.downsamples, *self.middle]


class Decoder(Stack):
    """Latents (B, 16, T, h, w) to pixels (B, 3, F, H, W), not clamped."""

    def __init__(
        self, widths: Sequence[int], channels: int, blocks: int, temporal: Sequence[bool], operations: Any, **placement
    ) -> None:
        super().__init__("decoder")
        current = widths[-1]
        self.conv1 = operations.Conv3d(channels, current, 3, padding=(0, 1, 1), **placement)
        self.middle = middle("decoder", current, operations, **placement)
        self.upsamples = nn.ModuleList()
        for level, width in enumerate(reversed(widths)):
            for _ in range(blocks + 1):
                name = f"decoder.upsamples.{len(self.upsamples)}"
                self.upsamples.append(ResidualBlock(name, current, width, operations, **placement))
                current = width
            if level < len(temporal):
                name = f"decoder.upsamples.{len(self.upsamples)}"
                self.upsamples.append(Up(name, width, width // 2, temporal[-1 - level], operations, **placement))
                current = width // 2
        self.head = head(current, 3, operations, **placement)

    def layers(self) -> list[nn.Module]:
        return [*self.middle, *self.upsamples]


class Wan21VAE(CausalVAE):
    """The whole VAE. Its latents are the file's own numbers; see `to_model_space`."""

    def __init__(
        self,
        *,
        width: int = 96,
        channels: int = 16,
        multipliers: Sequence[int] = (1, 2, 4, 4),
        blocks: int = 2,
        temporal: Sequence[bool] = (False, True, True),
        operations: Any = nn,
        **placement: Any,
    ) -> None:
        """Build the network with random weights.

        Args:
            width: channels at full size.
            channels: of a latent.
            multipliers: of `width`, level by level from full size down.
            blocks: residual blocks of a level; the decoder has one more.
            temporal: for each step from level to level, whether it also halves the time steps.
        """
        super().__init__()
        widths = [width * multiplier for multiplier in multipliers]
        self.width, self.channels = width, channels
        self.frames_per_latent = 2 ** sum(temporal)
        self.pixels_per_latent = 2 ** len(temporal)
        self.encoder = Encoder(widths, channels, blocks, temporal, operations, **placement)
        self.conv1 = operations.Conv3d(2 * channels, 2 * channels, 1, **placement)
        self.conv2 = operations.Conv3d(channels, channels, 1, **placement)
        self.decoder = Decoder(widths, channels, blocks, temporal, operations, **placement)


def wan21_sizes(weights: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return the sizes of a file in this layout; shapes are enough.

    Raises:
        KeyError: a layer is missing.
        IndexError, ZeroDivisionError: a tensor has too few dimensions, or no numbers.
    """
    width = weights["decoder.head.0.gamma"].shape[0]
    current = weights["encoder.downsamples.0.residual.6.weight"].shape[0] // width
    multipliers: list[int] = []
    temporal: list[bool] = []
    blocks = index = 0
    while True:
        level = f"encoder.downsamples.{index}."
        if f"{level}residual.6.weight" in weights:
            current = weights[f"{level}residual.6.weight"].shape[0] // width
            blocks += not temporal
        elif f"{level}resample.1.weight" in weights:
            multipliers.append(current)
            temporal.append(f"{level}time_conv.weight" in weights)
        else:
            break
        index += 1
    return {
        "width": width,
        "channels": weights["conv2.weight"].shape[0],
        "multipliers": (*multipliers, current),
        "blocks": blocks,
        "temporal": tuple(temporal),
    }
