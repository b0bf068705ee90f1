"""Walks that are being played: the node that makes one, in the host's thread, and who plays it, over a WebSocket.

    GET /wm/play          the walks that are open: [{session, node, prompt, title, taken}]
    GET /wm/play/SESSION  the WebSocket of one; messages as `worldmodel.play.wire` says

A node opens a `Seat` at the `TABLE`, which tells the page that queued it, and takes orders from it until the walk ends.
Whoever comes to the socket first plays; a second one is told so. A program that queues a graph says beforehand how it
wants to be treated (`TABLE.expect`). The host's event loop only carries the messages.
"""

from __future__ import annotations

import asyncio
import queue
import secrets
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from comfy_execution.utils import get_executing_context

from ...worldmodel.play import wire
from ...worldmodel.play.wire import Order, Refused
from . import settings

if TYPE_CHECKING:
    from aiohttp import web

EVENT = "wm_play"
"""Of the host's socket: {node, session}, when a walk opens; {node, session, over: true}, when it ends."""
BREATH = 0.05
"""Seconds after which a node that waits for orders looks up."""
IDLE_SECONDS = 60.0
"""Without an order, after which a walk that nobody plays, or a program left, is ended; where nobody has set it."""
SETTING = "wm.play.idle"
MOST_IDLE = 1_000_000.0
READ = 16
"""Times as much as an order may have is read, so that more is refused in a sentence; beyond, the socket closes."""
MOST_WAITING = 64
"""Orders that may wait; whoever sends more is refused."""
EXPECTED = 256
"""Prompts that are remembered until they run."""
TAKEN = "session: found somebody who plays this walk, expected nobody; wait until it ends, or open another."


class Manner(NamedTuple):
    """How whoever plays is treated."""

    stays: bool = False
    """Whether the walk goes on when its socket closes, and waits for the next one; a page's ends."""
    idle_seconds: float | None = None
    """`None`: those of the settings."""
    pictures: str = "jpeg"
    """Sent until a hello asks for others."""


class Left(NamedTuple):
    """Whoever played has gone."""


class Seen(NamedTuple):
    """Pictures were sent, so what nobody waits for may be done."""


Item = Order | Refused | Left | Seen


class Seat:
    """One walk that is being played, as its node sees it. Made by `Table.open`; leaving the block ends it."""

    def __init__(self, table: Table, manner: Manner, node: str, prompt: str, client: str | None):
        """Args: table: that it belongs to. manner: of whoever plays. node, prompt, client: of the host."""
        self.session = secrets.token_urlsafe(16)
        self.manner, self.node, self.prompt, self.client = manner, node, prompt, client
        self.title = ""
        self.first: Callable[[], str] | None = None
        """Writes the answer that whoever comes is sent first, see `welcome`."""
        self.over = False
        self._table = table
        self._orders: queue.Queue[Item] = queue.Queue()
        self._idle = idle_seconds() if manner.idle_seconds is None else manner.idle_seconds
        self._heard = time.monotonic()
        self._socket: _Socket | None = None
        self._turn = threading.Lock()

    @property
    def taken(self) -> bool:
        """Whether somebody plays."""
        return self._socket is not None

    @property
    def idle(self) -> bool:
        """Whether nobody has said anything for too long; a page that is there is never idle, it may rest."""
        if self.taken and not self.manner.stays:
            return False
        return time.monotonic() - self._heard > self._idle

    def welcome(self, first: Callable[[], str]) -> None:
        """Say what whoever comes is sent first: from then on they may come. Said anew when the walk has moved on.

        Args:
            first: writes it, when somebody comes, in another thread: the way of a long walk is much to write.
        """
        with self._turn:
            new, self.first = self.first is None, first
        if new:
            self._heard = time.monotonic()
            self._table.add(self)

    def next(self, meanwhile: Callable[[], None]) -> Item | None:
        """Wait for an order.

        Args:
            meanwhile: called now and then; may raise.

        Returns:
            `None` where the walk is idle.
        """
        while True:
            try:
                item = self._orders.get(timeout=BREATH)
            except queue.Empty:
                meanwhile()
                if self.idle:
                    return None
                continue
            if not isinstance(item, Seen):
                self._heard = time.monotonic()
            return item

    def tell(self, text: str) -> None:
        """Send an answer, from whatever thread; nobody may be there."""
        socket = self._socket
        if socket is not None:
            socket.send(text)

    def show(self, picture: bytes) -> None:
        """Send a picture, from whatever thread."""
        socket = self._socket
        if socket is not None:
            socket.send(picture)

    def put(self, item: Item) -> bool:
        """Hand in what came, from whatever thread; whether there was room."""
        if isinstance(item, Order) and self._orders.qsize() >= MOST_WAITING:
            return False
        self._orders.put(item)
        return True

    def take(self, socket: _Socket) -> bool:
        """Sit down; whether the seat was free."""
        with self._turn:
            if self._socket is not None or self.over or self.first is None:
                return False
            socket.send(self.first())
            self._socket = socket
        self._heard = time.monotonic()
        return True

    def leave(self, socket: _Socket) -> None:
        """Stand up."""
        with self._turn:
            if self._socket is not socket:
                return
            self._socket = None
        self.put(Left())

    def end(self, why: str, text: str) -> None:
        """Say why the walk is over, once; nobody can come any more."""
        with self._turn:
            if self.over:
                return
            self.over, socket = True, self._socket
        if socket is not None:
            socket.send(wire.answer("end", why=why, text=text))
            socket.send(None)

    def __enter__(self) -> Seat:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: Any) -> None:
        self.end("failed", str(error) if isinstance(error, ValueError) else "The walk ended; ComfyUI says why.")
        self._table.remove(self)


