"""What a model is told besides keys and mouse: where its camera stands, and sentences.

Shapes: F frames of a track.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from ..camera.poses import invert
from ..reading.words import shortened
from ..track.track import Track
from ..variants import Chunking, Variant
from ..world.state import Controls, World
from .motion import integrate
from .report import Row
from .unbind import unbound, walked_track

Events = tuple[tuple[int, str], ...]
"""(frame, text), by frame."""
_NEAR = 2.0
"""Longest steps of a camera within which a track's first place goes on from a world's last one."""


def camera_of_controls(controls: Controls, track: Track, variant: Variant, behind: World | None) -> Tensor:
    """Return where a model's camera stands at the frames of a track, (F, 4, 4) float64.

    Keys and mouse that a model has move its camera as the model's own motion says, from the world's beginning on, so
    that a walk in two parts is the walk as a whole. A model that has none goes where the track's camera goes, or, where
    it has no camera, where its keys and mouse lead.

    Args:
        controls: keys and mouse of the track, bound.
        track: what was asked for.
        variant: reads a camera.
        behind: the world that the track goes on from; `None`: a fresh one.
    """
    motion = variant.motion if behind is None else variant.motion_of(behind.start.form)
    old = Track((), torch.zeros(0, 0), torch.zeros(0, 2)) if behind is None else walked_track(behind)
    if variant.keyboard is not None:
        new = unbound(controls, variant, track.frames)
        keys = torch.cat([old.keys if old.words else torch.zeros(0, new.keys.shape[1]), new.keys])
        whole = Track(new.words, keys, torch.cat([old.mouse, new.mouse]))
        return integrate(whole, motion)[len(old.mouse) :]
    poses = integrate(track, motion) if track.camera is None else track.camera.c2w.double()
    if old.camera is None or not len(poses):
        return poses
    ahead = _ahead(old.camera.c2w)
    if track.camera is not None and _goes_on(old.camera.c2w, poses, ahead):
        return poses
    return ahead @ invert(poses[0]) @ poses


def _ahead(c2w: Tensor) -> Tensor:
    """Return where a camera will be one frame later if it goes on as it moved last."""
    return c2w[-1] if len(c2w) < 2 else c2w[-1] @ invert(c2w[-2]) @ c2w[-1]


def _goes_on(old: Tensor, new: Tensor, ahead: Tensor) -> bool:
    """Tell whether a path begins about where another one would go on."""
    steps = torch.cat([old, new])[:, :3, 3].diff(dim=0)
    own = steps[torch.arange(len(steps)) != len(old) - 1].norm(dim=1)
    longest = own.max() if len(own) else torch.zeros(())
    return bool((new[0, :3, 3] - ahead[:3, 3]).norm() <= _NEAR * longest + 1e-6)


def events_of(track: Track, variant: Variant, first_chunk: int) -> tuple[Events, list[Row]]:
    """Return when which sentence begins to hold, and what is lost: it takes effect at the next chunk's border.

    Args:
        track: its prompt lane.
        variant: the model.
        first_chunk: the chunk that the track begins with.
    """
    rows: list[Row] = []
    if variant.text is None:
        why = f"{variant.title} reads no text"
        rows = [Row("dropped", at, at, "prompt", f"“{shortened(text)}”", "none", why) for at, text in track.prompts]
        return (), rows
    for at, text in track.prompts:
        border = next_border(variant.chunking, first_chunk, at)
        if border != at and at < track.frames:
            why = f"{variant.title} hears a new sentence where a chunk begins"
            got = f"from frame {border}" if border < track.frames else "none"
            kind = "quantised" if border < track.frames else "dropped"
            rows.append(Row(kind, at, min(border, track.frames) - 1, "prompt", f"“{shortened(text)}”", got, why))
    return track.prompts, rows


def next_border(chunking: Chunking, first_chunk: int, frame: int) -> int:
    """Return the first frame, from `frame` of a track on, at which a chunk begins.

    Args:
        first_chunk: the chunk that the track begins with.
    """
    offset = chunking.first_frame(first_chunk)
    chunk = chunking.chunk_of(offset + frame)
    begins = chunking.first_frame(chunk) - offset
    return begins if begins >= frame else chunking.first_frame(chunk + 1) - offset


def sentences_of(events: Events, begins: Sequence[int] | Iterable[int], prompt: str) -> list[str]:
    """Return the sentence that holds in each chunk.

    Args:
        events: by frame.
        begins: the frame at which each chunk begins.
        prompt: what holds before the first event.
    """
    return [next((text for at, text in reversed(events) if at <= frame), prompt) for frame in begins]
