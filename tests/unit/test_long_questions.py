"""What the editors may ask at most is answered in a few seconds of processor time, and grows with its length alone."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Callable

import pytest

from tests.unit.samples import pack_module
from worldmodel import questions as editor
from worldmodel.camera.path_poses import parse_path
from worldmodel.reading.limits import MAX_FRAMES
from worldmodel.track import short_text
from worldmodel.track.track import parse_timeline

SECONDS = 9.0
"""Of one processor, and a slow one; it takes 1 to 3."""


def dense_track() -> str:
    """A keyframe on every frame and a press on every other one."""
    draw = random.Random(0)
    curve = [[frame, round(draw.uniform(-5, 5), 3)] for frame in range(MAX_FRAMES)]
    keys = {word: [[frame, 1] for frame in range(0, MAX_FRAMES, 2)] for word in ("forward", "left")}
    mouse = {"yaw": curve, "pitch": curve[::-1]}
    return json.dumps({"type": "track", "version": 1, "frames": MAX_FRAMES, "keys": keys, "mouse": mouse})


def many_steps() -> str:
    """A step for every frame, each another one."""
    return " ".join(
        f"forward+yaw_right({frame % 997 / 10})" if frame % 2 else "left+pitch_up" for frame in range(MAX_FRAMES)
    )


def dense_path() -> str:
    """A keyframe on every frame."""
    keyframes = [{"f": frame, "p": [0, 0, frame / 10]} for frame in range(MAX_FRAMES)]
    return json.dumps({"type": "path", "version": 1, "frames": MAX_FRAMES, "keyframes": keyframes})


@pytest.mark.parametrize(
    ("question", "make", "model"),
    [
        ("binding", dense_track, "matrix_game_2_templerun"),
        ("binding", many_steps, "matrix_game_2_templerun"),
        ("binding", dense_path, "matrix_game_2_templerun"),
    ],
)
def test_the_longest_texts_are_answered_in_seconds(question: str, make: Callable[[], str], model: str) -> None:
    body = json.dumps({"text": make(), "model": model}).encode()
    assert len(body) <= editor.MAX_BYTES
    began = time.process_time()
    try:
        answered = editor.answer(question, body)
        assert answered.get("frames", MAX_FRAMES) == MAX_FRAMES
    except ValueError as error:  # a path for a model that follows none, which is known once it was walked
        assert "expected one that walks with keys" in str(error)
    assert time.process_time() - began < SECONDS


@pytest.mark.parametrize(
    "text", ["forward*9{}left*3", "forward{}+ left*3", "forward *{}3", "{}forward", "yaw_left({}2{})"]
)
def test_white_space_costs_no_more_than_its_length(text: str) -> None:
    began = time.process_time()
    assert short_text.read(text.replace("{}", " \t" * 30_000)) == short_text.read(text.replace("{}", " "))
    assert time.process_time() - began < 1


def test_a_question_beyond_the_limit_is_refused_by_its_length() -> None:
    with pytest.raises(ValueError, match="found 8388609 bytes, expected at most 8388608; make the track shorter"):
        editor.answer("canonical", bytes(editor.MAX_BYTES + 1))


@pytest.mark.parametrize("text", [" ".join(["forward+yaw_right"] * 100_000), "[" * 10_000_000, '{"a":1,' * 3_000_000])
def test_queueing_a_long_text_takes_no_time_of_the_hosts_loop(text: str) -> None:
    """The loop gets a task at once, and the verdict when a worker has read the text."""
    schema = pack_module("nodes.schema")

    async def queue() -> tuple[float, object, object]:
        began = time.process_time()
        asked = [schema.validated_text(check, text) for check in (parse_timeline, parse_path)]
        spent = time.process_time() - began
        return spent, *[await task for task in asked]

    spent, walk, path = asyncio.run(queue())
    assert spent < 0.05 and isinstance(path, str)
    assert walk is True or isinstance(walk, str)
    assert "unknown key" in schema.validated_text(parse_timeline, "forwrd*9")
