"""A host that makes jobs: one of our own, which is started again when it ends, or one that somebody else runs."""

from __future__ import annotations

import shutil
import sys
import time
import urllib.error
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from .api import UNREACHABLE, Client, HostError
from .host import ComfyHost, pack_version
from .made import FOLDER, Made, listed_files, made_of, prefixed
from .workflow import Graph, Job, Mistake

_QUEUE_SECONDS = 2.0
"""Between two looks whether the host still knows of a job."""
_AWAY_SECONDS = 60.0
"""That a host of others may be gone."""
_BUSY_SECONDS = 600.0
"""That a host may be too busy to answer, as while it reads a large model."""


class Lost(HostError):
    """The host has forgotten a job, as one that was started again has."""


class Station:
    """A host, and what it is working on.

    Attributes:
        client: of the host.
        name: what messages call it.
    """

    def __init__(self, client: Client, titles: dict[str, str], token: str, own: ComfyHost | None = None) -> None:
        """Describe it.

        Args:
            client: of a host that answers.
            titles: of the workflow's nodes.
            token: of the folder of results, so that what was queued for another is not taken for ours.
            own: the process, where it is ours.
        """
        self._client, self._titles, self._token, self.own = client, titles, token, own
        self.name = client.address
        self._models: dict[str, list[dict[str, Any]]] | None = None
        self._versions: dict[str, Any] = {}
        self._built_in: dict[str, Any] | None = None
        self._looked = 0.0
        self._heard = time.monotonic()

    @property
    def client(self) -> Client:
        """The API; of a process that was started again it is another one."""
        return self.own.client if self.own is not None else self._client

    def listed(self) -> Mapping[str, Any]:
        """Return /object_info."""
        return self.client.call("/object_info", timeout=300)

    def check(self, graph: Graph) -> list[Mistake] | None:
        """Say what the host would refuse of a graph; `None` where its pack is too old to tell.

        Raises:
            OSError, HTTPException: it is gone.
        """
        try:
            answer = self.client.call("/wm/check", {"prompt": prefixed(graph, "check")}, timeout=300)
        except urllib.error.HTTPError as error:
            if error.code in (404, 405):
                return None
            raise
        self._versions["worldmodel"], self._built_in = answer["version"], answer["built_in"]
        return [Mistake(**mistake) for mistake in answer["mistakes"]]

    def is_deaf(self) -> bool:
        """Tell whether the host's pack is too old to say what lies in a folder.

        Raises:
            OSError, HTTPException: it is gone.
        """
        return self.own is None and listed_files(self.client, FOLDER) is None

    def queue(self, job: Job, attempt: int) -> str:
        """Queue a job, or find it where an earlier run has queued it; return the host's id of it.

        Raises:
            PromptRefused: the host does not take it.
            OSError, HTTPException: it is gone.
        """
        prompts = [str(uuid.uuid5(uuid.UUID(self._token), f"{job.id} {number}")) for number in range(attempt + 1)]
        prompt = prompts[-1]
        if known := next((each for each in prompts if self.own is None and self._knows(each)), None):
            return known
        body = {"prompt": prefixed(job.graph, job.id), "prompt_id": prompt, "client_id": self.client.id}
        return self.client.call("/prompt", body)["prompt_id"]

    def ended(self, prompt: str) -> dict[str, Any] | None:
        """Return the host's account of a job, `None` while it is at it.

        Raises:
            Lost: it knows of no such job.
            OSError, HTTPException: it is gone.
        """
        try:
            history = self.client.call(f"/history/{prompt}")
        except OSError as error:
            is_busy = isinstance(getattr(error, "reason", error), TimeoutError)
            if is_busy and time.monotonic() - self._heard < _BUSY_SECONDS:
                return None
            raise
        self._heard = time.monotonic()
        if prompt in history:
            return history[prompt]
        if time.monotonic() - self._looked > _QUEUE_SECONDS:
            self._looked = time.monotonic()
            if not self._knows(prompt):
                raise Lost("the host has forgotten the job")
        return None

    def made(self, job: Job, history: dict[str, Any]) -> Made:
        """Return what came of a job; its files are fetched when they are read."""
        made = made_of(self.client, job, self._titles, history)
        about = {"host": self.name if self.own is None else "own", "versions": self.versions(),
                 "models": self.models(job.graph)}  # fmt: skip
        return made._replace(about=about)

    def forget(self, job: Job, prompt: str) -> None:
        """Take a job that was fetched out of the host's history, and off our own host's disk."""
        with suppress(*UNREACHABLE):
            self.client.call("/history", {"delete": [prompt]})
        if self.own is not None:
            shutil.rmtree(self.own.output / FOLDER / job.id, ignore_errors=True)

    def withdraw(self, prompts: list[str]) -> None:
        """Take jobs back that were queued; ends the one that is running."""
        if not prompts:
            return
        with suppress(*UNREACHABLE):
            self.client.call("/queue", {"delete": prompts}, timeout=5)
            for prompt in prompts:
                self.client.call("/interrupt", {"prompt_id": prompt}, timeout=5)

    def revive(self, is_over: Callable[[], bool]) -> str:
        """Start our own host again, or wait until another's is back.

        Args:
            is_over: tells whether it is not needed any more.

        Returns:
            "" when it answers, else why it does not.
        """
        if self.own is not None:
            with suppress(ProcessLookupError):
                self.own.stop()
            try:
                self.own.start()
            except HostError as error:
                return str(error)
            return ""
        until = time.monotonic() + _AWAY_SECONDS
        while time.monotonic() < until and not is_over():
            try:
                self.client.call("/system_stats", timeout=5)
                return ""
            except UNREACHABLE:
                time.sleep(1)
        return f"{self.name} did not answer for {_AWAY_SECONDS:.0f} s"

    def versions(self) -> dict[str, Any]:
        """Return the versions of what makes the films."""
        if "comfyui" not in self._versions:
            stats = self.client.call("/system_stats")
            system = stats.get("system", {})
            self._versions |= {
                "comfyui": system.get("comfyui_version"),
                "pytorch": system.get("pytorch_version"),
                "python": (system.get("python_version") or sys.version).split()[0],
                "devices": [device.get("name") for device in stats.get("devices", ())],
            }
            if self.own is not None:
                self._versions["worldmodel"] = pack_version(self.own.source)
        return dict(self._versions)

    def models(self, graph: Graph) -> list[dict[str, Any]]:
        """Say which model files a graph names: their folder, size and date, or what is built in under that name."""
        if self._built_in is None:
            self.check({})
        if self._models is None:
            self._models = {}
            for folder in self.client.call("/experiment/models"):
                for file in self.client.call(f"/experiment/models/{folder['name']}"):
                    found = {"folder": folder["name"], "bytes": file.get("size"), "modified": file.get("modified")}
                    self._models.setdefault(str(file["name"]), []).append(found)
        told = []
        for node in graph.values():
            for name, value in node["inputs"].items():
                if not isinstance(value, str):
                    continue
                files = self._models.get(value, [])
                if files or (name.endswith("_name") and node["class_type"].startswith("WMLoad")):
                    told.append({"name": value, **(files[0] if files else {"built_in": self._built_in})})
        return [each for number, each in enumerate(told) if each not in told[:number]]

    def _knows(self, prompt: str) -> bool:
        """Tell whether the host has a job in its queue or its history."""
        queue = self.client.call("/queue")
        if any(item[1] == prompt for name in ("queue_running", "queue_pending") for item in queue.get(name, ())):
            return True
        return prompt in self.client.call(f"/history/{prompt}")
