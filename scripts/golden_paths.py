"""Camera paths with their canonical texts and poses, or refusals: what the page must compute as Python does.

`python scripts/golden_paths.py` in any Python that has torch writes tests/golden/paths/paths.json anew.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from repository import REPOSITORY

from worldmodel.camera.path_poses import parse_path, path_speeds, sample_path, write_path

GOLDEN = REPOSITORY / "tests" / "golden" / "paths" / "paths.json"
FPS = 16.0
L_SHAPE = [{"f": 0, "p": [0, 0, 0]}, {"f": 12, "p": [0, -0.5, 3]}, {"f": 20, "p": [2, -0.5, 3.5]}]


def document(keyframes: Any = L_SHAPE, **members: Any) -> str:
    """Write a path's JSON."""
    return json.dumps({"type": "path", "version": 1, "frames": 24, **members, "keyframes": keyframes})


def changed(at: int, **members: Any) -> list[dict[str, Any]]:
    """Return the L-shaped keyframes with one of them changed."""
    return [{**keyframe, **(members if i == at else {})} for i, keyframe in enumerate(L_SHAPE)]


FORMS = {
    "nothing": "",
    "null": "null",
    "empty": "{}",
    "byte order mark": "\ufeff" + document(),
    "no keyframes": document([]),
    "keyframes null": document(None),
    "one keyframe": document(L_SHAPE[:1]),
    "one keyed keyframe": document([{"f": 3, "p": [1, 2, 3], "look": [45, -10]}]),
    "two": document(L_SHAPE[:2]),
    "corner": document(),
    "unsorted": document(L_SHAPE[::-1]),
}
CURVES = {
    "starts late": document([{**k, "f": k["f"] + 3} for k in L_SHAPE]),
    "over-long": document(frames=15),
    "out": document(changed(1, out=[1, 0, 1])),
    "in": document(changed(1, **{"in": [1, 0, -1]})),
    "broken": document(changed(1, out=[1, 0, 0], **{"in": [0, 0, -1]})),
    "mirrored by hand": document(changed(1, out=[1, 0, 0], **{"in": [-1, 0, 0]})),
    "tangent at an end": document(changed(0, out=[1, 0, 0])),
    "no tangent": document(changed(1, out=[0, 0, 0])),
    "closed": document(closed=True),
    "closed, two": document(L_SHAPE[:2], closed=True),
    "closed, one": document(L_SHAPE[:1], closed=True),
    "closed, over-long": document(closed=True, frames=18),
    "closed, one frame": document(closed=True, frames=1),
    "waits": document([*L_SHAPE, {"f": 23, "p": [2, -0.5, 3.5]}]),
    "waits first": document([{"f": 0, "p": [0, 0, 0]}, {"f": 4, "p": [0, 0, 0]}, {"f": 20, "p": [3, 0, 0]}]),
    "there and back": document([L_SHAPE[0], L_SHAPE[1], {"f": 22, "p": [0, 0, 0]}]),
    "straight up": document([{"f": 0, "p": [0, 0, 0]}, {"f": 20, "p": [0, -2, 0]}]),
}
LOOKS = {
    "at the target": document(changed(1, look="target"), target=[4, -1, 4]),
    "always at the target": document([{**k, "look": "target"} for k in L_SHAPE], target=[-2, 0, 1]),
    "at the target, own pitch": document(changed(1, look="target", pitch=5), target=[4, -1, 4]),
    "on the target": document(changed(0, look="target"), target=[0, 0, 0]),
    "on the target in a bend": document(changed(1, look="target"), target=[0, -0.5, 3]),
    "keyed": document(changed(1, look=[-135, 20])),
    "keyed over the back": document(
        [{**L_SHAPE[0], "look": [170, 0]}, {**L_SHAPE[1], "look": [-160, 10]}, {**L_SHAPE[2], "look": [530, 0]}]
    ),
    "half a turn": document([{**L_SHAPE[0], "look": [0, 0]}, {**L_SHAPE[1], "look": [180, 0]}]),
    "keyed with a pitch": document(changed(1, look=[10, 20], pitch=5)),
    "pitch": document(changed(1, pitch=-30)),
    "pitch 0": document(changed(1, pitch=0)),
}
EXTRAS = {
    "background": document(background={"image": "plan é.png", "centre": [1, 2.00049], "width": 12, "opacity": 0.3}),
    "background, short": document(background={"image": "plan.png", "rotated": 3}),
    "unknown members": document(changed(1, note="b", colour=[1]), zoom=2, author={"name": "é"}),
    "thousandths": document([{"f": 0, "p": [0.0005, -0.0005, 1.23456]}, {"f": 9, "p": [1e-9, 2.5, 3]}]),
    "far": document([{"f": 0, "p": [1e6, 0, -1e6]}, {"f": 9, "p": [999990.123, 0, -999990.5]}]),
    "vertical first": document(
        [{"f": 0, "p": [0, 0, 0]}, {"f": 6, "p": [0, -1, 0]}, {"f": 18, "p": [3, -1, 0], "look": "path"}]
    ),
}
"""Pictures beneath, members that no version knows, and places that are hard to tell."""
WRONG_HEADS = {
    "a number": "3",
    "a list": "[]",
    "no type": '{"version":1}',
    "a track": '{"type":"track","version":1,"frames":9}',
    "another type": '{"type":"way"}',
    "no version": '{"type":"path"}',
    "version 0": document(version=0),
    "newer version": document(version=3),
}
WRONG_MEMBERS = {
    "no frames": '{"type":"path","version":1}',
    "frames 0": document(frames=0),
    "frames half": document(frames=2.5),
    "frames many": document(frames=100001),
    "closed is a word": document(closed="yes"),
    "target is short": document(target=[1, 2]),
    "target is far": document(target=[1, 2, 2e6]),
}
WRONG_KEYFRAMES = {
    "keyframes is an object": document({}),
    "keyframe is a number": document([1]),
    "keyframe without frame": document([{"p": [0, 0, 0]}]),
    "keyframe without place": document([{"f": 2}]),
    "frame below 0": document(changed(0, f=-1)),
    "place of words": document(changed(1, p=["a", 0, 0])),
    "place of two": document(changed(1, p=[0, 0])),
    "place true": document(changed(1, p=[True, 0, 0])),
    "twice": document(changed(1, f=0)),
    "pitch too steep": document(changed(1, pitch=91)),
    "no target": document(changed(1, look="target")),
    "another look": document(changed(1, look="sideways")),
    "look of three": document(changed(1, look=[1, 2, 3])),
    "look turned far": document(changed(1, look=[3601, 0])),
    "look up too far": document(changed(1, look=[0, -90.5])),
    "another ease": document(changed(1, ease="bounce")),
    "ease null": document(changed(1, ease=None)),
    "tangent of words": document(changed(1, out="up")),
    "in of two": document(changed(1, **{"in": [1, 2]})),
}
WRONG_BACKGROUNDS = {
    "background without image": document(background={}),
    "background is a word": document(background="plan.png"),
    "background narrow": document(background={"image": "a", "width": 0}),
    "background opaque": document(background={"image": "a", "opacity": 1.5}),
    "background nowhere": document(background={"image": "a", "centre": 1}),
}
NO_JSON = {
    "member twice": '{"type":"path","type":"path"}',
    "cut off": document()[:40],
    "not JSON": "{a}",
}
MISTAKES = WRONG_HEADS | WRONG_MEMBERS | WRONG_KEYFRAMES | WRONG_BACKGROUNDS | NO_JSON


