"""Python searches for no cycles of objects while much is read."""

from __future__ import annotations

import gc

import pytest

from worldmodel.reading.no_search import READING
from worldmodel.tinyworld.player import load_player


def test_no_cycles_are_searched_for_while_something_is_read() -> None:
    assert gc.isenabled()
    with READING:
        with READING:
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()
    gc.disable()
    try:
        with READING:
            pass
        assert not gc.isenabled()  # as the user wants it
    finally:
        gc.enable()
    with pytest.raises(ValueError), READING:
        raise ValueError
    assert gc.isenabled()


def test_loading_tiny_world_searches_for_no_cycles() -> None:
    searches: list[str] = []

    def searched(phase: str, _: dict[str, int]) -> None:
        searches.append(phase)

    gc.collect()
    gc.callbacks.append(searched)
    try:
        load_player()
        inside = list(searches)
    finally:
        gc.callbacks.remove(searched)
    assert len(inside) <= 2  # at most one that begins when it is done
