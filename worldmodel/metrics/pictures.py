"""Numbers that describe pictures and how they differ.

Shapes: pictures are (..., 3, H, W) in 0..1; results keep the leading axes.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import conv2d

_LUMA = (0.299, 0.587, 0.114)


def psnr(error: Tensor) -> Tensor:
    """Return the PSNR in dB of mean squared errors of pictures in 0..1."""
    return -10 * error.clamp_min(1e-10).log10()


def squared_error(one: Tensor, other: Tensor) -> Tensor:
    """Return the mean squared error of each picture."""
    return (one - other).square().mean((-3, -2, -1))


def brightness(pictures: Tensor) -> Tensor:
    """Return the mean luma."""
    return luma(pictures).mean((-2, -1))


def saturation(pictures: Tensor) -> Tensor:
    """Return the mean of (largest - smallest channel) over the largest channel."""
    high, low = pictures.amax(-3), pictures.amin(-3)
    return ((high - low) / high.clamp_min(1e-3)).mean((-2, -1))


def sharpness(pictures: Tensor) -> Tensor:
    """Return the mean absolute 3 x 3 Laplacian of luma."""
    kernel = torch.tensor([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]], device=pictures.device)
    plane = luma(pictures)
    edges = conv2d(plane.reshape(-1, 1, *plane.shape[-2:]), kernel[None, None])
    return edges.abs().mean((-3, -2, -1)).reshape(plane.shape[:-2])


def luma(pictures: Tensor) -> Tensor:
    """Return the luma plane (..., H, W)."""
    return (pictures * torch.tensor(_LUMA, device=pictures.device).view(3, 1, 1)).sum(-3)


def ssim(one: Tensor, other: Tensor) -> Tensor:
    """Return the structural similarity of the lumas of pictures (..., 3, H, W) in 0..1, (...), at most 1.

    Means and variances are weighted by a Gaussian of 11 pixels, 1.5 of them its deviation (Wang et al. 2004).
    """
    reach = torch.arange(11, device=one.device) - 5.0
    bell = torch.exp(-(reach**2) / (2 * 1.5**2))
    kernel = (bell / bell.sum())[None, None, None]

    def blur(picture: Tensor) -> Tensor:
        return conv2d(conv2d(picture, kernel), kernel.transpose(-1, -2))

    x, y = (luma(pictures).reshape(-1, 1, *one.shape[-2:]) for pictures in (one, other))
    mean_x, mean_y = blur(x), blur(y)
    var_x, var_y = blur(x * x) - mean_x**2, blur(y * y) - mean_y**2
    both = blur(x * y) - mean_x * mean_y
    low, high = 0.01**2, 0.03**2
    alike = (2 * mean_x * mean_y + low) * (2 * both + high) / ((mean_x**2 + mean_y**2 + low) * (var_x + var_y + high))
    return alike.mean((1, 2, 3)).view(one.shape[:-3])


def bicubic_copy(pictures: Tensor, factor: int = 8) -> Tensor:
    """Return pictures (N, 3, H, W) shrunk by `factor` and enlarged again, bicubic: what any plain copy would keep."""
    from torch.nn.functional import interpolate

    small = interpolate(pictures, scale_factor=1 / factor, mode="bicubic", antialias=True)
    return interpolate(small, size=pictures.shape[-2:], mode="bicubic").clamp(0, 1)
