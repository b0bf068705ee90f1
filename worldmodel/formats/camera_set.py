"""Pictures with the cameras that saw them: a folder that reconstruction and 3-D tools open as it is.

    images/frame_000000.png …                         the pictures, with the numbers of their frames
    sparse/0/cameras.txt, images.txt, points3D.txt    a COLMAP model, without points
    transforms.json                                   nerfstudio's
    walk.blender.py                                   for Blender's text editor; the pictures stand behind its camera
    depth/frame_000000.png …                          where depth is known: 16 bits, millimetres along the optical axis,
                                                      0 where nothing is known of it

That is where COLMAP and nerfstudio look by themselves: images beside sparse/0, and depth in units of a millimetre
(`depth_unit_scale_factor`, docs.nerf.studio/quickstart/data_conventions.html).

Shapes: F frames, H x W picture.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from ..camera.poses import Poses
from ..storage.pixels import to_bytes
from ..storage.writing import Numbered, PartFolder
from . import blender, colmap, nerfstudio
from .frames import picture_name

ENDING = "/transforms.json"
"""Of a set's `Numbered`: the folder is named, this file lies in it."""
IMAGES, DEPTH, SPARSE, SCRIPT = "images", "depth", "sparse/0", "walk.blender.py"
_MILLIMETRES = 2**16 - 1
"""The farthest that 16 bits say: 65.5 m."""
_FAST = 3
"""zlib's level: a tenth larger than its default, in half the time."""
_SHAPE = 0.01
"""Largest part by which a picture may be wider or narrower than its camera says; sides are whole pixels."""


class CameraSet:
    """A set while it is written, picture by picture."""

    def __init__(self, target: Numbered, poses: Poses, numbers: range | None = None) -> None:
        """Describe it; nothing is written yet.

        Args:
            target: with `ENDING`.
            poses: with intrinsics; as many pictures are to come.
            numbers: of the frames, in the names of their pictures; `None`: they count from 0 on.
        """
        self._poses, self._folder = poses, PartFolder(target)
        self._numbers = range(poses.frames) if numbers is None else numbers
        self._written, self._with_depth = 0, 0

    def __enter__(self) -> CameraSet:
        """Make the folder, under a hidden name.

        Raises:
            Unwritable: there is no place for it.
        """
        self._folder.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        """Take the folder away if it is not finished."""
        self._folder.__exit__(*error)

    def add(self, pictures: Tensor, depth: Tensor | None = None) -> None:
        """Write the next pictures.

        Args:
            pictures: (F, H, W, 3) in 0..1.
            depth: (F, H, W) metres along the optical axis; infinity, NaN and 0 where nothing is known.

        Raises:
            ValueError: the pictures are not what the camera sees.
        """
        self._poses = _of_picture(self._poses, *pictures.shape[1:3])
        for row, picture in enumerate(to_bytes(pictures)):
            name = picture_name(self._numbers[self._written])
            self._folder.write(f"{IMAGES}/{name}", _png(picture))
            if depth is not None:
                self._folder.write(f"{DEPTH}/{name}", _png(_in_millimetres(depth[row])))
                self._with_depth += 1
            self._written += 1

    def finish(self) -> tuple[Path, ...]:
        """Write the cameras and give the folder its name.

        Returns:
            The files of cameras: nerfstudio's, COLMAP's three, Blender's script.
        """
        poses = self._poses
        assert self._written == poses.frames, f"{self._written} of {poses.frames} pictures were written"
        assert self._with_depth in (0, self._written), "depth of some pictures only"
        model = colmap.write(poses, self._numbers)
        texts = {
            "transforms.json": nerfstudio.write(poses, DEPTH if self._with_depth else "", self._numbers),
            f"{SPARSE}/cameras.txt": model.cameras,
            f"{SPARSE}/images.txt": model.images,
            f"{SPARSE}/points3D.txt": model.points,
            SCRIPT: blender.write(poses, IMAGES, self._numbers),
        }
        for name, text in texts.items():
            self._folder.write(name, text.encode())
        folder = self._folder.finish()
        return tuple(folder / name for name in texts)


def _of_picture(poses: Poses, height: int, width: int) -> Poses:
    """Give a camera the size of the pictures that are written.

    Raises:
        ValueError: they have another shape than its own, so its lens is not theirs.
    """
    if poses.picture is not None:
        own = poses.picture[0] / poses.picture[1]
        if abs(width / height / own - 1) > _SHAPE:
            raise ValueError(
                f"images: found {width} x {height} pixels, expected the shape of the camera's picture, "
                f"{poses.picture[0]} x {poses.picture[1]}, larger or smaller; resize without cropping."
            )
    return poses._replace(picture=(width, height))


def _in_millimetres(depth: Tensor) -> np.ndarray:
    """Return depth (H, W) in metres as uint16, 0 where it is not known or too far to be written."""
    depth = depth.double().nan_to_num(0, 0, 0).mul(1000).round()
    return depth.where((depth > 0) & (depth <= _MILLIMETRES), 0).cpu().numpy().astype(np.uint16)


def _png(pixels: np.ndarray) -> bytes:
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "PNG", compress_level=_FAST)
    return data.getvalue()