class Table:
    """All walks that are being played on this host, and what is known of those that will be."""

    def __init__(self) -> None:
        """Begin with none."""
        self.seats: dict[str, Seat] = {}
        self._manners: OrderedDict[str, Manner] = OrderedDict()

    def expect(self, prompt: str, manner: Manner) -> None:
        """Say how whoever plays the walk of a queued prompt is to be treated."""
        self._manners[prompt] = manner
        while len(self._manners) > EXPECTED:
            self._manners.popitem(last=False)

    def open(self) -> Seat:
        """Make a seat for the node that is running."""
        context = get_executing_context()
        server = _server()
        node, prompt = (context.node_id, context.prompt_id) if context is not None else ("", "")
        client = getattr(server, "client_id", None) if server is not None else None
        return Seat(self, self._manners.pop(prompt, Manner()), node, prompt, client)

    def add(self, seat: Seat) -> None:
        """Take a seat up, and tell the page that queued its graph."""
        self.seats[seat.session] = seat
        _send(seat, over=False)

    def remove(self, seat: Seat) -> None:
        """Take a seat away."""
        if self.seats.pop(seat.session, None) is not None:
            _send(seat, over=True)

    def listed(self) -> list[dict[str, Any]]:
        """Say which walks are open."""
        return [
            {"session": one.session, "node": one.node, "prompt": one.prompt, "title": one.title, "taken": one.taken}
            for one in list(self.seats.values())
        ]


TABLE = Table()


class _Socket:
    """What is to be sent to one player, filled from any thread and emptied in the event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: asyncio.Queue[str | bytes | None] = asyncio.Queue()

    def send(self, message: str | bytes | None) -> None:
        """Send a message; `None` closes, after all that came before."""
        self._loop.call_soon_threadsafe(self._waiting.put_nowait, message)

    async def carry(self, socket: web.WebSocketResponse) -> None:
        """Send what comes, until the end."""
        while (message := await self._waiting.get()) is not None:
            await (socket.send_str(message) if isinstance(message, str) else socket.send_bytes(message))
        await socket.close()


def add_routes(routes: web.RouteTableDef) -> None:
    """Let pages and programs play."""
    from aiohttp import web

    @routes.get("/wm/play")
    async def listing(_: web.Request) -> web.Response:
        return web.json_response(TABLE.listed())

    @routes.get("/wm/play/{session}")
    async def socket_of(request: web.Request) -> web.StreamResponse:
        if not _is_own(request):
            error = "origin: found a page of elsewhere, expected one of this ComfyUI, or a program; open its own page."
            return web.json_response({"error": error}, status=403)
        seat = TABLE.seats.get(request.match_info["session"])
        if seat is None:
            error = "session: found none of this name, expected one that GET /wm/play lists; it may have ended."
            return web.json_response({"error": error}, status=404)
        if not web.WebSocketResponse().can_prepare(request).ok:
            error = "session: found a plain request, expected a WebSocket; connect with one."
            return web.json_response({"error": error}, status=400)
        return await _play(request, seat)


def _is_own(request: web.Request) -> bool:
    """Tell whether a request comes from this host's page, or from a program.

    The host asks that of loopback addresses alone, and a page of elsewhere opens a WebSocket without asking first.
    """
    from comfy.cli_args import args

    origin = request.headers.get("Origin")
    return origin is None or bool(args.enable_cors_header) or urlsplit(origin).netloc.lower() == request.host.lower()


async def _play(request: web.Request, seat: Seat) -> web.WebSocketResponse:
    """Carry messages between a seat and whoever came."""
    from aiohttp import WSMsgType, web

    # a program that computes between two chunks answers no pings; too long an order is refused, and closes nothing
    heartbeat = None if seat.manner.stays else 30
    socket = web.WebSocketResponse(max_msg_size=READ * wire.MOST_BYTES, heartbeat=heartbeat)
    await socket.prepare(request)
    mine = _Socket()
    if not seat.take(mine):
        await socket.send_str(wire.refusal(None, TAKEN))
        await socket.close()
        return socket
    carrying = asyncio.create_task(mine.carry(socket))
    try:
        async for message in socket:
            if message.type == WSMsgType.TEXT:
                item = _read(message.data)
            else:
                item = Refused("order: found a binary message, expected a JSON text; see docs/playing.md.")
            if not seat.put(item):
                error = f"order: found more than {MOST_WAITING} that wait, expected fewer; wait for answers."
                mine.send(wire.refusal(item.id, error))
    finally:
        seat.leave(mine)
        mine.send(None)
        await asyncio.wait([carrying], timeout=5)
        carrying.cancel()
    return socket


def _read(text: str) -> Order | Refused:
    try:
        return wire.read_order(text)
    except Refused as refused:
        return refused


def idle_seconds() -> float:
    """Return the seconds after which a walk that nobody plays is ended, as the user set them."""
    return settings.number(SETTING, IDLE_SECONDS, MOST_IDLE, "the usual time holds") or IDLE_SECONDS


def _server() -> Any:
    server = getattr(sys.modules.get("server"), "PromptServer", None)
    return getattr(server, "instance", None)


def _send(seat: Seat, over: bool) -> None:
    server = _server()
    if server is not None and seat.client:
        server.send_sync(EVENT, {"node": seat.node, "session": seat.session, "over": over}, seat.client)
