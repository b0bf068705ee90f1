"""A place as the editors show it: the plan says what the engine builds, and the picture what one sees there."""

from __future__ import annotations

import io
import json

import golden_walls
import pytest
import torch
from PIL import Image

from worldmodel.tinyworld.scene import engine, menu, overhead, plans
from worldmodel.variants import BUILT_IN, VARIANTS

ASKED = {"level": "Frost Market", "world_seed": 0, "place": 2}


@pytest.mark.parametrize("level", menu.MENU)
def test_a_plan_has_walls_where_the_place_has_them(level: str) -> None:
    plan = overhead.ground_plan({**ASKED, "level": level, "world_seed": 3})
    places, (stood, yaw) = menu.place_in(level, 3, 2)
    solid = [[letter.isupper() for letter in row] for row in plan["cells"]]
    assert torch.equal(torch.tensor(solid).T, places.cells[0] > 0)
    assert plan["side"] == len(plan["cells"]) == plans.SIDE and plan["cell"] == engine.CELL
    assert set("".join(plan["cells"])) <= set(plan["colours"])
    assert plan["start"] == [*stood[0].tolist(), float(yaw[0])]
    assert plan == overhead.ground_plan({**ASKED, "level": None if level == menu.LAYOUT else level, "world_seed": 3})
    assert plan["title"] == (level if level != menu.LAYOUT else "random layout 3")
    json.dumps(plan)


def test_a_picture_shows_what_one_sees_at_a_pose() -> None:
    start = overhead.ground_plan(ASKED)["start"]
    places, (stood, yaw) = menu.place_in("Frost Market", 0, 2)
    size = tuple(overhead.SCALE * side for side in VARIANTS[BUILT_IN].picture)
    for turn in (0.0, 1.3):
        shown = Image.open(io.BytesIO(overhead.picture({**ASKED, "pose": [*start[:2], start[2] + turn]})))
        assert shown.format == "JPEG" and shown.size == size[::-1]
        seen = places.render(torch.zeros(1, dtype=torch.long), stood, yaw + turn, size).pixels[0]
        found = torch.frombuffer(bytearray(shown.tobytes()), dtype=torch.uint8).view(*size, 3) / 255
        assert (found - seen).abs().mean() < 0.02


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"level": "Nowhere"}, "level: found 'Nowhere', expected one of Lighthouse Square"),
        ({"level": 7}, "level must be the name of a level, not 7"),
        ({"place": -1}, "place must be a whole number from 0 to 2147483647, not -1"),
        ({"world_seed": True}, "world_seed must be a whole number"),
        ({"pose": [4.0, 4.0]}, "pose must be a list of 3 numbers, not a list of 2"),
        ({"pose": [0.5, 9.0, 0.0]}, r"pose: found \[0.5, 9.0, 0.0\], expected a place between the walls"),
        ({"pose": [-3.0, 9.0, 0.0]}, "expected a place between the walls; walk from the plan's start."),
        ({"pose": [1e300, 9.0, 0.0]}, "expected a place between the walls"),
        ({"pose": [9.0, 9.0, float("inf")]}, "must be a number, not infinity"),
    ],
)
def test_what_cannot_be_shown_is_named(more: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        overhead.picture({**ASKED, **more})


def test_the_walks_that_the_page_is_held_against_are_the_engines() -> None:
    kept = json.loads(golden_walls.GOLDEN.read_text(encoding="utf-8"))["walks"]
    for (place, text), old in zip(golden_walls.WALKS.items(), kept, strict=True):
        now = json.loads(json.dumps(golden_walls.golden(place, text)))
        poses = now.pop("poses")
        assert poses == [pytest.approx(row, abs=1e-9) for row in old.pop("poses")]
        assert now == old and old["bumped"]


def test_frames_in_which_a_wall_stands_are_named_in_runs() -> None:
    bumped = torch.tensor([False, True, True, False, True])
    assert overhead.stopped_words(bumped) == "track: a wall stops the walk, or lets it slide, in frames 1-2, 4."
    assert overhead.stopped_words(bumped[:1]) == ""
    assert overhead.stopped_words(torch.arange(40) % 2 == 0).endswith("12, 14 and 12 times more.")
