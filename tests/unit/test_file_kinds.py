"""A file is judged by its bytes before anything of it is opened, and nothing in it ever runs."""

from __future__ import annotations

import argparse
import json
import os
import pickle
import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from worldmodel.checkpoints.file_kinds import kind_of_file, load_pickle, parts_of

pytestmark = [
    pytest.mark.filterwarnings("ignore:Detected pickle protocol"),
    pytest.mark.filterwarnings("ignore:.*TorchScript"),
    pytest.mark.filterwarnings("ignore:.*torch.jit"),
]
TENSORS = {"a.weight": torch.arange(1000.0), "b.weight": torch.ones(3, 3)}


class Trap:
    """Runs a command when it is unpickled."""

    def __init__(self, touched: Path):
        self.touched = touched

    def __reduce__(self) -> tuple:
        return os.system, (f"touch {self.touched}",)


def opened(path: Path) -> object:
    kind = kind_of_file(path, path.name)
    return load_pickle(path, path.name) if kind == "torch" else kind


def sentence(path: Path) -> str:
    with pytest.raises(ValueError) as raised:
        opened(path)
    text = str(raised.value)
    assert text.startswith(f"{path.name}: found ") and "expected" in text, text
    assert text.endswith(".") and "\n" not in text, text
    return text


def test_whole_files_are_told_apart(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "a.safetensors", {"format": "pt"})
    assert opened(tmp_path / "a.safetensors") == "safetensors"
    for name, zipped in (("new.pth", True), ("old.pt", False)):
        torch.save(TENSORS, tmp_path / name, _use_new_zipfile_serialization=zipped)
        found = opened(tmp_path / name)
        assert found.keys() == TENSORS.keys() and torch.equal(found["a.weight"], TENSORS["a.weight"])


@pytest.mark.parametrize("first", [0x80, 0x50, 0x3C, 0x20, 0x47, 0x0A, 0x00])
def test_a_safetensors_file_is_known_whatever_length_its_header_has(first: int, tmp_path: Path) -> None:
    """The file begins with that length: its first byte may be that of a pickle, a zip file or a web page."""
    header = json.dumps({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    header += b" " * ((first - len(header)) % 256)
    assert len(header) % 256 == first
    path = tmp_path / "a.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    assert opened(path) == "safetensors"


@pytest.mark.parametrize("wrapped", [{"state_dict": TENSORS, "step": 3}, {"generator": TENSORS}])
def test_weights_inside_a_dictionary_are_found(wrapped: dict, tmp_path: Path) -> None:
    torch.save(wrapped, tmp_path / "a.pth")
    assert opened(tmp_path / "a.pth").keys() == TENSORS.keys()


@pytest.mark.parametrize("left", [1, 7, 8, 60, -1, -2000])
def test_an_unfinished_safetensors_file_says_how_much_is_there(left: int, tmp_path: Path) -> None:
    path = tmp_path / "half.safetensors"
    save_file(TENSORS, path)
    path.write_bytes(path.read_bytes()[:left])
    assert "found an unfinished file" in sentence(path)
    if left == -2000:
        assert "2.18 kB of 4.18 kB" in sentence(path)


def test_an_unfinished_torch_file_is_named(tmp_path: Path) -> None:
    for zipped in (True, False):
        path = tmp_path / "half.pth"
        torch.save(TENSORS, path, _use_new_zipfile_serialization=zipped)
        path.write_bytes(path.read_bytes()[:-500])
        assert "download it again" in sentence(path)


def traps(touched: Path) -> dict[str, Callable[[Path], object]]:
    """Return ways to hide code in a file."""
    trap = Trap(touched)
    weights = {**TENSORS, "c": trap}
    return {
        "zip": lambda path: torch.save(weights, path),
        "legacy": lambda path: torch.save(weights, path, _use_new_zipfile_serialization=False),
        **{
            f"protocol {number}": lambda path, number=number: path.write_bytes(pickle.dumps({"a": trap}, number))
            for number in range(pickle.HIGHEST_PROTOCOL + 1)
        },
        "namespace": lambda path: torch.save({**TENSORS, "c": argparse.Namespace(trap=trap)}, path),
        "module": lambda path: torch.save(torch.nn.Linear(2, 2), path),
    }


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".ckpt", ".bin", ".pkl", ".safetensors"])
@pytest.mark.parametrize("way", traps(Path()))
def test_code_in_a_file_never_runs(way: str, suffix: str, tmp_path: Path) -> None:
    touched, path = tmp_path / "ran", tmp_path / f"trap{suffix}"
    traps(touched)[way](path)
    text = sentence(path)
    assert not touched.exists()
    if suffix != ".safetensors" and way in ("zip", "legacy", "protocol 2"):
        assert "a pickle with code in it (posix.system)" in text and "nothing of it was run" in text


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("a.safetensors", b"", "found an empty file"),
        ("a.pth", b"", "found an empty file"),
        ("a.safetensors", b"<!DOCTYPE html><html>", "found a web page"),
        ("a.pth", b"\n <html>404</html>", "found a web page"),
        ("a.safetensors", b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "found a Git LFS pointer"),
        ("a.safetensors", b"GGUF\x03\0\0\0", "found a GGUF file"),
        ("a.pth", b"hello world, I am a text", "found neither safetensors nor a PyTorch file"),
        ("a.safetensors", b"\xff" * 100, "found neither safetensors nor a PyTorch file"),
        ("a.safetensors", (20).to_bytes(8, "little") + b"{" + b"x" * 19, "found a damaged safetensors header"),
        ("a.safetensors", (10**12).to_bytes(8, "little") + b"{", "found neither safetensors nor a PyTorch file"),
        ("a.safetensors", (8).to_bytes(8, "little") + b'{"a": 1}', "found a damaged safetensors header"),
    ],
)
def test_other_files_are_named(name: str, content: bytes, found: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    assert found in sentence(tmp_path / name)


def test_a_wrong_suffix_is_named(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "a.pth")
    assert "rename it to a.safetensors" in sentence(tmp_path / "a.pth")
    torch.save(TENSORS, tmp_path / "b.safetensors")
    assert "rename it to b.pth" in sentence(tmp_path / "b.safetensors")
    torch.save([1, 2], tmp_path / "list.pth")
    assert "other things than weights" in sentence(tmp_path / "list.pth")


def test_a_script_is_no_weights(tmp_path: Path) -> None:
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), str(tmp_path / "a.pt"))
    assert "found a TorchScript program" in sentence(tmp_path / "a.pt")


