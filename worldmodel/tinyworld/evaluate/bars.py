"""What the figures of an evaluation must reach: the mean decides."""

from __future__ import annotations

from typing import NamedTuple

from ...variants import Variant
from .suites import OPPOSITES


class Bar(NamedTuple):
    """What a figure must reach: not below `least`, not above `most`."""

    least: float = float("-inf")
    most: float = float("inf")

    def met(self, value: float) -> bool:
        """Tell whether a figure reaches the bar; what is not a number does not."""
        return self.least <= value <= self.most


_CONTROLS = {"yaw response of the VAE": Bar(0.99, 1.01)}
_DRAWN = ("way", "turn")

FULL = {
    "vae": Bar(28.0),
    "vae bicubic": Bar(most=22.5),
    **{f"obeys {action}": Bar(0.97) for action in OPPOSITES},
    "yaw response": Bar(0.95, 1.05),
    **_CONTROLS,
    "world over frozen": Bar(4.0),
    "world over astray": Bar(4.0),
    "right material": Bar(0.85),
    **{f"sure {when}": Bar(0.9) for when in ("400-500", "900-1000")},
    **{f"own theme {when}": Bar(0.98) for when in ("400-500", "900-1000")},
    "frechet 1-50": Bar(most=4.0),
    "frechet 400-449": Bar(most=6.0),
    "frechet 951-1000": Bar(most=6.0),
    "frechet last over middle": Bar(most=1.3),
    **{f"drawn {motion}": Bar(0.9, 1.1) for motion in _DRAWN},
    **{f"drawn {motion} of the VAE": Bar(0.97, 1.03) for motion in _DRAWN},
    "few steps": Bar(-0.5),
    "few steps sharpness": Bar(0.95),
    "event visible": Bar(0.9),
    "right material under event over without": Bar(-0.05),
    "frames per second": Bar(16.0),
    "first frame": Bar(most=2.0),
}
"""Of the full form."""

SHORT = {
    **{f"obeys {action}": Bar(0.6) for action in OPPOSITES},
    "world": Bar(19.0),
    "world over frozen": Bar(1.0),
    "world over astray": Bar(1.5),
    "right theme": Bar(0.6),
    "right material": Bar(0.6),
}
"""Of the short form that guards the shipped weights: far enough below their own figures that few starts do not fail
them by chance. They rise with the weights."""

SHORT_WITH_MEMORY = {**SHORT, "glanced back": Bar(14.5), "glanced back over nothing": Bar(0.3)}
"""The same of the weights that look at their past again."""

SHORT_WITH_EVENTS = {
    **SHORT,
    "world": Bar(17.5),
    "world over frozen": Bar(-1.0),
    "world over astray": Bar(0.8),
    "event visible": Bar(0.8),
    "place under event": Bar(0.4),
}
"""The same of the weights that are told of weather and light."""


def short_of(variant: Variant) -> dict[str, Bar]:
    """Return the bars of the short form of a variant."""
    return SHORT_WITH_MEMORY if variant.memories else SHORT_WITH_EVENTS if variant.text else SHORT
