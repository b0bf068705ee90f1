"""Camera poses: one convention inside the library, and the ways into it and out of it.

OpenCV axes (x right, y down, z forward), for cameras and for the world alike; camera-to-world; float64.

    c2w        (…, 4, 4)  a camera's axes and place in the world
    quaternion (…, 4)     w, x, y, z
    intrinsics            fx, fy, cx, cy as shares of the picture's width and height
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from ..reading.limits import MAX_FRAMES
from ..reading.one_line import number_of, one_line

MAX_METRES = 1e6
"""Farthest place a camera may stand; more is a broken file."""
MAX_PIXELS = 100_000
"""Longest side of a picture."""
UNKNOWN_WIDTH = 1920
"""Width in pixels of a picture that nobody says more of than shares."""
_RIGID = 1e-3
"""Largest error of a rotation that a file may carry; files round their numbers."""
_LEFT_HANDED = (
    ", and so is every other: the file's axes are left-handed, as Unreal's and Unity's are; turn one of them round"
)
_OTHER_CAMERA = torch.diag(torch.tensor([1.0, -1.0, -1.0, 1.0], dtype=torch.float64))
_FROM_MATRIX_GAME_3 = torch.tensor([[0, 1, 0, 0], [0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1]], dtype=torch.float64)
_FROM_Z_UP = torch.tensor([[1, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]], dtype=torch.float64)


class Poses(NamedTuple):
    """A camera's pose in every frame.

    Args:
        c2w: (frames, 4, 4) float64, OpenCV axes.
        intrinsics: fx, fy, cx, cy as shares of width and height; `None` if nobody said.
        fps: frames a second; `None` if nobody said.
        notes: what the reader of a file has to say of it, whole sentences, the most important first.
        unused: names of what the file holds beside that; neither is part of what a camera is.
        picture: width and height in pixels of the picture that the intrinsics are shares of; `None` if nobody said.
    """

    c2w: Tensor
    intrinsics: tuple[float, float, float, float] | None = None
    fps: float | None = None
    notes: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    picture: tuple[int, int] | None = None

    @property
    def frames(self) -> int:
        """Length in frames."""
        return len(self.c2w)

    def __repr__(self) -> str:
        """Say it in one line."""
        lens = self.intrinsics and "lens " + " ".join(f"{part:.4g}" for part in self.intrinsics)
        rate = self.fps and f"{self.fps:g} a second"
        picture = self.picture and f"{self.picture[0]} x {self.picture[1]} pixels"
        return one_line(self, number_of(self.c2w, "pose"), rate, lens, picture)


def check_poses(c2w: Tensor, names: Callable[[int], str] = "frame {}".format) -> None:
    """Check poses that came from outside.

    Args:
        c2w: (frames, 4, 4) float64.
        names: how a message calls each of them.

    Raises:
        ValueError: names the first frame that is no camera, or the number of frames.
    """
    if not 1 <= len(c2w) <= MAX_FRAMES:
        raise ValueError(f"found {len(c2w)} poses, expected 1 to {MAX_FRAMES}")
    turn = c2w[:, :3, :3]
    errors = {
        "holds NaN or infinity": ~c2w.isfinite().all(-1).all(-1),
        f"stands more than {MAX_METRES:g} metres away": (c2w[:, :3, 3].abs() > MAX_METRES).any(1),
        "is no rotation and place (its last row must be 0, 0, 0, 1)": (
            c2w[:, 3] != torch.tensor([0.0, 0.0, 0.0, 1.0], dtype=c2w.dtype)
        ).any(1),
        "has axes that are not at right angles and of length 1": (
            (turn @ turn.mT - torch.eye(3, dtype=c2w.dtype)).abs().amax((1, 2)) > _RIGID
        ),
        "is mirrored": torch.linalg.det(turn.nan_to_num(0, 0, 0)) < 0,
    }
    for what, wrong in errors.items():
        if wrong.any():
            first = names(int(wrong.nonzero()[0]))
            every = what == "is mirrored" and len(wrong) > 1 and bool(wrong.all())
            raise ValueError(f"{first}: the pose {what}{_LEFT_HANDED * every}")


def invert(poses: Tensor) -> Tensor:
    """Turn camera-to-world (…, 4, 4) into world-to-camera, or back."""
    turn = poses[..., :3, :3].mT
    inverse = torch.zeros_like(poses)
    inverse[..., :3, :3] = turn
    inverse[..., :3, 3:] = -turn @ poses[..., :3, 3:]
    inverse[..., 3, 3] = 1
    return inverse


def flip_camera(c2w: Tensor) -> Tensor:
    """Exchange OpenCV's camera axes for those of OpenGL and Blender (x right, y up, z backwards), or back."""
    return c2w @ _OTHER_CAMERA.to(c2w.dtype)


