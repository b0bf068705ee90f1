"""What every Tiny World model is judged on: fixed places in held-out worlds and fixed tracks, as one committed file.

The functions here drew the file once; judging reads it, so that a later pilot or generator changes no suite. Another
choice of places or tracks is another suite with another number.

Shapes: N tracks, R rows of actions.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ...binding.follow import follow
from ...camera.path import CameraPath, PathKeyframe
from ...camera.path_poses import path_poses
from ...metrics.pictures import psnr, squared_error
from ...reading.safetensors_files import load_safetensors
from ...storage.tensors import save_tensors
from ...variants import VARIANTS
from .. import data, engine, pilot

NAME = "tiny_world_1"
FILE = Path(__file__).with_name(f"{NAME}.safetensors")
CLEARLY = 25.0
"""dB: a start counts only if what is told apart differs more than this in the true films."""
PAIRS = (("forward", "back"), ("left", "right"), ("yaw_right", "yaw_left"))
OPPOSITES = {one: other for pair in PAIRS for one, other in (pair, pair[::-1])}
_BATCH = 32
_TURN_UNIT = 1000
"""Turns are stored in thousandths of a degree."""


class Tracks(NamedTuple):
    """Places in worlds, each with a track: seeds (N,) int64; places (N, 2) metres and yaws (N,) radians, float64;
    keys (N, R, 4) uint8; turns (N, R) int16, thousandths of a degree per frame. R is 0 where the measure holds keys."""

    seeds: Tensor
    places: Tensor
    yaws: Tensor
    keys: Tensor
    turns: Tensor

    def part(self, span: slice) -> Tracks:
        """Return some of the tracks."""
        return type(self)(*(value[span] for value in self))

    def batches(self, tracks: int, size: int = _BATCH) -> Iterator[tuple[int, Tracks]]:
        """Yield the first `tracks` tracks in batches with their number, which fixes the noise."""
        for number, first in enumerate(range(0, min(tracks, len(self.seeds)), size)):
            yield number, self.part(slice(first, min(first + size, tracks)))

    def worlds(self) -> engine.Worlds:
        """Build the world of each track."""
        return engine.build_worlds(self.seeds.tolist())

    def walk(
        self, actions: pilot.Actions | None = None, frames: int | None = None
    ) -> tuple[engine.Worlds, pilot.Walks]:
        """Walk other actions, or the tracks' own for `frames` frames."""
        worlds, actions = self.worlds(), actions or self.actions(frames)
        return worlds, pilot.play(worlds, torch.arange(len(self.seeds)), (self.places, self.yaws), actions)

    def actions(self, frames: int | None = None) -> pilot.Actions:
        """Return the actions that lead through `frames` frames (`None`: all)."""
        rows = slice(None if frames is None else frames - 1)
        return pilot.Actions(self.keys[:, rows].float(), self.turns[:, rows].double() / _TURN_UNIT)


def load(path: Path = FILE) -> dict[str, Tracks]:
    """Read a suite: `vae`, `obeys_<action>`, `turns`, `world`, `long` and `drawn`."""
    tensors, _ = load_safetensors(path)
    names = {key.rsplit(".", 1)[0] for key in tensors}
    return {name: Tracks(*(tensors[f"{name}.{field}"] for field in Tracks._fields)) for name in sorted(names)}


def write(path: Path = FILE) -> None:
    """Draw the suite anew and write it."""
    tracks = {
        "vae": gather(draw_played("vae", 32), 32),
        **{f"obeys_{action}": gather(draw_obeyed(action), 256) for action in OPPOSITES},
        "turns": gather(draw_standing(), 64),
        "world": gather(draw_moving(), 256),
        "long": gather(draw_explored(), 32),
        "drawn": gather(draw_drawn(), 64),
    }
    flat = {f"{name}.{key}": value.contiguous() for name, one in tracks.items() for key, value in one._asdict().items()}
    save_tensors(path, flat)


def gather(parts: Iterator[Tracks], tracks: int) -> Tracks:
    """Take the first `tracks` tracks of an endless supply."""
    taken: list[Tracks] = []
    while sum(len(part.seeds) for part in taken) < tracks:
        taken.append(next(parts))
    return Tracks(*(torch.cat(column)[:tracks] for column in zip(*taken, strict=True)))


