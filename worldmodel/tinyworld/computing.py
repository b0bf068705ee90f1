"""How the commands of this package compute on a CPU: on so many threads, and with numbers near zero taken for zero."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def computing(threads: int) -> Iterator[None]:
    """Compute on so many threads with denormal numbers flushed to zero; both are put back however the block is left.

    Dying activations are denormal and would slow a CPU down several times. The flag is the whole thread's: floats of
    Python, and of whoever called the command from a longer program, are flushed with the tensors while it is on.

    Args:
        threads: for each operation.
    """
    before, flushed = torch.get_num_threads(), _flushed()
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(flushed)
        torch.set_num_threads(before)


def _flushed() -> bool:
    """Return whether this thread flushes denormal numbers, which torch does not tell."""
    return sys.float_info.min / 2 == 0
