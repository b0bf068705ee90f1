"""`python -m worldmodel.bench retrieval`: finding past frames again, beside the authors' formula and beside meshes.

One thread; times are that thread's own, so that other work on the machine counts on neither side; ways are timed in
turns, and the median counts. Theirs is the release's formula, all candidates at once; the release's own function stands
beside ours in `scripts/retrieval_beside_authors.py`. Exact overlap stands beside trimesh's hulls and manifold3d's
intersections, where both are installed. Last, on a walk that comes by as many old places everywhere, a late chunk
stands beside an early one.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..binding.motion import integrate
from ..camera.poses import to_matrix_game3
from ..memory import released
from ..memory.forms import FORMS
from ..memory.frames import MATRIX_GAME_3
from ..memory.index import PoseIndex
from ..memory.overlap import overlap
from ..memory.plan import plan
from ..memory.policy import CORRECTED, RELEASED, MemoryPolicy
from ..memory.views import FAR
from ..track.presets import DEMOS, preset
from ..track.track import Track, parse_track, sample
from ..variants import MATRIX_GAME_3_RELEASED

PAST = 1600
SLOTS = 5
FASTER, FASTER_EXACT, WITHIN, SLOWER = 8, 200, 0.002, 2
"""The bars: times faster than the release and than meshes, share of the view's volume, and how much slower a late chunk
may be."""
EARLY, LATE = 1_000, 100_000
_BLOCK = "forward*45 yaw_right(6)*15 " * 8 + "idle*20 "
_STREET = "forward*1000 "
Find = Callable[[Tensor, int, list[int]], list[int]]


class Beside(NamedTuple):
    """Seconds of two ways to do the same."""

    theirs: float
    ours: float

    @property
    def ratio(self) -> float:
        """How many times faster ours is."""
        return self.theirs / self.ours


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this benchmark's options."""
    parser.add_argument("--repeats", type=int, default=5, help="counted repetitions (default 5)")
    parser.set_defaults(threads=1)


def report(options: argparse.Namespace) -> str:
    """Measure and return the table.

    Raises:
        ValueError: an option makes no sense.
    """
    if options.repeats < 1:
        raise ValueError(f"--repeats: found {options.repeats}, expected 1 or more.")
    torch.set_num_threads(1)
    lines = released_lines(formula, "the authors' formula", options.repeats)
    lines += exact_lines(options.repeats)
    lines += late_lines(options.repeats)
    return "\n".join(lines)


def released_lines(find: Find, named: str, repeats: int) -> list[str]:
    """Tell how long ours takes beside a way that chooses as the release does, and is called `named`.

    Raises:
        ValueError: the picks differ.
    """
    lines = [f"as released, {PAST} past frames, {SLOTS} queries, milliseconds a query: {named}, ours"]
    ratios = []
    for name, poses in walks(PAST + MATRIX_GAME_3.past + MATRIX_GAME_3.later + 1).items():
        found = beside_release(poses, find, repeats)
        ratios.append(found.ratio)
        times = f"{1e3 * found.theirs:8.2f} {1e3 * found.ours:8.2f}"
        lines.append(f"  {name:18s} {times}  {found.ratio:6.1f} times faster, same picks")
    return [
        *lines,
        _verdict(f"  slowest of them: {min(ratios):.1f} times faster", min(ratios) >= FASTER, f">= {FASTER}"),
    ]


def walks(frames: int) -> dict[str, Tensor]:
    """Return the poses of walks that visit the past in different ways."""
    tracks = {
        "the authors' demo": sample(preset(DEMOS["matrix_game_2_universal"], frames, 0)),
        "like a person": sample(preset("random from a seed", frames, 0)),
        "there and back": sample(preset("there and back", frames)),
        "round and round": parse_track(f"forward+yaw_right(1.5)*{frames - 1} idle"),
        "standing still": parse_track(f"idle*{frames}"),
    }
    return {name: integrate(track, MATRIX_GAME_3_RELEASED) for name, track in tracks.items()}


