"""The real ComfyUI as a process, with this pack in it, and a client for its API. Used by the demo and by the tests.

The host runs on a scratch folder of its own: models, inputs and outputs of the user's ComfyUI are neither read nor
written. The pack is copied there as a user's installation would hold it (what `.comfyignore` names stays behind).
"""

from __future__ import annotations

import asyncio
import compileall
import fnmatch
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from repository import REPOSITORY

PACK = "ComfyUI-WorldModel"
FINAL_EVENTS = ("execution_success", "execution_error", "execution_interrupted")


class HostError(Exception):
    """The host did not start, stopped, or did not answer."""


class PromptRefused(HostError):
    """The host refused a graph before running it.

    Attributes:
        error: the host's `error` object.
        node_errors: node id -> the host's list of errors of that node.
    """

    def __init__(self, answer: dict[str, Any]) -> None:
        self.error: dict[str, Any] = answer.get("error", {})
        self.node_errors: dict[str, Any] = answer.get("node_errors", {})
        details = [e for node in self.node_errors.values() for e in node.get("errors", [])]
        super().__init__("; ".join(f"{e.get('message')}: {e.get('details')}" for e in details) or str(self.error))


class Run(NamedTuple):
    """What came of one queued graph."""

    prompt_id: str
    status: str
    """`success`, `error` or `interrupted`."""
    outputs: dict[str, dict[str, list[Any]]]
    """Node id -> the `ui` dict that the node returned."""
    events: list[dict[str, Any]]
    """Every JSON event of the websocket, in order: `{"type": ..., "data": {...}}`."""
    previews: list[tuple[dict[str, Any], bytes]]
    """Preview pictures: metadata (`node_id`, `image_type` ...) and the encoded picture."""

    @property
    def error(self) -> str:
        """The message of the node that failed, or ""."""
        return next((e["data"]["exception_message"] for e in self.events if e["type"] == "execution_error"), "").strip()

    @property
    def cached(self) -> set[str]:
        """The ids of the nodes whose results came from the host's cache."""
        return {node for e in self.events if e["type"] == "execution_cached" for node in e["data"]["nodes"]}

    @property
    def executed(self) -> list[str]:
        """The ids of the nodes that ran, in order."""
        return [e["data"]["node"] for e in self.events if e["type"] == "executing" and e["data"]["node"]]


def copy_pack(custom_nodes: Path, source: Path = REPOSITORY) -> Path:
    """Copy the pack into a `custom_nodes` folder as the registry would ship it."""
    lists = [source / name for name in (".comfyignore", ".gitignore")]
    lines = [line.strip() for file in lists for line in file.read_text(encoding="utf-8").splitlines()]
    patterns = [line.strip("/") for line in lines if line and not line.startswith("#")]

    def left_behind(folder: str, names: list[str]) -> set[str]:
        if Path(folder) != source:
            return {"__pycache__"} & set(names)
        return {n for n in names if n.startswith(".") or any(fnmatch.fnmatch(n, pattern) for pattern in patterns)}

    target = custom_nodes / PACK
    if target.exists():
        shutil.rmtree(target)
    shutil.copytree(source, target, ignore=left_behind)
    compileall.compile_dir(target, quiet=2)  # as any start but the very first finds it
    return target


def free_port() -> int:
    """Return a TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Client:
    """The host's API, for one user."""

    def __init__(self, address: str) -> None:
        """Args: address: such as `127.0.0.1:8188`."""
        self.address = address
        self.id = uuid.uuid4().hex

    def call(self, path: str, body: Any = None, timeout: float = 60) -> Any:
        """GET a path, or POST a JSON body to it, and return the decoded answer (None if empty).

        Raises:
            PromptRefused: the answer is 400 with the host's account of the graph's errors.
            urllib.error.HTTPError: any other refusal.
        """
        data = None if body is None else json.dumps(body).encode()
        headers = {} if body is None else {"Content-Type": "application/json"}
        request = urllib.request.Request(f"http://{self.address}{path}", data=data, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            if error.code == 400 and path == "/prompt":
                raise PromptRefused(json.loads(error.read())) from error
            raise
        return json.loads(text) if text.strip() else None

    def interrupt(self) -> None:
        """Stop what is running, as the host's own Stop button does."""
        self.call("/interrupt", {})

    def run(
        self,
        graph: dict[str, Any],
        on_event: Callable[[dict[str, Any]], None] | None = None,
        timeout: float = 600,
    ) -> Run:
        """Queue a graph in API form, wait for its end and return what came of it.

        Args:
            graph: node id -> `{"class_type": ..., "inputs": {...}}`.
            on_event: called with each JSON event while the graph runs; it may call `interrupt`.
            timeout: seconds until this gives up.

        Raises:
            PromptRefused: the graph is not valid.
            HostError: no end within the time.
        """
        # A thread of its own, because a caller may already have an event loop running (Playwright does).
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(asyncio.run, self._run(graph, on_event, timeout)).result()

    async def _run(self, graph: dict[str, Any], on_event: Callable | None, timeout: float) -> Run:
        import aiohttp

        events: list[dict[str, Any]] = []
        previews: list[tuple[dict[str, Any], bytes]] = []
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"ws://{self.address}/ws?clientId={self.id}", max_msg_size=0) as socket_,
        ):
            await socket_.send_json({"type": "feature_flags", "data": {"supports_preview_metadata": True}})
            queued = await asyncio.to_thread(self.call, "/prompt", {"prompt": graph, "client_id": self.id})
            deadline = time.monotonic() + timeout
            while True:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise HostError(f"the graph did not end within {timeout:.0f} s; last event: {events[-1:]}")
                try:
                    message = await socket_.receive(timeout=left)
                except asyncio.TimeoutError:
                    continue
                if message.type == aiohttp.WSMsgType.BINARY:
                    previews += read_preview(message.data)
                elif message.type == aiohttp.WSMsgType.TEXT:
                    event = json.loads(message.data)
                    if event.get("data", {}).get("prompt_id", queued["prompt_id"]) != queued["prompt_id"]:
                        continue
                    events.append(event)
                    if on_event:
                        await asyncio.to_thread(on_event, event)
                    if event["type"] == "executing" and event["data"]["node"] is None:
                        break  # sent once the history is written, whatever the end was
                else:
                    raise HostError(f"the host closed the connection; last event: {events[-1:]}")
        return await asyncio.to_thread(self._collect, queued["prompt_id"], events, previews)

    def _collect(self, prompt_id: str, events: list[dict], previews: list[tuple[dict, bytes]]) -> Run:
        history = self.call(f"/history/{prompt_id}")[prompt_id]
        status = next(name for name, _ in reversed(history["status"]["messages"]) if name in FINAL_EVENTS)
        return Run(prompt_id, status.removeprefix("execution_"), history["outputs"], events, previews)


