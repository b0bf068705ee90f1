"""The messages between a walk and whoever plays it, a page or a program: version 1. Needs no torch.

Orders are JSON texts, one object each, with `do` and a number `id` that the answer repeats:

    {"do": "hello", "id": 1, "version": 1, "pictures": "jpeg"}       pictures: jpeg, rgb or none
    {"do": "step", "id": 2, "controls": TRACK}                       the next chunk; TRACK as in a track's file, or its
                                                                     short form, of exactly `state.next` frames
    {"do": "rewind", "id": 3, "chunks": 2}                           take the last chunks back
    {"do": "seed", "id": 4, "seed": 7}                               another seed from here on
    {"do": "reset", "id": 5, "seed": 7}                              back to the beginning; without seed: the first one
    {"do": "save", "id": 6}                                          keep this place; answered with its number, `place`
    {"do": "fork", "id": 7, "place": 1, "seed": 7}                   go on from a kept place; seed may be left out
    {"do": "drop", "id": 8, "place": 1}                              forget a kept place
    {"do": "state", "id": 9}                                         only asks
    {"do": "close", "id": 10}                                        end; the world is kept

Answers are JSON texts with a `type`, in the order of the orders:

    open     {version, about, state}   once, first: what the model is told, and where the walk stands
    done     {id, do, state, way}      of a step also {seconds, made}; of a save also {place}; of a state also {world},
                                       the id by which equal worlds are known
    refused  {id, error}               one sentence; the walk stands where it stood
    says     {text}                    what one should know
    end      {why, text}               last; why: closed, limit, stopped, left, idle or failed

A step's pictures come after its `done`, as binary messages, a frame each, in order: a header of 16 bytes (`Header`,
little endian) and the picture. `turn` counts how often the walk became another one (rewind, reset, fork), so that
pictures which are under way can be told from those that come; `frame` counts from the first frame of this walk.
"""

from __future__ import annotations

import json
import struct
from typing import Any, NamedTuple

from ..reading.json_text import checked_object, is_whole, load, shown
from ..reading.words import shortened

VERSION = 1
MOST_BYTES = 256 * 1024
"""Of an order; a chunk of controls takes a few hundred."""
MOST_SEED = 2**64 - 1
MOST_ID = 2**53 - 1
"""Also the largest seed that is written as a number: JavaScript's hold no more. Larger ones are texts of digits."""
MOST_CHUNKS = 100_000
"""That are taken back at once."""
PICTURES = ("jpeg", "rgb", "none")
"""jpeg: small; rgb: height x width x 3 bytes, as they were decoded; none: nothing is decoded."""
MEMBERS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "hello": ((), ("version", "pictures")),
    "step": (("controls",), ()),
    "rewind": (("chunks",), ()),
    "seed": (("seed",), ()),
    "reset": ((), ("seed",)),
    "save": ((), ()),
    "fork": (("place",), ("seed",)),
    "drop": (("place",), ()),
    "state": ((), ()),
    "close": ((), ()),
}
"""Of each order: what it must have, and what it may have."""
WHYS = ("closed", "limit", "stopped", "left", "idle", "failed")
_HEADER = struct.Struct("<BBHIIHH")
HEADER_BYTES = _HEADER.size


class Order(NamedTuple):
    """What is asked for."""

    do: str
    id: int | None
    values: dict[str, Any]


class Refused(ValueError):
    """An order that cannot be read.

    Attributes:
        id: of the order, as far as it could be read.
    """

    def __init__(self, sentence: str, id: int | None = None):
        """Args: sentence: what is wrong. id: of the order."""
        super().__init__(sentence)
        self.id = id


class Header(NamedTuple):
    """What stands before a picture."""

    kind: str
    """One of `PICTURES`."""
    turn: int
    frame: int
    width: int
    height: int


