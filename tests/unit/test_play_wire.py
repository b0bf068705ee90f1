"""The messages of a walk that is played: what is read is what was written, and anything else is a sentence."""

from __future__ import annotations

import json
import random
import subprocess
import sys

import pytest

from worldmodel.play import wire
from worldmodel.play.wire import Header, Refused, read_order, read_picture

WHOLE = {
    "hello": {"version": 1, "pictures": "rgb"},
    "step": {"controls": "forward*9"},
    "rewind": {"chunks": 2},
    "seed": {"seed": 7},
    "reset": {"seed": 7},
    "save": {},
    "fork": {"place": 1, "seed": 3},
    "drop": {"place": 1},
    "state": {},
    "close": {},
}


@pytest.mark.parametrize("do", wire.MEMBERS)
def test_an_order_is_read_as_it_was_written(do: str) -> None:
    found = read_order(wire.order(do, 5, **WHOLE[do]))
    assert found == (do, 5, WHOLE[do])


def test_large_seeds_are_texts_of_digits() -> None:
    for seed in (0, wire.MOST_ID, wire.MOST_ID + 1, wire.MOST_SEED):
        assert read_order(wire.order("seed", 1, seed=wire.seed_said(seed))).values == {"seed": seed}
    for seed in (-1, 1.5, "-1", "1e3", str(wire.MOST_SEED + 1), "", None, True, "9" * 21):
        with pytest.raises(Refused, match="^seed: found .+, expected a whole number"):
            read_order(json.dumps({"do": "seed", "id": 3, "seed": seed}))


def test_a_picture_is_read_as_it_was_written() -> None:
    told = Header("rgb", 3, 100_000, 640, 352)
    found, data = read_picture(wire.header(told) + b"abc")
    assert found == told and bytes(data) == b"abc" and len(wire.header(told)) == wire.HEADER_BYTES == 16
    for message in (b"", b"\x01" * 15, bytes([2]) + wire.header(told)[1:], b"\x01\x09" + bytes(14)):
        with pytest.raises(ValueError, match="^picture: found"):
            read_picture(message)


def test_two_hundred_malformed_orders_are_refused_in_a_sentence() -> None:
    draw = random.Random(2)
    values = [None, True, -1, 0, 1.5, 2**60, "", "x" * 400, [], {}, [[]], {"a": 1}, "\ud800"]
    refused = 0
    while refused < 200:
        do = draw.choice([*WHOLE, "fly", None, 3])
        asked = {"do": do, "id": draw.choice([1, 2, None, -1, "a", 1.5]), **WHOLE.get(do, {})}
        asked[draw.choice([*asked, "more"])] = draw.choice(values)
        text = json.dumps(asked)
        text = text[: draw.randrange(len(text))] if draw.random() < 0.3 else text
        try:
            read_order(text)
        except Refused as error:
            refused += 1
            answer = json.loads(wire.refusal(error.id, error))
            assert answer["type"] == "refused" and answer["error"].endswith(".") and len(answer["error"]) < 600
    with pytest.raises(Refused, match="expected at most"):
        read_order(" " * (wire.MOST_BYTES + 1))
    with pytest.raises(Refused, match="^order: nested too deeply"):
        read_order("[" * 50_000)


def test_the_number_of_a_refused_order_is_told_where_it_could_be_read() -> None:
    for text, number in (('{"do": "fly", "id": 4}', 4), ('{"do": "step", "id": 5}', 5), ('{"id": "x"}', None)):
        with pytest.raises(Refused) as error:
            read_order(text)
        assert error.value.id == number


def test_the_messages_need_no_torch() -> None:
    look = "import sys, worldmodel.play.wire; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", look]).returncode == 0
