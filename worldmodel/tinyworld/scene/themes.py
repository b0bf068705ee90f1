"""What Tiny World's places are made of: six themes, each with three walls, a landmark, floors, sky and skyline.

A theme never changes from place to place, so what comes round a corner can be known. Patterns are as wide as a cell or
half of it: the VAE carries shapes of eight pixels and more, which a cell has up to twelve metres away.

Colours are RGB in 0..1; heights are metres; azimuths are radians, 0 along +z, positive to the right.
"""

from __future__ import annotations

from typing import NamedTuple

Colour = tuple[float, float, float]
WALLS = 3
"""Materials of walls of a theme; the one after them is the landmarks'."""
MATERIALS = WALLS + 1
SURFACES = MATERIALS + 2
"""Numbers a theme takes in a material map: its materials, its floor, its sky (with the skyline)."""
FLOOR, SKY = MATERIALS, MATERIALS + 1


class Material(NamedTuple):
    """A wall's pattern (of `patterns.WALLS`), its two colours, the colour of its foot, and how high it stands."""

    pattern: str
    first: Colour
    second: Colour
    foot: Colour
    height: float


class Floor(NamedTuple):
    """A floor's pattern (of `patterns.FLOORS`) and its two colours."""

    pattern: str
    first: Colour
    second: Colour


class Sky(NamedTuple):
    """Colours at the zenith and the horizon, of the hills and of the sun; the hills' waves are (height, count, phase);
    the peak is one mountain at an azimuth, that tall and wide; the sun stands at an azimuth and a height."""

    zenith: Colour
    horizon: Colour
    hills: Colour
    waves: tuple[tuple[float, int, float], ...]
    peak: tuple[float, float, float]
    sun: Colour
    sun_at: tuple[float, float]


class Theme(NamedTuple):
    """A look. `materials` are three walls and the landmarks'; `square` is the floor of squares."""

    name: str
    materials: tuple[Material, Material, Material, Material]
    street: Floor
    square: Floor
    sky: Sky


