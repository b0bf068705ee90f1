"""Places in a world as an artist writes them, in frames, seconds or chunks: `33`, `2.5s`, `c3`; `-2s` is 2 s before
the end."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from ..reading.words import counted, shortened
from ..variants import Variant
from .state import World, variant_of

_WRITTEN = re.compile(
    r"(?P<end>[-−])?\s*(?P<chunk>c)?\s*(?P<number>[0-9]{1,9}(\.[0-9]{1,6})?)\s*(?P<unit>[fsc])?", re.I
)
_FRAME, _SECOND, _CHUNK = "f", "s", "c"


class Moment(NamedTuple):
    """A place in a world, before one knows the world.

    Args:
        number: 0 or more; whole for frames and chunks.
        unit: `f`, `s` or `c`.
        from_end: counted back from the world's end.
        text: as it was written.
    """

    number: float
    unit: str
    from_end: bool
    text: str


class Extent(NamedTuple):
    """A world's length, and the rate at which its seconds are counted."""

    variant: Variant
    """As it cuts this world into chunks."""
    chunks: int
    fps: float

    @property
    def frames(self) -> int:
        """How many frames there are."""
        return self.variant.chunking.first_frame(self.chunks)

    def said(self, frame: int) -> str:
        """Name a frame as it is told: `frame 33 (2.06 s)`."""
        return f"frame {frame} ({frame / self.fps:.2f} s)"


def extent_of(world: World, fps: float = 0.0) -> Extent:
    """Return a world's length; fps 0 is its model's own."""
    variant = variant_of(world.start)
    return Extent(variant, len(world.chunks), fps or variant.fps)


def parse_moment(text: str, field: str) -> Moment | None:
    """Read a place; `None` for an empty text.

    Raises:
        ValueError: it is none.
    """
    if not text.strip():
        return None
    match = _WRITTEN.fullmatch(text.strip())
    unit = "" if match is None else (match["unit"] or match["chunk"] or _FRAME).lower()
    doubled = match is not None and bool(match["chunk"]) and bool(match["unit"])
    if match is None or doubled or (unit != _SECOND and "." in match["number"]):
        raise ValueError(
            f"{field}: found {shortened(text)!r}, expected a frame, a second or a chunk such as 33, 2.5s or c3, or "
            "-2s, which is 2 seconds before the end; change it."
        )
    return Moment(float(match["number"]), unit, bool(match["end"]), text.strip())


def frame_at(moment: Moment, extent: Extent, field: str) -> int:
    """Return the frame that a place names, 0 to the world's length.

    Raises:
        ValueError: the world ends before it.
    """
    number, chunking = moment.number, extent.variant.chunking
    if moment.unit == _SECOND:
        there = math.floor(number * extent.fps + 0.5)
        frame = extent.frames - there if moment.from_end else there
    elif moment.unit == _CHUNK:
        chunk = extent.chunks - int(number) if moment.from_end else int(number)
        frame = chunking.first_frame(chunk) if 0 <= chunk <= extent.chunks else -1
    else:
        frame = extent.frames - int(number) if moment.from_end else int(number)
    if not 0 <= frame <= extent.frames:
        raise ValueError(
            f"{field}: found {moment.text}, expected a place within {counted(extent.frames, 'frame')}, "
            f"{extent.frames / extent.fps:.2f} s, {counted(extent.chunks, 'chunk')}; change it."
        )
    return frame


def frames_between(first: str, last: str, extent: Extent, fields: tuple[str, str]) -> tuple[int, int]:
    """Return the first and the last frame of a range; an empty text is the world's own beginning or end.

    A frame or a chunk as the end is still in the range; a second ends it, so that 2s to 4s lasts two seconds.

    Raises:
        ValueError: a text is no place, the world ends before it, or there is no frame between the two.
    """
    begin, end = (parse_moment(text, field) for text, field in zip((first, last), fields, strict=True))
    start = 0 if begin is None else frame_at(begin, extent, fields[0])
    stop = extent.frames if end is None else frame_at(end, extent, fields[1])
    if end is not None and end.unit == _FRAME:
        stop += 1
    elif end is not None and end.unit == _CHUNK:
        stop = extent.variant.chunking.first_frame(extent.variant.chunking.chunk_of(stop) + 1)
    if not start < stop <= extent.frames:
        raise ValueError(
            f"{fields[0]}, {fields[1]}: found {first or 'the start'} to {last or 'the end'}, frames {start} to "
            f"{stop - 1}, expected a range within frames 0 to {extent.frames - 1}; change them."
        )
    return start, stop - 1


def chunk_near(moment: Moment, extent: Extent, field: str, most: int) -> tuple[int, str]:
    """Round a place to where a chunk begins.

    Args:
        moment: the place.
        extent: of the world.
        field: the input that it comes from.
        most: chunks that may lie before it.

    Returns:
        The chunks that lie before it, and a sentence that says where it is.

    Raises:
        ValueError: the world ends before the place.
    """
    frame, chunking = frame_at(moment, extent, field), extent.variant.chunking
    chunk = min(range(most + 1), key=lambda index: abs(chunking.first_frame(index) - frame))
    there = chunking.first_frame(chunk)
    if there == frame:
        return chunk, f"{moment.text} is {extent.said(there)}, where chunk {chunk} begins."
    return chunk, (
        f"{moment.text} is {extent.said(frame)}; rounded to {extent.said(there)}, where chunk {chunk} begins."
    )
