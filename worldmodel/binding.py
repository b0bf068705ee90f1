"""The binding report: what a model gets of a track, frame by frame and in words."""

from __future__ import annotations

from typing import Any

from .bind import bind_track
from .track import Track
from .variants import Variant


def binding(track: Track, variant: Variant) -> dict[str, Any]:
    """Return the binding report as JSON values."""
    rows = [
        {"kind": "dropped", "from": 0, "to": track.frames - 1, "what": what, "asked": "", "got": "", "why": why}
        for what, why in (sentence.split(": ", 1) for sentence in bind_track(track, variant).report)
    ]
    return {"model": variant.title, "frames": track.frames, "band": [["kept", 0, track.frames]], "rows": rows}
