"""Camera poses as RealEstate10K has them: a line with the film's address, then nineteen numbers a line.

    time in microseconds, fx fy cx cy as shares of width and height, k1 k2, twelve of world-to-camera, row by row

OpenCV axes; the unit of length is another in every film. CameraCtrl and what followed it write the same, some with
frame numbers for times. Source: google.github.io/realestate10k/download.html (Zhou et al., SIGGRAPH 2018).
"""

from __future__ import annotations

import numpy as np

from ..camera.poses import Poses, invert
from ..reading.asked import AS_IT_IS, Asked
from .frames import Frames, poses_of_frames
from .lens import checked_shares
from .lines import table
from .matrices import matrices_of_rows
from .stamps import MICROSECONDS, Stamps

COLUMNS = 19


def read(text: str, asked: Asked = AS_IT_IS) -> Poses:
    """Parse poses.

    Raises:
        ValueError: in one sentence, which line is wrong, and what was found.
    """
    rows = table(text, COLUMNS, "a time, fx fy cx cy, k1 k2 and three rows of four numbers", asked.check)
    values = rows.values
    lenses, where = np.unique(values[:, 1:5], axis=0, return_inverse=True)
    lenses = [checked_shares(lens, "fx fy cx cy") for lens in lenses.tolist()]
    c2w = invert(matrices_of_rows(values[:, 7:]))
    c2w[np.flatnonzero(~np.isfinite(values[:, 0]))] = np.nan
    timed = len(rows.lines) < 2 or bool((values[:, 0] != values[0, 0]).any())  # some tools write 0 for all
    stamps = Stamps(rows.first, MICROSECONDS) if timed else None
    return poses_of_frames(
        Frames(
            c2w,
            rows.name,
            stamps,
            lenses=[lenses[i] for i in where.ravel().tolist()],
            notes=rows.notes,
            unused=("k1, k2 (distortion)",) * bool(np.nan_to_num(values[:, 5:7]).any()),
        ),
        asked,
    )
