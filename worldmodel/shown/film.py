"""Films, contact sheets and moving pictures from frames.

Frames are (frames, height, width, 3) in 0..1, float tensors on any device.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from ..reading.words import shortened
from ..storage.pixels import to_bytes
from ..storage.troubles import Unwritable, shown
from ..storage.writing import Part
from .ffmpeg import Encoder, FFmpegError, decoded, rate_of

log = logging.getLogger(__name__)
LEAST_FPS, MOST_FPS = 0.01, 1000.0
"""Frames per second that a film may have."""

FILM_WIDTH = 768
"""Pixels to which small pictures are enlarged at least."""
_ROOM = 2**20
"""Free bytes below which a disk is full for an encoder."""


class Film(NamedTuple):
    """A film that was read: frames (frames, height, width, 3) float32 in 0..1, and frames per second."""

    frames: Tensor
    fps: float


def film_scale(width: int) -> int:
    """Return the whole factor by which pictures of this width are enlarged for a film: 1 unless they are small."""
    return 1 if 2 * width > FILM_WIDTH else -(-FILM_WIDTH // width)


class FilmWriter:
    """An H.264 film that is written while its frames come in, and appears under its name when it is complete.

        with FilmWriter(path, fps=16) as film:
            film.append(frames)

    Odd sizes get one more row or column, a copy of the last, because the format halves its colours. An error inside
    the `with` leaves no file, nor touches one that was there before.

    Args:
        path: the film's name, ending in .mp4 (or .mkv, .mov); its folder must exist.
        fps: frames per second.
        scale: whole factor by which small pictures are enlarged, pixel by pixel.
        crf: quality of H.264, 0 (lossless) to 51; 17 looks like the frames.
    """

    def __init__(self, path: str | os.PathLike[str], fps: float, *, scale: int = 1, crf: int = 17) -> None:
        if not LEAST_FPS <= fps <= MOST_FPS:
            raise ValueError(f"fps must be a number above 0, from {LEAST_FPS:g} to {MOST_FPS:g}, not {fps}")
        if isinstance(scale, bool) or not isinstance(scale, int) or scale < 1:
            raise ValueError(f"scale must be a whole number from 1, not {scale!r}")
        self.path = Path(path)
        if not self.path.parent.is_dir():
            raise ValueError(f"film: the folder {shown(self.path.parent)} does not exist; create it first")
        self.frames = 0
        self._fps, self._scale, self._crf = fps, scale, crf
        self._size: tuple[int, int] | None = None
        self._encoder: Encoder | None = None
        self._part: Part | None = None

    def __enter__(self) -> FilmWriter:
        """Make its hidden file, so that a folder that may not be written to is told before any frame is made.

        Raises:
            ValueError: the operating system refused.
        """
        self._begin()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()

    def append(self, frames: Tensor) -> None:
        """Add frames (frames, height, width, 3) in 0..1; all must have the size of the first.

        Raises:
            ValueError: the shape is not that of frames, the size changed, or the film cannot be written any more.
        """
        if frames.ndim != 4 or frames.shape[-1] != 3:
            raise ValueError(f"film: frames must be (frames, height, width, 3), not {tuple(frames.shape)}")
        height, width = frames.shape[1:3]
        if self._size is None and len(frames):
            self._size = (height, width)
            self._open(height * self._scale, width * self._scale)
        if self._size != (height, width) and len(frames):
            raise ValueError(f"film: frames of {width}x{height} after frames of {self._size[1]}x{self._size[0]}")
        for frame in frames:
            try:
                self._encoder.write(self._fitted(to_bytes(frame)))
            except FFmpegError as error:
                raise self._broken(error) from None
            self.frames += 1

    def close(self) -> None:
        """Finish the film and give it its name.

        Raises:
            ValueError: no frame was added.
            Unwritable: the film was not written to its end.
        """
        try:
            if self._encoder is None:
                raise ValueError("film: there are no frames to write; add at least one")
            try:
                self._encoder.close()
            except FFmpegError as error:
                raise self._broken(error) from None
            self._part.finish()
        finally:
            self.discard()

    def discard(self) -> None:
        """Stop and leave nothing behind."""
        if self._encoder is not None:
            self._encoder.kill()
            self._encoder = None
        if self._part is not None:
            self._part.__exit__(None, None)
            self._part = None

    def _begin(self) -> Part:
        if self._part is None:
            self._part = Part(self.path, "film", self.path.suffix).__enter__()
        return self._part

    def _open(self, height: int, width: int) -> None:
        size = (width + width % 2, height + height % 2)
        self._encoder = Encoder(self._begin().path, size, _rate(self._fps), self._crf)

    def _broken(self, error: FFmpegError) -> Unwritable:
        """Say why the encoder stopped, as far as that can be seen."""
        log.warning("film: ffmpeg said: %s", error)
        folder = shown(self.path.parent)
        if not self._part.path.is_file():
            return Unwritable(
                f"film: found the unfinished film gone from {folder}, expected it to stay; another ComfyUI that starts "
                "on the same folder empties temp: try again."
            )
        if shutil.disk_usage(self.path.parent).free < _ROOM:
            return Unwritable(
                f"film: found no room for {shown(self.path.name)} on the disk of {folder}, expected enough for all of "
                "it; make room and try again."
            )
        return Unwritable(
            f"film: found that the encoder stopped while it wrote {shown(self.path.name)} into {folder}, expected it "
            "to go on to the end; the log says what it said: try again, or choose another folder."
        )

    def _fitted(self, frame: np.ndarray) -> np.ndarray:
        frame = frame.repeat(self._scale, 0).repeat(self._scale, 1)
        return np.pad(frame, ((0, frame.shape[0] % 2), (0, frame.shape[1] % 2), (0, 0)), mode="edge")


def read_film(path: str | os.PathLike[str]) -> Film:
    """Read a whole film.

    Raises:
        ValueError: there is no such film, or it cannot be read.
    """
    pictures = list(film_frames(path))
    if not pictures:
        raise ValueError(f"film: {shown(path)} holds no frames")
    try:
        rate = rate_of(path)
    except FFmpegError as error:
        raise _unreadable(path, error) from None
    return Film(torch.from_numpy(np.stack(pictures)).float() / 255, float(rate))


def film_frames(path: str | os.PathLike[str]) -> Iterator[np.ndarray]:
    """Yield a film's frames (height, width, 3) uint8 one after another; says what `read_film` says."""
    if not Path(path).is_file():
        raise ValueError(f"film: there is no file {shown(path)}")
    try:
        yield from decoded(path)
    except FFmpegError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: str | os.PathLike[str], error: FFmpegError) -> ValueError:
    return ValueError(f"film: {shown(path)} cannot be read as a film ({shortened(shown(str(error)), 80)})")


