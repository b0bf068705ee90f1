"""Stop and `kill -9` through the host's API: nothing finished is lost. `scripts/endurance.py` does this at length."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from endurance import Endurance


@pytest.fixture(scope="module")
def endurance(comfyui: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endurance]:
    """A host of its own, which the tests may kill."""
    walks = Endurance(comfyui, tmp_path_factory.mktemp("endurance"), 8, random.Random(4))
    yield walks
    walks.close()


def test_an_uninterrupted_walk_is_kept_whole(endurance: Endurance) -> None:
    assert (endurance.whole.taken, endurance.whole.computed) == (0, 8)


@pytest.mark.parametrize("number", range(2))
def test_after_a_stop_the_next_queue_makes_exactly_what_is_missing(endurance: Endurance, number: int) -> None:
    trial = endurance.stop()
    assert trial.right(endurance.whole), (trial, endurance.whole)


@pytest.mark.parametrize("in_a_write", [False, True])
def test_a_killed_host_has_lost_no_finished_chunk(endurance: Endurance, in_a_write: bool) -> None:
    trial = endurance.kill(in_a_write)
    assert trial.right(endurance.whole), (trial, endurance.whole)
