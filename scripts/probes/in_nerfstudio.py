"""In nerfstudio: parse the walks with its own data parser, and cast rays with its own cameras.

Called as `in_nerfstudio.py FOLDER`; writes `nerfstudio.json` there.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path

import torch
from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig


def main(folder: Path) -> None:
    """Parse every walk, as it stands in its file: not turned, not centred, not scaled."""
    found = {"version": version("nerfstudio"), "walks": {}}
    for name, pixels in json.loads((folder / "pixels.json").read_text(encoding="utf-8")).items():
        parser = NerfstudioDataParserConfig(
            data=folder / f"{name}.transforms.json", orientation_method="none", center_method="none",
            auto_scale_poses=False, downscale_factor=1, eval_mode="all",
        ).setup()  # fmt: skip
        parsed = parser.get_dataparser_outputs("train")
        cameras = parsed.cameras
        frames = torch.arange(len(cameras))[:, None]
        coords = torch.tensor(pixels).flip(1)  # rows before columns
        rays = [cameras.generate_rays(frames, coords=coord.expand(len(cameras), 2)) for coord in coords]
        found["walks"][name] = {
            "files": [path.name for path in parsed.image_filenames],
            "poses": cameras.camera_to_worlds.tolist(),
            "lens": [float(getattr(cameras, part)[0]) for part in ("fx", "fy", "cx", "cy")],
            "size": [int(cameras.width[0]), int(cameras.height[0])],
            "rays": [ray.directions.tolist() for ray in rays],
        }
    (folder / "nerfstudio.json").write_text(json.dumps(found), encoding="utf-8")


main(Path(sys.argv[1]))
