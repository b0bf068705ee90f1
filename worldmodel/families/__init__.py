"""Every family, a row each, and rollouts of whichever a world is of."""

from __future__ import annotations

from ..variants import Variant
from .family import Family
from .matrix_game2 import MATRIX_GAME_2
from .matrix_game3 import MATRIX_GAME_3
from .yume import YUME

FAMILIES: dict[str, Family] = {family.name: family for family in (MATRIX_GAME_2, MATRIX_GAME_3, YUME)}


def family_of(variant: Variant) -> Family:
    """Return a variant's family."""
    return FAMILIES[variant.family]
