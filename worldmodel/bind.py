"""A track in the columns and units of one model, and what was lost on the way.

Controls.keyboard (frames, keys)  the variant's columns
Controls.mouse    (frames, 2)     the variant's order and units, or None
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .state import Controls
from .track import Track
from .variants import Keyboard, Variant


class Bound(NamedTuple):
    """Controls for a whole track, and one sentence for each thing the model does not get as it was asked."""

    controls: Controls
    report: tuple[str, ...]


def bind_track(track: Track, variant: Variant) -> Bound:
    """Write a track in a variant's columns and units.

    Args:
        track: what was asked for.
        variant: the model.

    Returns:
        Controls of all the track's frames, and the report.
    """
    keyboard, report = _keyboard(track, variant)
    mouse = None
    if variant.mouse is None:
        report += _not_read(track.mouse[:, 0], "yaw", f"{variant.title} has no mouse")
        report += _not_read(track.mouse[:, 1], "pitch", f"{variant.title} has no mouse")
    else:
        degrees = {"yaw": track.mouse[:, 0].double(), "pitch": track.mouse[:, 1].double()}
        if not variant.mouse.reads_pitch:
            report += _not_read(degrees["pitch"], "pitch", f"{variant.title} turns only left and right")
            degrees["pitch"] = torch.zeros_like(degrees["pitch"])
        mouse = torch.stack([degrees[axis] for axis in variant.mouse.order], dim=1)  # (frames, 2)
        mouse = (mouse / variant.mouse.degrees_per_unit).float()
    if track.prompts:
        report.append(f"prompts: {variant.title} reads no text, {_count(len(track.prompts), 'prompt')} dropped.")
    return Bound(Controls(keyboard, mouse), tuple(report))


def chunk_controls(controls: Controls, first_chunk_index: int, variant: Variant) -> tuple[list[Controls], int]:
    """Cut controls at chunk borders; a world's first chunk is shorter, because its first latent spans one frame.

    Args:
        controls: the rows of a whole track; row 0 belongs to the first new frame.
        first_chunk_index: chunks the world has already; 0 is a fresh world.
        variant: the model, which says how long a chunk is.

    Returns:
        One `Controls` per whole chunk, and how many frames are left over after the last one.
    """
    pieces, row, frames = [], 0, len(controls.keyboard)
    while row + (length := variant.chunk_frames(first_chunk_index + len(pieces))) <= frames:
        rows = slice(row, row + length)
        mouse = None if controls.mouse is None else controls.mouse[rows].clone()
        pieces.append(Controls(controls.keyboard[rows].clone(), mouse))
        row += length
    return pieces, frames - row


def left_over_sentence(frames: int, left_over: int, next_length: int) -> str:
    """Say what becomes of the frames after the last whole chunk, and how to avoid it.

    Args:
        frames: length of the track.
        left_over: frames after the last whole chunk, at least one.
        next_length: frames of the chunk they do not fill.
    """
    whole = frames - left_over
    ways_out = (f"shorten the track to {whole} or " if whole else "") + f"extend it to {whole + next_length} frames"
    return f"{_count(left_over, 'frame')} left over after the last whole chunk: {ways_out}."


def _keyboard(track: Track, variant: Variant) -> tuple[Tensor, list[str]]:
    """Pick the variant's columns by word: (frames, keys), and what has no column."""
    words = variant.keyboard.words
    keys = torch.zeros(track.frames, len(words))
    report = []
    for column, word in enumerate(track.words):
        held = track.keys[:, column]
        if word in words and words.index(word) != variant.keyboard.idle:
            keys[:, words.index(word)] = held
        elif held.any():
            known = [known for i, known in enumerate(words) if i != variant.keyboard.idle]
            where = f"{_count(int((held > 0).sum()), 'frame')} dropped, from frame {int(held.nonzero()[0])}"
            report.append(f"{word}: not a key of {variant.title} ({', '.join(known)}), {where}.")
    if variant.keyboard.idle is not None:
        report += _make_exclusive(keys, variant.keyboard, variant.title)
    return keys, report


def _make_exclusive(keys: Tensor, keyboard: Keyboard, title: str) -> list[str]:
    """Leave one hot column per row, in place: the key pressed last, or the idle column where none is held."""
    pressed, clashes, previous = [0] * keys.shape[1], [], torch.zeros(keys.shape[1])
    for frame, row in enumerate(keys):
        now = row.clone()
        for column in ((now > 0) & (previous == 0)).nonzero().flatten().tolist():
            pressed[column] = frame
        held = now.nonzero().flatten().tolist()
        winner = max(held, key=lambda column: (pressed[column], -column)) if held else keyboard.idle
        keys[frame] = 0
        keys[frame, winner] = 1
        clashes += [frame] if len(held) > 1 else []
        previous = now
    if not clashes:
        return []
    return [
        f"keys: {title} takes one key at a time, in {_count(len(clashes), 'frame')} from frame {clashes[0]} "
        "only the key pressed last is kept."
    ]


def _not_read(degrees: Tensor, name: str, why: str) -> list[str]:
    asked = degrees.nonzero().flatten()
    return [f"{name}: {why}, {_count(len(asked), 'frame')} dropped, from frame {int(asked[0])}."] if len(asked) else []


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
