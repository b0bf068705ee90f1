"""Start pictures as LingBot-World prepares them: the whole picture, bicubic and not smoothed.

As released, the world takes the picture's own shape; where it has another one, the middle is cut out first.

Shapes: H x W the picture given, h x w the world's.
Source: LingBot-World (github.com/Robbyant/lingbot-world), wan/image2video_fast.py.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import interpolate

from ..matrix_game2.start_picture import SMALLEST


def bicubic_picture(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the picture that a world starts with.

    Args:
        image: (1, H, W, 3 or 4) in 0..1; a fourth channel is left out.
        size: (h, w).

    Returns:
        (h, w, 3) float32 on the CPU; bicubic sums may reach a little beyond 0..1.

    Raises:
        ValueError: more than one picture, too small, no colours, or not numbers.
    """
    if image.dim() != 4 or image.shape[0] != 1 or image.shape[-1] not in (3, 4):
        raise ValueError(
            f"image: found shape {tuple(image.shape)}, expected one picture (1, height, width, 3); choose one with Get "
            "Image from Batch."
        )
    high, wide = image.shape[1:3]
    if min(high, wide) < SMALLEST:
        raise ValueError(
            f"image: found {wide} x {high} pixels, expected at least {SMALLEST} on each side; use a larger picture."
        )
    picture = image[..., :3].to("cpu").float().movedim(-1, 1)
    if not bool(picture.isfinite().all()):
        raise ValueError("image: found NaN or infinity, expected numbers from 0 to 1; check the node before.")
    picture = _middle(picture, size)
    return interpolate(picture, size, mode="bicubic", align_corners=False)[0].movedim(0, -1)


def _middle(picture: Tensor, size: tuple[int, int]) -> Tensor:
    """Cut the middle of a picture (1, 3, H, W) to a shape, unless it has it but for what a latent's cells round."""
    (high, wide), (height, width) = picture.shape[2:], size
    asked = high * width / height
    if abs(asked - wide) <= 0.05 * wide:  # 480 x 832 becomes 464 x 832 as released: stretched, not cut
        return picture
    across, down = min(wide, round(asked)), min(high, round(wide * height / width))
    top, left = (high - down) // 2, (wide - across) // 2
    return picture[..., top : top + down, left : left + across]
