"""Is a finished chunk ever lost: `python scripts/endurance.py --stops 20 --kills 50`.

Rolls a walk out in the real host and ends it at random moments: by the host's Stop, and by killing the process (as
`kill -9` does), every other time while a chunk's file is being written. Then it queues the same walk again, after a
kill in a new process, and looks whether every chunk whose file had its final name was taken from the journal, whether
exactly the missing ones were computed, and whether the world is bit for bit that of an uninterrupted walk.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import sys
import tempfile
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from comfy_host import Client, ComfyHost, HostError, Run
from environment import run_inside, say

ROLLOUT = "6"


class Report(NamedTuple):
    """What Rollout World says it did."""

    taken: int
    computed: int
    fingerprint: str


def steps_of_chunk() -> int:
    """Return the steps of a chunk, which the host's progress counts."""
    from worldmodel.variants import BUILT_IN, VARIANTS

    return len(VARIANTS[BUILT_IN].steps)


class Trial(NamedTuple):
    """A walk that was ended and queued again."""

    way: str
    seconds: float
    """From the begin of the rollout to its end."""
    shown: int
    """Chunks whose progress had been shown when it ended."""
    finished: int
    """Chunks whose file had its final name when it ended."""
    partial: bool
    """Whether a half-written file was left."""
    again: Report

    def right(self, whole: Report) -> bool:
        """Tell whether nothing was lost, nothing made twice, and the world is that of the uninterrupted walk."""
        missing = whole.computed - self.finished
        return self.shown <= self.finished and self.again == (self.finished, missing, whole.fingerprint)

    def row(self, whole: Report) -> str:
        """Return the trial as a line of the table."""
        return (
            f"{self.way:<15} {self.seconds:6.2f} s {self.finished:>9} {self.again.taken:>6} "
            f"{whole.computed - self.finished:>8} {self.again.computed:>9}  "
            f"{'yes' if self.again.fingerprint == whole.fingerprint else 'NO':<9} {'yes' if self.partial else '-':<8} "
            f"{'' if self.right(whole) else 'WRONG'}"
        )


HEAD = "way              moment   finished  taken  missing  computed  bit-equal half-file"


class Walk:
    """A walk that was queued and is rolling out."""

    def __init__(self, client: Client, graph: dict[str, Any]) -> None:
        """Queue it, and return when the rollout begins."""
        self.begun, self.over = threading.Event(), threading.Event()
        self.progress = 0
        self._pool = ThreadPoolExecutor(1)
        self._run = self._pool.submit(client.run, graph, self._notice)
        self._run.add_done_callback(self._end)
        self.begun.wait()
        self.began = time.monotonic()

    def _end(self, _: Future) -> None:
        self.over.set()
        self.begun.set()

    def _notice(self, event: dict[str, Any]) -> None:
        if event["type"] == "executing" and self.begun.is_set():
            self.over.set()
        if event["type"] == "executing" and event["data"]["node"] == ROLLOUT:
            self.begun.set()
        if event["type"] == "progress" and event["data"]["node"] == ROLLOUT:
            self.progress = event["data"]["value"]

    def seconds(self) -> float:
        """Return how long it has been rolling."""
        return time.monotonic() - self.began

    def result(self) -> Run:
        """Wait for its end.

        Raises:
            HostError, OSError: the host is gone.
        """
        with self._pool:
            return self._run.result()


