"""The bench of Yume 1.5: rows for every length of history, compressed and plain, and counts that follow the plan."""

from __future__ import annotations

import json

import pytest

from worldmodel.bench import yume as bench
from worldmodel.bench.__main__ import main
from worldmodel.models.yume.history import plan_of, uncompressed


def test_the_golden_size_is_measured_in_one_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["yume", "--golden", "--histories", "5,22", "--json"]) == 0
    (rows,) = json.loads(capsys.readouterr().out).values()
    assert [(row["history"], row["plain"]) for row in rows] == [(5, False), (22, False), (5, True), (22, True)]
    assert all(row["seconds"] > 0 and row["peak"] > 0 for row in rows)
    assert rows[3]["tokens"] == (22 + 8) * 15 and rows[1]["tokens"] < rows[3]["tokens"]


def test_the_released_size_is_counted() -> None:
    setting = bench.Setting(bench.RELEASED, (34, 60), *[None] * 3)
    near, far = (bench.tokens_of(setting, plan_of(count)) for count in (69, 325))
    assert bench.flop(setting, far) / bench.flop(setting, near) < 1.2
    assert bench.tokens_of(setting, uncompressed(325)) == 333 * 510


def test_mistakes_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--histories", "many"], ["--repeats", "0"]):
        with pytest.raises(SystemExit):
            main(["yume", *words])
        assert f"{words[0]}: found" in capsys.readouterr().err


def test_a_pass_of_the_released_size_is_counted_near_its_bound(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["count", "yume", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["weights bytes"] == 2 * 5_200_377_072
    for row in found["passes"].values():
        assert 1 <= row["gflop"] / row["bound gflop"] <= 1.02
    assert set(found["peak bytes"]) == {"load", "encode, UMT5-XXL", "encode", "denoise", "decode"}
