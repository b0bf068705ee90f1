"""Messages have a bound: whatever a user hands in, what is said of it is one short line that any log can hold."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.unit.mutants import archive_of, array_bytes
from worldmodel import questions as editor
from worldmodel.binding.bind import bind_track
from worldmodel.camera.path_poses import parse_path
from worldmodel.formats.files import parse_colmap, parse_file
from worldmodel.layers.quantize import layers
from worldmodel.reading.words import UNWRITABLE, shortened
from worldmodel.rollout.sampling import warped_steps
from worldmodel.track.presets import preset
from worldmodel.track.timeline import unknown_word
from worldmodel.track.track import parse_track
from worldmodel.variants import VARIANTS, variant_named
from worldmodel.world.archive import SUFFIX, load_world
from worldmodel.world.state import Start, new_world

LETTERS = 600
LONG = "wörd\n\u2028\ud800" * 400_000
PLAIN = "a" * 3_000_000
MODEL = b"1 PINHOLE 64 48 50 50 32 24\n", b"1 1 0 0 0 0 0 0 1 a.png\n\n"


def json_file(**members: object) -> bytes:
    return json.dumps(members).encode()


def track(**members: object) -> str:
    return json.dumps({"type": "track", "version": 1, "frames": 9, **members})


def path(**members: object) -> str:
    return json.dumps({"type": "path", "version": 1, "frames": 9, **members})


def start(**changes: str) -> Start:
    made = Start("tiny_world_2", VARIANTS["tiny_world_2"].latent_format, torch.zeros(20, 5, 4, 6), torch.zeros(7, 20))
    return made._replace(**changes)


REFUSED: dict[str, Callable[[], object]] = {
    "a key of a track": lambda: parse_track(track(keys={LONG: [[3, 2]]})),
    "spans of a track": lambda: parse_track(track(keys={"forward": [LONG]})),
    "a keyframe of a track": lambda: parse_track(track(mouse={"yaw": [[3, [1] * 500_000]]})),
    "an easing of a track": lambda: parse_track(track(mouse={"yaw": [[3, 1, LONG]]})),
    "a prompt of a track": lambda: parse_track(track(prompts=[[3, {LONG: 1}]])),
    "an unknown member that is NaN": lambda: parse_track(track(**{LONG: float("nan")})),
    "a member that stands twice": lambda: parse_track(f'{{"{PLAIN}":1,"{PLAIN}":2}}'),
    "the type of a track": lambda: parse_track(json.dumps({"type": LONG})),
    "the version of a track": lambda: parse_track(track(version=LONG)),
    "a word of a short text": lambda: parse_track(PLAIN),
    "a count of a short text": lambda: parse_track(f"forward*{PLAIN}"),
    "degrees of a short text": lambda: parse_track(f"yaw_left({PLAIN})"),
    "a step of a short text": lambda: parse_track("*".join([PLAIN] * 3)),
    "a look of a path": lambda: parse_path(path(keyframes=[{"f": 0, "p": [0, 0, 0], "look": LONG}])),
    "a place of a path": lambda: parse_path(path(keyframes=[{"f": 0, "p": LONG}])),
    "the picture of a path": lambda: parse_path(path(background={"image": [LONG]})),
    "a preset": lambda: preset(LONG, 9),
    "a preset's length": lambda: preset("walk", [1] * 500_000),
    "a model of a question": lambda: editor.answer("binding", json_file(text="forward", model=PLAIN)),
    "a preset of a question": lambda: editor.answer("preset", json_file(name=LONG, frames=9)),
    "a seed of a question": lambda: editor.answer("preset", json_file(name="walk", frames=9, seed=LONG)),
    "a rate of a question": lambda: editor.answer("binding", json_file(text=path(), model="Tiny World", fps=PLAIN)),
    "a variant": lambda: variant_named(LONG),
    "a start's latents": lambda: new_world(start(latent_format=LONG)),
    "a start's variant": lambda: new_world(start(variant=LONG)),
    "layers": lambda: layers(LONG),
    "steps": lambda: warped_steps([1000] * 500_000, 5),
    "a table without keys": lambda: parse_file((",".join([PLAIN[:90_000]] * 20) + "\n").encode(), ".csv"),
    "a cell": lambda: parse_file(f"W,mouse_yaw\n1,{PLAIN[:100_000]}\n".encode(), ".csv"),
    "a cell beyond all limits": lambda: parse_file(f"W\n{PLAIN}\n".encode(), ".csv"),
    "a line of a log": lambda: parse_file(f'{{"mouse": {{}}, "keyboard": "{PLAIN}"}}\n'.encode(), ".jsonl"),
    "a member of a log": lambda: parse_file(f'{{"{PLAIN}": 1}}\n'.encode(), ".jsonl"),
    "members of JSON": lambda: parse_file(json_file(**{LONG: 1, PLAIN: 2}), ".json"),
    "a list of JSON": lambda: parse_file(json.dumps([LONG] * 3).encode(), ".json"),
    "a pose's type": lambda: parse_file(json_file(type="poses", version=1, c2w=LONG), ".json"),
    "a rate of poses": lambda: parse_file(json_file(type="poses", version=1, c2w=[0.0] * 12, fps=LONG), ".json"),
    "a picture's matrix": lambda: parse_file(json_file(frames=[{"transform_matrix": PLAIN}]), ".json"),
    "a line of numbers": lambda: parse_file(f"0 0 0 {PLAIN} 0 0 0 1\n".encode(), ".tum"),
    "a line of one word": lambda: parse_file(f"{PLAIN}\n".encode(), ".txt"),
    "a picture's camera": lambda: parse_colmap(MODEL[0], f"1 1 0 0 0 0 0 0 {PLAIN} a.png\n".encode()),
    "an array of no kind": lambda: parse_file(archive_of([(f"{PLAIN[:60_000]}.npy", b"")]), ".npz"),
    "words of an array": lambda: parse_file(
        archive_of([("keys.npy", array_bytes(np.zeros((3, 1)))), ("words.npy", array_bytes(np.array([PLAIN[:999]])))]),
        ".npz",
    ),
    "an ending": lambda: parse_file(b"", f".{PLAIN}"),
}  # fmt: skip


def check(error: BaseException) -> None:
    sentence = str(error)
    is_short_line = len(sentence) <= LETTERS and not UNWRITABLE.search(sentence)
    assert is_short_line, sentence[:300]
    sentence.encode()


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_said_of_anything_is_one_short_line(name: str) -> None:
    began = time.process_time()
    with pytest.raises(ValueError) as refused:
        REFUSED[name]()
    check(refused.value)
    assert time.process_time() - began < 3


def test_what_is_said_of_a_world_file_is_one_short_line(tmp_path: Path) -> None:
    for header in (
        {PLAIN: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}},
        {"__metadata__": {"worldmodel_world": json.dumps({"version": 1, "variant": PLAIN})}},
        {"__metadata__": {"worldmodel_world": json.dumps({"version": int("9" * 4000)})}},
        {"x": {"dtype": PLAIN, "shape": [1], "data_offsets": [0, 4]}},
    ):
        text = json.dumps(header).encode()
        (tmp_path / f"walk{SUFFIX}").write_bytes(struct.pack("<Q", len(text)) + text + bytes(4))
        with pytest.raises(ValueError) as refused:
            load_world(tmp_path / f"walk{SUFFIX}")
        check(refused.value)


def test_what_is_told_of_a_walk_is_short_lines() -> None:
    walked = parse_track(track(keys={"jump": [[0, 9]]}, prompts=[[frame, LONG[:5] + PLAIN] for frame in range(9)]))
    told = bind_track(walked, VARIANTS["tiny_world_2"]).report
    assert told and all(len(line) <= LETTERS and not UNWRITABLE.search(line) for line in told)
    rows = bind_track(walked, VARIANTS["tiny_world_2"]).rows
    assert all(len(text) <= LETTERS for row in rows for text in (row.asked, row.got, row.why))
    content = parse_file(f"W,{PLAIN[:90_000]}\n1,1\n".encode(), ".csv")
    assert all(len(line) <= LETTERS for line in (*content.notes, *content.unused))


def test_shortening_keeps_what_is_short_and_writable() -> None:
    assert shortened("a" * 40) == "a" * 40 and shortened("a" * 41) == "a" * 37 + "..."
    assert shortened("é\n\t\x85\u2028\u202e\ufeff\ud83d|") == "é" + "\ufffd" * 7 + "|" and shortened("🚪雨") == "🚪雨"
    assert unknown_word("forw\nard") == "unknown key 'forw\ufffdard': did you mean 'forward'?"
