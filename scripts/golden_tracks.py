"""Tracks with their canonical texts, samples, poses and chunks, or refusals: what the page must compute as Python does.

`python scripts/golden_tracks.py` in any Python that has torch writes tests/golden/tracks/tracks.json anew.

JSON is read by our own rules, where JavaScript's and Python's readers differ: no member stands twice, 57.0 is 57, NaN
and Infinity are read and then refused where a number is wanted, and a message shows values as Python writes them. What
Python's own releases word differently (a comma before a closing bracket) is no pair.
"""

from __future__ import annotations

import json
import random
from typing import Any

import numpy as np
from repository import REPOSITORY

from worldmodel import questions as editor
from worldmodel.binding.motion import camera_turns, integrate
from worldmodel.camera.poses import angles
from worldmodel.reading.limits import MAX_FRAMES
from worldmodel.track.presets import PRESETS, preset
from worldmodel.track.timeline import EASINGS, WORDS, Timeline
from worldmodel.track.track import Track, parse_timeline, sample, sample_curve, write_track
from worldmodel.variants import VARIANTS, Motion, Variant

GOLDEN = REPOSITORY / "tests" / "golden" / "tracks" / "tracks.json"
WALKERS = ("tiny_world_2", "matrix_game_3_distilled")
"""Variants whose motions differ: all others move as one of them."""
SAMPLES, BORDERS = 30, 8
"""Most frames that are sampled of one track, and most chunks whose beginnings are listed."""


def document(**members: Any) -> str:
    """Write a track's JSON, as it is told and not as it is right."""
    return json.dumps({"type": "track", "version": 1, "frames": 21, **members})


def nested(levels: int) -> list[Any]:
    """Return lists within lists."""
    inner: list[Any] = []
    for _ in range(levels - 1):
        inner = [inner]
    return inner


