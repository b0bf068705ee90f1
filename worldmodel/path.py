"""A camera's path as poses: a cubic curve through keyframes, walked evenly along its arc.

    places (F, 3)  x, y, z in metres: right, down, ahead
    yaw    (F,)    radians to the right, 0 looks along z; pitch (F,) radians up

Between two keyframes lies one cubic Bezier curve (a span); t in 0..1 runs along it unevenly, u in 0..1 evenly along its
arc. The page's editor computes the same in web/path/poses.mjs.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from .camera_path import CameraPath, PathKeyframe, Vector, mirrored
from .formats import path_json
from .geometry import angles, poses_of
from .motion import rotations

PIECES = 128
"""Straight pieces that a span's arc is measured by."""
STILL = 1e-6
"""Metres below which a tangent has no direction."""
ROUNDEST = 2.0
"""How much longer an automatic tangent may become in a bend."""


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
    spans = path_spans(path)
    resting = _resting(spans)
    first = _headings(spans[0].curve, np.zeros(1), resting[0])[0] if spans else 0.0
    last = _headings(spans[-1].curve, np.ones(1), resting[-1])[0] if spans else 0.0
    _stand(samples, slice(0, stops[0].frame), stops[0], first, path.target)
    _stand(samples, slice(stops[-1].frame, path.frames), stops[-1], last, path.target)
    for span, yaw in zip(spans, resting, strict=True):
        _walk(samples, span, yaw, path.target)
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
    places = np.array([keyframe.place for keyframe in stops], dtype=np.float64).reshape(-1, 3)
    smooth = _smooth_tangents(places, path.closed and len(stops) > 2)
    spans = []
    for i, (start, end) in enumerate(pairwise(stops)):
        chord = places[i + 1] - places[i]
        length = _length(chord)
        out, into = _own(start)[0], _own(end)[1]
        out = smooth[i] * (length / 3) if out is None and smooth[i] is not None else out
        into = -smooth[i + 1] * (length / 3) if into is None and smooth[i + 1] is not None else into
        if out is None and into is None:
            out, into = chord / 3, -chord / 3
        elif out is None:
            out = (chord + into) / 2  # an end of the path, and of its curvature
        elif into is None:
            into = (out - chord) / 2
        curve = np.stack([places[i], places[i] + out, places[i + 1] + into, places[i + 1]])
        spans.append(Span(start, end, curve, _arc(curve)))
    return spans


