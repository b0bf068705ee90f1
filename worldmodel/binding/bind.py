"""A track in the columns and units of one model, and what was lost on the way.

Controls.keyboard (frames, keys)  the variant's columns
Controls.mouse    (frames, 2)     the variant's order and units, or None
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ..reading.words import counted
from ..track.track import Track
from ..variants import CORRECTED, Keyboard, Variant
from ..world.state import Controls, World, cut_for
from .follow import Followed, can_follow, follow
from .motion import DIRECTIONS
from .report import Report, Row, degrees_a_frame, in_order, rows_of_labels, rows_where, sentences
from .spoken_chunks import heard
from .spoken_chunks import sentences as sentences_heard
from .told import Events, camera_of_controls, events_of, sentences_of

_OPPOSITES = (("forward", "back"), ("left", "right"))


class Bound(NamedTuple):
    """What a model gets of a whole track.

    Args:
        controls: the variant's columns.
        turns: (frames, 2) float32, the yaw and pitch that it reads, in degrees per frame.
        rows: a finding for each thing that is not as it was asked, by frame.
        notes: sentences about the whole.
        events: (frame, text), from when on which sentence is to hold.
        said: (frame, sentence) of each chunk, where keys and mouse reach the model in words.
    """

    controls: Controls
    turns: Tensor
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    events: Events = ()
    said: Events = ()

    @property
    def report(self) -> tuple[str, ...]:
        """The notes, and one sentence for each rule that something was lost by."""
        return (*self.notes, *sentences(self.rows))


def bind_track(
    track: Track, variant: Variant, behind: World | None = None, chunks: int = 0, form: str = CORRECTED
) -> Bound:
    """Write a track in a variant's columns and units; a track with a camera follows it with this model's own keys.

    Args:
        track: what was asked for.
        variant: the model.
        behind: the world that the track goes on from; `None`: a fresh one, or one of which no more is known than
        chunks: how many it has, and
        form: which one it is of.

    Returns:
        Controls of all the track's frames, and the report.

    Raises:
        ValueError: the track holds NaN or infinity.
    """
    camera = None if track.camera is None else track.camera.c2w
    for name, rows in (("keys", track.keys), ("mouse", track.mouse), ("camera", camera)):
        if rows is not None and not bool(torch.isfinite(rows).all()):
            raise ValueError(f"track: found NaN or infinity in its {name}, expected finite numbers; correct the track.")
    if track.camera is None or (variant.keyboard is None and variant.camera is not None):
        return _bind(track, variant, behind, chunks, form)
    if can_follow(variant):
        followed = follow(track.camera.c2w, variant)
        followed = followed._replace(track=followed.track._replace(prompts=track.prompts))
        return bind_followed(followed, variant, behind, chunks, form)
    bound = _bind(track, variant, behind, chunks, form)
    why = f"{variant.title} does not turn with the mouse, so it follows no camera; the track's keys are played"
    row = Row("dropped", 0, track.frames - 1, "camera", "a camera's path", "keys", why)
    return bound._replace(rows=in_order([row, *bound.rows]))


def bind_followed(
    followed: Followed, variant: Variant, behind: World | None = None, chunks: int = 0, form: str = CORRECTED
) -> Bound:
    """Bind the keys and the mouse that follow a camera in this variant, and report what they cannot follow."""
    bound = _bind(followed.track, variant, behind, chunks, form)
    return bound._replace(rows=in_order([*followed.rows, *bound.rows]), notes=followed.notes)


def binding_report(bound: Bound, variant: Variant, chunks: int | None = 0) -> Report:
    """Say what a model gets of a track, the frames after the last whole chunk included.

    Args:
        bound: the track.
        variant: the model.
        chunks: of the world that walks it; 0 is a fresh one. `None`: not known, so that nobody can say whether frames
            are left over, and no row does.
    """
    frames, rows = len(bound.turns), bound.rows
    if chunks is None:
        return Report(variant.title, frames, rows, bound.notes, bound.said)
    whole = number = 0
    while whole + (length := variant.chunking.frames(chunks + number)) <= frames:
        whole, number = whole + length, number + 1
    if whole < frames:
        why = f"left over after {counted(number, 'whole chunk')}: {_ways_out(whole, length)}"
        if not chunks and frames % variant.chunking.frames(1) == 0:
            why += f"; a world that goes on walks all {frames}"
        row = Row("dropped", whole, frames - 1, "all", counted(frames - whole, "frame"), "none", why)
        rows = in_order([*rows, row])
    return Report(variant.title, frames, rows, bound.notes, bound.said)


def chunk_controls(
    controls: Controls,
    first_chunk_index: int,
    variant: Variant,
    events: Events = (),
    prompt: str = "",
    frames: int | None = None,
) -> tuple[list[Controls], int]:
    """Cut controls at chunk borders; a world's first chunk is shorter, because its first latent spans one frame.

    Args:
        controls: the rows of a whole track; row 0 belongs to the first new frame.
        first_chunk_index: chunks the world has already; 0 is a fresh world.
        variant: the model, which says how long a chunk is.
        events: of the track.
        prompt: the sentence that holds until the first of them.
        frames: of the track; `None`: as many as there are rows.

    Returns:
        One `Controls` per whole chunk, and how many frames are left over after the last one.
    """
    pieces, begins, row = [], [], 0
    frames = controls.frames if frames is None else frames
    while row + (length := variant.chunking.frames(first_chunk_index + len(pieces))) <= frames:
        pieces.append(controls.rows(slice(row, row + length)))
        begins.append(row)
        row += length
    told = sentences_of(events, begins, prompt)
    return [rows._replace(prompt=text) for rows, text in zip(pieces, told, strict=True)], frames - row


def left_over_sentence(frames: int, left_over: int, next_length: int) -> str:
    """Say what becomes of the frames after the last whole chunk, and how to avoid it.

    Args:
        frames: length of the track.
        left_over: frames after the last whole chunk, at least one.
        next_length: frames of the chunk they do not fill.
    """
    ways_out = _ways_out(frames - left_over, next_length)
    return f"{counted(left_over, 'frame')} left over after the last whole chunk: {ways_out}."


def _ways_out(whole: int, next_length: int) -> str:
    return (f"shorten the track to {whole} or " if whole else "") + f"extend it to {whole + next_length} frames"


def _bind(track: Track, variant: Variant, behind: World | None, chunks: int, form: str) -> Bound:
    """Write a track in a variant's columns and units, each part that the variant can be told by a binder of its own."""
    first_chunk = chunks if behind is None else len(behind.chunks)
    if behind is not None:
        variant = cut_for(variant, behind.start)
    keyboard, rows = _keyboard(track, variant)
    turns, lost = _turns(track.mouse, variant)
    events, late = events_of(track, variant, first_chunk)
    rows += lost + late
    mouse = None
    if variant.mouse is not None:
        columns = [turns[:, ("yaw", "pitch").index(axis)].double() for axis in variant.mouse.order]
        mouse = (torch.stack(columns, dim=1) / variant.mouse.degrees_per_unit).float()  # (frames, 2)
    controls = Controls(keyboard, mouse)
    said: Events = ()
    if variant.is_spoken_to:
        controls, turns, merged = heard(controls, turns, variant, first_chunk)
        rows, said = rows + merged, sentences_heard(controls, events, variant, behind, first_chunk, form)
    if variant.camera is not None:
        controls = controls._replace(c2w=camera_of_controls(controls, track, variant, behind))
    return Bound(controls, turns, in_order(rows), events=events, said=said)


