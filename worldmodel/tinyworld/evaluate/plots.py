"""Pictures of an evaluation: a contact sheet beside the truth, ageing over time, paths from above.

Everything is painted at FINE times its size and shrunk, which makes edges smooth. Lengths are pixels of the result.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from ...storage.pixels import to_bytes
from ..scene import engine
from . import drift
from .drift import MEASURES, Ageing
from .suites import Tracks
from .whereabouts import Found, metres_off

FINE = 3
PAPER, PANEL, LINE = (17, 18, 20), (26, 28, 31), (58, 62, 68)
INK, FAINT = (226, 229, 233), (148, 153, 160)
COLOURS = ((240, 179, 58), (126, 172, 255), (63, 191, 155), (232, 112, 122))
ROWS = ("true", "true through the VAE", "generated")


class Canvas:
    """A sheet to paint on in pixels of the result, with text whose size is in pixels too."""

    def __init__(self, width: int, height: int) -> None:
        self.size = (width, height)
        self.image = Image.new("RGB", (width * FINE, height * FINE), PAPER)
        self._draw = ImageDraw.Draw(self.image)

    def box(self, left: float, top: float, right: float, bottom: float, fill: tuple) -> None:
        """Fill a rectangle."""
        self._draw.rectangle([left * FINE, top * FINE, right * FINE - 1, bottom * FINE - 1], fill=fill)

    def line(self, points: list[tuple[float, float]], fill: tuple, width: float = 1.0) -> None:
        """Draw a line through points."""
        wide = [(x * FINE, y * FINE) for x, y in points]
        self._draw.line(wide, fill=fill, width=max(1, round(width * FINE)), joint="curve")

    def dot(self, x: float, y: float, radius: float, fill: tuple) -> None:
        """Draw a filled circle."""
        self._draw.ellipse([(v + side * radius) * FINE for side in (-1, 1) for v in (x, y)], fill=fill)

    def text(self, x: float, y: float, words: str, fill: tuple = INK, size: int = 13, anchor: str = "lm") -> float:
        """Write one line and return its width."""
        font = ImageFont.load_default(size * FINE)
        self._draw.text((x * FINE, y * FINE), words, fill=fill, font=font, anchor=anchor)
        return self._draw.textlength(words, font) / FINE

    def paste(self, picture: Tensor, x: int, y: int, scale: int) -> None:
        """Paste a picture (3, H, W) in 0..1, enlarged pixel by pixel."""
        side = Image.fromarray(to_bytes(picture.movedim(0, -1)))
        wide = (side.width * scale * FINE, side.height * scale * FINE)
        self.image.paste(side.resize(wide, Image.Resampling.NEAREST), (x * FINE, y * FINE))

    def done(self) -> Image.Image:
        """Return the picture."""
        return self.image.resize(self.size, Image.Resampling.BOX)


def contact_sheet(pictures: dict[int, Tensor], walks: int = 3, scale: int = 2) -> Image.Image:
    """Lay pictures out: for each of some walks the truth, the truth through the VAE and the generated below each other.

    Args:
        pictures: see `drift.Ageing`.
        walks: how many.
        scale: whole factor of enlargement.
    """
    walks = min(walks, pictures[0].shape[1])
    height, width = (side * scale for side in pictures[0].shape[-2:])
    left, top, gap, block = 148, 34, 3, 14
    tall = 3 * (height + gap) + block
    canvas = Canvas(left + len(pictures) * (width + gap) + 12, top + walks * tall)
    for column, frame in enumerate(sorted(pictures)):
        x = left + column * (width + gap)
        canvas.text(x + width / 2, top / 2, f"frame {frame}" if frame else "start", FAINT, anchor="mm")
        for walk in range(walks):
            for row, films in enumerate(pictures[frame]):
                y = top + walk * tall + row * (height + gap)
                canvas.paste(films[walk], x, y, scale)
                if column == 0:
                    canvas.text(left - 12, y + height / 2, ROWS[row], INK if row == 2 else FAINT, anchor="rm")
    return canvas.done()


class Axes(NamedTuple):
    """A rectangle of the sheet (left, top, right, bottom) and the numbers (left, right, low, high) it spans."""

    frame: tuple[float, float, float, float]
    span: tuple[float, float, float, float]

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Return where a point lies on the sheet."""
        left, top, right, bottom = self.frame
        first, last, low, high = self.span
        return left + (x - first) / (last - first) * (right - left), bottom - (y - low) / (high - low) * (bottom - top)


