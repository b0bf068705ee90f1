"""Matrix-Game 3.0's walk as its release steps it: a row at a time, rounded to float32 after every row.

    stance (…, 5)  x ahead, y to the right, z in hundredths of a metre; pitch up and yaw to the right in degrees

Row i leads from frame i to frame i + 1. `motion.integrate` comes here where a motion is `rounded`, so that what depends
on the last bit, such as which past frames are looked at, is the release's. Source: Matrix-Game 3.0, `utils/utils.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from ..camera.poses import angles, poses_of, rotations

STEP, DIAGONAL_STEP = 12.35, 8.73
DEGREES_PER_UNIT = 15.0
LEAST_UNITS = 0.02
"""Mouse below which the camera does not turn; the network is told of it all the same."""


def walk_stances(keyboard: Tensor, mouse: Tensor, first: Tensor | None = None, released: bool = True) -> Tensor:
    """Return where the camera stands in every frame, and after the last row.

    Args:
        keyboard: (rows, 4 or more) forward, back, left, right; 1 while held.
        mouse: (rows, 2) pitch and yaw in the model's units.
        first: (5,) stance in frame 0; the origin without it.
        released: as released, a step in whose row the heading passes straight behind goes backwards, because the mean
            of two wrapped headings points the other way; otherwise the mean is taken before wrapping.

    Returns:
        (rows + 1, 5) float32.
    """
    stances = np.zeros((len(mouse) + 1, 5), dtype=np.float32)
    if first is not None:
        stances[0] = first.numpy()
    turns = np.float32(DEGREES_PER_UNIT) * mouse.float().numpy()
    turns[np.abs(mouse.float().numpy()) < np.float32(LEAST_UNITS)] = 0
    x, y, z, pitch, yaw = stances[0]
    for row, ((ahead, right), (up, around)) in enumerate(zip(_steps(keyboard), turns, strict=True)):
        turned = yaw + around
        wrapped = _within_half_turn(turned)
        heading = np.deg2rad(float((yaw + (wrapped if released else turned)) / np.float32(2)))
        cos, sin = np.cos(heading), np.sin(heading)
        stances[row + 1] = x + (cos * ahead - sin * right), y + (sin * ahead + cos * right), z, pitch + up, wrapped
        x, y, z, pitch, yaw = stances[row + 1]
    return torch.from_numpy(stances)


def stance_poses(stances: Tensor) -> Tensor:
    """Return the camera-to-world poses (…, 4, 4) of stances (…, 5) in our axes, float64."""
    x, y, z, pitch, yaw = stances.double().unbind(-1)
    turned = torch.from_numpy(np.radians(torch.stack([yaw, pitch]).numpy()))
    return poses_of(rotations(*turned), torch.stack([y, z, x], -1) * 0.01)


def pose_stance(c2w: Tensor) -> Tensor:
    """Return the stance (5,) of a pose (4, 4) without roll and with a pitch below a right angle."""
    yaw, pitch, _ = angles(c2w[:3, :3].double()).rad2deg()
    right, down, ahead = c2w[:3, 3].double() * 100
    return torch.stack([ahead, right, down, pitch, yaw]).float()


def _steps(keyboard: Tensor) -> Iterator[tuple[float, float]]:
    """Yield each row's step ahead and to the right."""
    held = keyboard[:, :4] > 0.5
    for forward, back, left, right in held.tolist():
        ahead, aside = forward - back, right - left
        length = DIAGONAL_STEP if ahead and aside else STEP
        yield ahead * length, aside * length


def _within_half_turn(degrees: np.float32) -> np.float32:
    while degrees > 180:
        degrees -= np.float32(360)
    while degrees < -180:
        degrees += np.float32(360)
    return degrees
