"""Pictures as bytes, as files hold them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def to_bytes(frames: Tensor) -> np.ndarray:
    """Turn frames in 0..1 into contiguous uint8 on the CPU; what is not a number becomes black.

    Args:
        frames: (..., height, width, 3) floats.
    """
    levels = frames.detach().float().nan_to_num(0.0).clamp(0, 1).mul(255).round()
    return levels.to("cpu", torch.uint8).contiguous().numpy()
