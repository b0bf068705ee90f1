"""A camera's path as play: the keys and the mouse that walk it in one model.

Places on the ground are x, z in metres; directions in the camera's own axes are right, ahead. What keys and mouse
cannot say is left out and reported: height, roll, speed above the model's.

Symbols: F frames, A actions (sets of keys), B beam.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..camera.poses import Poses, angles, at_rate, from_z_up, interpolate, poses_of, rotations, upright
from ..reading.asked import nothing
from ..reading.limits import MAX_FRAMES, thousandths
from ..reading.words import counted
from ..track.track import Track
from ..variants import Variant
from .causes import AS_WRITTEN, FROM_CAMERAS, Z_UP, likely_causes
from .causes import UPS as UPS
from .motion import camera_turns, ground_steps, integrate, step_headings
from .report import Row, in_order, rows_where, sentences

SWITCH = 1.0
"""What pressing or releasing costs, in squares of one frame's step: keys are held, not hammered."""
BEAM = 48
TURN_PER_FRAME = 3.0
"""Degrees a frame that a camera which turns on the spot is given; 0.2 of a Matrix-Game mouse."""
_UNSEEN = 0.005
"""Metres, or degrees, that are written as 0.00."""
_TOLD_METRES, _TOLD_DEGREES = 0.05, 1.0
"""Smallest height and roll worth a row."""
_TOLD_STEPS = 2.0
"""Steps beside the path from which on a place counts as another one."""
_AXES = (("left", "right"), ("back", "forward"))


class Followed(NamedTuple):
    """A track that follows a camera, and how well.

    Args:
        track: keys and mouse; its last row is idle, since nothing says where the camera goes after its last frame.
        poses: (F, 4, 4) where the model walks with it, from the camera's first place and direction, level.
        position: (F,) metres on the ground between the two.
        heading: (F,) degrees between their directions, 0 to 180.
        height: (F,) metres above the first frame, dropped.
        roll: (F,) degrees, dropped.
        rows: a finding for each thing that is not as it was asked, by frame.
        notes: sentences about the whole.
        causes: what is most likely wrong with the file, and what to change; the most likely first.
    """

    track: Track
    poses: Tensor
    position: Tensor
    heading: Tensor
    height: Tensor
    roll: Tensor
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    causes: tuple[str, ...] = ()

    @property
    def report(self) -> tuple[str, ...]:
        """The notes, and one sentence for each rule that something was lost by."""
        return (*self.notes, *sentences(self.rows))


def can_follow(variant: Variant) -> bool:
    """Tell whether a model walks with keys and turns with the mouse."""
    return variant.keyboard is not None and variant.mouse is not None and len(_actions(variant)) > 1


def follow(c2w: Tensor, variant: Variant, check: Callable[[], None] = nothing) -> Followed:
    """Find the keys and the mouse that walk a camera's path, frame by frame, with the least error of the pose.

    A strafe is no turn: the mouse follows only where the camera looks. A climb is forward on the ground.

    Args:
        c2w: (F, 4, 4) camera-to-world.
        variant: its keys and its step.
        check: called now and then; raises what is to end the search.

    Raises:
        ValueError: the model has no keys or no mouse to follow a camera with.
    """
    if not can_follow(variant):
        raise ValueError(
            f"model: found {variant.title}, expected one that walks with keys and turns with the mouse; choose another."
        )
    c2w, actions = c2w.double(), _actions(variant)
    yaw, pitch, roll = np.unwrap(angles(c2w[:, :3, :3]).numpy(), axis=0).T  # (F,) each, radians
    mouse = torch.from_numpy(np.stack([_turns(yaw, variant, variant.mouse.max_yaw), _turns(pitch, variant)], 1)).float()
    headings = yaw[0] + step_headings(camera_turns(mouse[:, 0].double(), variant.motion), variant.motion).numpy()
    ground = c2w[:, [0, 2], 3].numpy()
    chosen = _search(ground, headings, np.array([step for _, step in actions]), check)
    words = tuple(word for word in variant.keyboard.words if any(word in held for held, _ in actions))
    keys = torch.tensor([[float(word in actions[action][0]) for word in words] for action in chosen])
    track = Track(words, keys, mouse)
    return _compared(track, c2w, np.stack([yaw, pitch, roll], 1), variant)


