"""In Blender: run the walk's script in a scene that someone is at work in, and write cameras of every kind back.

Called as `in_blender.py FOLDER`, where `scripts/round_trips.py` left the script of each walk and what to look at;
writes `blender.json` there. Blender's own projection (`world_to_camera_view`) is the judge of lens and pose together.
"""

from __future__ import annotations

import json
import math
import runpy
import sys
from pathlib import Path

import bpy
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Matrix, Vector


def busy_scene() -> bpy.types.Object:
    """Animate the open scene's camera beneath a parent, with a rate, a range, markers and a lens of its own."""
    scene = bpy.context.scene
    camera, parent = scene.camera, bpy.data.objects.new("Dolly", None)
    scene.collection.objects.link(parent)
    parent.location, parent.rotation_euler, parent.scale = (3, -2, 1), (0.3, 0.2, 1.1), (2, 2, 2)
    camera.parent = parent
    for frame in range(1, 25):
        camera.location, camera.rotation_euler = (frame / 8, -frame / 9, 1), (1.2, frame / 50, frame / 20)
        camera.keyframe_insert("location", frame=frame)
        camera.keyframe_insert("rotation_euler", frame=frame)
    scene.frame_start, scene.frame_end, scene.render.fps, scene.render.fps_base = 1, 24, 30, 1.001
    scene.render.resolution_x, scene.render.resolution_y = 1280, 536
    scene.timeline_markers.new("cut", frame=5).camera = camera
    scene.frame_set(7)
    return camera


def state(scene: bpy.types.Scene) -> list[object]:
    """Return all that a script could change of a scene and its camera."""
    camera, render = scene.camera, scene.render
    action = camera.animation_data.action
    curves = action.fcurves if hasattr(action, "fcurves") else channels(action)
    keys = [[curve.data_path, curve.array_index, [list(key.co) for key in curve.keyframe_points]] for curve in curves]
    numbers = [render.fps, render.fps_base, scene.frame_start, scene.frame_end, scene.frame_current]
    numbers += [render.resolution_x, render.resolution_y, render.pixel_aspect_x, render.pixel_aspect_y]
    lens = camera.data
    numbers += [lens.lens, lens.sensor_width, lens.shift_x, lens.shift_y, lens.sensor_fit, camera.rotation_mode]
    names = [sorted(each.name for each in scene.objects), [marker.name for marker in scene.timeline_markers]]
    return [camera.name, numbers, names, keys, [list(row) for row in camera.matrix_world]]


def channels(action: bpy.types.Action) -> list[bpy.types.FCurve]:
    """Return an action's curves where it has layers."""
    return [c for layer in action.layers for strip in layer.strips for bag in strip.channelbags for c in bag.fcurves]


def walk(folder: Path, name: str, points: list[list[list[float]]]) -> dict[str, object]:
    """Run a walk's script beside someone's work; return where its camera is and what it sees."""
    bpy.ops.wm.read_factory_settings()
    busy_scene()
    theirs = bpy.context.scene
    before = state(theirs)
    names = runpy.run_path(str(folder / f"{name}.blender.py"))
    scene, camera = bpy.context.scene, bpy.context.scene.camera
    poses, seen, half = [], [], []
    for frame, before_camera in enumerate(points):
        scene.frame_set(frame)
        poses.append([list(row) for row in camera.matrix_world])
        seen.append([list(world_to_camera_view(scene, camera, Vector(point)))[:2] for point in before_camera])
    for frame in range(len(points) - 1):
        scene.frame_set(frame, subframe=0.5)
        half.append([list(row) for row in camera.matrix_world])
    names["write_poses"](folder / f"{name}.walk.json")
    curves = channels(camera.animation_data.action) if hasattr(camera.animation_data.action, "layers") else []
    curves = curves or list(camera.animation_data.action.fcurves)
    bpy.context.window.scene = theirs
    names["write_poses"](folder / f"{name}.theirs.json")
    return {
        "poses": poses, "seen": seen, "half": half, "untouched": state(theirs) == before,
        "linear": all(key.interpolation == "LINEAR" for curve in curves for key in curve.keyframe_points),
        "size": [scene.render.resolution_x, scene.render.resolution_y],
        "rate": scene.render.fps / scene.render.fps_base, "range": [scene.frame_start, scene.frame_end],
    }  # fmt: skip


