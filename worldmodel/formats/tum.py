"""Camera poses as a TUM trajectory: `timestamp tx ty tz qx qy qz qw`, a line per frame.

Camera-to-world, OpenCV axes, seconds and metres. Lines that begin with # and empty lines count for nothing. Frames are
taken to be evenly spaced: their rate is that of the whole trajectory.
"""

from __future__ import annotations

import torch

from ..geometry import Poses, check_poses, poses_of, quaternion_rotations, rotation_quaternions
from ..timeline import MAX_FRAMES
from .lines import number, quaternion


def read(text: str) -> Poses:
    """Parse a trajectory.

    Raises:
        ValueError: in one sentence, which line is wrong, and what was found.
    """
    times, places, turns = [], [], []
    for line, row in enumerate(text.splitlines(), start=1):
        cells = row.split()
        if not cells or cells[0].startswith("#"):
            continue
        if len(cells) != 8:
            raise ValueError(f"line {line}: found {len(cells)} numbers, expected 8: timestamp tx ty tz qx qy qz qw")
        if len(times) == MAX_FRAMES:
            raise ValueError(f"line {line}: more than {MAX_FRAMES} frames; cut the trajectory")
        time, tx, ty, tz, qx, qy, qz, qw = (number(cell, line) for cell in cells)
        if times and time <= times[-1]:
            raise ValueError(f"line {line}: timestamp {time:.9g} does not come after {times[-1]:.9g}; sort the lines")
        times.append(time)
        places.append((tx, ty, tz))
        turns.append(quaternion(qw, qx, qy, qz, line))
    if not times:
        raise ValueError("found no pose, expected lines of timestamp tx ty tz qx qy qz qw")
    rotations = quaternion_rotations(torch.tensor(turns, dtype=torch.float64))
    c2w = poses_of(rotations, torch.tensor(places, dtype=torch.float64))
    check_poses(c2w)
    rate = (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else None
    return Poses(c2w, None, rate)


def write(poses: Poses) -> str:
    """Write a trajectory; poses without a rate get a second a frame."""
    fps = poses.fps or 1.0
    turns = rotation_quaternions(poses.c2w[:, :3, :3])
    lines = ["# timestamp tx ty tz qx qy qz qw"]
    for frame, (place, (w, x, y, z)) in enumerate(zip(poses.c2w[:, :3, 3].tolist(), turns.tolist(), strict=True)):
        lines.append(" ".join(map(repr, (frame / fps, *place, x, y, z, w))))
    return "\n".join(lines) + "\n"
