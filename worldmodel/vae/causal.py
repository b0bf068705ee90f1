"""The parts of the causal Wan VAEs: convolutions over time that see what came before, and streams that carry it.

A convolution over time sees the two steps before its own; these are all that a stream remembers. Released weights
are shared by families that run them differently; how is a `Manner`, which comes with the call.

Shapes: B videos, C channels, S time steps of h x w.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from ..layers.attention import attention
from .convolving import convolved, frames_convolved, laid, layout_of

HISTORY = 2
"""Time steps before its own that a convolution over time sees."""
Memory = dict[str, Tensor]
"""What a stream remembers: the last time steps that each convolution over time saw, by its name."""


class Manner(NamedTuple):
    """How a family runs a VAE.

    Args:
        doubles_first: the decoder doubles a video's first latent in time like every other, and drops the frame too
            many; else it leaves that latent as it is, and history begins behind it.
        epsilon: added to the mean of squares that a norm divides by the root of.
    """

    doubles_first: bool = False
    epsilon: float = 0.0


STOCK = Manner()
"""As Wan's authors run their VAEs."""


class Stream(NamedTuple):
    """What every layer of a call is told besides x."""

    memory: Memory
    manner: Manner


def with_history(x: Tensor, stream: Stream, slot: str, write: Callable[[Tensor], object] | None = None) -> Tensor:
    """Put the two steps before in front of x, as far as a stream has them, and remember the last.

    Args:
        x: (B, C, S, h, w).
        stream: where they are remembered.
        slot: under which name.
        write: writes (B, C, S, h, w) in x's place, so that what is made of x need not be copied; `None`: x itself.

    Returns:
        (B, C, steps before + S, h, w). At a stream's beginning a lone step has fewer before it, which
        `convolved` knows; several begin behind zeros.
    """
    before = stream.memory.get(slot)
    steps = x.shape[2]
    seen = 0 if before is None else before.shape[2]
    ahead = seen if steps == 1 else HISTORY
    room = torch.empty(
        (*x.shape[:2], ahead + steps, *x.shape[3:]), dtype=x.dtype, device=x.device, memory_format=layout_of(x)
    )
    if seen < ahead:
        room[:, :, : ahead - seen] = 0
    if seen:
        room[:, :, ahead - seen : ahead] = before
    behind = room[:, :, ahead:]
    write(behind) if write else behind.copy_(x)
    stream.memory[slot] = room[
        :, :, max(ahead - seen, ahead + steps - HISTORY) :
    ].clone()  # a view would keep all alive
    return room


def per_frame(layer: nn.Module, x: Tensor) -> Tensor:
    """Apply a layer for pictures to every time step of x (B, C, S, h, w)."""
    return rearrange(layer(rearrange(x, "b c s h w -> (b s) c h w")), "(b s) c h w -> b c s h w", b=x.shape[0])


class ChannelNorm(nn.Module):
    """x over the root of its mean square along the channels, times a learned gain."""

    def __init__(self, channels: int, dimensions: int, **placement: Any) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels, *[1] * dimensions, **placement))

    def forward(self, x: Tensor, stream: Stream) -> Tensor:
        return self.write(x, stream, torch.empty_like(x))

    def write(self, x: Tensor, stream: Stream, room: Tensor) -> Tensor:
        """Write the normed x into `room`, of the same shape, and return it."""
        length = torch.linalg.vector_norm(x, dim=1, keepdim=True).float()  # the sum is float32's in every precision
        if stream.manner.epsilon:
            scale = length.square_().div_(x.shape[1]).add_(stream.manner.epsilon).rsqrt_()
        else:
            scale = length.clamp_min_(1e-12).reciprocal_().mul_(x.shape[1] ** 0.5)
        return torch.mul(x, scale.to(x.dtype), out=room).mul_(self.gamma.to(x))


