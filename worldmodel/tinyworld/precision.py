"""The precision in which networks are trained: bfloat16 where the machine multiplies in it."""

from __future__ import annotations

import torch


def mixed_precision(device: torch.device | str) -> torch.autocast:
    """Return the context of a training step: products in bfloat16, or in fp32 where bfloat16 would be imitated.

    A CPU without such products imitates them, and an update of the VAE takes eleven times as long.
    """
    kind = torch.device(device).type
    known = kind != "cpu" or torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.autocast(kind, torch.bfloat16, enabled=known)
