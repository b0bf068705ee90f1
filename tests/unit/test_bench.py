"""The benchmark: it measures every stage of what the nodes do, and refuses nonsense."""

import argparse
import json
import time
from pathlib import Path

import pytest
import torch

from worldmodel.bench import matrix_game2 as bench
from worldmodel.bench import vae as bench_vae
from worldmodel.bench.__main__ import main
from worldmodel.layers.cache import KVCache
from worldmodel.models.matrix_game2.conditions import chunk_step
from worldmodel.rollout.session import bare
from worldmodel.tinyworld.evaluate import speed
from worldmodel.tinyworld.evaluate.speed import median_seconds, tiny_world
from worldmodel.vae.wan21 import Wan21VAE


def test_every_stage_takes_time_and_the_whole_is_its_parts():
    stages, fps = tiny_world(repeats=1, chunks=1)
    seconds = {stage.name: stage.seconds for stage in stages}
    assert fps == 16 and min(seconds.values()) > 0
    assert seconds["generate and decode"] == seconds["generate"] + seconds["decode"]


def test_the_warming_run_does_not_count():
    delays = iter((0.3, 0.0))
    assert median_seconds(lambda: time.sleep(next(delays)), repeats=1) < 0.1


def test_the_table_has_a_ratio_in_every_row(capsys, monkeypatch):
    monkeypatch.setattr("worldmodel.bench.__main__.ways", lambda *_: [speed.Way(name, 1.0) for name in "abc"])
    assert main(["tiny-world", "--repeats", "1", "--chunks", "1"]) == 0
    rows = capsys.readouterr().out.strip().split("\n")[1:]
    assert all(row.endswith("x real time") for row in rows[:6])
    assert "first frame after load" in rows[6] and "peak memory" in rows[7]


@pytest.mark.parametrize("has", [True, False])
def test_decoding_stands_beside_the_plain_form_in_every_precision_of_the_cpu(has, capsys, monkeypatch):
    found = [speed.Way("generate", 1.0), speed.Way("plain", 3.0), speed.Way("exact", 2.0, 120.0)]
    found += [speed.Way("bfloat16", 1.0, 62.0)] if has else []
    monkeypatch.setattr("worldmodel.bench.__main__.ways", lambda *_: found)
    monkeypatch.setattr("worldmodel.bench.__main__.tiny_world", lambda *_: ([], 16))
    assert main(["tiny-world"]) == 0
    said = capsys.readouterr().out.strip().split("\n")
    ratios = ["ratio decode-exact 1.50", "ratio generate-and-decode-exact 1.33"]
    ratios += ["ratio decode-bfloat16 3.00", "ratio generate-and-decode-bfloat16 2.00"] if has else []
    assert said[-len(ratios) :] == ratios
    assert has != any("does not multiply" in line for line in said)
    assert any(line.startswith("  decode, exact") and "120.0 dB" in line for line in said)


def test_ways_to_decode_agree():
    generate, plain, exact, *_ = speed.ways(repeats=1, chunks=1)
    assert [generate.name, plain.name, exact.name] == ["generate", "plain", "exact"]
    assert min(generate.seconds, plain.seconds, exact.seconds) > 0
    assert exact.decibels > 100


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
        return [predict(x, this._replace(cache=cache)) for this in passes]

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


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "--host, --authors: found neither"),
        (["--host", "."], "--host: found no ComfyUI in ."),
        (["--authors", "."], "--authors: found no wan/modules/vae.py in ."),
        (["--host", ".", "--grid", "4"], "--grid: found '4'"),
        (["--host", ".", "--rounds", "0"], "--rounds: found 0"),
    ],
)
def test_a_vae_beside_nothing_is_refused_in_a_sentence(words, message, capsys):
    with pytest.raises(SystemExit):
        main(["vae", "--width", "2", *words])
    assert message in capsys.readouterr().err


def test_the_vae_stands_beside_another_with_the_same_weights():
    ours = Wan21VAE(width=2).eval().requires_grad_(False)
    other = bench_vae.Other("itself", ours.encode, ours.decode)
    rows = bench_vae.rows_of(ours, other, torch.randn(1, 16, 4, 2, 2), torch.zeros(1, 3, 5, 16, 16), 1)
    assert [row.name for row in rows] == ["streamed decode", "image and grey", "one image"]
    assert all(row.ours > 0 and row.theirs > 0 and row.apart == 0 for row in rows)
