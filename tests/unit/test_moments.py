"""Places in a world as an artist writes them: what they name, how they are rounded, and what is no place."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from worldmodel.variants import VARIANTS
from worldmodel.world.moments import Extent, Moment, chunk_near, frame_at, frames_between, parse_moment

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "moments" / "moments.json"
LINE = Extent(VARIANTS["tiny_world_2"], 5, 16.0)
"""57 frames, 3.56 s, chunks from 0, 9, 21, 33, 45."""


def at(text: str) -> int:
    moment = parse_moment(text, "first")
    assert isinstance(moment, Moment)
    return frame_at(moment, LINE, "first")


def test_frames_seconds_and_chunks_count_from_the_start_or_back_from_the_end() -> None:
    assert [at(text) for text in ("33", " 33 f ", "33F", "0", "57")] == [33, 33, 33, 0, 57]
    assert [at(text) for text in ("2s", "2.5 s", "0.03s", "-2s", "−2 s")] == [32, 40, 0, 25, 25]
    assert [at(text) for text in ("c3", "3c", "C0", "-2c", "-c5", "c5", "-1", "-57")] == [33, 33, 0, 33, 0, 57, 56, 0]
    assert parse_moment("", "first") is parse_moment("  ", "first") is None


@pytest.mark.parametrize("text", ["two", "1.5", "c1.5", "3 4", "2m", "c3f", "--2", "1e3", "s", "9" * 12, "٣"])
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=f"^back_to: found {re.escape(repr(text))}, expected a frame, a second or a"):
        parse_moment(text, "back_to")


@pytest.mark.parametrize("text", ["58", "-58", "3.7s", "-4s", "c6", "-6c"])
def test_a_place_behind_the_end_or_before_the_start_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^first: found .*, expected a place within 57 frames, 3.56 s, 5 chunks"):
        at(text)


def test_a_second_ends_a_range_and_a_frame_or_a_chunk_is_still_in_it() -> None:
    def between(first: str, last: str) -> tuple[int, int]:
        return frames_between(first, last, LINE, ("first", "last"))

    assert between("", "") == (0, 56) and between("1s", "2s") == (16, 31) and between("16", "31") == (16, 31)
    assert between("c1", "c2") == (9, 32) and between("c4", "c4") == (45, 56) and between("-1s", "-1") == (41, 56)
    for first, last in (("2s", "2s"), ("5", "4"), ("57", ""), ("", "57"), ("c1", "c5"), ("c5", "")):
        with pytest.raises(ValueError, match=r"^first, last: found .* expected a range within frames 0 to 56; change"):
            between(first, last)


def test_editors_round_as_the_nodes_do() -> None:
    """The same pairs are read by tests/js/world.test.mjs."""
    for case in json.loads(GOLDEN.read_text(encoding="utf-8")):
        extent = LINE._replace(chunks=case["chunks"])
        try:
            chunk = chunk_near(parse_moment(case["text"], "back_to"), extent, "back_to", case["most"])[0]
        except ValueError:
            chunk = None
        assert chunk == case["chunk"], case


def test_a_place_is_rounded_to_where_a_chunk_begins_and_it_is_said() -> None:
    said = "-2s is frame 25 (1.56 s); rounded to frame 21 (1.31 s), where chunk 2 begins."
    assert chunk_near(parse_moment("-2s", "from"), LINE, "from", 5) == (2, said)
    assert chunk_near(parse_moment("27", "from"), LINE, "from", 5)[0] == 2, "the earlier of two as near"
    assert chunk_near(parse_moment("c3", "from"), LINE, "from", 5) == (
        3, "c3 is frame 33 (2.06 s), where chunk 3 begins.",
    )  # fmt: skip
    assert chunk_near(parse_moment("56", "from"), LINE, "from", 4)[0] == 4, "something is left to be walked"
