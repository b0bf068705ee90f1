"""Camera poses as KITTI's odometry has them: twelve numbers a line, the upper three rows of a matrix, row by row.

Camera-to-world of the left camera, in the axes of the first frame: x right, y down, z forward, metres; no times (the
data set's own car took 10 pictures a second, and other programs write files of any rate). Source: the KITTI odometry
benchmark's development kit, its readme (Geiger et al., CVPR 2012); evo reads the same.
"""

from __future__ import annotations

import numpy as np
import torch

from ..geometry import Poses
from .asked import Asked
from .frames import Frames, poses_of_frames
from .lines import table

COLUMNS = 12


def read(text: str, asked: Asked = Asked()) -> Poses:
    """Parse poses.

    Raises:
        ValueError: in one sentence, which line is wrong, and what was found.
    """
    rows = table(text, COLUMNS, "three rows of four numbers, row by row", asked.check)
    return poses_of_frames(Frames(matrices_of_rows(rows.values), rows.name, notes=rows.notes), asked)


def matrices_of_rows(values: np.ndarray) -> torch.Tensor:
    """Make matrices (R, 4, 4) of their upper three rows (R, 12), row by row; NaN where a number is missing."""
    matrices = torch.zeros(len(values), 4, 4, dtype=torch.float64)
    matrices[:, :3] = torch.from_numpy(np.ascontiguousarray(values, dtype=np.float64)).unflatten(1, (3, 4))
    matrices[:, 3, 3] = 1
    return matrices
