"""Models whose files look the same: which of them one is, its folder or a person says."""

from __future__ import annotations

from pathlib import PurePath

from ..rollout.wrappers import HIGH, LOW
from ..variants import VARIANTS, Variant


def twins_of(variant: Variant) -> list[Variant]:
    """Return the variants whose weights have the same names and shapes as one's, itself among them; else none."""
    same = variant.twins or variant.family
    return [one for one in VARIANTS.values() if variant.folder and one.folder and (one.twins or one.family) == same]


def expert_named(path: PurePath) -> str:
    """Return which of two experts a file or folder is called, `HIGH` or `LOW`; "" where no name says.

    Wan's releases have folders `high_noise_model` and `low_noise_model`, and single files have these words in them.
    """
    for name in (path.name.lower(), path.parent.name.lower()):
        said = [side for side in (HIGH, LOW) if f"{side}_noise" in name]
        if len(said) == 1:
            return said[0]
    return ""
