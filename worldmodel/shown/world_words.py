"""What is in a world, in words: its size, what it was told, and where it walked."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import groupby

import torch
from torch import Tensor

from ..binding.motion import way_of
from ..binding.unbind import walked_track
from ..camera.poses import angles
from ..reading.words import counted
from ..track.track import Track
from ..variants import CORRECTED, Variant
from ..world.state import Chunk, World, frames, picture_size, variant_of

_LISTED_SEEDS = 6


def describe_world(world: World) -> str:
    """Say what is in a world: the summary, then a line for each run of chunks that were told the same."""
    return "\n".join((*summary(world), *_chunk_lines(world)))


def summary(world: World) -> tuple[str, ...]:
    """Say in a few lines how large a world is, how it began, and what was held and walked over its length."""
    variant, total = variant_of(world.start), frames(world)
    height, width = picture_size(world.start)
    chunks = counted(len(world.chunks), "chunk")
    form = f"; {world.start.form}" if world.start.form != CORRECTED else ""
    noise = "noise from the seed" if world.start.noise is None else "recorded noise"
    lines = [
        f"{variant.title}: {chunks}, {counted(total, 'frame')}, {total / variant.fps:.1f} s at {variant.fps:g} fps; "
        f"{width} x {height} pixels; {_size(world_bytes(world))}.",
        f"Start id {world.digest[:12]}; {noise}{form}.",
    ]
    if world.chunks:
        track = walked_track(world)
        keys = [] if variant.keyboard is None else [f"Keys: {_keys(track)}."]
        lines += [f"Seeds: {_seeds(world.chunks)}.", *keys, *_walk(track, variant)]
    return tuple(lines)


def world_bytes(world: World) -> int:
    """Return the size of a world's tensors, its context left out, in bytes."""
    start = world.start
    tensors = [*start.tensors.values(), *(start.noise or ())]
    for chunk in world.chunks:
        tensors += [chunk.latents, *chunk.controls.tensors.values()]
    return sum(tensor.nbytes for tensor in tensors)


def held_frames(track: Track) -> list[tuple[str, int]]:
    """Return (word, frames it was held) of each key that was held, most first."""
    counts = [(word, int((track.keys[:, column] > 0).sum())) for column, word in enumerate(track.words)]
    return sorted((pair for pair in counts if pair[1]), key=lambda pair: -pair[1])


def told(track: Track, rows: slice) -> str:
    """Say in a few words what some rows of a track ask for."""
    part = track._replace(keys=track.keys[rows], mouse=track.mouse[rows], prompts=())
    words = [f"{word} {count}" for word, count in held_frames(part)]
    if track.camera is not None and not track.words:
        length = track.camera.c2w[rows, :3, 3].diff(dim=0).norm(dim=1).sum()
        words += [f"camera {length:.1f} m"] if length > 0 else []
    turns = [_turn(part.mouse[:, axis].sum(), *names) for axis, names in enumerate((("right", "left"), ("up", "down")))]
    return ", ".join([*words, *filter(None, turns)]) or "idle"


def _chunk_lines(world: World) -> Iterator[str]:
    variant, track = variant_of(world.start), walked_track(world)

    def said(index: int) -> tuple[str, int, str]:
        rows = slice(variant.chunking.first_frame(index), variant.chunking.first_frame(index + 1))
        return told(track, rows), world.chunks[index].seed, world.chunks[index].controls.prompt

    for (words, seed, prompt), run in groupby(range(len(world.chunks)), key=said):
        first, *rest = run
        last = rest[-1] if rest else first
        spoken = f'; "{prompt}"' if prompt else ""
        shown = f"frames {variant.chunking.first_frame(first)}-{variant.chunking.first_frame(last + 1) - 1}"
        yield f"{_range('chunk', first, last)}, {shown}: {words}{' each' if rest else ''}; seed {seed}{spoken}."


def _seeds(chunks: tuple[Chunk, ...]) -> str:
    runs = [(seed, list(run)) for seed, run in groupby(range(len(chunks)), key=lambda index: chunks[index].seed)]
    if len(runs) == 1:
        return str(runs[0][0])
    listed = [f"{seed} ({_range('chunk', run[0], run[-1])})" for seed, run in runs[:_LISTED_SEEDS]]
    more = [f"{len(runs) - _LISTED_SEEDS} more"] if len(runs) > _LISTED_SEEDS else []
    return ", ".join([*listed, *more])


def _keys(track: Track) -> str:
    held = [f"{word} {count} ({count / track.frames:.0%})" for word, count in held_frames(track)]
    idle = int((track.keys.sum(1) == 0).sum())
    return ", ".join([*held, *([f"none {idle} ({idle / track.frames:.0%})"] if idle else [])])


def lasting_way(track: Track, variant: Variant) -> Tensor:
    """Return where the camera stands at each frame of a walk, and behind the last row: (F + 1, 4, 4), or (F, 4, 4) of a
    camera of its own."""
    lasting = torch.cat([track.keys, track.keys[-1:]]), torch.cat([track.mouse, track.mouse[-1:]])
    return way_of(track._replace(keys=lasting[0], mouse=lasting[1]), variant.motion)


def _walk(track: Track, variant: Variant) -> list[str]:
    """Reckon the path from the controls; nothing is said of a variant whose keys do not walk."""
    if not variant.walks:
        return []
    poses = lasting_way(track, variant)
    places = poses[:, :3, 3]
    length = places.diff(dim=0).norm(dim=1).sum()
    distance = (places[-1] - places[0]).norm()
    turned = _turn(_yaw(track, poses), "right", "left") or "0°"
    about = "about " if variant.mouse is not None and variant.mouse.assumed_units else ""
    return [f"Path: {about}{length:.1f} m, ends {distance:.1f} m from its start, turned {turned}; walls not counted."]


def _yaw(track: Track, poses: Tensor) -> Tensor:
    """Return how far the camera turned to the right in all, in degrees."""
    if track.camera is None:
        return track.mouse[:, 0].sum()
    yaw = angles(poses[:, :3, :3])[:, 0]
    return torch.remainder(yaw.diff() + math.pi, 2 * math.pi).sub(math.pi).sum().rad2deg()


def _turn(degrees: Tensor, positive: str, negative: str) -> str:
    value = float(degrees)
    return f"{abs(value):.0f}° {positive if value > 0 else negative}" if abs(value) >= 0.5 else ""


def _range(noun: str, first: int, last: int) -> str:
    return f"{noun} {first}" if first == last else f"{noun}s {first}-{last}"


def _size(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"
