"""Controls drawn on video frames: keys held, mouse, frame counter, and the path from above.

Frames are (frames, height, width, 3) in 0..1. Lengths inside a panel count in units, a 24th of the picture, so that
everything grows with it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from functools import lru_cache
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from ..binding.motion import way_of
from ..track.track import Track
from ..variants import Motion
from .canvas import EDGE, FAINT, GLASS, INK, KEY, KEY_EDGE, KEY_INK, SIGHT, TURN, Canvas, arrow, wedge

MAX_SCALE = 16
_READABLE = 360
"""Height in pixels to which small pictures are enlarged."""

_PLACES = {"forward": (1, 0), "left": (0, 1), "back": (1, 1), "right": (2, 1)}
_LETTERS = {"forward": "W", "left": "A", "back": "S", "right": "D"}


def readable_scale(height: int) -> int:
    """Return the whole factor that brings a small picture to a height at which one can read."""
    return min(MAX_SCALE, max(1, round(_READABLE / height)))


def enlarged(frame: Tensor, scale: int, smooth: bool = True) -> Tensor:
    """Return one picture (height, width, 3) a whole factor larger, in float32 and of its own memory."""
    picture = frame.float()
    if scale == 1:
        return picture.clone()
    if not smooth:
        return picture.repeat_interleave(scale, 0).repeat_interleave(scale, 1)
    rows, columns = (_bicubic(size, scale).to(picture.device) for size in picture.shape[:2])
    return (rows @ picture.movedim(-1, 0) @ columns.T).clamp_(0, 1).movedim(0, -1)


@lru_cache(maxsize=4)
def _bicubic(size: int, scale: int) -> Tensor:
    """Return the bicubic weights (size * scale, size) of one side: two products take a third of what torch's own
    enlarging takes on a CPU, on one thread and on several."""
    lines = torch.nn.functional.interpolate(torch.eye(size)[None, None], scale_factor=(scale, 1), mode="bicubic")
    return lines[0, 0]


def draw_controls(
    frames: Tensor,
    track: Track,
    *,
    first_frame: int = 0,
    scale: int = 0,
    smooth: bool = True,
    path_map: bool = True,
    counter: bool = True,
    after_frame: Callable[[], None] | None = None,
) -> Tensor:
    """Draw a track's controls on the frames they belong to.

    Args:
        frames: (frames, height, width, 3) in 0..1; stays as it is.
        track: row i is lit on frame i, the frame from which it moves the camera.
        first_frame: the track's frame that the first picture shows.
        scale: whole factor by which the pictures are enlarged first; 0 enlarges small ones until they can be read.
        smooth: enlarge with bicubic weights; otherwise pixel by pixel.
        path_map: draw the path from above, as if nothing stood in its way.
        counter: draw the frame's number.
        after_frame: called after each frame, for progress; what it raises ends the drawing.

    Returns:
        (frames, height * scale, width * scale, 3), same type and device.

    Raises:
        ValueError: the shape is not that of frames, or the numbers are out of range.
    """
    if frames.ndim != 4 or frames.shape[-1] != 3:
        raise ValueError(f"images must be (frames, height, width, 3), not {tuple(frames.shape)}")
    if not 0 <= scale <= MAX_SCALE:
        raise ValueError(f"scale must be from 0 (automatic) to {MAX_SCALE}, not {scale}")
    if first_frame < 0:
        raise ValueError(f"start frame must be 0 or more, not {first_frame}")
    count, height, width, _ = frames.shape
    scale = scale or readable_scale(height)
    height, width = height * scale, width * scale
    pen = ControlsPen(track, (height, width), path_map=path_map, counter=counter)
    drawn = frames.new_empty(count, height, width, 3)
    for i in range(count):
        picture = enlarged(frames[i], scale, smooth)
        pen.draw(picture, first_frame + i)
        drawn[i] = picture
        if after_frame:
            after_frame()
    return drawn


class ControlsPen:
    """Draws a track's controls on pictures of one size, one after another; what stays the same is painted once."""

    def __init__(self, track: Track, size: tuple[int, int], *, path_map: bool = True, counter: bool = True) -> None:
        """Prepare it.

        Args:
            track: what is drawn.
            size: height and width of the pictures.
            path_map, counter: see `draw_controls`.
        """
        self._panels = _panels(track, min(size) / 24, path_map, counter)
        self._margin = round(min(size) * 0.035)
        self._shown: dict[str, tuple[Hashable, _Patch]] = {}

    def draw(self, picture: Tensor, frame: int) -> None:
        """Draw the controls of the track's frame on a picture (height, width, 3), float32, in place."""
        for corner, panel in self._panels.items():
            state = panel.state(frame)
            if corner not in self._shown or self._shown[corner][0] != state:
                self._shown[corner] = state, _patch(panel.paint(state), picture.device)
            _lay(picture, self._shown[corner][1], corner, margin=self._margin)