def bezier(curve: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Return the places of a Bezier curve (4, 3) at t (N,): (N, 3)."""
    t = t[:, None]
    s = 1 - t
    return s * s * s * curve[0] + 3 * s * s * t * curve[1] + 3 * s * t * t * curve[2] + t * t * t * curve[3]


def _own(keyframe: PathKeyframe) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Return the tangents after and before a keyframe as far as somebody drew them."""
    out, into = keyframe.out, keyframe.into
    sides: tuple[Vector | None, Vector | None] = (
        (mirrored(into) if out is None and into is not None else out),
        (mirrored(out) if into is None and out is not None else into),
    )
    return tuple(None if side is None else np.array(side, dtype=np.float64) for side in sides)


def _smooth_tangents(places: np.ndarray, closed: bool) -> list[np.ndarray | None]:
    """Return each keyframe's direction in metres per metre of chord, `None` at ends and where the camera waits.

    It has the direction of the parabola through a keyframe and its neighbours, and the length that makes a circle of
    keyframes on a circle (less in a sharp turn); the height is held back where it would leave that of the keyframes.
    """
    tangents: list[np.ndarray | None] = []
    last = len(places) - 1
    for i in range(len(places)):
        before = i - 1 if i else (last - 1 if closed else None)
        after = i + 1 if i < last else (1 if closed else None)
        chords = None if before is None or after is None else (places[i] - places[before], places[after] - places[i])
        lengths = chords and [_length(chord) for chord in chords]
        if not lengths or min(lengths) < STILL:
            tangents.append(None)
            continue
        here, there = chords[0] / lengths[0], chords[1] / lengths[1]
        tangent = (lengths[1] * here + lengths[0] * there) / (lengths[0] + lengths[1])
        straight = _length(tangent)  # 1 on a line, 0 on the way back
        tangent = tangent * min(2 / ((1 + straight) * max(straight, STILL)), ROUNDEST)
        steepest = 3 * min(abs(here[1]), abs(there[1])) if here[1] * there[1] > 0 else 0.0
        tangent[1] = min(max(tangent[1], -steepest), steepest)
        tangents.append(tangent)
    return tangents


def _arc(curve: np.ndarray) -> np.ndarray:
    steps = np.diff(bezier(curve, np.arange(PIECES + 1) / PIECES), axis=0)
    return np.concatenate([[0.0], np.cumsum(np.sqrt(np.square(steps).sum(1)))])


def _resting(spans: Sequence[Span]) -> list[float]:
    """Return, per span, the yaw of a camera that looks along the path while the span goes nowhere: as it arrived."""
    moving = [span for span in spans if _moves(span)]
    yaw = _headings(moving[0].curve, np.zeros(1), 0.0)[0] if moving else 0.0
    resting = []
    for span in spans:
        resting.append(yaw)
        yaw = _headings(span.curve, np.ones(1), yaw)[0]
    return resting


def _moves(span: Span) -> bool:
    return any(_ground(point - span.curve[0]) is not None for point in span.curve[1:])


def _headings(curve: np.ndarray, t: np.ndarray, resting: float) -> np.ndarray:
    """Return the yaw (N,) along a curve at t (N,); where it has no direction of its own, that of its nearer half."""
    s = (1 - t)[:, None]
    t = t[:, None]
    c = curve[:, [0, 2]]
    ahead = s * s * (c[1] - c[0]) + 2 * s * t * (c[2] - c[1]) + t * t * (c[3] - c[2])
    still = np.hypot(ahead[:, 0], ahead[:, 1]) <= STILL
    early = t[:, 0] < 0.5
    for half, points in ((early, (2, 0, 3, 0)), (~early, (3, 1, 3, 0))):
        directions = (_ground(curve[a] - curve[b]) for a, b in (points[:2], points[2:]))
        ahead[still & half] = next((d for d in directions if d is not None), (np.sin(resting), np.cos(resting)))
    return np.arctan2(ahead[:, 0], ahead[:, 1])


def _ground(way: np.ndarray) -> tuple[float, float] | None:
    return (way[0], way[2]) if np.hypot(way[0], way[2]) > STILL else None


def _walk(samples: Samples, span: Span, resting: float, target: Vector | None) -> None:
    """Fill in the frames from a span's beginning up to, without, its end."""
    start, end = span.start.frame, span.end.frame
    frames = np.arange(start, min(end, len(samples.yaw)))
    eased = _eased(span.start.ease, (frames - start) / (end - start))
    t = _along(span.arc, eased)
    places, along = bezier(span.curve, t), _headings(span.curve, t, resting)
    yaw, pitch = _look(span.start, places, along, target)
    other_yaw, other_pitch = _look(span.end, places, along, target)
    samples.places[frames] = places
    samples.yaw[frames] = yaw + _turns(other_yaw - yaw) * eased
    samples.pitch[frames] = pitch + (other_pitch - pitch) * eased


def _stand(samples: Samples, frames: slice, keyframe: PathKeyframe, along: float, target: Vector | None) -> None:
    """Fill in frames in which the camera stands at a keyframe."""
    places = np.array([keyframe.place], dtype=np.float64)
    yaw, pitch = _look(keyframe, places, np.array([along]), target)
    samples.places[frames], samples.yaw[frames], samples.pitch[frames] = places, yaw, pitch


def _look(
    keyframe: PathKeyframe, places: np.ndarray, along: np.ndarray, target: Vector | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return where a keyframe's look turns the camera at places (N, 3) on a path with headings (N,), in radians."""
    if not isinstance(keyframe.look, str):
        yaw, pitch = np.radians(keyframe.look)
        return np.full(len(places), yaw), np.full(len(places), pitch)
    pitch = np.full(len(places), np.radians(keyframe.pitch or 0.0))
    if keyframe.look == "path":
        return along, pitch
    right, down, ahead = (np.array(target, dtype=np.float64) - places).T
    away = np.hypot(right, ahead)
    if keyframe.pitch is None:
        pitch = np.arctan2(-down, away)
    # above, below or in the target no direction is nearer than the path's own
    return np.where(away < STILL, along, np.arctan2(right, ahead)), pitch


def _eased(ease: str, u: np.ndarray) -> np.ndarray:
    """Bend the even way u (N,) in 0..1; `hold` waits for the next keyframe."""
    bent = {
        "even": u,
        "smooth": u * u * (3 - 2 * u),
        "in": u * u,
        "out": u * (2 - u),
        "hold": np.zeros_like(u),
    }
    return bent[ease]


def _along(arc: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Return t (N,) at the shares u (N,) of a span's arc."""
    if arc[-1] < STILL:
        return u
    way = u * arc[-1]
    piece = np.clip(np.searchsorted(arc, way, side="right") - 1, 0, PIECES - 1)
    length = arc[piece + 1] - arc[piece]
    within = np.divide(way - arc[piece], length, out=np.zeros_like(way), where=length > 0)
    return (piece + within) / PIECES


def _turns(apart: np.ndarray) -> np.ndarray:
    """Make the angle between two looks (N,) the shorter arc where the blend begins, and steady from there on."""
    return np.cumsum(_shorter(np.diff(apart, prepend=0.0)))


def _shorter(angle: np.ndarray) -> np.ndarray:
    """Return the same turn in [-pi, pi); half a turn goes left, also if rounding made it a little less."""
    return angle - 2 * np.pi * np.floor((angle + np.pi + 1e-9) / (2 * np.pi))


def _length(way: np.ndarray) -> float:
    return float(np.sqrt(np.square(way).sum()))
