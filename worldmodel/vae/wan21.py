"""The Wan 2.1 causal video VAE: 4 frames and 8 x 8 pixels to one latent of 16 numbers (specs/matrix_game2.md 7).

The first frame makes a latent of its own, every later latent spans 4 frames. A convolution over time sees the two
steps before its own; these are all that a stream remembers. Work goes latent by latent whatever the caller hands in,
so any chunking gives the same bits, and memory does not grow with the length.

Shapes: B videos, F = 1 + 4(T-1) frames of H x W pixels, T latents of h x w = H/8 x W/8, C channels, S time steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from ..layers.attention import attention

LATENT_MEAN = (
    -0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508,
    0.4134, -0.0715, 0.5517, -0.3632, -0.1922, -0.9497, 0.2503, -0.2921,
)  # fmt: skip
LATENT_STD = (
    2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743,
    3.2687, 2.1526, 2.8652, 1.5579, 1.6382, 1.1253, 2.8251, 1.9160,
)  # fmt: skip
HISTORY = 2
"""Time steps before its own that a convolution over time sees."""
Memory = dict[str, Tensor]
"""What a stream remembers: the last time steps that each convolution over time saw, by its name."""


def to_model_space(latents: Tensor) -> Tensor:
    """Return (B, 16, T, h, w) latents of the VAE as the networks know them: mean 0, deviation 1."""
    mean, std = (latents.new_tensor(values).view(1, -1, 1, 1, 1) for values in (LATENT_MEAN, LATENT_STD))
    return (latents - mean) / std


def from_model_space(latents: Tensor) -> Tensor:
    """Return (B, 16, T, h, w) latents of model space as the VAE knows them."""
    mean, std = (latents.new_tensor(values).view(1, -1, 1, 1, 1) for values in (LATENT_MEAN, LATENT_STD))
    return latents * std + mean


def _with_history(x: Tensor, memory: Memory, slot: str) -> Tensor:
    """Put the two steps before in front of x (B, C, S, h, w), zeros at a stream's beginning, and remember the last."""
    before = memory.get(slot)
    if before is None:
        before = x.new_zeros(*x.shape[:2], HISTORY, *x.shape[3:])
    x = torch.cat((before, x), dim=2)
    memory[slot] = x[:, :, -HISTORY:].clone()  # cloned: a view would keep all of it alive
    return x


def _per_frame(layer: nn.Module, x: Tensor) -> Tensor:
    """Apply a layer for pictures to every time step of x (B, C, S, h, w)."""
    return rearrange(layer(rearrange(x, "b c s h w -> (b s) c h w")), "(b s) c h w -> b c s h w", b=x.shape[0])


class ChannelNorm(nn.Module):
    """x over its length along the channels, times sqrt(C) and a learned gain."""

    def __init__(self, channels: int, dimensions: int, **placement: Any) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels, *[1] * dimensions, **placement))

    def forward(self, x: Tensor) -> Tensor:
        return F.normalize(x, dim=1) * x.shape[1] ** 0.5 * self.gamma.to(x)


class Upsample(nn.Module):
    """Twice as high and wide, every pixel four times."""

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=2.0, mode="nearest")


class ResidualBlock(nn.Module):
    """Two causal convolutions beside a way around, (B, C, S, h, w) -> (B, C', S, h, w)."""

    def __init__(self, name: str, channels: int, out: int, operations: Any, **placement: Any) -> None:
        super().__init__()
        self.name = name
        self.residual = nn.Sequential(
            ChannelNorm(channels, 3, **placement),
            nn.SiLU(),
            operations.Conv3d(channels, out, 3, padding=(0, 1, 1), **placement),
            ChannelNorm(out, 3, **placement),
            nn.SiLU(),
            nn.Identity(),  # the authors' dropout: the names of the layers count it
            operations.Conv3d(out, out, 3, padding=(0, 1, 1), **placement),
        )
        self.shortcut = nn.Identity() if channels == out else operations.Conv3d(channels, out, 1, **placement)

    def forward(self, x: Tensor, memory: Memory) -> Tensor:
        y = x
        for index, layer in enumerate(self.residual):
            if index in (2, 6):
                y = _with_history(y, memory, f"{self.name}.{index}")
            y = layer(y)
        return self.shortcut(x) + y