def beside_release(poses: Tensor, find: Find, repeats: int) -> Beside:
    """Time the queries of one chunk both ways; ours counts the poses that are new to its index, too.

    Raises:
        ValueError: the picks differ.
    """
    extrinsics, start = to_matrix_game3(poses), PAST + 1
    queries = [len(poses) - 1 - MATRIX_GAME_3.spacing * slot for slot in range(SLOTS)]
    allowed = np.zeros(len(poses), dtype=bool)
    allowed[1:start] = True
    theirs, ours = [], []
    for _ in range(repeats + 1):
        index = PoseIndex(poses[: -MATRIX_GAME_3.later])
        seconds, expected = timed(lambda: find(extrinsics, start, queries))
        theirs.append(seconds)

        def search(index: PoseIndex = index) -> list[int]:
            index.extend(poses[-MATRIX_GAME_3.later :])
            return [pick.frame for pick in index.picks(queries, allowed, FORMS["released"])]

        seconds, found = timed(search)
        ours.append(seconds)
        if found != expected:
            raise ValueError(f"picks: found {found}, expected {expected}, theirs; this is a mistake of ours.")
    return Beside(*(statistics.median(times[1:]) / SLOTS for times in (theirs, ours)))


def formula(extrinsics: Tensor, start: int, queries: list[int]) -> list[int]:
    """Choose as the release's formula says, written down as it is: every candidate's points at once, query by query."""
    poses = extrinsics.float()
    back = poses[1:start, :3, :3].transpose(1, 2)
    places = torch.bmm(back, poses[1:start, :3, 3:4])
    width, height, near, far = released.WIDTH, released.HEIGHT, released.NEAR, FAR
    found = []
    for query in queries:
        points = poses[query, :3, :3] @ released.grid_points() + poses[query, :3, 3:4]
        x, y, z = (torch.bmm(back, points.expand(len(back), -1, -1)) - places).unbind(1)
        u = x * (width / 2) / z.clamp(min=1e-6) + width / 2
        v = y * (height / 2) / z.clamp(min=1e-6) + height / 2
        seen = (z > near) & (z < far) & (u >= 0) & (u <= width) & (v >= 0) & (v <= height)
        found.append(1 + int(seen.float().mean(1).argmax()))
    return found


def exact_lines(repeats: int) -> list[str]:
    """Tell of the exact overlap beside meshes."""
    title = f"exact overlap, {PAST} past frames of the authors' demo"
    if find_spec("trimesh") is None or find_spec("manifold3d") is None:
        return [f"{title}: not run, because trimesh or manifold3d is not installed (pip install trimesh manifold3d)"]
    poses = walks(PAST + MATRIX_GAME_3.past + MATRIX_GAME_3.later + 1)["the authors' demo"]
    query, others = len(poses) - 1, poses[1 : PAST + 1]
    allowed = np.zeros(len(poses), dtype=bool)
    allowed[1 : PAST + 1] = True
    index = PoseIndex(poses)
    meshes, theirs = timed(lambda: overlap_by_meshes(poses[query], others))
    all_pairs = [timed(lambda: overlap(poses[query], others)) for _ in range(repeats + 1)]
    picks = [timed(lambda: index.pick(query, allowed, FORMS["exact"])) for _ in range(repeats + 1)]
    seconds = [statistics.median(each for each, _ in way[1:]) for way in (all_pairs, picks)]
    ours, pick = all_pairs[0][1], picks[0][1]
    apart = float(np.abs(ours - theirs).max())
    best = float(theirs.max() - theirs[pick.frame - 1])
    both = [Beside(meshes, each) for each in seconds]
    return [
        f"{title}, a query: trimesh and manifold3d {meshes:.2f} s",
        f"  every share        {1e3 * both[0].ours:8.2f} ms {both[0].ratio:8.0f} times faster",
        f"  the best, by index {1e3 * both[1].ours:8.2f} ms {both[1].ratio:8.0f} times faster",
        _verdict(
            f"  slower of them: {min(way.ratio for way in both):.0f} times faster",
            min(way.ratio for way in both) >= FASTER_EXACT,
            f">= {FASTER_EXACT}",
        ),
        _verdict(
            f"  largest difference {apart:.1e} of the view's volume, of the best one's share {best:.1e}",
            max(apart, best) <= WITHIN,
            f"<= {WITHIN}",
        ),
    ]


