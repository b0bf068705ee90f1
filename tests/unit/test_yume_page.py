"""The page of Yume 1.5: its figures follow from the released file's key list, the variant and the code."""

from __future__ import annotations

import json
import math
from pathlib import Path

from worldmodel.binding.spoken import LEAST_DEGREES, LOOKS, MOVEMENTS
from worldmodel.families.yume import SEEN, kept_numbers
from worldmodel.models.yume.history import MOST, grid_of, plan_of
from worldmodel.models.yume.network import Yume
from worldmodel.models.yume.sizes import sizes_of
from worldmodel.models.yume.start_frames import MOST_FRAMES, STANDING
from worldmodel.variants import VARIANTS

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = (REPOSITORY / "docs" / "yume.md").read_text(encoding="utf-8")
VARIANT, GRID = VARIANTS["yume_1_5"], (44, 80)


def row(begins: str) -> list[str]:
    """Return the cells of the table row that begins like this."""
    (line,) = [line for line in PAGE.splitlines() if line.startswith(f"| {begins}")]
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def shapes() -> dict[str, tuple[int, ...]]:
    path = REPOSITORY / "tests" / "golden" / "yume" / "keys_dit.json"
    return {key: tuple(shape) for key, shape in json.loads(path.read_text(encoding="utf-8"))["keys"].items()}


def gigabytes(count: float) -> str:
    return f"{count / 1e9:.2f}"


def test_weights_and_what_is_kept() -> None:
    whole = sum(map(math.prod, shapes().values()))
    for begins, size in (("weights in 32", 4), ("weights in 16", 2), ("weights in 8", 1)):
        assert row(f"denoise | {begins}")[-1] == gigabytes(size * whole)
    sizes = sizes_of(shapes())
    network = Yume(sizes, device="meta")
    assert row("denoise | tokens")[-1] == gigabytes(2 * kept_numbers(network, VARIANT, GRID))
    assert row("denoise | what every block")[-1] == gigabytes(2 * 2 * sizes.dim * VARIANT.text.words * sizes.layers)
    assert f"all {len(shapes())} tensors" in PAGE or f"{len(shapes())} tensors" in PAGE


def test_tokens_of_a_pass() -> None:
    def tokens(count: int) -> int:
        return sum((span.end - span.first) * math.prod(grid_of(span.rate, *GRID)) for span in plan_of(count))

    new = VARIANT.chunking.later * math.prod(grid_of(1, *GRID))
    most = max(map(tokens, range(3, 343)))
    assert f"at most {new + tokens(342):,} tokens, {new:,} of them new" in PAGE and most == tokens(342)
    assert most <= (SEEN - VARIANT.chunking.later) * math.prod(grid_of(1, *GRID))
    assert f"343 to {MOST}" in PAGE and f"more than {MOST} latents" in PAGE


def test_settings_and_words() -> None:
    assert f"{VARIANT.steps[0]} Euler steps with shift {VARIANT.shift:g}" in PAGE
    assert f"stands still for {STANDING} frames" in PAGE and f"up to {MOST_FRAMES}" in PAGE
    assert f"{VARIANT.mouse.degrees_per_unit:g}° a frame" in PAGE and f"below {LEAST_DEGREES:g}° a frame" in PAGE
    for word, letter in zip(VARIANT.keyboard.words, VARIANT.keyboard.letters, strict=True):
        cells = row(f"{letter} | `{word}`")
        assert cells[-1] in MOVEMENTS.values() and cells[-1].endswith(f"({letter}).")
    assert row("mouse, left")[-1] in LOOKS.values() and row("mouse, up")[-1] in LOOKS.values()
    chunk = 4 * VARIANT.latents.channels * VARIANT.chunking.later * math.prod(GRID)
    assert f"world takes {chunk / 1e6:.1f} MB in 32 bits" in PAGE.replace("\n", " ")
