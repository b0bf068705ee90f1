"""Play World in the real host, played by a script: what is played flows on, and is what is rendered."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from comfy_host import ComfyHost
from PIL import Image, ImageStat
from played import Player, played

from worldmodel.play.wire import order
from worldmodel.shown.film import read_film

API = Path(__file__).resolve().parents[2] / "workflows" / "api" / "First walk.json"
PLAY, RENDER = "20", "21"

Graph = dict[str, Any]


def graph_of(seed: int, **inputs: Any) -> Graph:
    """Return First walk, played in place of rolled out, and rendered again from what was recorded."""
    first = json.loads(API.read_text(encoding="utf-8"))
    kinds = {node["class_type"]: number for number, node in first.items()}
    model, vae = [kinds["WMLoadWorldModel"], 0], [kinds["WMLoadWorldVAE"], 0]
    world = [kinds["WMStartWorld"], 0]
    kept = {number: first[number] for kind, number in kinds.items()
            if kind in ("WMLoadWorldModel", "WMLoadWorldVAE", "WMStartWorld", "WMTinyWorldView")}  # fmt: skip
    play = {"model": model, "world": world, "vae": vae, "seed": seed, "limit": 0, "take": 1, **inputs}
    render = {"model": model, "world": world, "track": [PLAY, 2], "seed": seed, "steps": "", "shift": 0.0, "fps": 0.0}
    return {
        **kept,
        PLAY: {"class_type": "WMPlayWorld", "inputs": play},
        RENDER: {"class_type": "WMRolloutWorld", "inputs": render},
        "23": {"class_type": "PreviewAny", "inputs": {"source": [RENDER, 0]}},
    }


def world_id(run: Any, node: str) -> str:
    return re.search(r"World id (\w{16})", run.outputs[node]["text"][0])[1]


def journal_of(comfy: ComfyHost) -> None:
    comfy.client.call("/wm/journal/clear", {})


def test_what_is_played_flows_on_and_is_what_is_rendered(comfy: ComfyHost) -> None:
    async def play(player: Player) -> None:
        assert player.open["version"] == 1 and player.open["about"]["model"].startswith("Tiny World")
        await player.walk("forward", "forward+right", "left")
        assert (await player.ask("rewind", chunks=2))["state"] | {"limit": 0} == {
            "frames": 9, "next": 12, "chunks": 1, "limit": 0, "seed": 7, "turn": 1}  # fmt: skip
        await player.walk("back", "forward")
        journal_of(comfy)  # so that the render below computes all of it
        done = await player.ask("close")
        assert done["type"] == "end" and done["why"] == "closed"

    run, player = played(comfy, graph_of(7), play)
    assert run.status == "success", run.error
    assert run.outputs[PLAY]["text"][0].startswith("The walk was ended. 3 chunks, 33 frames walked; the world has 33")
    assert "from the journal" not in run.outputs[RENDER]["text"][0]
    assert world_id(run, PLAY) == world_id(run, RENDER)
    turns = [frame.header.turn for frame in player.frames]
    assert turns == sorted(turns) and set(turns) == {0, 1}
    last = [frame.header.frame for frame in player.frames if frame.header.turn == 1]
    assert last == list(range(9, 33))
    assert Image.open(io.BytesIO(player.frames[0].data)).size == (player.open["about"]["width"],
                                                                  player.open["about"]["height"])  # fmt: skip

    again = comfy.client.run(graph_of(7))
    assert again.status == "success" and PLAY in again.cached, "what was played is not played again"


def test_the_limit_ends_the_walk_and_the_film_is_what_was_seen(comfy: ComfyHost) -> None:
    async def play(player: Player) -> None:
        await player.ask("hello", version=1, pictures="rgb")
        await player.walk("forward", "forward")
        await player.seen(21)
        end = await player.hear()
        assert (end["type"], end["why"]) == ("end", "limit")

    graph = graph_of(8, limit=21)
    graph["24"] = {"class_type": "SaveVideo", "inputs": {
        "video": [PLAY, 1], "filename_prefix": "played8", "format": "auto", "codec": "auto"}}  # fmt: skip
    run, player = played(comfy, graph, play)
    assert run.status == "success", run.error
    (saved,) = run.outputs["24"]["images"]
    film = read_film(comfy.output / saved["subfolder"] / saved["filename"])
    height, width = film.frames.shape[1:3]
    assert len(film.frames) == len(player.frames) == 21
    for frame, picture in zip(player.frames, film.frames, strict=True):
        assert (frame.header.width, frame.header.height) == (width, height)
        seen = Image.frombytes("RGB", (width, height), frame.data)
        means = [ImageStat.Stat(seen.convert("L")).mean[0] / 255, float(picture.mean())]
        assert abs(means[0] - means[1]) < 0.1


def test_a_page_that_goes_and_stop_end_the_walk_and_what_was_walked_is_kept(comfy: ComfyHost) -> None:
    async def go(player: Player) -> None:
        await player.walk("forward", "back")

    async def stop(player: Player) -> None:
        await player.walk("forward")
        comfy.client.interrupt()
        end = await player.hear()
        assert (end["type"], end["why"]) == ("end", "stopped")

    for seed, play, said in ((9, go, "The page that played was closed. 2 chunks"),
                             (10, stop, "The walk was stopped. 1 chunk,")):  # fmt: skip
        run, _ = played(comfy, graph_of(seed), play)
        assert run.status == "success", run.error
        assert run.outputs[PLAY]["text"][0].startswith(said)
        assert world_id(run, PLAY) == world_id(run, RENDER)


def test_what_cannot_be_followed_is_said_in_a_sentence_and_the_walk_goes_on(comfy: ComfyHost) -> None:
    sent = [
        "", "[]", "{", '{"do": "fly"}', '{"do": "step"}', '{"do": "step", "controls": 3}', '{"id": -1, "do": "state"}',
        '{"do": "rewind", "chunks": 0}', '{"do": "rewind", "chunks": 1}', '{"do": "seed", "seed": 1.5}',
        '{"do": "fork", "place": 9}', '{"do": "state", "more": 1}', '{"do": "hello", "version": 2}',
        '{"do": "hello", "pictures": "bmp"}', '{"do": "step", "controls": "forward*3"}',
        '{"do": "step", "controls": {"type": "track", "version": 9}}', '{"do": "step", "controls": "jump*9"}',
    ]  # fmt: skip

    async def play(player: Player) -> None:
        for text in sent:
            await player.socket.send_str(text)
            answer = await player.hear()
            assert answer["type"] == "refused" and answer["error"].endswith("."), (text, answer)
            assert re.match(r"[\w .,]+: ", answer["error"]), answer["error"]
        await player.socket.send_bytes(b"\x00")
        assert (await player.hear())["error"].startswith("order: found a binary message")
        session = comfy.client.call("/wm/play")[0]
        assert session["taken"] and session["node"] == PLAY

        async def second(other: Player) -> None:
            raise AssertionError("a second player sat down")

        from played import sit_down

        try:
            other = await sit_down(comfy.client.url, session["session"], second)
        except AssertionError:
            pass
        else:
            raise AssertionError(other)
        await player.walk("forward")
        await player.socket.send_str(order("close", 1))

    run, _ = played(comfy, graph_of(11), play)
    assert run.status == "success", run.error
    assert "1 chunk, 9 frames walked" in run.outputs[PLAY]["text"][0]


def test_a_walk_of_nothing_is_an_error_in_a_sentence(comfy: ComfyHost) -> None:
    async def play(player: Player) -> None:
        await player.ask("close")

    run, _ = played(comfy, graph_of(12), play)
    assert run.status == "error"
    assert run.error.startswith("player: found nothing that was walked (The walk was ended), expected at least one")
    assert comfy.client.call("/wm/play") == []


@pytest.mark.parametrize("limit", [3, 100_001])
def test_a_limit_without_room_is_refused(comfy: ComfyHost, limit: int) -> None:
    from comfy_host import PromptRefused

    graph = graph_of(13, limit=limit)
    if limit > 100_000:
        with pytest.raises(PromptRefused):
            comfy.client.run(graph)
    else:
        run = comfy.client.run(graph)
        assert run.error.startswith("limit: found 3, expected 0 or at least 9 frames, the next chunk of Tiny World")
