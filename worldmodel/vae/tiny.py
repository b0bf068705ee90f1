"""The small causal video VAE of Tiny World: 4 frames and 8 x 8 pixels to one latent of 16 numbers.

The first frame is a video's first group on its own: it is seen four times, and of its four decoded frames the
last is kept. So latent 0 is frame 0, and latent t holds frames 4t-3 to 4t. Every block looks at its own time step
and at the one before; the step before is all the memory that streaming needs.

Shapes: B videos, F = 1 + 4(T-1) frames of H x W pixels, T latents of h x w = H/8 x W/8, C channels, S time steps.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange, repeat
from torch import Tensor, nn

LATENT_CHANNELS = 16
FRAMES_PER_LATENT = 4
PIXELS_PER_LATENT = 8
Memory = dict[str, Tensor]
"""What a stream remembers: the last time step that each block saw, by the block's name."""


class CausalBlock(nn.Module):
    """Residual block of two convolutions over the current and the previous time step, (B, S, C, h, w) -> same."""

    def __init__(self, channels: int, name: str, operations: Any = nn, **kwargs: Any) -> None:
        super().__init__()
        self.name = name
        self.norm1 = operations.GroupNorm(8, channels, **kwargs)
        self.conv1 = operations.Conv2d(2 * channels, channels, 3, padding=1, **kwargs)
        self.norm2 = operations.GroupNorm(8, channels, **kwargs)
        self.conv2 = operations.Conv2d(channels, channels, 3, padding=1, **kwargs)

    def forward(self, x: Tensor, memory: Memory | None) -> Tensor:
        batch, steps = x.shape[:2]
        now = F.silu(self.norm1(x.flatten(0, 1))).unflatten(0, (batch, steps))
        first = memory.get(self.name) if memory is not None else None
        before = torch.cat([torch.zeros_like(now[:, :1]) if first is None else first, now[:, :-1]], 1)
        if memory is not None:
            memory[self.name] = now[:, -1:].clone()
        y = self.conv1(torch.cat([now, before], 2).flatten(0, 1))
        y = self.conv2(F.silu(self.norm2(y)))
        return x + y.unflatten(0, (batch, steps))


class Encoder(nn.Module):
    """Pixels (B, 4T, 3, H, W) in -1..1 to latents (B, T, 16, h, w)."""

    def __init__(self, widths: tuple[int, int, int], operations: Any = nn, **kwargs: Any) -> None:
        super().__init__()
        fine, middle, coarse = widths
        self.stem = operations.Conv2d(48, fine, 3, padding=1, **kwargs)
        self.fine = CausalBlock(fine, "encoder.fine", operations, **kwargs)
        self.merge1 = operations.Conv2d(2 * fine, middle, 1, **kwargs)
        self.middle = CausalBlock(middle, "encoder.middle", operations, **kwargs)
        self.merge2 = operations.Conv2d(8 * middle, coarse, 1, **kwargs)
        self.coarse = nn.ModuleList(CausalBlock(coarse, f"encoder.coarse{i}", operations, **kwargs) for i in range(3))
        self.norm = operations.GroupNorm(8, coarse, **kwargs)
        self.out = operations.Conv2d(coarse, LATENT_CHANNELS, 3, padding=1, **kwargs)

    def forward(self, pixels: Tensor, memory: Memory | None) -> Tensor:
        batch = len(pixels)
        x = F.pixel_unshuffle(pixels.flatten(0, 1), 4).contiguous(memory_format=torch.channels_last)
        x = self.fine(self.stem(x).unflatten(0, (batch, -1)), memory)
        x = self.merge1(rearrange(x, "b (s two) c h w -> (b s) (two c) h w", two=2))
        x = self.middle(x.unflatten(0, (batch, -1)), memory)
        x = self.merge2(F.pixel_unshuffle(rearrange(x, "b (s two) c h w -> (b s) (two c) h w", two=2), 2))
        x = x.unflatten(0, (batch, -1))
        for block in self.coarse:
            x = block(x, memory)
        return self.out(F.silu(self.norm(x.flatten(0, 1)))).unflatten(0, (batch, -1))


