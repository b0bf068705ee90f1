"""A camera's walk: open this in Blender's text editor and run it.

It makes a scene named Walk, which shows the objects of the open scene through a camera of its own, with the walk's own
picture, lens, rate and length. The open scene, its camera and its settings stay as they are.

write_poses("walk.json") writes the camera of the open scene back, and write_poses("shot.json", camera) another one.
"""

import os

import bpy

FPS = None  # frames a second
PICTURE = None  # width and height in pixels
INTRINSICS = None  # fx, fy, cx, cy as shares of the picture's width and height
IMAGES = ""  # folder of the frames' pictures beside this script; empty: there are none
FIRST = 0  # number in the first picture's name
EVERY = 1  # and how far the numbers of neighbours are apart
# place x, y, z and rotation w, x, y, z of each frame, in a world whose z points up
POSES = []


def make_walk():
    """Make the scene and its camera, with a key in every frame from frame 0 on, and show it; return the camera."""
    scene = bpy.context.scene.copy()  # its objects are those of the open scene, its settings are copies
    scene.name = "Walk"
    scene.animation_data_clear()
    scene.timeline_markers.clear()  # they may switch cameras
    scene.use_preview_range, scene.render.use_border, scene.render.use_sequencer = False, False, False
    camera = bpy.data.objects.new("Walk", bpy.data.cameras.new("Walk"))
    scene.collection.objects.link(camera)
    scene.camera = camera
    scene.frame_start, scene.frame_end, scene.frame_step = 0, len(POSES) - 1, 1
    if FPS is not None:
        scene.render.fps, scene.render.fps_base = max(1, round(FPS)), max(1, round(FPS)) / FPS
    if INTRINSICS is not None:
        set_lens(scene.render, camera.data)
    set_keys(camera)
    if IMAGES:
        show_pictures(camera.data)
    if bpy.context.window is not None:
        bpy.context.window.scene = scene
        bpy.context.evaluated_depsgraph_get()  # where nothing is drawn, Blender 4 would not move what is in the scene
    scene.frame_set(0)
    return camera


def set_lens(window, lens):
    """Give a scene the walk's picture, and a camera its lens."""
    (fx, fy, cx, cy), (width, height) = INTRINSICS, PICTURE
    window.resolution_x, window.resolution_y, window.resolution_percentage = width, height, 100
    tall = fx * width / (fy * height)  # a pixel's height in pixel widths: 1 but for an anamorphic lens
    window.pixel_aspect_x, window.pixel_aspect_y = max(1, 1 / tall), max(1, tall)
    lens.sensor_fit, lens.sensor_width = "HORIZONTAL", max(36, 1 / fx)  # Blender has no lens below 1 mm
    lens.lens = fx * lens.sensor_width
    lens.shift_x, lens.shift_y = 0.5 - cx, (cy - 0.5) * fx / fy  # both count in widths of the picture


def show_pictures(lens):
    """Show the frames' pictures behind the camera, each at its own frame."""
    first = os.path.join(folder_of_script(), IMAGES, f"frame_{FIRST:06}.png")
    pictures = bpy.data.images.load(first)
    pictures.source = "SEQUENCE"
    behind = lens.background_images.new()
    behind.image = pictures
    shown = behind.image_user
    shown.frame_start, shown.frame_offset = 0, FIRST - 1  # Blender counts a sequence from 1 on
    shown.frame_duration = len(POSES)
    for frame in range(len(POSES) if EVERY > 1 else 0):  # it knows no sequence with gaps
        shown.frame_offset = FIRST - 1 + frame * (EVERY - 1)
        shown.keyframe_insert("frame_offset", frame=frame)
    lens.show_background_images = True


def folder_of_script():
    """Return the folder of this script's file, which the text editor knows by another path."""
    text = bpy.data.texts.get(os.path.basename(__file__))
    return os.path.dirname(bpy.path.abspath(text.filepath) if text and text.filepath else os.path.abspath(__file__))


def set_keys(camera):
    """Set a key in every frame; straight lines lie between them, else motion blur would see another walk."""
    camera.rotation_mode = "QUATERNION"
    for name in ("location", "rotation_quaternion"):
        camera.keyframe_insert(name, frame=0)
    action = camera.animation_data.action
    if hasattr(action, "fcurves"):
        curves = list(action.fcurves)
    else:  # from Blender 5.0 on
        bags = [bag for layer in action.layers for strip in layer.strips for bag in strip.channelbags]
        curves = [curve for bag in bags for curve in bag.fcurves]
    linear = bpy.types.Keyframe.bl_rna.properties["interpolation"].enum_items["LINEAR"].value
    for curve in curves:
        column = curve.array_index + (0 if curve.data_path == "location" else 3)
        points = curve.keyframe_points
        points.add(len(POSES) - len(points))
        points.foreach_set("co", [part for frame, pose in enumerate(POSES) for part in (frame, pose[column])])
        points.foreach_set("interpolation", [linear] * len(POSES))
        curve.update()


make_walk()
