"""A camera's path as poses: a cubic curve through keyframes, walked evenly along its arc.

    places (F, 3)  x, y, z in metres: right, down, ahead
    yaw    (F,)    radians to the right, 0 looks along z; pitch (F,) radians up

Between two keyframes lies one cubic Bezier curve (a span); t in 0..1 runs along it unevenly, u in 0..1 evenly along its
arc. The page's editor computes the same in web/path/poses.mjs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from . import path_json
from .path import EASES, CameraPath, PathKeyframe, Vector, mirrored
from .poses import angles, poses_of, rotations

PIECES = 128
"""Straight pieces that a span's arc is measured by."""
STILL = 1e-6
"""Metres below which a tangent has no direction."""
ROUNDEST = 2.0
"""How much longer an automatic tangent may become in a bend."""
_BLOCK = 4096
"""Spans whose arcs are measured at once."""
_NAN = float("nan")
_NOBODY = (_NAN, _NAN, _NAN)
"""A tangent that nobody drew."""


def parse_path(text: str | None) -> CameraPath:
    """Read a path's JSON; empty text is an empty path of the default length.

    Raises:
        ValueError: one sentence that names frame or member, value and fix.
    """
    stripped = (text or "").strip().removeprefix("\ufeff").strip()
    if not stripped:
        return CameraPath()
    try:
        return path_json.read(stripped)
    except ValueError as error:
        raise ValueError(f"Path JSON: {error}") from None


def write_path(path: CameraPath) -> str:
    """Write the canonical JSON: equal paths give equal text. Values are rounded to thousandths."""
    return path_json.write(path)


class Span(NamedTuple):
    """The way from one keyframe to the next.

    Args:
        start: the keyframe it leaves, whose easing counts.
        end: the keyframe it reaches; a closed path's last span reaches the first one, at the last frame.
        curve: (4, 3) Bezier points.
        arc: (PIECES + 1,) metres from its beginning to t = 0, 1 / PIECES, ... 1.
    """

    start: PathKeyframe
    end: PathKeyframe
    curve: np.ndarray
    arc: np.ndarray


class Stops(NamedTuple):
    """What stands at K keyframes.

    Args:
        frames: (K,).
        eases: (K,) places in `EASES`.
        aimed: (K,) whether the camera looks at the target.
        keyed: (K, 2) yaw and pitch of a look of its own, radians, else NaN.
        pitch: (K,) radians, NaN where nobody said it.
        target: (3,), NaN without one.
    """

    frames: np.ndarray
    eases: np.ndarray
    aimed: np.ndarray
    keyed: np.ndarray
    pitch: np.ndarray
    target: np.ndarray


class Way(NamedTuple):
    """Stops, and the S = K - 1 spans between them: curves (S, 4, 3), arcs (S, PIECES + 1), resting yaws (S,)."""

    stops: Stops
    curves: np.ndarray
    arcs: np.ndarray
    resting: np.ndarray


class Samples(NamedTuple):
    """A path at whole frames: places (F, 3) in metres, yaw (F,) and pitch (F,) in radians, float64."""

    places: np.ndarray
    yaw: np.ndarray
    pitch: np.ndarray


def path_poses(path: CameraPath) -> Tensor:
    """Return the camera's pose in every frame: (frames, 4, 4) float64 camera-to-world, OpenCV axes."""
    places, yaw, pitch = map(torch.from_numpy, sample_path(path))
    return poses_of(rotations(yaw, pitch), places)


def begin_at(c2w: Tensor, start: Tensor) -> Tensor:
    """Move and turn poses (F, 4, 4) so that the first one is where a pose (4, 4) is and heads where it does.

    The ground stays level: how far the camera is tilted remains the path's own.
    """
    yaw = angles(start[:3, :3])[0] - angles(c2w[0, :3, :3])[0]
    turn = rotations(yaw, torch.zeros_like(yaw))
    return poses_of(turn @ c2w[:, :3, :3], (c2w[:, :3, 3] - c2w[0, :3, 3]) @ turn.mT + start[:3, 3])


def path_speeds(path: CameraPath, fps: float) -> np.ndarray:
    """Return the speed over the ground from each frame to the next, (F,) metres a second; the last repeats."""
    places = sample_path(path).places
    if len(places) < 2:
        return np.zeros(len(places))
    steps = np.hypot(np.diff(places[:, 0]), np.diff(places[:, 2])) * fps
    return np.append(steps, steps[-1])


