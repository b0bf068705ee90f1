"""What every reader of a camera keeps, whatever the camera: places and axes, order, times, lenses, every member.

Each format is written here by a few lines of NumPy of their own, by what its makers say of it, and read by the pack.
    c2w (F, 4, 4) camera-to-world in our axes: x right, y down, z forward
"""

from __future__ import annotations

import copy
import io
import json
import random
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from worldmodel.camera import poses as geometry
from worldmodel.camera.poses import Poses
from worldmodel.formats.files import (
    FORMATS,
    OF_CAMERAS,
    Content,
    parse_colmap,
    parse_file,
    read_track_file,
    write_track_file,
)
from worldmodel.reading.asked import AS_IT_IS, Asked

GL = np.diag([1.0, -1, -1, 1])
"""Our camera axes in OpenGL's, and back."""
Z_UP = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
"""Our world in one whose z points up and whose y points ahead."""
IMU = np.array([[0.0, 1, 0, 0], [-1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
"""EuRoC's IMU (x up, y right, z ahead) in the axes of its camera."""
SIZE = 640, 352
laws = settings(max_examples=40, deadline=None, derandomize=True, database=None)


class Walk(NamedTuple):
    """What is written: poses, names of pictures without zeros, seconds, a lens in shares."""

    c2w: np.ndarray
    names: list[str]
    seconds: np.ndarray
    lens: tuple[float, float, float, float]

    @property
    def pixels(self) -> list[float]:
        return [share * SIZE[i % 2] for i, share in enumerate(self.lens)]


File = bytes | tuple[bytes, bytes]


class Format(NamedTuple):
    """How a file of some kind is written, and what it can say.

    Args:
        write: makes its bytes; `order` is that of the entries in the file.
        suffix: of its name; empty for COLMAP.
        named: its entries go by name.
        timed: it says when each pose was; or else at an even rate, or not at all.
        lens: it says the lens.
        pixels: the lens is in pixels.
    """

    write: Callable[[Walk, list[int]], File]
    suffix: str
    named: bool = False
    timed: bool = False
    lens: bool = True
    pixels: bool = True


def quaternions(rotations: np.ndarray) -> np.ndarray:
    """Return w, x, y, z."""
    return geometry.rotation_quaternions(torch.from_numpy(rotations)).numpy()


def lines(rows: Iterator[list[object]], separator: str = " ") -> bytes:
    return "".join(separator.join(map(str, row)) + "\n" for row in rows).encode()


def tum(walk: Walk, order: list[int]) -> File:
    w, x, y, z = quaternions(walk.c2w[:, :3, :3]).T
    return lines([repr(1e3 + float(walk.seconds[i])), *walk.c2w[i, :3, 3], x[i], y[i], z[i], w[i]] for i in order)


def kitti(walk: Walk, order: list[int]) -> File:
    return lines(walk.c2w[i, :3].ravel() for i in order)


def re10k(walk: Walk, order: list[int]) -> File:
    w2c = np.linalg.inv(walk.c2w)
    rows = ([round(walk.seconds[i] * 1e6), *walk.lens, 0, 0, *w2c[i, :3].ravel()] for i in order)
    return b"https://example.org/film\n" + lines(rows)


def euroc(walk: Walk, order: list[int]) -> File:
    imu = Z_UP @ walk.c2w @ IMU
    q = quaternions(imu[:, :3, :3])
    head = b"#timestamp [ns],p_RS_R_x [m],p_RS_R_y [m],p_RS_R_z [m],q_RS_w [],q_RS_x [],q_RS_y [],q_RS_z []\n"
    return head + lines(
        ([1403636580 * 10**9 + round(walk.seconds[i] * 1e9), *imu[i, :3, 3], *q[i]] for i in order), ","
    )


def colmap(walk: Walk, order: list[int]) -> File:
    w2c = np.linalg.inv(walk.c2w)
    q = quaternions(w2c[:, :3, :3])
    images = lines([n + 1, *q[i], *w2c[i, :3, 3], 1, f"{walk.names[i]}.png\n"] for n, i in enumerate(order))
    return lines([[1, "PINHOLE", *SIZE, *walk.pixels]]), images


def nerfstudio(walk: Walk, order: list[int]) -> File:
    matrices = (Z_UP @ walk.c2w @ GL).tolist()
    frames = [{"file_path": f"rgb/{walk.names[i]}.png", "transform_matrix": matrices[i]} for i in order]
    if len(set(np.diff(walk.seconds).round(9))) > 1:
        frames = [{**frame, "timestamp": 1e3 + walk.seconds[i]} for frame, i in zip(frames, order, strict=True)]
    members = dict(zip(("fl_x", "fl_y", "cx", "cy", "w", "h"), (*walk.pixels, *SIZE), strict=True))
    return json.dumps({"camera_model": "OPENCV", **members, "fps": rate(walk), "frames": frames}).encode()


def camera_path(walk: Walk, order: list[int]) -> File:
    fov = 2 * np.degrees(np.arctan(0.5 / walk.lens[1]))
    frames = [{"camera_to_world": (Z_UP @ walk.c2w[i] @ GL).ravel().tolist(), "fov": fov} for i in order]
    members = {"render_width": SIZE[0], "render_height": SIZE[1], "fps": rate(walk)}
    return json.dumps({**members, "seconds": len(order) / rate(walk), "camera_path": frames}).encode()


def worldplay(walk: Walk, order: list[int]) -> File:
    fx, fy, _, _ = walk.pixels
    lens = [[fx, 0, SIZE[0] / 2], [0, fy, SIZE[1] / 2], [0, 0, 1]]
    return json.dumps({walk.names[i]: {"extrinsic": walk.c2w[i].tolist(), "K": lens} for i in order}).encode()


def inria(walk: Walk, order: list[int]) -> File:
    entries = [
        {"img_name": walk.names[i], "width": SIZE[0], "height": SIZE[1], "fx": walk.pixels[0], "fy": walk.pixels[1]}
        | {"position": walk.c2w[i, :3, 3].tolist(), "rotation": walk.c2w[i, :3, :3].tolist()}
        for i in order
    ]
    return json.dumps(entries).encode()


def arrays(**values: object) -> bytes:
    file = io.BytesIO()
    np.savez(file, **values)
    return file.getvalue()


def npz(walk: Walk, order: list[int]) -> File:
    return arrays(c2w=walk.c2w[order], intrinsics=np.array(walk.lens), fps=rate(walk))


def lingbot(walk: Walk, order: list[int]) -> File:
    lens = np.array([walk.lens[i] * (832, 480)[i % 2] for i in range(4)])
    return arrays(poses=walk.c2w[order], intrinsics=np.tile(lens, (len(order), 1)))


def poses_json(walk: Walk, order: list[int]) -> File:
    numbers = walk.c2w[order][:, :3].ravel().tolist()
    members = {"type": "poses", "version": 1, "c2w": numbers, "intrinsics": list(walk.lens), "fps": rate(walk)}
    return json.dumps(members).encode()


def blender(walk: Walk, order: list[int]) -> File:
    numbers = (Z_UP @ walk.c2w[order] @ GL).ravel().tolist()
    members = {"type": "blender_camera", "version": 1, "matrices": numbers, "intrinsics": list(walk.lens)}
    return json.dumps({**members, "fps": rate(walk)}).encode()


def rate(walk: Walk) -> float:
    return float((len(walk.seconds) - 1) / walk.seconds[-1])


KINDS = {
    "TUM": Format(tum, ".tum", timed=True, lens=False),
    "TUM as text": Format(tum, ".txt", timed=True, lens=False),
    "KITTI": Format(kitti, ".txt", lens=False),
    "RealEstate10K": Format(re10k, ".txt", timed=True, pixels=False),
    "EuRoC": Format(euroc, ".csv", timed=True, lens=False),
    "COLMAP": Format(colmap, "", named=True),
    "nerfstudio": Format(nerfstudio, ".json", named=True, timed=True),
    "camera_path": Format(camera_path, ".json"),
    "HY-WorldPlay": Format(worldplay, ".json", named=True),
    "Inria": Format(inria, ".json", named=True),
    "c2w": Format(npz, ".npz", pixels=False),
    "LingBot": Format(lingbot, ".npz"),
    "poses": Format(poses_json, ".json", pixels=False),
    "Blender": Format(blender, ".json", pixels=False),
}
of_kind = pytest.mark.parametrize("kind", KINDS)


def read(kind: str, file: File, asked: Asked = AS_IT_IS) -> Content:
    if isinstance(file, tuple):
        return parse_colmap(*file, asked)
    return parse_file(file, KINDS[kind].suffix, asked)


@st.composite
def walks(draw: st.DrawFn, uneven: bool = False) -> Walk:
    """A camera that flies anywhere, its pictures numbered without zeros and with gaps."""
    frames, seed = draw(st.integers(3, 12)), draw(st.integers(0, 10**6))
    generator = np.random.default_rng(seed)
    turns = torch.from_numpy(generator.normal(size=(frames, 4)))
    c2w = geometry.poses_of(
        geometry.quaternion_rotations(turns), torch.from_numpy(generator.normal(size=(frames, 3)) * 9)
    )
    first, gap = draw(st.sampled_from([0, 1, 7, 95, 998])), draw(st.integers(1, 3))
    seconds = np.arange(frames) / draw(st.sampled_from([2.0, 10.0, 16.0, 23.976, 29.97, 30.0, 120.0]))
    if uneven:
        seconds = np.cumsum(np.array(draw(st.lists(st.sampled_from([1, 2, 5, 9]), min_size=frames, max_size=frames))))
        seconds = (seconds - seconds[0]) * draw(st.sampled_from([0.05, 0.1, 0.25]))
    lens = (draw(st.floats(0.3, 3.0)), draw(st.floats(0.3, 3.0)), 0.5, 0.5)
    return Walk(c2w.numpy(), [str(first + gap * i) for i in range(frames)], seconds, lens)


def same(poses: Poses, c2w: np.ndarray, within: float = 1e-6) -> None:
    torch.testing.assert_close(poses.c2w, torch.from_numpy(c2w), atol=within, rtol=0)


@of_kind
@laws
@given(walk=walks())
def test_a_camera_is_read_where_its_makers_say_it_is(kind: str, walk: Walk) -> None:
    content, form = read(kind, KINDS[kind].write(walk, list(range(len(walk.c2w))))), KINDS[kind]
    same(content.poses, walk.c2w)
    if form.lens:
        lens = walk.lens
        if kind == "camera_path":  # square pixels
            lens = (lens[1] * SIZE[1] / SIZE[0], lens[1], 0.5, 0.5)
        assert content.poses.intrinsics == pytest.approx(lens, rel=1e-6)
    said = {"KITTI": None, "COLMAP": None, "Inria": None, "HY-WorldPlay": 6, "LingBot": 16}
    right = said.get(kind, rate(walk))
    assert content.poses.fps == (right if right is None else pytest.approx(right, rel=1e-4))


@of_kind
@laws
@given(walk=walks(), seed=st.integers(0, 99))
def test_the_order_in_the_file_does_not_count_where_names_or_times_do(kind: str, walk: Walk, seed: int) -> None:
    form, order = KINDS[kind], list(range(len(walk.c2w)))
    random.Random(seed).shuffle(order)
    content = read(kind, form.write(walk, order))
    same(content.poses, walk.c2w if form.named or form.timed else walk.c2w[order])


@pytest.mark.parametrize("kind", [kind for kind, form in KINDS.items() if form.timed])
@laws
@given(walk=walks(uneven=True))
def test_poses_stand_at_their_times(kind: str, walk: Walk) -> None:
    poses = read(kind, KINDS[kind].write(walk, list(range(len(walk.c2w))))).poses
    for i, second in enumerate(walk.seconds):
        frame = second * poses.fps
        assert abs(frame - round(frame)) < 0.02
        same(poses._replace(c2w=poses.c2w[round(frame)][None]), walk.c2w[i][None], 0.02)
    assert poses.frames == round(walk.seconds[-1] * poses.fps) + 1


@pytest.mark.parametrize("kind", ["TUM", "EuRoC", "RealEstate10K"])
@laws
@given(walk=walks(), data=st.data())
def test_blemishes_of_lines_change_no_walk(kind: str, walk: Walk, data: st.DataObject) -> None:
    """A time twice, two lines exchanged, a line of NaN more: the walk is the same, and each is said."""
    rows = KINDS[kind].write(walk, list(range(len(walk.c2w)))).decode().splitlines(keepends=True)
    first = len(rows) - len(walk.c2w)
    at = data.draw(st.integers(first, len(rows) - 2))
    blemish = data.draw(st.sampled_from(["twice", "exchanged", "lost"]))
    separator = "," if kind == "EuRoC" else " "
    time, _, rest = rows[at].partition(separator)
    if blemish == "twice":
        rows.insert(at + 1, time + separator + rows[at + 1].partition(separator)[2])
    elif blemish == "exchanged":
        rows[at : at + 2] = rows[at + 1], rows[at]
    else:
        rows.insert(at + 1, separator.join([time, *["nan"] * (rest.count(separator) + 1)]) + "\n")
    if kind == "RealEstate10K" and blemish == "lost":
        return  # a lens of NaN is none
    content = read(kind, "".join(rows).encode())
    same(content.poses, walk.c2w)
    words = {"twice": "stands twice", "exchanged": "before an earlier one", "lost": "holds no numbers"}
    assert any(words[blemish] in note for note in content.notes)


@pytest.mark.parametrize("unit", [1, 10**3, 10**6, 10**9])
@laws
@given(walk=walks())
def test_the_unit_of_a_clock_does_not_count(unit: int, walk: Walk) -> None:
    rows = KINDS["TUM"].write(walk, list(range(len(walk.c2w)))).decode().splitlines()
    clock = [f"{(1403715273 * 10**9 + round(second * 1e9)) * unit // 10**9}" for second in walk.seconds]
    if unit == 1:
        clock = [f"{1403715273 + second:.9f}" for second in walk.seconds]
    text = "\n".join(f"{time} {row.partition(' ')[2]}" for time, row in zip(clock, rows, strict=True))
    poses = read("TUM", text.encode()).poses
    assert (len(walk.c2w) - 1) / poses.fps == pytest.approx(walk.seconds[-1], abs=0.0021)
    if unit != 10**3:  # milliseconds are too coarse for the fastest of these
        same(poses, walk.c2w)


@pytest.mark.parametrize("kind", ["COLMAP", "nerfstudio", "Inria"])
@pytest.mark.parametrize("name", ["left/{}", "{}_left"])
@laws
@given(one=walks(), other=walks(), seed=st.integers(0, 99))
def test_each_of_several_cameras_is_read_alone(kind: str, name: str, one: Walk, other: Walk, seed: int) -> None:
    frames = min(len(one.c2w), len(other.c2w))
    names = [[name.replace("left", side).format(i) for i in range(frames)] for side in ("left", "right")]
    both = Walk(
        np.concatenate([one.c2w[:frames], other.c2w[:frames]]), [*names[0], *names[1]], np.arange(2 * frames), one.lens
    )
    order = list(range(2 * frames))
    random.Random(seed).shuffle(order)
    file = KINDS[kind].write(both._replace(seconds=np.arange(2 * frames) / 2), order)
    for side, walk in (("", one), ("left", one), ("right", other)):
        content = read(kind, file, Asked(side))
        same(content.poses, walk.c2w[:frames])
        assert content.notes[0].startswith(f"2 cameras: left ({frames} pictures), right ({frames}).")
    assert read(kind, file, Asked("all")).poses.frames == 2 * frames


@pytest.mark.parametrize("kind", [kind for kind, form in KINDS.items() if form.lens and not form.pixels])
@laws
@given(walk=walks(), width=st.integers(16, 8000), height=st.integers(16, 8000))
def test_pixels_where_shares_belong_are_never_taken(kind: str, walk: Walk, width: int, height: int) -> None:
    lens = tuple(share * (width, height)[i % 2] for i, share in enumerate(walk.lens))
    with pytest.raises(ValueError, match="these look like pixels"):
        read(kind, KINDS[kind].write(walk._replace(lens=lens), list(range(len(walk.c2w)))))


@pytest.mark.parametrize("kind", ["COLMAP", "nerfstudio", "Inria"])
@laws
@given(walk=walks())
def test_shares_where_pixels_belong_are_never_taken(kind: str, walk: Walk) -> None:
    small = tuple(share / SIZE[i % 2] for i, share in enumerate(walk.lens))
    content = read(kind, KINDS[kind].write(walk._replace(lens=small), list(range(len(walk.c2w)))))
    same(content.poses, walk.c2w)
    assert content.poses.intrinsics is None and any("these look like shares" in note for note in content.notes)


# every member


def changed(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield JSON values with one leaf changed, and the name of the member that holds it; of long lists the first."""
    if isinstance(value, dict):
        for name in list(value)[:12]:
            for inner, other in changed(value[name]):
                yield inner or name, {**value, name: other}
    elif isinstance(value, list):
        few = 2 if len(value) > 4 or isinstance(value[0], dict) else 4
        for i in range(min(len(value), few)):
            for inner, other in changed(value[i]):
                yield inner, [*value[:i], other, *value[i + 1 :]]
    elif isinstance(value, str):
        yield "", "zz.png" if "." in value or value.isdigit() else "OTHER"
    elif value is not None:
        yield "", value * 1.3 + 0.4


def outcome(kind: str, file: File) -> tuple[object, Content | None]:
    """Return all that a reader says of a file."""
    try:
        content = read(kind, file)
    except ValueError as error:
        return str(error), None
    poses = content.poses
    return (poses.c2w.numpy().tobytes(), poses.intrinsics, poses.fps, content.notes, content.unused), content


def check_used(kind: str, name: str, before: tuple[object, Content | None], file: File) -> None:
    after, _ = outcome(kind, file)
    unused = re.findall(r"\w+", " ".join(before[1].unused).lower())
    assert after != before[0] or name.lower() in unused, f"{kind}: {name} changes nothing and is not named"


STRANGERS = {"k1": 0.0, "colour": "red", "extra": [1, 2]}


@pytest.mark.parametrize("kind", [kind for kind, form in KINDS.items() if form.suffix == ".json"])
@settings(laws, max_examples=8)
@given(walk=walks())
def test_every_member_of_json_is_used_or_named(kind: str, walk: Walk) -> None:
    data = json.loads(KINDS[kind].write(walk, list(range(len(walk.c2w)))))
    if kind not in ("Inria", "HY-WorldPlay"):
        data |= STRANGERS
    first = {"Inria": lambda: data[0], "HY-WorldPlay": lambda: data[walk.names[0]]}.get(
        kind, lambda: (data.get("frames") or data.get("camera_path") or [{}])[0]
    )()
    first.update({"mask": "a.png"} if kind == "Inria" else {"mask": "a.png", "aspect": 2.0, "id": 4})
    before = outcome(kind, json.dumps(data).encode())
    assert before[1] is not None, before
    for name, other in changed(copy.deepcopy(data)):
        if name != "k1":  # no distortion is none
            check_used(kind, name, before, json.dumps(other).encode())


@pytest.mark.parametrize("kind", ["TUM", "KITTI", "RealEstate10K", "EuRoC", "COLMAP"])
@settings(laws, max_examples=8)
@given(walk=walks())
def test_every_column_is_used_or_named(kind: str, walk: Walk) -> None:
    file = KINDS[kind].write(walk, list(range(len(walk.c2w))))
    separator = "," if kind == "EuRoC" else " "
    parts = [part.decode().splitlines() for part in (file if isinstance(file, tuple) else (file,))]
    if kind == "EuRoC":
        parts = [[parts[0][0] + ",v_RS_R_x [m s^-1]", *(f"{row},0.1" for row in parts[0][1:])]]
    if kind == "COLMAP":
        parts[0] = [parts[0][0].replace("PINHOLE", "OPENCV") + " 0.1 0 0 0"]

    def together(lists: list[list[str]]) -> File:
        made = ["\n".join(rows).encode() for rows in lists]
        return (made[0], made[1]) if len(made) == 2 else made[0]

    before = outcome(kind, together(parts))
    assert before[1] is not None, before
    for part, rows in enumerate(parts):
        row = [i for i, text in enumerate(rows) if text and not text.startswith(("#", "http"))][-1 if part == 0 else 0]
        cells = rows[row].split(separator)
        for column, cell in enumerate(cells):
            if kind == "COLMAP" and part == 1 and column == 0:
                continue  # a picture's number is its name again
            other = "zz.png" if cell.endswith(".png") else "OTHER" if cell.isupper() else repr(float(cell) * 1.3 + 0.4)
            lists = [list(rows) for rows in parts]
            lists[part][row] = separator.join([*cells[:column], other, *cells[column + 1 :]])
            names = parts[0][0].split(",") if kind == "EuRoC" else []
            name = names[column].partition(" [")[0] if names else "distortion" if part == 0 and column > 7 else "-"
            check_used(kind, name, before, together(lists))


@pytest.mark.parametrize("kind", ["c2w", "LingBot"])
@settings(laws, max_examples=8)
@given(walk=walks())
def test_every_array_is_used_or_named(kind: str, walk: Walk) -> None:
    file = KINDS[kind].write(walk, list(range(len(walk.c2w))))
    held = dict(np.load(io.BytesIO(file))) | {"depth": np.ones(3), "seeds": np.ones(3)}
    before = outcome(kind, arrays(**held))
    assert {"depth", "seeds"} == {*before[1].unused}
    for name, value in held.items():
        other = value.astype(np.float64)
        other.reshape(-1)[0] = other.reshape(-1)[0] * 1.3 + 0.4
        check_used(kind, name, before, arrays(**{**held, name: other}))


@pytest.mark.parametrize("form", [form for form in OF_CAMERAS if form != "Blender"])
@laws
@given(walk=walks(), fps=st.sampled_from([None, 0.5, 1.0, 2.0, 16.0, 23.976, 30000 / 1001, 60.0, 1000.0]))
def test_what_is_written_is_read_back_at_every_rate(form: str, walk: Walk, fps: float | None, tmp_path_factory) -> None:
    path = tmp_path_factory.mktemp("round") / f"walk{FORMATS[form]}"
    poses = Poses(torch.from_numpy(walk.c2w), walk.lens, fps)
    write_track_file(Content(poses=poses), path, form)
    again = read_track_file(path)
    same(again.poses, walk.c2w, 1e-9)
    if form != "TUM":
        assert again.poses.intrinsics == pytest.approx(walk.lens)
    if form != "COLMAP":
        assert again.poses.fps == (fps if fps is None else pytest.approx(fps))
