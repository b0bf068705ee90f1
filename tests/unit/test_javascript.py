"""The editors' pure modules: their own tests, and that they read, refuse, write and play tracks as Python does."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from playwright._impl._driver import compute_driver_executable

from tests.unit.mutants import TOKENS
from tests.unit.test_track import EDITORS_EXAMPLE, MISTAKES, random_timeline
from worldmodel.binding.motion import integrate
from worldmodel.track.timeline import Timeline
from worldmodel.track.track import parse_timeline, sample, sample_curve, write_track
from worldmodel.variants import Motion

TESTS = Path(__file__).resolve().parents[1] / "js"
BROKEN_TEXTS = 3000
STEP_METRES = 0.1235
EXTRA_TOKENS = ["\ud800", "🚪", '"forwad":[[7,1]],', "\\u12", ":"]


@pytest.fixture(scope="module")
def node() -> str:
    """The program that runs JavaScript outside a browser, which Playwright brings."""
    return compute_driver_executable()[0]


def run(node: str, script: str, given: Any = None) -> Any:
    """Run one of the scripts beside the JavaScript tests: JSON in, JSON out."""
    text = json.dumps(given)
    done = subprocess.run([node, TESTS / script], input=text, capture_output=True, encoding="utf-8", timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def read(text: str) -> Timeline | str:
    """Read a track, or return the refusal."""
    try:
        return parse_timeline(text)
    except ValueError as error:
        return str(error)


def broken(text: str, draw: random.Random) -> str:
    """Break a text in one to three places."""
    tokens = [token.decode("utf-8", "replace") for token in TOKENS] + EXTRA_TOKENS
    for _ in range(draw.choice((1, 1, 2, 3))):
        at = draw.randrange(len(text) + 1)
        to = min(len(text), at + draw.choice((0, 1, 1, 3)))
        text = text[:at] + draw.choice(("", "", draw.choice(tokens), chr(draw.randrange(1, 0x180)))) + text[to:]
    return text


def without_position(error: str) -> str:
    """Python 3.13 words a comma too much differently; elsewhere the sentences are equal to the letter."""
    return error.partition(" at line ")[0] if sys.version_info >= (3, 13) else error


def test_the_tests_written_in_javascript_pass(node: str) -> None:
    done = subprocess.run([node, "--test", TESTS], capture_output=True, encoding="utf-8", timeout=300)
    assert done.returncode == 0, done.stdout[-8000:]


def test_mistakes_are_named_alike(node: str) -> None:
    draw = random.Random(7)
    sound = [EDITORS_EXAMPLE, *(write_track(random_timeline(seed)) for seed in range(20))]
    texts = [*MISTAKES, *(broken(draw.choice(sound), draw) for _ in range(BROKEN_TEXTS))]
    refused = 0
    for text, answer in zip(texts, run(node, "read_texts.mjs", texts), strict=True):
        expected = read(text)
        if "short" in answer:
            assert not isinstance(expected, str) or expected.startswith("Track text: ")
        elif isinstance(expected, str):
            refused += 1
            assert without_position(answer.get("error", "")) == without_position(expected), text
        else:
            assert answer.get("text") == write_track(expected), text
    assert refused > BROKEN_TEXTS / 3


def test_tracks_are_written_and_played_alike(node: str) -> None:
    timelines = [random_timeline(seed) for seed in range(100)]
    answers = run(node, "read_texts.mjs", [write_track(timeline) for timeline in timelines])
    for timeline, answer in zip(timelines, answers, strict=True):
        text = write_track(timeline)
        timeline = parse_timeline(text)
        track = sample(timeline)
        assert answer["text"] == text and tuple(answer["words"]) == track.words
        assert answer["keys"] == track.keys.T.tolist()
        curves = [sample_curve(curve, timeline.frames) for curve in (timeline.yaw, timeline.pitch)]
        np.testing.assert_allclose(answer["mouse"], curves, rtol=0, atol=1e-9)
        c2w = integrate(track, Motion(STEP_METRES))
        x, z, yaw, pitch = torch.tensor(answer["poses"], dtype=torch.float64)
        ground = torch.stack([c2w[:, 0, 3], c2w[:, 2, 3]])
        torch.testing.assert_close(torch.stack([x, z]), ground, rtol=0, atol=1e-9)
        ahead = torch.stack([yaw.sin() * pitch.cos(), -pitch.sin(), yaw.cos() * pitch.cos()], 1)
        torch.testing.assert_close(ahead, c2w[:, :3, 2], rtol=0, atol=1e-9)


def test_python_takes_every_edited_track_as_it_is(node: str) -> None:
    texts = run(node, "edited_texts.mjs")
    assert len(set(texts)) > 300
    for text in texts:
        assert write_track(parse_timeline(text)) == text