class _Patch(NamedTuple):
    """A painted panel: colour (h, w, 3) and alpha (h, w, 1), float32 in 0..1."""

    colour: Tensor
    alpha: Tensor


class _Panel(Protocol):
    def state(self, frame: int) -> Hashable:
        """What the panel shows at a frame of the track; equal states look the same."""

    def paint(self, state: Hashable) -> Canvas:
        """Draw it."""


class _Keys:
    """Key caps, lit while held: W over A S D, and further keys as words above."""

    cap, gap = 2.2, 0.28

    def __init__(self, track: Track, unit: float) -> None:
        self.track, self.unit = track, unit
        self.more = [word for word in track.words if word not in _PLACES]

    def state(self, frame: int) -> Hashable:
        if frame >= self.track.frames:
            return frozenset()
        return frozenset(word for i, word in enumerate(self.track.words) if self.track.keys[frame, i] > 0)

    def paint(self, state: frozenset[str]) -> Canvas:
        pitch, line = self.cap + self.gap, 1.5
        above = len(self.more) * (line + self.gap)
        canvas = Canvas(self.unit, 3 * pitch - self.gap, 2 * pitch - self.gap + above)
        for row, word in enumerate(self.more):
            text = word.replace("_", " ")
            self._cap(canvas, (0, row * (line + self.gap), 3 * pitch - self.gap, line), text, word in state, 0.95)
        for word, (column, row) in _PLACES.items():
            place = (column * pitch, above + row * pitch, self.cap, self.cap)
            self._cap(canvas, place, _LETTERS[word], word in state, 1.15)
        return canvas

    def _cap(self, canvas: Canvas, place, text: str, lit: bool, height: float) -> None:
        left, top, width, tall = place
        canvas.box(left, top, width, tall, 0.5, KEY if lit else GLASS, KEY_EDGE if lit else EDGE)
        ink = KEY_INK if lit else INK
        canvas.text(left + width / 2, top + tall / 2, text, height, ink, bold=0.035 if len(text) == 1 else 0.012)


class _Pad:
    """Where the mouse pulls the view: a pad as wide as the track's fastest turn."""

    width, height = 6.4, 4.68

    def __init__(self, track: Track, unit: float) -> None:
        self.track, self.unit = track, unit
        self.reach = max(2.0, float(track.mouse.abs().max()) if track.frames else 0.0)

    def state(self, frame: int) -> Hashable:
        return tuple(self.track.mouse[frame].tolist()) if frame < self.track.frames else (0.0, 0.0)

    def paint(self, state: tuple[float, float]) -> Canvas:
        canvas = Canvas(self.unit, self.width, self.height)
        canvas.box(0, 0, self.width, self.height, 0.6, GLASS, EDGE)
        x, y = self.width / 2, self.height / 2
        canvas.line([(0.7, y), (self.width - 0.7, y)], 0.05, EDGE)
        canvas.line([(x, 0.7), (x, self.height - 0.7)], 0.05, EDGE)
        right, up = state[0] / self.reach * (x - 0.75), state[1] / self.reach * (y - 0.75)
        length = math.hypot(right, up)
        if length < 0.05:
            canvas.dot(x, y, 0.3, edge=FAINT, line=0.12)
            return canvas
        along, head = (right / length, -up / length), min(0.95, length)
        tip = (x + right, y - up)
        neck = (tip[0] - along[0] * head * 0.8, tip[1] - along[1] * head * 0.8)
        if length > head:
            canvas.line([(x, y), neck], 0.26, TURN)
        canvas.shape(arrow(tip, along, head, 0.55 * head), TURN)
        canvas.dot(x, y, 0.2, fill=TURN)
        return canvas