def from_z_up(c2w: Tensor) -> Tensor:
    """Bring poses from a world whose z points up and whose y points ahead (Blender, nerfstudio) into ours."""
    return _FROM_Z_UP.to(c2w.dtype) @ c2w


def to_z_up(c2w: Tensor) -> Tensor:
    """Bring poses from our world into one whose z points up and whose y points ahead."""
    return _FROM_Z_UP.to(c2w.dtype).mT @ c2w


def to_matrix_game3(c2w: Tensor) -> Tensor:
    """Bring poses from our world into Matrix-Game 3.0's: x ahead, y right, z down, and the camera's y up.

    Its release takes its z for up and its camera's y for down; its positive pitch then looks down, and its rays stand
    on their heads. Read as here, pitch looks up and the world is right-handed; its numbers are the same, bit for bit.
    """
    mirrored = c2w.clone()
    mirrored[..., :3, 1] *= -1
    return _FROM_MATRIX_GAME_3.to(c2w.dtype).mT @ mirrored


def from_matrix_game3(extrinsics: Tensor) -> Tensor:
    """Bring Matrix-Game 3.0's poses into our world; see `to_matrix_game3`."""
    c2w = _FROM_MATRIX_GAME_3.to(extrinsics.dtype) @ extrinsics
    c2w[..., :3, 1] *= -1
    return c2w


def share_intrinsics(pixels: tuple[float, float, float, float], width: float, height: float) -> tuple[float, ...]:
    """Turn fx, fy, cx, cy in pixels into shares of the picture."""
    fx, fy, cx, cy = pixels
    return fx / width, fy / height, cx / width, cy / height


def pixel_intrinsics(shares: tuple[float, float, float, float], width: float, height: float) -> tuple[float, ...]:
    """Turn fx, fy, cx, cy as shares of the picture into pixels."""
    fx, fy, cx, cy = shares
    return fx * width, fy * height, cx * width, cy * height


def picture_of(poses: Poses, width: int = UNKNOWN_WIDTH) -> tuple[int, int]:
    """Return a camera's picture, for formats in pixels: its own, or else one of square pixels.

    Args:
        poses: with intrinsics, which say how high a picture of square pixels is.
        width: of the picture, where nobody said.

    Returns:
        width and height in pixels.
    """
    if poses.picture is not None:
        return poses.picture
    fx, fy = poses.intrinsics[:2]
    return width, min(max(round(width * fx / fy), 1), MAX_PIXELS)


def quaternion_rotations(quaternions: Tensor) -> Tensor:
    """Turn quaternions (…, 4) of any length but zero into rotations (…, 3, 3)."""
    w, x, y, z = (quaternions / quaternions.norm(dim=-1, keepdim=True)).unbind(-1)
    rows = [
        1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
        2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
        2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
    ]  # fmt: skip
    return torch.stack(rows, -1).unflatten(-1, (3, 3))


def rotation_quaternions(rotations: Tensor) -> Tensor:
    """Turn rotations (…, 3, 3) into unit quaternions (…, 4) with w >= 0.

    Each rotation has four ways to write its quaternion; the one with the largest divisor loses no digits.
    """
    r = rotations
    a, b, c = r[..., 0, 0], r[..., 1, 1], r[..., 2, 2]
    x, y, z = r[..., 2, 1] - r[..., 1, 2], r[..., 0, 2] - r[..., 2, 0], r[..., 1, 0] - r[..., 0, 1]
    xy, xz, yz = r[..., 0, 1] + r[..., 1, 0], r[..., 0, 2] + r[..., 2, 0], r[..., 1, 2] + r[..., 2, 1]
    ways = torch.stack(
        [
            torch.stack([1 + a + b + c, x, y, z], -1),
            torch.stack([x, 1 + a - b - c, xy, xz], -1),
            torch.stack([y, xy, 1 - a + b - c, yz], -1),
            torch.stack([z, xz, yz, 1 - a - b + c], -1),
        ],
        -2,
    )  # (…, 4 ways, 4)
    best = ways.diagonal(dim1=-2, dim2=-1).argmax(-1)[..., None, None].expand(*ways.shape[:-2], 1, 4)
    chosen = ways.gather(-2, best).squeeze(-2)
    chosen = chosen / chosen.norm(dim=-1, keepdim=True)
    return torch.where(chosen[..., :1] < 0, -chosen, chosen)


def poses_of(rotations: Tensor, places: Tensor) -> Tensor:
    """Put rotations (…, 3, 3) and places (…, 3) together: (…, 4, 4)."""
    poses = torch.zeros(*rotations.shape[:-2], 4, 4, dtype=rotations.dtype)
    poses[..., :3, :3], poses[..., :3, 3], poses[..., 3, 3] = rotations, places, 1
    return poses


