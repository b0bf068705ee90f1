"""Camera poses as a TUM trajectory: `timestamp tx ty tz qx qy qz qw`, a line per frame.

Camera-to-world, OpenCV axes, seconds and metres; the world's up is not said. Lines that begin with # and empty lines
count for nothing, but where one names the columns in another order they are read in that one. Source: the RGB-D data
set of the Technical University of Munich (its page "File formats"; Sturm et al., IROS 2012), which ORB-SLAM, DROID-SLAM
and evo write too.
"""

from __future__ import annotations

import numpy as np
import torch

from ..camera.poses import Poses, poses_of, rotation_quaternions
from ..reading.asked import AS_IT_IS, Asked
from .frames import Frames, poses_of_frames
from .lines import Table, table, turns
from .stamps import SECONDS, Stamps

COLUMNS = ("timestamp", "tx", "ty", "tz", "qx", "qy", "qz", "qw")
_OTHER_NAMES = {"time": "timestamp", "t": "timestamp", "x": "tx", "y": "ty", "z": "tz"}


def read(text: str, asked: Asked = AS_IT_IS) -> Poses:
    """Parse a trajectory.

    Raises:
        ValueError: in one sentence, which line is wrong, and what was found.
    """
    rows = table(text, len(COLUMNS), " ".join(COLUMNS), asked.check)
    order = _order(rows)
    values = rows.values[:, [order.index(name) for name in COLUMNS]]
    times = rows.first if order[0] == COLUMNS[0] else [repr(value) for value in values[:, 0].tolist()]
    places = torch.from_numpy(np.ascontiguousarray(values[:, 1:4]))
    c2w = poses_of(turns(values[:, [7, 4, 5, 6]], rows.name), places)
    c2w[torch.from_numpy(~np.isfinite(values[:, 0]))] = torch.nan
    unit = SECONDS if any("seconds" in comment.lower() for comment in rows.comments) else None
    return poses_of_frames(Frames(c2w, rows.name, Stamps(times, unit), notes=rows.notes), asked)


def _order(rows: Table) -> tuple[str, ...]:
    """Return the columns' names as they stand in the file."""
    for comment in reversed(rows.comments):
        names = comment.lower().replace(",", " ").strip("# ").split()
        names = tuple(_OTHER_NAMES.get(name, name) for name in names[: len(COLUMNS)])
        if {*names} == {*COLUMNS}:
            return names
    return COLUMNS


def write(poses: Poses) -> str:
    """Write a trajectory; poses without a rate get a second a frame."""
    fps = poses.fps or 1.0
    turns = rotation_quaternions(poses.c2w[:, :3, :3])
    lines = ["# timestamp tx ty tz qx qy qz qw" + " (seconds)" * (poses.fps is not None)]
    for frame, (place, (w, x, y, z)) in enumerate(zip(poses.c2w[:, :3, 3].tolist(), turns.tolist(), strict=True)):
        lines.append(" ".join(map(repr, (frame / fps, *place, x, y, z, w))))
    return "\n".join(lines) + "\n"
