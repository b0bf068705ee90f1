"""A drawn path, compiled to Tiny World's keys and played by its engine, is the path that was drawn."""

from __future__ import annotations

import json
import sys

import drawn_paths
import numpy as np
import pytest
import torch
from torch import Tensor

from worldmodel.binding.bind import bind_track
from worldmodel.binding.follow import follow_poses
from worldmodel.camera.path_poses import parse_path, path_poses
from worldmodel.camera.poses import Poses, angles
from worldmodel.tinyworld import pilot
from worldmodel.tinyworld.scene import engine

TEXTS = json.loads(drawn_paths.DRAWN.read_text(encoding="utf-8"))
TINY_WORLD = drawn_paths.TINY_WORLD
NEAR, BAR = 0.5, 0.95
"""Metres from the path, and the share of frames that must be so near."""
STARTS = 6


def play(c2w: Tensor, worlds: engine.Places, start: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Compile a path, play it from some places, and hold it against the path laid there.

    Returns:
        (starts, frames) metres from the path, and (starts, frames) whether no wall was hit before.
    """
    bound = bind_track(follow_poses(Poses(c2w), TINY_WORLD).track, TINY_WORLD)
    starts = len(start[1])
    keys, turns = bound.controls.keyboard.expand(starts, -1, -1), bound.turns[:, 0].double().expand(starts, -1)
    walks = pilot.play(worlds, torch.zeros(starts, dtype=torch.long), start, pilot.Actions(keys, turns))
    turn = start[1] - angles(c2w[0, :3, :3])[0]
    x, z = (c2w[:, [0, 2], 3] - c2w[0, [0, 2], 3]).unbind(1)
    sin, cos = turn.sin()[:, None], turn.cos()[:, None]
    drawn = torch.stack([x * cos + z * sin, z * cos - x * sin], -1) + start[0][:, None]  # (starts, frames, 2)
    frames = len(c2w)
    free = torch.cat([torch.zeros(starts, 1), walks.bumped[:, : frames - 1].float()], 1).cumsum(1) == 0
    return (walks.places[:, :frames] - drawn).norm(dim=-1), free


@pytest.mark.parametrize("walls", [False, True])
def test_drawn_paths_are_walked(walls: bool, capsys: pytest.CaptureFixture[str]) -> None:
    worlds = engine.build([3])
    if not walls:
        worlds = worlds._replace(cells=torch.zeros_like(worlds.cells))
    away, free = [], []
    for number, text in enumerate(TEXTS[::2]):
        start = engine.random_starts(worlds, torch.zeros(STARTS, dtype=torch.long), np.random.default_rng(number))
        metres, unhindered = play(path_poses(parse_path(text)), worlds, start)
        away.append(metres.flatten())
        free.append(unhindered.flatten())
    metres = torch.cat(away)[torch.cat(free)]
    near = float((metres <= NEAR).double().mean())
    where = "frames before the first wall" if walls else "no walls"
    with capsys.disabled():
        sys.stdout.write(
            f"\n{len(TEXTS[::2])} drawn paths, {where}: {len(metres)} frames, {100 * near:.2f} % within {NEAR} m, "
            f"mean {metres.mean():.3f} m, most {metres.max():.3f} m\n"
        )
    assert near >= BAR and len(metres) > 2000


def test_the_committed_paths_are_drawn_within_the_models_limits() -> None:
    assert len(TEXTS) == drawn_paths.PATHS and all(drawn_paths.within_limits(parse_path(text)) for text in TEXTS)
    paths = [parse_path(text) for text in TEXTS]
    looks = {keyframe.look if isinstance(keyframe.look, str) else "keyed" for p in paths for keyframe in p.keyframes}
    assert looks == {"path", "target", "keyed"} and 0 < sum(path.closed for path in paths) < len(paths)
