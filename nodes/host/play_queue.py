"""Graphs that programs queue to play them: a place in the host's queue, then a session.

POST /wm/play                 {prompt} -> {version, prompt, place}: a graph with one Play World, queued as any is
GET  /wm/play/queued/PROMPT   {state, place, session, error}: waiting, starting, playing or ended
"""

from __future__ import annotations

import secrets
import sys
import time
import uuid
from typing import TYPE_CHECKING, Any

from ...worldmodel.batch.api import status_of
from ...worldmodel.play import wire
from ...worldmodel.play.schema import schema
from ...worldmodel.reading.json_text import checked_object
from ...worldmodel.reading.words import counted
from . import prompts
from .play import TABLE, Manner

if TYPE_CHECKING:
    from aiohttp import web

PLAYER = "WMPlayWorld"
"""The node that a graph holds one of."""


async def queue(asked: dict[str, Any]) -> dict[str, Any]:
    """Queue a graph for a program, behind those that are there: {prompt} -> {version, prompt, place}.

    Raises:
        ValueError: it holds no Play World, or more than one, or the host would refuse it; every mistake is named.
    """
    graph = checked_object(asked.get("prompt"), "prompt")
    players = [node["inputs"] for node in graph.values() if isinstance(node, dict)
               and node.get("class_type") == PLAYER and isinstance(node.get("inputs"), dict)]  # fmt: skip
    if len(players) != 1:
        raise ValueError(f"prompt: found {counted(len(players), 'node')} of Play World, expected one; put one in.")
    # else the host would take the same graph's last walk for this one
    players[0]["take"] = 1 + secrets.randbelow(2**31 - 1)
    if mistakes := (await prompts.check({"prompt": graph}))["mistakes"]:
        raise ValueError("; ".join(f"node {one['node']}: {one['sentence']}" for one in mistakes))
    server, prompt = _server(), str(uuid.uuid4())
    told = server.trigger_on_prompt({"prompt": graph, "prompt_id": prompt})
    graph = told["prompt"]
    server.node_replace_manager.apply_replacements(graph)
    from execution import validate_prompt  # here, because commands run the pack without the host's server

    valid, error, outputs, _ = await validate_prompt(prompt, graph, None)
    if not valid:
        raise ValueError(f"prompt: {error['message']} {error['details']}".strip())
    TABLE.expect(prompt, Manner(stays=True, pictures="rgb"))
    number = server.number
    server.number += 1
    extra = {"create_time": int(time.time() * 1000)}
    server.prompt_queue.put((number, prompt, graph, extra, outputs, {}))
    return {"version": wire.VERSION, "prompt": prompt, "place": _place(prompt) or 0}


def told(prompt: str) -> dict[str, Any]:
    """Say what has become of a graph that was queued.

    `state` is waiting, starting, playing or ended; `place` how many graphs come before it, `session` the name of the
    walk while it is played, and `error` why it ended, "" where nothing went wrong.

    Raises:
        ValueError: the host knows of none.
    """
    session = next((one["session"] for one in TABLE.listed() if one["prompt"] == prompt), None)
    place = _place(prompt)
    if place is not None:
        state = "waiting" if place else "playing" if session else "starting"
        return {"state": state, "place": place, "session": session, "error": ""}
    history = _server().prompt_queue.get_history(prompt_id=prompt)
    if prompt not in history:
        raise ValueError(f"prompt: found none called {prompt}, expected one that was queued; it may have been deleted.")
    return {"state": "ended", "place": 0, "session": None, "error": _error(history[prompt])}


def _place(prompt: str) -> int | None:
    """Return how many graphs come before one; 0 of one that runs, `None` of one that is not queued."""
    running, waiting = _server().prompt_queue.get_current_queue_volatile()
    if any(item[1] == prompt for item in running):
        return 0
    names = [item[1] for item in sorted(waiting, key=lambda item: item[0])]
    return len(running) + names.index(prompt) if prompt in names else None


def _error(history: dict[str, Any]) -> str:
    status = status_of(history)
    if status == "success":
        return ""
    if status == "interrupted":
        return "It was stopped on the host."
    about = next(data for name, data in history["status"]["messages"] if name == f"execution_{status}")
    return " ".join(str(about.get("exception_message") or about.get("exception_type")).split())


def add_routes(routes: web.RouteTableDef) -> None:
    """Let programs see how far the queue is, and what is spoken; `queue` is one of the questions."""
    from aiohttp import web

    @routes.get(f"/wm/play/schema/{wire.VERSION}")
    async def spoken(_: web.Request) -> web.Response:
        return web.json_response(schema())

    @routes.get("/wm/play/queued/{prompt}")
    async def tell(request: web.Request) -> web.Response:
        try:
            return web.json_response(told(request.match_info["prompt"]))
        except ValueError as error:
            return web.json_response({"error": str(error)}, status=404)


def _server() -> Any:
    return sys.modules["server"].PromptServer.instance
