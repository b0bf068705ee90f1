"""What a running node shows: its progress bar, the picture under it, and a text."""

from __future__ import annotations

import logging

import comfy.model_management
import comfy.utils
from comfy_execution.utils import get_executing_context
from PIL import Image
from torch import Tensor

from ...worldmodel.storage.pixels import to_bytes

log = logging.getLogger(__name__)
PREVIEW = 512
"""Longer side of a preview; small worlds are enlarged to it, else one would see a stamp."""


Stopped = comfy.model_management.InterruptProcessingException
"""What the user's Stop raises."""


class Progress:
    """Counts what is done; every call also lets the user's Stop through."""

    def __init__(self, total: int):
        self._bar = comfy.utils.ProgressBar(total)
        self._done = 0

    def expect(self, units: int) -> None:
        """Count on more work than was known at the beginning."""
        self._bar.total += units

    def advance(self, units: int = 1) -> None:
        """Count units of work."""
        self._done += units
        self._bar.update_absolute(self._done)
        let_stop_through()

    def show(self, frame: Tensor) -> None:
        """Show a frame (H, W, 3) in 0..1 on the node."""
        picture = Image.fromarray(to_bytes(frame))
        scale = PREVIEW / max(picture.size)
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        self._bar.update_absolute(self._done, preview=("JPEG", picture.resize(size, Image.Resampling.BICUBIC), PREVIEW))
        let_stop_through()


def let_stop_through() -> None:
    """Raise the host's interruption if the user asked to stop; for the thread that runs the node."""
    comfy.model_management.throw_exception_if_processing_interrupted()


def tell(text: str) -> None:
    """Log a text, and show it on the node that is running."""
    context = get_executing_context()
    log.info("World Model: %s", text.replace("\n", " "))
    if context is None:
        return
    from server import PromptServer

    PromptServer.instance.send_progress_text(text, context.node_id, PromptServer.instance.client_id)
