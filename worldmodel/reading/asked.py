"""What the user chose of a file, and how a reader that takes long hears that the user changed their mind."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


def nothing() -> None:
    """Let a reader go on."""


class Asked(NamedTuple):
    """How a file is to be read.

    Args:
        camera: name or number of one of several cameras; empty for the one with the most pictures, `ALL` for all.
        fps: poses a second of a camera, whatever its file says but for the times of its poses; 0: as the file says.
        check: called now and then by readers of long files; raises what is to end them.
    """

    camera: str = ""
    fps: float = 0.0
    check: Callable[[], None] = nothing


AS_IT_IS = Asked()
"""Nothing was chosen."""
ALL = "all"
"""Every camera's pictures as one walk."""
