"""The authors' numbers: a part of the golden data lies in tests/golden, the command judges whole sets."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from worldmodel.conformance.__main__ import main

GOLDEN = Path(__file__).parents[1] / "golden"
SET = GOLDEN / "matrix_game2"
CASES = sorted(path.stem for path in SET.iterdir() if path.stem != "actions")


@pytest.mark.parametrize("case", CASES)
def test_our_numbers_are_the_authors(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(GOLDEN), "--only", f"matrix_game2/{case}"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "1 passed, 0 failed"


def test_a_part_that_is_not_supported_keeps_a_file_from_passing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(SET / "actions.safetensors")]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "0 passed, 0 failed, 1 skipped" and "passed" in lines[0]


def test_a_wrong_number_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = "rollout_templerun.safetensors"
    with safe_open(SET / name, framework="pt") as file:
        tensors, header = {key: file.get_tensor(key) for key in file.keys()}, file.metadata()
    folder = tmp_path / "matrix_game2"
    folder.mkdir()
    tensors["out.latents"][0, 0, -1, 0, 0] += 1e-3
    save_file(tensors, folder / name, header)
    shutil.copy(SET / "keys_gta_drive.json", folder)
    assert main([str(tmp_path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "1 passed, 1 failed" and lines[1].endswith("failed")
    tensors["out.latents"] = tensors["out.latents"] * torch.nan
    save_file(tensors, folder / name, header)
    assert main([str(folder / name)]) == 1
    assert "error inf" in capsys.readouterr().out


def test_other_families_are_skipped_with_a_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "yume"
    folder.mkdir()
    save_file({"a": torch.zeros(1)}, folder / "dit.safetensors")
    assert main([str(tmp_path)]) == 1
    assert "yume/dit  file  skipped: " in capsys.readouterr().out
