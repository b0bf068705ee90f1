"""What a world was told: the controls of its chunks as a track again.

Shapes: F video frames, K keys.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..track.track import Track
from ..variants import Variant, variant_named
from ..world.state import World


def walked_track(world: World, first_chunk: int = 0) -> Track:
    """Return what the chunks from `first_chunk` on were told; bound to the same variant it gives their controls again.

    Args:
        world: of any variant.
        first_chunk: 0 for the whole walk; the number of chunks gives a track without frames.
    """
    variant = variant_named(world.start.variant)
    chunks = world.chunks[first_chunk:]
    empty = torch.zeros(0, len(variant.keyboard.words))
    keyboard = torch.cat([empty, *(chunk.controls.keyboard for chunk in chunks)])  # (F, K)
    columns = [i for i in range(keyboard.shape[1]) if i != variant.keyboard.idle]
    mouse = torch.zeros(len(keyboard), 2)
    if variant.mouse is not None and chunks:
        mouse = _degrees(torch.cat([chunk.controls.mouse for chunk in chunks]), variant)
    prompts, frame, before = [], 0, ""
    for chunk in chunks:
        if chunk.prompt != before:
            prompts.append((frame, chunk.prompt))
        frame, before = frame + len(chunk.controls.keyboard), chunk.prompt
    words = tuple(variant.keyboard.words[i] for i in columns)
    return Track(words, keyboard[:, columns], mouse, tuple(prompts))


def _degrees(units: Tensor, variant: Variant) -> Tensor:
    """Turn mouse columns (F, 2) into yaw and pitch in degrees, choosing the float that binding turns back exactly."""
    per_unit = variant.mouse.degrees_per_unit
    exact = units.double() * per_unit
    degrees = exact.float()
    for direction in (torch.inf, -torch.inf):
        beside = torch.nextafter(exact.float(), torch.tensor(direction))
        lost = (degrees.double() / per_unit).float() != units
        degrees = torch.where(lost & ((beside.double() / per_unit).float() == units), beside, degrees)
    order = [variant.mouse.order.index(axis) for axis in ("yaw", "pitch")]
    return degrees[:, order]