def follow_poses(poses: Poses, variant: Variant, check: Callable[[], None] = nothing) -> Followed:
    """Follow a camera in its own time, at the model's rate; its track says what was asked. See `follow`."""
    timed = at_rate(poses, variant.fps)
    followed = follow(timed.c2w, variant, check)
    return followed._replace(track=followed.track._replace(camera=timed))


class Reading(NamedTuple):
    """How a camera's file is to be understood.

    Args:
        metres: length of the file's unit.
        up: one of `UPS`.
        paced: walk at the model's own speed, whatever the file's timing.
    """

    metres: float = 1.0
    up: str = AS_WRITTEN
    paced: bool = False


def follow_file(poses: Poses, variant: Variant, reading: Reading, check: Callable[[], None] = nothing) -> Followed:
    """Follow a camera out of a file, and say what is most likely wrong with it; see `follow` and `likely_causes`.

    A file that says its rate is followed in its own time.

    Raises:
        ValueError: it takes more frames than a track can have, or the model cannot follow a camera.
    """
    c2w = poses.c2w.clone()
    c2w[:, :3, 3] *= reading.metres
    if reading.up == Z_UP:
        c2w = from_z_up(c2w)
    elif reading.up == FROM_CAMERAS:
        c2w = upright(c2w)
    read = poses._replace(c2w=c2w)
    asked = read._replace(c2w=pace(c2w, variant), fps=None) if reading.paced else read
    followed = follow_poses(asked, variant, check)
    said = "no rate" if poses.fps is None else f"{poses.fps:.4g} a second"
    rate = "the model's own speed" if reading.paced else f"{variant.fps:g} a second"
    first = f"{counted(poses.frames, 'pose')}, {said} -> {counted(followed.track.frames, 'frame')} at {rate}."
    causes = likely_causes(read, variant, reading.up, reading.metres, reading.paced)
    return followed._replace(notes=(first, *followed.notes), causes=causes)


def pace(c2w: Tensor, variant: Variant) -> Tensor:
    """Give a camera's path the model's own speed: as many frames as it takes to walk it, and to turn where it stands.

    Args:
        c2w: (F, 4, 4); its own timing is forgotten.
        variant: its step.

    Returns:
        (frames, 4, 4), both ends as they were.

    Raises:
        ValueError: that takes more frames than a track can have.
    """
    turn = np.abs(np.diff(np.unwrap(angles(c2w[:, :3, :3]).numpy()[:, :2], axis=0), axis=0)).max(1, initial=0.0)
    walked = c2w[1:, [0, 2], 3] - c2w[:-1, [0, 2], 3]
    needed = np.maximum(walked.norm(dim=1).numpy() / variant.motion.step_metres, np.degrees(turn) / TURN_PER_FRAME)
    at = np.concatenate([[0.0], np.cumsum(needed)])
    frames = int(np.ceil(at[-1] - 1e-6)) + 1  # not one more for a rounding error
    if frames > MAX_FRAMES:
        raise ValueError(
            f"found a way of {frames} frames at {variant.motion.step_metres:g} m a frame, expected at most "
            f"{MAX_FRAMES}; make the file's unit smaller."
        )
    return interpolate(c2w, torch.from_numpy(np.interp(np.linspace(0, at[-1], frames), at, np.arange(len(at)))))


