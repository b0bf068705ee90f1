"""In COLMAP's own library: open the walks. Called as `in_colmap.py FOLDER`; writes `colmap.json` there."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pycolmap


def main(folder: Path) -> None:
    """Open every model, and let its camera see the points."""
    found = {"version": pycolmap.__version__, "walks": {}}
    for name, points in json.loads((folder / "points.json").read_text(encoding="utf-8")).items():
        model = pycolmap.Reconstruction(str(folder / f"{name}.colmap"))
        images = sorted(model.images.values(), key=lambda image: image.name)
        camera = model.cameras[images[0].camera_id]
        found["walks"][name] = {
            "poses": [image.cam_from_world().inverse().matrix().tolist() for image in images],
            "lens": [camera.focal_length_x, camera.focal_length_y, camera.principal_point_x, camera.principal_point_y],
            "size": [camera.width, camera.height],
            "seen": [
                [image.project_point(point).tolist() for point in each]
                for image, each in zip(images, points, strict=True)
            ],
        }
    (folder / "colmap.json").write_text(json.dumps(found), encoding="utf-8")


main(Path(sys.argv[1]))
