"""Sentences of a closed vocabulary, for a network that brings the embeddings of all that can be said to it.

Each sentence has some words of its own, which no other one has. A word is a one-hot vector, and what it means is a
column of the checkpoint's first text layer (`text_embedding.0.weight`), so that no text encoder is needed.

Shapes: S sentences, W words of each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ...reading.words import shortened
from ...variants import Variant


def width_of(variant: Variant) -> int:
    """Return the numbers of a word, S * W."""
    return len(variant.text.vocabulary) * variant.text.words


def heard(vocabulary: Sequence[str], sentence: str) -> str | None:
    """Return what a sentence says, `None` if it is not in the vocabulary; spaces around it and capitals make no
    difference, and "" says the first."""
    said = " ".join(sentence.lower().split()) or vocabulary[0]
    return said if said in vocabulary else None


def words_of(variant: Variant, sentence: str) -> Tensor:
    """Return the words (W, S * W) of a sentence; see `heard`.

    Raises:
        ValueError: it is not in the vocabulary.
    """
    words, vocabulary = variant.text.words, variant.text.vocabulary
    said = heard(vocabulary, sentence)
    if said is None:
        raise ValueError(
            f"prompt: found {shortened(sentence)!r}, expected one of {', '.join(vocabulary)} for {variant.title}, "
            "which knows no other words; change the prompt."
        )
    first = vocabulary.index(said) * words
    return torch.eye(width_of(variant))[first : first + words]


def reads_words(variant: Variant) -> Callable[[str], Tensor] | None:
    """Return what encodes a variant's sentences, `None` where a text encoder does."""
    if variant.text is None or not variant.text.vocabulary:
        return None
    return lambda sentence: words_of(variant, sentence)