def _actions(variant: Variant) -> list[tuple[frozenset[str], np.ndarray]]:
    """Return every set of walking keys that does not cancel, idle first, with its step (2,) in metres."""
    has = [[word for word in axis if word in variant.keyboard.words] for axis in _AXES]
    actions = []
    for held in product(*([None, *words] for words in has)):
        words = tuple(word for word in held if word)
        exclusive = variant.keyboard.idle is not None and len(words) > 1
        if not exclusive:
            step = ground_steps(Track(words, torch.ones(1, len(words)), torch.zeros(1, 2)), variant.motion)
            actions.append((frozenset(words), step[0].numpy()))
    return actions


def _turns(angle: np.ndarray, variant: Variant, most: float | None = None) -> np.ndarray:
    """Turn angles (F,) in radians into degrees per frame, in thousandths whose sum does not drift; the last is 0.

    What a model cannot turn in one frame, for it is too much or too little, is made up for in the next ones.
    """
    least, most = variant.motion.least_degrees, math.inf if most is None else most
    degrees = np.array([thousandths(value) for value in np.degrees(angle - angle[0])])
    turns = np.diff(degrees, append=degrees[-1])
    turns = np.array([thousandths((turn + 180) % 360 - 180) for turn in turns])
    if np.abs(turns).max() > most or (turns[np.abs(turns) < least] != 0).any():
        asked, turned = np.cumsum(turns), 0.0
        for row in range(len(turns) - 1):
            due = thousandths(float(np.clip(asked[row] - turned, -most, most)))
            turns[row] = due if abs(due) >= least else 0.0
            turned += turns[row]
    return turns


def _search(
    ground: np.ndarray, headings: np.ndarray, steps: np.ndarray, check: Callable[[], None] = nothing
) -> list[int]:
    """Choose an action per frame that keeps the walk near its path and switches seldom, by a beam search.

    Args:
        ground: (F, 2) x and z to be at.
        headings: (F,) radians, right positive.
        steps: (A, 2) metres right and ahead.
        check: called now and then.

    Returns:
        F numbers of actions, the last one 0.
    """
    step = np.linalg.norm(steps, axis=1).max()
    sin, cos = np.sin(headings)[:, None], np.cos(headings)[:, None]
    world = np.stack([steps[:, 0] * cos + steps[:, 1] * sin, steps[:, 1] * cos - steps[:, 0] * sin], 2)  # (F, A, 2)
    moves = (world[:-1] - np.diff(ground, axis=0)[:, None]) / step  # how an action changes the error, in steps
    aside, ahead, held, cost = np.zeros(1), np.zeros(1), np.zeros(1, dtype=int), np.zeros(1)
    parents, actions = [], []
    switch = SWITCH * (1.0 - np.eye(len(steps)))
    for frame, move in enumerate(moves):
        if not frame % 512:
            check()
        asides, aheads = aside[:, None] + move[:, 0], ahead[:, None] + move[:, 1]  # (B, A) each
        flat = (cost[:, None] + (asides * asides + aheads * aheads) + switch[held]).ravel()
        best = flat.argpartition(BEAM)[:BEAM] if len(flat) > BEAM else np.arange(len(flat))
        parent, held = np.divmod(best, len(steps))
        aside, ahead, cost = asides.ravel()[best], aheads.ravel()[best], flat[best]
        parents.append(parent)
        actions.append(held)
    chosen, at = [0], int(cost.argmin())
    for parent, action in zip(reversed(parents), reversed(actions), strict=True):
        chosen.append(int(action[at]))
        at = parent[at]
    return chosen[::-1]


