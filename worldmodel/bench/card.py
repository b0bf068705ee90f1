"""Whether a model fits a card: by phase, what lies on it, what waits in main memory meanwhile, and what to lower."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

RESERVED = 1_000_000_000
"""Bytes that driver, screen and host take for themselves (an assumption)."""
UNITS = {"gb": 10**9, "gib": 2**30, "": 10**9}


class Phase(NamedTuple):
    """What one phase of a rollout needs.

    Args:
        parts: bytes of the weights that it uses, by name.
        working: bytes of all else at its fullest.
        kept: of those, bytes that still live when it ends: what it is told, what it keeps and what it gives.
    """

    parts: Mapping[str, int]
    working: int
    kept: int = 0

    @property
    def activations(self) -> int:
        """Bytes of what comes and goes, at its fullest."""
        return self.working - self.kept

    @property
    def together(self) -> int:
        """Bytes of both."""
        return sum(self.parts.values()) + self.working


Phases = Mapping[str, Phase]


def card_bytes(text: str) -> int:
    """Return the bytes of a card such as `12GB` or `11.5GiB`.

    Raises:
        ValueError: it is no size.
    """
    match = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,3})?) ?(gi?b)?", text.strip().lower())
    size = int(float(match[1]) * UNITS[match[2] or ""]) if match else 0
    if size <= RESERVED:
        raise ValueError(f"--card: found {text!r}, expected more than 1 GB, such as 12GB or 11.5GiB.")
    return size


def all_parts(phases: Phases) -> dict[str, int]:
    """Return the bytes of every part of any phase."""
    return {name: size for phase in phases.values() for name, size in phase.parts.items()}


def missing(phases: Phases, card: int) -> int:
    """Return the bytes that the hungriest phase does not find on the card; 0 where every one fits."""
    return max(0, max(phase.together for phase in phases.values()) + RESERVED - card)


def runs(phases: Phases, card: int) -> bool:
    """Tell whether every phase finds its working memory on the card; weights may come in piece by piece."""
    return all(phase.working + RESERVED <= card for phase in phases.values())


def said_of(name: str, phase: Phase, phases: Phases, card: int) -> str:
    """Return one sentence about a phase on a card."""
    free = card - RESERVED - phase.together
    others = {part: size for part, size in all_parts(phases).items() if part not in phase.parts}
    if free >= sum(others.values()):
        return f"{name}: fits beside all other weights, {gigabytes(free - sum(others.values()))} to spare"
    if free >= 0:
        return f"{name}: fits, {gigabytes(free)} to spare; offloaded meanwhile as far as needed: {listed(others)}"
    weights = sum(phase.parts.values())
    if -free <= weights:
        return (
            f"{name}: {gigabytes(-free)} of {gigabytes(weights)} of weights ({', '.join(phase.parts)}) stay in main "
            "memory and are brought in as they are used, which is slower"
        )
    return f"{name}: does not fit, its working memory alone is {gigabytes(phase.working)}"


def plan(phases: Phases, card: int, remedies: Mapping[str, Phases]) -> list[str]:
    """Return lines that say what fits.

    Args:
        phases: by name.
        card: bytes.
        remedies: what can be lowered, and the phases where it is; the mildest first.
    """
    lines = [said_of(name, phase, phases, card) for name, phase in phases.items()]
    if not missing(phases, card):
        return lines
    changed = {key for lowered in remedies.values() for key in lowered if lowered[key] != phases.get(key)}
    if changed and not missing({key: phases[key] for key in changed}, card):
        return lines  # what is missing is what no remedy lowers
    for name, lowered in remedies.items():
        if not missing({key: lowered[key] for key in changed}, card):
            left = missing(lowered, card)
            but = f" but for {gigabytes(left)} of weights, which nothing lowers" if left else ""
            return [*lines, f"to lower: {name}; then every phase fits{but}"]
    running = {name: missing(lowered, card) for name, lowered in remedies.items() if runs(lowered, card)}
    best = min(running, key=lambda name: running[name], default=None)
    if best is None:
        return [*lines, "to lower: nothing counted here is enough; take a larger card"]
    return [*lines, f"to lower: {best}; then at most {gigabytes(running[best])} of weights stay in main memory"]


def listed(parts: Mapping[str, int]) -> str:
    """Return parts with their sizes."""
    return ", ".join(f"{name} {gigabytes(size)}" for name, size in parts.items())


def gigabytes(size: float) -> str:
    """Return bytes as people say them."""
    return f"{size / 1e9:.2f} GB"
