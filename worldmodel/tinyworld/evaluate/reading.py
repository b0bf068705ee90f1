"""Can the picture be read? What the reader says of generated films, beside the truth and beside true films.

All shares are over pixels of walls and landmarks; floor and sky are shown apart. Where the start showed a surface its
material is known; far from the start only this is asked: that what is shown is some wall of this theme, as surely read
as in true frames, and that the films as a whole look like true ones (Fréchet distance of the reader's features).

Shapes: N tracks, B tracks of a batch, F frames, H x W picture, W windows of frames.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from ...metrics.intervals import Estimate, Z, mean_of, ratio_of
from ...rollout.sampling import Levels
from .. import pilot
from ..player import Player
from ..scene import clips, themes
from ..visibility import seen_from_first
from . import right_world
from .drift import through_vae
from .reader import CONFIDENT, FEATURES, Reader, Reading, is_wall, read
from .suites import Tracks

SEED = 8_000
WARM_UP = 6
"""Latents that are decoded before those that are read: the decoder looks back no farther."""
LEAST = 50
"""Pixels below which a material of a walk is not judged."""
WINDOWS = ((1, 102), (400, 501), (900, 1001))
"""First frame and end of what is read of a long walk; all are equally long."""
COMPARED = ((1, 51), (400, 450), (951, 1001))
"""First frame and end of those of each window whose features are compared with true films."""


class Rightness(NamedTuple):
    """Of each track (N,), over surfaces that the start showed: share of right wall and landmark pixels, mean over the
    track's materials; share of right floor and sky pixels; and the median of the depth's relative error on walls."""

    walls: Tensor
    others: Tensor
    depth: Tensor


def right_material(
    player: Player, reader: Reader, tracks: Tracks, starts: int, levels: Levels | None = None, control: bool = True
) -> list[Rightness]:
    """Read frames 1 to 24 of the first `starts` tracks: of generated films, and, as a control, of true ones through the
    VAE."""
    rows: list[list[Rightness]] = [[], []] if control else [[]]
    for number, batch in tracks.batches(starts):
        worlds, walks = batch.walk()
        view = pilot.views(worlds, walks, clips.PICTURE, slice(0, right_world.JUDGED.stop))
        poses = walks.places[:, : right_world.JUDGED.stop], walks.yaws[:, : right_world.JUDGED.stop]
        seen = seen_from_first(view.depth, *poses, worlds.focal)[:, right_world.JUDGED]
        true = view.pixels.movedim(-1, 2)
        first = (true[:, 0] * 255).round() / 255
        made = player.play(first, walks.actions, right_world.chunks_of(player), right_world.SEED + number, levels)
        films = [made.transpose(1, 2), *([through_vae(player, true, {}, {})] if control else [])]
        told = view.materials[:, right_world.JUDGED].long(), 1 / view.depth[:, right_world.JUDGED], seen
        for kept, film in zip(rows, films, strict=True):
            kept.append(judged(read_films(reader, film[:, right_world.JUDGED]), *told))
    return [Rightness(*(torch.cat(column) for column in zip(*kept, strict=True))) for kept in rows]


def read_films(reader: Reader, films: Tensor) -> Reading:
    """Read films (B, F, 3, H, W) in 0..1; every field with (B, F) in front."""
    said = read(reader, films.flatten(0, 1))
    return Reading(*(value.unflatten(0, films.shape[:2]) for value in said))


def judged(said: Reading, materials: Tensor, near: Tensor, seen: Tensor) -> Rightness:
    """Compare what was read with what was there.

    Args:
        said: of films.
        materials, near, seen: (B, F, H, W) true materials and inverse depth, and what the start showed.
    """
    walls, right = is_wall(materials), said.material == materials
    rows = []
    for track in range(len(materials)):
        shares = [
            right[track][here].float().mean()
            for one in materials[track].unique().tolist()
            if is_wall(torch.tensor(one)) and (here := seen[track] & (materials[track] == one)).sum() >= LEAST
        ]
        off = ((said.near - near).abs() / near)[track][walls[track] & seen[track]]
        rows.append(
            (
                torch.stack(shares).mean() if shares else torch.tensor(torch.nan),
                right[track][seen[track] & ~walls[track]].float().mean(),
                off.median() if len(off) else torch.tensor(torch.nan),
            )
        )
    return Rightness(*(torch.stack(column) for column in zip(*rows, strict=True)))


class Legibility(NamedTuple):
    """Of each walk and window (N, W): the share of its wall and landmark pixels that are read surely, the share of the
    sure ones that are of the walk's theme, and the same of floor and sky; and features (N, W, F, FEATURES)."""

    sure: Tensor
    own: Tensor
    sure_others: Tensor
    own_others: Tensor
    features: Tensor


def long_walks(
    player: Player, reader: Reader, tracks: Tracks, walks: int, windows: tuple[tuple[int, int], ...] = WINDOWS
) -> tuple[Legibility, Legibility]:
    """Read windows of the first `walks` long walks: generated ones, and true ones through the VAE."""
    columns: tuple[list, list] = ([], [])
    for number, batch in tracks.batches(walks, 25):
        worlds, walked = batch.walk(frames=windows[-1][1])
        first = (pilot.film(worlds, walked, clips.PICTURE, slice(0, 1))[:, 0].movedim(-1, 1) * 255).round() / 255
        made = made_windows(player, first, walked.actions, windows, SEED + number)
        columns[0].append(_legible(reader, made, worlds.theme))
        columns[1].append(_legible(reader, [true_window(player, batch, window) for window in windows], worlds.theme))
    made_all, true_all = (Legibility(*map(torch.cat, zip(*column, strict=True))) for column in columns)
    return made_all, true_all