class AttentionBlock(nn.Module):
    """Attention with one head among the places of each time step."""

    def __init__(self, channels: int, operations: Any, **placement: Any) -> None:
        super().__init__()
        self.norm = ChannelNorm(channels, 2, **placement)
        self.to_qkv = operations.Conv2d(channels, 3 * channels, 1, **placement)
        self.proj = operations.Conv2d(channels, channels, 1, **placement)

    def forward(self, x: Tensor, memory: Memory) -> Tensor:
        return x + _per_frame(self._attend, x)

    def _attend(self, frames: Tensor) -> Tensor:
        qkv = rearrange(self.to_qkv(self.norm(frames)), "n (three c) h w -> three n (h w) 1 c", three=3)
        return self.proj(rearrange(attention(*qkv), "n (h w) c -> n c h w", h=frames.shape[2]))


class Down(nn.Module):
    """Half as high and wide, and with `time_conv` half as many time steps."""

    def __init__(self, name: str, channels: int, temporal: bool, operations: Any, **placement: Any) -> None:
        super().__init__()
        self.name = name
        conv = operations.Conv2d(channels, channels, 3, stride=2, **placement)
        self.resample = nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), conv)
        if temporal:
            self.time_conv = operations.Conv3d(channels, channels, (3, 1, 1), stride=(2, 1, 1), **placement)

    def forward(self, x: Tensor, memory: Memory) -> Tensor:
        x = _per_frame(self.resample, x)
        if not hasattr(self, "time_conv"):
            return x
        before = memory.get(self.name)
        memory[self.name] = x[:, :, -1:].clone()
        # a video's first step passes as it is, and is the history of the next
        return x if before is None else self.time_conv(torch.cat((before, x), dim=2))