GOOD = document(keys={"forward": [[0, 9]]})
PROMPTS = [[0, "a quiet street"], [9, "it rains"], [40, "beyond the end"]]
FORMS = {
    "nothing": "",
    "white space": " \n\t",
    "null": "null",
    "empty": "{}",
    "byte order mark": "\ufeff" + GOOD,
    "white space around": "\u00a0\u3000" + document() + "\n",
    "idle": document(),
    "members null": document(keys=None, mouse=None, prompts=None),
    "curves null": document(mouse={"yaw": None, "pitch": None}),
    "one frame": document(frames=1, keys={"forward": [[0, 1]]}, mouse={"yaw": [[0, 3]]}),
    "whole numbers with a point": '{"type":"track","version":1.0,"frames":2.1e1,"keys":{"left":[[3.0,4]]}}',
}
KEYS = {
    "every key": document(keys={word: [[i, 3], [i + 8, 2]] for i, word in enumerate(reversed(WORDS))}),
    "opposite keys": document(keys={"forward": [[0, 12]], "back": [[6, 12]], "left": [[3, 6]], "right": [[0, 21]]}),
    "diagonals": document(keys={"forward": [[0, 21]], "right": [[0, 7]], "left": [[14, 7]]}),
    "unsorted and overlapping": document(keys={"left": [[9, 3], [0, 4], [2, 5], [12, 1]], "forward": []}),
    "a span over the end": document(keys={"forward": [[18, 30]], "back": [[21, 5]]}),
    "over-long": document(frames=9, keys={"forward": [[0, 177]]}, mouse={"yaw": [[0, 0], [40, 4]]}),
    "left over": document(frames=60, keys={"forward": [[0, 60]]}),
    "eight frames": document(frames=8, keys={"forward": [[0, 8]]}),
    "thirteen chunks": document(frames=153, keys={"back": [[5, 140]]}, mouse={"yaw": [[0, 1.5]]}),
    "longest": document(frames=MAX_FRAMES, keys={"forward": [[0, MAX_FRAMES]]}, mouse={"yaw": [[0, 0.017]]}),
}
CURVES = {
    "keyframes unsorted": document(mouse={"yaw": [[12, 2], [0, 0], [6, -2.5]]}),
    "keyframe at the end alone": document(mouse={"pitch": [[20, -3]]}),
    "keyframes beyond the end": document(mouse={"yaw": [[10, 1], [100, 4, "smooth"], [200, -4]]}),
    "thousandths": document(mouse={"yaw": [[0, 0.0005], [3, -0.0005], [6, 1.23456], [9, 1e-9], [12, -0.0]]}),
    "largest turns": document(mouse={"yaw": [[0, 180], [10, -180.0]], "pitch": [[0, -180], [10, 180]]}),
    "pitch does not bend the walk": document(keys={"forward": [[0, 21]]}, mouse={"pitch": [[0, 3], [20, -3]]}),
    "three easings": document(mouse={"yaw": [[0, 0, "linear"], [5, 4, "smooth"], [13, -4, "hold"], [18, 1]]}),
}
TEXTS = {
    "prompts": document(prompts=PROMPTS),
    "prompts unsorted": document(prompts=PROMPTS[::-1]),
    "prompts in every script": document(prompts=[[0, 'été, 雨, 🚪, \u200b, "quoted" \\ / \t\n\u0001\u2028']]),
    "an empty prompt": document(prompts=[[3, ""]]),
    "unknown members": document(zoom=2, author={"name": "é", "2": [1, {"b": 1, "a": 0.1}], "1": None}, Zebra=True),
    "unknown members of mouse": document(mouse={"roll": [[0, 1.25]], "yaw": [[0, 1]], "gain": 1e-7}),
    "unknown numbers": document(far=1e16, farther=1e22, near=1.5e-5, whole=123456789012345680000, zero=-0.0),
    "unknown text": document(note="☃ \ud83d\ude00 \u007f"),
    "as deep as may be": document(note=nested(99)),
}
"""Prompts, and members that no version knows."""
WRONG_HEADS = {
    "a list": "[1]",
    "a text": '"forward"',
    "no type": '{"version":1}',
    "another type": '{"type":"clip"}',
    "a type of its own": '{"type":{"a":1},"version":1}',
    "a camera": '{"type":"poses","version":1}',
    "a path": '{"type":"path","version":1}',
    "no version": '{"type":"track"}',
    "version 0": document(version=0),
    "version true": document(version=True),
    "version half": document(version=1.5),
    "newer version": document(version=3),
}
WRONG_FRAMES = {
    "no frames": '{"type":"track","version":1}',
    "frames 0": document(frames=0),
    "frames many": document(frames=MAX_FRAMES + 1),
    "frames true": document(frames=True),
    "frames null": document(frames=None),
    "frames half": document(frames=5.5),
    "frames a text": document(frames="57"),
    "frames a long text": document(frames="fifty-seven frames and not one frame more or less"),
    "frames beyond whole numbers": document(frames=9007199254740993),
    "frames 1e16": document(frames=1e16),
    "frames 1e22": document(frames=1e22),
    "frames tiny": document(frames=1.5e-7),
    "frames infinite": '{"type":"track","version":1,"frames":1e999}',
    "frames NaN": document(frames=float("nan")),
    "frames in a list": document(frames=[1, 2.5, "é", None, True, {"a": -0.5}]),
}
WRONG_KEYS = {
    "keys a list": document(keys=[]),
    "keys a number": document(keys=1),
    "a letter": document(keys={"W": [[12, 2]]}),
    "a small letter": document(keys={"d": [[12, 2]]}),
    "a letter of no key": document(keys={"Q": [[37, 2], [12, 2]]}),
    "a key misspelt": document(keys={"forwad": [[3, 2]]}),
    "a key misspelt otherwise": document(keys={"trun_left": [[3, 2]]}),
    "a key in another script": document(keys={"вперёд": [[3, 2]]}),
    "a long unknown key": document(keys={"forward and then a little to the left, slowly": []}),
    "a key of two lines": document(keys={"for\nward\u2028 \ud800": [[3, 2]]}),
    "nomove": document(keys={"nomove": []}),
    "spans an object": document(keys={"forward": {}}),
    "a span of three": document(keys={"forward": [[0, 1, 2]]}),
    "a span a number": document(keys={"forward": [3]}),
    "a span below 0": document(keys={"forward": [[-1, 2]]}),
    "a span of no length": document(keys={"forward": [[0, 1], [3, 0]]}),
    "a span of half frames": document(keys={"forward": [[0, 1.5]]}),
    "a span far out": document(keys={"forward": [[99999, 9]]}),
}
WRONG_CURVES = {
    "mouse a list": document(mouse=[]),
    "a curve an object": document(mouse={"yaw": {}}),
    "a keyframe of one": document(mouse={"yaw": [[3]]}),
    "a keyframe a text": document(mouse={"pitch": ["3"]}),
    "a keyframe below 0": document(mouse={"pitch": [[-3, 1]]}),
    "a turn too fast": document(mouse={"yaw": [[3, 180.5]]}),
    "a turn NaN": document(mouse={"yaw": [[3, float("nan")]]}),
    "a turn infinite": document(mouse={"yaw": [[3, float("-inf")]]}),
    "a turn true": document(mouse={"pitch": [[3, True]]}),
    "a turn a text": document(mouse={"pitch": [[3, "fast"]]}),
    "another easing": document(mouse={"yaw": [[3, 1, "bouncy"]]}),
    "an easing null": document(mouse={"yaw": [[3, 1, None]]}),
    "two keyframes": document(mouse={"yaw": [[3, 1], [3, 2]]}),
}
WRONG_TEXTS = {
    "prompts an object": document(prompts={}),
    "a prompt of one": document(prompts=[[0]]),
    "a prompt a number": document(prompts=[[0, 5]]),
    "a prompt below 0": document(prompts=[[-1, "a"]]),
    "two prompts": document(prompts=[[0, "a"], [0, "b"]]),
    "half a character": document(prompts=[[0, "\ud800"]]),
    "half an unknown character": document(note="a\udc00"),
    "an unknown NaN": document(note=[float("nan")]),
}
NO_JSON = {
    "a member twice": '{"type":"track","version":1,"type":"track"}',
    "a member twice inside": GOOD.replace('"keys"', '"x": {"a": 1, "b": 2, "a": 3}, "keys"'),
    "two members twice": '{"a": 1, "b": 2, "b": 3, "a": 4}',
    "a member of a long name twice": '{"%s": 1, "%s": 2}' % (2 * ("🚪" * 50,)),
    "too deep": document(note=nested(100)),
    "too deep, and cut off": document(note=nested(100))[:-9],
    "far too deep, and cut off": "[" * 5000,
    "cut off": GOOD[:30],
    "cut off in a text": '{"type": "tra',
    "a comma too few": '{"type":"track" "version":1}',
    "a colon missing": '{"type" 1}',
    "single quotes": "{'type': 'track'}",
    "a comment": "{\n  // a walk\n}",
    "two documents": GOOD + GOOD,
    "a line break in a text": '{"type":"tr\nack"}',
    "an escape of no letter": '{"type":"\\x"}',
    "an escape of no number": '{"type":"\\u12g4"}',
    "on the third line": '{\n "type": "track",\n "🚪": x}',
    "a leading zero": '{"frames": 057}',
    "a leading plus": '{"frames": +57}',
    "hexadecimal": '{"frames": 0x39}',
    "a point and nothing": '{"frames": 57.}',
}
MISTAKES = WRONG_HEADS | WRONG_FRAMES | WRONG_KEYS | WRONG_CURVES | WRONG_TEXTS | NO_JSON


