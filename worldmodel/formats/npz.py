"""Keys, mouse and poses as NumPy arrays in one file, read without pickle.

words (K,) text, keys (F, K) 0 or 1, mouse (F, 2) yaw and pitch in degrees per frame, right and up positive
turns (F,)           yaw alone, as Tiny World's recordings have it; instead of mouse
prompt_frames (P,), prompt_texts (P,)
c2w (F, 4, 4)        camera-to-world, OpenCV axes, metres; see `array_poses`, which reads LingBot's `poses` too
intrinsics (4,)      as shares of width and height; fps (); width (), height () of the picture in pixels

Other arrays are passed over without being read.
"""

from __future__ import annotations

import io
from itertools import pairwise
from typing import BinaryIO, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..camera.poses import Poses
from ..reading.asked import AS_IT_IS, Asked
from ..reading.json_text import holds_half_character
from ..reading.limits import MAX_FRAMES
from ..track.timeline import MAX_DEGREES, WORDS, unknown_word
from ..track.track import Track
from . import array_poses
from .arrays import Wanted, check_shape, unpack

WANTED = {
    "words": Wanted("U", ((None,),)),
    "keys": Wanted("biuf", ((None, None),)),
    "mouse": Wanted("iuf", ((None, 2),)),
    "turns": Wanted("iuf", ((None,),)),
    "prompt_frames": Wanted("iu", ((None,),)),
    "prompt_texts": Wanted("U", ((None,),)),
    **array_poses.WANTED,
}
"""Arrays that are read, and what they may be."""
MAX_PROMPTS = 10_000


class Arrays(NamedTuple):
    """What a file holds: one of them, or both.

    Args:
        track: keys and mouse.
        poses: a camera.
        unused: names of other arrays.
    """

    track: Track | None
    poses: Poses | None
    unused: tuple[str, ...] = ()


def read(data: bytes | BinaryIO, asked: Asked = AS_IT_IS) -> Arrays:
    """Read arrays.

    Args:
        data: of the file, or the open file.
        asked: how it is to be read.

    Raises:
        ValueError: in one sentence, which array is wrong, and what was found.
    """
    arrays, others = unpack(data, WANTED)
    asked.check()
    track = _track(arrays) if {"keys", "mouse", "turns"} & {*arrays} else None
    poses = array_poses.of_arrays(arrays, asked) if {"c2w", "poses"} & {*arrays} else None
    if track is None and poses is None:
        raise Strangers((*arrays, *others))
    keys = ("words", "keys") if "keys" in arrays else ()
    read_of_track = (*keys, "mouse" if "mouse" in arrays else "turns", "prompt_frames", "prompt_texts")
    unused = [name for name in (*arrays, *others) if track is None or name not in read_of_track]
    if poses is not None:
        unused = [name for name in unused if name not in array_poses.used(arrays)]
    return Arrays(track, poses, tuple(unused))


class Strangers(ValueError):
    """A file holds other arrays than those that are read; its argument is their names."""


def write(track: Track | None, poses: Poses | None) -> bytes:
    """Write arrays; reading gives every number back."""
    arrays: dict[str, np.ndarray] = {}
    if track is not None:
        arrays["words"] = np.array(track.words, dtype=np.str_)
        arrays["keys"] = (track.keys > 0).to(torch.uint8).numpy()
        arrays["mouse"] = track.mouse.numpy()
    if track is not None and track.prompts:
        arrays["prompt_frames"] = np.array([frame for frame, _ in track.prompts])
        arrays["prompt_texts"] = np.array([text for _, text in track.prompts], dtype=np.str_)
    if poses is not None:
        arrays["c2w"] = poses.c2w.numpy()
        arrays |= {} if poses.intrinsics is None else {"intrinsics": np.array(poses.intrinsics)}
        arrays |= {} if poses.fps is None else {"fps": np.array(poses.fps)}
        arrays |= (
            {} if poses.picture is None else dict(zip(("width", "height"), map(np.array, poses.picture), strict=True))
        )
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def _track(arrays: dict[str, np.ndarray]) -> Track:
    frames = len(next(np.atleast_1d(arrays[name]) for name in ("keys", "mouse", "turns") if name in arrays))
    if not 1 <= frames <= MAX_FRAMES:
        raise ValueError(f"found {frames} frames, expected 1 to {MAX_FRAMES}")
    if "keys" in arrays and "words" not in arrays:
        raise ValueError("found keys without words, expected an array 'words' with the word of each column")
    words = tuple(str(word) for word in _shaped(arrays, "words", (None,), [])) if "keys" in arrays else ()
    for word in words:
        if word not in WORDS:
            raise ValueError(unknown_word(word))
    if len({*words}) < len(words):
        raise ValueError("a key stands twice in words; keep one")
    keys = _shaped(arrays, "keys", (frames, len(words)), np.zeros((frames, 0)))
    if not np.isin(keys, (0, 1)).all():
        raise ValueError(f"frame {int((~np.isin(keys, (0, 1))).any(1).argmax())}: keys must be 0 or 1")
    if "mouse" in arrays:
        mouse = _shaped(arrays, "mouse", (frames, 2), None)
    else:
        turns = _shaped(arrays, "turns", (frames,), np.zeros(frames))
        mouse = np.stack([turns, np.zeros_like(turns)], 1)
    wrong = ~(np.abs(mouse.astype(np.float64)) <= MAX_DEGREES).all(1)
    if wrong.any():
        raise ValueError(
            f"frame {int(wrong.argmax())}: mouse must be degrees per frame between -{MAX_DEGREES:g} and {MAX_DEGREES:g}"
        )
    return Track(words, _tensor(keys).float(), _tensor(mouse).float(), _prompts(arrays, frames))


def _prompts(arrays: dict[str, np.ndarray], frames: int) -> tuple[tuple[int, str], ...]:
    texts = _shaped(arrays, "prompt_texts", (None,), np.array([], dtype=np.str_))
    starts = _shaped(arrays, "prompt_frames", (len(texts),), np.zeros(len(texts), dtype=np.int64))
    prompts = tuple((int(frame), str(text)) for frame, text in zip(starts, texts, strict=True))
    rising = all(a[0] < b[0] for a, b in pairwise(prompts))
    if len(prompts) > MAX_PROMPTS or not rising or any(not 0 <= frame < frames for frame, _ in prompts):
        raise ValueError(f"prompt_frames must rise, from 0 to {frames - 1}, and be at most {MAX_PROMPTS}")
    if any(holds_half_character(text) for _, text in prompts):
        raise ValueError("prompt_texts holds half of a character (a lone surrogate); write it again")
    return prompts


def _shaped(arrays: dict[str, np.ndarray], name: str, shape: tuple[int | None, ...], default: object) -> np.ndarray:
    """Return an array of a shape, `None` in it standing for any length."""
    array = arrays.get(name, default)
    if array is default and name not in arrays:
        return array
    check_shape(array.shape, name, (shape,))
    return array


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float64))
