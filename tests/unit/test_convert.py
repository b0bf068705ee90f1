"""A PyTorch file with more in it than weights is refused, and its weights are taken out without running its code."""

from __future__ import annotations

import datetime
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from worldmodel.checkpoints.convert import Dummy, convert, main
from worldmodel.checkpoints.file_kinds import CONVERT, MoreThanWeights, load_pickle

pytestmark = pytest.mark.filterwarnings("ignore:Detected pickle protocol")
WEIGHTS = {
    "decoder.conv_in.weight": torch.arange(24.0).view(2, 12),
    "turned": torch.arange(6.0).view(2, 3).T,
    "half": torch.ones(3, dtype=torch.bfloat16),
}


class Trap:
    """Runs a command when it is unpickled."""

    def __init__(self, touched: Path):
        self.touched = touched

    def __reduce__(self) -> tuple:
        return os.system, (f"touch {self.touched}",)


class Odd(list):
    """An object with items, members and a state, as trainings keep them."""

    def __init__(self) -> None:
        super().__init__([1, 2])
        self.state = {"a": 1}


def trained(touched: Path) -> dict[str, Any]:
    around = {"hooks": [Trap(touched), Odd()], "when": datetime.date(2026, 1, 1), "kinds": {Odd, Trap}}
    return {"epoch": 3, "state_dict": {"gen_model": WEIGHTS, "disc_model": {"a": torch.ones(2)}}, "callbacks": around}


@pytest.fixture(params=[True, False], ids=["zipped", "legacy"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "trained.pth"
    torch.save(trained(tmp_path / "ran"), path, _use_new_zipfile_serialization=request.param)
    return path


def test_a_refusal_names_the_command_that_helps(file: Path) -> None:
    with pytest.raises(MoreThanWeights, match="found a pickle with code in it") as caught:
        load_pickle(file, file.name)
    sentence = str(caught.value)
    assert f"`{CONVERT} FILE`" in sentence and "if you trust the file" in sentence
    assert sentence.endswith(".") and sentence.count(". ") == 0 and len(sentence) < 400


def test_weights_are_taken_out_and_no_code_runs(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(file)]) == 0
    assert "trained.safetensors; choose it" in capsys.readouterr().out
    found = load_file(file.with_suffix(".safetensors"))
    assert found.keys() == WEIGHTS.keys()
    for key, value in WEIGHTS.items():
        assert found[key].dtype == value.dtype and torch.equal(found[key], value)
    assert sorted(path.name for path in file.parent.iterdir()) == ["trained.pth", "trained.safetensors"]


def test_a_plain_file_is_converted_too_and_tensors_may_share_their_numbers(tmp_path: Path) -> None:
    path, rows = tmp_path / "plain.pt", torch.arange(12.0).view(4, 3)
    torch.save({"all": rows, "again": rows, "first": rows[:2]}, path)
    found = load_file(convert(path))
    assert (
        torch.equal(found["all"], rows) and torch.equal(found["again"], rows) and torch.equal(found["first"], rows[:2])
    )


def refused(act: Callable[[], Any]) -> str:
    with pytest.raises(ValueError) as caught:
        act()
    return str(caught.value)


def test_what_cannot_be_converted_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.pth"
    torch.save({"weights": Trap(tmp_path / "ran"), "name": "x"}, path)
    assert "found a PyTorch file with other things than weights" in refused(lambda: convert(path))
    path.write_bytes(pickle.dumps([Trap(tmp_path / "ran")]))
    assert "whose tensors cannot be taken out (" in refused(lambda: convert(path))
    torch.save(WEIGHTS, path)
    convert(path)
    assert "a.safetensors: found a file of that name" in refused(lambda: convert(path))
    assert "found a safetensors file, expected one of PyTorch" in refused(
        lambda: convert(path.with_suffix(".safetensors"))
    )
    with pytest.raises(SystemExit):
        main([str(tmp_path / "gone.pth")])
    assert "gone.pth: found a file that cannot be read" in capsys.readouterr().err
    assert not (tmp_path / "ran").exists()


def test_a_dummy_takes_everything_that_a_pickle_does_to_an_object() -> None:
    dummy = Dummy(1, a=2)
    dummy["a"] = dummy(3)
    dummy.append(1)
    dummy.extend([2])
    dummy.add(3)
    dummy.__setstate__({"a": 1})
    assert vars(dummy) == {}


@pytest.mark.parametrize("depth", [1, 3])
def test_weights_are_found_inside_what_a_training_wraps_them_into(depth: int, tmp_path: Path) -> None:
    wrapped: dict[str, Any] = dict(WEIGHTS)
    for key in ("generator", "gen_model", "state_dict")[-depth:]:
        wrapped = {key: wrapped, "step": 3}
    torch.save(wrapped, tmp_path / "a.pth")
    assert load_pickle(tmp_path / "a.pth", "a").keys() == WEIGHTS.keys()


def test_a_dictionary_that_holds_itself_is_refused(tmp_path: Path) -> None:
    turning: dict[str, Any] = {}
    turning["state_dict"] = turning
    torch.save(turning, tmp_path / "a.pth")
    assert "other things than weights" in refused(lambda: load_pickle(tmp_path / "a.pth", "a"))
