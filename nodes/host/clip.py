"""The host's CLIP vision tower, fed with pixels that were prepared as a world model's authors do."""

from __future__ import annotations

import comfy.model_management
import torch
from comfy.clip_vision import ClipVisionModel
from torch import Tensor

from ...worldmodel.pictures import clip_pixels

LAST_BUT_ONE = -2


def image_tokens(tower: ClipVisionModel, picture: Tensor) -> Tensor:
    """Return the tokens of a picture after the tower's last layer but one, without the final norm.

    Args:
        tower: the host's CLIP_VISION.
        picture: (h, w, 3) in 0..1.

    Returns:
        (tokens, width) float32 on the CPU (specs/matrix_game2.md 8).
    """
    pixels = clip_pixels(picture, tower.image_size, tower.image_mean, tower.image_std)
    comfy.model_management.load_model_gpu(tower.patcher)
    hidden = tower.model(pixel_values=pixels.to(tower.load_device), intermediate_output=LAST_BUT_ONE)[1]
    return hidden[0].to("cpu", torch.float32)