def read_order(text: str) -> Order:
    """Read an order.

    Raises:
        Refused: one sentence that names the member.
    """
    if len(text) > MOST_BYTES:
        raise Refused(f"order: found {len(text)} letters, expected at most {MOST_BYTES}; send less.")
    try:
        asked = checked_object(load(text), "order")
    except ValueError as error:
        raise Refused(f"order: {error}; send one JSON object.") from None
    number = asked.get("id")
    if number is not None and not (is_whole(number) and 0 <= number <= MOST_ID):
        raise Refused(f"id: found {shown(number)}, expected a whole number from 0 to {MOST_ID}; count the orders.")
    do = asked.get("do")
    if not isinstance(do, str) or do not in MEMBERS:
        raise Refused(f"do: found {shown(do)}, expected one of {', '.join(MEMBERS)}; see docs/playing.md.", number)
    needed, possible = MEMBERS[do]
    values = {name: value for name, value in asked.items() if name not in ("do", "id")}
    for name in values:
        if name not in (*needed, *possible):
            raise Refused(f"{shortened(name)}: found it in {do}, expected {_listed(needed, possible)}; leave it out.",
                          number)  # fmt: skip
    for name in needed:
        if name not in values:
            raise Refused(f"{name}: found none in {do}, expected {_listed(needed, possible)}; add it.", number)
    for name, value in values.items():
        try:
            _CHECKS[name](name, value)
        except ValueError as error:
            raise Refused(str(error), number) from None
    if "seed" in values:
        values["seed"] = int(values["seed"])
    return Order(do, number, values)


def order(do: str, number: int, **values: Any) -> str:
    """Write an order."""
    return json.dumps({"do": do, "id": number, **values})


def refusal(number: int | None, error: Exception | str) -> str:
    """Write that an order is not followed, and why, in one sentence."""
    said = str(error)
    return answer("refused", id=number, error=said if said.endswith((".", "!", "?")) else f"{said}.")


def answer(kind: str, **values: Any) -> str:
    """Write an answer."""
    return json.dumps({"type": kind, **values}, ensure_ascii=False)


def header(told: Header) -> bytes:
    """Write what stands before a picture."""
    return _HEADER.pack(VERSION, PICTURES.index(told.kind), 0, told.turn, told.frame, told.width, told.height)


def read_picture(message: bytes) -> tuple[Header, memoryview]:
    """Read a binary message: what stands before the picture, and its bytes.

    Raises:
        ValueError: it is none of this version.
    """
    if len(message) < HEADER_BYTES:
        raise ValueError(f"picture: found {len(message)} bytes, expected at least {HEADER_BYTES}.")
    version, kind, _, turn, frame, width, height = _HEADER.unpack_from(message)
    if version != VERSION or kind >= len(PICTURES):
        raise ValueError(f"picture: found version {version}, kind {kind}, expected version {VERSION}.")
    return Header(PICTURES[kind], turn, frame, width, height), memoryview(message)[HEADER_BYTES:]


def _listed(needed: tuple[str, ...], possible: tuple[str, ...]) -> str:
    return ", ".join([*needed, *(f"{name} (if wished)" for name in possible)]) or "nothing more"


def seed_said(seed: int) -> int | str:
    """Write a seed as both sides read it."""
    return seed if seed <= MOST_ID else str(seed)


def _seed(name: str, value: Any) -> None:
    if isinstance(value, str) and value.isdecimal() and value.isascii() and len(value) <= 20:
        value = int(value)
        if value <= MOST_SEED:
            return
    if not (is_whole(value) and 0 <= value <= MOST_ID):
        raise ValueError(
            f"{name}: found {shown(value)}, expected a whole number from 0 to {MOST_ID}, or a text of digits up to "
            f"{MOST_SEED}; change it."
        )


def _whole(least: int, most: int) -> Any:
    def check(name: str, value: Any) -> None:
        if not (is_whole(value) and least <= value <= most):
            raise ValueError(
                f"{name}: found {shown(value)}, expected a whole number from {least} to {most}; change it."
            )

    return check


def _version(name: str, value: Any) -> None:
    if value != VERSION or not is_whole(value):
        raise ValueError(f"{name}: found {shown(value)}, expected {VERSION}; update the older side of the two.")


def _pictures(name: str, value: Any) -> None:
    if not isinstance(value, str) or value not in PICTURES:
        raise ValueError(f"{name}: found {shown(value)}, expected one of {', '.join(PICTURES)}; change it.")


def _controls(name: str, value: Any) -> None:
    if not isinstance(value, (str, dict)):
        raise ValueError(
            f"{name}: found {shown(value)}, expected a track, as an object or as its short form; see docs/playing.md."
        )


_CHECKS = {
    "version": _version,
    "pictures": _pictures,
    "controls": _controls,
    "chunks": _whole(1, MOST_CHUNKS),
    "seed": _seed,
    "place": _whole(1, MOST_ID),
}