def _keyboard(track: Track, variant: Variant) -> tuple[Tensor | None, list[Row]]:
    """Pick the variant's columns by word: (frames, keys), and what is lost."""
    keyboard = variant.keyboard
    if keyboard is None:
        return None, [row for column, word in enumerate(track.words) for row in _unread(track, column, word, variant)]
    keys = torch.zeros(track.frames, len(keyboard.words))
    rows: list[Row] = []
    for column, word in enumerate(track.words):
        if word in keyboard.words and keyboard.words.index(word) != keyboard.idle:
            keys[:, keyboard.words.index(word)] = track.keys[:, column]
        else:
            known = ", ".join(known for i, known in enumerate(keyboard.words) if i != keyboard.idle)
            why = f"not a key of {variant.title} ({known})"
            rows += rows_where(track.keys[:, column] > 0, "dropped", word, why, asked=word)
    if keyboard.idle is None:
        rows += _cancel(keys, keyboard)
    else:
        rows += _make_exclusive(keys, keyboard, variant.title)
    return keys, rows


def _unread(track: Track, column: int, word: str, variant: Variant) -> list[Row]:
    """Name a key of a model that has none: it may move the camera, unless the track brings one of its own."""
    if variant.camera is not None and (word in DIRECTIONS or track.camera is not None):
        return []
    why = f"{variant.title} has no keys"
    return rows_where(track.keys[:, column] > 0, "dropped", word, why, asked=word)


