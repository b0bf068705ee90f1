"""How a world's picture drifts: brightness, colour and sharpness of its chunks against its first one.

A model that goes on from its own frames slowly leaves what it was trained on. That shows in these numbers before it
hurts the eye. Pictures are (frames, H, W, 3) in 0..1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from ..metrics.pictures import brightness, saturation, sharpness
from .canvas import EDGE, FAINT, INK, KEY, SIGHT, TURN, Canvas

NAMES = ("brightness", "saturation", "sharpness")
_SHORT = ("light", "colour", "sharp")
_COLOURS = (INK, TURN, KEY)
HEIGHT = 10.2
"""Units that the plot takes."""
_OCTAVES = 1.0
"""Half and double of the first chunk are the plot's edges."""
_LEAST = 1e-4
"""Below which there is nothing to divide by: a black picture has no colour."""


class Drift(NamedTuple):
    """What became of the picture."""

    chunks: Sequence[int]
    """Which chunks were measured, rising."""
    shares: Tensor
    """(3, chunks) of `NAMES`, each as a share of the first measured chunk's."""


def drift_of(chunks: Sequence[int], pictures: Tensor) -> Drift:
    """Measure one picture of each of some chunks.

    Args:
        chunks: rising, at least one.
        pictures: (chunks, H, W, 3).
    """
    planes = pictures.movedim(-1, -3).float().cpu()
    rows = [measure(planes).clamp_min(_LEAST) for measure in (brightness, saturation, sharpness)]
    return Drift(chunks, Tensor([(row / row[0]).tolist() for row in rows]))


def drift_words(drift: Drift) -> str:
    """Say what became of the picture from the first chunk to the last one."""
    said = [f"{name} {share:.0%}" for name, share in zip(NAMES, drift.shares[:, -1].tolist(), strict=True)]
    return f"Picture at the end of chunk {drift.chunks[-1]}, against chunk {drift.chunks[0]}: {', '.join(said)}."


def draw_drift(canvas: Canvas, drift: Drift, ends: Sequence[float], left: float, rows: tuple[float, float]) -> None:
    """Draw the plot into the upper `HEIGHT` of a canvas.

    Args:
        canvas: of the drawing.
        drift: of some chunks.
        ends: where on the time axis each of them ends, units.
        left: of the labels.
        rows: left and width of the time axis.
    """
    first, width = rows
    middle, half = 1.0 + (HEIGHT - 2.4) / 2, (HEIGHT - 2.4) / 2
    canvas.text(left, middle, "drift", 1.05, INK, anchor="lm")
    for share in (0.5, 1.0, 2.0):
        y = middle - half * math.log2(share) / _OCTAVES
        canvas.line([(first, y), (first + width, y)], 0.06, EDGE if share == 1 else SIGHT)
        canvas.text(first - 0.5, y, f"{share:.0%}", 0.9, FAINT, anchor="rm")
    for row, colour in zip(drift.shares.log2().clamp(-_OCTAVES, _OCTAVES).tolist(), _COLOURS, strict=True):
        points = [(x, middle - half * value / _OCTAVES) for x, value in zip(ends, row, strict=True)]
        canvas.line(points, 0.2, colour)
    for row, (name, colour) in enumerate(zip(_SHORT, _COLOURS, strict=True)):
        y = middle + 1.6 * (row - 1)
        canvas.text(first + width + 1, y, f"{name} {drift.shares[row, -1]:.0%}", 0.9, colour, anchor="lm")
