"""Where the walls stand: levels, which have names and never change, and random layouts.

A plan is a grid of SIDE x SIDE cells, indexed [x, z]. In a drawn plan the first line is the far end (largest z):

    a b c    walls of the theme's three materials
    T        a tower, o a block: the theme's landmarks
    .  ,     street and square, where one walks

Streets are two cells wide or more, so that one never needs to brush a wall.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from . import themes

SIDE = 14
FREE, TOWER, BLOCK = 0, 4, 5
"""Cells: 0 is free, 1 to 3 are walls of the theme's materials, then its landmarks."""
LEAST_GAP = 2


class Plan(NamedTuple):
    """A place: the theme's number, cells (SIDE, SIDE) int64, and square (SIDE, SIDE) bool, where the floor is one."""

    theme: int
    cells: np.ndarray
    square: np.ndarray


LEVELS: dict[str, tuple[str, str]] = {
    "Lighthouse Square": (
        "harbour",
        """
        aaaaaaaabbbbbb
        a............b
        a............b
        a..cc....bb..b
        a..cc....bb..b
        a............b
        a...,,,,.....b
        c...,T,,..o..b
        c...,,,,.....b
        c............b
        c..aaa..ccc..c
        c............c
        c............c
        cccccccccccccc
        """,
    ),
    "The Three Gates": (
        "old town",
        """
        aaaaaaabbbbbbb
        a.....b......b
        a.....b......b
        a..,,.T..cc..b
        a..,,....cc..b
        a..,,........b
        a..,,.T......b
        a.....b..,,..b
        a.....b..,o..b
        c.....b..,,..a
        c.....T......a
        c............a
        c............a
        cccccccaaaaaaa
        """,
    ),
    "Hedge Court": (
        "garden",
        """
        aaaaaaaaaaaaaa
        a............a
        a............a
        a..aaa..aaa..a
        a..a......a..a
        a..a.,,,,.a..b
        b....,,,,....b
        b....,oT,....b
        b..b.,,,,.c..b
        b..b......c..b
        b..bbb..ccc..c
        c............c
        c............c
        cccccccccccccc
        """,
    ),
    "Caravan Halt": (
        "desert",
        """
        aaaaaabbbbbbbb
        a............b
        a............b
        a..T.....o...b
        a............b
        a....bbbb....b
        a....bbbb....c
        a............c
        b..,,,,,,,,..c
        b..,,,,,,,,..c
        b..o..ccc....c
        b............a
        b............a
        bbbbbbaaaaaaaa
        """,
    ),
    "Neon Corner": (
        "night",
        """
        aaaaaaabbbbbbb
        a.....a......b
        a.....a......b
        a..c..a..,,,.b
        a..c.....,T,.b
        a..c.....,,,.b
        a..c..b......b
        b.....bbbbb..c
        b............c
        b............c
        b..,o..aaaa..c
        b..,,........c
        b............c
        bbbbbbcccccccc
        """,
    ),
    "Frost Market": (
        "winter",
        """
        bbbbbbbbbbbbbb
        b............b
        b............b
        b..bb..T.....b
        b..bb........b
        b........aa..a
        c..,,,...aa..a
        c..,o,...aa..a
        c..,,,.......a
        c............a
        c..cc..cccc..a
        c............a
        c............a
        cccccaaaaaaaaa
        """,
    ),
}
"""Name -> theme and plan."""
NAMES = tuple(LEVELS)
_SIGNS = {".": FREE, ",": FREE, "a": 1, "b": 2, "c": 3, "T": TOWER, "o": BLOCK}


def level(name: str) -> Plan:
    """Return a level by its name."""
    theme, drawn = LEVELS[name]
    rows = [line.strip() for line in drawn.strip().splitlines()]
    signs = np.array([list(row) for row in rows[::-1]]).T  # line by line from the far end -> [x, z]
    return Plan(themes.NAMES.index(theme), np.vectorize(_SIGNS.get)(signs).astype(np.int64), signs == ",")


def layout(seed: int) -> Plan:
    """Return the random layout of a seed: blocks of buildings around a square, each quarter of one material."""
    random = np.random.default_rng([31, seed])
    cells, square = _border(random), np.zeros((SIDE, SIDE), bool)
    middle = random.integers(4, SIDE - 4, 2)
    _place_square(random, square, middle)
    taken = np.zeros((SIDE, SIDE), bool)
    cells[tuple(middle)] = TOWER
    taken[tuple(middle)] = True
    quarter = random.permutation(4)
    for _ in range(60):
        if (cells[1:-1, 1:-1] > 0).sum() >= 24:
            break
        size = (
            random.integers(1, 4, 2) if random.random() < 0.5 else random.permutation([1, int(random.integers(2, 6))])
        )
        corner = random.integers(1, SIDE - size)
        _place(cells, taken, square, corner, size, 1 + quarter[_quarter(corner)] % themes.WALLS)
    for _ in range(20):
        corner = random.integers(2, SIDE - 2, 2)
        if _place(cells, taken, square, corner, np.array([1, 1]), BLOCK):
            break
    return Plan(seed % len(themes.THEMES), cells, square)


def _quarter(corner: np.ndarray) -> int:
    return 2 * int(corner[0] >= SIDE // 2) + int(corner[1] >= SIDE // 2)


def _border(random: np.random.Generator) -> np.ndarray:
    """Return cells with walls around, in three long runs of one material each."""
    cells = np.zeros((SIDE, SIDE), np.int64)
    ring = [*((x, 0) for x in range(SIDE)), *((SIDE - 1, z) for z in range(1, SIDE)),
            *((x, SIDE - 1) for x in range(SIDE - 2, -1, -1)), *((0, z) for z in range(SIDE - 2, 0, -1))]  # fmt: skip
    start, order = int(random.integers(len(ring))), random.permutation(themes.WALLS)
    for number in range(len(ring)):
        cells[ring[(start + number) % len(ring)]] = 1 + order[number * themes.WALLS // len(ring)]
    return cells


def _place_square(random: np.random.Generator, square: np.ndarray, middle: np.ndarray) -> None:
    low = np.maximum(middle - random.integers(1, 3, 2), 2)
    high = np.minimum(middle + random.integers(2, 4, 2), SIDE - 2)
    square[low[0] : high[0], low[1] : high[1]] = True


def _place(
    cells: np.ndarray, taken: np.ndarray, square: np.ndarray, corner: np.ndarray, size: np.ndarray, kind: int
) -> bool:
    """Set a block where LEAST_GAP cells stay free around it, or where it touches the border; tell whether it could."""
    low, high = corner, corner + size
    inner = (slice(low[0], high[0]), slice(low[1], high[1]))
    around = tuple(slice(max(0, a - LEAST_GAP), b + LEAST_GAP) for a, b in zip(low, high, strict=True))
    # one cell between a block and the border would be too narrow to pass
    narrow = any(a == LEAST_GAP or b == SIDE - LEAST_GAP for a, b in zip(low, high, strict=True))
    if taken[around].any() or square[inner].any() or narrow or (high > SIDE - 1).any():
        return False
    cells[inner], taken[inner] = kind, True
    return True