@pytest.fixture
def parted(tmp_path: Path) -> Path:
    """A folder with a model in three parts."""
    folder = tmp_path / "model"
    folder.mkdir()
    for number in (1, 2, 3):
        save_file(TENSORS, folder / f"net-{number:05}-of-00003.safetensors")
    (folder / "net.safetensors.index.json").write_text(json.dumps({"weight_map": {}}), encoding="utf-8")
    return folder


def test_any_part_and_the_folder_stand_for_all_parts(parted: Path) -> None:
    parts = sorted(parted.glob("*.safetensors"))
    for chosen in (parted, *parts):
        assert parts_of(chosen, "x") == parts


@pytest.mark.parametrize("name", ["net-00001-of-00000.safetensors", "net-00005-of-00003.safetensors"])
def test_a_part_beyond_the_last_is_named(name: str, tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / name)
    with pytest.raises(ValueError, match="x: found a file named as part . of ., expected parts from 1 on"):
        parts_of(tmp_path / name, "x")


def test_missing_parts_are_named(parted: Path) -> None:
    (parted / "net-00002-of-00003.safetensors").unlink()
    with pytest.raises(ValueError, match=r"x: found 2 of 3 parts \(net-00002-of-00003.safetensors is missing\)"):
        parts_of(parted, "x")


def test_a_folder_stands_for_the_one_model_in_it(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="x: found no safetensors file in the folder"):
        parts_of(tmp_path, "x")
    inner = tmp_path / "transformer"
    inner.mkdir()
    save_file(TENSORS, inner / "diffusion_pytorch_model.safetensors")
    assert parts_of(tmp_path, "x") == [inner / "diffusion_pytorch_model.safetensors"]
    for name in ("a", "b"):
        save_file(TENSORS, tmp_path / f"{name}.safetensors")
    with pytest.raises(ValueError, match=r"x: found several models \(a.safetensors, b.safetensors\)"):
        parts_of(tmp_path, "x")
    assert parts_of(tmp_path / "a.safetensors", "x") == [tmp_path / "a.safetensors"]


