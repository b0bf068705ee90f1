"""The sentences of a rollout: encoded before the network is loaded, and said again in its report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Any

from torch import Tensor

from ..worldmodel.models.causal_wan.vocabulary import words_of
from ..worldmodel.reading.words import shortened
from ..worldmodel.variants import Variant
from ..worldmodel.world.state import Controls

MOST_LINES, MOST_LETTERS = 20, 300
"""Sentences that are shown, and how much of each."""


def check_prompts(controls: Sequence[Controls], variant: Variant, clip: Any) -> None:
    """Check that there is a text encoder where one is needed, and that a model knows the words where none is.

    Raises:
        ValueError: there is none, or it does not.
    """
    if variant.text is not None and variant.text.vocabulary:
        for rows in controls:
            words_of(variant, rows.prompt)
        return
    if clip is None and variant.is_spoken_to:
        raise ValueError(
            f"clip: found none, expected a text encoder for {variant.title}, which is told keys and prompt in words; "
            "connect Load World Text Encoder."
        )
    later = next((rows.prompt for rows in controls if rows.prompt), "")
    if later and clip is None:
        raise ValueError(
            f"clip: found none, expected a text encoder for {variant.title}, because the track changes the prompt to "
            f"{shortened(later)!r}; connect Load World Text Encoder."
        )


def encoded(model: Any, sentences: Iterable[str], encode: Callable[[str], Tensor]) -> dict[str, Tensor]:
    """Encode sentences, each once, before the network is brought to its device.

    Args:
        model: the host's MODEL, a world model.
        sentences: "" is nothing to encode.
        encode: gives (words, width).

    Raises:
        ValueError: the text encoder belongs to another model.
    """
    made = {sentence: encode(sentence) for sentence in dict.fromkeys(filter(None, sentences))}
    wanted = model.model.token_widths.get("text")
    found = next((states.shape[1] for states in made.values()), wanted)
    if found != wanted:
        raise ValueError(
            f"clip: found words of {found} numbers, expected {wanted}; load the text encoder that belongs to the world "
            "model."
        )
    return made


def lines(sentences: Sequence[str], first_chunk: int) -> list[str]:
    """Say what chunks are told, a line for each run of the same."""
    runs = [(sentence, len(list(run))) for sentence, run in groupby(sentences)]
    said, chunk = [], first_chunk
    for sentence, count in runs[:MOST_LINES]:
        last = f" to {chunk + count - 1}" if count > 1 else ""
        said.append(f"chunk {chunk}{last}: “{shortened(sentence, MOST_LETTERS)}”")
        chunk += count
    return [*said, *([f"and {len(runs) - MOST_LINES} sentences more."] if len(runs) > MOST_LINES else [])]
