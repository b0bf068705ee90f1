"""A small transparent canvas with text, and the colours of everything the pack draws.

Lengths count in units, which grow with the picture; all is painted four times as large and shrunk, so edges are smooth.
"""

from __future__ import annotations

import math

from PIL import Image, ImageDraw, ImageFont

_FINE = 4
_LEAST_TEXT = 6
"""Pixels."""

# What is drawn replaces what lies under it, alpha included: colours on glass are mixed with it here.
GLASS = (14, 16, 19, 158)
EDGE = (150, 155, 162, 150)
INK = (240, 242, 244, 240)
FAINT = (160, 165, 172, 205)
SIGHT = (108, 116, 128, 178)
KEY, KEY_EDGE, KEY_INK = (63, 191, 155, 245), (160, 236, 214, 255), (9, 34, 27, 255)
TURN = (240, 179, 58, 255)


class Canvas:
    """A picture, drawn in units: x to the right, y down."""

    def __init__(self, unit: float, width: float, height: float, background=(0, 0, 0, 0)) -> None:
        self.fine = unit * _FINE
        self.size = (max(1, round(width * unit)), max(1, round(height * unit)))
        self.image = Image.new("RGBA", (self.size[0] * _FINE, self.size[1] * _FINE), background)
        self.draw = ImageDraw.Draw(self.image)

    def painted(self) -> Image.Image:
        """Return what was drawn, RGBA, in its final size."""
        return self.image.resize(self.size, Image.Resampling.BOX)

    def box(self, left: float, top: float, width: float, height: float, radius: float, fill, edge=None) -> None:
        """A rounded box with a fine edge inside it."""
        corners = [value * self.fine for value in (left, top, left + width, top + height)]
        line = max(_FINE, round(0.07 * self.fine)) if edge else 0
        corners[2:] = max(corners[0], corners[2] - 1), max(corners[1], corners[3] - 1)
        self.draw.rounded_rectangle(corners, radius * self.fine, fill=fill, outline=edge, width=line)

    def line(self, points, width: float, fill) -> None:
        """A polyline with round joints and ends."""
        fine = [(x * self.fine, y * self.fine) for x, y in points]
        self.draw.line(fine, fill=fill, width=max(_FINE, round(width * self.fine)), joint="curve")
        for end in (points[0], points[-1]):
            self.dot(*end, max(1 / self.fine * _FINE, width) / 2, fill)

    def dot(self, x: float, y: float, radius: float, fill=None, edge=None, line: float = 0.0) -> None:
        """A disc or a ring."""
        corners = [value * self.fine for value in (x - radius, y - radius, x + radius, y + radius)]
        self.draw.ellipse(corners, fill=fill, outline=edge, width=round(line * self.fine))

    def shape(self, points, fill) -> None:
        """A filled polygon."""
        self.draw.polygon([(x * self.fine, y * self.fine) for x, y in points], fill=fill)

    def text(self, x: float, y: float, text: str, height: float, fill, anchor: str = "mm", bold: float = 0.0):
        """Text at a point, unless it would be too small to read."""
        if height * self.fine < _LEAST_TEXT * _FINE:
            return
        font = ImageFont.load_default(height * self.fine)
        stroke = round(bold * self.fine)
        self.draw.text((x * self.fine, y * self.fine), text, fill, font, anchor, stroke_width=stroke, stroke_fill=fill)


def arrow(tip, along, length: float, half: float) -> list[tuple[float, float]]:
    """A triangle with a notch in its base, pointing along a unit vector."""
    (x, y), (dx, dy) = tip, along
    base = (x - dx * length, y - dy * length)
    notch = (x - dx * length * 0.72, y - dy * length * 0.72)
    return [(x, y), (base[0] - dy * half, base[1] + dx * half), notch, (base[0] + dy * half, base[1] - dx * half)]


def wedge(apex, along, radius: float) -> list[tuple[float, float]]:
    """What the camera sees from above: a sector of 80 degrees."""
    middle = math.atan2(along[1], along[0])
    arc = [middle + math.radians(angle) for angle in range(-40, 41, 8)]
    return [tuple(apex), *((apex[0] + radius * math.cos(a), apex[1] + radius * math.sin(a)) for a in arc)]
