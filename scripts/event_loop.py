"""How long the host keeps others waiting while it is busy with us: `python scripts/event_loop.py`.

Eight long questions of an editor and a rollout run at once in the real ComfyUI; meanwhile /system_stats is asked fifty
times, as every page asks for this and that. Prints the waits, idle and busy, and how much of the work the event loop's
own thread did. Exit status 0 if the median is within 0.2 s and no wait beyond 0.5 s; a machine that is busy with other
things makes both longer.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from comfy_host import ComfyHost
from environment import run_inside
from repository import REPOSITORY

TIMES = 50
BAR = (0.2, 0.5)
"""Seconds: the median, and the longest."""
FRAMES = 100_000
"""The longest track."""
WALK = REPOSITORY / "workflows" / "api" / "First walk.json"


class Waits(NamedTuple):
    """How long answers took, in seconds."""

    median: float
    longest: float


def long_questions() -> dict[str, tuple[str, dict[str, Any]]]:
    """Return questions at the limits: title -> (name, what is asked)."""
    keys = [[frame, 1] for frame in range(0, FRAMES, 2)]
    turns = [[frame, frame * 37 % 100 / 50 - 1] for frame in range(FRAMES)]
    track = {"type": "track", "version": 1, "frames": FRAMES, "keys": {"forward": keys}, "mouse": {"yaw": turns}}
    steps = " ".join(["forward*1 right+yaw_right*1"] * (FRAMES // 2))
    ends = [{"f": 0, "p": [0, 0, 0]}, {"f": FRAMES - 1, "p": [100, 0, 4000]}]
    path = {"type": "path", "version": 1, "frames": FRAMES, "keyframes": ends}
    tiny = {"model": "Tiny World"}
    return {
        "every frame's keyframe, bound": ("binding", {"text": json.dumps(track), **tiny}),
        "every frame's keyframe, written": ("canonical", {"text": json.dumps(track)}),
        "100,000 steps, bound": ("binding", {"text": steps, **tiny}),
        "100,000 steps, written": ("canonical", {"text": steps}),
        "a path of 100,000 frames": ("binding", {"text": json.dumps(path), **tiny}),
        "a ready-made walk": ("preset", {"name": "walk", "frames": FRAMES, "seed": 1}),
        "8 MB of one word": ("canonical", {"text": "x" * 8_000_000}),
        "8 MB of numbers": ("canonical", {"text": "[" + "1," * 3_900_000 + "1]"}),
    }


def ask(host: ComfyHost, name: str, body: dict[str, Any]) -> None:
    """Ask a question of an editor; a refusal is an answer, too."""
    import urllib.error

    try:
        host.client.call(f"/wm/{name}", body, timeout=600)
    except urllib.error.HTTPError as error:
        error.close()


def walk(host: ComfyHost) -> None:
    """Roll out long enough to last; whoever started it interrupts it."""
    graph = json.loads(WALK.read_text(encoding="utf-8"))
    graph["3"]["inputs"]["track"] = "forward*2001"
    graph["6"]["inputs"]["seed"] = time.time_ns() % 2**32  # or the journal has it
    host.client.run({key: graph[key] for key in ("1", "2", "3", "4", "5", "6", "7")})


def waits(host: ComfyHost, times: int = TIMES, busy: Callable[[], bool] = lambda: True) -> Waits:
    """Ask /system_stats again and again, as long as something is true."""
    took = []
    while len(took) < times and busy():
        began = time.perf_counter()
        host.client.call("/system_stats", timeout=600)
        took.append(time.perf_counter() - began)
        time.sleep(0.05)
    return Waits(statistics.median(took), max(took))


def loop_seconds(host: ComfyHost) -> tuple[float, float]:
    """Return the seconds of a processor that the event loop's thread has taken so far, and the whole process."""
    import psutil

    process = psutil.Process(host.process.pid)
    threads = process.threads()
    first = next((thread for thread in threads if thread.id == process.pid), threads[0])
    return first.user_time + first.system_time, sum(thread.user_time + thread.system_time for thread in threads)


def measure(comfyui: Path) -> int:
    """Start the host, keep it busy, and print the figures."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as base, ComfyHost(comfyui, Path(base)) as host:
        idle = waits(host)
        print(f"idle: median {idle.median:.3f} s, longest {idle.longest:.3f} s", flush=True)
        works = [threading.Thread(target=walk, args=[host])]
        works += [threading.Thread(target=ask, args=[host, *question]) for question in long_questions().values()]
        before, began = loop_seconds(host), time.perf_counter()
        for work in works:
            work.start()
        time.sleep(0.3)
        busy = waits(host)
        loop, whole = (after - then for after, then in zip(loop_seconds(host), before, strict=True))
        print(f"busy: median {busy.median:.3f} s, longest {busy.longest:.3f} s")
        print(
            f"event loop: {loop:.2f} s of a processor, of {whole:.2f} s in all, in {time.perf_counter() - began:.1f} s"
        )
        left = sum(work.is_alive() for work in works[1:])
        print(f"{len(works) - 1 - left} of {len(works) - 1} questions were answered meanwhile", flush=True)
        host.client.interrupt()
        for work in works:
            work.join()
    return 0 if busy.median <= BAR[0] and busy.longest <= BAR[1] else 1


if __name__ == "__main__":
    sys.exit(run_inside(__file__, measure))
