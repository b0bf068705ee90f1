"""Films on a wire: files in folders that others empty, so each knows how to be made again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import torch
from comfy_api.latest import InputImpl

from . import progress


class _Source:
    """A film's file, wherever it lies now; `None`: nowhere yet."""

    def __init__(self, path: Path | None, make: Callable[[], Path]):
        self._path, self._make = path, make
        self._mark = None if path is None else _mark(path)
        self._turn = threading.Lock()

    def path(self) -> Path:
        """Return where the film lies; made again if it is gone, or if another file has taken its name."""
        with self._turn:
            if self._mark is None or _mark(self._path) != self._mark:
                gone = self._path is not None
                progress.tell("film: its file is gone; it is made again." if gone else "film: it is made now.")
                with torch.inference_mode():
                    self._path = self._make()
                self._mark = _mark(self._path)
            return self._path


def _mark(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from a later one of the same name; `None` if there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


class KeptFilm(InputImpl.VideoFromFile):
    """The host's VIDEO of a film that may be gone when it is asked for: the host keeps a node's result for long.

    Whatever is asked, by the host's nodes or by others, the file is looked for first.
    """

    def __init__(self, source: _Source, start_time: float = 0.0, duration: float = 0.0, *, now: bool = True):
        self._source, self._span = source, (start_time, duration)
        if now:
            self._look()

    def _look(self) -> None:
        start_time, duration = self._span
        super().__init__(str(self._source.path()), start_time=start_time, duration=duration)

    def as_trimmed(
        self, start_time: float | None = 0.0, duration: float | None = 0.0, strict_duration: bool = True
    ) -> KeptFilm | None:
        """Return a part of the film, which is made again as the whole is; `None` if it is shorter than asked for."""
        trimmed = KeptFilm(self._source, (start_time or 0.0) + self._span[0], duration or 0.0)
        return None if strict_duration and trimmed.get_duration() < (duration or 0.0) else trimmed


def _looked_for(method: Callable) -> Callable:
    @wraps(method)
    def call(self: KeptFilm, *args: Any, **kwargs: Any) -> Any:
        self._look()
        return method(self, *args, **kwargs)

    return call


# all that a host's VIDEO can be asked, also by later versions of the host
for _name in dir(InputImpl.VideoFromFile):
    if not _name.startswith("_") and _name not in vars(KeptFilm) and callable(getattr(KeptFilm, _name)):
        setattr(KeptFilm, _name, _looked_for(getattr(InputImpl.VideoFromFile, _name)))


def kept_film(path: Path, make: Callable[[], Path]) -> KeptFilm:
    """Return a film as the host's VIDEO.

    Args:
        path: of its file.
        make: makes it again, in a new file, and returns where that lies.
    """
    return KeptFilm(_Source(path, make))


def late_film(make: Callable[[], Path]) -> KeptFilm:
    """Return a film that is made when somebody asks for it.

    Args:
        make: makes it in a new file, and returns where that lies.
    """
    return KeptFilm(_Source(None, make), now=False)
