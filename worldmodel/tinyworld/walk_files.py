"""The files of one recorded walk: film, table, arrays, captions; and the check that they belong together.

Shapes: F frames, H x W picture.
"""

from __future__ import annotations

import csv
import hashlib
import io
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..shown.film import FilmWriter, film_frames
from ..storage.pixels import to_bytes
from ..storage.writing import Part, write_file
from ..variants import BUILT_IN, VARIANTS
from . import walks
from .captions import Captions
from .pilot import WORDS, Actions, poses
from .scene import engine, themes
from .walks import Walk

FPS = VARIANTS[BUILT_IN].fps
COLUMNS = (
    "frame", "seconds", *WORDS, "mouse_yaw", "mouse_pitch", "x", "z", "yaw", "next_x", "next_z", "next_yaw", "bumped",
)  # fmt: skip
"""Keys 0 or 1; mouse in degrees per frame, right and up positive; x, z in metres and yaw in radians, right positive, of
the frame and (`next_`) of the pose its row leads to."""
_PIECE = 16
"""Frames rendered at a time, when filmed and when checked alike: equal pieces give equal bits."""


class Maps(NamedTuple):
    """What is known of every pixel of a film: depth (F, H, W) float32 along the optical axis in metres, inf in the sky;
    materials (F, H, W) uint8, as `engine.View` has them."""

    depth: Tensor
    materials: Tensor


class Table(NamedTuple):
    """A CSV that was read: keys (F, 4), turns (F,) degrees, places (F + 1, 2) metres, yaws (F + 1,) radians."""

    keys: Tensor
    turns: Tensor
    places: Tensor
    yaws: Tensor


def render(worlds: engine.Places, places: Tensor, yaws: Tensor, size: tuple[int, int]) -> Iterator[engine.View]:
    """Render poses of one world in pieces."""
    for place, yaw in zip(places.split(_PIECE), yaws.split(_PIECE), strict=True):
        yield engine.render(worlds, torch.zeros(len(yaw), dtype=torch.long), place, yaw, size)


def write_film(
    walk: Walk, path: Path, size: tuple[int, int], depth: bool, on_frames: Callable[[Tensor], None]
) -> tuple[list[str], Maps | None]:
    """Write a walk's film; return each frame's digest, and the depth with the materials if it is wished."""
    digests, seen = [], []
    with FilmWriter(path, FPS) as film:
        for view in render(walk.worlds, walk.places[:-1], walk.yaws[:-1], size):
            film.append(view.pixels)
            digests += [_digest(picture) for picture in to_bytes(view.pixels)]
            seen += [Maps(view.depth, view.materials)] if depth else []
            on_frames(view.pixels)
    return digests, Maps(*(torch.cat(column) for column in zip(*seen, strict=True))) if depth else None


def _digest(picture: np.ndarray) -> str:
    return hashlib.sha256(picture.tobytes()).hexdigest()


def write_table(walk: Walk, path: Path) -> None:
    """Write a walk's CSV; every number is written so that it is read back as the same."""
    poses = torch.cat([walk.places, walk.yaws[:, None]], 1).tolist()
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS)
    for frame, keys in enumerate(walk.keys.int().tolist()):
        mouse = walk.turns[frame].item(), 0.0
        bumped = int(walk.bumped[frame])
        rows.writerow([frame, frame / FPS, *keys, *mouse, *poses[frame], *poses[frame + 1], bumped])
    write_file(path, text.getvalue().encode(), "table")


def read_table(path: Path) -> Table:
    """Read a walk's CSV."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = [[float(row[name]) for name in COLUMNS] for row in csv.DictReader(file)]
    values = torch.tensor(rows, dtype=torch.float64)
    first, then = COLUMNS.index("x"), COLUMNS.index("next_x")
    poses = torch.cat([values[:, first : first + 3], values[-1:, then : then + 3]])
    keys = COLUMNS.index(WORDS[0])
    turns = values[:, COLUMNS.index("mouse_yaw")]
    return Table(values[:, keys : keys + len(WORDS)].float(), turns, poses[:, :2], poses[:, 2])


def write_arrays(walk: Walk, path: Path, size: tuple[int, int], maps: Maps | None) -> None:
    """Write a walk's NPZ, readable without pickle.

    keys (F, 4) uint8 in the order of words (4,); turns (F,) degrees per frame, right positive; c2w and next_c2w
    (F, 4, 4) float64, camera-to-world in OpenCV axes, of each frame and of the pose its row leads to; intrinsics (4,)
    fx, fy, cx, cy as shares of width and height; bumped (F,); fps; world_seed, that of a random layout, or -1, -2, ...
    for the levels; depth and materials (F, H, W), see `Maps`, and surfaces, the name of each number of a material map.
    """
    height, width = size
    stood = poses(walk.places, walk.yaws).numpy()
    arrays = {
        "words": np.array(WORDS),
        "keys": walk.keys.to(torch.uint8).numpy(),
        "turns": walk.turns.numpy(),
        "c2w": stood[:-1],
        "next_c2w": stood[1:],
        "intrinsics": np.array([engine.FOCAL, engine.FOCAL * width / height, 0.5, 0.5]),
        "bumped": walk.bumped.numpy(),
        "fps": np.array(FPS),
        "world_seed": np.array(walk.world_seed),
        **({} if maps is None else {**_arrays(maps)}),
    }
    with Part(path, "arrays") as part:
        with part.path.open("wb") as file:
            np.savez_compressed(file, **arrays)
        part.finish()


def _arrays(maps: Maps) -> dict[str, np.ndarray]:
    seen = {name: value.numpy() for name, value in maps._asdict().items()}
    return {**seen, "surfaces": np.array(themes.SURFACE_NAMES)}


def write_captions(said: Captions, path: Path) -> None:
    """Write the standard caption and the interaction caption, a line each."""
    write_file(path, f"{said.standard}\n{said.interaction}\n".encode(), "captions")


def check(
    film: Path, world_seed: int, size: tuple[int, int], filmed: list[str], on_frames: Callable[[Tensor], None]
) -> dict[str, float]:
    """Play a walk again from its files alone, render it again, and compare.

    Args:
        film: the walk's film, its table beside it.
        world_seed: its world.
        size: height and width in pixels.
        filmed: the digest of each frame that was filmed.
        on_frames: called with each piece.

    Returns:
        agreement: share of frames that were rendered again bit for bit; replay_error: largest difference of a pose in
        metres or radians; film_psnr: of the film as a player shows it, in dB, at most 100.
    """
    table = read_table(film.with_suffix(".csv"))
    start = table.places[:1], table.yaws[:1]
    worlds = engine.build([world_seed])
    again = walks.play(worlds, start, Actions(table.keys[None], table.turns[None]), "again")
    replay_error = max((again.places - table.places).abs().max(), (again.yaws - table.yaws).abs().max())
    shown, digests, same, squares = film_frames(film), iter(filmed), 0, 0.0
    for view in render(worlds, again.places[:-1], again.yaws[:-1], size):
        for picture in to_bytes(view.pixels):
            same += _digest(picture) == next(digests)
            squares += float(np.square(next(shown)[: size[0], : size[1]].astype(np.float64) - picture).mean())
        on_frames(view.pixels)
    psnr = min(100.0, 20 * math.log10(255) - 10 * math.log10(max(squares / again.frames, 1e-12)))
    return {"agreement": same / again.frames, "replay_error": float(replay_error), "film_psnr": round(psnr, 2)}
