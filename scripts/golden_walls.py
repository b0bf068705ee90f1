"""Walks between walls as Tiny World's engine walks them: what the page must compute as Python does.

`python scripts/golden_walls.py` in any Python that has torch writes tests/golden/tracks/walls.json anew.
"""

from __future__ import annotations

import json
from typing import Any

import torch
from repository import REPOSITORY

from worldmodel.binding.bind import bind_track
from worldmodel.tinyworld import pilot
from worldmodel.tinyworld.scene import menu, overhead
from worldmodel.track.track import parse_timeline, parse_track, write_track
from worldmodel.variants import BUILT_IN, VARIANTS

GOLDEN = REPOSITORY / "tests" / "golden" / "tracks" / "walls.json"
EVERY = 7
"""Frames from one pose that is written down to the next."""
WALKS = {
    ("Lighthouse Square", 0, 0): "forward*90 forward+yaw_right(2.5)*40 forward+left*60 back+right*50",
    ("Neon Corner", 0, 3): "forward+yaw_left(1.2)*160 right*40 forward*40",
    (menu.LAYOUT, 12, 1): "back*120 left*60 forward+right+yaw_right(3.9)*90",
}


def golden(place: tuple[str, int, int], text: str) -> dict[str, Any]:
    """Walk a track in a place."""
    level, layout, number = place
    asked = {"level": level, "world_seed": layout, "place": number}
    bound = bind_track(parse_track(text), VARIANTS[BUILT_IN])
    moves = pilot.moves(bound.controls.keyboard)[None]
    places, start = menu.place_in(*place)
    which = torch.zeros(1, dtype=torch.long)
    stood, yaws, bumped = places.walk(which, *start, moves, bound.turns[None, :, 0].double().deg2rad())
    poses = torch.cat([stood[0], yaws[0, :, None]], 1)[::EVERY]
    return {
        "asked": asked,
        "text": text,
        "canonical": write_track(parse_timeline(text)),
        "plan": overhead.ground_plan(asked),
        "poses": poses.tolist(),
        "bumped": torch.nonzero(bumped[0])[:, 0].tolist(),
    }


def main() -> None:
    """Write the file."""
    walks = [golden(place, text) for place, text in WALKS.items()]
    GOLDEN.write_text(json.dumps({"every": EVERY, "walks": walks}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
