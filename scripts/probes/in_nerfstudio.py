"""In nerfstudio: parse the walks with its own data parser, and cast rays with its own cameras.

Called as `in_nerfstudio.py FOLDER`; writes `nerfstudio.json` there.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig
from PIL import Image


def parsed_as_it_stands(data: Path):
    """Parse a file or a folder: not turned, not centred, not scaled."""
    parser = NerfstudioDataParserConfig(
        data=data, orientation_method="none", center_method="none", auto_scale_poses=False, downscale_factor=1,
        eval_mode="all",
    ).setup()  # fmt: skip
    return parser.get_dataparser_outputs("train")


def cameras_of(parsed) -> dict[str, object]:
    """Return what nerfstudio makes of the cameras."""
    cameras = parsed.cameras
    return {
        "poses": cameras.camera_to_worlds.tolist(),
        "lens": [float(getattr(cameras, part)[0]) for part in ("fx", "fy", "cx", "cy")],
        "size": [int(cameras.width[0]), int(cameras.height[0])],
    }


def a_set(folder: Path) -> dict[str, object]:
    """Parse a set, and open the pictures and the depth that the parser found, in its order."""
    parsed = parsed_as_it_stands(folder)
    metres = parsed.metadata["depth_unit_scale_factor"]
    return {
        **cameras_of(parsed),
        "greys": [int(np.asarray(Image.open(path)).max()) for path in parsed.image_filenames],
        "depths": [float(np.asarray(Image.open(p)).max()) * metres for p in parsed.metadata["depth_filenames"]],
    }


def main(folder: Path) -> None:
    """Parse every walk."""
    found = {"version": version("nerfstudio"), "walks": {}}
    for name, pixels in json.loads((folder / "pixels.json").read_text(encoding="utf-8")).items():
        parsed = parsed_as_it_stands(folder / f"{name}.transforms.json")
        cameras = parsed.cameras
        frames = torch.arange(len(cameras))[:, None]
        coords = torch.tensor(pixels).flip(1)  # rows before columns
        rays = [cameras.generate_rays(frames, coords=coord.expand(len(cameras), 2)) for coord in coords]
        found["walks"][name] = {
            "files": [path.name for path in parsed.image_filenames],
            **cameras_of(parsed),
            "set": a_set(folder / f"{name} set_00001_"),
            "rays": [ray.directions.tolist() for ray in rays],
        }
    (folder / "nerfstudio.json").write_text(json.dumps(found), encoding="utf-8")


main(Path(sys.argv[1]))
