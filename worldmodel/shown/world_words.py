"""What is in a world, in words: its size, what it was told, and where it walked."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

import torch
from torch import Tensor

from ..binding.motion import integrate
from ..binding.unbind import walked_track
from ..reading.words import counted
from ..track.track import Track
from ..variants import Variant, variant_named
from ..world.state import Chunk, World, frames

_LISTED_SEEDS = 6


def describe_world(world: World) -> str:
    """Say what is in a world: the summary, then a line for each run of chunks that were told the same."""
    return "\n".join((*summary(world), *_chunk_lines(world)))


def summary(world: World) -> tuple[str, ...]:
    """Say in a few lines how large a world is, how it began, and what was held and walked over its length."""
    variant, total = variant_named(world.start.variant), frames(world)
    height, width = (side * 8 for side in world.start.image_condition.shape[2:])
    chunks = counted(len(world.chunks), "chunk")
    noise = "noise from the seed" if world.start.noise is None else "recorded noise"
    lines = [
        f"{variant.title}: {chunks}, {counted(total, 'frame')}, {total / variant.fps:.1f} s at {variant.fps:g} fps; "
        f"{width} x {height} pixels; {_size(world_bytes(world))}.",
        f"Start {world.digest[:12]}; {noise}.",
    ]
    if world.chunks:
        track = walked_track(world)
        lines += [f"Seeds: {_seeds(world.chunks)}.", f"Keys: {_keys(track)}.", *_walk(track, variant)]
    return tuple(lines)


def world_bytes(world: World) -> int:
    """Return the size of a world's tensors, its context left out, in bytes."""
    start = world.start
    tensors = [start.image_condition, start.visual_context, *(start.noise or ())]
    for chunk in world.chunks:
        tensors += [chunk.latents, *chunk.controls, chunk.poses]
    return sum(tensor.nbytes for tensor in tensors if tensor is not None)


def held_frames(track: Track) -> list[tuple[str, int]]:
    """Return (word, frames it was held) of each key that was held, most first."""
    counts = [(word, int((track.keys[:, column] > 0).sum())) for column, word in enumerate(track.words)]
    return sorted((pair for pair in counts if pair[1]), key=lambda pair: -pair[1])


def told(track: Track, rows: slice) -> str:
    """Say in a few words what some rows of a track ask for."""
    part = track._replace(keys=track.keys[rows], mouse=track.mouse[rows], prompts=())
    words = [f"{word} {count}" for word, count in held_frames(part)]
    turns = [_turn(part.mouse[:, axis].sum(), *names) for axis, names in enumerate((("right", "left"), ("up", "down")))]
    return ", ".join([*words, *filter(None, turns)]) or "idle"


def _chunk_lines(world: World) -> Iterator[str]:
    variant, track = variant_named(world.start.variant), walked_track(world)

    def said(index: int) -> tuple[str, int, str]:
        rows = slice(variant.first_frame(index), variant.first_frame(index + 1))
        return told(track, rows), world.chunks[index].seed, world.chunks[index].prompt

    for (words, seed, prompt), run in groupby(range(len(world.chunks)), key=said):
        first, *rest = run
        last = rest[-1] if rest else first
        spoken = f'; "{prompt}"' if prompt else ""
        shown = f"frames {variant.first_frame(first)}-{variant.first_frame(last + 1) - 1}"
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


def _walk(track: Track, variant: Variant) -> list[str]:
    """Reckon the path from the controls; nothing is said of a variant whose keys do not walk."""
    if "forward" not in variant.keyboard.words:
        return []
    lasting = torch.cat([track.keys, track.keys[-1:]]), torch.cat([track.mouse, track.mouse[-1:]])
    places = integrate(track._replace(keys=lasting[0], mouse=lasting[1]), variant.motion)[:, :3, 3]  # (F + 1, 3)
    length = places.diff(dim=0).norm(dim=1).sum()
    distance = (places[-1] - places[0]).norm()
    turned = _turn(track.mouse[:, 0].sum(), "right", "left") or "0°"
    about = "about " if variant.mouse is not None and variant.mouse.assumed_units else ""
    return [f"Path: {about}{length:.1f} m, ends {distance:.1f} m from its start, turned {turned}; walls not counted."]


def _turn(degrees: Tensor, positive: str, negative: str) -> str:
    value = float(degrees)
    return f"{abs(value):.0f}° {positive if value > 0 else negative}" if abs(value) >= 0.5 else ""


def _range(noun: str, first: int, last: int) -> str:
    return f"{noun} {first}" if first == last else f"{noun}s {first}-{last}"


def _size(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"