@torch.inference_mode()
def made_windows(
    player: Player, first: Tensor, actions: pilot.Actions, windows: tuple[tuple[int, int], ...], seed: int
) -> list[Tensor]:
    """Return windows (B, F, 3, H, W) of films; only they are decoded, and what the decoder looks back at."""
    chunks = 1
    while player.variant.chunking.first_frame(chunks) < windows[-1][1]:
        chunks += 1
    latents = torch.cat(list(player.roll_latents(player.see(first, chunks), actions, chunks, seed)), 2)
    films, frames = [], player.variant.chunking.frames_per_latent
    for low, high in windows:
        begin = max(0, (low - 1) // frames + 1 - WARM_UP)
        film = player.show(latents[:, :, begin : (high - 2) // frames + 2], {}).transpose(1, 2)
        films.append(film[:, low - frames * begin : high - frames * begin])
    return films


def true_window(player: Player, tracks: Tracks, window: tuple[int, int]) -> Tensor:
    """Render a window of true films through the VAE (B, F, 3, H, W), and enough before it to fill its memory."""
    low, high = window
    begin = max(0, low - 9)
    missing = -(high - 1 - begin) % 4  # to whole latents; a walk may end with the window
    begin, whole = (begin - missing, high) if begin >= missing else (begin, high + missing)
    worlds, walked = tracks.walk(frames=whole)
    film = pilot.film(worlds, walked, clips.PICTURE, slice(begin, whole)).movedim(-1, 2)
    return through_vae(player, film, {}, {})[:, low - begin : high - begin]


def _legible(reader: Reader, films: list[Tensor], theme: Tensor) -> Legibility:
    found = (legible(read_films(reader, film), theme) for film in films)
    return Legibility(*(torch.stack(column, 1) for column in zip(*found, strict=True)))


def legible(said: Reading, theme: Tensor) -> tuple[Tensor, ...]:
    """Return the fields of `Legibility`, each (B, ...), of what was read of films of walks in these themes (B,)."""
    walls, sure = is_wall(said.material), said.sure >= CONFIDENT
    own = said.material // themes.SURFACES == theme[:, None, None, None]
    shares = []
    for some in (walls, ~walls):
        count = some.sum((1, 2, 3)).clamp_min(1)
        certain = (some & sure).sum((1, 2, 3))
        shares += [certain / count, (some & sure & own).sum((1, 2, 3)) / certain.clamp_min(1)]
    return (*shares, said.features)


def read_true(player: Player, reader: Reader, tracks: Tracks, window: tuple[int, int]) -> Tensor:
    """Return the features (N, F, FEATURES) of a window of the true films of tracks, through the VAE."""
    parts = []
    for _, batch in tracks.batches(len(tracks.seeds), 25):
        film = true_window(player, batch, window)
        parts.append(read(reader, film.flatten(0, 1)).features.unflatten(0, film.shape[:2]))
    return torch.cat(parts)


def frechet(one: Tensor, other: Tensor) -> float:
    """Return the Fréchet distance of two sets of features (n, FEATURES), each taken as a normal distribution."""
    mean, spread = [], []
    for features in (one.double(), other.double()):
        mean.append(features.mean(0))
        spread.append(torch.cov(features.T))
    # the trace of the root of a product of two covariances is that of a symmetric matrix's root
    root = _root(spread[0])
    cross = _root(root @ spread[1] @ root).trace()
    return float((mean[0] - mean[1]).square().sum() + spread[0].trace() + spread[1].trace() - 2 * cross)


def _root(matrix: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh((matrix + matrix.T) / 2)
    return vectors * values.clamp_min(0).sqrt() @ vectors.T


def frechet_of_walks(made: Tensor, true: Tensor, others: Tensor) -> Estimate:
    """Return the distance of generated from true films in units of that of two disjoint sets of true films.

    Args:
        made, true: (N, F, FEATURES) of one window.
        others: (M, F, FEATURES) of true films of other walks.
    """
    unit = frechet(true.reshape(-1, FEATURES), others.reshape(-1, FEATURES))

    def distance(rows: Tensor) -> float:
        return frechet(*(films[rows].reshape(-1, FEATURES) for films in (made, true))) / unit

    return _without_each(distance, len(made))


def frechet_gap(made: Tensor, beside: Tensor, true: Tensor, others: Tensor) -> Estimate:
    """Return by how much farther films are from true ones than others of the same walks, in the same units.

    Args:
        made, beside: (N, F, FEATURES) of one window of films of the same walks.
        true, others: as `frechet_of_walks` takes them.
    """
    unit = frechet(true.reshape(-1, FEATURES), others.reshape(-1, FEATURES))

    def gap(rows: Tensor) -> float:
        one, other, known = (films[rows].reshape(-1, FEATURES) for films in (made, beside, true))
        return (frechet(one, known) - frechet(other, known)) / unit

    return _without_each(gap, len(made))


def _without_each(measure: Callable[[Tensor], float], walks: int) -> Estimate:
    """Return a measure of walks, by their numbers, with the interval that leaving out each in turn tells: walks drawn
    with replacement would be fewer different ones, which lie farther from any others."""
    every = torch.arange(walks)
    value = measure(every)
    part = torch.tensor([measure(every[every != one]) for one in range(walks)], dtype=torch.float64)
    half = Z * ((walks - 1) / walks * (part - part.mean()).square().sum()).sqrt().item()
    return Estimate(value, value - half, value + half)


def sure_ratio(made: Legibility, true: Legibility, window: int) -> Estimate:
    """Return the share of surely read wall pixels of generated films over that of true ones, in a window."""
    return ratio_of(made.sure[:, window], true.sure[:, window])


def known_mean(values: Tensor) -> Estimate:
    """Return the mean of what is known."""
    return mean_of(values[~values.isnan()])
