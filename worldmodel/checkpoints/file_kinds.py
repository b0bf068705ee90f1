"""Weight files: what their first bytes say, whether they are whole, and PyTorch's kind opened without running code."""

from __future__ import annotations

import pickle
import re
import struct
import zipfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from ..reading import safetensors_header
from ..reading.words import shortened

Kind = Literal["safetensors", "torch"]

SAFETENSORS_SUFFIXES = (".safetensors", ".sft")
_HEADER_LIMIT = 100_000_000
"""Bytes; the format's own limit."""
_OTHERS = (
    (b"GGUF", "a GGUF file", "load it with a loader of the ComfyUI-GGUF pack, such as Unet Loader (GGUF)"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file it stands for", "download the file itself"),
    (b"<", "a web page", "download it again, and not the page about it"),
)
_HEAD = 64
_ZIPPED, _ENCRYPTED = b"PK\x03\x04", 1
"""How PyTorch tells a zip archive, and the mark of an encrypted entry."""
_PART = re.compile(r"(.+)-(\d{5})-of-(\d{5})(\.\w+)")
DAMAGED = (
    RuntimeError, EOFError, LookupError, TypeError, AttributeError, AssertionError, ValueError, ArithmeticError,
    ImportError, OSError, struct.error, zipfile.BadZipFile,
)  # fmt: skip
"""What PyTorch's reader of pickles raises, by the byte that is wrong."""
_WRAPPED = ("state_dict", "gen_model", "generator")
"""Under which keys trainings put weights, one inside another."""
_DEEPEST = 4
"""Dictionaries that lie one inside another at most."""
DIFFUSERS_FOLDER = "transformer"
"""Where diffusers keeps the network inside a model's folder."""
CONVERT = "python -m worldmodel.checkpoints.convert"
"""What makes a file of weights alone out of one that has more in it."""


class MoreThanWeights(ValueError):
    """A PyTorch file asks for other things than tensors, which only code of its own could make."""


def is_part(name: str) -> bool:
    """Tell whether a file name is that of one part of several."""
    return _PART.fullmatch(name) is not None


def parts_of(path: Path, name: str) -> list[Path]:
    """Return the files that hold a model: itself, all parts of several, or what lies in a folder.

    Args:
        path: a file, one part of several, or a folder with one model in it.
        name: how messages call it.

    Raises:
        ValueError: parts are missing, or the folder holds no model or several.
    """
    if path.is_dir():
        files = sorted(
            file for file in path.iterdir() if file.suffix.lower() in SAFETENSORS_SUFFIXES and file.is_file()
        )
        if not files and (path / DIFFUSERS_FOLDER).is_dir():
            return parts_of(path / DIFFUSERS_FOLDER, name)
        models = {match[1] if (match := _PART.fullmatch(file.name)) else file.name for file in files}
        if len(models) != 1:
            listed = shortened(", ".join(sorted(models)), 120)
            found = f"several models ({listed})" if models else "no safetensors file"
            raise ValueError(f"{name}: found {found} in the folder, expected one model; choose a file.")
        path = files[0]
    match = _PART.fullmatch(path.name)
    if match is None:
        return [path]
    stem, number, total, suffix = match.groups()
    if not 1 <= int(number) <= int(total):
        raise ValueError(
            f"{name}: found a file named as part {int(number)} of {int(total)}, expected parts from 1 on; rename it."
        )
    files = [path.with_name(f"{stem}-{number:05}-of-{total}{suffix}") for number in range(1, int(total) + 1)]
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        raise ValueError(
            f"{name}: found {len(files) - len(missing)} of {len(files)} parts ({missing[0]} is missing), expected all "
            "side by side; download the rest."
        )
    return files


def kind_of_file(path: Path, name: str) -> Kind:
    """Tell how a file of weights is to be opened, reading its first bytes and no tensor.

    Args:
        path: the file.
        name: how messages call it.

    Raises:
        ValueError: it is empty, unfinished, no file of weights, or its name promises another format.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise ValueError(
            f"{name}: found a file that cannot be read ({error.strerror or error}), expected weights; check that it is "
            "there, and whose it is."
        ) from error
    if not head:
        raise ValueError(f"{name}: found an empty file, expected weights; download it again.")
    named_safetensors = path.suffix.lower() in SAFETENSORS_SUFFIXES
    # first, because a safetensors file begins with a length, whose bytes may look like any other kind's
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= _HEADER_LIMIT:
        _check_safetensors(path, size, name)
        if not named_safetensors:
            raise ValueError(
                f"{name}: found a safetensors file under another name, expected the suffix .safetensors; rename it to "
                f"{path.stem}.safetensors."
            )
        return "safetensors"
    for mark, found, advice in _OTHERS:
        if head.lstrip().startswith(mark):
            raise ValueError(f"{name}: found {found}, expected weights; {advice}.")
    if not head.startswith((b"PK", b"\x80")):
        if named_safetensors and size <= 8:
            raise ValueError(
                f"{name}: found an unfinished file ({_read_size(size)}), expected weights; download it again."
            )
        raise ValueError(f"{name}: found neither safetensors nor a PyTorch file, expected one; choose another file.")
    if named_safetensors:
        raise ValueError(
            f"{name}: found a PyTorch file under a safetensors name, expected safetensors; rename it to "
            f"{path.stem}.pth."
        )
    if head.startswith(b"PK") and not _is_whole_archive(path):
        raise ValueError(
            f"{name}: found the beginning of a PyTorch file ({_read_size(size)}), expected the whole of it; "
            "download it again."
        )
    return "torch"


def _is_whole_archive(path: Path) -> bool:
    try:
        return zipfile.is_zipfile(path)
    except zipfile.BadZipFile:
        return False


def load_pickle(path: Path, name: str) -> dict[str, Tensor]:
    """Return the tensors of a PyTorch file; objects of any other kind are refused, and no code of the file runs.

    Args:
        path: a file that `kind_of_file` calls "torch"; a zip archive is mapped, not read, where nothing is packed.
        name: how messages call it.

    Raises:
        MoreThanWeights: opening the rest of it would run code of the file.
        ValueError: it is damaged, or holds something else than a dictionary of tensors.
    """
    entries = _stored_entries(path)
    try:
        found = torch.load(path, map_location="cpu", weights_only=True, mmap=entries is not None)
    except pickle.UnpicklingError as error:
        asked = re.search(r"GLOBAL (\S+)", str(error))
        code = f"a pickle with code in it ({shortened(asked[1], 80)})" if asked else None
        what = code or "a pickle with more in it than weights"
        raise MoreThanWeights(
            f"{name}: found {what}, expected weights alone; nothing of it was run: get the model as safetensors, or, "
            f"if you trust the file, make safetensors of it once with `{CONVERT} FILE` in the pack's folder."
        ) from error
    except MemoryError as error:
        raise ValueError(
            f"{name}: found a PyTorch file that asks for more memory than there is, expected weights; download it "
            "again, or get the model as safetensors."
        ) from error
    except DAMAGED as error:
        if "TorchScript" in str(error):
            raise ValueError(
                f"{name}: found a TorchScript program, expected weights alone; nothing of it was run: get the model as "
                "safetensors."
            ) from error
        raise ValueError(f"{name}: found a damaged PyTorch file, expected weights; download it again.") from error
    weights = weights_inside(found, name)
    if entries is not None and not _fit(weights.values(), entries):
        raise ValueError(f"{name}: found a damaged PyTorch file, expected weights; download it again.")
    return weights


def weights_inside(found: Any, name: str) -> dict[str, Tensor]:
    """Return the weights in what a PyTorch file holds, which trainings wrap into dictionaries with other things.

    Args:
        found: what was in the file.
        name: how messages call it.

    Raises:
        ValueError: there are other things than tensors where the weights should be.
    """
    for _ in range(_DEEPEST):
        if not isinstance(found, dict):
            break
        inner = next((found[key] for key in _WRAPPED if isinstance(found.get(key), dict)), None)
        if inner is None and len(found) == 1:
            inner = next(iter(found.values()))
        if not isinstance(inner, dict):
            break
        found = inner
    if not isinstance(found, dict) or not all(_is_weight(key, value) for key, value in found.items()):
        raise ValueError(
            f"{name}: found a PyTorch file with other things than weights, expected tensors alone; choose another file."
        )
    return found


def _is_weight(key: Any, value: Any) -> bool:
    return isinstance(key, str) and isinstance(value, Tensor) and value.layout == torch.strided and not value.is_meta


def _stored_entries(path: Path) -> Counter[int] | None:
    """Return how many bytes the entries of a zip archive hold, if all lie in the file as they are.

    PyTorch maps packed entries too, as numbers that mean nothing; whoever unpacks an archive and zips it again, packs
    them.

    Returns:
        bytes of an entry -> how many have so many, or `None`: the file is to be read.
    """
    with path.open("rb") as file:
        try:
            if file.read(len(_ZIPPED)) != _ZIPPED or not zipfile.is_zipfile(file):
                return None
            with zipfile.ZipFile(file) as archive:
                entries = archive.infolist()
        except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError):
            return None  # PyTorch says what it makes of it
    plain = all(
        entry.compress_type == zipfile.ZIP_STORED
        and entry.compress_size == entry.file_size
        and not entry.flag_bits & _ENCRYPTED
        for entry in entries
    )
    return Counter(entry.file_size for entry in entries) if plain else None


def _fit(tensors: Iterable[Tensor], entries: Counter[int]) -> bool:
    """Tell whether mapped tensors end where their entries do: PyTorch maps what lies behind, too."""
    storages = {storage.data_ptr(): storage.nbytes() for storage in (tensor.untyped_storage() for tensor in tensors)}
    return not Counter(size for size in storages.values() if size) - entries


def _check_safetensors(path: Path, size: int, name: str) -> None:
    """Compare the sizes that the header promises with the file's."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > safetensors_header.MAX_BYTES:
            raise ValueError(
                f"{name}: found a safetensors header of {_read_size(length)}, expected at most "
                f"{_read_size(safetensors_header.MAX_BYTES)}; choose another file."
            )
        text = file.read(length)
    if len(text) < length:
        raise ValueError(
            f"{name}: found an unfinished file ({_read_size(size)}, less than its header), expected the whole of it; "
            "download it again."
        )
    try:
        whole = 8 + length + safetensors_header.check_header(text)
    except ValueError as error:
        raise ValueError(
            f"{name}: found a damaged safetensors header ({error}), expected JSON that says where each tensor lies; "
            "download it again."
        ) from error
    if size < whole:
        raise ValueError(
            f"{name}: found an unfinished file ({_read_size(size)} of {_read_size(whole)}), expected the whole of it; "
            "download it again."
        )


def _read_size(count: int) -> str:
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= scale:
            return f"{count / scale:.2f} {unit}"
    return f"{count} bytes"
