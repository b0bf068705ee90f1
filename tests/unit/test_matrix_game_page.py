"""The page of Matrix-Game 2: its figures follow from the released files' key lists and the variants."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import pytest

from worldmodel.variants import VARIANTS

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = (REPOSITORY / "docs" / "matrix-game-2.md").read_text(encoding="utf-8")
NAMES = ("universal", "gta_drive", "templerun")
TOKENS, CONTEXT, BLOCKS, ACTING, WIDTH, ACTION_WIDTH = 22 * 40, 257, 30, 15, 1536, 1024


def row(begins: str) -> list[str]:
    """Return the cells of the table row that begins like this."""
    (line,) = [line for line in PAGE.splitlines() if line.startswith(f"| {begins}")]
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def numbers(name: str) -> int:
    listed = json.loads((REPOSITORY / "tests" / "golden" / "matrix_game2" / f"keys_{name}.json").read_text("utf-8"))
    return sum(math.prod(shape) for shape, _ in listed.values())


@pytest.mark.parametrize(("begins", "size"), [("weights in 32", 4), ("weights in 16", 2), ("weights in 8", 1)])
def test_weights(begins: str, size: int) -> None:
    assert [float(cell) for cell in row(begins)] == [round(size * numbers(name) / 1e9, 2) for name in NAMES]


def test_caches() -> None:
    for name, window_cell, picture_cell in zip(
        NAMES, row("keys and values of the w"), row("keys and values of the p"), strict=True
    ):
        variant = VARIANTS[f"matrix_game_2_{name}"]
        per_latent = BLOCKS * TOKENS * WIDTH + (ACTING * TOKENS * ACTION_WIDTH if variant.mouse else 0)
        assert float(window_cell) == round(2 * 2 * variant.window * per_latent / 1e9, 2)
        assert float(picture_cell) == round(2 * 2 * BLOCKS * CONTEXT * WIDTH / 1e9, 2)


def test_settings() -> None:
    variants = [VARIANTS[f"matrix_game_2_{name}"] for name in NAMES]
    assert row("steps |") == [", ".join(map(str, variant.steps)) for variant in variants]
    assert row("passes of") == [f"{len(variant.steps)} + 1" for variant in variants]
    assert [float(cell) for cell in row("shift")] == [variant.shift for variant in variants]


def test_every_key_of_every_variant_is_explained() -> None:
    table = PAGE[PAGE.index("## Keys") : PAGE.index("## Size")]
    for column, name in enumerate(NAMES):
        keyboard = VARIANTS[f"matrix_game_2_{name}"].keyboard
        for word, letter in zip(keyboard.words, keyboard.letters, strict=True):
            if letter:
                (line,) = [line for line in table.splitlines() if re.match(rf"\| [A-Z, ]*\b{letter}\b", line)]
                assert f"`{word}`" in line.strip("|").split("|")[column + 1], (name, word)
