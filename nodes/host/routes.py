"""What the page's editors ask the server: models, presets, and what becomes of a text."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any

from ...worldmodel import editor


def add_routes() -> None:
    """Answer the editors; without a running server nobody asks."""
    server = getattr(sys.modules.get("server"), "PromptServer", None)
    if not hasattr(server, "instance"):
        return
    from aiohttp import web

    def listing(path: str, list_all: Callable[[], list[dict[str, Any]]]) -> None:
        @server.instance.routes.get(path)
        async def tell(_: web.Request) -> web.Response:
            return web.json_response(list_all())

    def question(name: str) -> None:
        @server.instance.routes.post(f"/wm/{name}")
        async def reply(request: web.Request) -> web.Response:
            body = await request.read()
            try:
                return web.json_response(await asyncio.to_thread(editor.answer, name, body))
            except ValueError as error:
                return web.json_response({"error": str(error)}, status=400)

    listing("/wm/variants", editor.variants)
    listing("/wm/presets", editor.presets)
    for name in editor.QUESTIONS:
        question(name)
