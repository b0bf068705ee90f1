"""The host's event loop stays free for everybody else, and takes from pages what only our own page can send."""

from __future__ import annotations

import json
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator

import pytest
from comfy_host import ComfyHost, PromptRefused
from event_loop import ask, long_questions, loop_seconds

PATIENCE = 60.0
"""Seconds; a busy machine needs some of them."""


def post(comfy: ComfyHost, path: str, body: bytes, **headers: str) -> tuple[int, str]:
    """Post bytes with headers of one's own; return the status and what is said."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(f"http://{comfy.client.address}{path}", data=body, headers=names)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.fixture
def raw(comfy: ComfyHost) -> Iterator[Callable[[bytes], socket.socket]]:
    """`raw(data)`: a connection on which these bytes were sent."""
    opened: list[socket.socket] = []

    def send(data: bytes) -> socket.socket:
        host, port = comfy.client.address.split(":")
        opened.append(socket.create_connection((host, int(port)), timeout=PATIENCE))
        opened[-1].sendall(data)
        return opened[-1]

    yield send
    for connection in opened:
        connection.close()


def head(path: str, *lines: str) -> bytes:
    """Return the head of a POST of JSON."""
    return "\r\n".join(
        [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json", *lines, "", ""]
    ).encode()


@pytest.mark.parametrize(
    "told",
    [head("/wm/canonical", "Content-Length: 1000000000"),
     head("/wm/canonical", "Transfer-Encoding: chunked") + b"900000\r\n" + b"x" * 0x900000],
    ids=["told", "not told"],
)  # fmt: skip
def test_a_question_is_refused_by_its_length_before_it_is_there(raw: Callable, told: bytes) -> None:
    answer = raw(told).recv(10_000)
    assert answer.startswith(b"HTTP/1.1 400") and b"expected at most 8388608; make the track shorter." in answer


@pytest.mark.parametrize("path", ["canonical", "binding", "preset", "plan", "view", "journal/clear"])
@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
)
def test_what_a_page_of_elsewhere_can_send_unasked_is_refused(comfy: ComfyHost, path: str, kind: str) -> None:
    """Without a preflight: the three types of forms. The host's own guard lets an opaque origin through."""
    journal = comfy.base / "user" / "__worldmodel" / "journal"
    journal.mkdir(parents=True, exist_ok=True)
    chunk = journal / f"{'cd' * 32}.safetensors"
    chunk.write_bytes(bytes(1000))
    status, said = post(comfy, f"/wm/{path}", b'{"text": "idle"}', Content_Type=kind, Origin="null")
    assert status == 415 and "expected 'application/json'; send the question as JSON." in json.loads(said)["error"]
    assert chunk.exists()
    chunk.unlink()


def test_the_preflight_of_another_page_allows_nothing(comfy: ComfyHost) -> None:
    asked = {
        "Origin": "null",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    request = urllib.request.Request(f"http://{comfy.client.address}/wm/journal/clear", headers=asked, method="OPTIONS")
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        assert not [name for name in answer.headers if name.lower().startswith("access-control-")]


def test_long_questions_are_not_worked_on_by_the_event_loop(comfy: ComfyHost) -> None:
    """In the processor's time, so that a busy machine changes nothing: reading the bytes and sending them is left."""
    asking = [threading.Thread(target=ask, args=[comfy, *question]) for question in long_questions().values()]
    before = loop_seconds(comfy)
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    loop, whole = (after - then for after, then in zip(loop_seconds(comfy), before, strict=True))
    assert whole > 1 and loop < 0.4, (loop, whole)


def test_a_long_text_is_not_checked_by_the_event_loop(comfy: ComfyHost) -> None:
    _, asked = long_questions()["every frame's keyframe, written"]
    wrong = json.loads(asked["text"])
    wrong["mouse"]["yaw"][-1][1] = "right"
    track = {"class_type": "WMActionTrack", "inputs": {"track": json.dumps(wrong), "model": "Tiny World"}}
    shown = {"class_type": "PreviewAny", "inputs": {"source": ["1", 1]}}
    before = loop_seconds(comfy)
    with pytest.raises(PromptRefused, match="Track JSON: frame 99999: mouse.yaw.99999. must be .*, not .right"):
        comfy.client.run({"1": track, "2": shown})
    loop, whole = (after - then for after, then in zip(loop_seconds(comfy), before, strict=True))
    assert loop < 0.5 * whole, (loop, whole)
    track["inputs"]["track"] = "x" * 9_000_000
    with pytest.raises(PromptRefused, match="found 9000000 bytes, expected at most 8388608; make the track shorter"):
        comfy.client.run({"1": track, "2": shown})


def test_a_question_that_was_called_off_is_passed_over(comfy: ComfyHost, raw: Callable) -> None:
    name, asked = long_questions()["a path of 100,000 frames"]
    began = loop_seconds(comfy)[1]
    ask(comfy, name, asked)
    one = loop_seconds(comfy)[1] - began
    body = json.dumps(asked).encode()
    for _ in range(10):
        raw(head(f"/wm/{name}", f"Content-Length: {len(body)}") + body).close()
    began = loop_seconds(comfy)[1]
    time.sleep(0.5)  # until those that wait are known to the loop
    assert comfy.client.call("/wm/canonical", {"text": "idle"}, timeout=600)
    assert loop_seconds(comfy)[1] - began < 5 * one  # two of ten had begun
