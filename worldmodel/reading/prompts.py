"""Prompts as Wan's authors prepare them before they are cut into words."""

from __future__ import annotations

import html
import re
import unicodedata

_STRAIGHT = str.maketrans(
    {
        "\N{LEFT SINGLE QUOTATION MARK}": "'", "\N{RIGHT SINGLE QUOTATION MARK}": "'",
        "\N{LEFT DOUBLE QUOTATION MARK}": '"', "\N{RIGHT DOUBLE QUOTATION MARK}": '"',
    }
)  # fmt: skip
_CONTROL = re.compile("[\0-\x08\x0b\x0e-\x1f\x7f\ufeff]")


def cleaned(prompt: str) -> str:
    """Return a prompt with straight quotes, HTML's names of characters replaced, and single spaces.

    The authors also repair text that was decoded wrongly (ftfy); what a person types into a browser needs no repair.
    """
    text = html.unescape(html.unescape(prompt)).translate(_STRAIGHT)
    text = unicodedata.normalize("NFC", _CONTROL.sub("", text))
    return re.sub(r"\s+", " ", text).strip()
