"""A session that a program plays, chunk by chunk.

Shapes: F frames, H x W picture.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..play import wire
from .websocket import Closed, WebSocket

RGB, NONE = "rgb", "none"
_SECONDS = 600.0
"""That a chunk may take."""
_LEAST_PAUSE, _MOST_PAUSE = 0.05, 1.0
"""Seconds between two looks at the queue."""


class PlayError(ValueError):
    """The host refused something, in one sentence; the session goes on as it was."""


class Ended(Exception):
    """The session is over.

    Attributes:
        why: `closed`, `limit`, `stopped`, `left`, `idle`, `failed`, or "" where the connection broke.
    """

    def __init__(self, why: str, text: str) -> None:
        super().__init__(text or why)
        self.why = why


class Step(NamedTuple):
    """What came of a chunk."""

    frames: np.ndarray
    """(F, H, W, 3) uint8; F is 0 where no pictures were asked for."""
    state: dict[str, Any]
    way: list[list[float]]
    """Metres right, metres ahead and degrees to the right of each frame, from where the walk began; walls are not known
    to it."""
    seconds: float
    """That the host took."""
    made: bool
    """Whether it was computed; else the journal had it."""


class Play:
    """An open session; use it as a context manager, from one thread.

    Attributes:
        prompt: the id of the queued graph, as the host's history has it; "" of a session that was joined.
        session: its name.
        about: what the model is told: keys, turns, frames of a chunk, rate, size.
        state: where the session stands after the last answer.
    """

    def __init__(
        self, host: str, graph: dict[str, Any] | None = None, *, session: str = "", pictures: str = RGB,
        seconds: float = _SECONDS, waits: Callable[[int], None] = lambda place: None,
    ) -> None:  # fmt: skip
        """Queue a graph and wait until its Play World begins, or join a session that nobody plays.

        Args:
            host: address such as `127.0.0.1:8188`, or a URL.
            graph: in API form, with one Play World.
            session: to be joined, in place of a graph.
            pictures: `rgb`, or `none`: then nothing is decoded for this program.
            seconds: that an answer may take.
            waits: told how many graphs come before this one, whenever that changes.

        Raises:
            PlayError: the host does not take the graph, or somebody plays the session.
            Ended: it ended before the session began, as where a node before Play World failed.
            OSError: there is no host.
        """
        if pictures not in (RGB, NONE):
            raise PlayError(f"pictures: found {pictures!r}, expected {RGB} or {NONE}; choose one.")
        if (graph is None) == (not session):
            raise PlayError("graph, session: found both or neither, expected one of them; leave the other out.")
        self._url = (host if "://" in host else f"http://{host}").rstrip("/")
        self._pictures, self._seconds = pictures, seconds
        self._number = 0
        self.prompt = ""
        if graph is not None:
            opened = self.ask("play", {"prompt": graph})
            self.prompt = opened["prompt"]
            session = self._begun(waits)
        self.session = session
        try:
            self._socket = WebSocket(f"{self._url.replace('http', 'ws', 1)}/wm/play/{session}", seconds)
        except Closed as error:
            raise (PlayError(json.loads(error.said)["error"]) if error.said[:1] == "{" else error) from None
        try:
            self._greet()
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> Play:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def step(self, controls: str | dict[str, Any]) -> Step:
        """Make the next chunk.

        Args:
            controls: a track of exactly `state["next"]` frames, as in a track's file or in its short form, such as
                `forward*12` or `forward+yaw_right(1.5)*12`.

        Raises:
            PlayError: the controls are refused.
            Ended: the session is over.
        """
        before = self.state["frames"]
        done = self._order("step", controls=controls)
        count = 0 if self._pictures == NONE else done["state"]["frames"] - before
        pictures = [self._picture() for _ in range(count)]
        height, width = self.about["height"], self.about["width"]
        frames = np.stack(pictures) if pictures else np.zeros((0, height, width, 3), np.uint8)
        return Step(frames, done["state"], done["way"]["points"], done["seconds"], done["made"])

    def rewind(self, chunks: int) -> dict[str, Any]:
        """Take the last chunks back; return the state."""
        return self._order("rewind", chunks=chunks)["state"]

    def seed(self, seed: int) -> dict[str, Any]:
        """Draw other noise from here on; return the state."""
        return self._order("seed", seed=_written(seed))["state"]

    def reset(self, seed: int | None = None) -> dict[str, Any]:
        """Go back to the beginning, with another seed if wished; return the state."""
        return self._order("reset", **({} if seed is None else {"seed": _written(seed)}))["state"]

    def save(self) -> int:
        """Keep the place where the session stands; return its number, for `fork`."""
        return self._order("save")["place"]

    def fork(self, place: int, seed: int | None = None) -> dict[str, Any]:
        """Go on from a place that was kept, with another seed if wished; return the state."""
        return self._order("fork", place=place, **({} if seed is None else {"seed": _written(seed)}))["state"]

    def drop(self, place: int) -> None:
        """Forget a place that was kept."""
        self._order("drop", place=place)

    def world(self) -> str:
        """Return the id of the world as far as it was walked; equal worlds have the same, to the bit."""
        return self._order("state")["world"]

    def ask(self, question: str, asked: dict[str, Any]) -> dict[str, Any]:
        """Ask the host one of the pack's questions over HTTP, such as `truth`.

        Raises:
            PlayError: it refuses, in a sentence.
            OSError: there is no host, or no such question.
        """
        return self._answer(question, json.dumps(asked).encode())

    def _answer(self, path: str, body: bytes | None = None) -> dict[str, Any]:
        request = urllib.request.Request(f"{self._url}/wm/{path}", body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=self._seconds) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            said = error.read()
            if error.code in (400, 404, 415) and said[:1] == b"{":
                raise PlayError(json.loads(said)["error"]) from None
            raise

    def close(self) -> None:
        """End the session, if it is not over; the world is kept."""
        try:
            self._order("close")
        except Ended:
            pass
        finally:
            self._socket.close()

    def _begun(self, waits: Callable[[int], None]) -> str:
        """Wait until the node begins; return the session's name."""
        place, pause = -1, _LEAST_PAUSE
        while True:
            told = self._answer(f"play/queued/{self.prompt}")
            if told["state"] == "playing":
                return told["session"]
            if told["state"] == "ended":
                raise Ended("failed", told["error"] or "the graph ended before it was played")
            if told["place"] != place:
                place, pause = told["place"], _LEAST_PAUSE
                waits(place)
            time.sleep(pause)
            pause = min(_MOST_PAUSE, 1.5 * pause)

    def _greet(self) -> None:
        told = self._told()
        if told["type"] != "open":
            raise PlayError(told.get("error") or f"the host began with {told['type']}, expected open")
        self.about: dict[str, Any] = told["about"]
        self.state: dict[str, Any] = told["state"]
        self._order("hello", version=wire.VERSION, pictures=self._pictures)

    def _order(self, do: str, **values: Any) -> dict[str, Any]:
        """Give an order and wait for its answer."""
        self._number += 1
        try:
            self._socket.send(wire.order(do, self._number, **values))
        except Closed as error:
            raise Ended("", str(error)) from None
        while True:
            told = self._told()
            if told["type"] == "refused" and told["id"] in (self._number, None):
                raise PlayError(told["error"])
            if told["type"] == "done" and told["id"] == self._number:
                self.state = told["state"]
                return told

    def _told(self) -> dict[str, Any]:
        """Return the next message that is no picture."""
        while isinstance(message := self._received(), bytes):
            pass
        told = json.loads(message)
        if told["type"] == "end":
            raise Ended(told["why"], told["text"])
        return told

    def _picture(self) -> np.ndarray:
        """Return the next picture."""
        while isinstance(message := self._received(), str):
            told = json.loads(message)
            if told["type"] == "end":
                raise Ended(told["why"], told["text"])
        head, pixels = wire.read_picture(message)
        return np.frombuffer(pixels, np.uint8).reshape(head.height, head.width, 3)

    def _received(self) -> str | bytes:
        try:
            return self._socket.receive()
        except TimeoutError:
            raise Ended("", f"the host said nothing for {self._seconds:.0f} s") from None
        except Closed as error:
            raise Ended("", str(error)) from None


def _written(seed: int) -> int | str:
    return wire.seed_said(int(seed))
