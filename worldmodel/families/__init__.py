"""Every family, a row each, and rollouts of whichever a world is of."""

from __future__ import annotations

from ..variants import Variant
from .causal_wan import CAUSAL_WAN, CAUSAL_WAN_CLIPS, CAUSAL_WAN_WORDS
from .family import Family
from .matrix_game2 import MATRIX_GAME_2
from .matrix_game3 import MATRIX_GAME_3
from .yume import YUME

_ALL = MATRIX_GAME_2, MATRIX_GAME_3, YUME, CAUSAL_WAN, CAUSAL_WAN_CLIPS, CAUSAL_WAN_WORDS
FAMILIES: dict[str, Family] = {family.name: family for family in _ALL}


def family_of(variant: Variant) -> Family:
    """Return a variant's family."""
    return FAMILIES[variant.family]
