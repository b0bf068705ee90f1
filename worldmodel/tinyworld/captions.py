"""What a walk through Tiny World shows, in two sentences: the standard caption and the interaction caption.

The standard caption says what is seen, from the world's own parameters; the interaction caption says what changes, from
what was played (after GameCraft-2's two captions per clip).
"""

from __future__ import annotations

import colorsys
from collections import Counter
from itertools import groupby
from typing import NamedTuple

import torch
from torch import Tensor

from .scene import engine, plans, themes
from .walks import Walk

WALLS = {
    "band": "banded", "check": "checkered", "diamond": "diamond", "hoops": "hooped", "window": "windowed",
    "timber": "timbered", "arch": "arched", "zigzag": "zigzag", "disc": "dotted", "columns": "columned",
}  # fmt: skip
FLOORS = {"tiles": "tiled", "check": "checkered", "waves": "rippled"}
PLACES = {
    "harbour": "a harbour", "old town": "an old town", "garden": "a garden", "desert": "a desert town",
    "night": "a town at night", "winter": "a winter town",
}  # fmt: skip
_HUES = ("red", "orange", "yellow", "green", "green", "green", "teal", "blue", "blue", "violet", "purple", "pink")
"""Every 30 degrees."""
_EVERY, _RAYS = 8, 24
"""Frames, and rays across each of those, by which walls are told."""
_SHORT, _MOST = 6, 8
"""Rows that a phase lasts to be told, and phases that are told."""


class Captions(NamedTuple):
    """Two sentences about a walk."""

    standard: str
    interaction: str


def describe(walk: Walk) -> Captions:
    """Describe a walk for training and for search."""
    return Captions(_standard(walk), _interaction(walk))


def _standard(walk: Walk) -> str:
    theme = themes.THEMES[int(walk.worlds.theme[0])]
    seed, where = walk.world_seed, PLACES[theme.name]
    where = f"{plans.NAMES[-1 - seed]}, {where}," if seed < 0 else where
    patterns, colours, landmark = _walls(walk)
    tower = f", with a {landmark} landmark" if landmark else ""
    ground = f"{FLOORS[theme.street.pattern]} {_colour(theme.street.first)} floor"
    hills, sky = _colour(theme.sky.hills), _colour(theme.sky.zenith)
    return (
        f"First-person view of {where} among {patterns} walls, mostly {colours}{tower}, on a {ground}, "
        f"under a {sky} sky with {hills} hills at the horizon."
    )


def _walls(walk: Walk) -> tuple[str, str, str]:
    """Name the two patterns and the two colours that fill most of the film, and the landmark's colour if it is seen, by
    a few rays of some frames."""
    places, yaws = walk.places[: walk.frames : _EVERY], walk.yaws[: walk.frames : _EVERY]
    view = engine.render(walk.worlds, torch.zeros(len(yaws), dtype=torch.long), places, yaws, (_RAYS // 2, _RAYS))
    theme = themes.THEMES[int(walk.worlds.theme[0])]
    patterns, colours = Counter(), Counter()
    landmark = ""
    for number, count in zip(*view.materials.long().flatten().unique(return_counts=True), strict=True):
        surface = int(number) % themes.SURFACES
        if surface < themes.WALLS:
            patterns[WALLS[theme.materials[surface].pattern]] += int(count)
            colours[_colour(theme.materials[surface].first)] += int(count)
        elif surface < themes.MATERIALS:
            landmark = _colour(theme.materials[surface].first)
    return _two_most(patterns), _two_most(colours), landmark


def _colour(rgb: themes.Colour) -> str:
    return colour_name(torch.tensor(rgb))


def _two_most(shares: Counter[str]) -> str:
    return " and ".join(name for name, _ in shares.most_common(2))


def colour_name(rgb: Tensor) -> str:
    """Name a colour (3,) in 0..1."""
    hue, saturation, value = colorsys.rgb_to_hsv(*rgb.tolist())
    if saturation < 0.15:
        return "white" if value > 0.85 else "grey" if value > 0.25 else "black"
    name = _HUES[int(hue * 12 + 0.5) % 12]
    if name == "orange" and value < 0.6:
        return "brown"
    return f"dark {name}" if value < 0.45 else f"pale {name}" if saturation < 0.35 else name


def _interaction(walk: Walk) -> str:
    last = walk.frames - 1
    sentences = [f"The viewer {', then '.join(_phases(walk))}."]
    if bool(walk.bumped[:-1].any()):
        sentences.append("A wall stops or deflects the walk.")
    away = float((walk.places[last] - walk.places[0]).norm())
    turned = (float((walk.yaws[last] - walk.yaws[0]).rad2deg()) + 180) % 360 - 180
    before, after = _ahead(walk, 0), _ahead(walk, last)
    if away < 0.05 and abs(turned) < 0.5:
        sentences.append(f"The view at the end is that of the beginning, a wall {after:.1f} metres ahead.")
    else:
        heading = (
            "facing the same way" if abs(turned) < 0.5 else f"facing {abs(turned):.0f} degrees to its {_side(turned)}"
        )
        sentences.append(
            f"The walk ends {away:.1f} metres from its start, {heading}; the wall straight ahead is {before:.1f} "
            f"metres away at first and {after:.1f} at the end."
        )
    return " ".join(sentences)


def _ahead(walk: Walk, frame: int) -> float:
    """Metres from a frame's eye to the wall straight ahead."""
    pose = walk.places[frame : frame + 1], walk.yaws[frame : frame + 1]
    view = engine.render(walk.worlds, torch.zeros(1, dtype=torch.long), *pose, (1, 97))
    return float(view.depth[0, 0, 48])


def _phases(walk: Walk) -> list[str]:
    """Tell what was played, phase after phase; what lasts but a moment joins the phase before it."""
    rows = list(zip((walk.keys[:-1] > 0).tolist(), walk.turns[:-1].sign().tolist(), strict=True))
    told: list[str] = []
    for (keys, turn), group in groupby(rows, lambda row: (tuple(row[0]), row[1])):
        phrase = _phrase(keys, turn)
        if (len(list(group)) >= _SHORT or not told) and told[-1:] != [phrase]:
            told.append(phrase)
    return told if len(told) <= _MOST else [*told[:_MOST], "goes on in this manner"]


def _phrase(keys: tuple[bool, ...], turn: float) -> str:
    forward, back, left, right = keys
    along = "walks forward" if forward else "walks backwards" if back else ""
    aside = f"to the {'left' if left else 'right'}" if left != right else ""
    if not along and not aside:
        return f"turns {_side(turn)} on the spot" if turn else "stands still"
    moving = f"{along} and {aside}" if along and aside else along or f"steps {aside}"
    return f"{moving} while turning {_side(turn)}" if turn else moving


def _side(turn: float) -> str:
    return "right" if turn > 0 else "left"
