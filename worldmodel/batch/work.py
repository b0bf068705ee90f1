"""Jobs handed out to hosts, each of which is served by a thread of its own."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable

from ..storage.troubles import Unwritable
from .api import UNREACHABLE, HostError, PromptRefused
from .made import Made
from .station import Station
from .workflow import Job

AHEAD = 2
"""Jobs that a host is given at once, so that it works on one while the other is fetched."""
MOST_TRIES = 3
"""After so many hosts that went away while they made it, a job counts as failed."""
_LEAST_PAUSE, _MOST_PAUSE = 0.05, 1.0
_LOOKS = 3
"""At a job that takes as long as the one before: a host that is asked more often makes films more slowly, and one that
has the next job already loses nothing meanwhile."""


class Work:
    """What is to be made; for all threads.

    Attributes:
        trouble: why the batch cannot go on, such as a disk that is full.
    """

    def __init__(self, jobs: Iterable[Job], keep: Callable[[Job, Made], None]) -> None:
        """Begin.

        Args:
            jobs: to be made, in this order.
            keep: called with what came of each, by the thread of its host.
        """
        self._waiting = deque(jobs)
        self._open = len(self._waiting)
        self._keep = keep
        self._tries: dict[str, int] = {}
        self._changed = threading.Condition()
        self._stopped = False
        self.trouble: Exception | None = None

    @property
    def is_over(self) -> bool:
        """Whether there is nothing more to do."""
        return self._stopped or not self._open

    @property
    def left(self) -> int:
        """Jobs that are not finished."""
        return self._open

    def attempt(self, job: Job) -> int:
        """Return how often a host went away while it made a job."""
        return self._tries.get(job.id, 0)

    def take(self, wait: bool) -> Job | None:
        """Return the next job, `None` if there is none now.

        Args:
            wait: until there is one again, because a host gave it back, or all is over.
        """
        with self._changed:
            while wait and not self._waiting and not self.is_over:
                self._changed.wait(1)
            return self._waiting.popleft() if self._waiting and not self._stopped else None

    def finish(self, job: Job, made: Made) -> None:
        """Keep what came of a job.

        Raises:
            HostError: a file could not be fetched.
        """
        self._keep(job, made)
        with self._changed:
            self._open -= 1
            self._changed.notify_all()

    def give_back(self, jobs: list[Job], reason: str) -> None:
        """Take jobs back from a host that went away; it worked on the first of them."""
        for job in jobs[:1]:
            self._tries[job.id] = self._tries.get(job.id, 0) + 1
            if self._tries[job.id] >= MOST_TRIES:
                jobs = jobs[1:]
                self.finish(job, Made(f"The host went away {MOST_TRIES} times while it made this: {reason}"))
        with self._changed:
            self._waiting.extendleft(reversed(jobs))
            self._changed.notify_all()

    def give_up(self, reason: str) -> None:
        """Let all that is left fail, because there is no host any more."""
        while (job := self.take(wait=False)) is not None:
            self.finish(job, Made(f"No host was left to make this: {reason}"))

    def stop(self, trouble: Exception | None = None) -> None:
        """End: no job is handed out any more."""
        with self._changed:
            self._stopped = True
            self.trouble = self.trouble or trouble
            self._changed.notify_all()

    def pause(self, seconds: float) -> None:
        """Wait; ends at once when all is over."""
        with self._changed:
            if not self.is_over:
                self._changed.wait_for(lambda: self.is_over, seconds)


def serve(work: Work, station: Station, tell: Callable[[str], None]) -> str:
    """Give a host jobs until there are none.

    Args:
        work: what there is to do.
        station: the host.
        tell: is told what becomes of the host.

    Returns:
        "" or why the host is of no more use.
    """
    line: deque[tuple[Job, str]] = deque()
    seconds = 0.0
    try:
        while not work.is_over:
            try:
                seconds = _turn(work, station, line, seconds)
            except Unwritable:  # of this disk, though it is an OSError
                raise
            except (HostError, *UNREACHABLE) as error:
                reason = " ".join(str(error).split()) or type(error).__name__
                tell(f"{station.name} went away ({reason}); its jobs are made again.")
                jobs = [job for job, _ in line]
                line.clear()
                work.give_back(jobs, reason)
                if gone := "" if work.is_over else station.revive(lambda: work.is_over):
                    return gone
    except Exception as error:  # noqa: BLE001 - told in the main thread, which ends the batch
        work.stop(error)
    finally:
        station.withdraw([prompt for _, prompt in line if prompt])
    return ""


def _turn(work: Work, station: Station, line: deque[tuple[Job, str]], seconds: float) -> float:
    """Keep the host's queue full, and fetch its oldest job where that has ended.

    Args:
        work, station: whose jobs are made where.
        line: the jobs that the host has, with its ids of them, the oldest first.
        seconds: that the job before took; 0 of the first.

    Returns:
        Seconds that this one took.

    Raises:
        HostError, OSError, HTTPException: the host went away.
    """
    while len(line) < AHEAD and (job := work.take(wait=not line)):
        line.append((job, ""))
        try:
            line[-1] = job, station.queue(job, work.attempt(job))
        except PromptRefused as error:
            line.pop()
            work.finish(job, Made(f"The host refused this: {' '.join(str(error).split())}"))
    if not line:
        return seconds
    job, prompt = line[0]
    began, least = time.monotonic(), max(_LEAST_PAUSE, seconds / _LOOKS if len(line) > 1 else 0.0)
    while (history := station.ended(prompt)) is None:
        if work.is_over:
            return seconds
        work.pause(min(_MOST_PAUSE, max(least, (time.monotonic() - began) / 20)))
    made = station.made(job, history)
    work.finish(job, made)
    line.popleft()
    station.forget(job, prompt)
    return made.seconds