def ageing_plot(ageing: Ageing, width: int = 12) -> Image.Image:
    """Draw the four ratios to the truth through the VAE over time, with the band of 20 % and the spans that count."""
    curves = {measure: drift.curve(ageing, measure, width) for measure in MEASURES}
    frames = ageing.made.shape[-1] - 1
    high = max(1.4, *(min(2.0, curve.max().item() + 0.1) for curve in curves.values()))
    axes = Axes((64, 52, 856, 372), (0, frames, 0, high))
    canvas = Canvas(1000, 424)
    canvas.text(64, 24, f"ratio to the truth through the VAE, {ageing.made.shape[1]} walks", INK, 15)
    canvas.box(*axes.frame, PANEL)
    canvas.box(axes.at(0, 1.2)[0], axes.at(0, 1.2)[1], *axes.at(frames, 0.8), (38, 48, 46))
    for span in drift.spans(frames):
        canvas.line([axes.at(span.start, 0.02), axes.at(span.stop - 1, 0.02)], FAINT, 3)
    for level in (0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8):
        if level <= high:
            canvas.line([axes.at(0, level), axes.at(frames, level)], LINE, 1.6 if level == 1 else 0.7)
            canvas.text(56, axes.at(0, level)[1], f"{level:.1f}", FAINT, anchor="rm")
    for frame in range(0, frames + 1, 50 if frames <= 300 else 100):
        canvas.text(axes.at(frame, 0)[0], 388, str(frame), FAINT, anchor="mm")
    canvas.text(460, 410, "frame (16 a second); the bars count the frames underlined", FAINT, 12, "mm")
    ends = _apart([axes.at(0, curve[-1].item())[1] for curve in curves.values()], 17)
    for (measure, curve), colour, end in zip(curves.items(), COLOURS, ends, strict=True):
        points = [axes.at((i + 0.5) * width, min(value, high)) for i, value in enumerate(curve.tolist())]
        canvas.line(points, colour, 2.4)
        canvas.text(864, end, f"{measure} {curve[-1]:.2f}", colour)
    return canvas.done()


def _apart(heights: list[float], least: float) -> list[float]:
    """Move label heights so that neighbours keep a distance, in their order."""
    order = sorted(range(len(heights)), key=heights.__getitem__)
    moved = list(heights)
    for before, after in pairwise(order):
        moved[after] = max(moved[after], moved[before] + least)
    return moved


def path_plot(
    tracks: Tracks, found: Found, control: Found, frames: list[int], columns: int = 4, side: int = 236
) -> Image.Image:
    """Draw walks from above: the path asked for, and where the generated frames show the camera to be.

    Args:
        tracks: of the walks.
        found: poses of the generated frames.
        control: poses of the true frames through the VAE, which tell how exact the search is.
        frames: their numbers.
        columns: plans per row.
        side: of one plan.
    """
    count, gap, top = len(tracks.seeds), 10, 44
    rows = -(-count // columns)
    canvas = Canvas(gap + columns * (side + gap), top + rows * (side + gap))
    x = gap
    for words, colour in (
        ("asked", COLOURS[2]),
        (f"walked: the camera that generated frames show, {metres_off(found):.2f} m off", COLOURS[0]),
        (f"found to {metres_off(control):.2f} m on true frames", FAINT),
        (f"every {frames[0]} frames to frame {frames[-1]}; blocks are 1.5 m wide", FAINT),
    ):
        x += canvas.text(x, top / 2, words, colour, 14) + 22
    worlds, walks = tracks.walk(frames=frames[-1] + 1)
    for walk in range(count):
        x, y = gap + walk % columns * (side + gap), top + walk // columns * (side + gap)
        _plan(canvas, (x, y, x + side, y + side), worlds, walk, walks.places[walk], found)
    return canvas.done()


def _plan(
    canvas: Canvas, frame: tuple[float, ...], worlds: engine.Places, walk: int, path: Tensor, found: Found
) -> None:
    """Draw one plan, centred on its path, 6 metres across or as much as the path needs; north is up."""
    known = ~found.yaws[walk].isnan()
    points = torch.cat([path, found.places[walk][known]])
    middle = (points.amin(0) + points.amax(0)) / 2
    half = max(3.0, (points.amax(0) - points.amin(0)).max().item() / 2 + 0.8)
    (left, bottom), (right, top) = (middle - half).tolist(), (middle + half).tolist()
    axes = Axes(tuple(frame), (left, right, bottom, top))
    canvas.box(*frame, PANEL)
    side = worlds.cells.shape[-1]
    for x in range(side):
        for z in range(side):
            if worlds.cells[walk, x, z]:
                near, far = (axes.at(worlds.cell * (x + s), worlds.cell * (z + 1 - s)) for s in (0, 1))
                box = [max(frame[0], near[0]), max(frame[1], near[1]), min(frame[2], far[0]), min(frame[3], far[1])]
                if box[0] < box[2] and box[1] < box[3]:
                    canvas.box(*box, tuple(int(100 * value) + 20 for value in worlds.colour(walk, x, z)))
    canvas.line([axes.at(*place) for place in path.tolist()], COLOURS[2], 3)
    canvas.dot(*axes.at(*path[0].tolist()), 5, COLOURS[2])
    walked = [path[0], *found.places[walk][known]]
    canvas.line([axes.at(*place.tolist()) for place in walked], COLOURS[0], 1.6)
    for place, yaw in zip(found.places[walk][known], found.yaws[walk][known], strict=True):
        ahead = place + 0.45 * torch.stack([yaw.sin(), yaw.cos()])
        canvas.line([axes.at(*place.tolist()), axes.at(*ahead.tolist())], COLOURS[0], 1.2)
        canvas.dot(*axes.at(*place.tolist()), 3, COLOURS[0])