def activated(norm: ChannelNorm, x: Tensor, stream: Stream, slot: str) -> Tensor:
    """Return the normed and activated x behind what came before; see `with_history`."""
    return with_history(x, stream, slot, lambda room: F.silu(norm.write(x, stream, room), inplace=True))


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

    def forward(self, x: Tensor, stream: Stream) -> Tensor:
        y = x
        for norm, conv in ((0, 2), (3, 6)):
            y = convolved(self.residual[conv], activated(self.residual[norm], y, stream, f"{self.name}.{conv}"))
        return y.add_(x if isinstance(self.shortcut, nn.Identity) else convolved(self.shortcut, x))


class AttentionBlock(nn.Module):
    """Attention with one head among the places of each time step."""

    def __init__(self, channels: int, operations: Any, **placement: Any) -> None:
        super().__init__()
        self.norm = ChannelNorm(channels, 2, **placement)
        self.to_qkv = operations.Conv2d(channels, 3 * channels, 1, **placement)
        self.proj = operations.Conv2d(channels, channels, 1, **placement)

    def forward(self, x: Tensor, stream: Stream) -> Tensor:
        return x + per_frame(lambda frames: self._attend(self.norm(frames, stream)), x)

    def _attend(self, frames: Tensor) -> Tensor:
        qkv = rearrange(self.to_qkv(frames), "n (three c) h w -> three n (h w) 1 c", three=3)
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

    def forward(self, x: Tensor, stream: Stream) -> Tensor:
        x = per_frame(lambda frames: frames_convolved(self.resample[1], self.resample[0](frames)), x)
        if not hasattr(self, "time_conv"):
            return x
        before = stream.memory.get(self.name)
        stream.memory[self.name] = x[:, :, -1:].clone()
        # a video's first step passes as it is, and is the history of the next
        return x if before is None else convolved(self.time_conv, torch.cat((before, x), dim=2))


class Up(nn.Module):
    """Twice as high and wide, and with `time_conv` twice as many time steps, (B, C, S, h, w) -> (B, C', S', 2h, 2w)."""

    def __init__(self, name: str, channels: int, out: int, temporal: bool, operations: Any, **placement: Any) -> None:
        super().__init__()
        self.name = name
        conv = operations.Conv2d(channels, out, 3, padding=1, **placement)
        self.resample = nn.Sequential(Upsample(), conv)
        if temporal:
            self.time_conv = operations.Conv3d(channels, 2 * channels, (3, 1, 1), **placement)

    def forward(self, x: Tensor, stream: Stream) -> Tensor:
        if hasattr(self, "time_conv"):
            x = self._doubled(x, stream)
        return per_frame(lambda frames: frames_convolved(self.resample[1], self.resample[0](frames)), x)

    def _doubled(self, x: Tensor, stream: Stream) -> Tensor:
        first = self.name not in stream.memory
        if first and not stream.manner.doubles_first:
            stream.memory[self.name] = x[:, :, :0]  # a video's first latent is one frame, and history begins behind it
            return x
        doubled = convolved(self.time_conv, with_history(x, stream, self.name)).unflatten(1, (2, -1))
        x = laid(doubled.permute(0, 2, 3, 1, 4, 5).flatten(2, 3))  # (B, two, C, S, h, w) -> (B, C, S * two, h, w)
        return x[:, :, 1:] if first else x


class Stack(nn.Module):
    """What encoder and decoder share: a first convolution, layers, and the head."""

    conv1: nn.Module
    head: nn.ModuleList

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def layers(self) -> list[nn.Module]:
        """Return what lies between the first convolution and the head, in order."""
        raise NotImplementedError

    def forward(self, x: Tensor, stream: Stream) -> Tensor:
        x = convolved(self.conv1, with_history(x, stream, f"{self.name}.conv1"))
        for layer in self.layers():
            x = layer(x, stream)
        norm, _, conv = self.head
        return convolved(conv, activated(norm, x, stream, f"{self.name}.head"))


def middle(name: str, channels: int, operations: Any, **placement: Any) -> nn.ModuleList:
    """Return the layers of the coarsest size, between encoder's or decoder's levels and its other end."""
    return nn.ModuleList(
        (
            ResidualBlock(f"{name}.middle.0", channels, channels, operations, **placement),
            AttentionBlock(channels, operations, **placement),
            ResidualBlock(f"{name}.middle.2", channels, channels, operations, **placement),
        )
    )


