"""What every Tiny World model is judged on: fixed places and fixed tracks, as one committed file.

Each suite is there twice: in the levels, where starts and walks are held out, and in random layouts that were held out
as a whole. Their names say which: `levels.world`, `layouts.world`. `loops` are walks that come home.

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
from .. import pilot
from ..scene import clips, engine, plans, walkers

NAME = "tiny_world_2"
FILE = Path(__file__).with_name(f"{NAME}.safetensors")
KINDS = ("levels", "layouts")
LONG, LOOP = 1000, 1000
"""Rows of a long walk, and of a loop at most."""
CLEARLY = 25.0
"""dB: a start counts only if what is told apart differs more than this in the true films."""
PAIRS = (("forward", "back"), ("left", "right"), ("yaw_right", "yaw_left"))
OPPOSITES = {one: other for pair in PAIRS for one, other in (pair, pair[::-1])}
_BATCH = 32
_TURN_UNIT = 1000
"""Turns are stored in thousandths of a degree."""
_BITS = torch.tensor([1, 2, 4, 8], dtype=torch.uint8)


class Tracks(NamedTuple):
    """Starts in places, each with a track: seeds (N,) int64; places (N, 2) metres and yaws (N,) radians, float64;
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

    def worlds(self) -> engine.Places:
        """Build the place of each track."""
        return engine.build(self.seeds.tolist())

    def walk(
        self, actions: pilot.Actions | None = None, frames: int | None = None
    ) -> tuple[engine.Places, pilot.Walks]:
        """Walk other actions, or the tracks' own for `frames` frames."""
        worlds, actions = self.worlds(), actions or self.actions(frames)
        return worlds, pilot.play(worlds, torch.arange(len(self.seeds)), (self.places, self.yaws), actions)

    def actions(self, frames: int | None = None) -> pilot.Actions:
        """Return the actions that lead through `frames` frames (`None`: all)."""
        rows = slice(None if frames is None else frames - 1)
        return pilot.Actions(self.keys[:, rows].float(), self.turns[:, rows].double() / _TURN_UNIT)


def load(kind: str, path: Path = FILE) -> dict[str, Tracks]:
    """Read the suites of a kind: `vae`, `obeys_<action>`, `turns`, `world`, `long`, `drawn` and `loops`."""
    tensors, _ = load_safetensors(path)
    names = {key.split(".")[1] for key in tensors if key.startswith(f"{kind}.")}
    found = {}
    for name in sorted(names):
        fields = {field: tensors[f"{kind}.{name}.{field}"] for field in Tracks._fields}
        fields["keys"] = (fields["keys"][..., None] & _BITS).ne(0).byte()
        found[name] = Tracks(**fields)
    return found


def write(path: Path = FILE) -> None:
    """Draw the suites anew and write them; keys as bits, forward first."""
    flat: dict[str, Tensor] = {}
    for kind in KINDS:
        tracks = {
            "vae": gather(draw_played(kind, "vae", 32), 32),
            **{f"obeys_{action}": gather(draw_obeyed(kind, action), 256) for action in OPPOSITES},
            "turns": gather(draw_played(kind, "turns", 0), 64),
            "world": gather(draw_moving(kind), 256),
            "long": gather(draw_explored(kind), 200 if kind == "levels" else 64),
            "drawn": gather(draw_drawn(kind), 64),
            "loops": gather(draw_loops(kind), 64),
        }
        for name, one in tracks.items():
            packed = one._replace(keys=(one.keys * _BITS).sum(-1, dtype=torch.uint8))
            flat.update({f"{kind}.{name}.{key}": value.contiguous() for key, value in packed._asdict().items()})
    save_tensors(path, flat)


def gather(parts: Iterator[Tracks], tracks: int) -> Tracks:
    """Take the first `tracks` tracks of an endless supply."""
    taken: list[Tracks] = []
    while sum(len(part.seeds) for part in taken) < tracks:
        taken.append(next(parts))
    return Tracks(*(torch.cat(column)[:tracks] for column in zip(*taken, strict=True)))


def draw_places(kind: str, random: np.random.Generator) -> engine.Places:
    """Draw a batch of places of a kind, held out."""
    levels = -1 - random.integers(len(plans.NAMES), size=_BATCH)
    layouts = random.integers(engine.HELD_OUT_SEEDS, size=_BATCH)
    return engine.build((levels if kind == "levels" else layouts).tolist())


