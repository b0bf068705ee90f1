"""A track as a model hears it that is told its keys in words: one movement and one turn a chunk, and no speed.

Shapes: F frames of a track.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from ..variants import CORRECTED, Variant
from ..world.state import Controls, World
from .report import Row, degrees_a_frame, rows_of_labels, rows_where
from .spoken import Signs, most_of, signs_of, spoken_of, template_of
from .told import Events, sentences_of

_LETTERS = {1: ("W", "D"), -1: ("S", "A")}
_SIDES = {1: ("right", "up"), -1: ("left", "down")}
_SAME = 0.01
"""Degrees a frame by which a turn may differ from the told one without a word."""


class Heard(NamedTuple):
    """What the model hears.

    Args:
        controls: the same rows in all frames of a chunk.
        turns: (F, 2) yaw and pitch that they stand for, in degrees per frame.
        rows: what is not as it was asked.
    """

    controls: Controls
    turns: Tensor
    rows: list[Row]


def heard(controls: Controls, turns: Tensor, variant: Variant, first_chunk: int = 0) -> Heard:
    """Give every frame of a chunk what most of its frames ask for.

    Args:
        controls: of a track, frame by frame.
        turns: (F, 2) the same turns, in degrees.
        variant: cut as the world is that the track goes on from.
        first_chunk: of the track.
    """
    movements, looks = signs_of(controls, variant)
    told_movements: list[Signs] = []
    told_looks: list[Signs] = []
    for begin, end in spans(variant, first_chunk, len(turns)):
        told_movements += [most_of(movements[begin:end])] * (end - begin)
        told_looks += [most_of(looks[begin:end])] * (end - begin)
    keyboard = torch.zeros_like(controls.keyboard)
    for (positive, negative), axis in ((("forward", "back"), 0), (("right", "left"), 1)):
        signs = torch.tensor([told[axis] for told in told_movements], dtype=torch.float32)
        for word, held in ((positive, signs > 0), (negative, signs < 0)):
            keyboard[:, variant.keyboard.words.index(word)] = held.float()
    units = torch.tensor(told_looks, dtype=torch.float32).reshape(-1, 2)  # yaw, pitch
    order = [("yaw", "pitch").index(axis) for axis in variant.mouse.order]
    rows = _merged(movements, told_movements, "keys", _letters, f"{variant.title} is told one movement a chunk")
    rows += _merged(looks, told_looks, "turns", _sides, f"{variant.title} is told one turn a chunk")
    rows += _speeds(turns, units, variant)
    return Heard(Controls(keyboard, units[:, order]), units * variant.mouse.degrees_per_unit, rows)


def spans(variant: Variant, first_chunk: int, frames: int) -> list[tuple[int, int]]:
    """Return first frame and last + 1 of each chunk of a track; the last one may be cut short."""
    chunking, found, chunk = variant.chunking, [], first_chunk
    offset = chunking.first_frame(first_chunk)
    while (begin := chunking.first_frame(chunk) - offset) < frames:
        found.append((begin, min(chunking.first_frame(chunk + 1) - offset, frames)))
        chunk += 1
    return found


def sentences(
    controls: Controls,
    events: Events,
    variant: Variant,
    behind: World | None,
    first_chunk: int = 0,
    form: str = CORRECTED,
) -> tuple[tuple[int, str], ...]:
    """Return (frame, sentence) for each chunk of a track: word for word what the model will be told, unless the rollout
    puts words together in another way than the world's form does.

    Args:
        controls: as they are heard.
        events: of the track.
        variant: cut as the world is.
        behind: the world that the track goes on from; `None`: one whose prompt and last sentence nobody knows.
        first_chunk, form: of the track, and of that world. As released, what its first chunk hears is then left out
            unless the world begins with it.
    """
    prompt = ""
    if behind is not None:
        form, prompt = behind.start.form, behind.start.prompt
    last = behind.chunks[-1].controls if behind is not None and behind.chunks else None
    cut = spans(variant, first_chunk, len(controls.keyboard))
    prompts = sentences_of(events, [begin for begin, _ in cut], "" if last is None else last.prompt)
    told = [controls.rows(slice(*span))._replace(prompt=text) for span, text in zip(cut, prompts, strict=True)]
    said = [
        (begin, spoken_of(rows, variant).caption(rows.prompt or prompt, template_of(form)))
        for (begin, _), rows in zip(cut, lagging(told, last, form), strict=True)
    ]
    return tuple(said[1:] if first_chunk and last is None and form != CORRECTED else said)


def lagging(told: list[Controls], before: Controls | None, form: str) -> list[Controls]:
    """Return which controls each of some chunks hears of: its own, or as released those of the chunk before.

    Args:
        told: of the chunks.
        before: of the chunk in front of them; `None`: they begin the world, and the first one hears its own.
        form: of the world.
    """
    if form == CORRECTED or not told:
        return told
    return [told[0] if before is None else before, *told[:-1]]


def _merged(asked: list[Signs], told: list[Signs], what: str, name: Callable[[Signs], str], why: str) -> list[Row]:
    """Name frames that ask for something else than most of their chunk."""
    why = f"{why}, that of most of its frames"
    lost = [(name(mine), name(theirs)) if mine != theirs else None for mine, theirs in zip(asked, told, strict=True)]
    quantised = [label if label and label[1] != "none" else None for label in lost]
    dropped = [label if label and label[1] == "none" else None for label in lost]
    return rows_of_labels(quantised, "quantised", what, why) + rows_of_labels(dropped, "dropped", what, why)


def _letters(signs: Signs) -> str:
    return "+".join(_LETTERS[sign][axis] for axis, sign in enumerate(signs) if sign) or "none"


def _sides(signs: Signs) -> str:
    return " and ".join(_SIDES[sign][axis] for axis, sign in enumerate(signs) if sign) or "none"


def _speeds(turns: Tensor, units: Tensor, variant: Variant) -> list[Row]:
    """Name turns that go the way that is told, and at another speed than the one that words are taken for."""
    usual, rows = variant.mouse.degrees_per_unit, []
    why = f"{variant.title} is told where to turn, not how fast"
    for axis, name in enumerate(("yaw", "pitch")):
        asked, sign = turns[:, axis], units[:, axis]
        column = asked.tolist()
        for side in (1, -1):
            flags = (sign == side) & (asked * side > 0) & ((asked - side * usual).abs() > _SAME)
            rows += rows_where(
                flags, "quantised", name, why,
                asked=lambda at, c=column: degrees_a_frame(c[at]), got=degrees_a_frame([side * usual]),
            )  # fmt: skip
    return rows
