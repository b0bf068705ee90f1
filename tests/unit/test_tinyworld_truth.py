"""What is true of a walk: the engine's poses, also walked piece by piece, and goals that one can walk to."""

from __future__ import annotations

import json
import math

import pytest
import torch

from worldmodel.tinyworld import pilot, truth
from worldmodel.tinyworld.scene import engine, menu

ASKED = {"level": "The Three Gates", "world_seed": 0, "place": 4}
PIECES = {"forward*90": 90, "forward+yaw_right(3)*30": 30, "left*60": 60, "back*90": 90}


def test_poses_are_the_engines_and_walking_piece_by_piece_changes_nothing() -> None:
    told = truth.truth({**ASKED, "track": " ".join(PIECES)})
    places, start = menu.place_in("The Three Gates", 0, 4)
    keys, turns = torch.zeros(1, 270, 4), torch.zeros(1, 270, dtype=torch.float64)
    for column, (first, last) in enumerate([(0, 120), (180, 270), (120, 180)]):
        keys[0, first:last, column] = 1
    turns[0, 90:120] = 3
    walks = pilot.play(places, torch.zeros(1, dtype=torch.long), start, pilot.Actions(keys, turns))
    found = torch.tensor(told["poses"], dtype=torch.float64)
    assert found.shape == (271, 3) and told["goal"] is None and told["distances"] is None
    assert torch.equal(found[:, :2], walks.places[0])
    torch.testing.assert_close(found[:, 2], walks.yaws[0], rtol=0, atol=1e-6)
    assert told["stopped"] and told["stopped"] == torch.nonzero(walks.bumped[0])[:, 0].tolist()
    poses, stopped, rows = [told["poses"][0]], [], 0
    for piece, frames in PIECES.items():
        told_piece = truth.truth({**ASKED, "track": piece, "from": json.loads(json.dumps(poses[-1]))})
        poses += told_piece["poses"][1:]
        stopped += [rows + row for row in told_piece["stopped"]]
        rows += frames
    assert poses == told["poses"] and stopped == told["stopped"]


@pytest.mark.parametrize("level", menu.MENU)
def test_a_goal_is_a_place_that_one_can_stand_at_and_its_seed_alone_draws_it(level: str) -> None:
    places, _ = menu.place_in(level, 3, 0)
    goals = set()
    for seed in range(20):
        told = truth.truth({**ASKED, "level": level, "world_seed": 3, "place": 0, "goal": seed, "track": "forward*2"})
        x, z = told["goal"]
        assert engine.fits(places, torch.zeros(1, dtype=torch.long), torch.tensor([[x, z]], dtype=torch.float64)).all()
        away = [math.hypot(pose[0] - x, pose[1] - z) for pose in told["poses"]]
        assert told["distances"] == away and len(away) == 3 and away[0] > 1
        again = truth.truth({"level": level, "world_seed": 3, "place": 0, "goal": seed})
        assert again["goal"] == [x, z] and len(again["poses"]) == 1 and again["stopped"] == []
        goals.add((x, z))
    assert len(goals) == 20


def test_goals_are_reached_through_free_cells_alone() -> None:
    cells = torch.zeros(14, 14, dtype=torch.long)
    cells[5] = 1  # a wall through all of it
    reached = truth._reached(cells.numpy(), 2, 2)
    assert reached[:5].all() and not reached[5:].any()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"level": "Nowhere"}, "level: found 'Nowhere', expected one of"),
        ({"track": 5}, "track: found 5, expected the text of a track"),
        ({"track": "forwad*3"}, "forwad"),
        ({"from": [0.1, 0.1, 0.0]}, "from: found .*, expected a pose between the walls"),
        ({"from": [-5.0, 0.1, 0.0]}, "from: found .*, expected a pose between the walls"),
        ({"from": [1.0, 2.0]}, "from must be a list of 3 numbers"),
        ({"goal": -1}, "goal: found -1, expected a whole number"),
        ({"goal": "a"}, 'goal: found "a", expected a whole number'),
    ],
)  # fmt: skip
def test_what_has_no_truth_is_named(more: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        truth.truth({**ASKED, **more})