class Endurance:
    """Walks of one length in a host that is stopped, killed and started again."""

    def __init__(self, comfyui: Path, base: Path, chunks: int, rng: random.Random) -> None:
        """Start the host.

        Args:
            comfyui: the host's checkout.
            base: the scratch folder, which all its processes share.
            chunks: length of a walk.
            rng: of the moments.
        """
        self.host = ComfyHost(comfyui, base).__enter__()
        self.chunks, self.rng = chunks, rng
        self.journal = base / "user" / "__worldmodel" / "journal"
        self._walks = 0
        self._partials: set[Path] = set()
        try:
            self.seconds, self.whole = self._whole()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the host."""
        self.host.stop()

    def stop(self) -> Trial:
        """End a walk by the host's Stop, and queue it again; a Stop behind the rollout does not count."""
        while True:
            graph = self._fresh()
            walk = Walk(self.host.client, graph)
            time.sleep(self.rng.uniform(0, self.seconds))
            self.host.client.interrupt()
            seconds = walk.seconds()
            ended = [event["data"] for event in walk.result().events if event["type"] == "execution_interrupted"]
            if ended and ended[0]["node_id"] == ROLLOUT:
                return self._again("stop", seconds, walk, graph)

    def kill(self, in_a_write: bool) -> Trial:
        """End a walk by killing the host, and queue it again in a new one.

        Args:
            in_a_write: kill it while it writes a chunk, not after a random time.
        """
        graph = self._fresh()
        walk = Walk(self.host.client, graph)
        if in_a_write:
            self._await_write(self.rng.randint(1, self.chunks), walk)
        else:
            time.sleep(self.rng.uniform(0, self.seconds))
        seconds = walk.seconds()
        self.host.kill()
        with suppress(HostError, OSError):  # the connection broke, which was the idea
            walk.result()
        return self._again("kill in a write" if in_a_write else "kill", seconds, walk, graph)

    def _whole(self) -> tuple[float, Report]:
        """Walk uninterrupted; the second time is timed, because the first one loads the model."""
        for _ in range(2):
            walk = Walk(self.host.client, self._fresh())
            walk.over.wait()
            seconds, report = walk.seconds(), report_of(walk.result())
        return seconds, report

    def _fresh(self) -> dict[str, Any]:
        """Return the walk as nothing remembers it: the journal is empty, and the host's cache has no such film."""
        if self.journal.exists():
            self.host.client.call("/wm/journal/clear", {})
        self._walks += 1
        return graph_of(self.chunks, 16 + self._walks / 1000)

    def _again(self, way: str, seconds: float, walk: Walk, graph: dict[str, Any]) -> Trial:
        """Count what is there, and queue the walk again, in a new host if there is none."""
        finished = len(list(self.journal.glob("*.safetensors")))
        partials = set(self.journal.glob(".*.part")) - self._partials
        self._partials |= partials
        if self.host.process.poll() is not None:
            self.host.start()
        again = report_of(self.host.client.run(graph))
        return Trial(way, seconds, walk.progress // steps_of_chunk(), finished, bool(partials), again)

    def _await_write(self, number: int, walk: Walk) -> None:
        """Return in the middle of the n-th write, or when the walk is over."""
        seen: set[str] = set()
        while len(seen) < number and not walk.over.is_set():
            with suppress(FileNotFoundError):  # the journal's first file is yet to come
                seen |= {name for name in os.listdir(self.journal) if name.endswith(".part")} - seen
            time.sleep(0.0003)


def graph_of(chunks: int, fps: float) -> dict[str, Any]:
    """Return a walk through Tiny World in API form; its frames do not depend on the film's frame rate."""
    turns = ("forward", "forward+yaw_right(2)", "right+yaw_left", "idle")
    text = "forward*9 " + " ".join(f"{turns[number % 4]}*12" for number in range(1, chunks))
    nodes: dict[str, tuple[str, dict[str, Any]]] = {
        "1": ("WMLoadWorldModel", {"model_name": "Tiny World", "weight_dtype": "auto", "attention": "auto"}),
        "2": ("WMLoadWorldVAE", {"vae_name": "Tiny World"}),
        "3": ("WMActionTrack", {"track": text}),
        "4": ("WMTinyWorldView", {"world_seed": 5, "place": 0, "level": "random layout"}),
        "5": ("WMStartWorld", {"model": ["1", 0], "vae": ["2", 0], "image": ["4", 0]}),
        ROLLOUT: (
            "WMRolloutWorld",
            {"model": ["1", 0], "world": ["5", 0], "track": ["3", 0], "seed": 3, "steps": "", "shift": 0.0,
             "fps": fps, "vae": ["2", 0]},
        ),
        "7": ("SaveVideo", {"video": [ROLLOUT, 1], "filename_prefix": "walk", "format": "auto", "codec": "auto"}),
    }  # fmt: skip
    return {key: {"class_type": kind, "inputs": inputs} for key, (kind, inputs) in nodes.items()}


def report_of(run: Run) -> Report:
    """Read what Rollout World said.

    Raises:
        HostError: it did not run to its end.
    """
    if run.status != "success":
        raise HostError(f"the walk ended with {run.status}: {run.error}")
    text = run.outputs[ROLLOUT]["text"][0]
    chunks = int(re.match(r"(\d+) chunk", text)[1])
    found = re.search(r"(\d+) chunks? from the journal on disk", text)
    taken = int(found[1]) if found else 0
    return Report(taken, chunks - taken, re.search(r"World id (\w+)", text)[1])


def endure(comfyui: Path, wanted: argparse.Namespace) -> int:
    """Do the trials, print each, and return the exit status: 0 if all were right."""
    with tempfile.TemporaryDirectory(prefix="worldmodel-endurance-", ignore_cleanup_errors=True) as folder:
        say("Starting ComfyUI, walking once uninterrupted")
        endurance = Endurance(comfyui, Path(folder), wanted.chunks, random.Random(wanted.seed))
        whole = endurance.whole
        print(f"{whole.computed} chunks in {endurance.seconds:.1f} s, fingerprint {whole.fingerprint}\n\n{HEAD}")
        trials: list[Trial] = []
        try:
            for number in range(wanted.stops + wanted.kills):
                stopping = number < wanted.stops
                trials.append(endurance.stop() if stopping else endurance.kill((number - wanted.stops) % 2 == 1))
                print(trials[-1].row(whole), flush=True)
        finally:
            endurance.close()
    right = [trial for trial in trials if trial.right(whole)]
    halves = sum(trial.partial for trial in trials)
    print(
        f"\n{len(right)} of {len(trials)} right; {sum(trial.finished for trial in trials)} chunks had been finished, "
        f"{sum(trial.again.taken for trial in trials)} were taken, {sum(trial.again.computed for trial in trials)} "
        f"computed; {halves} kills left a half-written file."
    )
    return 0 if len(right) == len(trials) else 1


def main(arguments: list[str]) -> int:
    """Read the command line, and endure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stops", type=int, default=20, help="walks that are ended by the host's Stop")
    parser.add_argument("--kills", type=int, default=50, help="walks that are ended by killing the host")
    parser.add_argument("--chunks", type=int, default=24, help="length of a walk")
    parser.add_argument("--seed", type=int, default=0, help="of the random moments")
    wanted = parser.parse_args(arguments)
    return run_inside(__file__, lambda comfyui: endure(comfyui, wanted), arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