def cases() -> dict[str, str]:
    """Return every text by its name."""
    texts = FORMS | KEYS | CURVES | TEXTS
    for easing in EASINGS:
        texts[f"easing {easing}"] = document(mouse={"yaw": [[2, -1, easing], [17, 3.5]], "pitch": [[0, 1, easing]]})
    for name, made in PRESETS.items():
        texts[f"preset {name}"] = write_track(preset(name, made.frames, 7))
    for seed in range(8):
        texts[f"random {seed}"] = _random(seed)
    return texts | {f"refused: {name}": text for name, text in MISTAKES.items()}


def _random(seed: int) -> str:
    draw = random.Random(seed)
    frames = draw.randint(1, 90)

    def curve() -> list[list[Any]]:
        at = draw.sample(range(100), draw.randint(0, 7))
        return [[frame, round(draw.uniform(-9, 9), draw.randint(0, 5)), draw.choice(EASINGS)] for frame in at]

    keys = {
        word: [[draw.randint(0, 90), draw.randint(1, 20)] for _ in range(draw.randint(0, 6))]
        for word in draw.sample(WORDS, draw.randint(0, len(WORDS)))
    }
    prompts = [[frame, f"prompt {frame}"] for frame in draw.sample(range(100), draw.randint(0, 3))]
    return document(frames=frames, keys=keys, mouse={"yaw": curve(), "pitch": curve()}, prompts=prompts)


