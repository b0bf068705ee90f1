"""Answers to the page: JSON like any other, written so that no other thread waits long for its turn."""

from __future__ import annotations

import gc
import json
import threading
import time
from contextlib import suppress

from event_loop import long_questions
from hypothesis import given, settings
from hypothesis import strategies as some

from worldmodel import questions as editor
from worldmodel.answers import PIECE, TEXT_PIECE, written

VALUES = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats(allow_nan=False, allow_infinity=False) | some.text(),
    lambda inner: some.lists(inner) | some.dictionaries(some.text(), inner),
)


@settings(max_examples=50, deadline=None)
@given(VALUES)
def test_an_answer_is_json(value: object) -> None:
    assert json.loads(written(value)) == value


def test_what_is_written_in_pieces_is_whole() -> None:
    for count in (PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 3 * PIECE + 7):
        value = {"poses": [[number, -number / 3] for number in range(count)], "empty": [], "none": {}}
        assert json.loads(written(value)) == value
    for count in (TEXT_PIECE, TEXT_PIECE + 1, 3 * TEXT_PIECE):
        value = ['"\\\u2028\U0001f600é'[number % 5] for number in range(count)]
        assert json.loads(written("".join(value))) == "".join(value)


LONG = ("a path of 100,000 frames", "every frame's keyframe, written", "8 MB of one word")


def test_no_other_thread_waits_long_while_a_long_question_is_answered() -> None:
    """How long is computed until another thread gets its turn: in the processor's time, so a busy machine adds nothing.

    Python's search for cycles is not counted: the host's seam keeps it off meanwhile.
    """
    longest, over = 0.0, threading.Event()

    def watch() -> None:
        nonlocal longest
        while not over.is_set():
            began = time.process_time()
            time.sleep(0.001)
            longest = max(longest, time.process_time() - began)

    watching = threading.Thread(target=watch)
    gc.disable()
    watching.start()
    try:
        questions = long_questions()
        for title in LONG:
            name, asked = questions[title]
            body, longest = json.dumps(asked).encode(), 0.0
            with suppress(ValueError):  # an answer, too
                written(editor.answer(name, body))
            assert longest < 0.2, title
    finally:
        gc.enable()
        over.set()
        watching.join()
