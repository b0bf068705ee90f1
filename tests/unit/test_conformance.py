"""The authors' numbers: a part of the golden data lies in tests/golden, the command judges whole sets."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from worldmodel.conformance.__main__ import judges, main

GOLDEN = Path(__file__).parents[1] / "golden"
SET = GOLDEN / "matrix_game2"
NEEDS_A_HOST = "clip_preprocess"
CASES = sorted(
    f"{path.parent.name}/{path.stem}"
    for family in ("matrix_game2", "matrix_game3", "yume", "gamecraft2")
    for path in (GOLDEN / family).iterdir()
    if path.stem not in (NEEDS_A_HOST, "t5_tiny", "weights", "config", "keys_summary")
)
ROLLOUT = "rollout_gta_drive.safetensors"


def altered(folder: Path, name: str, target: str, change: float, source: Path = SET) -> Path:
    """A copy of a golden file with one number changed, in a folder with the set's name."""
    with safe_open(source / name, framework="pt") as file:
        tensors, header = {key: file.get_tensor(key) for key in file.keys()}, file.metadata()
    tensors[target].view(-1)[-1] += change
    folder = folder / source.name
    folder.mkdir(exist_ok=True)
    save_file(tensors, folder / name, header)
    return folder / name


@pytest.mark.parametrize("case", CASES)
def test_our_numbers_are_the_authors(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(GOLDEN), "--only", case]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "1 passed, 0 failed"


def test_a_target_that_needs_the_host_keeps_a_file_from_passing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(SET), "--only", NEEDS_A_HOST]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "0 passed, 0 failed, 1 skipped" and all("passed" in line for line in lines[:2])


def test_a_wrong_number_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = altered(tmp_path, ROLLOUT, "out.latents", 1e-3)
    shutil.copy(SET / "keys_gta_drive.json", wrong.parent)
    assert main([str(tmp_path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "1 passed, 1 failed" and lines[1].endswith("failed")
    assert main([str(altered(tmp_path, ROLLOUT, "out.latents", torch.nan))]) == 1
    assert "error inf" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("case", "target", "change"),
    [
        ("vae", "out.stream.chunk1", 1e-3),
        ("vae", "out.image_cond_latents", 1e-3),
        ("rollout_universal", "out.video.chunk3", 1e-2),
        ("clip_preprocess", "pre.1.cropped_wh", 1),
        ("actions", "templerun.bench597.keyboard", 1),
    ],
)
def test_every_kind_of_target_is_judged(case: str, target: str, change: float, tmp_path: Path) -> None:
    assert main([str(altered(tmp_path, f"{case}.safetensors", target, change))]) == 1


def test_a_value_on_the_way_is_told_on_request_and_never_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(altered(tmp_path, "rollout_universal.safetensors", "mid.cond_concat", 1.0))
    assert main([path]) == 0
    assert "mid.cond_concat" not in capsys.readouterr().out
    assert main([path, "--information"]) == 0
    assert "mid.cond_concat  abs  error 1  information" in capsys.readouterr().out


def test_an_unknown_case_fails_with_a_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "matrix_game2"
    folder.mkdir()
    save_file({"a": torch.zeros(1)}, folder / "dream.safetensors", {"config": '{"kind": "dream"}'})
    assert main([str(tmp_path)]) == 1
    assert "kind: found 'dream', expected one of action_module" in capsys.readouterr().out


def test_other_families_are_skipped_with_a_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "yume"
    folder.mkdir()
    save_file({"a": torch.zeros(1)}, folder / "dit.safetensors")
    assert main([str(tmp_path)]) == 1
    assert "yume/dit  file  skipped: " in capsys.readouterr().out


def test_a_wrong_host_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([str(SET), "--host", str(tmp_path)])
    assert "host: found no ComfyUI in" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("case", "target", "change"),
    [
        ("dit_forward", "out.null", 1e-2),
        ("dit_forward", "out.later_t_rounded_to_bf16", 1e-2),
        ("dit_forward", "rope.freqs_imag", 1e-9),
        ("action_module", "out.null", 1e-2),
        ("action_module", "windows.later_mem", 1),
        ("camera", "random.clip1.memory_sel", 4),
        ("camera", "bench.clip2.rel_poses", 1e-3),
        ("camera", "full704.clip1.sample_val", 1e-4),
        ("camera", "interactive.extrinsics", 1e-4),
        ("int8_linear", "x.out_bf16", 1.0),
        ("int8_linear", "weight_int8", 1),
    ],
)
def test_every_kind_of_target_of_matrix_game_3_is_judged(case: str, target: str, change: float, tmp_path: Path) -> None:
    assert main([str(altered(tmp_path, f"{case}.safetensors", target, change, GOLDEN / "matrix_game3"))]) == 1


def test_a_set_may_have_several_modules_that_judge_it() -> None:
    assert [module.__name__.rpartition(".")[2] for module in judges("matrix_game2")] == ["matrix_game2"]
    assert "matrix_game3" in [module.__name__.rpartition(".")[2] for module in judges("matrix_game3")]
    assert len(judges("gamecraft2")) == 3
    assert judges("matrix") == ()
