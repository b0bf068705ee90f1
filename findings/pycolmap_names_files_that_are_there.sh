#!/usr/bin/env bash
# pycolmap: of a text model without points, it says that all of its five files do not exist.
#
# Seen with pycolmap 4.2.1 (Python 3.11, Linux), 2026-11-30: a folder with cameras.txt and images.txt is refused with
# "rigs, cameras, frames, images, points3D files do not exist". Two of the five are there, and two more (rigs, frames)
# are not needed: with an empty points3D.txt beside them the same two files load, every pose as it was written.
# Who exports cameras for COLMAP writes an empty points3D.txt too.
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pycolmap==4.2.1
mkdir "$folder/model"
cat > "$folder/probe.py" <<'PROBE'
import pathlib
import sys

import pycolmap

model = pathlib.Path(sys.argv[1])
model.joinpath("cameras.txt").write_text("1 PINHOLE 96 64 57.6 57.6 48 32\n")
poses = "".join(f"{i} 1 0 0 0 0 0 {-i / 8} 1 frame_{i}.png\n\n" for i in range(1, 5))
model.joinpath("images.txt").write_text(poses)
try:
    pycolmap.Reconstruction(str(model))
    refused = ""
except ValueError as error:
    refused = str(error)
model.joinpath("points3D.txt").touch()
images = pycolmap.Reconstruction(str(model)).images.values()
places = sorted(float(image.projection_center()[2]) for image in images)
print(f"pycolmap {pycolmap.__version__}: {refused!r}; with an empty points3D.txt: {len(images)} images at {places}")
assert "rigs, cameras, frames, images, points3D files do not exist" in refused
assert places == [0.125, 0.25, 0.375, 0.5]
PROBE
"$folder/venv/bin/python" "$folder/probe.py" "$folder/model"