def overlap_by_meshes(query: Tensor, others: Tensor) -> np.ndarray:
    """Return the share of a view that each other view sees: hulls of their corners, and what those have in common."""
    from trimesh.convex import convex_hull

    corners = np.array([[0, 0, 0], [1, 1, 1], [1, -1, 1], [-1, -1, 1], [-1, 1, 1]]) * FAR

    def hull(pose: np.ndarray) -> Any:
        return convex_hull(corners @ pose[:3, :3].T + pose[:3, 3])

    found = []
    for pose in others.numpy():
        view = hull(query.numpy())  # anew for each pair, as the release's exact function makes it
        common = view.intersection(hull(pose))
        found.append(0.0 if common.is_empty else common.volume / view.volume)
    return np.array(found)


def late_lines(repeats: int) -> list[str]:
    """Tell how much longer a chunk takes late in a walk than early."""
    poses = constant_density(LATE + 1)
    lines = [
        f"a chunk's memory, index and plan, on a walk that comes by as many old places everywhere: {_density(poses)}"
    ]
    for name, policy in (("as released", RELEASED), ("exact overlap", CORRECTED)):
        early, late = chunk_seconds(poses, (EARLY, LATE), policy, repeats)
        lines.append(
            _verdict(
                f"  {name:18s} {1e3 * early:8.2f} ms at {EARLY:,} frames, {1e3 * late:8.2f} ms at {LATE:,}: "
                f"{late / early:.2f} times",
                late / early <= SLOWER,
                f"<= {SLOWER}",
            )
        )
    return lines


def constant_density(frames: int) -> Tensor:
    """Return the poses of `round_blocks`."""
    return integrate(round_blocks(frames), MATRIX_GAME_3_RELEASED)


def round_blocks(frames: int) -> Track:
    """Walk twice around a block, then down a street to the next one, and so on: the past within sight is as much."""
    one = parse_track(_BLOCK + _STREET)
    times = -(-frames // one.frames)
    return one._replace(keys=one.keys.repeat(times, 1)[:frames], mouse=one.mouse.repeat(times, 1)[:frames])


def _density(poses: Tensor) -> str:
    places, counts = poses[:, [0, 2], 3], []
    for end in (EARLY, LATE):
        away = (places[: end - 1] - places[end - 1]).norm(dim=1)
        counts.append(int((away <= 2 * FAR).sum()))
    return f"{counts[0]} and {counts[1]} past frames within {2 * FAR:.0f} m"


def chunk_seconds(poses: Tensor, ends: tuple[int, ...], policy: MemoryPolicy, repeats: int) -> tuple[float, ...]:
    """Return the median seconds of the last chunks before each of these frames, timed in turns."""
    spans = MATRIX_GAME_3
    chunks = [(end - spans.first) // spans.later - repeats for end in ends]
    indexes = [PoseIndex(poses[: spans.end(chunk - 1)]) for chunk in chunks]
    times: list[list[float]] = [[] for _ in ends]
    for step in range(repeats + 1):
        for index, chunk, kept in zip(indexes, chunks, times, strict=True):

            def work(index: PoseIndex = index, chunk: int = chunk + step) -> None:
                index.extend(poses[spans.end(chunk - 1) : spans.end(chunk)])
                plan(index, chunk, policy)

            kept.append(timed(work)[0])
    return tuple(statistics.median(kept[1:]) for kept in times)


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the seconds that this thread worked, and what came of it."""
    begin = time.thread_time()
    found = work()
    return time.thread_time() - begin, found


def _verdict(text: str, met: bool, bar: str) -> str:
    return f"{text}, bar {bar}: {'met' if met else 'MISSED'}"
