"""Reading JSON: one pass whatever it holds, one refusal of what is nested without end, and messages of bounded size."""

from __future__ import annotations

import json
import time

import pytest

from worldmodel.reading.json_text import MAX_DEPTH, dump, load, shown
from worldmodel.reading.words import SHOWN_LETTERS
from worldmodel.track.track import parse_track

MEMBERS = 500_000
SECONDS = 2.0


@pytest.mark.parametrize("at", [0, MEMBERS // 2, MEMBERS - 1])
def test_a_member_that_stands_twice_among_very_many_is_found_in_one_pass(at: int) -> None:
    text = "{" + ",".join(f'"m{i}":{i}' for i in range(MEMBERS)) + f',"m{at}":0}}'
    began = time.process_time()
    with pytest.raises(ValueError, match=f"'m{at}' stands twice in one object; keep one"):
        load(text)
    assert time.process_time() - began < SECONDS


def test_many_objects_with_members_that_stand_twice_are_refused_in_one_pass() -> None:
    inner = "{" + ",".join(f'"{i}":0' for i in range(MEMBERS // 100)) + ',"7":1}'
    began = time.process_time()
    with pytest.raises(ValueError, match="stands twice"):
        load("[" + ",".join([inner] * 100) + "]")
    assert time.process_time() - began < SECONDS


@pytest.mark.parametrize("levels", [MAX_DEPTH + 1, 500, 900, 990, 1000, 5000, 200_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
def test_what_is_nested_deeper_than_any_track_is_refused(levels: int, opening: str, closing: str) -> None:
    text = opening * levels + "0" + closing * levels
    with pytest.raises(ValueError, match="nested too deeply"):
        load(text)
    with pytest.raises(ValueError, match="nested too deeply"):
        parse_track('{"type":"track","version":1,"frames":9,"x":' + text + "}")


@pytest.mark.parametrize("pair", ["[]", "{}"])
def test_what_is_read_can_be_written_and_shown_from_any_depth_of_the_stack(pair: str) -> None:
    inner = "[" * (MAX_DEPTH - 1) + pair + "]" * (MAX_DEPTH - 1)
    value = load(inner)

    def deep(left: int) -> None:
        if left:
            return deep(left - 1)
        assert dump(value) == inner and len(shown(value)) <= SHOWN_LETTERS
        return None

    deep(500)


def test_wide_texts_are_not_deep() -> None:
    flat = [[frame, [frame]] for frame in range(50_000)]
    assert load(json.dumps(flat)) == flat


def test_a_value_is_shown_without_being_written_out() -> None:
    many = [0.1234567] * 3_000_000
    began = time.process_time()
    assert shown(many) == shown(many[:20]) == "[0.1234567, 0.1234567, 0.1234567, 0.1..."
    assert time.process_time() - began < 0.1


@pytest.mark.parametrize(
    ("text", "value"), [("57.0", 57), ("-0", 0), ("-0.0", 0), ("1e2", 100), ("9" * 15, 10**15 - 1)]
)
def test_whole_numbers_are_whole_however_they_are_written(text: str, value: int) -> None:
    assert load(text) == value and isinstance(load(text), int) and dump(load(text)) == str(value)


def test_numbers_of_many_digits_are_read_as_javascript_reads_them() -> None:
    assert load("12345678901234567") == 12345678901234568.0 and load("9" * 400) == float("inf")
    assert load("1" * 5000) == float("inf") and load("-" + "1" * 16) == -1111111111111111