THEMES = (
    Theme(
        "harbour",
        (
            Material("band", (0.96, 0.95, 0.90), (0.10, 0.38, 0.72), (0.28, 0.36, 0.46), 2.2),
            Material("check", (0.95, 0.95, 0.92), (0.16, 0.47, 0.80), (0.10, 0.22, 0.42), 2.6),
            Material("diamond", (0.98, 0.80, 0.25), (0.86, 0.52, 0.10), (0.48, 0.28, 0.08), 2.2),
            Material("hoops", (0.90, 0.12, 0.12), (0.98, 0.96, 0.94), (0.35, 0.05, 0.05), 6.0),
        ),
        Floor("tiles", (0.83, 0.77, 0.64), (0.66, 0.60, 0.50)),
        Floor("check", (0.90, 0.87, 0.80), (0.55, 0.68, 0.78)),
        Sky((0.16, 0.45, 0.90), (0.78, 0.91, 1.0), (0.20, 0.46, 0.44), ((0.02, 2, 0.4), (0.015, 5, 1.0)),
            (0.6, 0.20, 0.35), (1.0, 0.98, 0.80), (2.6, 0.38)),
    ),
    Theme(
        "old town",
        (
            Material("window", (0.76, 0.25, 0.18), (0.97, 0.90, 0.74), (0.33, 0.10, 0.09), 2.6),
            Material("timber", (0.94, 0.86, 0.68), (0.36, 0.20, 0.11), (0.34, 0.27, 0.22), 2.2),
            Material("arch", (0.62, 0.62, 0.62), (0.20, 0.21, 0.24), (0.26, 0.27, 0.28), 2.2),
            Material("hoops", (0.16, 0.62, 0.42), (0.82, 0.92, 0.74), (0.06, 0.26, 0.18), 6.0),
        ),
        Floor("check", (0.60, 0.57, 0.52), (0.46, 0.44, 0.42)),
        Floor("tiles", (0.80, 0.74, 0.60), (0.58, 0.46, 0.36)),
        Sky((0.42, 0.60, 0.82), (0.90, 0.92, 0.92), (0.36, 0.42, 0.52), ((0.03, 1, 2.0), (0.02, 4, 0.3)),
            (-1.4, 0.22, 0.30), (1.0, 1.0, 0.95), (0.9, 0.45)),
    ),
    Theme(
        "garden",
        (
            Material("zigzag", (0.13, 0.44, 0.14), (0.30, 0.62, 0.18), (0.20, 0.14, 0.08), 2.0),
            Material("arch", (0.88, 0.48, 0.30), (0.98, 0.92, 0.78), (0.42, 0.20, 0.12), 2.4),
            Material("timber", (0.97, 0.97, 0.94), (0.18, 0.50, 0.46), (0.22, 0.34, 0.32), 2.0),
            Material("disc", (0.90, 0.22, 0.58), (1.0, 0.86, 0.92), (0.38, 0.06, 0.26), 5.0),
        ),
        Floor("check", (0.52, 0.74, 0.30), (0.44, 0.66, 0.25)),
        Floor("tiles", (0.90, 0.82, 0.60), (0.66, 0.56, 0.38)),
        Sky((0.20, 0.62, 0.86), (0.86, 0.96, 0.94), (0.16, 0.40, 0.30), ((0.035, 3, 0.0), (0.02, 7, 2.0)),
            (2.2, 0.16, 0.50), (1.0, 0.95, 0.65), (-0.7, 0.40)),
    ),
    Theme(
        "desert",
        (
            Material("band", (0.88, 0.62, 0.34), (0.66, 0.32, 0.16), (0.38, 0.18, 0.10), 2.2),
            Material("check", (0.95, 0.93, 0.86), (0.06, 0.60, 0.62), (0.04, 0.28, 0.32), 2.4),
            Material("window", (0.60, 0.42, 0.28), (0.18, 0.10, 0.08), (0.26, 0.16, 0.10), 2.2),
            Material("zigzag", (0.10, 0.22, 0.60), (0.98, 0.76, 0.22), (0.05, 0.08, 0.28), 6.0),
        ),
        Floor("waves", (0.95, 0.80, 0.54), (0.88, 0.70, 0.44)),
        Floor("tiles", (0.84, 0.54, 0.36), (0.60, 0.34, 0.22)),
        Sky((0.30, 0.66, 0.80), (1.0, 0.88, 0.66), (0.74, 0.46, 0.30), ((0.025, 2, 1.0), (0.01, 5, 0.0)),
            (-2.5, 0.24, 0.28), (1.0, 0.96, 0.72), (0.3, 0.36)),
    ),
    Theme(
        "night",
        (
            Material("columns", (0.10, 0.14, 0.36), (0.10, 0.78, 0.92), (0.02, 0.03, 0.10), 2.4),
            Material("band", (0.34, 0.10, 0.46), (0.98, 0.24, 0.68), (0.10, 0.02, 0.16), 2.2),
            Material("window", (0.13, 0.13, 0.17), (1.0, 0.86, 0.34), (0.04, 0.04, 0.06), 2.8),
            Material("diamond", (0.30, 1.0, 0.45), (0.04, 0.36, 0.22), (0.02, 0.14, 0.08), 6.0),
        ),
        Floor("tiles", (0.15, 0.16, 0.25), (0.20, 0.42, 0.56)),
        Floor("check", (0.28, 0.24, 0.40), (0.16, 0.13, 0.26)),
        Sky((0.05, 0.03, 0.18), (0.58, 0.22, 0.50), (0.10, 0.06, 0.22), ((0.03, 2, 0.0), (0.025, 6, 1.0)),
            (1.2, 0.26, 0.22), (0.98, 0.96, 0.85), (-2.2, 0.42)),
    ),
    Theme(
        "winter",
        (
            Material("zigzag", (0.90, 0.96, 1.0), (0.44, 0.70, 0.90), (0.22, 0.40, 0.60), 2.2),
            Material("band", (0.44, 0.27, 0.16), (0.90, 0.88, 0.86), (0.20, 0.12, 0.08), 2.4),
            Material("window", (0.34, 0.38, 0.46), (1.0, 0.78, 0.30), (0.16, 0.18, 0.24), 2.6),
            Material("disc", (0.88, 0.14, 0.16), (1.0, 0.97, 0.95), (0.40, 0.04, 0.06), 5.0),
        ),
        Floor("waves", (0.95, 0.97, 1.0), (0.84, 0.89, 0.96)),
        Floor("tiles", (0.66, 0.76, 0.88), (0.50, 0.60, 0.76)),
        Sky((0.50, 0.56, 0.78), (0.98, 0.90, 0.88), (0.60, 0.66, 0.82), ((0.04, 3, 0.5), (0.02, 8, 0.0)),
            (0.0, 0.28, 0.30), (1.0, 0.90, 0.76), (1.9, 0.28)),
    ),
)  # fmt: skip
NAMES = tuple(theme.name for theme in THEMES)
SURFACE_NAMES = tuple(
    f"{theme.name} {surface}"
    for theme in THEMES
    for surface in (*(f"{material.pattern} wall" for material in theme.materials[:WALLS]), "landmark", "floor", "sky")
)
"""Of each number of a material map."""
