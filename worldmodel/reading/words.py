"""Words of the sentences in which something is said of what was found."""

from __future__ import annotations

import re

SHOWN_LETTERS = 40
"""Most letters that a message quotes of what it was given."""
UNWRITABLE = re.compile("[\0-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff]")
"""Line breaks, what is not seen or turns the writing round, and halves of characters, which no file can hold."""


def shortened(text: str, letters: int = SHOWN_LETTERS) -> str:
    """Cut what a message quotes, so that the sentence stays one line and readable, and can be written anywhere."""
    text = text if len(text) <= letters else f"{text[: letters - 3]}..."
    return UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def counted(number: int, noun: str) -> str:
    """Write a number and its noun."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
