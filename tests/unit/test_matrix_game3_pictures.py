"""Matrix-Game 3's start pictures: what each pipeline keeps of a picture, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from worldmodel.models.matrix_game3.start_picture import cropped_picture, stretched_picture

Prepare = Callable[[Tensor, tuple[int, int]], Tensor]
BOTH = [cropped_picture, stretched_picture]


def stripes(height: int, width: int) -> Tensor:
    """A picture (1, height, width, 3) that is dark on the left and bright on the right, with an edge in between."""
    row = torch.cat([torch.full((width // 2,), 0.2), torch.full((width - width // 2,), 0.9)])
    return row[None, None, :, None].expand(1, height, width, 3)


@pytest.mark.parametrize("prepare", BOTH)
@pytest.mark.parametrize("size", [(64, 96), (32, 128), (96, 32)])
def test_a_picture_gets_the_size_of_the_model(prepare: Prepare, size: tuple[int, int]) -> None:
    found = prepare(torch.rand(1, 70, 90, 4), size)
    assert found.shape == (1, 3, *size) and found.dtype == torch.float32


def test_cropping_keeps_proportions_and_stretching_keeps_everything() -> None:
    picture = torch.zeros(1, 64, 256, 3)
    picture[:, :, 64:192] = 1  # exactly what a square of the height and twice the width keeps
    assert cropped_picture(picture, (64, 128)).min() == 1
    assert stretched_picture(picture, (64, 128)).min() < -0.99


@pytest.mark.parametrize("prepare", BOTH)
def test_an_edge_overshoots_and_stays_so(prepare: Prepare) -> None:
    found = prepare(stripes(64, 96), (96, 160))
    assert found.max() > 0.81 and found.min() < -0.61  # 0.9 and 0.2 lie at 0.8 and -0.6


def test_sides_of_a_cropped_picture_are_multiples_of_32() -> None:
    assert cropped_picture(torch.rand(1, 50, 50, 3), (70, 90)).shape == (1, 3, 64, 96)


@pytest.mark.parametrize("prepare", BOTH)
@pytest.mark.parametrize(
    ("image", "sentence"),
    [
        (torch.rand(2, 64, 64, 3), "image: found a batch of 2 pictures, expected one picture"),
        (torch.rand(64, 64, 3), r"image: found shape \(64, 64, 3\), expected one picture"),
        (torch.rand(1, 64, 64, 1), "image: found 1 channels, expected 3"),
        (torch.rand(1, 8, 64, 3), "image: found 64 x 8 pixels, expected at least 16 on each side"),
        (torch.full((1, 64, 64, 3), torch.nan), "image: found NaN or infinity, expected numbers from 0 to 1"),
    ],
)
def test_what_is_no_picture_is_refused(prepare: Prepare, image: Tensor, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        prepare(image, (64, 96))
