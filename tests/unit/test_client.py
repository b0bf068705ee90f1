"""A program's WebSocket beside a real server, and a client that needs no torch."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from aiohttp import WSMsgType, web

from worldmodel.client.websocket import Closed, WebSocket

REPOSITORY = Path(__file__).resolve().parents[2]
SIZES = (0, 1, 125, 126, 127, 65535, 65536, 1_000_003)


async def echo(request: web.Request) -> web.WebSocketResponse:
    """Send everything back: texts as they are, with a ping before them, and numbers as so many bytes."""
    there = web.WebSocketResponse(max_msg_size=0)
    await there.prepare(request)
    async for message in there:
        if message.type != WSMsgType.TEXT:
            break
        await there.ping(b"are you there")
        if message.data.isdecimal():
            await there.send_bytes(bytes(range(256)) * (int(message.data) // 256) + bytes(int(message.data) % 256))
        elif message.data == "leave":
            await there.close(code=4000, message=b"go home")
        else:
            await there.send_str(message.data)
    return there


async def refuse(_: web.Request) -> web.Response:
    return web.json_response({"error": "session: found none."}, status=404)


async def at_once(request: web.Request) -> web.WebSocketResponse:
    """Send before anything is asked, in the same piece as the head where the system joins them."""
    there = web.WebSocketResponse()
    await there.prepare(request)
    await there.send_str("first")
    await there.close()
    return there


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a server in another thread."""
    loop, started = asyncio.new_event_loop(), threading.Event()
    told: list[str] = []

    async def start() -> Callable[[], Awaitable[None]]:
        app = web.Application()
        app.add_routes([web.get("/echo", echo), web.get("/refuse", refuse), web.get("/first", at_once)])
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        told.append(f"ws://127.0.0.1:{runner.addresses[0][1]}")
        return runner.cleanup

    def run() -> None:
        cleanup = loop.run_until_complete(start())
        started.set()
        loop.run_forever()
        loop.run_until_complete(cleanup())
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    assert started.wait(60)
    yield told[0]
    loop.call_soon_threadsafe(loop.stop)
    thread.join()


def test_messages_of_every_length_come_whole_both_ways(server: str) -> None:
    there = WebSocket(f"{server}/echo")
    for size in SIZES:
        text = "ä" * (size // 2) + "a" * (size % 2)
        there.send(text)
        assert there.receive() == text
        there.send(str(size))
        message = there.receive()
        assert message == bytes(range(256)) * (size // 256) + bytes(size % 256)
    there.close()
    with pytest.raises(Closed):
        there.send("more")


def test_a_server_that_leaves_or_refuses_is_told_apart_from_one_that_is_slow(server: str) -> None:
    there = WebSocket(f"{server}/echo")
    there.send("leave")
    with pytest.raises(Closed, match="go home"):
        there.receive()
    with pytest.raises(Closed, match=r"404 Not Found .*session: found none\."):
        WebSocket(f"{server}/refuse")
    first = WebSocket(f"{server}/first")
    assert first.receive() == "first"
    with pytest.raises(Closed):
        first.receive()
    slow = WebSocket(f"{server}/echo", timeout=0.1)
    with pytest.raises(TimeoutError):
        slow.receive()
    slow.close()
    with pytest.raises(OSError):
        WebSocket("ws://127.0.0.1:9/")


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b"\x81\x85mask", "cannot read"),
        (b"\xc1\x01a", "cannot read"),
        (b"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", "cannot read"),
        (b"\x80\x01a", "within another"),
        (b"\x01\x01a\x81\x01b", "within another"),
        (b"\x83\x01a", "of kind 3"),
        (b"\x81\x05ab", "closed the connection"),
    ],
)
def test_what_is_no_websocket_ends_the_connection_and_fragments_are_joined(sent: bytes, said: str) -> None:
    one, other = socket.socketpair()
    there = WebSocket.__new__(WebSocket)
    there._socket, there._read = one, b""
    with one, other:
        other.sendall(b"\x01\x01a\x89\x01p\x00\x01b\x80\x01c")
        assert there.receive() == "abc"
        assert other.recv(64)[:2] == b"\x8a\x81", "the ping between two pieces was answered, masked"
        other.sendall(sent)
        other.shutdown(socket.SHUT_WR)
        with pytest.raises(Closed, match=said):
            there.receive()


def test_the_client_wakes_no_torch() -> None:
    code = "import sys, worldmodel.client, worldmodel.client.gym; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY).returncode == 0