def zipped_again(
    path: Path, packed: Callable[[str], bool], change: Callable[[str, bytes], bytes] | None = None
) -> Path:
    """Write a torch file, unpack it and zip it again, as somebody does who looks into it.

    Args:
        path: to be written.
        packed: tells of an entry's name whether it is packed.
        change: returns what is written in the place of an entry.
    """
    torch.save(TENSORS, path)
    with zipfile.ZipFile(path) as archive:
        entries = {entry: archive.read(entry) for entry in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for entry, data in entries.items():
            method = zipfile.ZIP_DEFLATED if packed(entry) else zipfile.ZIP_STORED
            archive.writestr(entry, change(entry, data) if change else data, compress_type=method)
    return path


@pytest.mark.parametrize(
    "packed",
    [lambda _: True, lambda _: False, lambda entry: entry.endswith("data/0"), lambda entry: entry.endswith("data.pkl")],
    ids=["all", "none", "one tensor", "the pickle"],
)
def test_a_zipped_again_file_reads_as_torch_reads_it(packed: Callable[[str], bool], tmp_path: Path) -> None:
    path = zipped_again(tmp_path / "a.pth", packed)
    plain, found = torch.load(path, weights_only=True), opened(path)
    assert plain.keys() == found.keys() == TENSORS.keys()
    assert all(torch.equal(found[key], plain[key]) and torch.equal(plain[key], TENSORS[key]) for key in TENSORS)


def test_a_tensor_that_does_not_fill_its_entry_is_refused_as_torch_refuses_it(tmp_path: Path) -> None:
    """Mapped, it would go on with the bytes of the entry behind it."""
    for packed in (True, False):
        path = zipped_again(
            tmp_path / "a.pth",
            lambda _, packed=packed: packed,
            lambda entry, data: data[:-100] if entry.endswith("data/0") else data,
        )
        with pytest.raises(RuntimeError):
            torch.load(path, weights_only=True)
        assert "found a damaged PyTorch file" in sentence(path)


def test_broken_torch_files_are_refused_in_one_sentence(tmp_path: Path) -> None:
    """PyTorch's reader of pickles raises what the wrong byte leads to: IndexError, TypeError, AssertionError ..."""
    sound = []
    for zipped in (True, False):
        torch.save(TENSORS, tmp_path / "a.pth", _use_new_zipfile_serialization=zipped)
        sound.append((tmp_path / "a.pth").read_bytes())
    path, chance = tmp_path / "broken.pth", random.Random(5)
    for number in range(300):
        data = bytearray(sound[number % 2])
        for _ in range(chance.choice((1, 2, 5))):
            data[chance.randrange(min(len(data), 600))] = chance.randrange(256)
        path.write_bytes(data)
        try:
            opened(path)
        except ValueError as error:
            assert str(error).startswith("broken.pth: found ") and "\n" not in str(error), error


ENTRY = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
ODD_HEADERS = {
    "no object": "[1]",
    "nested": '{"a":' + "[" * 200_000 + "]" * 200_000 + "}",
    "digits": '{"a":' + "1" * 400 + "}",
    "thousands of digits": '{"a":' + "1" * 50_000 + "}",
    "a list of members": json.dumps({"a": []}),
    "metadata, a list": json.dumps({"__metadata__": ["x"], "a": ENTRY}),
    "metadata, a number": json.dumps({"__metadata__": {"x": 1}, "a": ENTRY}),
    **{
        f"{key} {value!r:.30}": json.dumps({"a": {**ENTRY, key: value}})
        for key, values in {
            "data_offsets": [
                None, "04", ["0", "4"], [None, None], [0], [0, 4, 8], [0.0, 4.0], [False, True], [4, 0], [-4, 0],
                [0, 10**400], [0, 5], [0, float("nan")], {"0": 4},
            ],
            "shape": [None, "1", 1, ["1"], [1.0], [-1], [None], [[1]], [10**400], [2**64], [2], [1] * 100, [True]],
            "dtype": [None, 4, "F33", [], {}],
        }.items()
        for value in values
    },
}  # fmt: skip


@pytest.mark.parametrize("kind", ODD_HEADERS)
def test_an_odd_safetensors_header_is_named(kind: str, tmp_path: Path) -> None:
    header = ODD_HEADERS[kind].encode()
    path = tmp_path / "odd.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    text = sentence(path)
    assert "found neither" in text if kind == "no object" else "found a damaged safetensors header (" in text
    assert len(text) < 500


def test_a_huge_header_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "odd.safetensors"
    path.write_bytes((90_000_000).to_bytes(8, "little") + b"{")
    os.truncate(path, 90_000_100)
    assert "found a safetensors header of 90.00 MB, expected at most 16.00 MB" in sentence(path)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "folder.safetensors").mkdir()
    for name in ("folder.safetensors", "gone.pth"):
        assert "found a file that cannot be read (" in sentence(tmp_path / name)
