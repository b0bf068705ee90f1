"""Does a batch hold: `python scripts/batches.py long|kills|beside`.

long    hundreds of short films on one headless host: the host's memory, and films per minute, early and late
kills   the batch, or its host, killed at random moments: is a finished film ever lost, or made twice
beside  the same films queued one by one by a plain script on one host, and by the batch on two; a thread each

Everything is walked through Tiny World on the CPU. What else ran on the machine is not known here: say it beside the
figures. With `--keep FOLDER` a command that was ended goes on where it was; of `long` only the watching ends, and its
batch and host go on meanwhile.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from comfy_host import ComfyHost, HostError
from environment import run_inside, say
from repository import REPOSITORY

EARLY, LATE = (50, 150), 100
"""Films that count as early, from and to; and how many of the last ones as late."""
LEAST = 1.6
"""How many times as fast two hosts are to be, without overlapped decode."""
MOST_STARTS = 3
"""Of the batch of `long`, which has one host from its first film to its last where it is started once."""
SIDECAR = re.compile(r"[0-9a-f]{12}\.json")


def short_walk(films: bool, track: str = "forward*21") -> dict[str, Any]:
    """Return a short walk in API form.

    Args:
        films: whether Rollout World decodes and films while it rolls; else the world is decoded afterwards.
        track: what is walked; a chunk is 9 frames, and each further one 12.
    """
    own = {"steps": "", "shift": 0.0, "fps": 0.0}
    nodes: dict[str, tuple[str, dict[str, Any]]] = {
        "Load World Model": ("WMLoadWorldModel", {"model_name": "Tiny World", "weight_dtype": "auto",
                                                  "attention": "auto"}),
        "Load World VAE": ("WMLoadWorldVAE", {"vae_name": "Tiny World"}),
        "Action Track": ("WMActionTrack", {"track": track}),
        "Tiny World View": ("WMTinyWorldView", {"world_seed": 5, "place": 0, "level": "random layout"}),
        "Start World": ("WMStartWorld", {"model": ["Load World Model", 0], "vae": ["Load World VAE", 0],
                                         "image": ["Tiny World View", 0]}),
        "Rollout World": ("WMRolloutWorld", {"model": ["Load World Model", 0], "world": ["Start World", 0],
                                             "track": ["Action Track", 0], "seed": 0, **own}),
    }  # fmt: skip
    save = {"filename_prefix": "film", "format": "auto", "codec": "auto"}
    if films:
        nodes["Rollout World"][1]["vae"] = ["Load World VAE", 0]
        nodes["Save Video"] = ("SaveVideo", {"video": ["Rollout World", 1], **save})
    else:
        nodes["Decode World"] = (
            "WMDecodeWorld",
            {"world": ["Rollout World", 0], "vae": ["Load World VAE", 0], "first_frame": 0, "last_frame": -1},
        )
        nodes["Create Video"] = ("CreateVideo", {"images": ["Decode World", 0], "fps": 16.0, "bit_depth": 8})
        nodes["Save Video"] = ("SaveVideo", {"video": ["Create Video", 0], **save})
    return {title: {"class_type": kind, "inputs": inputs, "_meta": {"title": title}}
            for title, (kind, inputs) in nodes.items()}  # fmt: skip


def write_order(folder: Path, jobs: int, films: bool, track: str = "forward*21") -> tuple[Path, Path]:
    """Write a sweep over seeds and its workflow; return both files."""
    sweep, workflow = folder / "sweep.csv", folder / "workflow.json"
    sweep.write_text("Rollout World.seed\n" + "".join(f"{seed}\n" for seed in range(jobs)), encoding="utf-8")
    workflow.write_text(json.dumps(short_walk(films, track)), encoding="utf-8")
    return sweep, workflow


def start_batch(files: tuple[Path, Path], out: Path, *words: str, alone: bool = False) -> subprocess.Popen:
    """Start a batch as a user does. Args: alone: it outlives whoever started this script."""
    command = [sys.executable, "-m", "worldmodel.batch", "run", str(files[0]), "--workflow", str(files[1])]
    command += ["--out", str(out), "--cpu", "--threads", "1", *words]
    with (out.parent / f"{out.name}.log").open("ab") as log:
        return subprocess.Popen(command, cwd=REPOSITORY, stdout=log, stderr=log, start_new_session=alone)


class Notes:
    """What is to be known again by the same command: values by name, in a file."""

    def __init__(self, path: Path) -> None:
        """Read what there is."""
        self._path = path
        self._values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}

    def get(self, name: str, default: Any = None) -> Any:
        """Return a value."""
        return self._values.get(name, default)

    def set(self, **values: Any) -> None:
        """Keep values."""
        self._values |= values
        draft = self._path.with_suffix(".part")
        draft.write_text(json.dumps(self._values), encoding="utf-8")
        draft.replace(self._path)

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        """Return a value, which is made where it is not known."""
        if name not in self._values:
            self.set(**{name: make()})
        return self._values[name]


def sidecars(out: Path) -> dict[str, Path]:
    """Return the finished films' sidecars by their ids."""
    names = os.listdir(out) if out.is_dir() else []
    return {name[:-5]: out / name for name in names if SIDECAR.fullmatch(name)}


