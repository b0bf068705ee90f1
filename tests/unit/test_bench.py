"""The benchmark: it measures every stage of what the nodes do, and refuses nonsense."""

import argparse
import json
import time
from pathlib import Path

import pytest
import torch

from worldmodel.bench import matrix_game2 as bench
from worldmodel.bench.__main__ import main
from worldmodel.layers.cache import KVCache
from worldmodel.models.matrix_game2.conditions import chunk_step
from worldmodel.rollout.session import bare
from worldmodel.tinyworld.evaluate.speed import median_seconds, tiny_world


def test_every_stage_takes_time_and_the_whole_is_its_parts():
    stages, fps = tiny_world(repeats=1, chunks=1)
    seconds = {stage.name: stage.seconds for stage in stages}
    assert fps == 16 and min(seconds.values()) > 0
    assert seconds["generate and decode"] == seconds["generate"] + seconds["decode"]


def test_the_warming_run_does_not_count():
    delays = iter((0.3, 0.0))
    assert median_seconds(lambda: time.sleep(next(delays)), repeats=1) < 0.1


def test_the_table_has_a_ratio_in_every_row(capsys):
    assert main(["tiny-world", "--repeats", "1", "--chunks", "1"]) == 0
    rows = capsys.readouterr().out.strip().split("\n")[1:]
    assert len(rows) == 8 and all(row.endswith("x real time") for row in rows[:6])
    assert "first frame after load" in rows[6] and "peak memory" in rows[7]


def test_no_repetitions_are_refused(capsys):
    with pytest.raises(SystemExit):
        main(["tiny-world", "--repeats", "0"])
    assert "expected 1 or more" in capsys.readouterr().err


SMALL = ["--width", "48", "--depth", "2", "--heads", "2", "--vae-width", "4", "--grid", "4x6", "--chunks", "1"]


def test_matrix_game_2_prints_one_line_of_json_beside_the_plain_form(capsys):
    assert main(["matrix-game-2", *SMALL, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["setting"]["grid"] == "(4, 6)"
    assert found["plain / fast"] == pytest.approx(found["denoising pass, plainly"] / found["denoising pass"], rel=0.05)
    stages = ("denoising pass", "clean pass", "encode 5 frames", "decode a chunk", "rollout", "frames/s, rollout")
    assert all(found[stage] > 0 for stage in stages) and found["peak bytes"] > 1e6


def test_compiled_blocks_answer_as_before_and_are_compiled_once_for_all():
    """With a backend that needs no C++ compiler; a second compilation would end in an error."""
    parser = argparse.ArgumentParser()
    bench.add_arguments(parser)
    setting = bench.setting_of(parser.parse_args([*SMALL, "--depth", "4"]))
    network, (start, controls) = bench.build(setting), bench.start_of(setting)
    step = chunk_step(bench.VARIANT, start, None, controls[0], 0, setting.device)
    x = torch.randn(1, 16, 3, 4, 6, generator=torch.Generator().manual_seed(1))

    def chunk() -> list[torch.Tensor]:
        predict, cache = bare(network), KVCache(6, 3)
        passes = (step, step._replace(commit=True), step)
        return [predict(x, this._replace(cache=cache), start.visual_context[None]) for this in passes]

    with torch.inference_mode(), torch._dynamo.config.patch(error_on_recompile=True):
        plain = chunk()
        bench.compile_blocks(network, backend="eager")
        for compiled, before in zip(chunk(), plain, strict=True):
            torch.testing.assert_close(compiled, before)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--grid", "5x6"], "--grid: found '5x6', expected two even numbers"),
        (["--heads", "7"], "--heads: found 7"),
        (["--steps", "0"], "--steps, --chunks: found 0"),
    ],
)
def test_nonsense_is_refused_in_a_sentence(words, message, capsys):
    with pytest.raises(SystemExit):
        main(["matrix-game-2", *words])
    assert message in capsys.readouterr().err


def test_quantisation_prints_an_error_for_every_kind_and_place(capsys):
    golden = Path(__file__).parents[1] / "golden" / "matrix_game2"
    assert main(["quantization", "--starts", "1", "--golden", str(golden)]) == 0
    head, exact, *rows = capsys.readouterr().out.strip("\n").split("\n")
    assert "dit_" in head and "100 %" in exact and len(rows) == 6
    decibels = [float(row.split("dB")[0].split()[-1]) for row in (exact, *rows)]
    assert max(decibels) - min(decibels) < 1.5
