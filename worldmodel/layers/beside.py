"""Work that is done beside the caller's, in a thread of its own and in order: decoding while the next chunk is made."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar

import torch

from .threads import few_threads

Given = TypeVar("Given")
Made = TypeVar("Made")
WAITING = 2
"""Pieces that may wait; whoever brings one more waits for the oldest."""


class _Failed(NamedTuple):
    error: BaseException


class Beside(Generic[Given, Made]):
    """One function on one thing after another, each torch operation on one CPU thread.

        with Beside(decode) as beside:
            beside.give(latents)
            for frames in beside.take(): ...
            for frames in beside.take_all(): ...

    What the function raises is raised by the next call here. Leaving the block ends the thread after the piece that it
    works on; what still waits is dropped.
    """

    def __init__(self, work: Callable[[Given], Made]):
        """Args: work: called in the thread, under the inference mode that is set here."""
        self._work, self._inference = work, torch.is_inference_mode_enabled()
        self._given: queue.Queue[Given | None] = queue.Queue(WAITING)
        self._made: queue.Queue[Made | _Failed] = queue.Queue()
        self._under_way = 0
        self._over = False
        self._thread = threading.Thread(target=self._run, name="worldmodel-beside", daemon=True)

    def __enter__(self) -> Beside[Given, Made]:
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._over = True
        self._given.put(None)  # there will be room, because the thread takes whatever still waits
        self._thread.join()

    def give(self, piece: Given) -> None:
        """Hand a piece in; waits where too many wait already."""
        self._given.put(piece)
        self._under_way += 1

    def take(self) -> list[Made]:
        """Return what was made since the last call, in order."""
        made = []
        while not self._made.empty():
            made.append(self.next())
        return made

    def take_all(self, meanwhile: Callable[[], None] = lambda: None) -> list[Made]:
        """Wait for all that was handed in, and return it in order.

        Args:
            meanwhile: called before each piece that is waited for; may raise.
        """
        made = []
        while self._under_way:
            meanwhile()
            made.append(self.next())
        return made

    def next(self) -> Made:
        """Wait for the oldest piece that was handed in, and return what was made of it."""
        result = self._made.get()
        self._under_way -= 1
        if isinstance(result, _Failed):
            raise result.error
        return result

    def _run(self) -> None:
        with torch.inference_mode(self._inference), few_threads():
            while (piece := self._given.get()) is not None:
                if self._over:
                    continue
                try:
                    self._made.put(self._work(piece))
                except BaseException as error:  # noqa: BLE001 - raised again in the thread that can deal with it
                    self._over = True
                    self._made.put(_Failed(error))