def host_of(batch: int) -> Any:
    """Return the process of a batch's first host, or `None`. Args: batch: number of its process."""
    import psutil

    with suppress(psutil.Error):
        found = [child for child in psutil.Process(batch).children() if "main.py" in " ".join(child.cmdline())]
        return found[0] if found else None
    return None


def is_running(batch: int) -> bool:
    """Tell whether a batch that this script may have started in an earlier life is at it."""
    import psutil

    with suppress(psutil.Error):
        process = psutil.Process(batch)
        return process.status() != psutil.STATUS_ZOMBIE and "worldmodel.batch" in process.cmdline()
    return False


class Sample(NamedTuple):
    """How it stood when so many films were finished."""

    films: int
    seconds: float
    megabytes: float
    host_seconds: float
    """CPU time of the host."""
    host: int
    """Number of its process."""


def long(folder: Path, wanted: argparse.Namespace) -> int:
    """Make many films on one host; look at it whenever one is finished."""
    import psutil

    out, notes, jobs = folder / "long", Notes(folder / "long.json"), wanted.jobs
    files = write_order(folder, jobs, films=True, track="forward*9")
    samples = [Sample(*told) for told in notes.get("samples", ())]
    batch, starts = notes.get("batch", 0), 0
    while True:
        running = is_running(batch)
        count = len(sidecars(out))
        if not running and count < jobs:
            if starts == MOST_STARTS:
                raise HostError(f"the batch failed: {(folder / 'long.log').read_text(encoding='utf-8')[-2000:]}")
            starts += 1
            process = start_batch(files, out, alone=True)
            batch = process.pid
            notes.set(batch=batch)
        if count > (samples[-1].films if samples else 0) and (host := host_of(batch)) is not None:
            with suppress(psutil.Error):
                times = host.cpu_times()
                held = host.memory_info().rss / 1e6
                samples.append(Sample(count, time.time(), held, times.user + times.system, host.pid))
                if count % 10 == 0 or count == jobs:
                    notes.set(samples=samples)
                    print(f"{count:4} films  host {held:6.0f} MB", flush=True)
        if not running and count >= jobs:
            break
        time.sleep(0.2)
    films = len(list(out.glob("*.mp4")))
    hosts = len({sample.host for sample in samples})
    early, late = between(samples, *EARLY), between(samples, jobs - LATE, jobs)
    grown = at(samples, jobs).megabytes - at(samples, EARLY[0]).megabytes
    print(
        f"\n{films} films of {jobs}, on {hosts} host; memory {grown:+.0f} MB from film {EARLY[0]} to {jobs}\n"
        f"films/min, {EARLY[0]} to {EARLY[1]}: {early[0]:.1f}, the last {LATE}: {late[0]:.1f} "
        f"({late[0] / early[0]:.3f} of it)\nCPU seconds of the host for a film: {early[1]:.3f}, {late[1]:.3f} "
        f"({late[1] / early[1]:.3f} of it)"
    )
    return 0 if films == jobs and hosts == 1 and grown < 100 else 1


