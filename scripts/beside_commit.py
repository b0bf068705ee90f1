"""How fast Tiny World is beside an older commit: `python scripts/beside_commit.py 35f7552 [--library]`.

Two hosts run side by side, one with this tree's pack and one with the commit's, on the same few cores. They take turns
with the workflow *Beside the true film*, each time in another world with another seed so that neither a cache nor the
journal helps; first while the cores are idle, then while a loop keeps one of them busy. Loading Tiny World in the
library is timed in turns too, in a fresh process each time. Medians are printed, and the old figure divided by the new
one.

With `--library` no host is started: in a process for the commit and one for each way in which this tree decodes on this
CPU, all with the commit's weights, a world is generated and decoded in turns. The least of a thread's own seconds
counts, and ratios follow.

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

WALK = json.loads((REPOSITORY / "workflows" / "api" / "Beside the true film.json").read_text(encoding="utf-8"))
VIEW, ROLLOUT = "4", "6"
STAGES = {
    "the true film": ("4",),
    "start": ("5",),
    "rollout and film": ("6",),
    "decode again": ("7",),
    "drawing controls": ("9", "10", "11"),
    "saving": ("12", "13"),
}
"""What is shown, and the workflow's nodes that do it."""
LOADING = """
import time, torch
from worldmodel.tinyworld.player import load_player
begin = time.perf_counter()
load_player()
print(time.perf_counter() - begin)
"""
GENERATING = """
import sys, time, torch
from pathlib import Path
torch.set_num_threads(int(sys.argv[1]))
try:
    from worldmodel.tinyworld.evaluate import speed
except ImportError:
    from worldmodel import bench as speed
from worldmodel.tinyworld.player import load_player

def own_seconds(work, repeats):
    work()
    began = time.thread_time()
    work()
    return time.thread_time() - began

speed.median_seconds = own_seconds
player = load_player(Path(sys.argv[2]), Path(sys.argv[3]))
way = {"exact": {"exact": True}, "bfloat16": {"exact": False}, "old": {}}[sys.argv[4]]
for _ in sys.stdin:
    stages, _ = speed.tiny_world(1, int(sys.argv[5]), player, **way)
    print(*(stage.seconds for stage in stages if stage.name in ("generate", "decode")), flush=True)
"""
HAS_BFLOAT16 = "from worldmodel.layers.precision import has_bfloat16; print(has_bfloat16('cpu'))"
WEIGHTS = "from worldmodel.tinyworld import player; print(player.MODEL_FILE); print(player.VAE_FILE)"
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


def said(tree: Path, program: str) -> list[str]:
    """Return the lines that a program says in a tree's library."""
    done = subprocess.run([sys.executable, "-c", program], cwd=tree, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def load_seconds(tree: Path) -> float:
    """Load Tiny World in the library, in a fresh process."""
    return float(said(tree, LOADING)[0])


def library_seconds(trees: dict[str, Path], options: argparse.Namespace) -> dict[str, Seconds]:
    """Generate and decode in the library, in turns: the least of the rounds of each way."""
    files = said(trees["old"], WEIGHTS)
    ways = ["old", "exact", *(["bfloat16"] if said(trees["new"], HAS_BFLOAT16) == ["True"] else [])]
    taken: dict[str, list[tuple[float, ...]]] = {}
    with ExitStack() as stack:
        workers = {}
        for way in ways:
            words = [sys.executable, "-c", GENERATING, str(options.threads), *files, way, str(options.chunks)]
            tree = trees["old" if way == "old" else "new"]
            workers[way] = stack.enter_context(
                subprocess.Popen(words, cwd=tree, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
        for _ in range(options.rounds):
            for way, worker in workers.items():
                worker.stdin.write("\n")
                worker.stdin.flush()
                line = worker.stdout.readline()
                if not line:
                    raise HostError(f"{way}: found no figures, expected those of a round; see what its process wrote.")
                taken.setdefault(way, []).append(tuple(map(float, line.split())))
    least = {way: [min(column) for column in zip(*rounds, strict=True)] for way, rounds in taken.items()}
    return {way: {"generate": one[0], "decode": one[1], "generate and decode": sum(one)} for way, one in least.items()}


def library_table(found: dict[str, Seconds]) -> str:
    """Return lines of each way's seconds, and how many times as fast as the commit it is."""
    stages = list(found["old"])
    lines = [f"{'library':<10}" + "".join(f"{stage:>22}" for stage in stages)]
    lines += [f"{way:<10}" + "".join(f"{one[stage]:>21.3f}s" for stage in stages) for way, one in found.items()]
    if "bfloat16" not in found:
        lines.append("no bfloat16: this CPU does not multiply in it, and the nodes decode exactly")
    for way in list(found)[1:]:
        for stage in stages:
            lines.append(f"ratio {stage.replace(' ', '-')}-{way} {found['old'][stage] / found[way][stage]:.2f}")
    return "\n".join(lines)


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
        if options.library:
            say(f"Generating and decoding in the library on cores {cores or 'all'}, {options.threads} threads each")
            print(library_table(library_seconds(trees, options)))
            return 0
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
    parser.add_argument("--library", action="store_true", help="generate and decode in the library alone")
    parser.add_argument("--chunks", type=int, default=5, help="that --library generates (default %(default)s)")
    options = parser.parse_args(words)
    return run_inside(__file__, lambda comfyui: compare(comfyui, options), words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
