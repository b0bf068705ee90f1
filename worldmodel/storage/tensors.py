"""Tensors written in the safetensors format, piece by piece into an open file.

The format's own writer makes a file of its own beside the one it is asked for, readable by its owner alone, and leaves
it there if it is killed. The format: the header's length (8 bytes), the header (JSON, padded to whole 8 bytes), then
the tensors' bytes without gaps, the widest numbers first so that each is aligned.
Source: https://github.com/huggingface/safetensors, section Format.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor

from .writing import Part

_TYPES = {
    torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64",
    torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL",
}  # fmt: skip
_ALIGNED = 8


def write_tensors(file: BinaryIO, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """Write tensors.

    Args:
        file: open for writing.
        tensors: contiguous, on the CPU.
        metadata: texts for the header.
    """
    ordered = sorted(tensors.items(), key=lambda item: (-item[1].element_size(), item[0]))
    header: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    end = 0
    for name, tensor in ordered:
        begin, end = end, end + tensor.nbytes
        header[name] = {"dtype": _TYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNED)
    file.write(len(text).to_bytes(8, "little") + text)
    for _, tensor in ordered:
        file.write(tensor.detach().reshape(-1).view(torch.uint8).numpy())


def save_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """Write a file of tensors whole, in the place of one that may be there.

    Raises:
        Unwritable: the operating system refused.
    """
    with Part(path, "file") as part:
        with part.path.open("wb") as file:
            write_tensors(file, tensors, metadata)
        part.finish()
