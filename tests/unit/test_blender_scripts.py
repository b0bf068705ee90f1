"""The scripts for Blender, run with as much of Blender as they touch, in the ways of version 4 and of version 5.

That Blender itself is like this, and what its cameras then see, `scripts/round_trips.py` finds out with the real one.
"""

from __future__ import annotations

import copy
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace as Thing

import pytest
import torch
from torch import Tensor

from worldmodel.camera.poses import Poses, flip_camera, poses_of, quaternion_rotations, to_z_up
from worldmodel.formats import blender

LINEAR = 1
LENSES = [
    ((0.6, 0.9, 0.5, 0.5), (96, 64)),
    ((0.9, 0.51, 0.44, 0.56), (1080, 1920)),
    ((0.5, 0.5, 0.5, 0.5), (1280, 720)),
    ((0.01, 0.02, 0.3, 0.9), (640, 352)),
]
FRAMES = 12


def flight(
    lens: tuple | None = LENSES[0][0], picture: tuple | None = LENSES[0][1], fps: float | None = 23.976
) -> Poses:
    draw = torch.Generator().manual_seed(3)
    turns = quaternion_rotations(torch.randn(FRAMES, 4, dtype=torch.float64, generator=draw))
    return Poses(
        poses_of(turns, torch.randn(FRAMES, 3, dtype=torch.float64, generator=draw)), lens, fps, picture=picture
    )


class Matrix:
    """A matrix of mathutils: a tensor (4, 4)."""

    def __init__(self, rows: Tensor) -> None:
        self.rows = rows

    def __matmul__(self, other: Matrix) -> Matrix:
        return Matrix(self.rows @ other.rows)

    def __iter__(self):
        return iter(self.rows)

    def __getitem__(self, row: int) -> Tensor:
        return self.rows[row]

    def decompose(self) -> tuple:
        turn = Matrix(poses_of(self.rows[:3, :3], torch.zeros(3, dtype=torch.float64)))
        return self.rows[:3, 3], Thing(to_matrix=lambda: Thing(to_4x4=lambda: turn)), 1

    @staticmethod
    def Translation(place: Tensor) -> Matrix:
        return Matrix(poses_of(torch.eye(3, dtype=torch.float64), place))


class Points(list):
    """A curve's keys, set in one go as flat lists."""

    def add(self, count: int) -> None:
        self.extend(Thing(co=[0, 0], interpolation=0) for _ in range(count))

    def foreach_set(self, name: str, values: list) -> None:
        each = len(values) // len(self)
        for i, key in enumerate(self):
            setattr(key, name, values[each * i : each * i + each] if each > 1 else values[i])


class Camera:
    """An object with a camera; `version` says where its curves lie."""

    def __init__(self, name: str, data: Thing | None, version: int) -> None:
        self.name, self.data, self.version, self.curves, self.animation_data = name, data, version, [], None
        self.rotation_mode, self.location, self.rotation_quaternion = "XYZ", [0, 0, 0], [1, 0, 0, 0]

    def keyframe_insert(self, name: str, frame: int) -> None:
        for index in range(len(getattr(self, name))):
            points = Points([Thing(co=[frame, getattr(self, name)[index]], interpolation=0)])
            curve = Thing(data_path=name, array_index=index, keyframe_points=points, update=lambda: None)
            self.curves.append(curve)
        layers = [Thing(strips=[Thing(channelbags=[Thing(fcurves=self.curves)])])]
        self.animation_data = Thing(action=Thing(fcurves=self.curves) if self.version < 5 else Thing(layers=layers))

    def evaluated_get(self, depsgraph: object) -> Camera:
        return self

    def pose(self, frame: int) -> Tensor:
        values = {(curve.data_path, curve.array_index): curve.keyframe_points[frame].co[1] for curve in self.curves}
        place = torch.tensor([values["location", i] for i in range(3)], dtype=torch.float64)
        turn = torch.tensor([values["rotation_quaternion", i] for i in range(4)], dtype=torch.float64)
        return poses_of(quaternion_rotations(turn), place)

    @property
    def matrix_world(self) -> Matrix:
        return Matrix(self.pose(self.scene.frame_current) if self.curves else torch.eye(4, dtype=torch.float64))

    def calc_matrix_camera(
        self, depsgraph: object, x: int, y: int, scale_x: float, scale_y: float
    ) -> list[list[float]]:
        """Project as Blender does with a horizontal fit (`BKE_camera_params_compute_viewplane`)."""
        fx = self.data.lens / self.data.sensor_width
        fy = fx * x * scale_x / (y * scale_y)
        return [[2 * fx, 0, 2 * self.data.shift_x, 0], [0, 2 * fy, 2 * self.data.shift_y * fy / fx, 0]]


