"""Several cameras in one file: which pictures are whose, and the walk of one of them in the order of their names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import takewhile
from typing import NamedTuple

from ..reading.asked import ALL, Asked
from ..reading.words import shortened
from .lens import listed
from .lines import natural

_NUMBER = re.compile("[0-9]+")
_CAMERA = re.compile(r"(?:cam|camera|sensor|view)[_-]?([0-9]+)", re.IGNORECASE)
_TOGETHER = 0.5
"""Part of a camera's picture numbers that lie among those of the largest one; fewer, and they are parts of a walk."""
_MOST = 64
"""Cameras that a rig may have; more groups of names are no cameras."""


class Chosen(NamedTuple):
    """One camera's pictures.

    Args:
        order: their places among all pictures, as the walk goes.
        notes: which cameras there are, and which this is; empty where there is one.
    """

    order: list[int]
    notes: tuple[str, ...]


def chosen(names: Sequence[str], cameras: Sequence[str] | None, asked: Asked) -> Chosen:
    """Choose one camera's pictures, in the order of their names, numbers in them as numbers.

    Args:
        names: of the pictures.
        cameras: of the pictures, as the file says it; `None` if it does not.
        asked: which camera; without, the one with the most pictures, the first of equals.

    Raises:
        ValueError: there is no such camera.
    """
    order = sorted(range(len(names)), key=[natural(name) for name in names].__getitem__)
    groups = _groups(order, _labels(names, cameras))
    wanted = asked.camera.strip().lower()
    if wanted and wanted != ALL and wanted not in map(str.lower, groups):  # perhaps a folder's name, not a number
        groups = _groups(order, by_name) if wanted in map(str.lower, by_name := _labels(names, None)) else groups
    counts = {label: len(group) for label, group in groups.items()}
    if wanted and wanted != ALL and wanted not in map(str.lower, groups):
        expected = (
            f"one of {listed(list(counts))}, or {ALL}" if len(counts) > 1 else "none, for the file has one camera"
        )
        raise ValueError(f"camera: found {shortened(asked.camera)!r}, expected {expected}; change it or leave it empty")
    if len(counts) == 1:
        return Chosen(order, ())
    told = f"{len(counts)} cameras: {_counted(counts)}"
    if wanted == ALL:
        return Chosen(order, (f"{told}. Their pictures are strung to one walk, by name.",))
    most = max(counts, key=lambda label: counts[label])  # the first of equals
    found = next((label for label in counts if label.lower() == wanted), most)
    return Chosen(groups[found], (f"{told}. This is {found}; write another one into camera, or {ALL}.",))


def _groups(order: Sequence[int], labels: Sequence[str]) -> dict[str, list[int]]:
    """Gather pictures by their camera, cameras by name."""
    groups: dict[str, list[int]] = {label: [] for label in sorted({*labels}, key=natural)}
    for i in order:
        groups[labels[i]].append(i)
    return groups


def _counted(counts: dict[str, int]) -> str:
    """Say how many pictures each camera has: 1 (8 pictures), 2 (8)."""
    told = [f"{label} ({count}{' pictures' * (i == 0)})" for i, (label, count) in enumerate(counts.items())]
    return listed(told)


def _labels(names: Sequence[str], cameras: Sequence[str] | None) -> list[str]:
    """Return what the camera of each picture is called; one name for all where there is one."""
    ids = list(cameras) if cameras is not None else [""] * len(names)
    sizes = Counter(ids)
    lone = sum(count for count in sizes.values() if count == 1)
    if lone * 2 > len(ids):  # a camera for each picture, as COLMAP makes them if nobody says otherwise: one walk
        ids = [""] * len(names)
    labels, several = list(ids), len(set(ids)) > 1
    for camera in set(ids):
        of_camera = [i for i, other in enumerate(ids) if other == camera]
        for i, part in zip(of_camera, _parts([names[i] for i in of_camera]), strict=True):
            labels[i] = " ".join(filter(None, (camera * several, part))) or camera
    return labels


def _parts(names: Sequence[str]) -> list[str]:
    """Tell cameras apart by names: by folder, by words, or by a number behind cam; empty where they are one walk."""
    folders = {name.rpartition("/")[0] for name in names}
    if (
        len(folders) == 1
        and not _CAMERA.search(names[0])
        and len({*_NUMBER.sub("#", "\n".join(names)).split("\n")}) == 1
    ):
        return [""] * len(names)  # most walks, soon told
    split = [_split(name) for name in names]
    keys = list(dict.fromkeys(key for key, _ in split))
    if not 1 < len(keys) <= _MOST:
        return [""] * len(names)
    numbers: dict[tuple[str, str, str], list] = {}
    for key, rest in split:
        numbers.setdefault(key, []).append(natural(rest)[0][1::2])
    lone = sum(len(group) == 1 for group in numbers.values())
    if lone * 2 > len(names):
        return [""] * len(names)
    largest = numbers[max(keys, key=lambda key: len(numbers[key]))]
    least, most = min(largest), max(largest)
    if any(sum(least <= number <= most for number in group) <= _TOGETHER * len(group) for group in numbers.values()):
        return [""] * len(names)
    return [_told(key, keys) for key, _ in split]


def _split(name: str) -> tuple[tuple[str, str, str], str]:
    """Split a picture's name into what names its camera (folder, words, number behind cam) and what has its number."""
    folder, _, base = name.replace("\\", "/").rpartition("/")
    base = base.rpartition(".")[0] or base
    camera = _CAMERA.search(base)
    rest = base[: camera.start()] + base[camera.end() :] if camera else base
    return (folder, _NUMBER.sub("#", rest), camera[1] if camera else ""), rest


def _told(key: tuple[str, str, str], keys: Sequence[tuple[str, str, str]]) -> str:
    """Name a camera by what tells it from the others."""
    folders = [f"{other[0]}/".split("/") for other in keys]
    above = sum(1 for _ in takewhile(lambda level: len({*level}) == 1, zip(*folders, strict=False)))
    parts = ["/".join(key[0].split("/")[above:]), *key[1:]]
    told = [part for place, part in enumerate(parts) if len({other[place] for other in keys}) > 1]
    return " ".join(part.strip("_-. #") or "-" for part in told)
