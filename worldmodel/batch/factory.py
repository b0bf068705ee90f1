"""A whole batch: read, checked, made, shown."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ..reading.words import counted
from .api import UNREACHABLE, Client, HostError
from .cluster import Cluster, Place
from .host import find_host
from .made import Made, writers
from .own import Wishes, own_hosts
from .progress import Progress, print_line
from .results import SCRATCH, Results
from .station import Station
from .sweep import Refused, Sweep, read_sweep
from .work import Work, serve
from .workflow import Job, Workflow, check_jobs, read_workflow, resolve

_PAGE_SECONDS = 10.0
"""Between two times that the page is written while films are made."""
_END_SECONDS = 30.0
"""That a host's thread may take to end."""


class Order(NamedTuple):
    """What was asked for.

    Args:
        sweep, workflow: files.
        out: folder of results.
        grid: see `read_sweep`.
        hosts: addresses of hosts that run already.
        cluster: `None` without Ray.
        wishes: of hosts of our own.
    """

    sweep: Path
    workflow: Path
    out: Path
    grid: bool = False
    hosts: tuple[str, ...] = ()
    cluster: Place | None = None
    wishes: Wishes = Wishes()


class Task(NamedTuple):
    """What was read: a workflow and a sweep whose columns it has."""

    workflow: Workflow
    sweep: Sweep


def read(order: Order) -> Task:
    """Read the files; what is wrong with them alone is said before a host is started.

    Raises:
        Refused: every mistake.
    """
    workflow, sweep = read_workflow(order.workflow), read_sweep(order.sweep, order.grid)
    workflow.slots(sweep.columns)
    return Task(workflow, sweep)


def check(order: Order) -> int:
    """Check an order and say how much of it is missing; nothing is made.

    Raises:
        Refused: every mistake.
        HostError: there is no host.
    """
    task = read(order)
    with ExitStack() as stack:
        results = stack.enter_context(Results(order.out, _about(order)))
        jobs = stack.enter_context(_makers(order, task, results)).jobs()
        missing = sum(not results.is_done(job) for job in jobs)
    print_line(f"Nothing to refuse: {_counted(task, jobs)}, {missing} to be made.")
    return 0


def run(order: Order) -> int:
    """Make what is missing; return the exit status.

    Raises:
        Refused: every mistake, before anything is made.
        HostError: there is no host.
        ValueError: the folder of results cannot be written to.
        KeyboardInterrupt: as it came; what is finished is kept.
    """
    task = read(order)
    with Results(order.out, _about(order)) as results, _makers(order, task, results) as makers:
        jobs = makers.jobs()
        missing = [job for job in jobs if not results.is_done(job)]
        print_line(f"{_counted(task, jobs)}, {len(missing)} to be made in {order.out}.")
        progress = Progress(len(jobs), len(jobs) - len(missing))

        def page() -> Path:
            return results.write_index(jobs, f"{order.sweep.stem} · {order.workflow.stem}", task.sweep.columns)

        def keep(job: Job, made: Made) -> None:
            progress.made(job, results.keep(job, made))

        try:
            page()
            makers.make(missing, keep, page)
        finally:
            path = page()
        failed = sum(results.line(job).get("state") == "failed" for job in jobs)
        print_line(f"{counted(len(jobs) - failed, 'film')} done, {failed} failed: {path}")
    if not failed:
        shutil.rmtree(order.out / SCRATCH, ignore_errors=True)
    return 1 if failed else 0


def _counted(task: Task, jobs: list[Job]) -> str:
    same = "" if len(jobs) == len(task.sweep.rows) else f", {counted(len(jobs), 'different job')}"
    return f"{counted(len(task.sweep.rows), 'row')}{same}"


def _about(order: Order) -> dict[str, Any]:
    return {"workflow": order.workflow.name, "sweep": order.sweep.name, "grid": order.grid}


class Makers:
    """Where films are made: `jobs` checks what there is to make, `make` makes it."""

    def __init__(self, task: Task) -> None:
        self._task = task

    def jobs(self) -> list[Job]:
        """Resolve the sweep and let a host check every job.

        Raises:
            Refused: every mistake.
        """
        raise NotImplementedError

    def make(self, jobs: list[Job], keep: Callable[[Job, Made], None], page: Callable[[], Path]) -> None:
        """Make jobs.

        Args:
            jobs: that are missing.
            keep: called with what came of each.
            page: writes the page.
        """
        raise NotImplementedError


