"""The page of Matrix-Game 3: its figures follow from the released files' key lists, the variants and the code."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import pytest

from worldmodel.bench import released
from worldmodel.bench.count import chunk_of, phase_of
from worldmodel.bench.released import Form
from worldmodel.families.matrix_game3 import kept_numbers, seen_latents
from worldmodel.layers.quantize import ATTENTION
from worldmodel.models.matrix_game3.network import MatrixGame3
from worldmodel.models.matrix_game3.sizes import sizes_of
from worldmodel.rollout.unipc import UniPC
from worldmodel.variants import VARIANTS

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = (REPOSITORY / "docs" / "matrix-game-3.md").read_text(encoding="utf-8")
GRID, WORDS = (44, 80), 512
BOTH = [VARIANTS["matrix_game_3_distilled"], VARIANTS["matrix_game_3_base"]]


def row(begins: str) -> list[str]:
    """Return the cells of the table row that begins like this."""
    (line,) = [line for line in PAGE.splitlines() if line.startswith(f"| {begins}")]
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def shapes(name: str) -> dict[str, tuple[int, ...]]:
    path = REPOSITORY / "tests" / "golden" / "matrix_game3" / f"keys_{name}.json"
    return {key: tuple(shape) for key, shape in json.loads(path.read_text(encoding="utf-8"))["keys"].items()}


def gigabytes(count: float) -> str:
    return f"{count / 1e9:.2f}"


def numbers(found: dict[str, tuple[int, ...]]) -> int:
    return sum(map(math.prod, found.values()))


def test_weights() -> None:
    whole = numbers(shapes("dit"))
    for begins, size in (("weights in 32", 4), ("weights in 16", 2), ("weights in 8", 1)):
        assert row(f"denoise | {begins}")[-1] == gigabytes(size * whole)
    packed = {key: shape for key, shape in shapes("dit").items() if re.search(ATTENTION, key.removesuffix(".weight"))}
    scales = sum(shape[0] for shape in packed.values())
    int8 = 2 * whole - numbers(packed) + 4 * scales
    assert row("denoise | weights with int8")[-1] == gigabytes(int8) and int8 / (2 * whole) <= 0.83
    assert row("start | text")[-1] == gigabytes(2 * numbers(shapes("t5")))
    assert row("start | VAE")[-1] == gigabytes(2 * numbers(shapes("vae_wan22")))


def test_what_a_pass_is_told_and_what_stays_the_same() -> None:
    network = MatrixGame3(sizes_of(shapes("dit")), device="meta")
    assert row("denoise | what a pass")[-1] == gigabytes(2 * kept_numbers(network, BOTH[0], GRID))
    kept = network.kept_numbers(seen_latents(BOTH[0]), *GRID, WORDS)
    assert row("denoise | what stays")[-1] == gigabytes(2 * kept)
    tokens = seen_latents(BOTH[0]) * GRID[0] * GRID[1] // 4
    assert f"a pass over {tokens:,} tokens" in PAGE


def test_activations_are_those_that_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(released, "TIMESTEPS", released.TIMESTEPS[:2])  # the third takes no more
    forms = [Form((16 * GRID[0], 16 * GRID[1]), kept=kept) for kept in (True, False)]
    kept, anew = (chunk_of.__wrapped__("matrix-game-3", form)[1] for form in forms)
    counted = [gigabytes(phases["denoise"].activations) for phases in (kept, anew)]
    assert row("denoise | activations")[-1] == "; ".join(counted)
    assert row("encode | activations")[-1] == gigabytes(kept["encode"].activations)
    light = (released.matrix_game_3(forms[0]._replace(pruned=share)) for share in (0.5, 0.75))
    decoders = [kept["decode"], *(phase_of(model.decode, model.vae) for model in light)]
    assert row("decode | first chunk")[-1] == ", ".join(gigabytes(phase.kept) for phase in decoders)
    assert row("decode | activations")[-1] == ", ".join(gigabytes(phase.activations) for phase in decoders)


def test_decoders() -> None:
    def decoder(name: str) -> str:
        return gigabytes(2 * numbers({k: s for k, s in shapes(name).items() if k.startswith(("decoder.", "conv2."))}))

    assert row("decode | Wan")[-1] == decoder("vae_wan22")
    assert row("decode | MG")[-1] == f"{decoder('vae_mg_lightvae')}, {decoder('vae_mg_lightvae_v2')}"


def test_settings() -> None:
    assert row("steps (UniPC)") == [str(*variant.steps) for variant in BOTH]
    assert [float(cell) for cell in row("shift")] == [variant.shift for variant in BOTH]
    passes = [variant.steps[0] * (1 if variant.guidance is None else 2) for variant in BOTH]
    assert row("passes of") == [str(count) for count in passes]
    assert row("frames of the first") == ["57, 40"] * 2
    assert [row("guidance")[1].startswith(f"{BOTH[1].guidance:g},"), BOTH[0].guidance] == [True, None]
    levels = UniPC(3).levels().timesteps
    assert row("timesteps, where")[0] == ", ".join(f"{level:.0f}" for level in levels)
    assert row("timesteps, where")[1].endswith(", ".join(f"{level:.0f}" for level in levels.bfloat16()))


@pytest.mark.parametrize("variant", BOTH, ids=lambda variant: variant.name)
def test_every_key_is_explained(variant: object) -> None:
    for word, letter in zip(variant.keyboard.words, variant.keyboard.letters, strict=True):
        assert row(f"{letter} |")[0] == f"`{word}`"
    step = f"{100 * variant.motion.step_metres:g} cm"
    assert all(step in row(f"{letter} |")[1] for letter in "WSAD")
    assert f"{100 * variant.motion.diagonal_metres:g} cm" in row("two of W")[1]
