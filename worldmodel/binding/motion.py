"""Keys and mouse to camera poses.

Row i of a track moves the camera from frame i to frame i + 1: first the step, then the turn. Axes are OpenCV's
(x right, y down, z forward), poses are camera-to-world. How far and along which heading is the model's `Motion`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..camera.poses import angles, poses_of, rotations
from ..track.track import Track
from ..variants import Motion
from .stances import DEGREES_PER_UNIT, pose_stance, stance_poses, walk_stances

_DIRECTIONS = {"forward": (0.0, 1.0), "back": (0.0, -1.0), "left": (-1.0, 0.0), "right": (1.0, 0.0)}


def integrate(track: Track, motion: Motion, start: Tensor | None = None) -> Tensor:
    """Return the camera's pose at every frame of a track, as if nothing stood in its way.

    Opposite keys cancel. The pitch looks up and down and does not bend the walk. The last row's effect belongs to a
    frame after the track; add an idle row to see it.

    Args:
        track: what was asked for; only forward, back, left and right move the camera.
        motion: the model's.
        start: (4, 4) pose of frame 0, without roll; the origin, looking along z, without it.

    Returns:
        (frames, 4, 4) float64 camera-to-world.
    """
    if motion.rounded:
        return _stepped(track, motion, start)
    steps = ground_steps(track, motion)  # (frames, 2)
    turns = camera_turns(track.mouse.double(), motion)  # (frames, 2) degrees
    yaw, pitch = _before(turns.deg2rad()).unbind(1)
    if start is not None:
        start, tilt = _level(start.double())
        pitch = pitch + tilt
    along = step_headings(turns[:, 0], motion)
    sin, cos = along.sin(), along.cos()
    moved = torch.stack([steps[:, 0] * cos + steps[:, 1] * sin, steps[:, 1] * cos - steps[:, 0] * sin], 1)
    poses = torch.eye(4, dtype=torch.float64).repeat(track.frames, 1, 1)
    poses[:, :3, :3] = rotations(yaw, pitch)
    poses[:, 0, 3], poses[:, 2, 3] = _before(moved).unbind(1)
    return poses if start is None else start @ poses


def ground_steps(track: Track, motion: Motion) -> Tensor:
    """Return each row's step in the camera's own axes: (frames, 2) metres right and ahead, float64."""
    signs = torch.zeros(track.frames, 2, dtype=torch.float64)
    for column, word in enumerate(track.words):
        if word in _DIRECTIONS:
            signs += track.keys[:, column, None].double() * torch.tensor(_DIRECTIONS[word], dtype=torch.float64)
    if motion.diagonal_metres is None:
        return signs / signs.norm(dim=1, keepdim=True).clamp_min(1.0) * motion.step_metres
    steps = torch.full_like(signs, motion.step_metres)  # float64, which two bare numbers would not be
    steps[signs.ne(0).all(1)] = motion.diagonal_metres
    return signs.sign() * steps


def camera_turns(degrees: Tensor, motion: Motion) -> Tensor:
    """Return what of a mouse (…) in degrees turns the camera: nothing below the model's least turn."""
    return torch.where(degrees.abs() < motion.least_degrees, torch.zeros_like(degrees), degrees)


def step_headings(turns: Tensor, motion: Motion) -> Tensor:
    """Return the heading each row's step follows.

    Args:
        turns: (frames,) degrees to the right by which each row turns the camera.
        motion: the model's; see there for what a mean of wrapped headings does.

    Returns:
        (frames,) radians, 0 for the heading of the first frame.
    """
    if motion.along == "before":
        return _before(turns.deg2rad())
    before = _before(turns)  # in degrees, where half a turn is a round number
    if motion.along == "mean":
        return (before + turns / 2).deg2rad()
    return ((_within_half_turn(before) + _within_half_turn(before + turns)) / 2).deg2rad()


def _stepped(track: Track, motion: Motion, start: Tensor | None) -> Tensor:
    keys = torch.zeros(track.frames, len(_DIRECTIONS))
    for column, word in enumerate(_DIRECTIONS):
        if word in track.words:
            keys[:, column] = track.keys[:, track.words.index(word)]
    mouse = track.mouse.float().flip(1) / DEGREES_PER_UNIT
    first = None if start is None else pose_stance(start)
    return stance_poses(walk_stances(keys, mouse, first, released=motion.along == "wrapped_mean")[:-1])


def _level(pose: Tensor) -> tuple[Tensor, Tensor]:
    """Split a pose (4, 4) without roll into a level one and its pitch in radians."""
    yaw, pitch, _ = angles(pose[:3, :3])
    return (poses_of(rotations(yaw, torch.zeros_like(yaw)), pose[:3, 3]) if pitch else pose), pitch


def _within_half_turn(degrees: Tensor) -> Tensor:
    """Wrap into [-180, 180]; both ends stay where they are."""
    return degrees - 360 * (degrees.abs() / 360 - 0.5).ceil().clamp_min(0) * degrees.sign()


def _before(rows: Tensor) -> Tensor:
    """Sum up the rows that lie before each row."""
    return torch.cat([torch.zeros_like(rows[:1]), rows[:-1].cumsum(0)])
