"""The pilot: action suites that play Tiny World, and the walks they make.

Rows are actions, one per frame; row i moves the camera from frame i to frame i + 1. Keys are multi-hot in the
order forward, back, left, right; turns are degrees per frame, right positive.

Shapes: F walkers, R rows.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from .scene import engine

WORDS = ("forward", "back", "left", "right")
STEP = 0.1235
"""Metres a held key moves per frame: an assumption taken over from Matrix-Game 3."""
TURN = 1.5
"""Degrees per frame of 0.1 mouse: an assumption taken over from Matrix-Game 3."""
FASTEST = 3.0

_CHOICES = np.array(
    [
        [1, 0, 0, 0],
        [0, 1, 0, 0],
        [0, 0, 1, 0],
        [0, 0, 0, 1],
        [1, 0, 1, 0],
        [1, 0, 0, 1],
        [0, 1, 1, 0],
        [0, 1, 0, 1],
        [0, 0, 0, 0],
    ],
    dtype=np.float32,
)
_ODDS = (0.29, 0.14, 0.11, 0.11, 0.05, 0.05, 0.025, 0.025, 0.2)


class Actions(NamedTuple):
    """What is pressed: keys (F, R, 4) float32 multi-hot and turns (F, R) float64 degrees per frame."""

    keys: Tensor
    turns: Tensor


class Walks(NamedTuple):
    """Walks through worlds: which (F,), actions of R rows, places (F, R + 1, 2), yaws (F, R + 1), bumped (F, R)."""

    which: Tensor
    actions: Actions
    places: Tensor
    yaws: Tensor
    bumped: Tensor


def moves(keys: Tensor) -> Tensor:
    """Metres to the right and ahead (…, 2) of held keys (…, 4); diagonals are as fast as straight lines."""
    step = torch.stack([keys[..., 3] - keys[..., 2], keys[..., 0] - keys[..., 1]], -1).double()
    return step / step.norm(dim=-1, keepdim=True).clamp_min(1.0) * STEP


def play(
    worlds: engine.Places, which: Tensor, start: tuple[Tensor, Tensor], actions: Actions, pace: float = 1.0
) -> Walks:
    """Walk the actions from a start (places (F, 2) metres, yaws (F,) radians), a held key moving `pace` steps."""
    steps = pace * moves(actions.keys)
    places, yaws, bumped = worlds.walk(which, *start, steps, actions.turns.deg2rad())
    return Walks(which, actions, places, yaws, bumped)


def views(
    worlds: engine.Places, walks: Walks, size: tuple[int, int], frames: slice = slice(None), batch: int = 64
) -> engine.View:
    """Render the walks' frames: pixels (F, frames, H, W, 3) in 0..1, depth and materials (F, frames, H, W)."""
    places, yaws = walks.places[:, frames], walks.yaws[:, frames]
    which = walks.which[:, None].expand(yaws.shape).reshape(-1)
    pieces = zip(which.split(batch), places.reshape(-1, 2).split(batch), yaws.reshape(-1).split(batch), strict=True)
    rendered = [worlds.render(*piece, size) for piece in pieces]
    return type(rendered[0])(*(torch.cat(column).unflatten(0, yaws.shape) for column in zip(*rendered, strict=True)))


def film(
    worlds: engine.Places, walks: Walks, size: tuple[int, int], frames: slice = slice(None), batch: int = 64
) -> Tensor:
    """Render the walks' frames: (F, frames, H, W, 3) in 0..1."""
    return views(worlds, walks, size, frames, batch).pixels


def poses(place: Tensor, yaw: Tensor) -> Tensor:
    """Return camera-to-world poses (…, 4, 4), float64, of eyes at place (…, 2) looking along yaw (…)."""
    sin, cos = yaw.double().sin(), yaw.double().cos()
    zero, one = torch.zeros_like(sin), torch.ones_like(sin)
    x, z = place.double().unbind(-1)
    rows = [cos, zero, sin, x, zero, one, zero, zero, -sin, zero, cos, z, zero, zero, zero, one]
    return torch.stack(rows, -1).unflatten(-1, (4, 4))


