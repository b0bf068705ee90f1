"""How far a batch is, as lines in a terminal."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from .workflow import Job


class Progress:
    """Counts what is made, and says how long the rest will take; for all threads."""

    def __init__(self, total: int, done: int, now: Callable[[], float] = time.monotonic) -> None:
        """Begin to count.

        Args:
            total: jobs of the sweep.
            done: of them were there already.
            now: seconds of a clock.
        """
        self._total, self._there, self._now = total, done, now
        self._made = self.failed = 0
        self._began = now()
        self._turn = threading.Lock()

    def made(self, job: Job, line: dict[str, Any]) -> None:
        """Say what came of a job."""
        with self._turn:
            self._made += 1
            self.failed += line["state"] == "failed"
            rate = f", {line['frames_per_second']} frames/s" if line.get("frames_per_second") else ""
            said = line["error"] or f"{line['seconds']} s{rate}"
            print_line(f"{job.id}  row {job.rows[0]}  {line['state']}: {said}  [{self.so_far()}]")

    def so_far(self) -> str:
        """Return how many are made and how long the rest takes at this pace."""
        count = self._there + self._made
        text = f"{count} of {self._total}{f', {self.failed} failed' if self.failed else ''}"
        left = self._total - count
        if not self._made or not left:
            return text
        return f"{text}, about {span((self._now() - self._began) / self._made * left)} left"


def span(seconds: float) -> str:
    """Write a time as people say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02} min"


def print_line(text: str) -> None:
    """Print a line at once, also where the terminal knows few letters."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "replace").decode(encoding) + "\n")
    sys.stdout.flush()
