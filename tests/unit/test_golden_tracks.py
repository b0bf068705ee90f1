"""The golden pairs that the page is held against are what Python reads, writes, plays and refuses today."""

from __future__ import annotations

import json
from typing import Any

import golden_tracks
import pytest

from worldmodel.variants import VARIANTS, Variant

FILE = json.loads(golden_tracks.GOLDEN.read_text(encoding="utf-8"))
CASES = golden_tracks.cases()
NUMBERS = ("yaw", "pitch")


def test_the_file_holds_every_pair_and_the_models_as_they_are() -> None:
    assert FILE["variants"] == json.loads(json.dumps(golden_tracks.editor.variants()))
    assert {name: pair["text"] for name, pair in FILE["pairs"].items()} == CASES
    refused = sum("error" in pair for pair in FILE["pairs"].values())
    assert len(CASES) >= 60 and 30 <= refused <= len(CASES) - 30


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
def test_the_page_knows_how_every_model_walks(variant: Variant) -> None:
    """The page's twin of `integrate` rounds nothing and wraps no mean, and its pairs hold every motion there is."""
    assert variant.motion.along in ("before", "mean") and not variant.motion.rounded
    assert variant.motion in [VARIANTS[name].motion for name in golden_tracks.WALKERS]


@pytest.mark.parametrize("name", CASES)
def test_python_agrees_with_the_file(name: str) -> None:
    now: dict[str, Any] = golden_tracks.golden(CASES[name])
    kept = dict(FILE["pairs"][name])
    for member in NUMBERS if "canonical" in now else ():
        assert now.pop(member) == [pytest.approx(row, abs=1e-12) for row in kept.pop(member)]
    for walker in golden_tracks.WALKERS if "canonical" in now else ():
        assert now["poses"].pop(walker) == [pytest.approx(row, abs=1e-12) for row in kept["poses"].pop(walker)]
    assert now == kept


@pytest.mark.parametrize("name", [name for name, pair in FILE["pairs"].items() if "canonical" in pair])
def test_canonical_text_is_read_as_the_same_track(name: str) -> None:
    pair = FILE["pairs"][name]
    again = golden_tracks.golden(pair["canonical"])
    assert again == golden_tracks.golden(pair["text"]) | {"text": pair["canonical"]}
