"""What only a host has: the towers that look at pictures and read texts, for the command's `--host`."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

from torch import Tensor

PACK = Path(__file__).resolve().parents[2]


class Towers:
    """The towers of a host, run through the pack's own nodes."""

    def __init__(self, comfyui: Path):
        """Open a ComfyUI checkout in this process.

        Raises:
            ValueError: there is no ComfyUI.
        """
        self._of_pack = _headless().open_pack(comfyui)

    def clip_tokens(self, weights: Mapping[str, Tensor], heads: int, picture: Tensor) -> Tensor:
        """Return the tokens (tokens, width) of a picture (h, w, 3) in 0..1, by the tower of these weights."""
        clip = self._of_pack("nodes.host.clip")
        return clip.image_tokens(clip.build_tower(weights, heads), picture)

    def clip_shapes(self, weights: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
        """Return every tensor of the host's tower for a file; meta tensors do."""
        return self._of_pack("nodes.host.clip").tower_tensors(weights)

    def text_states(self, weights: Mapping[str, Tensor], ids: Tensor, mask: Tensor) -> Tensor:
        """Return (B, N, C) of words (B, N), by the text encoder of these weights."""
        return self._of_pack("nodes.host.text").encoder_states(weights, ids, mask)

    def text_shapes(self, weights: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
        """Return every tensor of the host's text encoder for a file; meta tensors do."""
        return self._of_pack("nodes.host.text").encoder_tensors(weights)


def _headless() -> ModuleType:
    """The one file that knows how to start a host; read by its path, because importing its package needs the host."""
    spec = importlib.util.spec_from_file_location("worldmodel_headless", PACK / "nodes" / "host" / "headless.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
