"""Why a camera's file is followed badly: what is most likely wrong with it, and what to change.

A report of losses says how much was lost. Where most of it has one likely cause, that is a choice of the user's or a
habit of the program that wrote the file, and it can be seen in the poses themselves.

Shapes: F frames.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from ..camera.poses import Poses, angles
from ..variants import Variant

AS_WRITTEN, Z_UP, FROM_CAMERAS = "as the format says", "z points up", "from the cameras"
UPS = (AS_WRITTEN, Z_UP, FROM_CAMERAS)
"""What is up in a file: y down (nerfstudio and Blender: z up), z up whatever the format, or what the cameras show."""
_LYING, _DOWN = 45.0, 80.0
"""Degrees that the cameras stand from up: from the first on something is odd, from the second on up is wrong."""
_ROLL = 0.2
"""Sine of a roll, in the mean, that no one films with."""
_ODD_RATES = (0.3, 500.0)
"""Poses a second that no one films with."""
_JUMP = 20.0
"""A step so many times the usual one is none."""
_FAST, _SLOW, _MOST_STEPS, _LONG = 5.0, 1 / 20, 20.0, 100.0
"""Where the file's unit is in doubt: shares of the model's speed; at its own speed, its steps between two poses, and
metres in all."""
_UNITS = (("centimetres", 0.01), ("millimetres", 0.001), ("kilometres", 1000.0))


def likely_causes(poses: Poses, variant: Variant, up: str, metres: float, paced: bool) -> tuple[str, ...]:
    """Name what is most likely wrong with a camera that was read, the most likely first; nothing where nothing is odd.

    Args:
        poses: as they are followed, in the file's own time: upright and in metres, as far as the user chose so.
        variant: the model that follows them.
        up: what the user chose, one of `UPS`.
        metres: length of the file's unit, as the user chose it.
        paced: the file's timing does not count.

    Returns:
        sentences that say what was found and what to change.
    """
    if poses.frames < 2:
        return ()
    moved = (poses.c2w[1:, :3, 3] - poses.c2w[:-1, :3, 3]).numpy()  # (F - 1, 3)
    steps = np.linalg.norm(moved, axis=1)
    turned = _axes(poses.c2w, moved, up)
    timed = () if paced else _times(poses, variant)
    jumped = _jumps(steps)
    found = turned + timed + jumped
    return found or _unit(poses, moved, variant, metres, paced)


def _axes(c2w: torch.Tensor, moved: np.ndarray, up: str) -> tuple[str, ...]:
    """Tell a wrong up, a camera whose axes are OpenGL's, and places that are mirrored against the turns."""
    tilt, backwards = _tilt(c2w), _backwards(c2w, moved)
    if tilt > 180 - _LYING and backwards:
        return (
            "the cameras stand on their heads and move backwards: their axes are OpenGL's (y up, z backwards), where "
            "this format has OpenCV's; negate the second and the third column of every rotation.",
        )
    level = float(c2w[:, 1, 0].square().mean().sqrt()) < _ROLL
    climbs = np.abs(moved[:, 1]).sum() > np.linalg.norm(moved[:, [0, 2]], axis=1).sum()
    if up != FROM_CAMERAS and tilt > _LYING and (tilt > _DOWN or climbs or not level):
        return (f"the cameras stand {tilt:.0f}° from up; choose *{FROM_CAMERAS}* for up.",)
    if _mirrored(c2w, moved):
        return (
            "the way bends to the left where the camera turns to the right: most likely the places are mirrored "
            "against the turns, as left-handed axes (Unreal's, Unity's) make them; negate one axis of the places.",
        )
    return ()


def _tilt(c2w: torch.Tensor) -> float:
    """Return degrees between up and where the cameras have it, in the mean; 0 where they have it everywhere."""
    down = c2w[:, :3, 1].mean(0)
    return math.degrees(math.acos(float((down[1] / down.norm()).clamp(-1, 1)))) if down.norm() > 0.1 else 0.0


def _backwards(c2w: torch.Tensor, moved: np.ndarray) -> bool:
    """Tell whether the camera moves against its look nearly all the way."""
    ahead, steps = c2w[:-1, :3, 2].numpy(), np.linalg.norm(moved, axis=1)
    return steps.sum() > 0 and float((moved * ahead).sum()) < -0.9 * steps.sum()


