"""What a world was told: the controls of its chunks as a track again.

Shapes: F video frames, K keys.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..camera.poses import Poses
from ..track.track import Track
from ..variants import Variant
from ..world.state import Controls, World, variant_of


def walked_track(world: World, first_chunk: int = 0) -> Track:
    """Return what the chunks from `first_chunk` on were told; bound to the same variant it gives their controls again.

    Args:
        world: of any variant.
        first_chunk: 0 for the whole walk; the number of chunks gives a track without frames.
    """
    told = [chunk.controls for chunk in world.chunks[first_chunk:]]
    return told_track(told, variant_of(world.start), first_chunk)


def told_track(told: Sequence[Controls], variant: Variant, first_chunk: int = 0) -> Track:
    """Return the track that the controls of chunks say, which follow one another from `first_chunk` on."""
    prompts, frame, before = [], 0, ""
    for index, controls in enumerate(told, first_chunk):
        if controls.prompt != before:
            prompts.append((frame, controls.prompt))
        frame, before = frame + variant.chunking.frames(index), controls.prompt
    track = unbound(joined(told), variant, frame)
    return track._replace(prompts=tuple(prompts))


def joined(told: Sequence[Controls]) -> Controls:
    """Return the rows of controls that follow one another, without their prompts."""
    parts = {name: [controls.tensors[name] for controls in told] for name in (told[0].tensors if told else ())}
    return Controls(None, None)._replace(**{name: torch.cat(rows) for name, rows in parts.items()})


def unbound(controls: Controls, variant: Variant, frames: int) -> Track:
    """Return the track that a variant's controls say; a camera is told only where no keys move it."""
    keys = variant.keyboard
    columns = [] if keys is None else [i for i in range(len(keys.words)) if i != keys.idle]
    words = tuple(keys.words[i] for i in columns) if keys is not None else ()
    keyboard = torch.zeros(frames, len(words)) if controls.keyboard is None else controls.keyboard[:, columns]
    mouse = torch.zeros(frames, 2) if controls.mouse is None else _degrees(controls.mouse, variant)
    camera = Poses(controls.c2w, fps=variant.fps) if keys is None and controls.c2w is not None else None
    return Track(words, keyboard, mouse, camera=camera)


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
