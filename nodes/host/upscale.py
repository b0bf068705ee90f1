"""The host's upscale models, a picture at a time."""

from __future__ import annotations

from typing import Any

import comfy.model_management
import comfy.utils
from torch import Tensor

TILE, LEAST_TILE, OVERLAP = 512, 128, 32
"""Pixels, as the host's own node has them."""
_ROOM = 512 * 512 * 3 * 4 * 384
"""Bytes for each time that a model enlarges, as the host's own node estimates them."""


class Upscaler:
    """Enlarges pictures with a model that the host has loaded."""

    def __init__(self, model: Any) -> None:
        """Take the host's UPSCALE_MODEL."""
        self._model, self._tile = model, TILE
        self.scale = float(model.scale)

    def __call__(self, picture: Tensor) -> Tensor:
        """Enlarge one picture (H, W, 3) in 0..1; smaller tiles are tried where the card is full.

        Raises:
            torch.OutOfMemoryError: the smallest do not fit either.
        """
        patcher = self._model.patcher
        room = int(_ROOM * max(self.scale, 1.0))
        comfy.model_management.load_models_gpu([patcher], memory_required=room, force_full_load=True)
        given = picture.movedim(-1, 0)[None].to(patcher.load_device)
        while True:
            try:
                made = comfy.utils.tiled_scale(
                    given, lambda tile: self._model(tile.float()), tile_x=self._tile, tile_y=self._tile,
                    overlap=OVERLAP, upscale_amount=self._model.scale,
                    output_device=comfy.model_management.intermediate_device(),
                )  # fmt: skip
            except Exception as error:
                comfy.model_management.raise_non_oom(error)
                if self._tile // 2 < LEAST_TILE:
                    raise
                self._tile //= 2
            else:
                return made[0].movedim(0, -1).clamp(0, 1).float()