class Scene(Thing):
    """A scene; its copy has the same objects and settings of its own."""

    def copy(self) -> Scene:
        other = Scene(**vars(self))
        other.render, other.objects = copy.copy(self.render), Objects(self.objects)
        other.timeline_markers, other.collection = list(self.timeline_markers), Thing(objects=Thing(link=other.take))
        return other

    def take(self, thing: Camera) -> None:
        thing.scene = self
        self.objects.append(thing)

    def animation_data_clear(self) -> None:
        self.animation = None

    def frame_set(self, frame: int, subframe: float = 0.0) -> None:
        self.frame_current, self.frame_subframe = frame, subframe
        for marked, camera in self.timeline_markers:
            self.camera = camera if frame >= marked else self.camera


class Objects(list):
    """A scene's objects, by name too."""

    def get(self, name: str) -> Camera | None:
        return next((thing for thing in self if thing.name == name), None)


class Context:
    """What is open."""

    def __init__(self, scene: Scene) -> None:
        self.window = Thing(scene=scene)

    @property
    def scene(self) -> Scene:
        return self.window.scene

    def evaluated_depsgraph_get(self) -> None:
        """All is evaluated at once here."""


@pytest.fixture(params=[4, 5])
def scene(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """A scene that someone is at work in, open in a Blender of version 4 or 5."""
    version = request.param
    lens = {"sensor_width": 36.0, "lens": 50.0, "shift_x": 0.1, "shift_y": 0.2, "sensor_fit": "AUTO", "type": "PERSP"}
    theirs = Camera("Camera", Thing(**lens), version)
    render = Thing(
        fps=30, fps_base=1.0, use_border=True, use_sequencer=True, pixel_aspect_x=1.0, pixel_aspect_y=2.0,
        resolution_x=1920, resolution_y=1080, resolution_percentage=50,
    )  # fmt: skip
    scene = Scene(
        name="Scene", render=render, camera=theirs, objects=Objects([theirs]), timeline_markers=[(5, theirs)],
        frame_start=1, frame_end=7, frame_step=2, frame_current=3, frame_subframe=0.25,
        use_preview_range=True, animation=1,
    )  # fmt: skip
    theirs.scene = scene
    interpolation = Thing(enum_items={"LINEAR": Thing(value=LINEAR)})
    bpy = Thing(
        context=Context(scene),
        data=Thing(
            objects=Thing(new=lambda name, data: Camera(name, data, version)),
            cameras=Thing(new=lambda name: Thing(**lens | {"shift_x": 0.0, "shift_y": 0.0})),
        ),
        types=Thing(Keyframe=Thing(bl_rna=Thing(properties={"interpolation": interpolation}))),
    )
    monkeypatch.setitem(sys.modules, "bpy", bpy)
    monkeypatch.setitem(sys.modules, "mathutils", Thing(Matrix=Matrix))
    return scene


def ran(poses: Poses, folder: Path, images: str = "", numbers: range | None = None) -> dict:
    """Run a walk's script; return its names."""
    path = folder / "walk.py"
    path.write_text(blender.write(poses, images, numbers), encoding="utf-8")
    return runpy.run_path(str(path))


def state(scene: Scene) -> list:
    """All that a script could change of a scene and its camera."""
    camera = scene.camera
    kept = {name: value for name, value in vars(scene).items() if name not in ("render", "camera")}
    own = {name: value for name, value in vars(camera).items() if name not in ("data", "scene")}
    return copy.deepcopy([str(kept), vars(scene.render), camera.name, vars(camera.data), str(own)])


def open_scene() -> Scene:
    return sys.modules["bpy"].context.scene


@pytest.mark.parametrize("fps", [None, 0.5, 16.0, 23.976])
def test_a_walk_gets_a_scene_and_a_camera_of_its_own_and_nothing_else_is_touched(
    scene: Scene, fps: float | None, tmp_path: Path
) -> None:
    before, poses = state(scene), flight(fps=fps)
    ran(poses, tmp_path)
    walk = open_scene()
    assert state(scene) == before and walk is not scene and walk.camera is not scene.camera
    assert scene.camera in walk.objects and walk.camera not in scene.objects
    assert (walk.frame_start, walk.frame_end, walk.frame_step) == (0, FRAMES - 1, 1) and not walk.timeline_markers
    assert not (walk.use_preview_range or walk.render.use_border or walk.render.use_sequencer or walk.animation)
    assert walk.render.fps / walk.render.fps_base == pytest.approx(fps or 30)
    found = torch.stack([walk.camera.pose(frame) for frame in range(FRAMES)])
    torch.testing.assert_close(found, to_z_up(flip_camera(poses.c2w)), atol=1e-9, rtol=0)


def test_all_keys_are_linear_whatever_the_preference(scene: Scene, tmp_path: Path) -> None:
    ran(flight(), tmp_path)
    keys = [key for curve in open_scene().camera.curves for key in curve.keyframe_points]
    assert len(keys) == 7 * FRAMES and all(key.interpolation == LINEAR for key in keys)
    assert [key.co[0] for key in keys] == [*range(FRAMES)] * 7


@pytest.mark.parametrize(("lens", "picture"), LENSES)
def test_what_blender_projects_is_what_the_lens_says(scene: Scene, lens: tuple, picture: tuple, tmp_path: Path) -> None:
    names = ran(flight(lens, picture), tmp_path)
    render, data = open_scene().render, open_scene().camera.data
    assert (render.resolution_x, render.resolution_y, render.resolution_percentage) == (*picture, 100)
    assert data.sensor_fit == "HORIZONTAL" and data.lens >= 1 - 1e-9 and data.shift_x == 0.5 - lens[2]
    assert data.shift_y == pytest.approx((lens[3] - 0.5) * lens[0] / lens[1])
    assert min(render.pixel_aspect_x, render.pixel_aspect_y) == 1  # Blender has no smaller one
    assert names["lens_of"](open_scene().camera, None, render, picture) == pytest.approx(lens)


class ImageUser(Thing):
    """Which picture of a sequence is shown; with keys, at every frame."""

    def keyframe_insert(self, name: str, frame: int) -> None:
        keys = vars(self).setdefault("keys", {})
        keys[frame] = getattr(self, name)


@pytest.mark.parametrize("numbers", [None, range(33, 33 + FRAMES), range(4, 4 + 3 * FRAMES, 3)])
@pytest.mark.parametrize("opened", ["by its path", "in the text editor"])
def test_the_frames_of_a_set_stand_behind_the_camera(
    scene: Scene, opened: str, numbers: range | None, tmp_path: Path
) -> None:
    bpy, loaded, behind = sys.modules["bpy"], Thing(source="FILE"), Thing(image_user=ImageUser())
    bpy.data.images = Thing(load=lambda path: vars(loaded).update(path=Path(path)) or loaded)
    text = Thing(filepath="//set/walk.py")
    bpy.data.texts = {"walk.py": text} if opened == "in the text editor" else {}
    bpy.path = Thing(abspath=lambda path: path.replace("//", "/elsewhere/"))
    new, pictures = bpy.data.cameras.new, Thing(new=lambda: behind)
    bpy.data.cameras.new = lambda name: Thing(**vars(new(name)), background_images=pictures)
    ran(flight(), tmp_path, "images", numbers)
    folder = tmp_path if opened == "by its path" else Path("/elsewhere/set")
    numbers = numbers or range(FRAMES)
    assert loaded.path == folder / "images" / f"frame_{numbers[0]:06}.png" and loaded.source == "SEQUENCE"
    assert behind.image is loaded and open_scene().camera.data.show_background_images
    shown = behind.image_user
    assert (shown.frame_start, shown.frame_duration) == (0, FRAMES)
    offsets = vars(shown).get("keys", dict.fromkeys(range(FRAMES), shown.frame_offset))
    # Blender shows number frame - start + 1 + offset
    assert [frame + 1 + offset for frame, offset in offsets.items()] == [*numbers]


def test_without_a_picture_its_height_makes_pixels_square(scene: Scene, tmp_path: Path) -> None:
    ran(flight((0.61, 1.1, 0.5, 0.49), None), tmp_path)
    render = open_scene().render
    assert render.resolution_y == round(render.resolution_x * 0.61 / 1.1)


def test_a_camera_is_written_as_it_is_seen_and_left_as_it_is(scene: Scene, tmp_path: Path) -> None:
    poses = flight()
    names = ran(poses, tmp_path)
    names["write_poses"](tmp_path / "walk.json")
    again = blender.read((tmp_path / "walk.json").read_text(encoding="utf-8"))
    torch.testing.assert_close(again.c2w, poses.c2w, atol=1e-9, rtol=0)
    assert again.intrinsics == pytest.approx(poses.intrinsics) and again.picture == poses.picture
    assert again.fps == pytest.approx(poses.fps)
    sys.modules["bpy"].context.window.scene, before = scene, state(scene)
    alone = runpy.run_path(str(blender.WRITE_POSES))
    assert alone["write_poses"](tmp_path / "theirs.json", scene.camera) == 7 and state(scene) == before
    theirs = blender.read((tmp_path / "theirs.json").read_text(encoding="utf-8"))
    fx = 50 / 36
    fy = fx * 960 / (540 * 2)  # their pixels are twice as high as wide
    assert theirs.intrinsics == pytest.approx((fx, fy, 0.4, 0.5 + 0.2 * fy / fx)) and theirs.picture == (960, 540)
    assert theirs.fps == 30 and theirs.frames == 7


def test_a_zoom_is_written_frame_by_frame_and_told(scene: Scene, tmp_path: Path) -> None:
    camera, alone = scene.camera, runpy.run_path(str(blender.WRITE_POSES))
    zoomed = scene.frame_set
    scene.frame_set = lambda frame, subframe=0.0: (zoomed(frame, subframe), setattr(camera.data, "lens", 50 + frame))
    alone["write_poses"](tmp_path / "zoom.json")
    text = (tmp_path / "zoom.json").read_text(encoding="utf-8")
    again = blender.read(text)
    assert again.intrinsics[0] == pytest.approx(51 / 36) and "The lens changes from frame to frame" in again.notes[0]
    with pytest.raises(ValueError, match="intrinsics_per_frame must be four numbers a frame, not 8 of them"):
        blender.read(text.split('"intrinsics_per_frame"')[0] + '"intrinsics_per_frame": [1, 1, 1, 1, 1, 1, 1, 1], '
                     + text[text.index('"matrices"'):])  # fmt: skip
    camera.data.type = "ORTHO"
    alone["write_poses"](tmp_path / "flat.json")
    assert blender.read((tmp_path / "flat.json").read_text(encoding="utf-8")).intrinsics is None


def test_a_camera_that_is_not_there_is_named(scene: Scene, tmp_path: Path) -> None:
    alone = runpy.run_path(str(blender.WRITE_POSES))
    with pytest.raises(ValueError, match="found camera 'Other', which is in another scene, expected one of the open"):
        alone["write_poses"](tmp_path / "x.json", Camera("Other", None, 5))
    scene.camera = None
    with pytest.raises(ValueError, match="found no camera, expected one of the open scene"):
        alone["write_poses"](tmp_path / "x.json")
    assert not (tmp_path / "x.json").exists()
