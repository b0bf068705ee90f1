"""No search for cycles of objects while files and long texts are read."""

from __future__ import annotations

import gc
from contextlib import ContextDecorator
from threading import Lock


class _NoSearch(ContextDecorator):
    """Keeps Python from searching for cycles of objects while much is read: a search keeps every thread.

    It goes through all objects of the process, begins anew whenever there are a quarter more of them, and takes some
    tenths of a second in a host. What a text becomes holds no cycles, and neither does a network. Where the search is
    off already, it stays off.
    """

    def __init__(self) -> None:
        self._lock, self._within, self._was_on = Lock(), 0, False

    def __enter__(self) -> None:
        with self._lock:
            if self._within == 0:
                self._was_on = gc.isenabled()
                gc.disable()
            self._within += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._within -= 1
            if self._within == 0 and self._was_on:
                gc.enable()


READING = _NoSearch()
"""`with READING:` around what reads a long text or builds a network, or `@READING` before it, from whatever thread."""