def a_set(folder: Path, frames: int) -> dict[str, object]:
    """Run a set's script; return where its camera is, and which picture stands behind it at every frame."""
    bpy.ops.wm.read_factory_settings()
    busy_scene()
    runpy.run_path(str(folder / "walk.blender.py"))
    scene, camera = bpy.context.scene, bpy.context.scene.camera
    (shown,) = camera.data.background_images
    behind, poses = [], []
    for frame in range(frames):
        scene.frame_set(frame)
        behind.append(Path(shown.image.filepath_from_user(image_user=shown.image_user)).name)
        poses.append([list(row) for row in camera.matrix_world])
    # a sequence has the size of its picture 0, which need not be there
    last = bpy.data.images.load(shown.image.filepath_from_user(image_user=shown.image_user))
    return {"behind": behind, "poses": poses, "size": list(last.size)}


LENSES = {
    "automatic fit, portrait": {"size": (540, 960)},
    "automatic fit, landscape": {"size": (960, 540)},
    "vertical fit": {"size": (960, 540), "fit": "VERTICAL"},
    "shift": {"size": (960, 540), "shift": (0.13, -0.21)},
    "vertical fit, portrait, shift": {"size": (540, 960), "fit": "VERTICAL", "shift": (-0.2, 0.1)},
    "pixels twice as wide": {"size": (720, 576), "aspect": (2.0, 1.0), "shift": (0.1, 0.1)},
    "pixels of 1.09, half size": {"size": (720, 576), "aspect": (1.0, 1.09), "percentage": 50},
    "zoom": {"size": (960, 540), "zoom": True},
    "orthographic": {"size": (960, 540), "type": "ORTHO"},
}


def exported(folder: Path, kind: str) -> dict[str, object]:
    """Write a camera of some kind back; return the points it sees, and where it sees them."""
    bpy.ops.wm.read_factory_settings()
    camera, scene, given = busy_scene(), bpy.context.scene, LENSES[kind]
    render, lens = scene.render, camera.data
    render.resolution_x, render.resolution_y = given["size"]
    render.resolution_percentage = given.get("percentage", 100)
    render.pixel_aspect_x, render.pixel_aspect_y = given.get("aspect", (1, 1))
    lens.sensor_fit, (lens.shift_x, lens.shift_y) = given.get("fit", "AUTO"), given.get("shift", (0, 0))
    lens.type, lens.lens = given.get("type", "PERSP"), 41
    if "zoom" in given:
        for frame in (1, 24):
            lens.lens = 20 + frame
            lens.keyframe_insert("lens", frame=frame)
    scene.frame_set(7)
    before, path = state(scene), folder / f"{kind}.json"
    script = runpy.run_path(str(folder / "write_poses.py"))
    script["write_poses"](path, camera)
    untouched, points, seen = state(scene) == before, [], []
    for frame in range(scene.frame_start, scene.frame_end + 1):
        scene.frame_set(frame)
        place, turn, _ = camera.matrix_world.decompose()
        pose = Matrix.Translation(place) @ turn.to_matrix().to_4x4()
        ahead = [Vector((math.sin(i * 2.1) * 0.6, math.cos(i * 1.7) * 0.5, -1.0)) * (1 + i) for i in range(8)]
        points.append([list(pose @ point) for point in ahead])
        seen.append([list(world_to_camera_view(scene, camera, Vector(point)))[:2] for point in points[-1]])
    return {"file": path.name, "points": points, "seen": seen, "untouched": untouched}


def alone(folder: Path) -> str:
    """Run the script that writes a camera as the text editor does, in a file that is saved; return what it wrote."""
    bpy.ops.wm.read_factory_settings()
    busy_scene()
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "shot.blend"))
    runpy.run_path(str(folder / "write_poses.py"), run_name="__main__")
    return (folder / "camera.json").read_text(encoding="utf-8")


def main(folder: Path) -> None:
    """Do all of it, and write down what was seen."""
    asked = json.loads((folder / "points_z_up.json").read_text(encoding="utf-8"))
    found = {
        "version": bpy.app.version_string,
        "walks": {
            name: {**walk(folder, name, points), "set": a_set(folder / f"{name} set_00001_", len(points))}
            for name, points in asked.items()
        },
        "cameras": {kind: exported(folder, kind) for kind in LENSES},
        "alone": alone(folder),
    }
    (folder / "blender.json").write_text(json.dumps(found), encoding="utf-8")


main(Path(sys.argv[1]))
