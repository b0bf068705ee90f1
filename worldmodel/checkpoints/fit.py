"""Whether a file's tensors are those of a network: their names, their shapes, and that they are fractions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from torch import Tensor

from ..reading.words import shortened


def misfit(
    weights: Mapping[str, Tensor],
    wanted: Mapping[str, tuple[int, ...]],
    *,
    beside: Callable[[str], bool] = lambda _: False,
    any_shape: Collection[str] = (),
    any_numbers: bool = False,
) -> str:
    """Say what a network does not find, or not as it needs it; "" if all is there.

    Args:
        weights: of the file, under the network's names.
        wanted: the network's tensors and their shapes.
        beside: tells of a key that the network does not know whether it may be there.
        any_shape: keys whose tensors may be of any shape.
        any_numbers: whole numbers may stand for fractions, as where somebody brings layers that make them so.
    """
    both = wanted.keys() & weights.keys()
    found = {
        "missing": wanted.keys() - weights.keys(),
        "unknown": {key for key in weights.keys() - wanted.keys() if not beside(key)},
        "differently shaped": {key for key in both - set(any_shape) if tuple(wanted[key]) != tuple(weights[key].shape)},
    }
    if not any_numbers:
        found["not fractional"] = {key for key in both - set(any_shape) if not weights[key].is_floating_point()}
    faults = [
        f"{len(keys)} {kind} tensors (such as {shortened(min(keys), 80)})" for kind, keys in found.items() if keys
    ]
    return " and ".join(faults)
