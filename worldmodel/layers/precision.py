"""Which precision a device multiplies in by itself."""

from __future__ import annotations

import torch


def has_bfloat16(device: torch.device | str) -> bool:
    """Tell whether a device multiplies in bfloat16; a CPU that imitates it is eleven to twenty times slower."""
    on_cpu = torch.device(device).type == "cpu"
    return not on_cpu or torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