class Stations(Makers):
    """Hosts, each served by a thread."""

    def __init__(self, task: Task, stations: list[Station]) -> None:
        super().__init__(task)
        self._stations = stations

    def jobs(self) -> list[Job]:
        """See `Makers`; hosts that others run are all asked whether they have the nodes."""
        workflow, sweep = self._task
        first, *others = self._stations
        jobs = resolve(workflow, sweep, first.listed())
        for station in others:
            if station.own is None:
                resolve(workflow, sweep, station.listed())
        if first.check(workflow.graph) is None:
            print_line(f"{first.name} has an older World Model pack: texts of nodes are checked when they are queued.")
        check_jobs(workflow, sweep, jobs, lambda graph: first.check(graph) or [])
        self._check_folders(jobs)
        return jobs

    def _check_folders(self, jobs: list[Job]) -> None:
        """See that every host tells what lies in a folder that a job's node writes.

        Raises:
            Refused: one does not, and pictures would stay there.
        """
        titles = {self._task.workflow.titles[key]: None for job in jobs for key in writers(job.graph)}
        if deaf := [station.name for station in self._stations if titles and station.is_deaf()]:
            raise Refused([
                f"--host: found an older World Model pack at {name}, expected one that hands out the folders of "
                f"{' and '.join(titles)}; update it there, or leave the host out." for name in deaf
            ])  # fmt: skip

    def make(self, jobs: list[Job], keep: Callable[[Job, Made], None], page: Callable[[], Path]) -> None:
        """See `Makers`."""
        work, gone = Work(jobs, keep), {}

        def man(station: Station) -> None:
            trouble = ""
            if station.own is not None and not station.own.is_running and not work.is_over:
                trouble = station.revive(lambda: work.is_over)
            gone[station] = trouble or serve(work, station, print_line)

        needed = self._stations[: max(1, len(jobs))]
        pool = ThreadPoolExecutor(len(needed), "batch")
        manned = [pool.submit(man, station) for station in needed]
        try:
            written = time.monotonic()
            while wait(manned, 0.5).not_done:  # a thread's own join takes it for dead after a Ctrl-C, until Python 3.13
                if time.monotonic() - written > _PAGE_SECONDS:
                    page()
                    written = time.monotonic()
        finally:
            if not all(each.done() for each in manned):
                work.stop()
                wait(manned, _END_SECONDS)
            pool.shutdown(wait=False)
        if work.trouble is not None:
            raise work.trouble
        if work.left:
            work.give_up("; ".join(filter(None, gone.values())))


class Actors(Makers):
    """Actors on a Ray cluster."""

    def __init__(self, task: Task, cluster: Cluster) -> None:
        super().__init__(task)
        self._cluster = cluster

    def jobs(self) -> list[Job]:
        """See `Makers`."""
        workflow, sweep = self._task
        jobs = resolve(workflow, sweep, self._cluster.listed())
        answers = dict(zip((job.id for job in jobs), self._cluster.check([job.graph for job in jobs]), strict=True))
        by_graph = {id(job.graph): answers[job.id] for job in jobs}
        check_jobs(workflow, sweep, jobs, lambda graph: by_graph[id(graph)])
        return jobs

    def make(self, jobs: list[Job], keep: Callable[[Job, Made], None], page: Callable[[], Path]) -> None:
        """See `Makers`."""
        written = time.monotonic()
        for job, made in self._cluster.made(jobs):
            keep(job, made)
            if time.monotonic() - written > _PAGE_SECONDS:
                page()
                written = time.monotonic()


@contextmanager
def _makers(order: Order, task: Task, results: Results) -> Iterator[Makers]:
    """Open what films are made with.

    Raises:
        HostError: there is none.
    """
    titles = task.workflow.titles
    if order.cluster is not None:
        with Cluster(order.cluster, order.wishes, titles, results.token) as cluster:
            yield Actors(task, cluster)
        return
    if order.hosts:
        yield Stations(task, [_station(address, titles, results.token) for address in order.hosts])
        return
    hosts = own_hosts(find_host(), order.out / SCRATCH, order.wishes)
    pool = ThreadPoolExecutor(len(hosts), "batch-start")  # a start keeps one core busy
    try:
        first, *_ = [pool.submit(host.start) for host in hosts]
        first.result()  # the others are ready when films are made, or started again then
        pool.shutdown()
        yield Stations(task, [Station(host.client, titles, results.token, host) for host in hosts])
    finally:
        for host in hosts:
            host.stop()
        pool.shutdown()  # of starts that a Ctrl-C has ended


def _station(address: str, titles: dict[str, str], token: str) -> Station:
    """Return a host that somebody else runs.

    Raises:
        HostError: it does not answer.
    """
    client = Client(address)
    try:
        client.call("/system_stats", timeout=10)
    except (*UNREACHABLE, ValueError) as error:
        raise HostError(f"--host: found no ComfyUI at {address} ({error}); start it, or change the address.") from None
    return Station(client, titles, token)
