"""The Wan 2.2 causal video VAE: 4 frames and 16 x 16 pixels to one latent of 48 numbers, and its pruned decoders.

Two by two pixels are one place of the finest level. Around the blocks of a level runs a way without weights: what goes
in, averaged or repeated to the size of what comes out (Wan 2.2, `wan/modules/vae2_2.py`). Matrix-Game 3's authors run
the same weights in a `Manner` of their own, and give two decoders of 1/2 and 1/4 of the width beside (MG-LightVAE).

Shapes: B videos, F = 1 + 4(T-1) frames of H x W pixels, T latents of h x w = H/16 x W/16, C channels, S time steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from .causal import STOCK, CausalVAE, Down, Manner, ResidualBlock, Stack, Stream, Up, head, middle

LATENT_MEAN = (
    -0.2289, -0.0052, -0.1323, -0.2339, -0.2799, 0.0174, 0.1838, 0.1557, -0.1382, 0.0542, 0.2813, 0.0891,
    0.1570, -0.0098, 0.0375, -0.1825, -0.2246, -0.1207, -0.0698, 0.5109, 0.2665, -0.2108, -0.2158, 0.2502,
    -0.2055, -0.0322, 0.1109, 0.1567, -0.0729, 0.0899, -0.2799, -0.1230, -0.0313, -0.1649, 0.0117, 0.0723,
    -0.2839, -0.2083, -0.0520, 0.3748, 0.0152, 0.1957, 0.1433, -0.2944, 0.3573, -0.0548, -0.1681, -0.0667,
)  # fmt: skip
LATENT_STD = (
    0.4765, 1.0364, 0.4514, 1.1677, 0.5313, 0.4990, 0.4818, 0.5013, 0.8158, 1.0344, 0.5894, 1.0901,
    0.6885, 0.6165, 0.8454, 0.4978, 0.5759, 0.3523, 0.7135, 0.6804, 0.5833, 1.4146, 0.8986, 0.5659,
    0.7069, 0.5338, 0.4889, 0.4917, 0.4069, 0.4999, 0.6866, 0.4093, 0.5709, 0.6065, 0.6415, 0.4944,
    0.5726, 1.2042, 0.5458, 1.6887, 0.3971, 1.0600, 0.3943, 0.5537, 0.5444, 0.4089, 0.7468, 0.7744,
)  # fmt: skip
MATRIX_GAME_3 = Manner(doubles_first=True, epsilon=1e-6)
"""As Matrix-Game 3's authors run it (Matrix-Game-3, `wan/modules/vae2_2.py`)."""
MANNERS: dict[str, Manner] = {"matrix_game_3": MATRIX_GAME_3}
"""By family, where it is not as Wan's authors do."""


def manner_of(family: str) -> Manner:
    """Return how a family runs its VAE."""
    return MANNERS.get(family, STOCK)


def to_model_space(latents: Tensor) -> Tensor:
    """Return (B, 48, T, h, w) latents of the VAE as the networks know them: mean 0, deviation 1."""
    mean, std = (latents.new_tensor(values).view(1, -1, 1, 1, 1) for values in (LATENT_MEAN, LATENT_STD))
    return (latents - mean) / std


def from_model_space(latents: Tensor) -> Tensor:
    """Return (B, 48, T, h, w) latents of model space as the VAE knows them."""
    mean, std = (latents.new_tensor(values).view(1, -1, 1, 1, 1) for values in (LATENT_MEAN, LATENT_STD))
    return latents * std + mean


def averaged(x: Tensor, channels: int, time: int, side: int) -> Tensor:
    """Return the means of x (B, C, S, h, w) over neighbours in time and space and over neighbouring channels.

    Args:
        channels: C' of what is returned.
        time, side: how many steps and places become one. Steps that fill no whole one count as behind zeros.

    Returns:
        (B, C', S / time, h / side, w / side).
    """
    x = F.pad(x, (0, 0, 0, 0, -x.shape[2] % time, 0))
    x = rearrange(x, "b c (s t) (h q) (w r) -> b (c t q r) s h w", t=time, q=side, r=side)
    return rearrange(x, "b (c n) s h w -> b c n s h w", c=channels).mean(dim=2)


