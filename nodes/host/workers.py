"""Threads for what must not keep the host's event loop: answers to the page, and checks of long texts.

The loop serves every page, socket and request of the host. Its own threads (`asyncio.to_thread`) also serve files and
look up names, so nothing that takes seconds may wait in line there.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ContextDecorator
from threading import Lock
from typing import TypeVar

Result = TypeVar("Result")

QUESTIONS_AT_ONCE = 2
"""So that a long question of one editor does not keep all others; each more makes the loop wait longer for its turn."""
QUESTIONS = ThreadPoolExecutor(QUESTIONS_AT_ONCE, "worldmodel-questions")
CHECKS = ThreadPoolExecutor(1, "worldmodel-checks")
"""Of a graph that is being queued, which is not to wait for the page's questions."""


class _NoSearch(ContextDecorator):
    """Keeps Python from searching for cycles of objects while long texts are read: a search keeps every thread.

    It goes through all objects of the process, begins anew whenever there are a quarter more of them, and takes some
    tenths of a second in a host. What a text becomes holds no cycles. Where the search is off already, it stays off.
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
"""`with READING:` around what reads a long text, or `@READING` before it, from whatever thread."""


def beside_the_loop(pool: ThreadPoolExecutor, function: Callable[[], Result]) -> Result | asyncio.Task[Result]:
    """Call a function in a pool if an event loop runs in this thread, else at once.

    Returns:
        a task where a loop runs: the host awaits what its hooks return as tasks, those of a plain function too.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return function()

    async def wait() -> Result:
        return await loop.run_in_executor(pool, function)

    return loop.create_task(wait())
