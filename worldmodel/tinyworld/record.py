"""Walks through Tiny World on disk: a data engine in miniature.

    index.jsonl      {"recording": settings}, then a line for each walk, then {"summary": figures}
    walk_00000.mp4   F frames
    walk_00000.csv   a row per frame: keys held, mouse, pose before and after, bumped; `walk_files.COLUMNS`
    walk_00000.npz   the same as arrays, poses as camera-to-world, intrinsics, depth if wished; `walk_files`
    walk_00000.txt   the standard caption and the interaction caption, a line each

A walk is finished once its line stands in the index. What was finished is never written again, so a recording that was
interrupted goes on where it stopped, and a finished one grows. Equal settings give equal tables, arrays and captions.

Shapes: F frames, H x W picture.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections import Counter
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from ..reading.limits import MAX_FRAMES
from ..reading.words import shortened
from ..storage.locks import FolderLock
from ..storage.troubles import shown, told
from ..storage.writing import remove_stale, write_file
from . import captions, walks
from . import walk_files as files
from .walks import Walk

log = logging.getLogger(__name__)
VERSION = 1
INDEX = "index.jsonl"
_PARTS = re.compile(r"\.walk_\d+(\.(mp4|csv|npz|txt))?\.\w+\.part(\.\w+)?")
"""Hidden names of a walk's files while they are written."""
LEAST_SIDE, MOST_SIDE = 16, 2160
_SUMMED = {
    "walk", "frames", "fps", "world_seed", "turned_down", "kind", "tags", "agreement", "replay_error", "return_error",
    "film_psnr",
}  # fmt: skip
"""Members of a walk's line that its recording's summary is made of."""


class Settings(NamedTuple):
    """What a recording consists of; one folder has one kind of walks. size is (height, width) in pixels."""

    seed: int
    frames: int
    split: str = "train"
    kind: str = walks.MIXED
    size: tuple[int, int] = (64, 96)
    depth: bool = False


def record(folder: Path, count: int, settings: Settings) -> dict[str, Any]:
    """Record until a folder holds `count` walks, and return the summary; goes on where it was interrupted.

    Raises:
        ValueError: a setting has no meaning, or the folder holds another recording.
    """
    check_settings(count, settings)
    recording = Recording(folder, {**settings._asdict(), "size": list(settings.size)}, field="--out")
    with recording.lock:  # all the way: two that draw the same walks would write each twice
        while len(recording.lines) < count:
            turned_down = 0
            while walks.stuck(walk := draw_next(recording, turned_down, settings)):
                turned_down += 1
            line = recording.add(walk, settings.size, settings.depth, turned_down)
            said = line["walk"], count, walk.kind, walk.world_seed, ", ".join(line["tags"])
            log.info("%s of %d: %s, world %d, %s", *said)
        return recording.finish()


def draw_next(recording: Recording, turned_down: int, settings: Settings) -> Walk:
    """Draw the candidate that follows the finished walks and the `turned_down` ones after them."""
    candidate = recording.candidates + turned_down
    return walks.draw_walk(settings.seed, candidate, settings.kind, settings.frames, settings.split)


def parse_size(text: str) -> tuple[int, int]:
    """Read a picture's size, such as 64x96: height and width in pixels.

    Raises:
        ValueError: it is not written so.
    """
    sides = text.lower().split("x")
    if len(sides) != 2 or not all(side.isdecimal() for side in sides):
        raise ValueError(f"--size: found {shortened(text)!r}, expected HEIGHTxWIDTH in pixels; write it as 64x96.")
    return int(sides[0]), int(sides[1])


def check_settings(count: int, settings: Settings) -> None:
    """Check what a user can get wrong.

    Raises:
        ValueError: names the option.
    """
    height, width = settings.size
    if count < 1:
        raise ValueError(f"--walks: found {count}, expected 1 or more; say how many walks the folder shall hold.")
    if not walks.LEAST_FRAMES <= settings.frames <= MAX_FRAMES:
        raise ValueError(
            f"--frames: found {settings.frames}, expected {walks.LEAST_FRAMES} to {MAX_FRAMES}; give another length."
        )
    if settings.seed < 0:
        raise ValueError(f"--seed: found {settings.seed}, expected 0 or more; give another seed.")
    if not all(LEAST_SIDE <= side <= MOST_SIDE for side in (height, width)):
        raise ValueError(
            f"--size: found {height}x{width}, expected sides of {LEAST_SIDE} to {MOST_SIDE}; give HEIGHTxWIDTH."
        )


