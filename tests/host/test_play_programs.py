"""Programs that play in the real host: queued like any graph, alone on their session, and never out of words."""

from __future__ import annotations

import random
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from comfy_host import ComfyHost
from gymnasium.utils.env_checker import check_env
from jsonschema import Draft202012Validator
from play_endpoint import PLACE, compare, give_orders

from worldmodel.client import Ended, Play, PlayError
from worldmodel.client.gym import TinyWorldEnv, WorldEnv, tiny_graph
from worldmodel.client.websocket import Closed, WebSocket
from worldmodel.play import wire

IDLE = "wm.play.idle"


@pytest.fixture(autouse=True)
def nothing_left(comfy: ComfyHost) -> Iterator[None]:
    """Wait until what a test has queued is over, so that the next one's place is known."""
    yield
    idle(comfy)


def idle(comfy: ComfyHost) -> None:
    while any(comfy.client.call("/queue").values()):
        time.sleep(0.05)


def opened(comfy: ComfyHost, **options: Any) -> Play:
    return Play(comfy.client.address, tiny_graph(**PLACE), **options)


def report_of(comfy: ComfyHost, prompt: str) -> str:
    """Return what the node of a session that ended said."""
    idle(comfy)
    return comfy.client.call(f"/history/{prompt}")[prompt]["outputs"]["play"]["text"][0]


def test_orders_in_random_order_make_what_the_nodes_make(comfy: ComfyHost) -> None:
    with opened(comfy) as play:
        assert play.about["width"] == 96 and play.state["next"] == 9
        seen = give_orders(play, random.Random(5), 24, 7)
    idle(comfy)
    assert len(seen) >= 3 and any(len(one.pictures) for one in seen)
    assert compare(comfy, seen) == []


def malformed(moment: random.Random) -> Iterator[str | bytes]:
    """Yield 200 messages that are no orders, or cannot be followed."""
    yield from (b"", b"\x00\xff" * 300, "", "null", "[]", '"step"', "{", "[" * 500, '{"do":"step","do":"step"}',
                "x" * 300_000, wire.order("step", 1, controls="forward " * 20_000), "\ud7ff", "{}" * 2)  # fmt: skip
    texts = [
        wire.order("step", 1, controls="forward*9"), wire.order("rewind", 2, chunks=1), wire.order("seed", 3, seed=7),
        wire.order("reset", 4, seed=7), wire.order("fork", 5, place=1), wire.order("hello", 6, version=1),
    ]  # fmt: skip
    names = ("do", "id", "controls", "chunks", "seed", "place", "version")
    values = ("-1", "1.5", "1e400", "null", "[]", "{}", '"NaN"', "true", "NaN", "99999999999999999999999", '"\\ud800"')
    for _ in range(187):
        kind, text = moment.randrange(4), moment.choice(texts)
        if kind == 0:  # cut off
            yield text[: moment.randrange(1, len(text) - 1)]
        elif kind == 1:  # a member that does not belong there
            yield text[:-1] + f', "{moment.choice(("", "more", "__proto__", "x" * 4000))}": 1}}'
        elif kind == 2:  # a value that is none
            name = moment.choice([name for name in names if f'"{name}"' in text])
            value = moment.choice([value for value in values if (name, value) != ("id", "null")])
            found = re.search(f'"{name}": ("[^"]*"|[^,}}]*)', text)
            yield f"{text[: found.start(1)]}{value}{text[found.end(1) :]}"
        else:
            yield wire.order(moment.choice(("fly", "STEP", "", "step ")), 1)


