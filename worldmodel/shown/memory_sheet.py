"""A walk's memory at a glance: the path with what is looked at from where, the overlap of its views, and the slots.

Lengths in the drawing count in units of `_UNIT` pixels. Symbols: F frames that were compared.
"""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..memory.frames import Spans
from ..memory.plan import Look
from ..memory.survey import COVERED, Survey
from .canvas import EDGE, FAINT, INK, KEY, SIGHT, TURN, Canvas, arrow, wedge
from .memory_words import memory_summary

MOST_ROWS = 24
"""Chunks whose slots are drawn; of a longer walk evenly spaced ones."""
_UNIT, _WIDTH, _MAP, _MARGIN, _HEAD = 12, 98, 44, 1.5, 5.0
_BACKGROUND, _PANEL = (17, 18, 20, 255), (24, 26, 29, 255)
_BARE = (226, 92, 92, 255)
_PICTURE = (176, 140, 240, 255)
_WHY = {"overlap": KEY, "pinned": TURN, "sink": FAINT, "picture": _PICTURE}
_ROW, _LABEL, _SHOWN = 2.4, 15, 11


def draw_memory(c2w: Tensor, survey: Survey, spans: Spans, title: str, first_chunk: int = 0) -> Tensor:
    """Draw what a walk's chunks look at again.

    Args:
        c2w: (frames, 4, 4) cameras of the whole walk.
        survey: of it.
        spans: of the model.
        title: of the model.
        first_chunk: the first that is not made yet.

    Returns:
        (1, H, W, 3) float32 in 0..1.
    """
    rows = _rows(survey)
    height = _HEAD + _MAP + 3.6 + _ROW * (len(rows) + 1) + 1
    canvas = Canvas(_UNIT, _WIDTH, height, _BACKGROUND)
    canvas.text(_MARGIN, 1.7, title, 1.5, INK, anchor="lm", bold=0.03)
    canvas.text(_MARGIN, 3.6, memory_summary(survey), 1.05, FAINT, anchor="lm")
    _draw_map(canvas, c2w, survey, spans)
    _draw_slots(canvas, survey, rows, (_HEAD + _MAP + 3.6, first_chunk))
    drawn = canvas.painted().convert("RGB")
    _lay_matrix(drawn, survey)
    return torch.from_numpy(np.array(drawn)).float()[None] / 255


def _mixed(colour: tuple[int, ...], share: float) -> tuple[int, int, int, int]:
    """Return a colour on a panel, as if it were glass."""
    return *(round(share * one + (1 - share) * other) for one, other in zip(colour[:3], _PANEL[:3], strict=True)), 255


