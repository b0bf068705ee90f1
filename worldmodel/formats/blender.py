"""Camera poses to Blender and back.

To Blender goes a Python script, opened in its text editor and run there: it sets a keyframe of the scene's camera in
every frame. The same script has `write_poses(path)`, which writes the scene's camera as JSON; that JSON is read here.

{"type": "blender_camera", "version": 1, "fps": …, "matrices": […16 numbers, row by row, a frame…], "intrinsics": […]}

Blender's camera axes are OpenGL's (x right, y up, z backwards), its world has z up.
"""

from __future__ import annotations

from typing import Any

import torch

from ..geometry import Poses, check_poses, flip_camera, from_z_up, rotation_quaternions, to_z_up
from ..timeline import MAX_FRAMES
from .asked import AS_IT_IS, Asked
from .json_text import checked_list, dump, load, shown
from .matrices import numbers_of
from .poses_json import read_fps, read_intrinsics, unread

KIND, VERSION = "blender_camera", 1
_READ = ("type", "version", "fps", "matrices", "intrinsics")

_SCRIPT = '''\
"""A camera's walk: run it in Blender's text editor. write_poses("walk.json") writes the camera back."""

import json

import bpy
from mathutils import Matrix

FPS = %(fps)s
INTRINSICS = %(intrinsics)s  # fx, fy, cx, cy as shares of the picture's width and height
POSES = [  # place x, y, z and rotation w, x, y, z of each frame, world z up
%(poses)s
]


def set_keyframes():
    """Set a keyframe of the scene's camera in every frame, beginning with frame 0."""
    scene = bpy.context.scene
    if scene.camera is None:
        camera = bpy.data.objects.new("Walk", bpy.data.cameras.new("Walk"))
        scene.collection.objects.link(camera)
        scene.camera = camera
    camera = scene.camera
    camera.rotation_mode = "QUATERNION"
    scene.frame_start, scene.frame_end = 0, len(POSES) - 1
    if FPS is not None:
        scene.render.fps, scene.render.fps_base = max(1, round(FPS)), max(1, round(FPS)) / FPS
    if INTRINSICS is not None:
        camera.data.sensor_fit = "HORIZONTAL"
        camera.data.lens = INTRINSICS[0] * camera.data.sensor_width
    for frame, pose in enumerate(POSES):
        camera.location, camera.rotation_quaternion = pose[:3], pose[3:]
        camera.keyframe_insert("location", frame=frame)
        camera.keyframe_insert("rotation_quaternion", frame=frame)


def write_poses(path):
    """Write the scene's camera, frame by frame, as JSON that the pack's Load Track reads."""
    scene = bpy.context.scene
    matrices = []
    for frame in range(scene.frame_start, scene.frame_end + 1):
        scene.frame_set(frame)
        place, turn, _ = scene.camera.matrix_world.decompose()
        matrix = Matrix.Translation(place) @ turn.to_matrix().to_4x4()
        matrices += [float(value) for row in matrix for value in row]
    lens = scene.camera.data.lens / scene.camera.data.sensor_width
    width, height = scene.render.resolution_x, scene.render.resolution_y
    data = {
        "type": "blender_camera",
        "version": 1,
        "fps": scene.render.fps / scene.render.fps_base,
        "matrices": matrices,
        "intrinsics": [lens, lens * width / height, 0.5, 0.5],
    }
    with open(path, "w", encoding="utf-8") as file:
        json.dump(data, file)


set_keyframes()
'''


def matches(data: object) -> bool:
    """Tell whether JSON is what the script writes."""
    return isinstance(data, dict) and data.get("type") == KIND


def read(text: str, asked: Asked = AS_IT_IS) -> Poses:
    """Parse the JSON that the script writes; see `parse`."""
    return parse(load(text), asked)


def parse(data: Any, asked: Asked = AS_IT_IS) -> Poses:
    """Read poses out of what the script writes.

    Raises:
        ValueError: in one sentence, which member or frame is wrong, and what was found.
    """
    if not matches(data) or data.get("version") != VERSION:
        found = data.get("type") if isinstance(data, dict) else data
        raise ValueError(f'type must be "{KIND}" and version {VERSION}, not {shown(found)}')
    numbers = checked_list(data.get("matrices"), "matrices")
    if not numbers or len(numbers) % 16 or len(numbers) > 16 * MAX_FRAMES:
        raise ValueError(f"matrices must be a list of sixteen numbers a frame, not {len(numbers)} of them")
    c2w = torch.from_numpy(numbers_of(numbers, "matrices[{}]".format)).reshape(-1, 4, 4)
    check_poses(c2w)
    said = read_fps(data.get("fps"))
    fps = asked.fps or said
    lens = read_intrinsics(data.get("intrinsics"))
    return Poses(from_z_up(flip_camera(c2w)), lens, fps, unused=unread(data, _READ))


def write(poses: Poses) -> str:
    """Write the script."""
    c2w = to_z_up(flip_camera(poses.c2w))
    turns = rotation_quaternions(c2w[:, :3, :3])
    # neighbours on the same side, else Blender would turn the long way round between two frames
    flips = torch.where((turns[1:] * turns[:-1]).sum(1) < 0, -1.0, 1.0).cumprod(0)
    turns[1:] *= flips[:, None]
    rows = torch.cat([c2w[:, :3, 3], turns], 1).tolist()
    lens = None if poses.intrinsics is None else list(poses.intrinsics)
    return _SCRIPT % {
        "fps": repr(poses.fps),
        "intrinsics": repr(lens),
        "poses": "\n".join(f"    {dump(row)}," for row in rows),
    }
