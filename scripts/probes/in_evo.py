"""In evo: read the walks' trajectories, and measure one against itself.

Called as `in_evo.py FOLDER`; writes `evo.json` there.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
from evo.core import metrics, sync
from evo.tools import file_interface


def main(folder: Path) -> None:
    """Read every trajectory."""
    found = {"version": version("evo"), "walks": {}}
    for name in json.loads((folder / "points.json").read_text(encoding="utf-8")):
        path = folder / f"{name}.tum"
        walk, again = (file_interface.read_tum_trajectory_file(str(path)) for _ in range(2))
        error = metrics.APE(metrics.PoseRelation.translation_part)
        error.process_data(sync.associate_trajectories(walk, again))
        found["walks"][name] = {
            "poses": np.array(walk.poses_se3).tolist(),
            "rate": float((walk.num_poses - 1) / (walk.timestamps[-1] - walk.timestamps[0])),
            "error": error.get_statistic(metrics.StatisticsType.max),
        }
    (folder / "evo.json").write_text(json.dumps(found), encoding="utf-8")


main(Path(sys.argv[1]))
