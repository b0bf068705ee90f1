"""How many of the CPU's threads a network computes with.

Networks as small as Tiny World's do so little between two barriers that a second thread waits longer than it works,
and where another program is busy on its core every barrier waits for the scheduler: on two cores, of which one was
busy, two threads took ten times as long as one. Such networks run on one thread. Their last bits then no longer depend
on how many threads the host was given.

`torch.set_num_threads` tells the calling thread, and every thread that has not used torch yet; threads that have used
it keep what they have (ATen/ParallelOpenMP.cpp: `omp_set_num_threads` is a thread's own, and new threads copy the
last value that anyone set). The rest of the process must not notice us, so what new threads take is put back at once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import nn

SMALL = 2_000_000_000
"""Weights times positions of one pass up to which one thread is the better choice: Tiny World's passes have 0.4 to 0.7
thousand million for one world, Matrix-Game 2's three million million."""

_turn = threading.Lock()  # between reading what new threads take and putting it back


@contextmanager
def few_threads(count: int = 1) -> Iterator[None]:
    """Let the calling thread compute with so many threads; every other thread, running or new, keeps the host's number.

    It is put back however the block is left. Not for a generator that yields inside: its caller would be slowed.

    Args:
        count: threads for each operation.
    """
    before = torch.get_num_threads()  # asked first: else a thread new to torch would still take the common number later
    if before == count:
        yield
        return
    try:
        _set_mine(count)
        yield
    finally:
        _set_mine(before)


def hosts_threads() -> int:
    """Return how many threads a new thread computes with, whatever the calling one was told."""
    return _in_new_thread(torch.get_num_threads)


def threads_for(network: nn.Module, positions: int) -> AbstractContextManager[None]:
    """Return the context that a network computes best in: `few_threads` where it is small, else the host's own."""
    return few_threads() if is_small(network, positions) else nullcontext()


def is_small(network: nn.Module, positions: int) -> bool:
    """Return whether one pass of a network is so little work that one thread is best.

    Args:
        network: whose weights count.
        positions: that each weight meets in a pass: latent cells or tokens, of all worlds that are computed at once.
    """
    return positions * sum(weight.numel() for weight in network.parameters()) <= SMALL


def _set_mine(count: int) -> None:
    """Set the calling thread's number, and put back what threads that are new to torch will take."""
    with _turn:
        theirs = _in_new_thread(torch.get_num_threads)
        torch.set_num_threads(count)
        _in_new_thread(lambda: torch.set_num_threads(theirs))


def _in_new_thread(work: Callable[[], Any]) -> Any:
    """Return what `work` returns in a thread that has never used torch."""
    told: list[Any] = []
    thread = threading.Thread(target=lambda: told.append(work()), name="worldmodel-threads")
    thread.start()
    thread.join()
    return told[0]
