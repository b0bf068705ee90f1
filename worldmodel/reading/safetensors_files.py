"""Safetensors files read strictly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from torch import Tensor

from .words import shortened

METADATA_KEY = "worldmodel"
"""Under it lie our own entries of a header, as JSON."""


def load_safetensors(
    path: Path | str, wanted: Callable[[str], bool] = lambda name: True
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors and the header metadata of a safetensors file.

    Args:
        path: of the file.
        wanted: tells by its name whether a tensor is read.

    Raises:
        ValueError: the file is missing or damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="pt") as file:
            return {key: file.get_tensor(key) for key in file.keys() if wanted(key)}, dict(file.metadata() or {})
    except FileNotFoundError:
        raise ValueError(
            f"{Path(path).name}: found no such file, expected a safetensors file; check the path."
        ) from None
    except SafetensorError as error:
        raise ValueError(
            f"{Path(path).name}: found a damaged file ({shortened(str(error), 80)}), expected safetensors; download it "
            "again."
        ) from None