def angles(rotations: Tensor) -> Tensor:
    """Split camera-to-world rotations into yaw, pitch and roll in radians: right, up and clockwise positive.

    The camera is first turned right by yaw, then up by pitch, as `motion.rotations` does, then rolled. Looking straight
    up or down, yaw and roll are one turn, and all of it is called yaw.

    Args:
        rotations: (…, 3, 3).

    Returns:
        (…, 3).
    """
    right, ahead = rotations[..., :, 0], rotations[..., :, 2]
    level = torch.hypot(ahead[..., 0], ahead[..., 2])
    straight = level < 1e-6
    yaw = torch.where(straight, torch.atan2(-right[..., 2], right[..., 0]), torch.atan2(ahead[..., 0], ahead[..., 2]))
    pitch = torch.atan2(-ahead[..., 1], level)
    roll = torch.where(straight, torch.zeros_like(yaw), torch.atan2(right[..., 1], rotations[..., 1, 1]))
    return torch.stack([yaw, pitch, roll], -1)


def interpolate(c2w: Tensor, at: Tensor) -> Tensor:
    """Read poses between frames: places in a straight line, rotations on the shortest arc.

    Args:
        c2w: (frames, 4, 4).
        at: (samples,) frames, between 0 and the last one.

    Returns:
        (samples, 4, 4).
    """
    first = at.floor().long().clamp(0, max(len(c2w) - 2, 0))
    then = (first + 1).clamp_max(len(c2w) - 1)
    along = (at - first)[:, None].to(c2w.dtype)
    places = c2w[first, :3, 3] * (1 - along) + c2w[then, :3, 3] * along
    turns = rotation_quaternions(c2w[:, :3, :3])
    here, there = turns[first], turns[then]
    cosine = (here * there).sum(-1, keepdim=True)
    there, cosine = torch.where(cosine < 0, -there, there), cosine.abs().clamp_max(1)
    arc = torch.acos(cosine)
    short = arc < 1e-6  # the sines below vanish; a straight line is the arc
    sine = torch.where(short, torch.ones_like(arc), arc.sin())
    a = torch.where(short, 1 - along, ((1 - along) * arc).sin() / sine)
    b = torch.where(short, along, (along * arc).sin() / sine)
    return poses_of(quaternion_rotations(a * here + b * there), places)


def upright(c2w: Tensor) -> Tensor:
    """Turn the world so that the cameras stand upright in the mean, for files whose world has no known up.

    Args:
        c2w: (frames, 4, 4).
    """
    down = c2w[:, :3, 1].mean(0)
    if down.norm() < 1e-6:  # as many upside down as not
        return c2w
    down = down / down.norm()
    across = torch.eye(3, dtype=c2w.dtype)[int(down.abs().argmin())]  # any direction that is not down
    right = torch.linalg.cross(down, across)
    right = right / right.norm()
    axes = torch.stack([right, down, torch.linalg.cross(right, down)])  # rows: the new x, y, z
    turn = torch.eye(4, dtype=c2w.dtype)
    turn[:3, :3] = axes
    return turn @ c2w


def at_rate(poses: Poses, fps: float) -> Poses:
    """Give poses another rate, in the same time; poses without a rate are taken to have this one.

    Raises:
        ValueError: that makes more frames than a track can have.
    """
    if poses.fps is None or poses.fps == fps:
        return poses._replace(fps=fps)
    frames = int((poses.frames - 1) * fps / poses.fps + 1e-6) + 1
    if frames > MAX_FRAMES:
        raise ValueError(
            f"found {poses.frames} poses over {(poses.frames - 1) / poses.fps:.4g} seconds, which make {frames} frames "
            f"at {fps:g} a second, expected at most {MAX_FRAMES}; are its times in seconds? If not, choose the model's "
            "own speed, else cut the file"
        )
    at = torch.arange(frames, dtype=torch.float64) * poses.fps / fps
    return poses._replace(c2w=interpolate(poses.c2w, at.clamp_max(poses.frames - 1)), fps=fps)


def rotations(yaw: Tensor, pitch: Tensor) -> Tensor:
    """Return camera-to-world rotations (…, 3, 3) of a level camera turned right by yaw, then up by pitch (radians)."""
    sy, cy, sp, cp = yaw.sin(), yaw.cos(), pitch.sin(), pitch.cos()
    zero = torch.zeros_like(sy)
    rows = [cy, sy * sp, sy * cp, zero, cp, -sp, -sy, cy * sp, cy * cp]
    return torch.stack(rows, -1).unflatten(-1, (3, 3))