def at(samples: list[Sample], films: int) -> Sample:
    """Return the first sample with so many films, or the last one."""
    return next((sample for sample in samples if sample.films >= films), samples[-1])


def between(samples: list[Sample], first: int, last: int) -> tuple[float, float]:
    """Return films per minute, and the host's CPU seconds for a film."""
    one, other = at(samples, first), at(samples, last)
    films = max(1, other.films - one.films)
    return 60 * films / (other.seconds - one.seconds), (other.host_seconds - one.host_seconds) / films


def kills(folder: Path, wanted: argparse.Namespace) -> int:
    """Kill a batch or its host again and again, let it end, and compare with one that was left alone."""
    files, notes = write_order(folder, wanted.jobs, films=True), Notes(folder / "kills.json")
    whole, out = folder / "whole", folder / "killed"

    def uninterrupted() -> float:
        say("Once uninterrupted")
        began = time.monotonic()
        if start_batch(files, whole).wait():
            raise HostError(f"the batch failed: {(folder / 'whole.log').read_text(encoding='utf-8')[-2000:]}")
        return time.monotonic() - began

    seconds = notes.once("seconds", uninterrupted)
    print(f"{wanted.jobs} films in {seconds:.0f} s; now killed {wanted.kills} times\n", flush=True)
    wrong, batch = notes.get("wrong", 0), None
    for number in range(notes.get("kills", 0), wanted.kills):
        kept = read_all(out)
        if batch is None or batch.poll() is not None:
            batch = start_batch(files, out)
        # at any moment of the start, or of the films behind it, however long a start takes on this machine
        moment = random.Random(f"{wanted.seed} {number}")
        films = len(kept) + moment.choice((0, 0, 1, 2, 3, 5, 8))
        while ((host := host_of(batch.pid)) is None or len(sidecars(out)) < films) and batch.poll() is None:
            time.sleep(0.2)
        time.sleep(moment.uniform(0, seconds / 3 if films == len(kept) else 2 * seconds / wanted.jobs))
        whom = ("batch", "host", "both")[number % 3]
        killed(batch, host, whom)
        now = read_all(out)
        lost = [name for name, data in kept.items() if now.get(name) != data]
        wrong += bool(lost)
        print(f"{number + 1:3}  {whom:6} {len(kept):4} -> {len(now):4} finished  {'WRONG' * bool(lost)}", flush=True)
        if len(now) == wanted.jobs:
            print("all are finished; the next kills begin anew", flush=True)
            wrong += not same(whole, out)
            batch.wait()
            shutil.rmtree(out)
        notes.set(kills=number + 1, wrong=wrong)
    kept = read_all(out)
    status = (batch if batch is not None and batch.poll() is None else start_batch(files, out)).wait()
    now, equal = read_all(out), same(whole, out)
    wrong += bool([name for name, data in kept.items() if now.get(name) != data])
    print(f"\nstatus {status}; films equal to the uninterrupted ones: {'yes' if equal else 'NO'}; {wrong} wrong")
    return 1 if wrong or status or not equal else 0


def read_all(out: Path) -> dict[str, tuple[bytes, list[int]]]:
    """Return what is finished: each sidecar, and when its film was written."""
    return {
        name: (path.read_bytes(), [film.stat().st_mtime_ns for film in out.glob(f"{name}-*.mp4")])
        for name, path in sidecars(out).items()
    }


def killed(batch: subprocess.Popen, host: Any, whom: str) -> None:
    """Kill, and wait until whatever must end with it has ended."""
    import psutil

    host = host_of(batch.pid) or host
    if whom in ("host", "both") and host is not None:
        with suppress(psutil.Error, OSError):
            os.killpg(host.pid, signal.SIGKILL)
    if whom in ("batch", "both"):
        batch.kill()
        batch.wait()
        if host is not None:
            with suppress(psutil.NoSuchProcess):
                host.wait(20)


