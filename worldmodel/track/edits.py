"""Whole tracks made from whole tracks: joined, repeated, walked back, made longer or shorter.

What comes out has the keys and the mouse of what went in, and no camera.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ..reading.limits import MAX_FRAMES, thousandths
from .track import Track

_OPPOSITE = {
    "forward": "back", "back": "forward", "left": "right", "right": "left",
    "turn_left": "turn_right", "turn_right": "turn_left",
}  # fmt: skip


def join(tracks: Sequence[Track]) -> Track:
    """Play tracks one after another.

    Raises:
        ValueError: together they are longer than a track can be.
    """
    frames = sum(track.frames for track in tracks)
    _check_length(frames)
    words = tuple(dict.fromkeys(word for track in tracks for word in track.words))
    keys, prompts, row = torch.zeros(frames, len(words)), [], 0
    for track in tracks:
        for column, word in enumerate(track.words):
            keys[row : row + track.frames, words.index(word)] = track.keys[:, column]
        prompts += [(row + frame, text) for frame, text in track.prompts]
        row += track.frames
    return Track(words, keys, torch.cat([track.mouse for track in tracks]), tuple(prompts))


def repeat(track: Track, times: int) -> Track:
    """Play a track again and again.

    Raises:
        ValueError: that is longer than a track can be.
    """
    _check_length(track.frames * times)
    return join([track] * times)


def reverse(track: Track) -> Track:
    """Walk a track back, step by step, looking the same way.

    A row steps, then turns; undone, it turns, then steps. So the way back has one row more: it begins with the last
    turn and ends with the first step. Prompts hold for the same part of the way.

    Raises:
        ValueError: it has no room for the row more.
    """
    frames = track.frames + 1
    _check_length(frames)
    keys, mouse = torch.zeros(frames, len(track.words)), torch.zeros(frames, 2)
    keys[1:], mouse[:-1] = track.keys.flip(0), -track.mouse.flip(0) + 0.0  # no negative zeros
    ends = [*(frame for frame, _ in track.prompts), track.frames][1:]
    starts = [0 if end == track.frames else frames - end for end in ends]
    prompts = [(start, text) for start, (_, text) in zip(starts, track.prompts, strict=True)]
    return Track(tuple(_OPPOSITE.get(word, word) for word in track.words), keys, mouse, tuple(reversed(prompts)))


def there_and_back(track: Track) -> Track:
    """Walk a track and back; its last frame is the first one again, unless a wall stood in the way.

    Raises:
        ValueError: that is longer than a track can be.
    """
    rest = Track((), torch.zeros(1, 0), torch.zeros(1, 2))  # the last step is seen in the frame after it
    return join([track, reverse(track), rest])


def retime(track: Track, frames: int) -> Track:
    """Play a track in another number of frames: the same turns, keys held for a longer or shorter part of the way.

    Models walk at one speed, so twice the frames are twice the way, around the same corners. Keys that are held for
    less than a new frame may be lost.

    Raises:
        ValueError: that is longer than a track can be.
    """
    _check_length(frames)
    centres = (torch.arange(frames, dtype=torch.float64) + 0.5) * track.frames / frames
    turned = torch.cat([torch.zeros(1, 2, dtype=torch.float64), track.mouse.double().cumsum(0)])
    at = torch.arange(frames + 1, dtype=torch.float64) * track.frames / frames
    row = at.floor().long().clamp_max(track.frames - 1)
    summed = turned[row] + (turned[row + 1] - turned[row]) * (at - row)[:, None]
    # sums in thousandths, so that as text too the turns add up
    summed = torch.tensor([[thousandths(value) for value in pair] for pair in summed.tolist()], dtype=torch.float64)
    prompts = {min(frames - 1, round(frame * frames / track.frames)): text for frame, text in track.prompts}
    return Track(track.words, track.keys[centres.long()], summed.diff(dim=0).float(), tuple(sorted(prompts.items())))


def _check_length(frames: int) -> None:
    if frames > MAX_FRAMES:
        raise ValueError(f"track: found {frames} frames, expected at most {MAX_FRAMES}; make it shorter.")
