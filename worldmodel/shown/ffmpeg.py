"""ffmpeg as a process of ours: pictures go in or come out through a pipe that is closed where it was opened.

imageio-ffmpeg brings the program. Its own readers and writers leave pipes to the garbage collector (on Windows an open
pipe keeps files from being deleted), do not tell how ffmpeg ended, and round a film's rate to two decimals; so only the
program is taken from it.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from fractions import Fraction
from typing import Any

import numpy as np

COLOUR = ("-colorspace", "smpte170m", "-color_primaries", "smpte170m", "-color_trc", "smpte170m", "-color_range", "tv")
"""What the conversion from RGB does unless told otherwise; said in the file, so that players need not guess."""
COLOUR_OF_INPUT = ("-color_primaries", "smpte170m", "-color_trc", "smpte170m")
"""Since ffmpeg 8 a film's primaries and transfer are those of its pictures, whatever is said behind the input."""


class FFmpegError(OSError):
    """ffmpeg could not do it; the message is the last line that it said."""


def _start(options: Sequence[str], said: Any, **pipes: Any) -> subprocess.Popen[bytes]:
    """Start ffmpeg, hidden, and deaf to the Ctrl+C of the terminal, which is for us to hear."""
    import imageio_ffmpeg

    apart: dict[str, Any] = {"start_new_session": True}
    if os.name == "nt":
        apart = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", *options]
    return subprocess.Popen(command, stderr=said, **pipes, **apart)


def _last_line(said: Any) -> str:
    said.seek(0)
    lines = said.read().decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "ffmpeg ended without a word")


class Encoder:
    """An H.264 film that is written picture by picture; ends with `close`, or with `kill`."""

    def __init__(self, path: str | os.PathLike[str], size: tuple[int, int], rate: Fraction, crf: int) -> None:
        """Start to write.

        Args:
            path: replaced if it is there.
            size: width and height, even numbers.
            rate: frames per second.
            crf: quality, 0 (lossless) to 51.
        """
        pictures = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{size[0]}x{size[1]}", "-r", str(rate)]
        film = ["-an", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", str(crf), "-preset", "medium"]
        film += ["-movflags", "+faststart+write_colr", *COLOUR]
        options = ["-y", "-xerror", *pictures, *COLOUR_OF_INPUT, "-i", "-", *film, os.fspath(path)]
        self._said = tempfile.TemporaryFile()
        try:
            self._process = _start(options, self._said, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        except BaseException:
            self._said.close()
            raise

    def write(self, picture: np.ndarray) -> None:
        """Add a picture (height, width, 3), uint8.

        Raises:
            FFmpegError: it takes no more.
        """
        try:
            self._process.stdin.write(np.ascontiguousarray(picture))
        except OSError:
            self._process.wait()
            raise FFmpegError(_last_line(self._said)) from None

    def close(self) -> None:
        """Wait until the film is whole.

        Raises:
            FFmpegError: it is not.
        """
        try:
            with suppress(OSError):  # it went before its end; how, its status says
                self._process.stdin.close()
            if self._process.wait():
                raise FFmpegError(_last_line(self._said))
        finally:
            self.kill()

    def kill(self) -> None:
        """End it at once, if it has not ended."""
        self._process.kill()
        self._process.wait()
        with suppress(OSError):  # what was still to be written has nowhere to go
            self._process.stdin.close()
        self._said.close()


@contextmanager
def _read(options: Sequence[str]) -> Iterator[tuple[Any, Any]]:
    """Yield what ffmpeg writes, as a stream, and a function that waits for its end and raises if it failed."""
    with tempfile.TemporaryFile() as said:
        process = _start([*options, "-"], said, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)

        def end() -> None:
            if process.wait():
                raise FFmpegError(_last_line(said))

        try:
            yield process.stdout, end
        finally:
            process.kill()
            process.stdout.close()
            process.wait()


def decoded(path: str | os.PathLike[str]) -> Iterator[np.ndarray]:
    """Yield a film's pictures (height, width, 3), uint8.

    Raises:
        FFmpegError: it cannot be read to its end.
    """
    with _read(["-xerror", "-i", os.fspath(path), "-map", "0:v:0", "-f", "image2pipe", "-c:v", "ppm"]) as (stream, end):
        while stream.readline():  # P6
            width, height = map(int, stream.readline().split())
            stream.readline()  # 255
            data = stream.read(3 * width * height)
            if len(data) < 3 * width * height:
                break
            yield np.frombuffer(data, np.uint8).reshape(height, width, 3)
        end()


def rate_of(path: str | os.PathLike[str]) -> Fraction:
    """Return a film's frames per second, as the fraction that it states.

    Raises:
        FFmpegError: it cannot be read, or states none.
    """
    one = ["-i", os.fspath(path), "-map", "0:v:0", "-frames:v", "1", "-pix_fmt", "yuv420p", "-f", "yuv4mpegpipe"]
    with _read(one) as (stream, end):
        words = stream.readline(200).decode("ascii", "replace").split()
        found = [word[1:].split(":") for word in words[1:] if word.startswith("F")]
        if not found:
            end()
            raise FFmpegError("no rate is stated")
        rate = Fraction(int(found[0][0]), int(found[0][1]) or 1)
    if not rate:
        raise FFmpegError("no rate is stated")
    return rate
