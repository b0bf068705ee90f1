"""Poses as EuRoC's micro aerial vehicle data set has them: a CSV table with a line of names that begins with #.

    #timestamp [ns], p_RS_R_x [m], …, q_RS_w [], q_RS_x [], …, and velocities and biases, which no one reads here

The poses are those of the vehicle's IMU in a world whose z points up, metres, nanoseconds. Its camera cam0 has its
right along the IMU's y, its down against the IMU's x and its view along z, but for 1.5 degrees and 7 cm (T_BS in the
data set's cam0/sensor.yaml): the camera is taken to be right in it. Source: Burri et al., The EuRoC micro aerial
vehicle datasets, IJRR 2016; TUM's visual-inertial data and ORB-SLAM3's tools write the same columns.
"""

from __future__ import annotations

import numpy as np
import torch

from ..camera.poses import Poses, from_z_up, poses_of
from ..reading.asked import AS_IT_IS, Asked
from .frames import Frames, poses_of_frames
from .lines import is_number, table, turns
from .stamps import MICROSECONDS, NANOSECONDS, SECONDS, Stamps

COLUMNS = ("timestamp", "p_rs_r_x", "p_rs_r_y", "p_rs_r_z", "q_rs_w", "q_rs_x", "q_rs_y", "q_rs_z")
_CAMERA = torch.tensor([[0.0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], dtype=torch.float64)
"""Axes of cam0 in the IMU: its x is the IMU's y, its y against the IMU's x."""
_UNITS = {"s": SECONDS, "ms": 1e3, "us": MICROSECONDS, "ns": NANOSECONDS}


def matches(text: str) -> bool:
    """Tell whether a table is one of these: by its names, or by eight numbers or more with a rotation among them."""
    lines = [line for line in text[:20_000].splitlines() if line.strip()][:2]
    if not lines:
        return False
    if {*COLUMNS} <= {*_names(lines[0])}:
        return True
    cells = lines[-1].split(",")
    bare = lines[0].lstrip().startswith("#") or all(map(is_number, lines[0].split(",")))
    if not bare or len(cells) < 8 or not all(map(is_number, cells)):
        return False
    return abs(float(np.linalg.norm([float(cell) for cell in cells[4:8]])) - 1) < 0.05


def read(text: str, asked: Asked = AS_IT_IS) -> Poses:
    """Parse a table.

    Raises:
        ValueError: in one sentence, which line is wrong, and what was found.
    """
    head = next(line for line in text[:20_000].splitlines() if line.strip())
    names = _names(head)
    if not {*COLUMNS} <= {*names}:
        names = [*COLUMNS, *(f"column {i}" for i in range(9, head.count(",") + 2))]
    rows = table(text, len(names), ", ".join(COLUMNS), asked.check)
    values = rows.values[:, [names.index(name) for name in COLUMNS]]
    imu = poses_of(turns(values[:, 4:], rows.name), torch.from_numpy(np.ascontiguousarray(values[:, 1:4])))
    c2w = from_z_up(imu @ _CAMERA)
    c2w[torch.from_numpy(~np.isfinite(values[:, 0]))] = torch.nan
    first = names[0] == COLUMNS[0]
    times = rows.first if first else [repr(time) for time in values[:, 0].tolist()]
    unused = tuple(name for name in names if name not in COLUMNS)
    unit = head.split(",")[names.index(COLUMNS[0])].partition("[")[2].strip(" ]\t\r\n").lower()
    stamps = Stamps(times, _UNITS.get(unit, NANOSECONDS))
    notes = (
        *rows.notes,
        "The poses are those of an IMU; the camera is taken to look along its z, its x up, as EuRoC's does.",
    )
    return poses_of_frames(Frames(c2w, rows.name, stamps, notes=notes, unused=unused), asked)


def _names(line: str) -> list[str]:
    """Return the names in a line, without their units."""
    return [name.partition("[")[0].strip(" #\t\r\n").lower() for name in line.split(",")]
