"""The weights of a PyTorch file with more in it, written beside it as safetensors; to be done once.

For files that the loaders refuse because opening them as they are would run code: a training's own objects lie beside
the weights. Here whatever is no tensor becomes a dummy, so that none of that code runs; still, only convert a file
whose origin you trust.
"""

# ruff: noqa: T201
from __future__ import annotations

import argparse
import pickle
import sys
from collections import OrderedDict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from ..reading.words import shortened
from .file_kinds import DAMAGED, MoreThanWeights, kind_of_file, load_pickle, weights_inside

_TENSOR_PARTS: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch", "Size"): torch.Size,
    ("torch._utils", "_rebuild_tensor_v2"): torch._utils._rebuild_tensor_v2,
    ("torch._utils", "_rebuild_parameter"): torch._utils._rebuild_parameter,
    **{("torch", name): kind for name in dir(torch) if isinstance(kind := getattr(torch, name), torch.dtype)},
}
"""All that a pickle of tensors in dictionaries asks for; PyTorch itself adds their storages."""


class Dummy:
    """What stands for anything else in the file: it takes whatever a pickle does to an object, and does nothing."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Dummy:
        return super().__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None: ...

    def __call__(self, *args: Any, **kwargs: Any) -> Dummy:
        return self

    def __setstate__(self, state: Any) -> None: ...

    def __setitem__(self, key: Any, value: Any) -> None: ...

    def append(self, item: Any) -> None:
        """Take an item of a list."""

    def extend(self, items: Any) -> None:
        """Take items of a list."""

    def add(self, item: Any) -> None:
        """Take an item of a set."""


class _Unpickler(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str) -> Any:
        return _TENSOR_PARTS.get((module_name, global_name), Dummy)


_PICKLE = SimpleNamespace(
    Unpickler=_Unpickler, load=lambda file, **options: _Unpickler(file, **options).load(), __name__="tensors alone"
)
"""What PyTorch reads a file with in the place of `pickle`."""


def tensors_alone(path: Path, name: str) -> dict[str, Tensor]:
    """Return the weights of a PyTorch file, whatever else is in it.

    Args:
        path: a file that `kind_of_file` calls "torch".
        name: how messages call it.

    Raises:
        ValueError: it is damaged, or no weights are found in it.
    """
    try:
        return load_pickle(path, name)
    except MoreThanWeights:
        pass
    try:
        found = torch.load(path, map_location="cpu", weights_only=False, pickle_module=_PICKLE)
    except (pickle.UnpicklingError, MemoryError, *DAMAGED) as error:
        reason = shortened(next(iter(str(error).splitlines()), type(error).__name__), 80)
        raise ValueError(
            f"{name}: found a PyTorch file whose tensors cannot be taken out ({reason}), expected weights; get the "
            "model as safetensors."
        ) from error
    return weights_inside(found, name)


def convert(path: Path) -> Path:
    """Write a PyTorch file's weights as safetensors beside it, and return the new file.

    Raises:
        ValueError: it is no PyTorch file or has no weights, or there is such a file already.
    """
    target = path.with_suffix(".safetensors")
    if kind_of_file(path, path.name) != "torch":
        raise ValueError(f"{path.name}: found a safetensors file, expected one of PyTorch; it can be loaded as it is.")
    if target.exists():
        raise ValueError(f"{target.name}: found a file of that name, expected none; move it away.")
    weights = tensors_alone(path, path.name)
    own: dict[str, Tensor] = {}
    seen: set[int] = set()
    for key, tensor in weights.items():
        plain = tensor.detach().contiguous()
        shared = plain.untyped_storage().nbytes() != plain.nbytes or plain.data_ptr() in seen
        own[key] = plain.clone() if shared else plain  # the format takes no tensor that is a part of another
        seen.add(own[key].data_ptr())
    partial = target.with_name(f"{target.name}.part")
    save_file(own, partial)
    partial.replace(target)
    return target


def main(arguments: list[str] | None = None) -> int:
    """Convert a file and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m worldmodel.checkpoints.convert", description=__doc__)
    parser.add_argument("file", type=Path, metavar="FILE", help="a .pth, .pt or .ckpt file whose origin you trust")
    options = parser.parse_args(arguments)
    try:
        print(f"Wrote {convert(options.file)}; choose it in the place of {options.file.name}.")
    except ValueError as error:
        parser.error(str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main())
