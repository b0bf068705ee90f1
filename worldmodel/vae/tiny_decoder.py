"""The decoder of the tiny VAE at work: the same weights for one video on a CPU, in less time than the plain form.

Numbers lie channel by channel within a place all the way, as a CPU's convolutions read them; torch's own group norm is
slow on that, so it is written out: sums, then one product and sum. In float32 blocks convolve tile by tile (`winograd`)
and the whole differs from `Decoder` in the last bits. In bfloat16 they ask oneDNN's kernels, the sums of the norms are
float32's, and all that lies between the layers is bfloat16.

Shapes: T latents of h x w, S time steps of C channels, F frames of H x W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, silu

from ..layers.precision import has_bfloat16
from .convolving import convolve, laid
from .tiny import FRAMES_PER_LATENT, CausalBlock, Decoder, Memory
from .winograd import pictures_of, turned_pictures, turned_weight

TOGETHER = 3
"""Latents of one call: a chunk of Tiny World. Three calls of one take half as long again."""


class _Convolution(nn.Module):
    """A 3 x 3 convolution of (S, h, w, C) -> (S, h, w, C')."""

    def __init__(self, layer: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.register_buffer("weight", laid(layer.weight.detach().to(dtype)))
        self.register_buffer("bias", layer.bias.detach().to(dtype))

    def forward(self, x: Tensor) -> Tensor:
        return convolve(x.permute(0, 3, 1, 2), self.weight, self.bias, [1, 1], [1, 1]).permute(0, 2, 3, 1)


class _Activation(nn.Module):
    """Group norm and SiLU of (S, h, w, C)."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.epsilon = norm.eps
        for name in ("weight", "bias"):
            self.register_buffer(name, getattr(norm, name).detach().float().view(norm.num_groups, -1))

    def forward(self, x: Tensor, room: Tensor | None = None) -> Tensor:
        """Return what is made of x; written into `room` where it is given, of x's shape."""
        steps, channels = x.shape[0], x.shape[3]
        places = x.reshape(steps, -1, channels)
        mean, square = (self._mean(numbers) for numbers in (places, places.square()))
        scale = torch.addcmul(square, mean, mean, value=-1).add_(self.epsilon).rsqrt_() * self.weight
        shift = torch.addcmul(self.bias, scale, mean, value=-1)
        scale, shift = (each.view(steps, 1, 1, channels).to(x.dtype) for each in (scale, shift))
        room = torch.empty_like(x) if room is None else room
        return silu(torch.addcmul(shift, x, scale, out=room), inplace=True)

    def _mean(self, numbers: Tensor) -> Tensor:
        """(S, places, C) -> (S, groups, 1)."""
        groups = numbers.sum(1, dtype=torch.float32).unflatten(1, (len(self.weight), -1))
        return groups.mean(2, keepdim=True).div_(numbers.shape[1])


class _Block(nn.Module):
    """See `CausalBlock`; (S, h, w, C) -> same."""

    def __init__(self, block: CausalBlock, dtype: torch.dtype) -> None:
        super().__init__()
        self.name = block.name
        self.norm1, self.norm2 = (_Activation(norm) for norm in (block.norm1, block.norm2))
        self.conv1, self.conv2 = (_Convolution(conv, dtype) for conv in (block.conv1, block.conv2))

    def forward(self, x: Tensor, memory: Memory) -> Tensor:
        steps, *picture = x.shape
        seen = x.new_empty(1 + steps, *picture)
        before = memory.get(self.name)
        seen[0] = 0 if before is None else before
        self.norm1(x, seen[1:])
        memory[self.name] = seen[-1].clone()
        return self._convolved(seen).add_(x)

    def _convolved(self, seen: Tensor) -> Tensor:
        """Return the block's way beside x, of activated steps (1 + S, h, w, C) with the one before in front."""
        y = self.conv1(torch.cat((seen[1:], seen[:-1]), 3))
        return self.conv2(self.norm2(y))


class _TiledBlock(_Block):
    """The same in float32, tile by tile: a step's tiles are made once, for itself and for the step behind it."""

    def __init__(self, block: CausalBlock) -> None:
        nn.Module.__init__(self)
        self.name = block.name
        self.norm1, self.norm2 = (_Activation(norm) for norm in (block.norm1, block.norm2))
        now, before = block.conv1.weight.detach().chunk(2, 1)
        for name, weight in (("now", now), ("before", before), ("weight2", block.conv2.weight.detach())):
            self.register_buffer(name, turned_weight(weight))
        for name, conv in (("bias1", block.conv1), ("bias2", block.conv2)):
            self.register_buffer(name, conv.bias.detach().float())

    def _convolved(self, seen: Tensor) -> Tensor:
        steps, height, width = len(seen) - 1, *seen.shape[1:3]
        tiles = turned_pictures(seen).unflatten(1, (1 + steps, -1))
        products = torch.bmm(tiles[:, 1:].flatten(1, 2), self.now)
        products.baddbmm_(tiles[:, :-1].flatten(1, 2), self.before)
        y = self.norm2(pictures_of(products, height, width) + self.bias1)
        return pictures_of(torch.bmm(turned_pictures(y), self.weight2), height, width) + self.bias2


class FastDecoder(nn.Module):
    """A decoder's weights, and the ways of `TinyVAE` to decode with them; later changes of the weights are not seen.

    A stream must be decoded by one of the two from beginning to end: what they remember lies otherwise.
    """

    def __init__(self, decoder: Decoder, dtype: torch.dtype = torch.float32) -> None:
        """Take the weights.

        Args:
            decoder: on a CPU.
            dtype: of products and of all that lies between the layers. bfloat16 where the CPU multiplies in it; else
                it is many times slower.
        """
        super().__init__()
        self.dtype = dtype
        self.stem, self.out = _Convolution(decoder.stem, dtype), _Convolution(decoder.out, dtype)
        self.coarse, self.middle, self.fine = (
            nn.ModuleList(_TiledBlock(block) if dtype is torch.float32 else _Block(block, dtype) for block in blocks)
            for blocks in (decoder.coarse, decoder.middle, decoder.fine)
        )
        self.norm = _Activation(decoder.norm)
        self._take("split1", decoder.split1, (2, -1, 2, 2), (0, 2, 3, 1), dtype)  # two C up across -> two up across C
        self._take("split2", decoder.split2, (2, -1), (0, 1), dtype)

    def _take(self, name: str, layer: nn.Module, rows: Sequence[int], order: Sequence[int], dtype: torch.dtype) -> None:
        """Keep a convolution of 1 x 1 as weight and bias of a product, its rows in another order."""
        for kind, numbers in (("weight", layer.weight.detach().flatten(1)), ("bias", layer.bias.detach()[:, None])):
            ordered = numbers.unflatten(0, rows).permute(*order, len(rows)).flatten(0, -2)
            self.register_buffer(
                f"{name}_{kind}", (ordered if kind == "weight" else ordered[:, 0]).to(dtype).contiguous()
            )

    def decode(self, latents: Tensor, memory: Memory, manner: Any = None) -> Tensor:
        """Decode a stream's next latents (1, 16, T, h, w) to pixels (1, 3, F, H, W) in -1..1; see `TinyVAE.decode`.

        There is one manner.
        """
        first = not memory
        return self.finish_decode(self.begin_decode(latents, memory), memory, first)

    def begin_decode(self, latents: Tensor, memory: Memory) -> Tensor:
        """Do the first half; see `TinyVAE.begin_decode`."""
        assert len(latents) == 1, "one video at a time"
        x = self.stem(latents[0].permute(1, 2, 3, 0).to(self.dtype))
        for block in self.coarse:
            x = block(x, memory)
        steps, height, width = x.shape[:3]
        x = linear(x, self.split1_weight, self.split1_bias).view(steps, height, width, 2, 2, 2, -1)
        x = x.permute(0, 3, 1, 4, 2, 5, 6).reshape(2 * steps, 2 * height, 2 * width, -1)
        return self.middle[0](x, memory)

    def finish_decode(self, begun: Tensor, memory: Memory, first: bool) -> Tensor:
        """Do the second half; see `TinyVAE.finish_decode`."""
        x = begun
        for block in self.middle[1:]:
            x = block(x, memory)
        steps, height, width = x.shape[:3]
        x = linear(x, self.split2_weight, self.split2_bias).view(steps, height, width, 2, -1)
        x = x.permute(0, 3, 1, 2, 4).reshape(2 * steps, height, width, -1)
        for block in self.fine:
            x = block(x, memory)
        pixels = self.out(self.norm(x)).float().unflatten(3, (3, 4, 4)).permute(0, 1, 4, 2, 5, 3)
        video = pixels.reshape(2 * steps, 4 * height, 4 * width, 3)
        if first:
            video = video[FRAMES_PER_LATENT - 1 :]
        return video.clamp(-1, 1).permute(3, 0, 1, 2)[None]


def fast(decoder: Decoder, exact: bool = False) -> FastDecoder:
    """Return the fast form of a decoder on a CPU: in bfloat16 where that multiplies in it, unless it must be exact."""
    return FastDecoder(decoder, torch.bfloat16 if has_bfloat16("cpu") and not exact else torch.float32)