def head(channels: int, out: int, operations: Any, **placement: Any) -> nn.ModuleList:
    """Return norm, activation and convolution of a stack's end."""
    conv = operations.Conv3d(channels, out, 3, padding=(0, 1, 1), **placement)
    return nn.ModuleList((ChannelNorm(channels, 3, **placement), nn.SiLU(), conv))


def _frames_back(stack: Stack) -> int:
    """Return the frames before its own that a frame depends on."""
    layers = [layer for layer in stack.modules() if isinstance(layer, (ResidualBlock, Down, Up))]
    if any(isinstance(layer, Up) for layer in layers):
        layers.reverse()
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


class CausalVAE(nn.Module):
    """What both VAEs do with encoder and decoder: latent by latent, whatever the caller hands in.

    So any chunking gives the same bits, and memory does not grow with the length.
    """

    encoder: Stack | None
    decoder: Stack
    conv1: nn.Module
    conv2: nn.Module
    channels: int
    frames_per_latent: int
    pixels_per_latent: int

    def lay_out(self) -> CausalVAE:
        """Let the weights lie as a CPU's convolutions read them, else they are copied in every call; return self."""
        for weight in self.parameters():
            weight.data = laid(weight.data)
        return self

    @torch.no_grad()
    def encode(self, pixels: Tensor, memory: Memory | None = None, manner: Manner = STOCK) -> Tensor:
        """Encode a video, or the next piece of one; the mean, without drawing.

        Args:
            pixels: (B, 3, F, H, W) in -1..1. A video, or a stream's first piece, has 1 + 4n frames; later pieces 4n.
            memory: an empty dictionary starts a stream and is carried from piece to piece.
            manner: the family's, the same for a whole stream.

        Returns:
            (B, channels, T, h, w).

        Raises:
            ValueError: the frames do not fill whole latents, H or W is no multiple of a latent's side, or this VAE
                only decodes.
        """
        if self.encoder is None:
            raise ValueError("vae: found a VAE that only decodes, expected one that encodes too; load the whole one.")
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
        stream = Stream(memory, manner)
        pieces = [self.conv1(self.encoder(self._from_pixels(piece), stream)) for piece in pixels.split(sizes, dim=2)]
        return torch.cat(pieces, dim=2)[:, : self.channels].contiguous()

    def decode(self, latents: Tensor, memory: Memory | None = None, manner: Manner = STOCK) -> Tensor:
        """Decode latents (B, channels, T, h, w), or the next piece of a stream, to pixels (B, 3, F, H, W) in -1..1.

        A video's first latent gives 1 frame, every other 4. `memory` and `manner` work as in `encode`.
        """
        return self.decode_unclamped(latents, memory, manner).clamp_(-1, 1)

    @torch.no_grad()
    def decode_unclamped(self, latents: Tensor, memory: Memory | None = None, manner: Manner = STOCK) -> Tensor:
        """Do what `decode` does, without keeping the pixels in -1..1."""
        stream = Stream({} if memory is None else memory, manner)
        pieces = (self._to_pixels(self.decoder(self.conv2(latent), stream)) for latent in latents.split(1, dim=2))
        # piece by piece in the film's own order, or the whole film would have to be laid out anew
        return torch.cat([piece.contiguous() for piece in pieces], dim=2)

    def _from_pixels(self, pixels: Tensor) -> Tensor:
        return pixels

    def _to_pixels(self, x: Tensor) -> Tensor:
        return x

    @property
    def settles(self) -> int:
        """Latents of "image, then grey" after which the encoder repeats itself."""
        # at frame 0 the history is zeros, so the reach must lie behind it
        back = 0 if self.encoder is None else _frames_back(self.encoder)
        return -(-(back + 1) // self.frames_per_latent) + 1

    @property
    def reach(self) -> int:
        """Latents before a frame from which a stream must begin, so that the frame is as in the whole."""
        # a stream treats its own first latent as a video's
        return -(-_frames_back(self.decoder) // self.frames_per_latent) + 1
