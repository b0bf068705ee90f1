"""Films, contact sheets and moving pictures from frames.

Frames are (frames, height, width, 3) in 0..1, float tensors on any device.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

_COLOUR = ("-colorspace", "smpte170m", "-color_primaries", "smpte170m", "-color_trc", "smpte170m", "-color_range", "tv")
"""What the conversion from RGB does unless told otherwise; said in the file, players need not guess."""


class Film(NamedTuple):
    """A film that was read: frames (frames, height, width, 3) float32 in 0..1, and frames per second."""

    frames: Tensor
    fps: float


def to_bytes(frames: Tensor) -> np.ndarray:
    """Turn frames in 0..1 into contiguous uint8 on the CPU; what is not a number becomes black.

    Args:
        frames: (..., height, width, 3) floats.
    """
    levels = frames.detach().float().nan_to_num(0.0).clamp(0, 1).mul(255).round()
    return levels.to("cpu", torch.uint8).contiguous().numpy()


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
        if not fps > 0 or fps > 1000:
            raise ValueError(f"fps must be a number above 0, up to 1000, not {fps}")
        if isinstance(scale, bool) or not isinstance(scale, int) or scale < 1:
            raise ValueError(f"scale must be a whole number from 1, not {scale!r}")
        self.path = Path(path)
        if not self.path.parent.is_dir():
            raise ValueError(f"film: the folder {self.path.parent} does not exist; create it first")
        self.frames = 0
        self._fps, self._scale, self._crf = fps, scale, crf
        self._size: tuple[int, int] | None = None
        self._pipe = None
        self._partial = self.path.with_name(f".{self.path.stem}.{uuid.uuid4().hex[:8]}.part{self.path.suffix}")

    def __enter__(self) -> FilmWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()

    def append(self, frames: Tensor) -> None:
        """Add frames (frames, height, width, 3) in 0..1; all must have the size of the first.

        Raises:
            ValueError: the shape is not that of frames, or the size changed.
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
            self._pipe.send(np.ascontiguousarray(self._fitted(to_bytes(frame))))
            self.frames += 1

    def close(self) -> None:
        """Finish the film and give it its name.

        Raises:
            ValueError: no frame was added.
        """
        if self._pipe is None:
            raise ValueError("film: there are no frames to write; add at least one")
        try:
            self._pipe.close()
            self._check()
            os.replace(self._partial, self.path)
        except BaseException:
            self.discard()
            raise
        self._pipe = None

    def discard(self) -> None:
        """Stop and leave nothing behind."""
        if self._pipe is not None:
            with suppress(OSError):
                self._pipe.close()
            self._pipe = None
        self._partial.unlink(missing_ok=True)

    def _open(self, height: int, width: int) -> None:
        import imageio_ffmpeg

        size = (width + width % 2, height + height % 2)
        self._pipe = imageio_ffmpeg.write_frames(
            str(self._partial),
            size,
            fps=_rate(self._fps),
            codec="libx264",
            pix_fmt_out="yuv420p",
            quality=None,
            macro_block_size=1,
            ffmpeg_log_level="error",
            output_params=["-crf", str(self._crf), "-preset", "medium", "-movflags", "+faststart", *_COLOUR],
        )
        self._pipe.send(None)

    def _check(self) -> None:
        """Look at the length the file states, because the encoder's exit status is not told."""
        import imageio_ffmpeg

        reader = imageio_ffmpeg.read_frames(str(self._partial))
        try:
            seconds = next(reader)["duration"]
        except (OSError, RuntimeError, StopIteration):
            seconds = 0.0
        finally:
            reader.close()
        if abs(seconds - self.frames / self._fps) > 0.02 + 0.5 / self._fps:
            raise OSError(f"film: {self.path} was not written to its end; is the disk full?")

    def _fitted(self, frame: np.ndarray) -> np.ndarray:
        frame = frame.repeat(self._scale, 0).repeat(self._scale, 1)
        return np.pad(frame, ((0, frame.shape[0] % 2), (0, frame.shape[1] % 2), (0, 0)), mode="edge")


def read_film(path: str | os.PathLike[str]) -> Film:
    """Read a whole film.

    Raises:
        ValueError: there is no such film, or it cannot be read.
    """
    reader, meta = _open(path)
    pictures = list(_pictures(reader, meta, path))
    if not pictures:
        raise ValueError(f"film: {path} holds no frames")
    return Film(torch.from_numpy(np.stack(pictures)).float() / 255, float(meta["fps"]))


def film_frames(path: str | os.PathLike[str]) -> Iterator[np.ndarray]:
    """Yield a film's frames (height, width, 3) uint8 one after another; says what `read_film` says."""
    yield from _pictures(*_open(path), path)


def _open(path: str | os.PathLike[str]) -> tuple[Iterator, dict]:
    import imageio_ffmpeg

    if not Path(path).is_file():
        raise ValueError(f"film: there is no file {path}")
    try:
        reader = imageio_ffmpeg.read_frames(str(path), pix_fmt="rgb24")
        return reader, next(reader)
    except (OSError, RuntimeError, StopIteration) as error:
        raise ValueError(f"film: {path} cannot be read as a film ({error})") from None


def _pictures(reader: Iterator, meta: dict, path: str | os.PathLike[str]) -> Iterator[np.ndarray]:
    width, height = meta["size"]
    try:
        for data in reader:
            yield np.frombuffer(data, np.uint8).reshape(height, width, 3)
    except (OSError, RuntimeError) as error:
        raise ValueError(f"film: {path} cannot be read as a film ({error})") from None


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
    partial = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}.part{path.suffix}")
    try:
        for every, options in attempts:
            shown, edges = pictures[::every], [*times[:-1][::every], times[-1]]
            durations = [later - earlier for earlier, later in pairwise(edges)]
            shown[0].save(partial, save_all=True, append_images=shown[1:], duration=durations, loop=0, **options)
            if partial.stat().st_size <= max_bytes:
                os.replace(partial, path)
                return
    finally:
        partial.unlink(missing_ok=True)
    raise ValueError(f"animation: {len(frames)} frames do not fit into {max_bytes} bytes; give fewer or smaller frames")


def _rate(fps: float) -> float | Fraction:
    """29.97 and its like are meant as 30000/1001."""
    return next((Fraction(whole * 1000, 1001) for whole in (24, 30, 60) if abs(fps - whole / 1.001) < 5e-3), fps)
