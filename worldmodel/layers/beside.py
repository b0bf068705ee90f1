"""Work that is done beside the caller's, in a thread of its own and in order: decoding while the next chunk is made."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, Generic, NamedTuple, TypeVar

import torch

from .threads import few_threads

Given = TypeVar("Given")
Made = TypeVar("Made")
WAITING = 2
"""Pieces that may wait; whoever brings one more waits for the oldest."""
BREATH = 0.1
"""Seconds after which whoever waits here looks up, so that a Stop is heard."""


class _Failed(NamedTuple):
    error: BaseException


class Beside(Generic[Given, Made]):
    """One function on one thing after another, in a thread of its own.

        with Beside(decode) as beside:
            beside.give(latents)
            for frames in beside.take(): ...
            for frames in beside.take_all(): ...

    What the function raises is raised by the next call that takes, and by every later one; nothing more is done then.
    Leaving the block ends the thread after the piece that it works on, or sooner where the function looks at `over`;
    what still waits is dropped.
    """

    def __init__(self, work: Callable[[Given], Made], threads: int | None = 1):
        """Begin nothing yet.

        Args:
            work: called in the thread, under the inference mode that is set here.
            threads: of the CPU for each torch operation; `None`: as many as any new thread has.
        """
        self._work, self._threads, self._inference = work, threads, torch.is_inference_mode_enabled()
        self._given: queue.Queue[Given | None] = queue.Queue(WAITING)
        self._made: queue.Queue[Made | _Failed] = queue.Queue()
        self._under_way = 0
        self._failed: _Failed | None = None
        self._over = False
        self._thread = threading.Thread(target=self._run, name="worldmodel-beside", daemon=True)

    @property
    def over(self) -> bool:
        """Whether nobody wants the rest: the block is being left, or something failed."""
        return self._over

    def __enter__(self) -> Beside[Given, Made]:
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._over = True
        self._given.put(None)  # there will be room, because the thread takes whatever still waits
        self._thread.join()

    def give(self, piece: Given, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Hand a piece in; waits where too many wait already.

        Args:
            piece: for the function.
            meanwhile: called now and then while it waits; may raise, and then the piece was not handed in.
        """
        while True:
            try:
                self._given.put(piece, timeout=BREATH)
            except queue.Full:
                meanwhile()
            else:
                self._under_way += 1
                return

    def take(self) -> list[Made]:
        """Return what was made since the last call, in order."""
        made = []
        while self._failed is not None or not self._made.empty():
            made.append(self.next())
        return made

    def take_all(self, meanwhile: Callable[[], None] = lambda: None) -> list[Made]:
        """Wait for all that was handed in, and return it in order.

        Args:
            meanwhile: called before each piece that is waited for, and now and then while it waits; may raise.
        """
        made = []
        while self._under_way:
            meanwhile()
            made.append(self.next(meanwhile))
        return made

    def next(self, meanwhile: Callable[[], None] = lambda: None) -> Made:
        """Wait for the oldest piece that was handed in, and return what was made of it; `meanwhile` as in `give`."""
        while self._failed is None:
            try:
                result = self._made.get(timeout=BREATH)
            except queue.Empty:
                meanwhile()
                continue
            if not isinstance(result, _Failed):
                self._under_way -= 1
                return result
            self._failed = result
        raise self._failed.error

    def _run(self) -> None:
        context = nullcontext() if self._threads is None else few_threads(self._threads)
        with torch.inference_mode(self._inference), context:
            while (piece := self._given.get()) is not None:
                if self._over:
                    continue
                try:
                    self._made.put(self._work(piece))
                except BaseException as error:  # noqa: BLE001 - raised again in the thread that can deal with it
                    self._over = True
                    self._made.put(_Failed(error))
