"""What every Tiny World 2 model is judged on, drawn by the rule of `tiny_world_1`, as one committed file.

Each suite is there twice: in the levels, where starts and walks are held out, and in random layouts that were held out
as a whole. Their names say which: `levels.world`, `layouts.world`. Beside those of `tiny_world_1` there are `loops`:
walks that come home.

Shapes: N tracks, R rows of actions.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from ...binding.follow import follow
from ...camera.path_poses import path_poses
from ...metrics.pictures import psnr, squared_error
from ...reading.safetensors_files import load_safetensors
from ...variants import VARIANTS
from .. import pilot
from ..scene import clips, engine, plans, walkers
from .suites import _BATCH, _TURN_UNIT, CLEARLY, OPPOSITES, Tracks, draw_path, gather, hold

NAME = "tiny_world_2"
FILE = Path(__file__).with_name(f"{NAME}.safetensors")
KINDS = ("levels", "layouts")
LONG, LOOP = 1000, 1000
"""Rows of a long walk, and of a loop at most."""
_BITS = torch.tensor([1, 2, 4, 8], dtype=torch.uint8)


class PlaceTracks(Tracks):
    """Tracks through levels and layouts."""

    def worlds(self) -> engine.Places:
        """Build the place of each track."""
        return engine.build(self.seeds.tolist())


def load(kind: str, path: Path = FILE) -> dict[str, Tracks]:
    """Read the suites of a kind: `vae`, `obeys_<action>`, `turns`, `world`, `long`, `drawn` and `loops`."""
    tensors, _ = load_safetensors(path)
    names = {key.split(".")[1] for key in tensors if key.startswith(f"{kind}.")}
    found = {}
    for name in sorted(names):
        fields = {field: tensors[f"{kind}.{name}.{field}"] for field in Tracks._fields}
        fields["keys"] = (fields["keys"][..., None] & _BITS).ne(0).byte()
        found[name] = PlaceTracks(**fields)
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
    save_file(flat, path)


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


def _tracks(places: engine.Places, start: tuple[Tensor, Tensor], actions: pilot.Actions) -> PlaceTracks:
    turns = (actions.turns * _TURN_UNIT).round().short()
    return PlaceTracks(torch.tensor(places.seeds), *start, actions.keys.byte(), turns)


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
        yield PlaceTracks(*(value[home] for value in _tracks(places, start, walks.actions)))


def draw_moving(kind: str, rows: int = 32, judged: int = 25) -> Iterator[Tracks]:
    """Draw what a player might press where the first `judged` frames clearly leave the first."""
    for drawn in draw_played(kind, "world", rows):
        film = pilot.film(*drawn.walk(frames=judged), clips.PICTURE).movedim(-1, 2)
        moving = psnr(squared_error(film[:, 1:], film[:, :1]).mean(1)) <= CLEARLY
        yield PlaceTracks(*(value[moving] for value in drawn))


def draw_drawn(kind: str, frames: int = 57) -> Iterator[Tracks]:
    """Draw camera paths of four keyframes, compiled to keys and mouse, that lead along no wall."""
    for random, (places, which, start) in _supply(kind, "drawn"):
        rows = [follow(path_poses(draw_path(random, frames)), VARIANTS["tiny_world"]).track for _ in range(_BATCH)]
        # a path that never strafes has no column for it
        keys = torch.stack([
            torch.stack([row.keys[:, row.words.index(word)] if word in row.words else row.keys[:, 0] * 0
                         for word in pilot.WORDS], 1)
            for row in rows
        ])  # fmt: skip
        actions = pilot.Actions(keys, torch.stack([row.mouse[:, 0] for row in rows]).double())
        free = ~pilot.play(places, which, start, actions).bumped.any(1)
        yield PlaceTracks(*(value[free] for value in _tracks(places, start, actions)))


def draw_obeyed(kind: str, action: str, frames: int = 9) -> Iterator[Tracks]:
    """Draw places where holding the action and holding its opposite look clearly different."""
    for drawn in draw_played(kind, f"obeys_{action}", 0):
        films = [
            pilot.film(*drawn.walk(hold(name, _BATCH, frames - 1)), clips.PICTURE).movedim(-1, 2)
            for name in (action, OPPOSITES[action])
        ]
        differ = psnr(squared_error(*films)[:, 1:].mean(1)) <= CLEARLY
        yield PlaceTracks(*(value[differ] for value in drawn))