def repeated(x: Tensor, channels: int, time: int, side: int) -> Tensor:
    """Return x (B, C, S, h, w) spread over more steps and places, each from a channel of its own as far as they go.

    Args:
        channels: C' of what is returned.
        time, side: how many steps and places one becomes.

    Returns:
        (B, C', S * time, h * side, w * side).
    """
    x = x.repeat_interleave(channels * time * side * side // x.shape[1], dim=1)
    return rearrange(x, "b (c t q r) s h w -> b c (s t) (h q) (w r)", t=time, q=side, r=side)


class DownLevel(nn.Module):
    """The blocks of one size and, unless it is the coarsest, the step to the next, beside the average."""

    def __init__(
        self, name: str, channels: int, out: int, blocks: int, temporal: bool | None, operations: Any, **placement: Any
    ) -> None:
        """Build the level.

        Args:
            name: of its layers.
            channels, out: before and behind it.
            blocks: how many.
            temporal: whether the step halves the time steps, too; `None`: no step.

        Raises:
            ValueError: the way around cannot make one width of the other.
        """
        super().__init__()
        self.out = out
        self.time, self.side = 2 if temporal else 1, 1 if temporal is None else 2
        if channels * self.time * self.side**2 % out:
            raise ValueError(f"widths: found {channels}, then {out}, expected one that the other can be averaged to.")
        self.downsamples = nn.ModuleList(
            ResidualBlock(f"{name}.{block}", out if block else channels, out, operations, **placement)
            for block in range(blocks)
        )
        if temporal is not None:
            self.downsamples.append(Down(f"{name}.{blocks}", out, temporal, operations, **placement))

    def forward(self, x: Tensor, stream: Stream) -> Tensor:
        y = x
        for layer in self.downsamples:
            y = layer(y, stream)
        return y + averaged(x, self.out, self.time, self.side)


class UpLevel(nn.Module):
    """The blocks of one size and, unless it is the finest, the step to the next, beside what goes in repeated."""

    def __init__(
        self, name: str, channels: int, out: int, blocks: int, temporal: bool | None, operations: Any, **placement: Any
    ) -> None:
        """Build the level; see `DownLevel`, but `temporal` says whether the step doubles the time steps."""
        super().__init__()
        self.out = out
        self.time, self.side = 2 if temporal else 1, 1 if temporal is None else 2
        if self.side == 2 and out * self.time * self.side**2 % channels:
            raise ValueError(f"widths: found {channels}, then {out}, expected one that repeats the other.")
        self.upsamples = nn.ModuleList(
            ResidualBlock(f"{name}.{block}", out if block else channels, out, operations, **placement)
            for block in range(blocks)
        )
        if temporal is not None:
            self.upsamples.append(Up(f"{name}.{blocks}", out, out, temporal, operations, **placement))

    def forward(self, x: Tensor, stream: Stream) -> Tensor:
        y = x
        for layer in self.upsamples:
            y = layer(y, stream)
        if self.side == 1:
            return y
        # a stream's first piece has a frame less in y, at its beginning
        return y + repeated(x, self.out, self.time, self.side)[:, :, -y.shape[2] :]


class Encoder(Stack):
    """Places (B, 12, S, H/2, W/2) to twice the channels of a latent (B, 96, T, h, w): mean and log variance."""

    def __init__(
        self,
        widths: Sequence[int],
        places: int,
        channels: int,
        blocks: int,
        temporal: Sequence[bool],
        operations: Any,
        **placement: Any,
    ) -> None:
        super().__init__("encoder")
        self.conv1 = operations.Conv3d(places, widths[0], 3, padding=(0, 1, 1), **placement)
        self.downsamples = nn.ModuleList(
            DownLevel(f"encoder.downsamples.{level}", before, width, blocks, step, operations, **placement)
            for level, (before, width, step) in enumerate(
                zip([widths[0], *widths], widths, [*temporal, None], strict=False)
            )
        )
        self.middle = middle("encoder", widths[-1], operations, **placement)
        self.head = head(widths[-1], 2 * channels, operations, **placement)

    def layers(self) -> list[nn.Module]:
        return [*self.downsamples, *self.middle]


class Decoder(Stack):
    """Latents (B, 48, T, h, w) to places (B, 12, F, H/2, W/2), not clamped."""

    def __init__(
        self,
        widths: Sequence[int],
        places: int,
        channels: int,
        blocks: int,
        temporal: Sequence[bool],
        operations: Any,
        **placement: Any,
    ) -> None:
        super().__init__("decoder")
        coarse = [*reversed(widths)]
        self.conv1 = operations.Conv3d(channels, coarse[0], 3, padding=(0, 1, 1), **placement)
        self.middle = middle("decoder", coarse[0], operations, **placement)
        self.upsamples = nn.ModuleList(
            UpLevel(f"decoder.upsamples.{level}", before, width, blocks + 1, step, operations, **placement)
            for level, (before, width, step) in enumerate(
                zip([coarse[0], *coarse], coarse, [*reversed(temporal), None], strict=False)
            )
        )
        self.head = head(coarse[-1], places, operations, **placement)

    def layers(self) -> list[nn.Module]:
        return [*self.middle, *self.upsamples]


class Wan22VAE(CausalVAE):
    """The whole VAE, or its decoder alone. Its latents are the file's own numbers; see `to_model_space`."""

    def __init__(
        self,
        *,
        encoder_width: int | None = 160,
        decoder_width: int = 256,
        channels: int = 48,
        multipliers: Sequence[int] = (1, 2, 4, 4),
        blocks: int = 2,
        temporal: Sequence[bool] = (False, True, True),
        patch: int = 2,
        operations: Any = nn,
        **placement: Any,
    ) -> None:
        """Build the network with random weights.

        Args:
            encoder_width: channels of the encoder's finest level; `None`: it only decodes.
            decoder_width: of the decoder's.
            channels: of a latent.
            multipliers: of both widths, level by level from the finest down.
            blocks: residual blocks of a level; the decoder has one more.
            temporal: for each step from level to level, whether it also halves the time steps.
            patch: side in pixels of a place of the finest level.
        """
        super().__init__()
        self.channels, self.patch = channels, patch
        self.frames_per_latent = 2 ** sum(temporal)
        self.pixels_per_latent = patch * 2 ** len(temporal)
        sizes = 3 * patch**2, channels, blocks, temporal, operations
        if encoder_width is None:
            self.encoder = None
        else:
            self.encoder = Encoder([encoder_width * times for times in multipliers], *sizes, **placement)
            self.conv1 = operations.Conv3d(2 * channels, 2 * channels, 1, **placement)
        self.conv2 = operations.Conv3d(channels, channels, 1, **placement)
        self.decoder = Decoder([decoder_width * times for times in multipliers], *sizes, **placement)

    def _from_pixels(self, pixels: Tensor) -> Tensor:
        # of a place's pixels those below each other are neighbours among the channels
        return rearrange(pixels, "b c f (h q) (w r) -> b (c r q) f h w", q=self.patch, r=self.patch)

    def _to_pixels(self, x: Tensor) -> Tensor:
        return rearrange(x, "b (c r q) f h w -> b c f (h q) (w r)", q=self.patch, r=self.patch)


def wan22_sizes(weights: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return the sizes of a file in this layout; shapes are enough.

    Raises:
        KeyError: a layer is missing.
        IndexError, ZeroDivisionError: a tensor has too few dimensions, or no numbers.
    """
    width = weights["decoder.head.0.gamma"].shape[0]
    multipliers: list[int] = []
    temporal: list[bool] = []
    blocks = 0
    while f"decoder.upsamples.{len(multipliers)}.upsamples.0.residual.6.weight" in weights:
        level = f"decoder.upsamples.{len(multipliers)}.upsamples."
        multipliers.append(weights[f"{level}0.residual.6.weight"].shape[0] // width)
        blocks = next(count for count in range(1, len(weights)) if f"{level}{count}.residual.6.weight" not in weights)
        if f"{level}{blocks}.resample.1.weight" in weights:
            temporal.append(f"{level}{blocks}.time_conv.weight" in weights)
    encodes = "encoder.head.0.gamma" in weights
    return {
        "encoder_width": weights["encoder.conv1.weight"].shape[0] if encodes else None,
        "decoder_width": width,
        "channels": weights["conv2.weight"].shape[0],
        "multipliers": tuple(reversed(multipliers)),
        "blocks": blocks - 1,
        "temporal": tuple(reversed(temporal)),
        "patch": round((weights["decoder.head.2.weight"].shape[0] / 3) ** 0.5),
    }
