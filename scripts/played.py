"""Somebody who plays a walk as a script says, over the WebSocket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import aiohttp
from comfy_host import ComfyHost, Run

from worldmodel.play import wire

PATIENCE = 120.0


class Frame(NamedTuple):
    """A picture that came."""

    header: wire.Header
    data: bytes


class Player:
    """One end of a walk's socket; orders are answered in turn, pictures are kept as they come."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.number = 0
        self.frames: list[Frame] = []
        self.open: dict[str, Any] = {}

    async def hear(self) -> dict[str, Any]:
        """Return the next answer; pictures that come before it are kept."""
        while True:
            message = await self.socket.receive(timeout=PATIENCE)
            if message.type == aiohttp.WSMsgType.BINARY:
                header, data = wire.read_picture(message.data)
                self.frames.append(Frame(header, bytes(data)))
            else:
                assert message.type == aiohttp.WSMsgType.TEXT, message
                return json.loads(message.data)

    async def ask(self, do: str, **values: Any) -> dict[str, Any]:
        """Give an order, and return its answer."""
        self.number += 1
        await self.socket.send_str(wire.order(do, self.number, **values))
        answer = await self.hear()
        if answer["type"] != "end":
            assert answer["id"] == self.number, answer
        return answer

    async def walk(self, *tracks: str) -> None:
        """Step chunk by chunk; each track is told in the short form without its length, such as `forward`."""
        for track in tracks:
            state = (await self.ask("state"))["state"]
            done = await self.ask("step", controls=f"{track}*{state['next']}")
            assert done["type"] == "done", done

    async def seen(self, frames: int) -> None:
        """Wait for so many pictures in all."""
        while len(self.frames) < frames:
            message = await self.socket.receive(timeout=PATIENCE)
            assert message.type == aiohttp.WSMsgType.BINARY, message
            header, data = wire.read_picture(message.data)
            self.frames.append(Frame(header, bytes(data)))


async def sit_down(url: str, session: str, play: Callable[[Player], Awaitable[None]]) -> Player:
    """Play an open walk; the socket closes at the end of the script."""
    address = f"{url.replace('http', 'ws', 1)}/wm/play/{session}"
    async with aiohttp.ClientSession() as http, http.ws_connect(address, max_msg_size=0) as socket:
        player = Player(socket)
        player.open = await player.hear()
        await play(player)
        return player


def played(comfy: ComfyHost, graph: dict[str, Any], play: Callable[[Player], Awaitable[None]]) -> tuple[Run, Player]:
    """Queue a graph with one Play World, play its walk as the script says, and wait for the end of the graph."""
    came: list[Player] = []

    def on_event(event: dict[str, Any]) -> None:
        if event["type"] == "wm_play" and not event["data"]["over"]:
            came.append(asyncio.run(sit_down(comfy.client.url, event["data"]["session"], play)))

    run = comfy.client.run(graph, on_event)
    assert came, run.error or run.status
    return run, came[0]