def _rows(survey: Survey) -> list[int]:
    """Return which chunks' slots are drawn; the first looks at nothing."""
    chunks = len(survey.memories)
    shown = min(chunks - 1, MOST_ROWS)
    return [1 + index * (chunks - 2) // max(1, shown - 1) for index in range(shown)]


def _draw_map(canvas: Canvas, c2w: Tensor, survey: Survey, spans: Spans) -> None:
    """The path from above, its first heading pointing up; a line from each view to the frame it is shown again."""
    canvas.box(_MARGIN, _HEAD, _MAP, _MAP, 0.6, _PANEL, EDGE)
    poses = torch.cat([c2w.double(), *(picture.c2w[None] for picture in survey.pictures)]).numpy()
    walked, places = len(c2w), poses[:, [0, 2], 3] * (1, -1)
    low, high = places.min(0), places.max(0)
    metre = (_MAP - 8) / max(2.0, (high - low).max())
    points = (places - (low + high) / 2) * metre + (_MARGIN + _MAP / 2, _HEAD + _MAP / 2)
    headings = poses[:, [0, 2], 2] * (1, -1)
    for look in (look for memory in survey.memories for look in memory.looks):
        colour = _mixed(_WHY[look.why], 0.25 + 0.6 * min(look.overlap, 1))
        seen_from = look.pose_frame if look.picture is None else walked + look.picture
        canvas.line([tuple(points[look.query]), tuple(points[seen_from])], 0.07, colour)
    canvas.line([tuple(point) for point in points[:walked]], 0.26, INK)
    for number in range(len(survey.pictures)):
        (x, y), along = points[walked + number], headings[walked + number]
        canvas.shape(wedge((x, y), along / max(1e-9, np.linalg.norm(along)), 1.7), _mixed(_PICTURE, 0.35))
        canvas.dot(x, y, 0.35, fill=_PICTURE)
        canvas.text(x + 0.7, y, f"picture {number + 1}", 1.0, _PICTURE, anchor="lm")
    for frame in (each.frame for each in survey.uncovered):
        along = headings[frame] / max(1e-9, np.linalg.norm(headings[frame]))
        canvas.shape(wedge(points[frame], along, 1.7), _mixed(_BARE, 0.35))
        canvas.dot(*points[frame], 0.3, fill=_BARE)
    for each in survey.returns:
        canvas.dot(*points[each.frame], 0.75, edge=TURN, line=0.16)
    step = max(1, -(-len(survey.memories) // 24))
    for chunk in range(0, len(survey.memories), step):
        x, y = points[0 if not chunk else spans.end(chunk - 1)]
        canvas.dot(x, y, 0.35, fill=_BACKGROUND, edge=INK, line=0.12)
        canvas.text(x + 0.7, y, str(chunk), 1.0, INK, anchor="lm")
    last = walked - 1
    canvas.shape(arrow(points[last] + headings[last] * 0.7, headings[last], 1.4, 0.55), INK)
    _legend(canvas, metre, "a picture" if survey.pictures else "")


def _legend(canvas: Canvas, metre: float, picture: str) -> None:
    x, y = _MARGIN + 1, _HEAD + _MAP + 1.3
    told = {"by overlap": KEY, "pinned": TURN, "always": FAINT, "little shown": _BARE, picture: _PICTURE}
    for word, colour in told.items():
        if not word:
            continue
        canvas.dot(x, y, 0.35, fill=colour)
        canvas.text(x + 0.8, y, word, 0.95, FAINT, anchor="lm")
        x += 2.4 + 0.55 * len(word)
    canvas.dot(x, y, 0.5, edge=TURN, line=0.16)
    canvas.text(x + 0.9, y, "a loop closes", 0.95, FAINT, anchor="lm")
    length = 10 ** np.floor(np.log10((_MAP - 6) / metre))
    left, low = _MARGIN + 1.2, _HEAD + _MAP - 1.2
    canvas.line([(left, low), (left + length * metre, low)], 0.14, FAINT)
    canvas.text(left + length * metre + 0.5, low, f"{length:g} m", 0.95, FAINT, anchor="lm")


def _lay_matrix(drawn: Image.Image, survey: Survey) -> None:
    """Lay the overlaps beside the map: a row's view, and how much of it each frame before or behind it saw."""
    left, side = 3 * _MARGIN + _MAP, _MAP
    frames, found = survey.overlaps
    grey = torch.from_numpy(found).clamp(0, 1).float()[..., None]
    colours = torch.tensor(_PANEL[:3]).float() * (1 - grey) + torch.tensor(KEY[:3]).float() * grey
    matrix = Image.fromarray(colours.round().byte().numpy())
    pixels = round(side * _UNIT)
    matrix = matrix.resize((pixels, pixels), Image.Resampling.NEAREST)
    over = Canvas(_UNIT, side + 5, side + 3)
    cell = side / len(frames)
    at = {frame: index for index, frame in enumerate(frames)}
    for each in survey.returns:
        over.dot((at[each.then] + 0.5) * cell, (at[each.frame] + 0.5) * cell, 0.8, edge=TURN, line=0.16)
    for index in {0, len(frames) // 2, len(frames) - 1}:
        over.text((index + 0.5) * cell, side + 1, str(frames[index]), 0.9, FAINT, anchor="rm" if index else "lm")
        over.text(side + 0.5, (index + 0.5) * cell, str(frames[index]), 0.9, FAINT, anchor="lm")
    over.text(side / 4, side + 1, "a row's view,", 0.9, FAINT)
    over.text(3 * side / 4, side + 1, "seen by a column's frame", 0.9, FAINT)
    corner = (round(left * _UNIT), round(_HEAD * _UNIT))
    drawn.paste(matrix, corner)
    marks = over.painted()
    drawn.paste(marks.convert("RGB"), corner, marks.getchannel("A"))


def _draw_slots(canvas: Canvas, survey: Survey, rows: list[int], place: tuple[float, int]) -> None:
    """A row a chunk: its slots, each with the frame it holds and its share, and how much of its views that shows."""
    top, first_chunk = place
    if not rows:
        canvas.text(_MARGIN, top, "One chunk looks at nothing: there is no past yet.", 1.05, FAINT, anchor="lm")
        return
    slots = max(len(memory.looks) for memory in survey.memories)
    width = (_WIDTH - 2 * _MARGIN - _LABEL - _SHOWN) / max(slots, 1)
    shown = {memory.chunk: [each.all for each in survey.coverage if each.chunk == memory.chunk]
             for memory in survey.memories}  # fmt: skip
    for slot in range(slots):
        canvas.text(_MARGIN + _LABEL + slot * width, top, f"slot {slot + 1}", 0.95, FAINT, anchor="lm")
    canvas.text(_WIDTH - _MARGIN, top, "of its views", 0.95, FAINT, anchor="rm")
    for row, chunk in enumerate(rows, 1):
        y, memory = top + row * _ROW, survey.memories[chunk]
        made = chunk < first_chunk
        canvas.text(_MARGIN, y, f"chunk {chunk}{'  made' if made else ''}", 1.05, FAINT if made else INK, anchor="lm")
        for slot, look in enumerate(memory.looks):
            _draw_look(canvas, look, _MARGIN + _LABEL + slot * width, y, width)
        if shown[chunk]:
            least = min(shown[chunk])
            said = f"{sum(shown[chunk]) / len(shown[chunk]):.0%}"
            canvas.text(_WIDTH - _MARGIN, y, said, 1.05, _BARE if least < COVERED else INK, anchor="rm")


def _draw_look(canvas: Canvas, look: Look, left: float, y: float, width: float) -> None:
    named = f"frame {look.frame}" if look.picture is None else f"picture {look.picture + 1}"
    canvas.box(left, y - 0.85, width - 0.6, 1.7, 0.3, _PANEL)
    canvas.box(left, y - 0.85, max((width - 0.6) * min(look.overlap, 1), 0.3), 1.7, 0.3, _mixed(_WHY[look.why], 0.5))
    canvas.text(left + 0.5, y, named, 1.0, INK, anchor="lm")
    ink = SIGHT if look.overlap < 0.01 else INK
    canvas.text(left + width - 1.1, y, f"{look.overlap:.0%}", 0.95, ink, anchor="rm")
