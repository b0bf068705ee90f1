"""Write a camera of the open scene for Load Track: open this in Blender's text editor and run it.

The scene and its camera stay as they are. Every frame of the scene's range is played once, as on the timeline.
"""

import json

import bpy
from mathutils import Matrix

CAMERA = ""  # name of a camera; empty: the scene's own
FILE = "//camera.json"  # beside the .blend file, or in your home folder if it was never saved


def write_poses(path, camera=None):
    """Write a camera of the open scene, its own if none is given, as JSON that the pack's Load Track reads."""
    scene, window = bpy.context.scene, bpy.context.scene.render
    own, camera = scene.camera, camera or scene.camera
    if camera is None or scene.objects.get(camera.name) != camera:
        named = "no camera" if camera is None else f"camera {camera.name!r}, which is in another scene"
        raise ValueError(f"found {named}, expected one of the open scene; open its scene, or give it a camera")
    share = window.resolution_percentage / 100
    picture = [max(1, int(side * share)) for side in (window.resolution_x, window.resolution_y)]
    matrices, lenses, before = [], [], (scene.frame_current, scene.frame_subframe)
    try:
        for frame in range(scene.frame_start, scene.frame_end + 1):
            scene.frame_set(frame)
            depsgraph = bpy.context.evaluated_depsgraph_get()
            place, turn, _ = camera.evaluated_get(depsgraph).matrix_world.decompose()
            matrix = Matrix.Translation(place) @ turn.to_matrix().to_4x4()
            matrices += [float(value) for row in matrix for value in row]
            lenses.append(lens_of(camera, depsgraph, window, picture))
    finally:
        scene.frame_set(before[0], subframe=before[1])
        if scene.camera != own:  # markers may have switched it
            scene.camera = own
    data = {"type": "blender_camera", "version": 1, "fps": window.fps / window.fps_base, "picture": picture}
    if None not in lenses:
        data["intrinsics"] = lenses[0]
        if any(lens != lenses[0] for lens in lenses):
            data["intrinsics_per_frame"] = [number for lens in lenses for number in lens]
    with open(path, "w", encoding="utf-8") as file:
        json.dump({**data, "matrices": matrices}, file)
    return len(lenses)


def lens_of(camera, depsgraph, window, picture):
    """Return fx, fy, cx, cy as shares of the picture, as it is rendered; None for a lens that is no perspective."""
    if camera.evaluated_get(depsgraph).data.type != "PERSP":
        return None
    seen = camera.calc_matrix_camera(
        depsgraph, x=picture[0], y=picture[1], scale_x=window.pixel_aspect_x, scale_y=window.pixel_aspect_y
    )
    return [seen[0][0] / 2, seen[1][1] / 2, (1 - seen[0][2]) / 2, (1 + seen[1][2]) / 2]


def run():
    """Write the camera that is named above, and say where it is."""
    import os

    path = bpy.path.abspath(FILE) if bpy.data.is_saved else os.path.expanduser(FILE.replace("//", "~/"))
    poses = write_poses(path, bpy.data.objects[CAMERA] if CAMERA else None)
    said = f"{poses} poses: {path}"
    print(said)  # noqa: T201
    if not bpy.app.background:
        bpy.context.window_manager.popup_menu(lambda menu, _: menu.layout.label(text=said), title="Written")


if __name__ == "__main__":
    run()
