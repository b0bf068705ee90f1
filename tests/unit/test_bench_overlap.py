"""The benchmark of decoding beside the network: it runs every stage, and accepts no other bits."""

from __future__ import annotations

import pytest
import torch

from worldmodel.bench.__main__ import main
from worldmodel.bench.overlap import BAR, Setting, Times, matrix_game_3, measure, tiny_world

SMALL = ["--width", "48", "--blocks", "2", "--heads", "2", "--vae-width", "2", "--grid", "2x4", "--chunks", "2"]


def test_the_table_has_both_worlds_and_says_whether_the_bar_is_met(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["overlap", *SMALL, "--tiny-chunks", "2"]) == 0
    first, *rows = capsys.readouterr().out.strip().split("\n")
    assert first.startswith("one CPU thread a stage, ") and "load" in first
    titles = [row for row in rows if not row.startswith(" ")]
    assert titles == [
        "Matrix-Game 3.0, 48 wide, 2 blocks, grid 2x4, VAE width 2: 2 chunks, 97 frames",
        "Tiny World, as shipped: 2 chunks, 21 frames",
    ]
    stages = ["in turns", "network alone", "decoder alone", "side by side"]
    assert [row[:22].strip() for row in rows[1:5]] == [row[:22].strip() for row in rows[8:12]] == stages
    for row in (rows[5], rows[12]):
        ratio = float(row.split(" alone ")[1].split(",")[0])
        assert row.endswith(f"at most {BAR}: {'met' if ratio <= BAR else 'MISSED'}")


def test_the_ratio_is_to_the_slower_stage() -> None:
    assert Times(97, 5.0, 4.0, 1.0, 5.0).ratio == Times(97, 5.0, 1.0, 4.0, 5.0).ratio == 1.25


def test_a_repeated_measurement_counts_the_median(monkeypatch: pytest.MonkeyPatch) -> None:
    from worldmodel.bench import overlap

    rounds = iter([Times(9, 3.0, 1.0, 9.0, 2.0), Times(9, 1.0, 3.0, 8.0, 1.0), Times(9, 2.0, 2.0, 7.0, 9.0)])
    monkeypatch.setattr(overlap, "_round", lambda _: next(rounds))
    assert measure(tiny_world(1), 3) == Times(9, 2.0, 2.0, 8.0, 2.0)


def test_other_bits_are_an_error() -> None:
    subject, calls = matrix_game_3(Setting(48, 2, 2, 2, (2, 4), 1)), []

    def decode(latents: torch.Tensor, memory: dict) -> torch.Tensor:
        calls.append(1)
        return subject.decode(latents, memory) + (len(calls) > 3) * 1e-3

    with pytest.raises(RuntimeError, match="side by side made other bits than in turns"):
        measure(subject._replace(decode=decode))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--grid", "5x6"], "--grid: found '5x6', expected two even numbers"),
        (["--heads", "7"], "--width, --heads: found 384, 7"),
        (["--chunks", "0"], "--chunks: found 0, expected 1 or more"),
        (["--tiny-chunks", "0"], "--tiny-chunks: found 0, expected 1 or more"),
    ],
)
def test_nonsense_is_refused_in_a_sentence(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["overlap", *words])
    assert message in capsys.readouterr().err
