"""A world at a glance: the path from above, what was held when, how far that went, and pictures of its chunks.

Lengths in the drawing count in units of `_UNIT` pixels. Pictures are (frames, H, W, 3) in 0..1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..binding.motion import way_of
from ..binding.unbind import walked_track
from ..reading.words import counted, shortened
from ..track.timeline import held_spans
from ..track.track import Track
from ..variants import NO_KEYS, Variant
from ..world.state import World, frames, variant_of
from .canvas import EDGE, FAINT, INK, KEY, SIGHT, TURN, Canvas, arrow, wedge
from .film import contact_sheet
from .world_drift import HEIGHT, Drift, draw_drift, drift_of
from .world_words import held_frames, lasting_way, summary, told

MOST_PICTURES = 40
"""Chunks on the contact sheet; of a longer world some are shown, evenly spaced."""
_UNIT, _WIDTH, _MAP, _MARGIN = 12, 90, 27, 1.5
_BACKGROUND = (17, 18, 20, 255)
_TOP, _LANE, _TURNS, _WAY, _LABELS, _SHARES = 8.2, 2.3, 5.6, 4.6, 9.5, 10
_GUTTER = 3


class Sheet(NamedTuple):
    """Pictures of some chunks."""

    chunks: Sequence[int]
    pictures: Tensor
    """(chunks, H, W, 3), one for each."""
    drift: Drift | None
    """How they change from chunk to chunk; `None` for one alone."""


def make_sheet(chunks: Sequence[int], pictures: Tensor) -> Sheet:
    """Gather pictures (chunks, H, W, 3) of at least one chunk, and measure them."""
    return Sheet(chunks, pictures, drift_of(chunks, pictures) if len(chunks) > 1 else None)


def shown_chunks(chunks: int) -> list[int]:
    """Return which chunks of a world stand on its contact sheet: all, or evenly spaced ones with first and last."""
    shown = min(chunks, MOST_PICTURES)
    return [index * (chunks - 1) // max(1, shown - 1) for index in range(shown)]


def draw_world(world: World, sheet: Sheet | None = None) -> Tensor:
    """Draw what is in a world.

    Args:
        world: with chunks or without.
        sheet: pictures to show below, from `shown_chunks`.

    Returns:
        (1, H, W, 3) float32 in 0..1.
    """
    variant, track = variant_of(world.start), walked_track(world)
    walks = variant.walks
    lines, left = summary(world)[1:], _MARGIN + (_MAP + 2 if walks else 0)
    bottom = _bottom(track, variant)
    height = max(_MARGIN + _MAP if walks else 0, bottom + 1.7 * len(lines) + 0.4) + _MARGIN
    canvas = Canvas(_UNIT, _WIDTH, height, _BACKGROUND)
    if walks:
        _draw_map(canvas, track, variant, _MARGIN, _MARGIN)
    _draw_lanes(canvas, world, track, left, _WIDTH - left - _MARGIN)
    for row, line in enumerate(lines):
        canvas.text(left, bottom + 1.6 + 1.7 * row, shortened(line, 105), 1.0, FAINT, anchor="lm")
    drawn = canvas.painted().convert("RGB")
    if sheet is not None:
        if sheet.drift is not None:
            drawn = _below(drawn, _drift(world, sheet.drift, left), 0)
        drawn = _below(drawn, _sheet(track, variant, sheet), round(_MARGIN * _UNIT) - _GUTTER)
    return torch.from_numpy(np.array(drawn)).float()[None] / 255


def _lanes(track: Track) -> list[tuple[str, int]]:
    return held_frames(track) or [("no key held", 0)]


def _bottom(track: Track, variant: Variant) -> float:
    """Return where the rows over time end."""
    turns, way = (_TURNS if variant.mouse is not None else 0), (_WAY if variant.walks and track.frames > 1 else 0)
    return _TOP + _LANE * len(_lanes(track)) + turns + way


def _time_axis(left: float) -> tuple[float, float]:
    """Return left and width of what lies over the frames, for rows that begin at `left`."""
    return left + _LABELS, _WIDTH - left - _MARGIN - _LABELS - _SHARES


def _draw_map(canvas: Canvas, track: Track, variant: Variant, left: float, top: float) -> None:
    """The path from above, its first heading pointing up; a dot where each chunk begins."""
    canvas.box(left, top, _MAP, _MAP, 0.6, (24, 26, 29, 255), EDGE)
    poses = way_of(track, variant.motion)
    places = poses[:, [0, 2], 3].numpy() * (1, -1)
    if not len(places):
        canvas.text(left + _MAP / 2, top + _MAP / 2, "no frames yet", 1.2, FAINT)
        return
    low, high = places.min(0), places.max(0)
    metre = (_MAP - 6) / max(2.0, (high - low).max())
    points = (places - (low + high) / 2) * metre + (left + _MAP / 2, top + _MAP / 2)
    headings = poses[:, [0, 2], 2].numpy() * (1, -1)
    canvas.shape(wedge(points[-1], headings[-1] / max(1e-9, np.linalg.norm(headings[-1])), 2.6), SIGHT)
    canvas.line([tuple(point) for point in points], 0.24, KEY)
    for index in _numbered(_chunks_of(track, variant), _MAP):
        x, y = points[variant.chunking.first_frame(index)]
        canvas.dot(x, y, 0.35, fill=_BACKGROUND, edge=INK, line=0.12)
        canvas.text(x + 0.7, y, str(index), 1.0, INK, anchor="lm")
    canvas.shape(arrow(points[-1] + headings[-1] * 0.7, headings[-1], 1.4, 0.55), INK)
    length = 10 ** np.floor(np.log10((_MAP - 6) / metre))
    bar = length * metre
    canvas.line([(left + 1.2, top + _MAP - 1.2), (left + 1.2 + bar, top + _MAP - 1.2)], 0.14, FAINT)
    canvas.text(left + 1.6 + bar, top + _MAP - 1.25, f"{length:g} m", 0.95, FAINT, anchor="lm")


def _draw_lanes(canvas: Canvas, world: World, track: Track, left: float, width: float) -> None:
    """One row a key with the spans it was held and its share of all frames, one for the turns, over chunk borders."""
    variant, total = variant_of(world.start), frames(world)
    canvas.text(left, 2.6, variant.title, 1.5, INK, anchor="lm", bold=0.03)
    said = [counted(len(world.chunks), "chunk"), counted(total, "frame"), f"{total / variant.fps:.1f} s"]
    canvas.text(left, 4.7, "   ".join([*said, f"{variant.fps:g} fps"]), 1.1, FAINT, anchor="lm")
    lanes, rows = _lanes(track), _time_axis(left)
    frame, bottom = rows[1] / max(1, total), _bottom(track, variant)
    for index in _numbered(len(world.chunks), rows[1]):
        x = rows[0] + variant.chunking.first_frame(index) * frame
        canvas.line([(x, _TOP - 0.4), (x, bottom)], 0.06, SIGHT)
        canvas.text(x + 0.25, _TOP - 0.9, str(index), 0.9, FAINT, anchor="lm")
    for row, (word, held) in enumerate(lanes):
        y = _TOP + row * _LANE
        canvas.text(left, y + _LANE / 2, word.replace("_", " "), 1.05, INK if held else FAINT, anchor="lm")
        spans = held_spans((track.keys[:, track.words.index(word)] > 0).tolist()) if held else ()
        for start, length in spans:
            canvas.box(rows[0] + start * frame, y + 0.45, length * frame, _LANE - 0.9, 0.25, KEY)
        if held:
            _draw_share(canvas, held / total, left + width - _SHARES + 1, y + _LANE / 2)
    if variant.mouse is not None:
        _draw_turns(canvas, track, left, rows, _TOP + len(lanes) * _LANE + _TURNS / 2)
    if variant.walks and track.frames > 1:
        _draw_way(canvas, lasting_way(track, variant)[:, :3, 3], left, rows, bottom - _WAY)


def _draw_share(canvas: Canvas, share: float, left: float, y: float) -> None:
    canvas.box(left, y - 0.35, 5, 0.7, 0.3, (44, 47, 52, 255))
    canvas.box(left, y - 0.35, max(0.3, 5 * share), 0.7, 0.3, KEY)
    canvas.text(left + _SHARES - 1, y, f"{share:.0%}", 1.0, FAINT, anchor="rm")


def _draw_turns(canvas: Canvas, track: Track, left: float, rows: tuple[float, float], y: float) -> None:
    """Yaw over the frames, right upwards; the fastest turn fills the row."""
    first, width = rows
    canvas.line([(first, y), (first + width, y)], 0.05, SIGHT)
    yaw = track.mouse[:, 0].tolist()
    reach = max(map(abs, yaw), default=0.0)
    canvas.text(left, y, "turn" if reach else "no turn", 1.05, INK if reach else FAINT, anchor="lm")
    if not reach:
        return
    frame = width / len(yaw)
    for start, length in held_spans(value != 0 for value in yaw):
        turn = [(first + i * frame, y - 2.2 * yaw[i] / reach) for i in range(start, start + length) for i in (i, i)]
        turn = [(x + (frame if odd % 2 else 0), level) for odd, (x, level) in enumerate(turn)]
        canvas.shape([(turn[0][0], y), *turn, (turn[-1][0], y)], TURN)
    canvas.text(first + width + 1, y - 1.6, f"{reach:.3g}° right", 0.9, FAINT, anchor="lm")
    canvas.text(first + width + 1, y + 1.6, f"{reach:.3g}° left", 0.9, FAINT, anchor="lm")


def _draw_way(canvas: Canvas, places: Tensor, left: float, rows: tuple[float, float], top: float) -> None:
    """How far was walked by each frame, and how far from the start that led; walls not counted. places (F + 1, 3)."""
    first, width = rows
    walked = torch.cat([torch.zeros(1), places.diff(dim=0).norm(dim=1).cumsum(0).float().cpu()])
    away = (places - places[0]).norm(dim=1).float().cpu()
    most = float(walked[-1])
    canvas.text(left, top + _WAY / 2, "way" if most else "no way", 1.05, INK if most else FAINT, anchor="lm")
    if most < 1e-6:
        return
    low, high = top + _WAY - 0.5, _WAY - 1.0
    for lengths, colour, thick in ((away, FAINT, 0.14), (walked, KEY, 0.2)):
        step = max(1, len(lengths) // 600)  # more cannot be told apart
        picked = [*range(0, len(lengths) - 1, step), len(lengths) - 1]
        x = [first + width * index / (len(lengths) - 1) for index in picked]
        canvas.line(list(zip(x, (low - high * lengths[picked] / most).tolist(), strict=True)), thick, colour)
    canvas.text(first + width + 1, top + 1.2, f"{most:.3g} m walked", 0.9, KEY, anchor="lm")
    canvas.text(first + width + 1, top + 3.0, f"{float(away[-1]):.3g} m away", 0.9, FAINT, anchor="lm")


def _drift(world: World, drift: Drift, left: float) -> Image.Image:
    """How the picture changed, under the rows over time."""
    chunking, total, (first, width) = variant_of(world.start).chunking, frames(world), _time_axis(left)
    canvas = Canvas(_UNIT, _WIDTH, HEIGHT, _BACKGROUND)
    ends = [first + width * chunking.first_frame(index + 1) / max(1, total) for index in drift.chunks]
    draw_drift(canvas, drift, ends, left, (first, width))
    return canvas.painted().convert("RGB")


def _sheet(track: Track, variant: Variant, sheet: Sheet) -> Image.Image:
    """Pictures of the chunks, each over its number and what was held."""
    letters = dict(zip(*(variant.keyboard or NO_KEYS)[:2], strict=True))
    labels = []
    for index in sheet.chunks:
        words = told(track, slice(variant.chunking.first_frame(index), variant.chunking.first_frame(index + 1)))
        for word, letter in letters.items():
            words = re.sub(rf"\b{word} (?=\d)", f"{letter} ", words)
        labels.append(f"{index}   {words}")
    columns = 5 if len(labels) <= 10 else 8
    width = ((_WIDTH - 2 * _MARGIN) * _UNIT + _GUTTER) / columns - _GUTTER
    return contact_sheet(sheet.pictures, columns, labels, scale=width / sheet.pictures.shape[2], gutter=_GUTTER)


def _below(upper: Image.Image, lower: Image.Image, left: int) -> Image.Image:
    whole = Image.new("RGB", (upper.width, upper.height + lower.height), _BACKGROUND[:3])
    whole.paste(upper, (0, 0))
    whole.paste(lower, (left, upper.height))
    return whole


def _numbered(chunks: int, width: float) -> range:
    """Return which chunks are numbered along a width, so that the numbers do not touch."""
    most = int(width / (1.2 + 0.6 * len(str(chunks))))
    return range(0, chunks, max(1, -(-chunks // most)))


def _chunks_of(track: Track, variant: Variant) -> int:
    return variant.chunking.chunk_of(track.frames - 1) + 1 if track.frames else 0
