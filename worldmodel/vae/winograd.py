"""3 x 3 convolutions with a quarter of the multiplications: Winograd's F(4 x 4, 3 x 3).

A tile of 6 x 6 numbers and the 3 x 3 weights are turned into 36 numbers each, which are multiplied one by one and
summed along the channels: 36 matrix products. These are turned back into the 4 x 4 numbers of the result. It differs
from the plain sum in the last bits of float32; lower precisions would lose too much. Lavin and Gray, Fast Algorithms
for Convolutional Neural Networks (arXiv:1509.09308), sec. 4.

Shapes: N pictures of h x w places, C channels in, D channels out, T = N * ceil(h/4) * ceil(w/4) tiles.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

TILE, SEEN = 4, 6
"""Places that a tile makes and sees, each way."""
_IN = torch.tensor([
    [4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0], [0, -2, -1, 2, 1, 0], [0, 2, -1, -2, 1, 0],
    [0, 4, 0, -5, 0, 1],
]).float()  # fmt: skip
_OUT = torch.tensor([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]]).float()
_WEIGHT = torch.tensor([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]).double() / 24


def turned_weight(weight: Tensor) -> Tensor:
    """Turn a convolution's weight (D, C, 3, 3) into (36, C, D)."""
    across_down = torch.kron(_WEIGHT, _WEIGHT)
    turned = weight.double().transpose(2, 3).flatten(2) @ across_down.T
    return turned.float().permute(2, 1, 0).contiguous()


def turned_pictures(pictures: Tensor) -> Tensor:
    """Turn pictures (N, h, w, C), zeros around them, into (36, T, C), picture after picture."""
    count, height, width, channels = pictures.shape
    down, across = -(-height // TILE), -(-width // TILE)
    padded = pad(pictures, (0, 0, 1, 1 + TILE * across - width, 1, 1 + TILE * down - height))
    picture, row, place, _ = padded.stride()
    strips = padded.as_strided((SEEN, count, down, padded.shape[2], channels), (row, picture, TILE * row, place, 1))
    turned = (_IN @ strips.reshape(SEEN, -1)).view(SEEN, count * down, padded.shape[2], channels)
    kind, strip, place, _ = turned.stride()
    tiles = turned.as_strided((SEEN, SEEN, count * down, across, channels), (place, kind, strip, TILE * place, 1))
    return (_IN @ tiles.reshape(SEEN, -1)).view(SEEN**2, -1, channels)


def pictures_of(products: Tensor, height: int, width: int) -> Tensor:
    """Turn (36, T, D) back into pictures (N, h, w, D)."""
    down, across, channels = -(-height // TILE), -(-width // TILE), products.shape[2]
    turned = _OUT @ (_OUT @ products.view(SEEN, -1)).view(TILE, SEEN, -1)
    tiles = turned.view(TILE, TILE, -1, down, across, channels).permute(2, 3, 1, 4, 0, 5)
    return tiles.reshape(-1, TILE * down, TILE * across, channels)[:, :height, :width]
