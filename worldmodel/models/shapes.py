"""What the shapes of a checkpoint's tensors say, whatever the network on Wan; and a network filled with them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from ..reading.words import shortened

HEAD_SIZE = 128
"""Numbers of a head, where a file does not say how many heads there are."""
MOST_BLOCKS = 256
_BLOCK = re.compile(r"blocks\.([0-9]{1,6})\.")
Network = TypeVar("Network", bound=nn.Module)


class Shapes:
    """Shapes of a checkpoint's tensors, asked for by name."""

    def __init__(self, shapes: Mapping[str, tuple[int, ...]], expected: str):
        """Look at nothing yet.

        Args:
            shapes: by released names, without prefix.
            expected: what messages say was expected.
        """
        self._shapes, self._expected = shapes, expected

    def of(self, key: str, dimensions: int) -> tuple[int, ...]:
        """Return a tensor's shape.

        Raises:
            ValueError: there is no such tensor, or it has other dimensions, or none of some size.
        """
        found = self._shapes.get(key)
        if found is None:
            raise ValueError(f"checkpoint: found no {key}, {self._expected}; choose another file.")
        if len(found) != dimensions or not all(found):
            raise ValueError(
                f"checkpoint: found {key} of shape {shortened(str(tuple(found)))}, expected {dimensions} dimensions; "
                "choose another file."
            )
        return tuple(found)

    def blocks(self) -> int:
        """Return how many blocks there are.

        Raises:
            ValueError: none, too many, or one of them is missing.
        """
        blocks = {int(match[1]) for match in map(_BLOCK.match, self._shapes) if match}
        if blocks != set(range(len(blocks))) or not 1 <= len(blocks) <= MOST_BLOCKS:
            raise ValueError(
                f"checkpoint: found {len(blocks)} blocks, expected blocks 0 to at most {MOST_BLOCKS - 1} without a "
                "gap; choose another file."
            )
        return len(blocks)


def check_widths(width: int, heads: int, times: int, expected: str) -> None:
    """Check that a network can rotate its heads and tell its timesteps.

    Args:
        width: of the network.
        heads: of its attention.
        times: numbers of a timestep.
        expected: what messages say was expected.

    Raises:
        ValueError: a head, or what a timestep is told by, would be no pairs of numbers.
    """
    if width % heads or width // heads % 2 or times % 2:
        raise ValueError(
            f"checkpoint: found a network {width} wide with {heads} heads and {times} numbers for a timestep, "
            f"{expected}; choose another file."
        )


def check_heads(width: int, entries: Mapping[str, Any], name: str) -> None:
    """Check that it is known how many heads a network has.

    Args:
        width: of the network.
        entries: our own metadata.
        name: how messages call the file.

    Raises:
        ValueError: it is not.
    """
    if not entries.get("heads") and width % HEAD_SIZE:
        raise ValueError(
            f"{name}: found a network {width} wide whose metadata does not say how many heads it has, expected 'heads' "
            "in it; train or download it again."
        )


def network_of(
    kind: type[Network],
    weights: Mapping[str, Tensor],
    sizes: Any,
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
    operations: Any = torch.nn,
) -> Network:
    """Return a network of these weights, ready to infer.

    Args:
        kind: of the network, which is built from its sizes.
        weights: under the released names, in any precision; every one is used, and none may be missing.
        sizes: as the family's `sizes_of` reads them.
        dtype: of the network. Matrix-Game 3.0's release rounds its weights to bfloat16, whatever the file holds.
        device: where it runs.
        operations: the layers it is built from.
    """
    return filled(kind(sizes, device="meta", operations=operations), weights, dtype, device)


def filled(
    network: Network, weights: Mapping[str, Tensor], dtype: torch.dtype, device: torch.device | str = "cpu"
) -> Network:
    """Return a network that was built without numbers with these, ready to infer.

    Args:
        network: on the meta device.
        weights: under the released names, in any precision; every one is used, and none may be missing.
        dtype: of the network.
        device: where it runs.
    """
    numbers = {key: tensor.to(device, dtype) for key, tensor in weights.items()}
    network.load_state_dict(numbers, strict=True, assign=True)
    network.dtype = dtype
    return network.eval().requires_grad_(False)