def _supply(name: str) -> Iterator[tuple[np.random.Generator, tuple]]:
    """Yield batches of held-out starts, each with a generator of its own, so that a batch can be drawn alone."""
    for number in count():
        random = np.random.default_rng([1, *name.encode(), number])
        yield random, data.draw_starts(random, _BATCH, held_out=True)


def _tracks(worlds: engine.Worlds, start: tuple[Tensor, Tensor], actions: pilot.Actions) -> Tracks:
    turns = (actions.turns * _TURN_UNIT).round().short()
    return Tracks(torch.tensor(worlds.seeds), *start, actions.keys.byte(), turns)


def draw_played(name: str, rows: int) -> Iterator[Tracks]:
    """Draw what a player might press, for `rows` rows."""
    for random, (worlds, _, start) in _supply(name):
        yield _tracks(worlds, start, pilot.random_actions(random, _BATCH, rows))


def draw_standing() -> Iterator[Tracks]:
    """Draw places without a track."""
    return draw_played("turns", 0)


def draw_explored() -> Iterator[Tracks]:
    """Draw long walks from goal to goal."""
    for random, (worlds, which, start) in _supply("long"):
        yield _tracks(worlds, start, pilot.explore(worlds, which, start, 500, random).actions)


def draw_moving(rows: int = 32, judged: int = 25) -> Iterator[Tracks]:
    """Draw what a player might press where the first `judged` frames clearly leave the first."""
    for drawn in draw_played("world", rows):
        film = pilot.film(*drawn.walk(frames=judged), data.PICTURE).movedim(-1, 2)
        moving = psnr(squared_error(film[:, 1:], film[:, :1]).mean(1)) <= CLEARLY
        yield Tracks(*(value[moving] for value in drawn))


def draw_drawn(frames: int = 57) -> Iterator[Tracks]:
    """Draw camera paths of four keyframes, compiled to keys and mouse, that lead along no wall."""
    for random, (worlds, which, start) in _supply("drawn"):
        rows = [follow(path_poses(draw_path(random, frames)), VARIANTS["tiny_world"]).track for _ in range(_BATCH)]
        # a path that never strafes has no column for it
        keys = torch.stack([
            torch.stack([row.keys[:, row.words.index(word)] if word in row.words else row.keys[:, 0] * 0
                         for word in pilot.WORDS], 1)
            for row in rows
        ])  # fmt: skip
        actions = pilot.Actions(keys, torch.stack([row.mouse[:, 0] for row in rows]).double())
        free = ~pilot.play(worlds, which, start, actions).bumped.any(1)
        yield Tracks(*(value[free] for value in _tracks(worlds, start, actions)))


def draw_path(random: np.random.Generator, frames: int) -> CameraPath:
    """Draw a path that begins level at the origin, at half the walking speed to nearly all of it, in wide bends."""
    at = np.linspace(0, frames - 1, 4).round().astype(int)
    place, heading, keyframes = np.zeros(2), 0.0, [PathKeyframe(0, (0.0, 0.0, 0.0))]
    for frame, length in zip(at[1:], np.diff(at), strict=True):
        heading += random.uniform(-0.8, 0.8)
        way = random.uniform(0.5, 0.9) * pilot.STEP * length
        place = place + way * np.array([np.sin(heading), np.cos(heading)])
        keyframes.append(PathKeyframe(int(frame), (float(place[0]), 0.0, float(place[1]))))
    return CameraPath(frames, tuple(keyframes))


def draw_obeyed(action: str, frames: int = 9) -> Iterator[Tracks]:
    """Draw places where holding the action and holding its opposite look clearly different."""
    for drawn in draw_played(f"obeys_{action}", 0):
        films = [
            pilot.film(*drawn.walk(hold(name, _BATCH, frames - 1)), data.PICTURE).movedim(-1, 2)
            for name in (action, OPPOSITES[action])
        ]
        differ = psnr(squared_error(*films)[:, 1:].mean(1)) <= CLEARLY
        yield Tracks(*(value[differ] for value in drawn))


def hold(name: str, walkers: int, rows: int) -> pilot.Actions:
    """Return an action by its name held for all rows, `yaw_right` being 1.5 degrees per frame."""
    turn = {"yaw_right": pilot.TURN, "yaw_left": -pilot.TURN}.get(name, 0.0)
    return pilot.hold((name,), turn, walkers, rows)
