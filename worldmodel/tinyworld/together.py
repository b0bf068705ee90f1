"""Training in several processes of one thread each, which share every update: a batch as large, in the same time.

`python -m torch.distributed.run --nproc-per-node 2 -m -- worldmodel.tinyworld train model ...` starts two (without the
lone dashes the launcher takes `--run` for its own). Each draws clips of its own; gradients are averaged before the
optimizer's step, so that the weights stay the same in all of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch import distributed as processes


def launched() -> int:
    """Return how many processes the launcher has started; 1 without one."""
    return int(os.environ.get("WORLD_SIZE", "1"))


@contextmanager
def together() -> Iterator[None]:
    """Train with the other processes of the launcher that started this one; alone, if none did."""
    if launched() == 1 or processes.is_initialized():
        yield
        return
    processes.init_process_group("gloo")
    try:
        yield
    finally:
        processes.destroy_process_group()


def rank() -> int:
    """Return which of the processes this one is, from 0; 0 of a process alone."""
    return processes.get_rank() if processes.is_initialized() else 0


def is_first() -> bool:
    """Return whether this process writes what all of them share."""
    return rank() == 0


def mean_of(number: float) -> float:
    """Return the mean of all processes' numbers."""
    if not processes.is_initialized():
        return number
    shared = torch.tensor([number], dtype=torch.float64)
    processes.all_reduce(shared)
    return shared.item() / processes.get_world_size()


def share_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Put the mean of all processes' gradients in place of each one's own; one that is missing counts as zero."""
    if not processes.is_initialized():
        return
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    for parameter in trained:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    gradients: list[Tensor] = [parameter.grad for parameter in trained]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    processes.all_reduce(flat)
    flat /= processes.get_world_size()
    for gradient, mean in zip(gradients, flat.split([gradient.numel() for gradient in gradients]), strict=True):
        gradient.copy_(mean.view_as(gradient))