def cases() -> dict[str, str]:
    """Return every text by its name."""
    texts = FORMS | CURVES | LOOKS | EXTRAS
    for ease in ("even", "smooth", "in", "out", "hold"):
        texts[f"ease {ease}"] = document(changed(0, ease=ease))
    for seed in range(8):
        texts[f"random {seed}"] = _random(seed)
    return texts | {f"refused: {name}": text for name, text in MISTAKES.items()}


def _random(seed: int) -> str:
    random = np.random.default_rng(seed)
    keyframes = []
    for frame in sorted(int(frame) for frame in random.permutation(40)[:6]):
        keyframe: dict[str, Any] = {"f": frame, "p": [round(float(v), 3) for v in random.uniform(-5, 5, 3)]}
        if random.random() < 0.4:
            keyframe["look"] = [round(float(random.uniform(-400, 400)), 2), round(float(random.uniform(-60, 60)), 2)]
        elif random.random() < 0.4:
            keyframe["look"] = "target"
        if random.random() < 0.4:
            keyframe["out"] = [round(float(v), 3) for v in random.uniform(-2, 2, 3)]
        if random.random() < 0.3:
            keyframe["in"] = [round(float(v), 3) for v in random.uniform(-2, 2, 3)]
        if random.random() < 0.4:
            keyframe["pitch"] = round(float(random.uniform(-60, 60)), 2)
        keyframe["ease"] = str(random.choice(["even", "smooth", "in", "out", "hold"]))
        keyframes.append(keyframe)
    return document(keyframes, closed=bool(random.random() < 0.5), target=[1, -1, 8], frames=36)


def golden(text: str) -> dict[str, Any]:
    """Return what is expected of one text."""
    try:
        path = parse_path(text)
    except ValueError as error:
        return {"text": text, "error": str(error)}
    places, yaw, pitch = sample_path(path)
    rows = np.concatenate([places, yaw[:, None], pitch[:, None]], 1)
    return {
        "text": text,
        "canonical": write_path(path),
        "rows": rows.tolist(),
        "speeds": path_speeds(path, FPS).tolist(),
    }


def write_golden() -> None:
    """Write all pairs, one a line."""
    GOLDEN.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{json.dumps(name)}: {json.dumps(golden(text))}" for name, text in cases().items()]
    GOLDEN.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    write_golden()