def golden(text: str) -> dict[str, Any]:
    """Return what is expected of one text."""
    try:
        timeline = parse_timeline(text)
    except ValueError as error:
        return {"text": text, "error": str(error)}
    return {"text": text, "canonical": write_track(timeline), **_played(timeline)}


def _played(timeline: Timeline) -> dict[str, Any]:
    """Return a timeline at some frames: yaw and pitch in degrees per frame, poses x, z in metres and yaw, pitch in
    radians of each walker, keys as spans within the track, and the chunks of every model."""
    track = sample(timeline)
    at = sorted({*np.linspace(0, track.frames - 1, SAMPLES).round().astype(int).tolist()})
    return {
        "frames": track.frames,
        "keys": {word: _spans(track.keys[:, i].tolist()) for i, word in enumerate(track.words)},
        "at": at,
        "yaw": sample_curve(timeline.yaw, track.frames)[at].tolist(),
        "pitch": sample_curve(timeline.pitch, track.frames)[at].tolist(),
        "poses": {name: _poses(track, VARIANTS[name].motion)[at].tolist() for name in WALKERS},
        "chunks": {name: _chunks(variant, track.frames) for name, variant in VARIANTS.items()},
    }


def _poses(track: Track, motion: Motion) -> np.ndarray:
    poses = integrate(track, motion)
    degrees = camera_turns(track.mouse[:-1].double(), motion).numpy()
    turned = np.concatenate([np.zeros((1, 2)), np.cumsum(np.radians(degrees), 0)])
    apart = angles(poses[:, :3, :3]).numpy()[:, 0] - turned[:, 0]
    level = np.cos(turned[:, 1]) > 0.01  # looking straight up, or over the back, yaw and pitch can be told otherwise
    assert np.abs(np.sin(apart[level])).max(initial=0.0) < 1e-6
    return np.concatenate([poses[:, [0, 2], 3].numpy(), turned], 1)


def _spans(held: list[float]) -> list[list[int]]:
    edges = np.flatnonzero(np.diff([0.0, *held, 0.0]))
    return [[int(start), int(end - start)] for start, end in zip(edges[::2], edges[1::2], strict=True)]


def _chunks(variant: Variant, frames: int) -> dict[str, Any]:
    whole = 0
    while variant.chunking.first_frame(whole + 1) <= frames:
        whole += 1
    borders = [variant.chunking.first_frame(index) for index in range(min(whole, BORDERS) + 1)]
    return {"whole": whole, "left_over": frames - variant.chunking.first_frame(whole), "borders": borders}


def write_golden() -> None:
    """Write the models and all pairs, one a line."""
    GOLDEN.parent.mkdir(parents=True, exist_ok=True)
    pairs = [f"{json.dumps(name)}: {json.dumps(golden(text))}" for name, text in cases().items()]
    head = f'"variants": {json.dumps(editor.variants())},\n'
    GOLDEN.write_text("{\n" + head + '"pairs": {\n' + ",\n".join(pairs) + "\n}}\n", encoding="utf-8")


if __name__ == "__main__":
    write_golden()
