"""A running ComfyUI's API, over HTTP and its websocket; nothing of the host is imported."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from typing import Any, NamedTuple

FINAL_EVENTS = ("execution_success", "execution_error", "execution_interrupted")
UNREACHABLE = (OSError, HTTPException)
"""What a call raises when the host is gone, or goes while it answers."""
_PIECE = 2**20
"""Bytes of a file that are read at a time."""


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


class Client:
    """The host's API, for one user."""

    def __init__(self, address: str) -> None:
        """Args: address: such as `127.0.0.1:8188`, or a URL such as `https://host.example/comfy`."""
        self.address = address
        self.url = (address if "://" in address else f"http://{address}").rstrip("/")
        self.id = uuid.uuid4().hex

    def call(self, path: str, body: Any = None, timeout: float = 60) -> Any:
        """GET a path, or POST a JSON body to it, and return the decoded answer (None if empty).

        Raises:
            PromptRefused: the answer is 400 with the host's account of the graph's errors.
            urllib.error.HTTPError: any other refusal.
        """
        data = None if body is None else json.dumps(body).encode()
        headers = {} if body is None else {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}{path}", data=data, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            if error.code == 400 and path == "/prompt":
                raise PromptRefused(json.loads(error.read())) from error
            raise
        return json.loads(text) if text.strip() else None

    def download(self, item: dict[str, str], timeout: float = 60) -> Iterator[bytes]:
        """Yield a file piece by piece.

        Args:
            item: `filename`, `subfolder` and `type`, as the host names what a node wrote.
            timeout: seconds without a byte until this gives up.

        Raises:
            OSError, HTTPException: there is no such file any more, or the host went away.
        """
        asked = {name: item.get(name, "") for name in ("filename", "subfolder", "type")}
        with urllib.request.urlopen(f"{self.url}/view?{urllib.parse.urlencode(asked)}", timeout=timeout) as answer:
            left = int(answer.headers.get("Content-Length") or 0)
            while piece := answer.read(_PIECE):
                left -= len(piece)
                yield piece
        if left > 0:
            raise ConnectionError(f"the host closed the connection {left} bytes before the end of a file")

    def interrupt(self) -> None:
        """Stop what is running, as the host's own Stop button does."""
        self.call("/interrupt", {})

    def run(
        self,
        graph: dict[str, Any],
        on_event: Callable[[dict[str, Any]], None] | None = None,
        timeout: float = 600,
    ) -> Run:
        """Queue a graph in API form, wait for its end and return what came of it; needs aiohttp.

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
            session.ws_connect(
                f"{self.url.replace('http', 'ws', 1)}/ws?clientId={self.id}", max_msg_size=0
            ) as socket_,
        ):  # fmt: skip
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
        return Run(prompt_id, status_of(history), history["outputs"], events, previews)


def status_of(history: dict[str, Any]) -> str:
    """Return how a graph ended, `success`, `error` or `interrupted`, by the host's account of it."""
    status = next(name for name, _ in reversed(history["status"]["messages"]) if name in FINAL_EVENTS)
    return status.removeprefix("execution_")


def read_preview(frame: bytes) -> list[tuple[dict[str, Any], bytes]]:
    """Decode a binary websocket frame: a preview with its metadata (event 4), else nothing."""
    if int.from_bytes(frame[:4], "big") != 4:
        return []
    length = int.from_bytes(frame[4:8], "big")
    return [(json.loads(frame[8 : 8 + length]), frame[8 + length :])]