def _supply(kind: str, name: str) -> Iterator[tuple[np.random.Generator, tuple]]:
    """Yield batches of held-out starts, each with a generator of its own, so that a batch can be drawn alone."""
    for number in count():
        random = np.random.default_rng([2, *kind.encode(), *name.encode(), number])
        places, which = draw_places(kind, random), torch.arange(_BATCH)
        yield random, (places, which, engine.random_starts(places, which, random))


def _tracks(places: engine.Places, start: tuple[Tensor, Tensor], actions: pilot.Actions) -> Tracks:
    turns = (actions.turns * _TURN_UNIT).round().short()
    return Tracks(torch.tensor(places.seeds), *start, actions.keys.byte(), turns)


def draw_played(kind: str, name: str, rows: int) -> Iterator[Tracks]:
    """Draw what a player might press, for `rows` rows."""
    for random, (places, _, start) in _supply(kind, name):
        yield _tracks(places, start, pilot.random_actions(random, _BATCH, rows))


def draw_explored(kind: str, name: str = "long") -> Iterator[Tracks]:
    """Draw long walks from goal to goal."""
    for random, (places, which, start) in _supply(kind, name):
        yield _tracks(places, start, walkers.explore(places, which, start, LONG, random).actions)


def draw_loops(kind: str) -> Iterator[Tracks]:
    """Draw walks that turn home after 100 to 700 rows, and stay there looking as at the start."""
    for random, (places, which, start) in _supply(kind, "loops"):
        turned = random.integers(100, 700, _BATCH)
        walks = walkers.explore(places, which, start, LOOP, random, home_after=turned)
        back = walks.yaws[:, -1] - start[1]
        near = (walks.places[:, -1] - start[0]).norm(dim=-1) < 1.5
        home = near & (torch.atan2(back.sin(), back.cos()).abs().rad2deg() < 5)
        yield Tracks(*(value[home] for value in _tracks(places, start, walks.actions)))


def draw_moving(kind: str, rows: int = 32, judged: int = 25) -> Iterator[Tracks]:
    """Draw what a player might press where the first `judged` frames clearly leave the first."""
    for drawn in draw_played(kind, "world", rows):
        film = pilot.film(*drawn.walk(frames=judged), clips.PICTURE).movedim(-1, 2)
        moving = psnr(squared_error(film[:, 1:], film[:, :1]).mean(1)) <= CLEARLY
        yield Tracks(*(value[moving] for value in drawn))


def draw_drawn(kind: str, frames: int = 57) -> Iterator[Tracks]:
    """Draw camera paths of four keyframes, compiled to keys and mouse, that lead along no wall."""
    for random, (places, which, start) in _supply(kind, "drawn"):
        rows = [follow(path_poses(draw_path(random, frames)), VARIANTS["tiny_world_2"]).track for _ in range(_BATCH)]
        # a path that never strafes has no column for it
        keys = torch.stack([
            torch.stack([row.keys[:, row.words.index(word)] if word in row.words else row.keys[:, 0] * 0
                         for word in pilot.WORDS], 1)
            for row in rows
        ])  # fmt: skip
        actions = pilot.Actions(keys, torch.stack([row.mouse[:, 0] for row in rows]).double())
        free = ~pilot.play(places, which, start, actions).bumped.any(1)
        yield Tracks(*(value[free] for value in _tracks(places, start, actions)))


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


def draw_obeyed(kind: str, action: str, frames: int = 9) -> Iterator[Tracks]:
    """Draw places where holding the action and holding its opposite look clearly different."""
    for drawn in draw_played(kind, f"obeys_{action}", 0):
        films = [
            pilot.film(*drawn.walk(hold(name, _BATCH, frames - 1)), clips.PICTURE).movedim(-1, 2)
            for name in (action, OPPOSITES[action])
        ]
        differ = psnr(squared_error(*films)[:, 1:].mean(1)) <= CLEARLY
        yield Tracks(*(value[differ] for value in drawn))


def hold(name: str, walkers: int, rows: int) -> pilot.Actions:
    """Return an action by its name held for all rows, `yaw_right` being 1.5 degrees per frame."""
    turn = {"yaw_right": pilot.TURN, "yaw_left": -pilot.TURN}.get(name, 0.0)
    return pilot.hold((name,), turn, walkers, rows)