def _cancel(keys: Tensor, keyboard: Keyboard) -> list[Row]:
    """Name opposite keys that are held together: the model gets both, as its authors' code would give them, and the
    way that either asks for is lost."""
    rows: list[Row] = []
    for pair in _OPPOSITES:
        if set(pair) <= set(keyboard.words):
            columns = [keyboard.words.index(word) for word in pair]
            both = (keys[:, columns] > 0).all(1)
            asked = " + ".join(keyboard.letters[column] for column in columns)
            rows += rows_where(both, "dropped", "keys", "opposite keys cancel out", asked=asked)
    return rows


def _make_exclusive(keys: Tensor, keyboard: Keyboard, title: str) -> list[Row]:
    """Leave one hot column per row, in place: the key pressed last, or the idle column where none is held."""
    labels: list[tuple[str, str] | None] = []
    winners: list[int] = []
    pressed, before = [0] * keys.shape[1], []
    for frame, row in enumerate(keys.tolist()):
        held = [column for column, on in enumerate(row) if on]
        for column in set(held) - set(before):
            pressed[column] = frame
        winner = max(held, key=lambda column: (pressed[column], -column)) if held else keyboard.idle
        asked = " + ".join(keyboard.letters[column] for column in held)
        labels.append((asked, keyboard.letters[winner]) if len(held) > 1 else None)
        winners.append(winner)
        before = held
    keys.zero_()
    keys[torch.arange(len(keys)), torch.tensor(winners, dtype=torch.long)] = 1
    return rows_of_labels(
        labels, "quantised", "keys", f"{title} takes one key at a time, only the one pressed last counts"
    )


def _turns(degrees: Tensor, variant: Variant) -> tuple[Tensor, list[Row]]:
    """Return the turns that a variant reads, (frames, 2) yaw and pitch in degrees per frame, and what is lost."""
    mouse, turns, rows = variant.mouse, degrees.clone(), []
    if mouse is None and variant.keyboard is None and variant.camera is not None:
        return turns, rows  # the mouse turns the camera, which is all that the model is told of it
    unread = {
        "yaw": None if mouse else "has no mouse",
        "pitch": "has no mouse" if mouse is None else None if mouse.reads_pitch else "turns only left and right",
    }
    for axis, (name, why) in enumerate(unread.items()):
        if why:
            column = degrees[:, axis].tolist()  # of which one may tell thousands of stretches
            rows += rows_where(
                degrees[:, axis] != 0,
                "dropped",
                name,
                f"{variant.title} {why}",
                asked=lambda at, c=column: degrees_a_frame(c[at]),
            )
            turns[:, axis] = 0
    if mouse is not None and mouse.max_yaw is not None:
        yaw, most = degrees[:, 0], mouse.max_yaw
        turns[:, 0] = yaw.clamp(-most, most)
        why = f"{variant.title} was trained to turn at most {most:g} degrees a frame"
        column = yaw.tolist()
        for flags, limit in ((yaw > most, most), (yaw < -most, -most)):
            rows += rows_where(
                flags, "quantised", "yaw", why,
                asked=lambda at: degrees_a_frame(column[at]), got=degrees_a_frame([limit]),
            )  # fmt: skip
    return turns, rows
