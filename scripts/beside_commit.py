"""How fast Tiny World is beside an older commit, in the real host: `python scripts/beside_commit.py 35f7552`.

Two hosts run side by side, one with this tree's pack and one with the commit's, on the same few cores. They take turns
with the workflow *First walk*, each time in another world with another seed so that neither a cache nor the journal
helps; first while the cores are idle, then while a loop keeps one of them busy. Loading Tiny World in the library is
timed in turns too, in a fresh process each time. Medians are printed, and the old figure divided by the new one.

The cores are chosen with the system's affinity where it has one (Linux); elsewhere all cores are used.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import signal
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

from comfy_host import ComfyHost, HostError
from environment import run_inside, say
from repository import REPOSITORY

WALK = json.loads((REPOSITORY / "workflows" / "api" / "First walk.json").read_text(encoding="utf-8"))
VIEW, ROLLOUT = "4", "6"
STAGES = {
    "the true film": ("4",),
    "start": ("5",),
    "rollout and film": ("6",),
    "decode again": ("8",),
    "drawing controls": ("9", "10", "11"),
    "saving": ("7", "12", "13"),
}
"""What is shown, and the workflow's nodes that do it."""
LOADING = """
import time, torch
from worldmodel.tinyworld.player import load_player
begin = time.perf_counter()
load_player()
print(time.perf_counter() - begin)
"""
Seconds = dict[str, float]


def tree_of(commit: str, folder: Path) -> Path:
    """Unpack a commit's files.

    Raises:
        HostError: git does not know it.
    """
    packed = subprocess.run(["git", "archive", commit], cwd=REPOSITORY, capture_output=True)
    if packed.returncode:
        raise HostError(f"commit: found {commit}, expected one of this repository: {packed.stderr.decode().strip()}")
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as files:
        files.extractall(folder)
    return folder


def load_seconds(tree: Path) -> float:
    """Load Tiny World in the library, in a fresh process."""
    done = subprocess.run([sys.executable, "-c", LOADING], cwd=tree, capture_output=True, text=True, check=True)
    return float(done.stdout)


def walk_seconds(host: ComfyHost, turn: int) -> Seconds:
    """Run the workflow in a world of its own and return what each stage took.

    Raises:
        HostError: it failed.
    """
    graph = json.loads(json.dumps(WALK))
    graph[VIEW]["inputs"]["place"], graph[ROLLOUT]["inputs"]["seed"] = turn % 4, turn
    marks: list[tuple[str | None, float]] = []

    def notice(event: dict[str, Any]) -> None:
        if event["type"] == "executing":
            marks.append((event["data"]["node"], time.perf_counter()))

    run = host.client.run(graph, notice)
    if run.status != "success":
        raise HostError(f"the workflow ended with {run.status}: {run.error}")
    spent = {node: after - begin for (node, begin), (_, after) in pairwise(marks)}
    stages = {stage: sum(spent.get(node, 0.0) for node in nodes) for stage, nodes in STAGES.items()}
    return {**stages, "the whole workflow": marks[-1][1] - marks[0][1]}


@contextmanager
def busy_loop(cores: list[int]) -> Iterator[None]:
    """Keep the last of the cores busy."""
    loop = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        pin(loop.pid, cores[-1:])
        yield
    finally:
        loop.kill()
        loop.wait()


def pin(process: int, cores: list[int]) -> None:
    """Keep a process, and what it starts, on these cores, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(process, cores)


def in_turns(hosts: dict[str, ComfyHost], rounds: int, first: int) -> dict[str, Seconds]:
    """Return the median of each stage of each host."""
    taken: dict[str, list[Seconds]] = {name: [] for name in hosts}
    for turn in range(first, first + rounds):
        for name, host in hosts.items():
            taken[name].append(walk_seconds(host, turn))
    return {
        name: {stage: statistics.median(run[stage] for run in runs) for stage in runs[0]}
        for name, runs in taken.items()
    }


def table(title: str, medians: dict[str, Seconds]) -> str:
    """Return lines of old, new and their ratio."""
    old, new = medians["old"], medians["new"]
    lines = [f"{title:<24} {'old':>8} {'new':>8}   old/new"]
    lines += [f"  {stage:<22} {old[stage]:7.3f}s {new[stage]:7.3f}s {old[stage] / new[stage]:8.2f}x" for stage in old]
    return "\n".join(lines)


def compare(comfyui: Path, options: argparse.Namespace) -> int:
    """Measure and print the tables.

    Raises:
        HostError: the commit is unknown, or a host or the workflow failed.
    """
    cores = sorted(os.sched_getaffinity(0))[: options.threads] if hasattr(os, "sched_getaffinity") else []
    pin(0, cores)  # for all that is started from here
    variables = {"OMP_NUM_THREADS": str(options.threads), "MKL_NUM_THREADS": str(options.threads)}
    os.environ.update(variables)
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="worldmodel-beside-")))
        trees = {"old": tree_of(options.commit, scratch / "tree"), "new": REPOSITORY}
        say("Loading Tiny World in the library")
        loads = {name: [load_seconds(tree) for _ in range(options.rounds)] for name, tree in trees.items()}
        print(table("library", {name: {"loading": statistics.median(values)} for name, values in loads.items()}))
        say(f"Starting two hosts on cores {cores or 'all'}, {options.threads} threads each")
        hosts = {
            name: stack.enter_context(ComfyHost(comfyui, scratch / name, source=tree, variables=variables))
            for name, tree in trees.items()
        }
        print(table("first run, with loading", in_turns(hosts, 1, 0)), flush=True)
        print(table(f"{len(cores) or 'all'} idle cores", in_turns(hosts, options.rounds, 1)), flush=True)
        with busy_loop(cores):
            print(table("one core busy", in_turns(hosts, options.rounds, 1 + options.rounds)), flush=True)
    return 0


def main(words: list[str]) -> int:
    """Read the command line and compare."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the hosts end with this
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("commit", nargs="?", default="35f7552", help="what to stand beside (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="counted runs of each (default %(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="cores and OpenMP threads (default %(default)s)")
    options = parser.parse_args(words)
    return run_inside(__file__, lambda comfyui: compare(comfyui, options), words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