def sample_path(path: CameraPath) -> Samples:
    """Play a path at whole frames; before its first keyframe and after its last the camera stands."""
    samples = Samples(np.zeros((path.frames, 3)), np.zeros(path.frames), np.zeros(path.frames))
    stops = played(path)
    if not stops:
        return samples
    first = last = 0.0
    if len(stops) > 1:
        curves, arcs = _curves(stops, path.closed)
        resting, arriving = _resting(curves)
        first = _headings(curves[:1], np.zeros(1), resting[:1])[0]
        last = arriving[-1]
        _walk(samples, Way(_stops(stops, path.target), curves, arcs, resting))
    _stand(samples, slice(0, stops[0].frame), stops[:1], first, path.target)
    _stand(samples, slice(stops[-1].frame, path.frames), stops[-1:], last, path.target)
    if path.closed:
        for values in samples:
            values[-1] = values[0]
    return samples


def played(path: CameraPath) -> list[PathKeyframe]:
    """Return the keyframes that the curve passes; a closed path's last one is its first, at the last frame."""
    if not path.closed:
        return list(path.keyframes)
    stops = [keyframe for keyframe in path.keyframes if keyframe.frame < path.frames - 1]
    return [*stops, stops[0]._replace(frame=path.frames - 1)] if len(stops) > 1 else stops


def path_spans(path: CameraPath) -> list[Span]:
    """Return the curve, span by span."""
    stops = played(path)
    if len(stops) < 2:
        return []
    return list(map(Span, stops, stops[1:], *_curves(stops, path.closed)))


