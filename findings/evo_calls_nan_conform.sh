#!/usr/bin/env bash
# evo: a trajectory with a lost pose (NaN, as trackers write it) passes check(), and makes every statistic NaN.
#
# Seen with evo 1.38.1 (numpy 2.4.6, Python 3.11, Linux), 2026-11-30: check() returns True and says 'SE(3) conform': 'yes'
# and 'quaternions': 'ok' of a pose whose place is NaN; the error of that trajectory against the true one is then nan in
# the mean, and not the error of the poses that are there. Drop such lines before reading.
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet evo==1.38.1 numpy==2.4.6
cat > "$folder/probe.py" <<'PROBE'
import math
import sys
from importlib.metadata import version

from evo.core import metrics
from evo.tools import file_interface


def read(name, lost):
    path = f"{sys.argv[1]}/{name}"
    with open(path, "w") as file:
        for i in range(5):
            place = "nan nan nan" if i == lost else f"0 0 {i}"
            file.write(f"{i} {place} 0 0 0 1\n")
    return file_interface.read_tum_trajectory_file(path)


true, tracked = read("true.tum", None), read("tracked.tum", 3)
right, details = tracked.check()
error = metrics.APE(metrics.PoseRelation.translation_part)
error.process_data((true, tracked))
mean = error.get_statistic(metrics.StatisticsType.mean)
print(f"evo {version('evo')}: check() {right}, {details}, mean error {mean}")
assert right and details["SE(3) conform"] == "yes" and math.isnan(mean)
PROBE
"$folder/venv/bin/python" "$folder/probe.py" "$folder"
