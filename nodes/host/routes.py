"""What the page asks the server: models, presets, what becomes of a text, and how full the journal is."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...worldmodel import editor, journal
from .journal import journal_folder


def add_routes() -> None:
    """Answer the editors and the settings dialog; without a running server nobody asks."""
    server = getattr(sys.modules.get("server"), "PromptServer", None)
    if not hasattr(server, "instance"):
        return
    from aiohttp import web

    routes = server.instance.routes

    def listing(path: str, list_all: Callable[[], list[dict[str, Any]]]) -> None:
        @routes.get(path)
        async def tell(_: web.Request) -> web.Response:
            return web.json_response(list_all())

    def question(name: str) -> None:
        @routes.post(f"/wm/{name}")
        async def reply(request: web.Request) -> web.Response:
            body = await request.read()
            try:
                return web.json_response(await asyncio.to_thread(editor.answer, name, body))
            except ValueError as error:
                return web.json_response({"error": str(error)}, status=400)

    def on_journal(route: Callable[[str], Callable], path: str, act: Callable[[Path], journal.Usage]) -> None:
        @route(path)
        async def tell(_: web.Request) -> web.Response:
            return web.json_response((await asyncio.to_thread(act, journal_folder()))._asdict())

    listing("/wm/variants", editor.variants)
    listing("/wm/presets", editor.presets)
    for name in editor.QUESTIONS:
        question(name)
    on_journal(routes.get, "/wm/journal", journal.usage)
    on_journal(routes.post, "/wm/journal/clear", journal.clear)