def test_two_hundred_malformed_messages_are_answered_and_the_session_lives(comfy: ComfyHost) -> None:
    play = opened(comfy, pictures="none")
    try:
        before = play.world()
        there = play._socket
        spoken = Draft202012Validator(play._answer("play/schema/1"))
        sent = list(malformed(random.Random(1)))
        assert len(sent) == 200
        for message in sent:
            there._send(
                2 if isinstance(message, bytes) else 1, message if isinstance(message, bytes) else message.encode()
            )
            told = play._told()
            assert told["type"] == "refused" and told["error"].endswith(".") and len(told["error"]) < 1000, (
                message,
                told,
            )
            spoken.validate(told)
        assert play.world() == before and play.state["chunks"] == 0
        assert play.step("forward*9").state["chunks"] == 1
    finally:
        play.close()
    assert report_of(comfy, play.prompt).startswith("The walk was ended. 1 chunk, 9 frames walked")


def test_one_plays_and_others_are_told_so_wait_for_their_place_or_join_when_it_is_free(comfy: ComfyHost) -> None:
    first = opened(comfy)
    first.step("forward*9")
    with pytest.raises(PlayError, match=r"^session: found somebody who plays this walk, expected nobody; "):
        Play(comfy.client.address, session=first.session)
    queued = first.ask("play", {"prompt": tiny_graph(**PLACE)})
    assert queued["version"] == 1 and queued["place"] == 1
    asked = f"play/queued/{queued['prompt']}"
    assert first._answer(asked) == {"state": "waiting", "place": 1, "session": None, "error": ""}
    first._socket.close()  # the program is gone, and its session waits for another
    while any(one["taken"] for one in comfy.client.call("/wm/play")):
        time.sleep(0.05)
    second = Play(comfy.client.address, session=first.session)
    assert second.state["frames"] == 9 and second.world() and len(second.step("idle*12").frames) == 12
    second.close()
    while (told := second._answer(asked))["state"] != "playing":
        assert told["state"] in ("waiting", "starting"), told
        time.sleep(0.05)
    third = Play(comfy.client.address, session=told["session"])
    third.step("idle*9")
    comfy.client.interrupt()
    with pytest.raises(Ended) as ended:
        third.step("idle*12")
        third.step("idle*12")
    assert ended.value.why == "stopped"
    third.close()
    idle(comfy)
    assert third._answer(asked)["state"] == "ended"
    with pytest.raises(PlayError, match="^session: found none of this name"):
        Play(comfy.client.address, session=told["session"])


def test_an_idle_session_is_closed_and_its_world_kept(comfy: ComfyHost) -> None:
    graph = tiny_graph(**PLACE)
    graph["kept"] = {"class_type": "WMSaveWorld", "inputs": {"world": ["play", 0], "filename_prefix": "idle/world"}}
    comfy.client.call("/api/settings", {IDLE: 2})
    try:
        play = Play(comfy.client.address, graph)
        play.step("forward*9")
        idle(comfy)
    finally:
        comfy.client.call("/api/settings", {IDLE: 60})
    with pytest.raises(Ended) as ended:
        play.step("forward*12")
    assert ended.value.why == "idle"
    play.close()
    assert report_of(comfy, play.prompt).startswith("Nobody played any more. 1 chunk, 9 frames walked")
    (saved,) = comfy.client.call(f"/history/{play.prompt}")[play.prompt]["outputs"]["kept"]["files"]
    assert (comfy.output / saved["subfolder"] / saved["filename"]).is_file()


def test_graphs_that_cannot_be_played_are_refused_in_a_sentence(comfy: ComfyHost) -> None:
    def refused(graph: dict[str, Any]) -> str:
        with pytest.raises(PlayError) as caught:
            Play(comfy.client.address, graph)
        return str(caught.value)

    graph = tiny_graph(**PLACE)
    assert refused({}).startswith("prompt: found 0 nodes of Play World, expected one")
    assert refused({**graph, "more": graph["play"]}).startswith("prompt: found 2 nodes of Play World, expected one")
    assert refused({**graph, "view": 3}).startswith("prompt: found 3 as node")
    assert "level" in refused({**graph, "view": {"class_type": "WMTinyWorldView", "inputs": {
        "world_seed": 0, "place": 0, "level": "Nowhere"}}})  # fmt: skip
    assert refused({**graph, "view": {"class_type": "WMNoSuchNode", "inputs": {}}})
    body = urllib.request.Request(f"{comfy.client.url}/wm/play", b"{}", {"Content-Type": "text/plain"})
    with pytest.raises(urllib.error.HTTPError, match="415"):
        urllib.request.urlopen(body)
    with pytest.raises(PlayError, match="^graph, session: found both or neither"):
        Play(comfy.client.address)
    assert not comfy.client.call("/queue")["queue_running"]