class Recording:
    """A folder of walks that grows. Several processes may add to it, one after another.

    Attributes:
        lines: the index's line of each finished walk.
        lock: of the folder, held while something is written; one that waits asks `lock.waiting`.
    """

    def __init__(
        self, folder: Path, about: dict[str, Any], waiting: Callable[[], None] | None = None, field: str = "folder"
    ) -> None:
        """Open or begin a recording.

        Args:
            folder: where it lies; made if it is not there.
            about: its settings; a folder with other settings is refused.
            waiting: called again and again while another process writes into the folder; `None`: that is refused.
            field: the input that names the folder.

        Raises:
            ValueError: the folder holds another recording or cannot be written to, its index cannot be read, or no
                film can be written.
        """
        if find_spec("imageio_ffmpeg") is None:
            raise ValueError(
                "film: found no imageio-ffmpeg in this Python, expected it for the films; install the pack's "
                "requirements.txt."
            )
        self.index = folder / INDEX
        self.lines: list[dict[str, Any]] = []
        self._header = {"recording": {"version": VERSION, **about}}
        self._known: tuple[int, int] | None = None
        with told(field, self.index):
            folder.mkdir(parents=True, exist_ok=True)
        self.lock = FolderLock(folder, field)
        self.lock.waiting = waiting
        with self.lock:
            remove_stale(folder, _PARTS, 0)  # who wrote them is gone: the lock is free
            self._catch_up()

    @property
    def candidates(self) -> int:
        """Walks drawn so far: those that were kept, and those turned down before each of them."""
        return sum(1 + line["turned_down"] for line in self.lines)

    def add(
        self,
        walk: Walk,
        size: tuple[int, int],
        depth: bool,
        turned_down: int = 0,
        on_frames: Callable[[Tensor], None] = lambda frames: None,
    ) -> dict[str, Any]:
        """Write a walk's files, check them, and enter it in the index.

        Args:
            walk: what was walked.
            size: height and width of its film in pixels.
            depth: keep a depth map of every frame in the arrays.
            turned_down: candidates that were thrown away before this one.
            on_frames: called with each piece of rendered frames (f, H, W, 3) in 0..1, and again while they are checked.

        Returns:
            The index's line.
        """
        with self.lock:
            self._catch_up()
            try:
                line = self._write(walk, size, depth, turned_down, on_frames)
            except BaseException:
                for file in self.files({"walk": self._next()})[:-1]:
                    file.unlink(missing_ok=True)
                raise
            with told("recording", self.index), self.index.open("a", encoding="utf-8", newline="\n") as file:
                file.write(json.dumps(line) + "\n")
                file.flush()
                os.fsync(file.fileno())
            self.lines.append(line)
            self._known = _state(self.index)
        return line

    def files(self, line: dict[str, Any]) -> tuple[Path, ...]:
        """Return the files of a walk, its film first, and the index."""
        film = self.index.with_name(f"{line['walk']}.mp4")
        return (*(film.with_suffix(ending) for ending in (".mp4", ".csv", ".npz", ".txt")), self.index)

    def _next(self) -> str:
        """Return the name of the next walk."""
        return f"walk_{len(self.lines):05d}"

    def finish(self) -> dict[str, Any]:
        """Write the summary behind the walks, and return it."""
        with self.lock:
            self._catch_up()
            summary = summarise(self.lines)
            _write_index(self.index, [self._header, *self.lines, {"summary": summary}])
            self._known = _state(self.index)
        return summary

    def _write(
        self,
        walk: Walk,
        size: tuple[int, int],
        depth: bool,
        turned_down: int,
        on_frames: Callable[[Tensor], None],
    ) -> dict[str, Any]:
        """Write a walk's files and check them; return the index's line."""
        path = self.index.with_name(f"{self._next()}.mp4")
        filmed, maps = files.write_film(walk, path, size, depth, on_frames)
        files.write_table(walk, path.with_suffix(".csv"))
        files.write_arrays(walk, path.with_suffix(".npz"), size, maps)
        said = captions.describe(walk)
        files.write_captions(said, path.with_suffix(".txt"))
        return {
            "walk": path.stem,
            "split": walks.split_of(walk.world_seed),
            "world_seed": walk.world_seed,
            "kind": walk.kind,
            "frames": walk.frames,
            "fps": files.FPS,
            "size": list(size),
            "depth": depth,
            "tags": walks.tags(walk),
            **said._asdict(),
            "metres": round(float((walk.places[1:] - walk.places[:-1]).norm(dim=1)[:-1].sum()), 3),
            "degrees": round(float(walk.turns[:-1].abs().sum()), 3),
            "turned_down": turned_down,
            **files.check(path, walk.world_seed, size, filmed, on_frames),
            "return_error": walks.return_error(walk),
        }

    def _catch_up(self) -> None:
        """Read what others added, and leave the index as a walk is entered in it: without a summary or half a line.

        Raises:
            ValueError: the folder holds another recording, or the index cannot be read.
        """
        if self._known and self._known == _state(self.index):
            return
        found = _read_index(self.index)
        if found and found[0] != self._header:
            raise ValueError(
                f"{self.index}: found {_told(found[0])}, expected {_told(self._header)}; choose another folder, or the "
                "settings that the recording was begun with."
            )
        self.lines = [line for line in found[1:] if "walk" in line]
        _write_index(self.index, [self._header, *self.lines])
        self._known = _state(self.index)