def random_actions(random: np.random.Generator, walkers: int, rows: int) -> Actions:
    """Draw keys held for 3 to 24 rows and turns held for 4 to 24, half of them straight, some of them eased."""
    keys, turns = np.zeros((walkers, rows, 4), np.float32), np.zeros((walkers, rows))
    for walker in range(walkers):
        row = 0
        while row < rows:
            length = random.integers(3, 25)
            keys[walker, row : row + length] = _CHOICES[random.choice(len(_CHOICES), p=_ODDS)]
            row += length
        row = 0
        while row < rows:
            length = random.integers(4, 25)
            turns[walker, row : row + length] = _random_turn(random, length)[: rows - row]
            row += length
    return Actions(torch.from_numpy(keys), torch.from_numpy(turns))


def _random_turn(random: np.random.Generator, length: int) -> np.ndarray:
    kind = random.random()
    if kind < 0.45:
        return np.zeros(length)
    rate = TURN * random.choice([-1, 1]) if kind < 0.65 else random.uniform(-FASTEST, FASTEST)
    eased = np.sin(np.linspace(0, math.pi, length + 2)[1:-1]) if kind > 0.85 else np.ones(length)
    return rate * eased


def tapped_actions(random: np.random.Generator, walkers: int, rows: int) -> Actions:
    """Draw keys that are tapped, mostly forward, and turns in wide bends.

    A drawn path reaches the model like that: its keys know one speed only, and a slower path lets go of them at times.
    """
    keys = np.stack([_tapped_keys(random, rows) for _ in range(walkers)])
    turns = np.stack([_bends(random, rows) for _ in range(walkers)])
    return Actions(torch.from_numpy(keys), torch.from_numpy(turns))


def _tapped_keys(random: np.random.Generator, rows: int) -> np.ndarray:
    """Hold a choice of keys for a share of the rows of each stretch, so that what is owed stays below a step or so."""
    keys = np.zeros((rows, 4), np.float32)
    begin, owed, down = 0, random.uniform(-1, 1), False
    while begin < rows:
        end = min(begin + int(random.integers(12, 49)), rows)
        choice = _CHOICES[0] if random.random() < 0.7 else _CHOICES[random.choice(len(_CHOICES), p=_ODDS)]
        share, lag = random.uniform(0.3, 1.0), random.uniform(0.2, 0.8)
        for row in range(begin, end):
            owed += share - down
            down = owed > (-lag if down else lag)
            keys[row] = choice * down
        begin = end
    return keys


def _bends(random: np.random.Generator, rows: int) -> np.ndarray:
    """Interpolate between turns 12 rows apart, a third of them straight."""
    rates = random.uniform(-FASTEST, FASTEST, rows // 12 + 3) * (random.random(rows // 12 + 3) < 0.7)
    return np.interp(np.arange(rows) + random.uniform(0, 12), 12 * np.arange(len(rates)), rates)


def hold(words: tuple[str, ...], turn: float, walkers: int, rows: int) -> Actions:
    """Hold the same keys and the same turn (degrees per frame) in every row."""
    keys = torch.tensor([float(word in words) for word in WORDS]).expand(walkers, rows, 4).clone()
    return Actions(keys, torch.full((walkers, rows), float(turn), dtype=torch.float64))


def there_and_back(actions: Actions) -> Actions:
    """Append the undoing of the actions: reversed in time, keys and turns opposite.

    A pure move is undone exactly. A move with a turn in one row ends next to its start, because a row moves first
    and turns then.
    """
    keys, turns = actions.keys.flip(1)[..., [1, 0, 3, 2]], -actions.turns.flip(1)
    return Actions(torch.cat([actions.keys, keys], 1), torch.cat([actions.turns, turns], 1))


def single_actions() -> list[Actions]:
    """One row of each action that obedience is measured with, and of standing still: keys (1, 1, 4), turns (1, 1)."""
    held = [hold((word,), 0.0, 1, 1) for word in WORDS]
    return [
        *held,
        hold((), TURN, 1, 1),
        hold((), -TURN, 1, 1),
        hold((), 0.0, 1, 1),
        hold(("forward",), TURN, 1, 1),
        hold(("forward",), -TURN, 1, 1),
    ]


SINGLE_ODDS = (0.08, 0.2, 0.2, 0.2, 0.08, 0.08, 0.04, 0.06, 0.06)
"""How often to learn from each of `single_actions`: what players press least is learnt last."""