def same(one: Path, other: Path) -> bool:
    """Tell whether two folders have the same worlds' fingerprints, and films of the same pictures, bit for bit.

    The films' files differ: ComfyUI writes the graph into them, with where the model's file lies.
    """
    from worldmodel.shown.film import read_film

    def films(folder: Path) -> dict[str, tuple[str, ...]]:
        return {
            name: (json.loads(path.read_text(encoding="utf-8"))["fingerprints"]["Rollout World"],
                   *(hashlib.sha256(read_film(film).frames.numpy()).hexdigest()
                     for film in folder.glob(f"{name}-*.mp4")))
            for name, path in sidecars(folder).items()
        }  # fmt: skip

    return films(one) == films(other)


def beside(folder: Path, wanted: argparse.Namespace) -> int:
    """Time a plain script on one host, and the batch on two."""
    comfyui, notes = Path(os.environ["COMFYUI_PATH"]), Notes(folder / "beside.json")

    def timed(act: Callable[[], object]) -> float:
        began = time.monotonic()
        act()
        return time.monotonic() - began

    fast = True
    for films in (False, True):
        files, out = write_order(folder, wanted.jobs, films, wanted.track), folder / f"batch-{films}"
        say("Without overlapped decode" if not films else "The pack's defaults")
        plain = folder / f"plain-{films}"
        one = notes.once(plain.name, lambda plain=plain, films=films: timed(
            lambda: plainly(comfyui, plain, short_walk(films, wanted.track), wanted.jobs)))  # fmt: skip
        if notes.get(out.name) is None:  # of a run that was ended
            shutil.rmtree(out, ignore_errors=True)
        two = notes.once(out.name, lambda files=files, out=out: timed(
            lambda: start_batch(files, out, "--hosts", "2").wait()))  # fmt: skip
        made = len(list(out.glob("*.mp4")))
        print(f"plain script, one host   {one:7.1f} s\nbatch, two hosts         {two:7.1f} s   {made} films of "
              f"{wanted.jobs}\n{one / two:.2f} times as fast", flush=True)  # fmt: skip
        fast &= made == wanted.jobs and (films or one / two >= LEAST)
    return 0 if fast else 1


def plainly(comfyui: Path, folder: Path, graph: dict[str, Any], jobs: int) -> None:
    """Queue a graph again and again, waiting for each end, and fetch the film; as ComfyUI's own example does."""
    with ComfyHost(comfyui, folder / "host", variables={"OMP_NUM_THREADS": "1"}) as host:
        for seed in range(jobs):
            graph["Rollout World"]["inputs"]["seed"] = seed
            run = host.client.run(graph)
            if run.status != "success":
                raise HostError(f"the walk ended with {run.status}: {run.error}")
            (item,) = run.outputs["Save Video"]["images"]
            (folder / f"{seed}.mp4").write_bytes(b"".join(host.client.download(item)))


def main(arguments: list[str]) -> int:
    """Read the command line, and do one of the three."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    for act, jobs in ((long, 500), (kills, 60), (beside, 100)):
        command = commands.add_parser(act.__name__)
        command.add_argument("--jobs", type=int, default=jobs)
        command.add_argument("--keep", type=Path, help="folder to work in, which is kept")
        command.set_defaults(act=act)
        if act is beside:
            command.add_argument("--track", default="forward*57", help="what is walked (default: as in Overnight)")
        if act is kills:
            command.add_argument("--kills", type=int, default=20)
            command.add_argument("--seed", type=int, default=0, help="of the random moments")
    wanted = parser.parse_args(arguments)
    if wanted.keep:
        wanted.keep.mkdir(parents=True, exist_ok=True)
        return wanted.act(wanted.keep, wanted)
    with tempfile.TemporaryDirectory(prefix="worldmodel-batches-", ignore_cleanup_errors=True) as folder:
        return wanted.act(Path(folder), wanted)


if __name__ == "__main__":
    sys.exit(run_inside(__file__, lambda _: main(sys.argv[1:]), sys.argv[1:]))
