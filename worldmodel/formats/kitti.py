"""Camera poses as KITTI's odometry has them: twelve numbers a line, the upper three rows of a matrix, row by row.

Camera-to-world of the left camera, in the axes of the first frame: x right, y down, z forward, metres; no times (the
data set's own car took 10 pictures a second, and other programs write files of any rate). Source: the KITTI odometry
benchmark's development kit, its readme (Geiger et al., CVPR 2012); evo reads the same.
"""

from __future__ import annotations

from ..camera.poses import Poses
from ..reading.asked import AS_IT_IS, Asked
from .frames import Frames, poses_of_frames
from .lines import table
from .matrices import matrices_of_rows

COLUMNS = 12


def read(text: str, asked: Asked = AS_IT_IS) -> Poses:
    """Parse poses.

    Raises:
        ValueError: in one sentence, which line is wrong, and what was found.
    """
    rows = table(text, COLUMNS, "three rows of four numbers, row by row", asked.check)
    return poses_of_frames(Frames(matrices_of_rows(rows.values), rows.name, notes=rows.notes), asked)
