"""What the figures of an evaluation must reach: the mean decides."""

from __future__ import annotations

from typing import NamedTuple

from .drift import MEASURES
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
    "world": Bar(20.0),
    "world over frozen": Bar(3.0),
    "world over astray": Bar(3.0),
    **{f"{measure} {when}": Bar(0.8, 1.2) for measure in MEASURES for when in ("early", "late")},
    **{f"drawn {motion}": Bar(0.9, 1.1) for motion in _DRAWN},
    **{f"drawn {motion} of the VAE": Bar(0.97, 1.03) for motion in _DRAWN},
    "few steps": Bar(-0.5),
    "few steps sharpness": Bar(0.95),
    "frames per second": Bar(16.0),
    "first frame": Bar(most=2.0),
}
"""Of the full form."""

SHORT = {
    "vae": Bar(26.5),
    "vae bicubic": Bar(most=23.5),
    **{f"obeys {action}": Bar(0.8) for action in OPPOSITES},
    "yaw response": Bar(0.85, 1.15),
    **_CONTROLS,
    "world": Bar(17.5),
    "world over frozen": Bar(1.0),
    "world over astray": Bar(1.5),
    "saturation early": Bar(0.6, 1.3),
    "brightness early": Bar(0.8, 1.2),
    "sharpness early": Bar(0.45, 1.3),
    "change early": Bar(0.45, 1.3),
    "saturation late": Bar(0.5, 1.5),
    "brightness late": Bar(0.8, 1.2),
    "sharpness late": Bar(0.4, 1.3),
    "change late": Bar(0.4, 1.5),
}
"""Of the short form that guards the shipped weights: far enough below their own figures that few starts do not fail
them by chance. They rise with the weights."""