class Up(nn.Module):
    """Twice as high and wide, half as many channels, and with `time_conv` twice as many time steps."""

    def __init__(self, name: str, channels: int, temporal: bool, operations: Any, **placement: Any) -> None:
        super().__init__()
        self.name = name
        conv = operations.Conv2d(channels, channels // 2, 3, padding=1, **placement)
        self.resample = nn.Sequential(Upsample(), conv)
        if temporal:
            self.time_conv = operations.Conv3d(channels, 2 * channels, (3, 1, 1), **placement)

    def forward(self, x: Tensor, memory: Memory) -> Tensor:
        if hasattr(self, "time_conv"):
            if self.name in memory:
                doubled = self.time_conv(_with_history(x, memory, self.name))
                x = rearrange(doubled, "b (two c) s h w -> b c (s two) h w", two=2)
            else:  # a video's first latent is one frame, and the second one's history is zeros all the same
                memory[self.name] = x.new_zeros(*x.shape[:2], HISTORY, *x.shape[3:])
        return _per_frame(self.resample, x)


class Stack(nn.Module):
    """What encoder and decoder share: a first convolution, layers, and the head."""

    conv1: nn.Module
    head: nn.Sequential

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def layers(self) -> list[nn.Module]:
        """Return what lies between the first convolution and the head, in order."""
        raise NotImplementedError

    def forward(self, x: Tensor, memory: Memory) -> Tensor:
        x = self.conv1(_with_history(x, memory, f"{self.name}.conv1"))
        for layer in self.layers():
            x = layer(x, memory)
        norm, act, conv = self.head
        return conv(_with_history(act(norm(x)), memory, f"{self.name}.head"))


def _middle(name: str, channels: int, operations: Any, **placement: Any) -> nn.ModuleList:
    return nn.ModuleList(
        (
            ResidualBlock(f"{name}.middle.0", channels, channels, operations, **placement),
            AttentionBlock(channels, operations, **placement),
            ResidualBlock(f"{name}.middle.2", channels, channels, operations, **placement),
        )
    )


def _head(channels: int, out: int, operations: Any, **placement: Any) -> nn.Sequential:
    conv = operations.Conv3d(channels, out, 3, padding=(0, 1, 1), **placement)
    return nn.Sequential(ChannelNorm(channels, 3, **placement), nn.SiLU(), conv)


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
        self.middle = _middle("encoder", current, operations, **placement)
        self.head = _head(current, 2 * channels, operations, **placement)

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
        self.middle = _middle("decoder", current, operations, **placement)
        self.upsamples = nn.ModuleList()
        for level, width in enumerate(reversed(widths)):
            for _ in range(blocks + 1):
                name = f"decoder.upsamples.{len(self.upsamples)}"
                self.upsamples.append(ResidualBlock(name, current, width, operations, **placement))
                current = width
            if level < len(temporal):
                name = f"decoder.upsamples.{len(self.upsamples)}"
                self.upsamples.append(Up(name, width, temporal[-1 - level], operations, **placement))
                current = width // 2
        self.head = _head(current, 3, operations, **placement)

    def layers(self) -> list[nn.Module]:
        return [*self.middle, *self.upsamples]


class Wan21VAE(nn.Module):
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
        self.channels = channels
        self.frames_per_latent = 2 ** sum(temporal)
        self.pixels_per_latent = 2 ** len(temporal)
        self.encoder = Encoder(widths, channels, blocks, temporal, operations, **placement)
        self.conv1 = operations.Conv3d(2 * channels, 2 * channels, 1, **placement)
        self.conv2 = operations.Conv3d(channels, channels, 1, **placement)
        self.decoder = Decoder(widths, channels, blocks, temporal, operations, **placement)

    def encode(self, pixels: Tensor, memory: Memory | None = None) -> Tensor:
        """Encode a video, or the next piece of one; the mean, without drawing.

        Args:
            pixels: (B, 3, F, H, W) in -1..1. A video, or a stream's first piece, has 1 + 4n frames; later pieces 4n.
            memory: an empty dictionary starts a stream and is carried from piece to piece.

        Returns:
            (B, 16, T, h, w).

        Raises:
            ValueError: the frames do not fill whole latents, or H or W is not a multiple of 8.
        """
        memory = {} if memory is None else memory
        frames, height, width = pixels.shape[2:]
        length, side = self.frames_per_latent, self.pixels_per_latent
        if frames < 1 or (frames - (not memory)) % length:
            raise ValueError(
                f"pixels: {frames} frames do not fill whole latents; give 1 + {length}n frames, in a stream's later "
                f"pieces {length}n."
            )
        if height % side or width % side:
            raise ValueError(f"pixels: {height} x {width} is not a multiple of {side}; crop or resize the picture.")
        sizes = [length] * (frames // length) if memory else [1] + [length] * ((frames - 1) // length)
        pieces = [self.conv1(self.encoder(piece, memory)) for piece in pixels.split(sizes, dim=2)]
        return torch.cat(pieces, dim=2)[:, : self.channels]

    def decode(self, latents: Tensor, memory: Memory | None = None) -> Tensor:
        """Decode latents (B, 16, T, h, w), or the next piece of a stream, to pixels (B, 3, F, H, W) in -1..1.

        A video's first latent gives 1 frame, every other 4. `memory` works as in `encode`.
        """
        memory = {} if memory is None else memory
        pieces = [self.decoder(self.conv2(latent), memory).clamp(-1, 1) for latent in latents.split(1, dim=2)]
        return torch.cat(pieces, dim=2)

    @property
    def settles(self) -> int:
        """Latents of "image, then grey" after which the encoder repeats itself."""
        # at frame 0 the history is zeros, so the reach must lie behind it
        return -(-(_frames_back(self.encoder) + 1) // self.frames_per_latent) + 1

    @property
    def reach(self) -> int:
        """Latents before a frame from which a stream must begin, so that the frame is as in the whole."""
        # a stream treats its own first latent as a video's
        return -(-_frames_back(self.decoder) // self.frames_per_latent) + 1


def _frames_back(stack: Stack) -> int:
    """Frames before its own that a frame depends on."""
    layers = stack.layers() if isinstance(stack, Encoder) else [*reversed(stack.layers())]
    # from the pixels inwards: a step is `stride` frames long
    stride, back = 1, HISTORY
    for layer in layers:
        if isinstance(layer, ResidualBlock):
            back += 2 * HISTORY * stride
        elif hasattr(layer, "time_conv"):
            # a decoder's convolves before the doubling, on the longer steps
            back += HISTORY * stride * (2 if isinstance(layer, Up) else 1)
            stride *= 2
    return back + HISTORY * stride


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
