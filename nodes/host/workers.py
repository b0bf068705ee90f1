"""Threads for what must not keep the host's event loop: answers to the page, and checks of long texts.

The loop serves every page, socket and request of the host. Its own threads (`asyncio.to_thread`) also serve files and
look up names, so nothing that takes seconds may wait in line there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")

QUESTIONS_AT_ONCE = 2
"""So that a long question of one editor does not keep all others; each more makes the loop wait longer for its turn."""
QUESTIONS = ThreadPoolExecutor(QUESTIONS_AT_ONCE, "worldmodel-questions")
PICTURES = ThreadPoolExecutor(1, "worldmodel-pictures")
"""Of what a player sees while playing, which is not to wait for a long question."""
CHECKS = ThreadPoolExecutor(1, "worldmodel-checks")
"""Of a graph that is being queued, which is not to wait for the page's questions."""


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