def summarise(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """Sum up the index's lines of at least one walk."""
    frames, candidates = sum(line["frames"] for line in lines), sum(1 + line["turned_down"] for line in lines)
    return {
        "walks": len(lines),
        "frames": frames,
        "minutes": round(sum(line["frames"] / line["fps"] for line in lines) / 60, 3),
        "worlds": len({line["world_seed"] for line in lines}),
        "candidates": candidates,
        "rejected": round(1 - len(lines) / candidates, 6),
        "kinds": dict(sorted(Counter(line["kind"] for line in lines).items())),
        "tags": dict(sorted(Counter(tag for line in lines for tag in line["tags"]).items())),
        "agreement": sum(line["agreement"] * line["frames"] for line in lines) / frames,
        "replay_error": max(line["replay_error"] for line in lines),
        "return_error": max(line["return_error"] for line in lines),
        "film_psnr": round(sum(line["film_psnr"] for line in lines) / len(lines), 2),
        "film_psnr_worst": min(line["film_psnr"] for line in lines),
    }


def _read_index(path: Path) -> list[dict[str, Any]]:
    """Read an index's lines; one that was cut off while being written does not count."""
    if not path.is_file():
        return []
    try:
        *whole, _ = path.read_text(encoding="utf-8").split("\n")
        lines = [json.loads(line) for line in whole]
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{path}: found a line that is no JSON ({shown(str(error))}); restore it, or choose another folder."
        ) from None
    if lines and not (isinstance(lines[0], dict) and isinstance(lines[0].get("recording"), dict)):
        raise ValueError(f"{path}: found no recording of Tiny World in it; choose another folder.")
    wrong = [number for number, line in enumerate(lines[1:], 2) if not _is_entry(line)]
    if wrong:
        raise ValueError(
            f"{path}: found no walk of a recording in line {wrong[0]}; restore it, or choose another folder."
        )
    return lines


def _is_entry(line: Any) -> bool:
    """Tell whether a line is the summary, or has what a walk's line must have."""
    return isinstance(line, dict) and ("summary" in line or _SUMMED <= line.keys())


def _write_index(path: Path, lines: list[dict[str, Any]]) -> None:
    write_file(path, "".join(json.dumps(line) + "\n" for line in lines).encode(), "recording")


def _state(path: Path) -> tuple[int, int] | None:
    """Return what changes when a file does; `None` if it is not there."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_size, status.st_mtime_ns


def _told(header: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in header["recording"].items())