def _compared(track: Track, c2w: Tensor, asked: np.ndarray, variant: Variant) -> Followed:
    """Walk the track and hold it against the camera: asked (F, 3) yaw, pitch and roll in radians."""
    start = poses_of(rotations(torch.tensor(asked[0, 0]), torch.tensor(0.0, dtype=torch.float64)), c2w[0, :3, 3])
    poses = integrate(track, variant.motion, start)
    position = (poses[:, [0, 2], 3] - c2w[:, [0, 2], 3]).norm(dim=1)
    apart = np.degrees(angles(poses[:, :3, :3]).numpy()[:, 0] - asked[:, 0])
    heading = torch.from_numpy(np.abs((apart + 180) % 360 - 180))
    height = c2w[0, 1, 3] - c2w[:, 1, 3]
    roll = torch.from_numpy((np.degrees(asked[:, 2]) + 180) % 360 - 180)
    followed = Followed(track, poses, position, heading, height, roll, (), ())
    walked = (c2w[1:, [0, 2], 3] - c2w[:-1, [0, 2], 3]).norm(dim=1)
    turned = torch.from_numpy(np.degrees(np.abs(np.diff(asked[:, 0]))))
    return followed._replace(
        rows=in_order(_rows(followed, _then_still(walked), _then_still(turned), variant)),
        notes=_notes(followed, float(walked.sum()), variant.motion.step_metres),
    )


def _then_still(steps: Tensor) -> Tensor:
    """Give the last frame a step of 0: nothing says where the camera goes from there."""
    return torch.cat([steps, steps.new_zeros(1)])


def _notes(followed: Followed, length: float, step: float) -> tuple[str, ...]:
    """Say how well a camera's way of some metres on the ground is followed, in steps of some metres."""
    position, heading = followed.position, followed.heading
    worst = int(position.argmax())
    if length >= step and float(max(position.max(), heading.max())) < _UNSEEN:
        return ("position and heading: followed exactly.",)
    if length >= step:
        place = (
            f"{position.mean():.2f} m off in the mean, {100 * float(position.mean()) / length:.1f} % of the way; "
            f"most in frame {worst}, {position[worst]:.2f} m."
        )
    elif length:
        place = f"the camera moves {length:.3g} m on the ground, less than one step of {step:g} m."
    else:
        place = "the camera does not move on the ground."
    return (
        f"position: {place}",
        f"heading: {heading.mean():.2f} degrees off in the mean, most {heading.max():.2f}.",
    )


def _rows(followed: Followed, walked: Tensor, turned: Tensor, variant: Variant) -> list[Row]:
    """Tell what keys and mouse cannot say, frame by frame: walked (F,) metres and turned (F,) degrees a frame."""
    title, step, most = variant.title, variant.motion.step_metres, variant.mouse.max_yaw
    height, roll, position = followed.height, followed.roll, followed.position

    def largest(values: Tensor, form: str) -> Callable[[slice], str]:
        def told(at: slice) -> str:
            stretch = values[at]
            return form.format(float(stretch[stretch.abs().argmax()])).replace("-", "\N{MINUS SIGN}")

        return told

    rows = rows_where(
        height.abs() > _TOLD_METRES, "dropped", "height",
        f"{title} walks on level ground, and the camera is up to {height.abs().max():.2f} m off it",
        asked=largest(height, "{:+.2f} m"), got="level",
    )  # fmt: skip
    rows += rows_where(
        roll.abs() > _TOLD_DEGREES, "dropped", "roll",
        f"{title} stays upright, and the camera rolls up to {roll.abs().max():.1f} degrees",
        asked=largest(roll, "{:+.1f}°"), got="upright",
    )  # fmt: skip
    rows += rows_where(
        walked > step * 1.001, "quantised", "speed",
        f"{title} walks {step:g} m a frame, and the camera up to {walked.max():.2f} m; give it more frames",
        asked=largest(walked * variant.fps, "{:.2f} m/s"), got=f"{step * variant.fps:.2f} m/s",
    )  # fmt: skip
    if most is not None:
        rows += rows_where(
            turned > most + 0.001, "quantised", "yaw",
            f"{title} turns at most {most:g} degrees a frame, and the camera up to {turned.max():.1f}; "
            "give it more frames",
            asked=largest(turned, "{:.2f} °/f"), got=f"{most:.2f} °/f",
        )  # fmt: skip
    rows += rows_where(
        position > _TOLD_STEPS * step, "quantised", "place",
        f"{title} walks in few directions and at one speed",
        asked="on the path", got=largest(position, "{:.2f} m off"),
    )  # fmt: skip
    return rows