def _mirrored(c2w: torch.Tensor, moved: np.ndarray) -> bool:
    """Tell whether the way on the ground turns against the camera, and both turn enough to be sure."""
    ground = np.linalg.norm(moved[:, [0, 2]], axis=1)
    moving = ground > 0.2 * np.median(ground)
    if moving.sum() < 8 or not ground.any():
        return False
    yaw = np.unwrap(angles(c2w[:-1, :3, :3]).numpy()[:, 0])[moving]
    way = np.unwrap(np.arctan2(moved[moving, 0], moved[moving, 2]))
    if min(np.std(yaw), np.std(way)) < math.radians(10) or not 0.7 < np.std(way) / np.std(yaw) < 1.4:
        return False
    return bool(np.corrcoef(yaw, way)[0, 1] < -0.9)


def _times(poses: Poses, variant: Variant) -> tuple[str, ...]:
    """Tell times that are in no seconds, and a file that is over before it is seen."""
    fps = poses.fps
    if fps is None:
        return ()
    own = "choose *the model's own speed*, or write seconds"
    if abs(fps - 1) <= 1e-9:
        return (f"the file has one pose a second: its times are most likely numbers of frames; {own}.",)
    if not _ODD_RATES[0] <= fps <= _ODD_RATES[1]:
        return (f"the file has {fps:.3g} poses a second: its times are most likely in no seconds; {own}.",)
    if (seconds := (poses.frames - 1) / fps) * variant.fps < 1:
        told = f"the file lasts {seconds:.2g} s, less than a frame of {variant.title}"
        return (f"{told}; if it should last longer, {own}.",)
    return ()


def _jumps(steps: np.ndarray) -> tuple[str, ...]:
    """Tell a walk that was put together out of several: a step that is long beside all others and its neighbours."""
    if not steps.any():
        return ()
    beside = np.maximum(np.append(0, steps[:-1]), np.append(steps[1:], 0))
    jumps = np.flatnonzero((steps > _JUMP * np.median(steps[steps > 0])) & (steps > beside * _JUMP / 4))
    if not len(jumps) or len(jumps) > max(1, len(steps) // 20):
        return ()
    first, more = int(jumps[0]), f" and {len(jumps) - 1} times more" * (len(jumps) > 1)
    return (
        f"the camera jumps {steps[first]:.2f} m from pose {first} to the next{more}: most likely the file holds "
        "several cameras or takes; keep one.",
    )


def _unit(poses: Poses, moved: np.ndarray, variant: Variant, metres: float, paced: bool) -> tuple[str, ...]:
    """Tell a way that is far too long or too short for the model."""
    ground, step = np.linalg.norm(moved[:, [0, 2]], axis=1), variant.motion.step_metres
    way, speed = float(ground.sum()), step * variant.fps
    if not way:
        return ()
    doubt = "if the file's unit is not the metre, set metres to"
    if paced:
        often = way / step / len(ground)
        if way < step:
            return (f"the way is {way:.2g} m in all; {doubt} {_suggested(metres * 10 * step / way)}.",)
        if often <= _MOST_STEPS or way < _LONG:
            return ()
        told = f"the way is {way:.3g} m, {often:.0f} steps of {variant.title} for every pose"
        return (f"{told}; {doubt} {_suggested(metres / often)}.",)
    rate, quickest = poses.fps or variant.fps, float(ground.max())
    usual = float(np.median(ground[ground > 0.1 * np.percentile(ground[ground > 0], 90)]))  # else pauses would count
    if quickest * rate >= _SLOW * speed and usual * rate <= _FAST * speed:
        return ()
    asked = (usual if usual * rate > speed else quickest) * rate
    timed = "" if poses.fps else f"the file has no rate, and at {variant.fps:g} a second "
    return (
        f"{timed}the camera moves {asked:.3g} m/s, {variant.title} {speed:.3g}; choose *the model's own speed*, or, "
        f"{doubt} {_suggested(metres * speed / asked)}.",
    )


def _suggested(metres: float) -> str:
    """Name a unit: one that is in use if it comes near, else two digits."""
    for name, unit in _UNITS:
        if 1 / 4 < metres / unit < 4:
            return f"{unit:g} ({name})"
    return f"{float(f'{metres:.1e}'):g}"