class _Counter:
    """The track's frame, of how many, over a thin bar."""

    height = 2.2

    def __init__(self, track: Track, unit: float) -> None:
        self.track, self.unit = track, unit
        digits = max(2, len(str(track.frames)))
        self.width = 2.5 + 0.75 * 2 * digits

    def state(self, frame: int) -> Hashable:
        return frame

    def paint(self, state: int) -> Canvas:
        canvas = Canvas(self.unit, self.width, self.height)
        canvas.box(0, 0, self.width, self.height, 0.6, GLASS, EDGE)
        middle, end = self.width / 2, self.track.frames
        canvas.text(middle - 0.25, 0.95, str(state), 1.2, INK, anchor="rm", bold=0.03)
        canvas.text(middle + 0.1, 0.95, f"/ {end}", 1.0, FAINT, anchor="lm")
        bar = self.width - 1.2
        canvas.line([(0.6, 1.78), (0.6 + bar, 1.78)], 0.14, EDGE)
        canvas.line([(0.6, 1.78), (0.6 + bar * min(1.0, state / max(1, end - 1)), 1.78)], 0.14, INK)
        return canvas


class _Map:
    """The path from above, the first heading pointing up: ring = start, square = end, arrow = here."""

    side, sight = 7.2, 1.5

    def __init__(self, track: Track, unit: float) -> None:
        self.unit = unit
        poses = way_of(track, Motion(step_metres=1.0))
        places = poses[:, [0, 2], 3].numpy() * (1, -1)  # right, down the page
        self.headings = poses[:, [0, 2], 2].numpy() * (1, -1)
        low, high = places.min(0), places.max(0)
        zoom = (self.side - 2 * self.sight) / max(8.0, (high - low).max())
        self.places = (places - (low + high) / 2) * zoom + self.side / 2

    def state(self, frame: int) -> Hashable:
        return min(frame, len(self.places) - 1)

    def paint(self, state: int) -> Canvas:
        canvas = Canvas(self.unit, self.side, self.side)
        canvas.box(0, 0, self.side, self.side, 0.6, GLASS, EDGE)
        points = [tuple(place) for place in self.places]
        heading = self.headings[state] / max(1e-9, np.linalg.norm(self.headings[state]))
        here = self.places[state]
        canvas.shape(wedge(here, heading, self.sight - 0.15), SIGHT)
        if len(points) > 1:
            canvas.line(points, 0.16, FAINT)
        if state:
            canvas.line(points[: state + 1], 0.2, KEY)
        x, y = points[-1]
        canvas.box(x - 0.2, y - 0.2, 0.4, 0.4, 0.05, INK)
        canvas.dot(*points[0], 0.3, fill=(14, 16, 19, 255), edge=INK, line=0.13)
        canvas.shape(arrow(here + heading * 0.55, heading, 1.05, 0.42), (255, 255, 255, 255))
        return canvas


def _panels(track: Track, unit: float, path_map: bool, counter: bool) -> dict[str, _Panel]:
    panels: dict[str, _Panel] = {"bottom left": _Keys(track, unit)}
    if counter:
        panels["top left"] = _Counter(track, unit)
    if track.mouse.any():
        panels["bottom right"] = _Pad(track, unit)
    if path_map:
        panels["top right"] = _Map(track, unit)
    return panels


def _patch(canvas: Canvas, device: torch.device) -> _Patch:
    pixels = torch.from_numpy(np.array(canvas.painted())).to(device).float() / 255
    return _Patch(pixels[..., :3], pixels[..., 3:])


def _lay(picture: Tensor, patch: _Patch, corner: str, margin: int) -> None:
    """Blend a panel into a corner of the picture, in place; what does not fit is cut off."""
    height, width = (min(patch.alpha.shape[i], picture.shape[i] - 2 * margin) for i in (0, 1))
    if height <= 0 or width <= 0:
        return
    top = margin if "top" in corner else picture.shape[0] - margin - height
    left = margin if "left" in corner else picture.shape[1] - margin - width
    place = picture[top : top + height, left : left + width]
    place.lerp_(patch.colour[:height, :width], patch.alpha[:height, :width].expand_as(place))