def bezier(curves: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Return the places of Bezier curves (…, 4, 3) at t (…): (…, 3)."""
    t = t[..., None]
    s = 1 - t
    c = (curves[..., point, :] for point in range(4))
    return s * s * s * next(c) + 3 * s * s * t * next(c) + 3 * s * t * t * next(c) + t * t * t * next(c)


def _curves(stops: Sequence[PathKeyframe], closed: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the curve from each stop to the next, (S, 4, 3), and its arc, (S, PIECES + 1)."""
    places = np.array([stop.place for stop in stops], dtype=np.float64)
    smooth = _smooth_tangents(places, closed and len(stops) > 2)
    own = np.array([_own(stop) for stop in stops], dtype=np.float64)  # (S + 1, 2, 3)
    chord = np.diff(places, axis=0)
    third = _length(chord)[:, None] / 3
    out, into = _first_of(own[:-1, 0], smooth[:-1] * third), _first_of(own[1:, 1], -smooth[1:] * third)
    bare_out, bare_into = np.isnan(out).any(1, keepdims=True), np.isnan(into).any(1, keepdims=True)
    both = bare_out & bare_into
    # an end of the path, and of its curvature
    ended_out, ended_into = (chord + into) / 2, (out - chord) / 2
    out = np.where(both, chord / 3, np.where(bare_out, ended_out, out))
    into = np.where(both, -chord / 3, np.where(bare_into, ended_into, into))
    curves = np.stack([places[:-1], places[:-1] + out, places[1:] + into, places[1:]], axis=1)
    return curves, np.concatenate([_arcs(curves[first : first + _BLOCK]) for first in range(0, len(curves), _BLOCK)])


def _first_of(drawn: np.ndarray, automatic: np.ndarray) -> np.ndarray:
    """Return tangents (S, 3) as they were drawn, and the automatic ones where nobody drew any (NaN)."""
    return np.where(np.isnan(drawn), automatic, drawn)


def _own(keyframe: PathKeyframe) -> tuple[Vector, Vector]:
    """Return the tangents after and before a keyframe as far as somebody drew them, else NaN."""
    out, into = keyframe.out, keyframe.into
    if out is None and into is None:
        return _NOBODY, _NOBODY
    return (mirrored(into) if out is None else out), (mirrored(out) if into is None else into)


def _smooth_tangents(places: np.ndarray, closed: bool) -> np.ndarray:
    """Return each keyframe's direction in metres per metre of chord, (S + 1, 3); NaN at ends and where it waits.

    It has the direction of the parabola through a keyframe and its neighbours, and the length that makes a circle of
    keyframes on a circle (less in a sharp turn); the height is held back where it would leave that of the keyframes.
    """
    tangents = np.full(places.shape, np.nan)
    chords = np.diff(places, axis=0)
    before, after, middle = chords[:-1], chords[1:], np.arange(1, len(places) - 1)
    if closed:  # the last keyframe is the first one again
        before, after = np.concatenate([chords[-1:], chords]), np.concatenate([chords, chords[:1]])
        middle = np.arange(len(places))
    lengths = _length(before), _length(after)
    moving = np.minimum(*lengths) >= STILL
    l0, l1 = (length[moving, None] for length in lengths)
    here, there = before[moving] / l0, after[moving] / l1
    tangent = (l1 * here + l0 * there) / (l0 + l1)
    straight = _length(tangent)[:, None]  # 1 on a line, 0 on the way back
    tangent = tangent * np.minimum(2 / ((1 + straight) * np.maximum(straight, STILL)), ROUNDEST)
    same_way = here[:, 1] * there[:, 1] > 0
    steepest = np.where(same_way, 3 * np.minimum(np.abs(here[:, 1]), np.abs(there[:, 1])), 0.0)
    tangent[:, 1] = np.minimum(np.maximum(tangent[:, 1], -steepest), steepest)
    tangents[middle[moving]] = tangent
    return tangents


def _arcs(curves: np.ndarray) -> np.ndarray:
    steps = np.diff(bezier(curves[:, None], np.arange(PIECES + 1) / PIECES), axis=1)
    return np.concatenate([np.zeros((len(curves), 1)), np.cumsum(_length(steps), axis=1)], axis=1)


def _resting(curves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return, per span, the yaw of a camera that looks along the path while the span goes nowhere, which is as it
    arrived, and the yaw in which the span ends: (S,) both."""
    starts, ends = np.zeros(len(curves)), np.ones(len(curves))
    ways = curves[:, 1:] - curves[:, :1]
    moves = (np.hypot(ways[..., 0], ways[..., 2]) > STILL).any(1)
    going = int(moves.argmax())
    first = _headings(curves[going : going + 1], starts[:1], starts[:1])[0] if moves.any() else 0.0
    arriving = np.concatenate([[first], _headings(curves, ends, np.full(len(curves), np.nan))])
    for span in np.flatnonzero(np.isnan(arriving)):
        arriving[span] = _within_a_turn(arriving[span - 1])
    return arriving[:-1], arriving[1:]


def _headings(curves: np.ndarray, t: np.ndarray, resting: np.ndarray) -> np.ndarray:
    """Return the yaw (N,) along curves (N, 4, 3) at t (N,); where one has no direction of its own, that of its nearer
    half, and where it goes nowhere, `resting` (N,)."""
    s, t = (1 - t)[:, None], t[:, None]
    c = curves[:, :, [0, 2]].transpose(1, 0, 2)
    ahead = s * s * (c[1] - c[0]) + 2 * s * t * (c[2] - c[1]) + t * t * (c[3] - c[2])
    yaw = np.arctan2(ahead[:, 0], ahead[:, 1])
    still = np.flatnonzero(np.hypot(ahead[:, 0], ahead[:, 1]) <= STILL)
    if len(still):
        c, early = c[:, still], t[still] < 0.5
        near, whole = np.where(early, c[2] - c[0], c[3] - c[1]), c[3] - c[0]
        way = np.where(np.hypot(*near.T)[:, None] > STILL, near, whole)
        yaw[still] = np.where(
            np.hypot(*way.T) > STILL, np.arctan2(way[:, 0], way[:, 1]), _within_a_turn(resting[still])
        )
    return yaw


def _within_a_turn(yaw: np.ndarray) -> np.ndarray:
    return np.arctan2(np.sin(yaw), np.cos(yaw))


def _walk(samples: Samples, way: Way) -> None:
    """Fill in the frames from the first stop up to, without, the last."""
    at = way.stops.frames
    frames = np.arange(at[0], min(at[-1], len(samples.yaw)))
    span = np.searchsorted(at, frames, side="right") - 1  # (N,)
    edges = np.searchsorted(span, np.arange(len(way.arcs) + 1))  # where each span's frames begin
    eased = _eased(way.stops.eases[span], (frames - at[span]) / (at[span + 1] - at[span]))
    t = _along(way.arcs, span, edges, eased)
    places, along = bezier(way.curves[span], t), _headings(way.curves[span], t, way.resting[span])
    yaw, pitch = _look(way.stops, span, places, along)
    other_yaw, other_pitch = _look(way.stops, span + 1, places, along)
    samples.places[frames] = places
    samples.yaw[frames] = yaw + _turns(other_yaw - yaw, edges) * eased
    samples.pitch[frames] = pitch + (other_pitch - pitch) * eased


def _stand(samples: Samples, frames: slice, stop: list[PathKeyframe], along: float, target: Vector | None) -> None:
    """Fill in frames in which the camera stands at a keyframe."""
    places = np.array([stop[0].place], dtype=np.float64)
    yaw, pitch = _look(_stops(stop, target), np.zeros(1, dtype=int), places, np.array([along]))
    samples.places[frames], samples.yaw[frames], samples.pitch[frames] = places, yaw, pitch


def _stops(keyframes: Sequence[PathKeyframe], target: Vector | None) -> Stops:
    keyed = [None if isinstance(keyframe.look, str) else keyframe.look for keyframe in keyframes]
    pitch = [_NAN if keyframe.pitch is None else keyframe.pitch for keyframe in keyframes]
    return Stops(
        np.array([keyframe.frame for keyframe in keyframes]),
        np.array([EASES.index(keyframe.ease) for keyframe in keyframes]),
        np.array([keyframe.look == "target" for keyframe in keyframes]),
        np.radians([look or (_NAN, _NAN) for look in keyed]),
        np.radians(pitch),
        np.array(target or (_NAN, _NAN, _NAN), dtype=np.float64),
    )


def _look(stops: Stops, at: np.ndarray, places: np.ndarray, along: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where stops' looks turn the camera, in radians.

    Args:
        stops: some keyframes.
        at: (N,) which of them.
        places: (N, 3) of the camera.
        along: (N,) headings of the path.
    """
    yaw, pitch = along, np.nan_to_num(stops.pitch[at])
    right, down, ahead = (stops.target - places).T
    away = np.hypot(right, ahead)
    aimed = stops.aimed[at]
    # above, below or in the target no direction is nearer than the path's own
    yaw = np.where(aimed & (away >= STILL), np.arctan2(right, ahead), yaw)
    pitch = np.where(aimed & np.isnan(stops.pitch[at]), np.arctan2(-down, away), pitch)
    keyed = stops.keyed[at]
    fixed = ~np.isnan(keyed[:, 0])
    return np.where(fixed, keyed[:, 0], yaw), np.where(fixed, keyed[:, 1], pitch)


def _eased(ease: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Bend the even way u (N,) in 0..1 by the easings (N,), places in `EASES`; `hold` waits for the next keyframe."""
    bent = {
        "even": u,
        "smooth": u * u * (3 - 2 * u),
        "in": u * u,
        "out": u * (2 - u),
        "hold": np.zeros_like(u),
    }
    return np.choose(ease, [bent[name] for name in EASES])


def _along(arcs: np.ndarray, span: np.ndarray, edges: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Return t (N,) at the shares u (N,) of the arcs (S, PIECES + 1) of spans (N,), whose edges (S + 1,) are sorted."""
    length = arcs[span, -1]
    way = u * length
    piece = np.zeros(len(way), dtype=int)
    for arc, first, after in zip(arcs, edges.tolist(), edges[1:].tolist(), strict=False):
        piece[first:after] = np.searchsorted(arc, way[first:after], side="right")
    piece = np.clip(piece - 1, 0, PIECES - 1)
    begin = arcs[span, piece]
    step = arcs[span, piece + 1] - begin
    within = np.divide(way - begin, step, out=np.zeros_like(way), where=step > 0)
    return np.where(length < STILL, u, (piece + within) / PIECES)


def _turns(apart: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Make the angle between two looks (N,) the shorter arc where a span's blend begins, and steady from there on."""
    starts = edges[:-1][np.diff(edges) > 0]
    before = np.concatenate([[0.0], apart[:-1]])
    before[starts] = 0.0
    turns = _shorter(apart - before)
    for first, after in zip(edges.tolist(), edges[1:].tolist(), strict=False):
        if after - first > 1:
            turns[first:after] = np.cumsum(turns[first:after])
    return turns


def _shorter(angle: np.ndarray) -> np.ndarray:
    """Return the same turn in [-pi, pi); half a turn goes left, also if rounding made it a little less."""
    return angle - 2 * np.pi * np.floor((angle + np.pi + 1e-9) / (2 * np.pi))


def _length(ways: np.ndarray) -> np.ndarray:
    """Return the lengths (…) of ways (…, 3)."""
    return np.sqrt(np.square(ways).sum(-1))
