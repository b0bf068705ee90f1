"""Worlds side by side: pictures in columns with names above and the frame below, and how near each is to the truth.

Pictures are (H, W, 3) in 0..1. Lengths in the drawing count in units, which grow with a column's width.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from ..binding.unbind import walked_track
from ..metrics.pictures import psnr, squared_error
from ..track.track import Track
from ..variants import Variant
from ..world.state import World, latents_of, variant_of
from .canvas import EDGE, FAINT, INK, TURN, Canvas
from .overlay import draw_controls, enlarged, readable_scale

WIDTH = 1280
"""Pixels to which small pictures are enlarged at most, all columns together."""
_BACKGROUND = (17, 18, 20, 255)
_HEADER, _FOOTER, _GAP = 2.8, 2.4, 0.5
_HELD = 0.45
"""Brightness of a column that has ended."""


class Column(NamedTuple):
    """One world, or the truth."""

    label: str
    frames: int
    """Its length; later it shows its last frame, darker."""
    pieces: Iterator[Tensor]
    """(f, H, W, 3) from the first shown frame on, at least one frame."""
    track: Track | None = None
    """What it was told, drawn on its pictures."""
    measured: int | None = None
    """Frames that are measured against the truth; `None`: all of them."""


class Span(NamedTuple):
    """Which frames are shown, both included."""

    first: int
    last: int


class Errors:
    """Squared errors of some columns against the truth, summed up chunk by chunk."""

    def __init__(self, variant: Variant, labels: Sequence[str]) -> None:
        """Begin with nothing measured."""
        self._variant, self._labels = variant, labels
        self._sums: dict[int, list[tuple[float, int]]] = {}

    def add(self, frame: int, pictures: Sequence[Tensor | None], truth: Tensor) -> None:
        """Measure one frame; a column that has ended is `None`."""
        chunk = self._variant.chunking.chunk_of(frame)
        sums = self._sums.setdefault(chunk, [(0.0, 0)] * len(self._labels))
        for i, picture in enumerate(pictures):
            if picture is not None:
                error = float(squared_error(*(plane.float().cpu().movedim(-1, 0) for plane in (picture, truth))))
                sums[i] = (sums[i][0] + error, sums[i][1] + 1)

    def lines(self) -> list[str]:
        """Say the PSNR of every chunk that was measured, and of all frames; nothing if none was."""
        if not self._sums:
            return []
        every = [tuple(map(sum, zip(*column, strict=True))) for column in zip(*self._sums.values(), strict=True)]
        rows = [(f"chunk {chunk}", self._sums[chunk]) for chunk in sorted(self._sums)]
        return [f"{where}: {', '.join(self._said(sums))}." for where, sums in [("all", every), *rows]]

    def _said(self, sums: Sequence[tuple[float, int]]) -> Iterator[str]:
        for label, (error, count) in zip(self._labels, sums, strict=True):
            if count:
                yield f"{label} {float(psnr(torch.tensor(error / count))):.1f} dB"


class Parting(NamedTuple):
    """Where a world leaves another one."""

    frame: int
    """The first frame that differs, or the length of the shorter one."""
    said: str


def parting(one: World, other: World, labels: tuple[str, str]) -> Parting:
    """Say from which frame on `other` is not `one`."""
    variant, shared = variant_of(one.start), shared_chunks(one, other)
    frame, (first, second) = variant.chunking.first_frame(shared), labels
    if one.digest != other.digest:
        return Parting(0, f"{second} begins elsewhere than {first}.")
    if shared < min(len(one.chunks), len(other.chunks)):
        return Parting(frame, f"{second} leaves {first} at frame {frame} (chunk {shared}).")
    if len(one.chunks) == len(other.chunks):
        return Parting(frame, f"{second} is {first}, bit for bit.")
    longer, shorter = (first, second) if len(one.chunks) > len(other.chunks) else (second, first)
    return Parting(frame, f"{longer} goes on where {shorter} ends, at frame {frame}.")


def told_alike(one: World, other: World) -> int:
    """Return for how many frames two worlds were told the same, and so walk the same way, whatever became of it."""
    if one.start.variant != other.start.variant:
        return 0
    first, second = walked_track(one), walked_track(other)
    length = min(first.frames, second.frames)
    differ = (first.keys[:length] != second.keys[:length]).any(1) | (first.mouse[:length] != second.mouse[:length]).any(
        1
    )
    if first.camera is not None and second.camera is not None:
        differ |= (first.camera.c2w[:length] != second.camera.c2w[:length]).flatten(1).any(1)
    return int(differ.nonzero()[0]) if differ.any() else length


def shared_chunks(one: World, other: World) -> int:
    """Return how many chunks two worlds have in common from their start on; 0 for two starts."""
    if one.digest != other.digest:
        return 0
    for index, (a, b) in enumerate(zip(one.chunks, other.chunks, strict=False)):
        if a is not b and not (a.latents.dtype == b.latents.dtype and torch.equal(latents_of(a), latents_of(b))):
            return index
    return min(len(one.chunks), len(other.chunks))


def fitting_scale(columns: int, size: tuple[int, int]) -> int:
    """Return the whole factor for pictures of a size (H, W), so that the columns together stay within `WIDTH`."""
    return min(readable_scale(size[0]), max(1, WIDTH // (columns * size[1])))


def common_size(sizes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Return the size (H, W) of the cells in which pictures of such sizes are shown.

    Those of one size keep it. Others are shown as wide as the widest, but all together not much wider than a screen, in
    the shape of the first one.
    """
    if len(set(sizes)) == 1:
        return sizes[0]
    (height, width), widest = sizes[0], max(width for _, width in sizes)
    across = min(widest, 2 * WIDTH // len(sizes))
    return round(height * across / width), across


def fitted(pictures: Tensor, size: tuple[int, int]) -> Tensor:
    """Return pictures (f, H, W, 3) in a cell (h, w), whole and in the middle, (f, h, w, 3) in 0..1."""
    high, wide = pictures.shape[1:3]
    if (high, wide) == size:
        return pictures
    share = min(size[0] / high, size[1] / wide)
    inner = tuple(min(side, max(1, round(share * own))) for side, own in zip(size, (high, wide), strict=True))
    planes = pictures[..., :3].float().movedim(-1, 1)
    small = interpolate(planes, size=inner, mode="bicubic", antialias=True).movedim(1, -1).clamp(0, 1)
    cell = small.new_zeros(len(small), *size, 3)
    top, left = ((outer - side) // 2 for outer, side in zip(size, inner, strict=True))
    cell[:, top : top + inner[0], left : left + inner[1]] = small
    return cell


def side_by_side(
    columns: Sequence[Column],
    span: Span,
    size: tuple[int, int],
    *,
    scale: int = 0,
    branches: Sequence[int] = (),
    errors: Errors | None = None,
) -> Iterator[Tensor]:
    """Lay columns side by side, frame by frame; of each column one piece is held at a time.

    Args:
        columns: with `errors`, the last one is the truth.
        span: the frames to show.
        size: (H, W) of all pictures.
        scale: whole factor by which pictures are enlarged; 0 chooses one.
        branches: frames that are marked on the bar below.
        errors: measures every other column against the last.

    Yields:
        (H', W', 3) float32 on the CPU, both sides even.
    """
    scale = scale or fitting_scale(len(columns), size)
    board = _Board([column.label for column in columns], (size[0] * scale, size[1] * scale), span, branches)
    streams = [_stream(column, span.first, scale) for column in columns]
    pictures: list[Tensor] = [torch.empty(0)] * len(columns)
    drawn = list(pictures)
    for number in range(span.first, span.last + 1):
        for i, column in enumerate(columns):
            if number < column.frames or number == span.first:
                pictures[i], drawn[i] = next(streams[i])
            if number == max(column.frames, span.first):
                drawn[i] = enlarged(pictures[i], scale) * _HELD
        if errors is not None and number < columns[-1].frames:
            lasting = [number < min(column.frames, _measured(column)) for column in columns[:-1]]
            measured = [picture if lasts else None for picture, lasts in zip(pictures, lasting, strict=False)]
            if any(lasting):
                errors.add(number, measured, pictures[-1])
        yield board.frame(number, drawn)


def _measured(column: Column) -> int:
    return column.frames if column.measured is None else column.measured


def _stream(column: Column, first: int, scale: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield every picture as it was decoded, and in its final size with what its world was told at that frame."""
    frame = first
    for piece in column.pieces:
        piece = piece[..., :3].float()
        if column.track is None:
            drawn = torch.stack([enlarged(picture, scale) for picture in piece])
        else:
            drawn = draw_controls(piece, column.track, first_frame=frame, scale=scale, path_map=False, counter=False)
        yield from zip(piece, drawn, strict=True)
        frame += len(piece)


class _Board:
    """What stands around the pictures."""

    def __init__(self, labels: Sequence[str], size: tuple[int, int], span: Span, branches: Sequence[int]) -> None:
        self.labels, self.size, self.span, self.branches = labels, size, span, branches
        self.unit = min(14.0, max(6.0, size[1] / 32))
        self.gap = round(_GAP * self.unit)
        width = len(labels) * (size[1] + self.gap) - self.gap
        self.width = width + width % 2
        self.header = self._painted(self._header())
        footer = round(_FOOTER * self.unit)
        self.footer = footer + (len(self.header) + size[0] + footer) % 2
        self.empty = torch.empty(len(self.header) + size[0] + self.footer, self.width, 3)
        self.empty[:] = torch.tensor(_BACKGROUND[:3]) / 255
        self.empty[: len(self.header)] = self.header

    def frame(self, number: int, pictures: Sequence[Tensor]) -> Tensor:
        whole, top = self.empty.clone(), len(self.header)
        for i, picture in enumerate(pictures):
            left = i * (self.size[1] + self.gap)
            whole[top : top + self.size[0], left : left + self.size[1]] = picture.cpu()
        whole[top + self.size[0] :] = self._painted(self._footer(number))
        return whole

    def _header(self) -> Canvas:
        canvas = self._canvas(round(_HEADER * self.unit))
        for i, label in enumerate(self.labels):
            middle = (i * (self.size[1] + self.gap) + self.size[1] / 2) / self.unit
            canvas.text(middle, _HEADER / 2, label, 1.5, INK, bold=0.03)
        return canvas

    def _footer(self, number: int) -> Canvas:
        canvas = self._canvas(self.footer)
        y, frames = _FOOTER / 2, self.span.last - self.span.first
        digits = 0.75 * len(str(self.span.last))
        canvas.text(0.8 + digits, y, str(number), 1.2, INK, anchor="rm", bold=0.03)
        canvas.text(1.2 + digits, y, f"/ {self.span.last}", 1.0, FAINT, anchor="lm")
        left = 2.6 + 2 * digits
        width = self.width / self.unit - left - 1
        canvas.line([(left, y), (left + width, y)], 0.14, EDGE)
        canvas.line([(left, y), (left + width * (number - self.span.first) / max(1, frames), y)], 0.2, INK)
        for branch in self.branches:
            canvas.dot(left + width * (branch - self.span.first) / max(1, frames), y, 0.38, fill=TURN)
        return canvas

    def _canvas(self, height: int) -> Canvas:
        return Canvas(self.unit, self.width / self.unit, height / self.unit, _BACKGROUND)

    def _painted(self, canvas: Canvas) -> Tensor:
        return torch.from_numpy(np.array(canvas.painted().convert("RGB"))).float() / 255
