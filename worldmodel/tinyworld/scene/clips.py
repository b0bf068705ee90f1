"""Walks and clips of the places: for training, from levels and layouts of the training split; for judging, held out.

Held out are the layouts of seeds below HELD_OUT_SEEDS, and in the levels the starts and walks: those of training come
from generators of their own.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .. import carried, pilot
from ..pilot import Actions, Walks
from . import engine, plans, themes, walkers

PICTURE = (64, 96)
CANDIDATES = 5
"""Walks that are drawn for each that is kept: the one that is least against walls."""


def draw_places(
    random: np.random.Generator, count: int, levels: float, only: tuple[int, ...] = tuple(range(len(plans.NAMES)))
) -> engine.Places:
    """Draw places of the training split, a share of them levels; `only` these levels, and layouts of their themes."""
    numbers = random.choice(only, count)
    low = engine.HELD_OUT_SEEDS // len(themes.THEMES) + 1
    layouts = random.integers(low, 2**30 // len(themes.THEMES), count) * len(themes.THEMES)
    is_level = random.random(count) < levels
    chosen = [
        -1 - int(number) if level else int(layout + plans.level(plans.NAMES[number]).theme)
        for number, level, layout in zip(numbers, is_level, layouts, strict=True)
    ]
    return engine.build(chosen)


def draw_walks(
    random: np.random.Generator, places: engine.Places, frames: int, pace: float = 1.0, exploring: float = 0.45
) -> Walks:
    """Let one walker play in each place: explore, or press what players press (the least crowded of some)."""
    count, rows = len(places.seeds), frames - 1
    which = torch.arange(count)
    explorers = torch.from_numpy(random.random(count) < exploring)
    best = walkers.explore(places, which, engine.random_starts(places, which, random), rows, random, pace)
    crowd = torch.where(explorers, -1.0, 9.0)
    for _ in range(CANDIDATES):
        start = engine.random_starts(places, which, random)
        tried = pilot.play(places, which, start, _pressed(random, count, rows), pace)
        now = walkers.crowding(places, tried)
        best, crowd = better(best, tried, now < crowd), torch.minimum(now, crowd)
    return best


def walking_in(levels: float, only: tuple[int, ...] = tuple(range(len(plans.NAMES)))) -> carried.Walkers:
    """Return who walks through places of the training split, as `draw_places` takes their shares."""

    def walk(random: np.random.Generator, count: int, frames: int) -> tuple[engine.Places, Walks]:
        places = draw_places(random, count, levels, only)
        return places, draw_walks(random, places, frames)

    return walk


def better(old: Walks, new: Walks, take: Tensor) -> Walks:
    """Return walks, in place of some (F,) of which others are taken."""

    def choose(one: Tensor, other: Tensor) -> Tensor:
        return torch.where(take.view(-1, *[1] * (one.ndim - 1)), other, one)

    actions = Actions(*map(choose, old.actions, new.actions))
    return Walks(old.which, actions, *map(choose, old[2:], new[2:]))


def _pressed(random: np.random.Generator, count: int, rows: int) -> Actions:
    """Draw actions as players press them: one held, there and back, tapped, or anything."""
    actions, tapped = pilot.random_actions(random, count, rows), pilot.tapped_actions(random, count, rows)
    for walker in range(count):
        kind = random.random()
        if kind < 0.35:
            held = pilot.single_actions()[random.choice(len(pilot.SINGLE_ODDS), p=pilot.SINGLE_ODDS)]
            rows_held = rows if kind < 0.15 else int(random.integers(min(8, rows), min(rows, 40) + 1))
            actions.keys[walker, :rows_held] = held.keys[0, 0]
            actions.turns[walker, :rows_held] = held.turns[0, 0]
        elif kind < 0.45:
            half = Actions(*(value[walker : walker + 1, : rows // 2] for value in actions))
            both = pilot.there_and_back(half)
            actions.keys[walker, : 2 * (rows // 2)] = both.keys[0]
            actions.turns[walker, : 2 * (rows // 2)] = both.turns[0]
        elif kind < 0.75:
            actions.keys[walker], actions.turns[walker] = tapped.keys[walker], tapped.turns[walker]
    return actions


def film(
    places: engine.Places, walks: Walks, frames: slice = slice(None), device: str | torch.device = "cpu"
) -> Tensor:
    """Render walks as pixels (F, 3, frames, H, W) in -1..1."""
    pixels = pilot.film(places.to(device), walks, PICTURE, frames)
    return pixels.permute(0, 4, 1, 2, 3) * 2 - 1


class Clips:
    """An endless, seeded supply of training clips, each drawn about `reuse` times from a pool of recent ones."""

    def __init__(self, frames: int, batch: int, seed: int, reuse: int = 6, device: torch.device | str = "cpu") -> None:
        self.frames, self.batch, self.reuse, self.device = frames, batch, reuse, device
        self.random = np.random.default_rng([41, seed])
        self.pool: list[Tensor] = []
        self.owed = 0.0

    def draw(self) -> Tensor:
        """Return pixels (batch, 3, frames, H, W) in -1..1."""
        self.owed += self.batch / self.reuse
        if self.owed >= 8 or not self.pool:
            fresh = max(8, int(self.owed))
            self.owed = max(0.0, self.owed - fresh)
            places = draw_places(self.random, fresh, 0.5)
            made = film(places, draw_walks(self.random, places, self.frames), device=self.device)
            self.pool.extend(((made + 1) * 127.5).round().byte().unbind(0))
            del self.pool[:-512]
        chosen = self.random.integers(len(self.pool), size=self.batch)
        return torch.stack([self.pool[index] for index in chosen]).float() / 127.5 - 1


def held_out(count: int, frames: int, seed: int = 0) -> Tensor:
    """Render fixed clips, half in levels, half in held-out layouts: pixels (count, 3, frames, H, W) in -1..1."""
    random = np.random.default_rng([43, seed])
    levels = [-1 - number % len(plans.NAMES) for number in range(count // 2)]
    layouts = random.integers(0, engine.HELD_OUT_SEEDS, count - len(levels)).tolist()
    places = engine.build([*levels, *layouts])
    return film(places, draw_walks(random, places, frames))