class Decoder(nn.Module):
    """Latents (B, T, 16, h, w) to pixels (B, 4T, 3, H, W), not clamped."""

    def __init__(self, widths: tuple[int, int, int], operations: Any = nn, **kwargs: Any) -> None:
        super().__init__()
        fine, middle, coarse = widths
        self.stem = operations.Conv2d(LATENT_CHANNELS, coarse, 3, padding=1, **kwargs)
        self.coarse = nn.ModuleList(CausalBlock(coarse, f"decoder.coarse{i}", operations, **kwargs) for i in range(5))
        self.split1 = operations.Conv2d(coarse, 8 * middle, 1, **kwargs)
        self.middle = nn.ModuleList(CausalBlock(middle, f"decoder.middle{i}", operations, **kwargs) for i in range(3))
        self.split2 = operations.Conv2d(middle, 2 * fine, 1, **kwargs)
        self.fine = nn.ModuleList(CausalBlock(fine, f"decoder.fine{i}", operations, **kwargs) for i in range(3))
        self.norm = operations.GroupNorm(8, fine, **kwargs)
        self.out = operations.Conv2d(fine, 48, 3, padding=1, **kwargs)

    def forward(self, latents: Tensor, memory: Memory | None) -> Tensor:
        return self.finish(self.begin(latents, memory), memory)

    def begin(self, latents: Tensor, memory: Memory | None) -> Tensor:
        """Do the first half of the work, which two threads can share: (B, 2T, C, 2h, 2w) for `finish`."""
        batch = len(latents)
        x = self.stem(latents.flatten(0, 1).contiguous(memory_format=torch.channels_last)).unflatten(0, (batch, -1))
        for block in self.coarse:
            x = block(x, memory)
        x = F.pixel_shuffle(self.split1(x.flatten(0, 1)), 2)
        x = rearrange(x, "(b s) (two c) h w -> b (s two) c h w", b=batch, two=2)
        return self.middle[0](x, memory)

    def finish(self, x: Tensor, memory: Memory | None) -> Tensor:
        """Do the second half."""
        batch = len(x)
        for block in self.middle[1:]:
            x = block(x, memory)
        x = rearrange(self.split2(x.flatten(0, 1)), "(b s) (two c) h w -> b (s two) c h w", b=batch, two=2)
        for block in self.fine:
            x = block(x, memory)
        x = self.out(F.silu(self.norm(x.flatten(0, 1))))
        return F.pixel_shuffle(x, 4).unflatten(0, (batch, -1))


class TinyVAE(nn.Module):
    """The whole VAE. Latents are the file's own numbers; mean and std of the latent format are applied outside."""

    def __init__(
        self,
        encoder_widths: tuple[int, int, int] = (48, 80, 160),
        decoder_widths: tuple[int, int, int] = (48, 80, 160),
        operations: Any = nn,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        self.encoder = Encoder(encoder_widths, operations, **kwargs)
        self.decoder = Decoder(decoder_widths, operations, **kwargs)

    def encode(self, pixels: Tensor, memory: Memory | None = None) -> Tensor:
        """Encode a video, or the next piece of one.

        Args:
            pixels: (B, 3, F, H, W) in -1..1. A video, or a stream's first piece, has 1 + 4n frames; later pieces 4n.
            memory: an empty dictionary starts a stream and is carried from piece to piece.

        Returns:
            latents (B, 16, T, h, w).

        Raises:
            ValueError: the frames do not fill whole latents, or H or W is not a multiple of 8.
        """
        frames, height, width = pixels.shape[2:]
        first = not memory
        if (frames - first) % FRAMES_PER_LATENT or frames < 1:
            raise ValueError(
                f"pixels: {frames} frames do not fill whole latents; give 1 + 4n frames, in a stream's later pieces 4n."
            )
        if height % PIXELS_PER_LATENT or width % PIXELS_PER_LATENT:
            raise ValueError(f"pixels: {height} x {width} is not a multiple of 8; crop or resize the picture.")
        video = rearrange(pixels, "b c f h w -> b f c h w")
        if first:
            video = torch.cat([repeat(video[:, :1], "b 1 c h w -> b 4 c h w"), video[:, 1:]], 1)
        return rearrange(self.encoder(video, memory), "b t c h w -> b c t h w")

    def decode(self, latents: Tensor, memory: Memory | None = None) -> Tensor:
        """Decode latents (B, 16, T, h, w), or the next piece of a stream, to pixels (B, 3, F, H, W) in -1..1.

        A video's first latent gives 1 frame, every other 4. `memory` works as in `encode`.
        """
        first = not memory
        return self.finish_decode(self.begin_decode(latents, memory), memory, first)

    def begin_decode(self, latents: Tensor, memory: Memory | None = None) -> Tensor:
        """Do the first half of `decode`, for `finish_decode`; a stream's next piece can begin while this one ends."""
        return self.decoder.begin(rearrange(latents, "b c t h w -> b t c h w"), memory)

    def finish_decode(self, begun: Tensor, memory: Memory | None, first: bool) -> Tensor:
        """Do the second half; `first` says whether this piece is the stream's first."""
        video = self.decoder.finish(begun, memory)
        if first:
            video = video[:, FRAMES_PER_LATENT - 1 :]
        return rearrange(video, "b f c h w -> b c f h w").clamp(-1, 1)


def initialise(vae: TinyVAE, seed: int) -> None:
    """Draw fresh weights; every residual branch starts at zero."""
    generator = torch.Generator().manual_seed(seed)
    for module in vae.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, std=(module.weight[0].numel()) ** -0.5, generator=generator)
            nn.init.zeros_(module.bias)
    for module in vae.modules():
        if isinstance(module, CausalBlock):
            nn.init.zeros_(module.conv2.weight)
