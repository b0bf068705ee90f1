"""The precision in which networks are trained: bfloat16 where the machine multiplies in it."""

from __future__ import annotations

import torch

from ..layers.precision import has_bfloat16


def mixed_precision(device: torch.device | str) -> torch.autocast:
    """Return the context of a training step: products in bfloat16, or in float32 where bfloat16 would be imitated."""
    return torch.autocast(torch.device(device).type, torch.bfloat16, enabled=has_bfloat16(device))
