"""Jobs on a Ray cluster: an actor for each GPU, or for some CPU cores, with a headless host of its own.

Ray places the actors, hands out the jobs, starts an actor again where its process or its machine is lost, and makes
its job again there. Every machine has ComfyUI, found as everywhere (`COMFYUI_PATH`), and this library.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from .api import UNREACHABLE, HostError
from .host import find_host
from .made import Made
from .own import Wishes, own_hosts
from .station import Station
from .work import Work, serve
from .workflow import Graph, Job, Mistake

_TRIES = 5
"""How often Ray makes a job again whose actor was lost; one that takes every machine down with it must end."""


class Place(NamedTuple):
    """Where actors run.

    Args:
        address: of the cluster, as Ray takes it; `local` starts one on this machine.
        actors: how many; 0: as many as there is room for.
        cores: CPU cores of each, where the cluster has no GPU.
    """

    address: str
    actors: int = 0
    cores: int = 1


class Maker:
    """An actor: a host of its own, and what is made on it. Its process may be lost at any time."""

    def __init__(self, wishes: Wishes, titles: dict[str, str], token: str) -> None:
        """Start the host.

        Raises:
            HostError: there is none on this machine, or it did not start.
        """
        self._folder = Path(tempfile.mkdtemp(prefix="worldmodel-batch-"))
        (host,) = own_hosts(find_host(), self._folder, wishes._replace(count=1, gpus=()))
        host.start()
        self._station = Station(host.client, titles, token, own=host)

    def listed(self) -> Mapping[str, Any]:
        """Return the host's /object_info."""
        return self._station.listed()

    def check(self, graphs: list[Graph]) -> list[list[Mistake]]:
        """Say what the host would refuse of graphs."""
        return [self._station.check(graph) or [] for graph in graphs]

    def make(self, job: Job) -> tuple[Job, Made]:
        """Make a job; its files come back with it."""
        found: list[Made] = []

        def keep(_: Job, made: Made) -> None:
            try:
                files = tuple(file._replace(pieces=(b"".join(file.pieces),)) for file in made.files)
            except UNREACHABLE as error:
                raise HostError(f"a file could not be fetched ({error})") from error
            found.append(made._replace(files=files))

        work = Work([job], keep)
        gone = serve(work, self._station, lambda _: None)
        if work.trouble is not None:
            raise work.trouble
        return job, found[0] if found else Made(f"The host of a Ray actor went away: {gone}")

    def process(self) -> int:
        """Return the number of the actor's process."""
        return os.getpid()

    def end(self) -> None:
        """End the host and take its folder away."""
        self._station.own.stop()
        shutil.rmtree(self._folder, ignore_errors=True)


class Cluster:
    """Actors on a Ray cluster; use it as a context manager."""

    def __init__(self, place: Place, wishes: Wishes, titles: dict[str, str], token: str) -> None:
        """Describe it.

        Args:
            place: where actors run.
            wishes: what their hosts shall be like.
            titles: of the workflow's nodes.
            token: of the folder of results.
        """
        self._place, self._what = place, (wishes, titles, token)
        self.actors: list[Any] = []

    def __enter__(self) -> Cluster:
        """Join the cluster, and start the actors.

        Raises:
            HostError: there is no Ray, no such cluster, or no room in it.
        """
        try:
            import ray
        except ImportError:
            raise HostError(
                "--ray: found no ray in this Python, expected it; run pip install '.[ray]' in the pack's folder."
            ) from None
        self._ray = ray
        local = self._place.address == "local"
        about = {"include_dashboard": False} if local else {}
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a cluster that is started here tells nobody
        try:
            ray.init(address=self._place.address, log_to_driver=False, **about)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise HostError(f"--ray: found no cluster at {self._place.address} ({error}); check the address.") from None
        room = ray.cluster_resources()
        gpus = int(room.get("GPU", 0))
        count = self._place.actors or gpus or int(room.get("CPU", 0)) // self._place.cores
        if count < 1:
            self.__exit__()
            raise HostError("--ray: found no room for an actor in the cluster, expected a GPU or CPU cores; add some.")
        needs = {"num_gpus": 1} if gpus else {"num_cpus": self._place.cores}
        kind = ray.remote(max_restarts=-1, max_task_retries=_TRIES, **needs)(Maker)
        self.actors = [kind.remote(*self._what) for _ in range(count)]
        return self

    def __exit__(self, *_: object) -> None:
        """End the actors, whose hosts end with them, and leave the cluster."""
        if self.actors:
            ending = [actor.end.remote() for actor in self.actors]
            self._ray.wait(ending, num_returns=len(ending), timeout=15)
        for actor in self.actors:
            self._ray.kill(actor)
        self._ray.shutdown()

    def listed(self) -> Mapping[str, Any]:
        """Return the /object_info of a host."""
        return self._asked(self.actors[0].listed.remote())

    def check(self, graphs: list[Graph]) -> list[list[Mistake]]:
        """Say what a host would refuse of graphs."""
        return self._asked(self.actors[0].check.remote(graphs))

    def made(self, jobs: list[Job]) -> Iterator[tuple[Job, Made]]:
        """Yield what came of jobs, as they end; of those that Ray gave up, at last."""
        from ray.util import ActorPool

        pool, left, reason = ActorPool(self.actors), {job.id: job for job in jobs}, ""
        for job in jobs:
            pool.submit(lambda actor, given: actor.make.remote(given), job)
        while pool.has_next():
            try:
                job, made = pool.get_next_unordered()
            except self._ray.exceptions.RayError as error:
                reason = " ".join(str(error).split())
                continue
            del left[job.id]
            yield job, made
        for job in left.values():
            yield job, Made(f"Ray gave this up: {reason}")

    def _asked(self, answer: Any) -> Any:
        try:
            return self._ray.get(answer)
        except self._ray.exceptions.RayError as error:
            raise HostError(f"--ray: an actor could not start its host: {error}") from None
