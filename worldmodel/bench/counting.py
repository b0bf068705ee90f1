"""What a piece of work costs, counted and not timed: kernels, bytes, products, and the memory that lives meanwhile.

Tensors on torch's meta device have sizes and no numbers, so a model of any size is counted in seconds and in no memory.
Counting takes place in inference mode, where a mode of torch sees what the code asked for, not what it is made of: a
norm, a linear layer and an attention are one call each, as they are where a device has kernels for them.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from math import prod
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

LAUNCH_NOTHING = ("empty", "new_empty", "detach", "lift_fresh")
"""Calls that make room, or look like writing, and leave all numbers alone."""


class Cost(NamedTuple):
    """Of a piece of work."""

    kernels: int = 0
    bytes: int = 0
    """Read and written: sizes of the kernels' tensors, given and made."""
    flop: int = 0
    """Of products, convolutions and attention."""

    def __add__(self, other: tuple) -> Cost:
        """Return the cost of both."""
        return Cost(*(one + two for one, two in zip(self, other, strict=True)))

    def __sub__(self, other: Cost) -> Cost:
        """Return the cost of what came after."""
        return Cost(*(one - two for one, two in zip(self, other, strict=True)))


class Counter(TorchDispatchMode):
    """Counts what runs inside it.

        with torch.inference_mode(), Counter() as counter: ...

    A kernel is a call that allocates or writes; a view is none. An attention is one. In inference mode only: elsewhere
    torch shows the parts of calls instead.
    """

    def __init__(self, alive: Iterable[Tensor] = ()):
        """Begin with what already lives.

        Args:
            alive: tensors whose memory counts from the beginning, each storage once.
        """
        super().__init__()
        self.cost = Cost()
        self.by_name: dict[str, Cost] = {}
        self.live = self.peak = 0
        self._storages: dict[int, tuple[weakref.ref, int]] = {}
        for tensor in alive:
            self._notice(tensor)

    def __torch_dispatch__(self, operation: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        told = {key: value for key, value in (kwargs or {}).items() if key != "out"}  # that is written and not read
        given = tensors_of((args, told))
        out = run(operation, args, kwargs or {})
        made = tensors_of(out)
        known = {storage_of(tensor) for tensor in tensors_of((args, kwargs))}
        name = operation._schema.name.removeprefix("aten::")
        for tensor in made:
            if storage_of(tensor) not in known:  # a view of a weight makes nothing
                self._notice(tensor)
        writes = any(result.alias_info and result.alias_info.is_write for result in operation._schema.returns)
        new = any(storage_of(tensor) not in known for tensor in made)
        if (writes or new) and not name.startswith(LAUNCH_NOTHING):
            size = sum(size_of(tensor) for tensor in (*given, *made))
            cost = Cost(1, size, flop_of(operation, args, kwargs or {}, out))
            self.cost += cost
            self.by_name[name] = self.by_name.get(name, Cost()) + cost
        return out

    def _notice(self, tensor: Tensor) -> None:
        """Let a tensor's storage count until it is freed."""
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        if key in self._storages and self._storages[key][0]() is storage:
            return

        def freed(_: weakref.ref) -> None:
            self._storages.pop(key, None)
            self.live -= size

        self._storages[key] = weakref.ref(storage, freed), size
        self.live += size
        self.peak = max(self.peak, self.live)


def tensors_of(value: Any) -> list[Tensor]:
    """Return the tensors in nested lists, tuples and dictionaries."""
    return [leaf for leaf in tree_leaves(value) if isinstance(leaf, Tensor)]


def storage_of(tensor: Tensor) -> int:
    """Return what tells a tensor's storage from every other alive."""
    return tensor.untyped_storage()._cdata


def size_of(tensor: Tensor) -> int:
    """Return a tensor's bytes; what is repeated lies in memory once."""
    sides = zip(tensor.shape, tensor.stride(), strict=True)
    return tensor.element_size() * prod(side for side, stride in sides if stride)


def run(operation: Any, args: tuple, kwargs: dict) -> Any:
    """Run an operation; an attention without numbers gives its result in the order in which kernels write it."""
    attends = operation._schema.name == "aten::scaled_dot_product_attention"
    if not attends or args[0].device.type != "meta":
        return operation(*args, **kwargs)
    query, _, value = args[:3]  # (B, H, N, d), made as (B, N, H, d)
    batch, heads, queries, _ = query.shape
    return query.new_empty(batch, queries, heads, value.shape[-1]).transpose(1, 2)


def flop_of(operation: Any, args: tuple, kwargs: dict, out: Any) -> int:
    """Return the multiplications and additions of a product, a convolution or an attention; 0 of all else."""
    name = operation._schema.name
    if name in ("aten::linear", "mkldnn::_linear_pointwise"):
        return 2 * out.numel() * args[0].shape[-1]
    if name == "aten::matmul":
        return 2 * out.numel() * args[0].shape[-1]
    if name == "aten::_int_mm":
        return 2 * out.numel() * args[0].shape[-1]
    if name in ("aten::addmm_", "aten::_addmm_activation"):
        return 2 * out.numel() * args[1].shape[-1]
    if name == "aten::scaled_dot_product_attention":
        query, key, value = args[:3]
        return 2 * prod(query.shape[:-1]) * key.shape[-2] * (query.shape[-1] + value.shape[-1])
    if name.startswith("aten::conv") and name != "aten::convolution":
        return 2 * out.numel() * prod(args[1].shape[1:])
    formula = flop_registry.get(operation.overloadpacket)
    return formula(*args, **kwargs, out_val=out) if formula else 0


@contextmanager
def counted(alive: Iterable[Tensor] = ()) -> Iterator[Counter]:
    """Count what runs inside, in inference mode."""
    with torch.inference_mode(), Counter(alive) as counter:
        yield counter


def weights_of(module: nn.Module) -> list[Tensor]:
    """Return all tensors that a network is made of, those in 8 bits too."""
    packed = [
        part
        for layer in module.modules()
        for part in (getattr(layer, "packed", None), getattr(layer, "scale", None))
        if isinstance(part, Tensor)
    ]
    return [*module.parameters(), *module.buffers(), *packed]


def bytes_of(tensors: Iterable[Tensor]) -> int:
    """Return the memory of tensors, each storage once."""
    return sum({storage_of(tensor): tensor.untyped_storage().nbytes() for tensor in tensors}.values())
