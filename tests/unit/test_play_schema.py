"""The JSON Schema of the messages takes the orders that are read, and no others."""

from __future__ import annotations

import itertools
import json

import pytest
from jsonschema import Draft202012Validator

from worldmodel.play import wire
from worldmodel.play.schema import schema

ORDERS = {
    "hello": {"version": 1, "pictures": "rgb"}, "step": {"controls": "forward*9"}, "rewind": {"chunks": 2},
    "seed": {"seed": 7}, "reset": {"seed": "18446744073709551615"}, "save": {}, "fork": {"place": 1, "seed": 7},
    "drop": {"place": 1}, "state": {}, "close": {},
}  # fmt: skip
VALUES = (
    -1, 0, 1, 2, 1.5, 100_000, 100_001, 2**53 - 1, 2**53, None, True, "", "rgb", "7", "-7", "x", "0" * 21, [], {}, [1],
)  # fmt: skip


@pytest.fixture(scope="module")
def spoken() -> Draft202012Validator:
    Draft202012Validator.check_schema(schema())
    return Draft202012Validator(schema())


def is_read(order: object) -> bool:
    try:
        wire.read_order(json.dumps(order))
    except wire.Refused:
        return False
    return True


def test_the_schema_takes_what_is_read_and_nothing_else(spoken: Draft202012Validator) -> None:
    assert set(ORDERS) == set(wire.MEMBERS)
    counts = {True: 0, False: 0}
    for do, members in ORDERS.items():
        whole = {"do": do, "id": 1, **members}
        tried: list[object] = [whole, {**whole, "more": 1}, {**whole, "do": do.upper()}, [whole]]
        tried += [{name: value for name, value in whole.items() if name != left} for left in whole]
        tried += [{**whole, name: value} for name, value in itertools.product((*members, "id"), VALUES)]
        for order in tried:
            assert spoken.is_valid(order) == is_read(order), order
            counts[is_read(order)] += 1
        assert spoken.is_valid(whole)
    assert min(counts.values()) > 50, counts


def test_the_schema_knows_every_answer(spoken: Draft202012Validator) -> None:
    state = {"frames": 9, "next": 12, "chunks": 1, "limit": 0, "seed": wire.seed_said(2**64 - 1), "turn": 0}
    stands = {"state": state, "way": {"from": 0, "points": [[0.0, 0.1, 1.5]]}}
    for answer in (
        wire.answer("open", version=1, about={}, **stands),
        wire.answer("done", id=3, do="step", seconds=0.1, made=True, **stands),
        wire.refusal(None, "do: found none."),
        wire.answer("says", text="The machine is slow."),
        wire.answer("end", why="idle", text="Nobody played any more."),
    ):
        assert spoken.is_valid(json.loads(answer)), answer
    assert not spoken.is_valid({"type": "end", "why": "tired", "text": ""})
    assert not spoken.is_valid(json.loads(wire.answer("done", id=3, do="step", state={}, way=stands["way"])))
