"""Which pixels show a surface that another view of the same world showed.

A pixel is followed back: its point in the world is projected into the other view, and it was seen there if it lies
inside the picture and not behind what that view showed. Inverse depth is used throughout: it is linear across a
plane's picture, so it can be interpolated, and the sky is at 0.

Shapes: B walks, F frames, H x W picture.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

RELATIVE, ABSOLUTE = 0.03, 0.006
"""A point may lie so much deeper, in inverse metres, than the surface it is compared with."""


def seen_from_first(depth: Tensor, places: Tensor, yaws: Tensor, share: float) -> Tensor:
    """Tell for every pixel whether the walk's first frame showed its surface: (B, F, H, W) bool; see `traced`."""
    return traced(depth, places, yaws, share)[1]


def traced(depth: Tensor, places: Tensor, yaws: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """Follow every pixel back into the first frame.

    Args:
        depth: (B, F, H, W) metres along the optical axis, inf in the sky.
        places: (B, F, 2) metres.
        yaws: (B, F) radians.
        share: focal length as a share of the picture's width.

    Returns:
        Where the first frame shows it, (B, F, H, W, 2) across and down in -1..1, as `grid_sample` reads it; and whether
        it showed the surface, (B, F, H, W) bool, all true in frame 0.
    """
    height, width = depth.shape[-2:]
    focal = share * width
    across = ((torch.arange(width) + 0.5 - width / 2) / focal).to(depth)
    down = ((torch.arange(height) + 0.5 - height / 2) / focal).to(depth)[:, None]
    near = 1 / depth
    turn = (yaws - yaws[:, :1]).to(depth)[..., None, None]
    sin, cos = yaws[:, :1].sin(), yaws[:, :1].cos()
    x, z = (places - places[:, :1]).unbind(-1)
    right, ahead = ((x * cos - z * sin).to(depth), (x * sin + z * cos).to(depth))
    # the point over its depth, in the first frame's axes
    forward = turn.cos() - turn.sin() * across + near * ahead[..., None, None]
    sideways = turn.sin() + turn.cos() * across + near * right[..., None, None]
    before = forward.clamp_min(1e-3)
    grid = torch.stack([sideways / before * 2 * share, down / before * 2 * focal / height], -1)
    surface = grid_sample(
        near[:, :1], grid.flatten(1, 2), mode="bilinear", padding_mode="border", align_corners=False
    ).view_as(depth)
    inside = (grid.abs() <= 1 + 1e-6).all(-1) & (forward > 1e-3)
    return grid, inside & (near / before >= surface * (1 - RELATIVE) - ABSOLUTE)