def test_pages_of_elsewhere_do_not_play(comfy: ComfyHost, monkeypatch: pytest.MonkeyPatch) -> None:
    shake = WebSocket._shake

    def from_page(origin: str) -> None:
        monkeypatch.setattr(
            WebSocket, "_shake", lambda self, host, path: shake(self, f"{host}\r\nOrigin: {origin}", path)
        )

    with opened(comfy) as play:
        play.step("idle*9")
        play._socket.close()
        for origin in ("http://elsewhere.example", "null", "http://127.0.0.1:1"):
            from_page(origin)
            with pytest.raises(Closed, match="403"):
                WebSocket(f"ws://{comfy.client.address}/wm/play/{play.session}")
        while any(one["taken"] for one in comfy.client.call("/wm/play")):
            time.sleep(0.05)
        from_page(f"http://{comfy.client.address}")
        own = Play(comfy.client.address, session=play.session)
        own.close()


def test_environments_are_gymnasiums_and_equal_seeds_are_equal_to_the_bit(comfy: ComfyHost) -> None:
    env = TinyWorldEnv(comfy.client.address, level="The Three Gates", place=3, render_mode="rgb_array")
    try:
        check_env(env, skip_render_check=True)
        assert env.words == ("forward", "back", "left", "right")
        walks = []
        for seed in (11, 12, 11):
            seen, info = env.reset(seed=seed)
            env.action_space.seed(seed)
            walk = [(seen["picture"], seen["goal"], 0.0, info["distance"], info["stopped"], info["pose"])]
            assert info["frames"].shape == (9, 64, 96, 3) and env.observation_space.contains(seen)
            for _ in range(3):
                seen, reward, ended, cut, info = env.step(env.action_space.sample())
                walk.append((seen["picture"], seen["goal"], reward, info["distance"], info["stopped"], info["pose"]))
                assert not ended and not cut and np.array_equal(env.render(), seen["picture"])
                assert np.isclose(np.hypot(*seen["goal"]), info["distance"], atol=1e-4)
            walks.append(walk)
        for one, same in zip(walks[0], walks[2], strict=True):
            assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
        assert not np.array_equal(walks[0][0][0], walks[1][0][0]) and not np.array_equal(walks[0][0][1], walks[1][0][1])
        held = {"keys": np.array([1, 0, 0, 0]), "mouse": np.array([0.0], np.float32)}
        env.reset(seed=11)
        metres = 0.0
        for _ in range(12):  # straight on, as far as the wall lets one
            before = env._distance
            _, reward, ended, _, info = env.step(held)
            assert np.isclose(reward, before - info["distance"] - 0.05 * info["stopped"] + ended)
            metres += 12 - info["stopped"]
        assert info["stopped"] > 0 and metres > 0
    finally:
        env.close()


def test_an_environment_opens_its_session_again_where_it_was_closed(comfy: ComfyHost) -> None:
    env = WorldEnv(comfy.client.address, tiny_graph(**PLACE))
    try:
        seen, _ = env.reset(seed=1)
        session = env.play.session
        comfy.client.interrupt()
        idle(comfy)
        again, info = env.reset(seed=1)
        assert env.play.session != session and np.array_equal(seen, again)
        assert env.observation_space.contains(again) and info["chunks"] == 1
        none = {"keys": np.zeros(4, np.int8), "mouse": np.zeros(1, np.float32)}
        assert env.step(none)[1:4] == (0.0, False, False) and env.render() is None
    finally:
        env.close()
