"""What crosses a wire, said in one line, for logs and for nodes of other packs that show anything.

Our values are tuples, and a tuple shows all that is in it: of a world that is its tensors, number by number.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from .words import shortened

_MOST = 200
"""Letters of a line."""


def one_line(value: tuple, *said: object) -> str:
    """Return a line such as `Track(57 frames, keys forward, right)`.

    Args:
        value: whose class is named.
        said: of it; what is empty or `None` is left out.
    """
    texts = [str(each) for each in said if each not in (None, "")]
    return shortened(f"{type(value).__name__}({', '.join(texts)})", _MOST).replace("\n", " ").replace("\r", " ")


def size_of(tensor: Any) -> str:
    """Return a tensor's shape and type, such as `16 x 3 x 8 x 12 float32`."""
    if not isinstance(tensor, Tensor):
        return shortened(str(tensor))
    shape = " x ".join(map(str, tensor.shape)) or "1"
    return f"{shape} {str(tensor.dtype).removeprefix('torch.')}"


def number_of(things: Any, noun: str) -> str:
    """Return how many things there are, such as `2 chunks`; nothing where there are none."""
    count = len(things)
    return f"{count} {noun}{'s' * (count != 1)}" if count else ""


def tensors_in(value: Any) -> list[Tensor]:
    """Return all tensors of nested tuples."""
    if isinstance(value, Tensor):
        return [value]
    return [tensor for each in value for tensor in tensors_in(each)] if isinstance(value, tuple) else []
