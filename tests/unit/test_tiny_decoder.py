"""The tiny VAE's decoder at work: what the plain form decodes, in pieces, in float32 and in bfloat16."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from worldmodel.vae.convolving import convolve
from worldmodel.vae.tiny import Memory, TinyVAE
from worldmodel.vae.tiny_decoder import FastDecoder
from worldmodel.vae.winograd import pictures_of, turned_pictures, turned_weight

PIECES = [[7], [3, 3, 1], [1, 2, 4]]


@pytest.fixture(scope="module")
def vae() -> TinyVAE:
    """A VAE whose every branch acts, gains and shifts of its norms too."""
    torch.manual_seed(3)
    vae = TinyVAE((8, 8, 8), (16, 24, 40)).eval().requires_grad_(False)
    for name, weight in vae.named_parameters():
        if "norm" in name:
            weight.add_(torch.randn_like(weight) * 0.3)
    return vae


def codes() -> Tensor:
    return torch.randn(1, 16, 7, 2, 3, generator=torch.Generator().manual_seed(2))


def decode_in(decoder: TinyVAE | FastDecoder, cut: list[int]) -> Tensor:
    """Decode a stream in pieces of so many latents each."""
    memory: Memory = {}
    return torch.cat([decoder.decode(piece, memory) for piece in codes().split(cut, 2)], 2)


def decibels(found: Tensor, exact: Tensor) -> float:
    return -10 * math.log10(((found - exact) / 2).square().mean())


@pytest.mark.parametrize("cut", PIECES, ids=str)
def test_it_decodes_what_the_plain_form_does_in_any_pieces(vae: TinyVAE, cut: list[int]) -> None:
    found, plain = decode_in(FastDecoder(vae.decoder), cut), decode_in(vae, [7])
    assert found.shape == plain.shape == (1, 3, 25, 16, 24) and plain.std() > 0.1
    torch.testing.assert_close(found, plain, atol=1e-5, rtol=0)


@pytest.mark.parametrize("cut", PIECES, ids=str)
def test_in_bfloat16_it_is_near_in_any_pieces(vae: TinyVAE, cut: list[int]) -> None:
    found = decode_in(FastDecoder(vae.decoder, torch.bfloat16), cut)
    assert found.dtype == torch.float32
    assert decibels(found, decode_in(vae, [7])) > 40  # random weights; those that are shipped keep 62


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_stream_forks_at_a_copy_of_its_memory_bit_for_bit(vae: TinyVAE, dtype: torch.dtype) -> None:
    decoder, latents, memory = FastDecoder(vae.decoder, dtype), codes(), {}
    head = decoder.decode(latents[:, :, :3], memory)
    copy = dict(memory)
    decoder.decode(-latents[:, :, 3:6], memory)  # another future must not reach the copy
    tail = [decoder.decode(piece, copy) for piece in latents[:, :, 3:].split(3, 2)]
    assert torch.equal(torch.cat([head, *tail], 2), decode_in(decoder, [3, 3, 1]))


@pytest.mark.parametrize(("height", "width"), [(8, 12), (5, 7), (1, 2)])
def test_a_convolution_tile_by_tile_is_the_convolution(height: int, width: int) -> None:
    torch.manual_seed(1)
    pictures, weight = torch.randn(3, height, width, 5), torch.randn(7, 5, 3, 3) / 7
    found = pictures_of(torch.bmm(turned_pictures(pictures), turned_weight(weight)), height, width)
    exact = torch.nn.functional.conv2d(pictures.permute(0, 3, 1, 2).double(), weight.double(), padding=1)
    torch.testing.assert_close(found, exact.permute(0, 2, 3, 1).float(), atol=2e-5, rtol=0)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_convolutions_run_in_precisions_that_a_cpu_imitates(dtype: torch.dtype) -> None:
    torch.manual_seed(1)
    x, weight = torch.randn(1, 8, 3, 6, 6), torch.randn(8, 8, 3, 3, 3) / 15
    found = convolve(x.to(dtype), weight.to(dtype), None, [1, 1, 1], [0, 1, 1])
    exact = convolve(x, weight, None, [1, 1, 1], [0, 1, 1])
    assert found.dtype == dtype and (found - exact).abs().max() < 0.05 * exact.abs().max()