def contact_sheet(
    frames: Tensor,
    columns: int,
    labels: Sequence[str] | None = None,
    *,
    scale: float = 1,
    gutter: int = 2,
    background: tuple[int, int, int] = (17, 18, 20),
) -> Image.Image:
    """Lay frames out in rows with thin gutters.

    Args:
        frames: (frames, height, width, 3) in 0..1.
        columns: pictures per row.
        labels: one line under each picture.
        scale: size of a picture on the sheet, 1 is its own; whole factors keep the pixels, others are smooth.
        gutter: pixels between pictures and around them.
        background: 0..255.

    Raises:
        ValueError: no frames, or columns or labels do not fit them.
    """
    if frames.ndim != 4 or not len(frames) or columns < 1 or scale <= 0:
        raise ValueError(
            f"contact sheet: needs frames, columns and a scale, not {tuple(frames.shape)}, {columns}, {scale}"
        )
    if labels is not None and len(labels) != len(frames):
        raise ValueError(f"contact sheet: {len(labels)} labels for {len(frames)} frames; give one to each or none")
    columns = min(columns, len(frames))
    rows = -(-len(frames) // columns)
    width, height = (max(1, round(side * scale)) for side in (frames.shape[2], frames.shape[1]))
    text = max(10, min(16, height // 12)) if labels else 0
    line = round(text * 1.7)
    resample = Image.Resampling.NEAREST if scale == int(scale) else Image.Resampling.LANCZOS
    size = (columns * (width + gutter) + gutter, rows * (height + line + gutter) + gutter)
    sheet = Image.new("RGB", size, background)
    draw = ImageDraw.Draw(sheet)
    for i, picture in enumerate(to_bytes(frames)):
        left, top = gutter + i % columns * (width + gutter), gutter + i // columns * (height + line + gutter)
        sheet.paste(Image.fromarray(picture).resize((width, height), resample), (left, top))
        if labels:
            at = (left + text // 3, top + height + line // 2)
            draw.text(at, labels[i], fill=(190, 193, 198), font=ImageFont.load_default(text), anchor="lm")
    return sheet


def animation(
    frames: Tensor, path: str | os.PathLike[str], fps: float, *, scale: int = 1, max_bytes: int = 3_000_000
) -> None:
    """Write a moving picture for a page: .webp, or .gif where nothing newer is shown; it repeats for ever.

    The best quality that fits into `max_bytes` is taken; a GIF that is too large shows every other frame.

    Raises:
        ValueError: the ending is another, there are no frames, or nothing fits into `max_bytes`.
    """
    path = Path(path)
    if path.suffix.lower() not in (".webp", ".gif") or not len(frames):
        raise ValueError(f"animation: needs frames and a name ending in .webp or .gif, not {path.name}")
    pictures = [Image.fromarray(p.repeat(scale, 0).repeat(scale, 1)) for p in to_bytes(frames)]
    # whole milliseconds that add up to the film's length
    times = [round(i * 1000 / fps) for i in range(len(pictures) + 1)]
    if path.suffix.lower() == ".webp":
        attempts = [(1, {"quality": quality, "method": 4}) for quality in (90, 80, 70, 60, 45, 30)]
    else:
        attempts = [(every, {"optimize": True, "disposal": 1}) for every in (1, 2, 3, 4)]
    with Part(path, "animation", path.suffix) as part:
        for every, options in attempts:
            chosen, edges = pictures[::every], [*times[:-1][::every], times[-1]]
            durations = [later - earlier for earlier, later in pairwise(edges)]
            chosen[0].save(part.path, save_all=True, append_images=chosen[1:], duration=durations, loop=0, **options)
            if part.path.stat().st_size <= max_bytes:
                part.finish()
                return
    raise ValueError(f"animation: {len(frames)} frames do not fit into {max_bytes} bytes; give fewer or smaller frames")


def _rate(fps: float) -> Fraction:
    """29.97 and its like are meant as 30000/1001."""
    known = (Fraction(whole * 1000, 1001) for whole in (24, 30, 48, 60, 120))
    return next((rate for rate in known if abs(fps - rate) < 5e-3), Fraction(fps).limit_denominator(1_000_000))
