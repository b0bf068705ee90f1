"""The precision in which networks are trained: bfloat16 where the machine multiplies in it."""

from __future__ import annotations

import torch


def has_bfloat16(device: torch.device | str) -> bool:
    """Tell whether a device multiplies in bfloat16; a CPU that imitates it takes eleven times as long for an update."""
    on_cpu = torch.device(device).type == "cpu"
    return not on_cpu or torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def mixed_precision(device: torch.device | str) -> torch.autocast:
    """Return the context of a training step: products in bfloat16, or in float32 where bfloat16 would be imitated."""
    return torch.autocast(torch.device(device).type, torch.bfloat16, enabled=has_bfloat16(device))