def read_preview(frame: bytes) -> list[tuple[dict[str, Any], bytes]]:
    """Decode a binary websocket frame: a preview with its metadata (event 4), else nothing."""
    if int.from_bytes(frame[:4], "big") != 4:
        return []
    length = int.from_bytes(frame[4:8], "big")
    return [(json.loads(frame[8 : 8 + length]), frame[8 + length :])]


class ComfyHost:
    """A running host. Use it as a context manager: the process tree ends with the block."""

    def __init__(
        self, host: Path, base: Path, *, cpu: bool = True, extra: tuple[str, ...] = (), source: Path = REPOSITORY,
        variables: dict[str, str] | None = None,
    ) -> None:  # fmt: skip
        """Describe the host; `__enter__` starts it.

        Args:
            host: the ComfyUI checkout.
            base: scratch folder for models, input, output, user and the copy of the pack.
            cpu: keep everything on the CPU, with the attention that is fast there.
            extra: more command-line arguments for the host.
            source: the pack.
            variables: of the process's environment, besides those of this one.
        """
        self.host, self.base, self.cpu, self.extra, self.source = host, base, cpu, extra, source
        self.variables = variables or {}
        self.log = base / "host.log"
        self.output = base / "output"
        self.pack = base / "custom_nodes" / PACK
        self.process: subprocess.Popen | None = None
        self.client = Client("")

    def __enter__(self) -> ComfyHost:
        self.lay_out()
        self.start()
        return self

    def lay_out(self) -> None:
        """Make the scratch folder, with a copy of the pack in it."""
        for name in ("custom_nodes", "models", "input", "output", "user", "temp"):
            (self.base / name).mkdir(parents=True, exist_ok=True)
        copy_pack(self.base / "custom_nodes", self.source)

    def start(self) -> None:
        """Start the host on what lies in the scratch folder, also again after `kill` or `stop`.

        Raises:
            HostError: it did not come up.
        """
        port = free_port()
        self.client = Client(f"127.0.0.1:{port}")
        command = [sys.executable, "main.py", "--listen", "127.0.0.1", "--port", str(port), "--disable-auto-launch"]
        command += ["--base-directory", str(self.base), "--database-url", "sqlite:///:memory:", "--disable-api-nodes"]
        command += ["--disable-all-custom-nodes", "--whitelist-custom-nodes", PACK]
        command += ["--cpu", "--use-pytorch-cross-attention"] if self.cpu else []
        group: dict[str, Any] = {"start_new_session": True}
        if os.name == "nt":
            group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, *self.extra],
                cwd=self.host,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1", **self.variables},
                **group,
            )
        try:
            self.wait()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_: object) -> None:
        self.stop()

    def log_text(self) -> str:
        """Return what the host has written so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait(self, timeout: float = 240) -> None:
        """Wait until the host answers.

        Raises:
            HostError: it ended or did not answer in time; the message holds the end of its log.
        """
        deadline = time.monotonic() + timeout
        while self.process and self.process.poll() is None and time.monotonic() < deadline:
            try:
                self.client.call("/system_stats", timeout=5)
                return
            except OSError:
                time.sleep(0.2)
        tail = "\n".join(self.log_text().splitlines()[-30:])
        raise HostError(f"ComfyUI did not start; the end of its log ({self.log}):\n{tail}")

    def kill(self) -> None:
        """End the host as a power cut would, without a chance to clean up."""
        if os.name == "nt":
            self.process.kill()
        else:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """End the host and everything it started."""
        if self.process is None or self.process.poll() is not None:
            return
        if os.name == "nt":
            subprocess.run(["taskkill", "/F", "/T", "/PID", str(self.process.pid)], capture_output=True)
        else:
            os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            if os.name != "nt":
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)
