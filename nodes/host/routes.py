"""What the page asks the server: models, presets, what becomes of a text, what is seen, how full the journal is, and
walks that are played.

The host's event loop only carries the bytes: questions are read, answered and written by threads of their own.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...worldmodel import questions as editor
from ...worldmodel.answers import written
from ...worldmodel.reading.no_search import READING
from ...worldmodel.reading.words import shortened
from ...worldmodel.world import journal
from . import play, play_queue, prompts
from .journal import journal_folder
from .workers import PICTURES, QUESTIONS, QUESTIONS_AT_ONCE

if TYPE_CHECKING:
    from aiohttp import web

JSON, JPEG = "application/json", "image/jpeg"


Question = Callable[[dict[str, Any]], dict[str, Any]]
"""What is asked -> the answer, plain JSON values; raises ValueError with a sentence."""
View = Callable[[dict[str, Any]], bytes]
"""What is asked -> a picture as a JPEG; raises ValueError with a sentence."""


def add_routes(more: Mapping[str, Question], views: Mapping[str, View]) -> None:
    """Answer the editors and the settings dialog; without a running server nobody asks.

    Args:
        more: questions by their names, besides those that need no host.
        views: pictures by their names.
    """
    server = getattr(sys.modules.get("server"), "PromptServer", None)
    if not hasattr(server, "instance"):
        return
    from aiohttp import web

    routes = server.instance.routes

    def listing(path: str, list_all: Callable[[], list[dict[str, Any]]]) -> None:
        @routes.get(path)
        async def tell(_: web.Request) -> web.Response:
            return web.json_response(list_all())

    def asked(path: str, act: Callable[[web.Request], Awaitable[bytes | None]], kind: str = JSON) -> None:
        @routes.post(path)
        async def reply(request: web.Request) -> web.Response:
            if request.content_type != JSON:
                # which a page of elsewhere cannot send without asking the server first, and the host then says no
                found = shortened(request.content_type)
                error = f"content type: found {found!r}, expected {JSON!r}; send the question as JSON."
                return web.json_response({"error": error}, status=415)
            try:
                return web.Response(body=await act(request), content_type=kind)
            except ValueError as error:
                return web.json_response({"error": str(error)}, status=400)

    listing("/wm/variants", editor.variants)
    listing("/wm/presets", editor.presets)
    turns = asyncio.Semaphore(QUESTIONS_AT_ONCE)
    for name, act in {**editor.QUESTIONS, **more}.items():
        asked(f"/wm/{name}", partial(_answer, partial(_written, act), (turns, QUESTIONS)))
    one_by_one = asyncio.Semaphore(1)
    for name, show in views.items():
        asked(f"/wm/{name}", partial(_answer, show, (one_by_one, PICTURES)), JPEG)

    @routes.get("/wm/journal")
    async def tell_usage(_: web.Request) -> web.Response:
        return web.Response(body=await _of_journal(journal.usage), content_type=JSON)

    asked("/wm/journal/clear", lambda _: _of_journal(journal.clear))
    asked("/wm/check", _check)
    play.add_routes(routes)
    play_queue.add_routes(routes)
    asked("/wm/play", _queue)


async def _answer(
    act: View, worked_by: tuple[asyncio.Semaphore, ThreadPoolExecutor], request: web.Request
) -> bytes | None:
    """Answer a question; nobody hears the answer of one that was called off while it waited.

    Args:
        act: answers it with bytes.
        worked_by: as many turns as there are threads, so that those who wait can still leave, and the threads.
        request: whose body is the question.

    Raises:
        ValueError: what is wrong with the question.
    """
    body = await _body_of(request)
    turns, threads = worked_by
    async with turns:
        if request.transport is None or request.transport.is_closing():
            return None
        return await asyncio.get_running_loop().run_in_executor(threads, _answered, act, body)


def _answered(act: View, body: bytes) -> bytes:
    with READING:
        return act(editor.read(body))


def _written(act: Question, asked: dict[str, Any]) -> bytes:
    return written(act(asked))


async def _body_of(request: web.Request) -> bytes:
    """Read a question, and no more of it than one may have; its length is asked first where it is told.

    Raises:
        ValueError: it is too long.
    """
    editor.check_length(request.content_length or 0)
    body = bytearray()
    async for piece in request.content.iter_any():
        body += piece
        editor.check_length(len(body))
    return bytes(body)


async def _check(request: web.Request) -> bytes:
    return written(await prompts.check(editor.read(await _body_of(request))))


async def _queue(request: web.Request) -> bytes:
    return written(await play_queue.queue(editor.read(await _body_of(request))))


async def _of_journal(act: Callable[[Path], journal.Usage]) -> bytes:
    return written((await asyncio.to_thread(act, journal_folder()))._asdict())
