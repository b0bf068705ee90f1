"""Every reader under broken files, in a process of its own: `python -m tests.unit.fuzzing FIRST STEP COUNT`.

Prints a JSON line for each reader: what it refused, what it let through that is no refusal, how long the slowest file
took in seconds of one processor, and by how many MB the process grew.
"""

from __future__ import annotations

import json
import logging
import random
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from tests.unit import mutants
from worldmodel import editor
from worldmodel.archive import _CHECKSUM, _HEADER, SUFFIX, _checksum, load_world, save_world
from worldmodel.file_kinds import kind_of_file
from worldmodel.follow import follow
from worldmodel.formats import blender, colmap, csv_table, nerfstudio, npz, poses_json, tum
from worldmodel.formats.lens import listed
from worldmodel.geometry import Poses, check_poses
from worldmodel.journal import _SEAL, _UNSEALED, Journal
from worldmodel.models.matrix_game2 import MatrixGame2
from worldmodel.motion import integrate
from worldmodel.path import parse_path, path_poses, write_path
from worldmodel.presets import preset
from worldmodel.state import Chunk, Controls, Start, World, new_world
from worldmodel.timeline import MAX_DEGREES, MAX_FRAMES, UNWRITABLE
from worldmodel.track import parse_track, sample, write_track
from worldmodel.track_files import Content, parse_colmap, parse_file
from worldmodel.variants import VARIANTS, Motion
from worldmodel.weights import METADATA_KEY, load_safetensors, recognise

SECONDS, MEGABYTES = 2.0, 500.0
"""What one file may take: seconds of one processor, and memory beyond that of the process before."""
HOPELESS, ROOM = 15, 2 * 2**30
"""Seconds after which a reader is stopped, and bytes beyond those of the process that it gets at most."""
TINY_WORLD = VARIANTS["tiny_world"]
TRACK = sample(preset("random from a seed", 12, 3))._replace(prompts=((0, "fog"), (5, "a door, opened")))
POSES = Poses(integrate(TRACK, Motion(0.1235)), (0.6, 0.9, 0.5, 0.5), 16.0)
MODEL = colmap.write(POSES)
PATH = {
    "type": "path", "version": 1, "frames": 24, "closed": True, "target": [1.2, -1.5, 3],
    "background": {"image": "plan.png", "centre": [0, 1.5], "width": 12, "opacity": 0.5},
    "keyframes": [
        {"f": 0, "p": [0, 0, 0]},
        {"f": 9, "p": [0.5, -0.4, 2], "pitch": -9, "look": "target", "out": [1.25, 0, -0.5], "ease": "smooth"},
        {"f": 17, "p": [2, 0, 0.5], "look": [42.5, -6], "out": [0, 0, 1], "in": [-1, 0, 0], "note": "x"},
    ],
}  # fmt: skip
POSE = [1, 0, 0, 0.5, 0, 1, 0, 0, 0, 0, 1, 2, 0, 0, 0, 1]
IDENTITY = [POSE[:4], POSE[4:8], POSE[8:12], POSE[12:]]
BLENDER = {"type": blender.KIND, "version": 1, "fps": 24, "matrices": POSE * 3}
WORLDPLAY = {str(frame): {"extrinsic": IDENTITY, "K": [[960, 0, 960], [0, 960, 540], [0, 0, 1]]} for frame in range(9)}
VIEWER = {
    "camera_type": "perspective", "render_height": 352, "render_width": 640, "fps": 24, "seconds": 2, "is_cycle": False,
    "camera_path": [{"camera_to_world": POSE, "fov": 50, "aspect": 1.8}] * 4,
}  # fmt: skip
SPLATS = [
    {
        "id": i, "img_name": f"f{i}", "width": 1280, "height": 720, "fx": 1100.0, "fy": 1100.0,
        "position": [0, 0, i / 9], "rotation": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    }
    for i in range(4)
]  # fmt: skip
KITTI = "\n".join(f"1 0 0 0 0 1 0 0 0 0 1 {frame / 9}" for frame in range(9)) + "\n"
FILM = "https://example.org/film\n" + "".join(
    f"{frame * 33333} 0.5 0.9 0.5 0.5 0 0 1 0 0 0 0 1 0 0 0 0 1 {frame / 9}\n" for frame in range(9)
)
EUROC = "#timestamp [ns], p_RS_R_x [m], p_RS_R_y [m], p_RS_R_z [m], q_RS_w [], q_RS_x [], q_RS_y [], q_RS_z []\n"
EUROC += "".join(f"{1403636580838555648 + frame * 50_000_000},{frame / 9},0,0,1,0,0,0\n" for frame in range(9))
MINERL = {"forward": 1, "back": 0, "left": 0, "right": 0, "jump": 0, "attack": 0, "camera": [0, 1.5]}
VPT = {
    "mouse": {"dx": 3.0, "dy": 0.0, "buttons": [0]}, "keyboard": {"keys": ["key.keyboard.w"]}, "isGuiOpen": False,
    "tick": 3, "yaw": 9.5,
}  # fmt: skip
_FOLDER = tempfile.TemporaryDirectory()  # removed when the process ends
FOLDER = Path(_FOLDER.name)


class Target(NamedTuple):
    """A reader, a file that it reads, and how such files are broken."""

    whole: bytes
    make: mutants.Make
    read: Callable[[bytes], Any]


def bytes_of(text: str) -> bytes:
    """Write a text, half characters included."""
    return text.encode("utf-8", "surrogatepass")


def of_json(value: Any, read: Callable[[bytes], Any]) -> Target:
    """Break JSON."""
    return Target(json.dumps(value).encode(), lambda draw: bytes_of(mutants.odd_json(value, draw)), read)


def of_lines(text: str, mark: str, read: Callable[[bytes], Any]) -> Target:
    """Break lines of cells."""
    return Target(text.encode(), lambda draw: bytes_of(mutants.odd_table(text, draw, mark)), read)


def of_array(array: np.ndarray, read: Callable[[bytes], Any]) -> Target:
    """Break an array."""
    return Target(mutants.array_bytes(array), lambda draw: mutants.odd_array(array, draw), read)


def of_safetensors(whole: bytes, inner: str, read: Callable[[bytes], Any]) -> Target:
    """Break a safetensors file, and the JSON within its header."""
    return Target(whole, lambda draw: mutants.odd_safetensors(whole, draw, (inner,)), read)


def of_objects(value: dict[str, Any]) -> Target:
    """Break JSON lines."""

    def make(draw: random.Random) -> bytes:
        odd = draw.randrange(4), draw.randrange(40)
        return bytes_of("\n".join(mutants.odd_json(value, draw) if i in odd else json.dumps(value) for i in range(4)))

    return Target((json.dumps(value) + "\n").encode() * 4, make, reads(".jsonl"))


def reads(suffix: str) -> Callable[[bytes], Content]:
    """Read the bytes of a file of an ending."""
    return lambda data: parse_file(data, suffix)


def read_array(name: str) -> Callable[[bytes], Content]:
    """Read one broken array in a sound archive."""
    return lambda data: parse_file(mutants.archive_of([(f"{name}.npy", data)]), ".npz")


def read_path(data: bytes) -> Content:
    """Read a path, write it, read that, and play it."""
    path = parse_path(data.decode("utf-8", "replace"))
    text = write_path(path)
    assert write_path(parse_path(text)) == text
    return Content(poses=Poses(path_poses(path)))


def read_question(data: bytes) -> Content:
    """Answer a question of the page's, and read the answer."""
    return Content(parse_track(editor.answer("canonical", data)["canonical"]))


def read_short_text(data: bytes) -> Content:
    """Read a track's text."""
    return Content(parse_track(data.decode("utf-8", "replace")))


def made_up_world(chunks: int = 2) -> World:
    """A world that no network made."""
    draw = torch.Generator().manual_seed(4)
    picture, tokens = torch.randn(20, 5, 4, 6, generator=draw), torch.randn(7, 20, generator=draw)
    start = Start("tiny_world", TINY_WORLD.latent_format, picture, tokens)
    made = []
    for index in range(chunks):
        frames = TINY_WORLD.chunk_frames(index)
        controls = Controls(torch.zeros(frames, 4), torch.zeros(frames, 2))
        latents = torch.randn(16, TINY_WORLD.chunk, 4, 6, generator=draw)
        poses = torch.eye(4).repeat(frames, 1, 1)
        made.append(Chunk(latents, controls, poses, f"street {index}", 7 + index, f"{index + 1:064x}"))
    return new_world(start)._replace(chunks=tuple(made))


def read_world(data: bytes) -> None:
    """Load a world, its checksum made to fit as far as that can be, so that what comes behind it is reached."""
    path = FOLDER / f"walk{SUFFIX}"
    path.write_bytes(data)
    try:
        tensors, metadata = load_safetensors(path)
        sealed = {**metadata, _CHECKSUM: _checksum(metadata[_HEADER], tensors)}
        length = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + length])
        header["__metadata__"] = sealed
        head = json.dumps(header).encode()
        path.write_bytes(len(head).to_bytes(8, "little") + head + data[8 + length :])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass  # it is for the reader to say what is wrong
    assert len(load_world(path).chunks) < 1000


def world_file() -> bytes:
    return save_world(made_up_world(), FOLDER / f"walk{SUFFIX}").read_bytes()


def journal_file() -> tuple[bytes, str]:
    """Return a chunk's file and its key."""
    chunk = made_up_world(1).chunks[0]
    journal = Journal(FOLDER / "journal", 10**9)
    journal.keep(chunk, "0" * 64)
    return next((FOLDER / "journal").glob("*.safetensors")).read_bytes(), chunk.key


def read_chunk(key: str) -> Callable[[bytes], None]:
    """Look a broken chunk up: a journal refuses nothing, it has the chunk whole or not at all."""

    def read(data: bytes) -> None:
        (FOLDER / "journal" / f"{key}.safetensors").write_bytes(sealed_again(data))
        chunk = Journal(FOLDER / "journal", 10**9).find(key)
        if chunk is None:
            raise ValueError("the chunk is not there, and is computed again")
        assert isinstance(chunk.prompt, str) and type(chunk.seed) is int and chunk.key == key
        assert chunk.latents.dim() == 4 and chunk.latents.isfinite().all() and chunk.controls.keyboard.dim() == 2

    return read


def sealed_again(data: bytes) -> bytes:
    """Give a chunk's bytes the checksum that fits them, where there is one."""
    seal = _SEAL.search(data)
    if seal is None:
        return data
    bare = data[: seal.start(1)] + _UNSEALED.encode() + data[seal.end(1) :]
    return data[: seal.start(1)] + sha256(bare).hexdigest().encode() + data[seal.end(1) :]


def checkpoint_file() -> bytes:
    """Return a small checkpoint."""
    from safetensors.torch import save

    torch.manual_seed(0)
    network = MatrixGame2(
        dim=48, heads=2, ffn_dim=64, freq_dim=32, layers=2, context_dim=20, keyboard_dim=4, keyboard_width=6,
        action_heads=1, action_blocks=[0], mouse=True,
    )  # fmt: skip
    sizes = {"heads": 2, "action_heads": 1, "freq_dim": 32}
    entries = {"variant": "tiny_world", "latent_format": TINY_WORLD.latent_format, **sizes}
    return save(network.state_dict(), metadata={METADATA_KEY: json.dumps(entries)})


def read_checkpoint(data: bytes) -> None:
    """Tell what a checkpoint is, by its first bytes, its header and its tensors."""
    path = FOLDER / "model.safetensors"
    path.write_bytes(data)
    if kind_of_file(path, path.name) == "safetensors":
        tensors, metadata = load_safetensors(path)
        assert recognise(tensors, metadata, name=path.name).variant.name in VARIANTS


def targets() -> dict[str, Target]:
    """Return every reader by its name."""
    chunk, key = journal_file()
    c2w, mouse = POSES.c2w.numpy(), TRACK.mouse.numpy()
    arrays = {
        "words": np.array(TRACK.words), "keys": TRACK.keys.numpy(), "mouse": mouse, "c2w": c2w, "fps": np.array(16.0),
        "intrinsics": np.array(POSES.intrinsics), "prompt_frames": np.array([0, 5]),
        "prompt_texts": np.array(["fog", "a door"]),
    }  # fmt: skip
    short = "forward*24 right+yaw_right(2.5)*9 idle*12"
    return {
        "track": of_json(json.loads(write_track(TRACK)), reads(".json")),
        "csv": of_lines(csv_table.write(TRACK), ",", reads(".csv")),
        "npz": Target(npz.write(TRACK, POSES), lambda draw: mutants.odd_archive(arrays, draw), reads(".npz")),
        "c2w": of_array(c2w, read_array("c2w")),
        "mouse": of_array(mouse, read_array("mouse")),
        "npy": of_array(c2w, reads(".npy")),
        "short text": of_lines(short, "*", read_short_text),
        "path": of_json(PATH, read_path),
        "question": of_json({"text": write_track(TRACK)}, read_question),
        "poses": of_json(json.loads(poses_json.write(POSES)), reads(".json")),
        "nerfstudio": of_json(json.loads(nerfstudio.write(POSES)), reads(".json")),
        "blender": of_json(BLENDER, reads(".json")),
        "viewer": of_json(VIEWER, reads(".json")),
        "worldplay": of_json(WORLDPLAY, reads(".json")),
        "splats": of_json(SPLATS, reads(".json")),
        "minerl": of_objects(MINERL),
        "vpt": of_objects(VPT),
        "tum": of_lines(tum.write(POSES), " ", reads(".tum")),
        "kitti": of_lines(KITTI, " ", reads(".txt")),
        "film": of_lines(FILM, " ", reads(".txt")),
        "euroc": of_lines(EUROC, ",", reads(".csv")),
        "images": of_lines(MODEL.images, " ", lambda data: parse_colmap(MODEL.cameras.encode(), data)),
        "cameras": of_lines(MODEL.cameras, " ", lambda data: parse_colmap(data, MODEL.images.encode())),
        "world": of_safetensors(world_file(), _HEADER, read_world),
        "chunk": of_safetensors(chunk, METADATA_KEY, read_chunk(key)),
        "checkpoint": of_safetensors(checkpoint_file(), METADATA_KEY, read_checkpoint),
    }


def check_sound(content: Content | None) -> None:
    """Check what every later step relies on."""
    if content is None:
        return
    track, poses, notes, unused = content
    assert track is not None or poses is not None
    if track is not None:
        assert 1 <= track.frames <= MAX_FRAMES and track.keys.shape == (track.frames, len(track.words))
        assert bool(((track.keys == 0) | (track.keys == 1)).all()) and bool((track.mouse.abs() <= MAX_DEGREES).all())
        assert all(0 <= frame < track.frames for frame, _ in track.prompts)
        write_track(track).encode()
    if poses is not None:
        check_poses(poses.c2w)
        assert poses.c2w.dtype == torch.float64 and (poses.fps is None or np.isfinite(poses.fps))
    assert all(
        0 < len(told) < 600 and not UNWRITABLE.search(told) for told in (*notes, *filter(None, [listed(unused)]))
    )


class TooSlow(BaseException):
    """A reader took so long that it was stopped."""


def stop(*_: object) -> None:
    raise TooSlow


def peak() -> float:
    """Return the most memory that this process ever had, in MB."""
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / 2**20 if sys.platform == "darwin" else most / 2**10


def fuzz(name: str, target: Target, count: int, least: float) -> dict[str, Any]:
    """Read so many broken files, and tell what became of them; the process had some MB before."""
    make = mutants.sometimes_broken(target.make, target.whole)
    draw = random.Random(name)
    check_sound(target.read(target.whole))
    told: dict[str, Any] = {"reader": name, "count": count, "refused": 0, "seconds": 0.0, "megabytes": 0.0, "wrong": []}
    for number in range(count):
        data = make(draw)
        before, began = peak(), time.process_time()
        try:
            signal.setitimer(signal.ITIMER_PROF, HOPELESS)
            try:
                content = target.read(data)
                check_sound(content)
                if content is not None and content.poses is not None and not number % 20:
                    assert follow(content.poses.c2w[:200], TINY_WORLD).position.isfinite().all()
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
        except ValueError as error:
            told["refused"] += 1
            sentence = str(error)
            sound = type(error) is ValueError and 10 < len(sentence) < 500 and not UNWRITABLE.search(sentence)
            hidden = error.__suppress_context__ or error.__context__ is None
            if not sound or not hidden:
                kind = f"{type(error).__name__} from {error.__context__!r}"
                told["wrong"].append([number, kind[:200], sentence[:300]])
        except BaseException as error:  # what no reader may let through
            if isinstance(error, KeyboardInterrupt):
                raise
            where = traceback.extract_tb(error.__traceback__)[-1]
            at = f"{Path(where.filename).name}:{where.lineno}: {where.line}"
            told["wrong"].append([number, type(error).__name__, f"{str(error)[:200]} ({at})"])
        seconds, megabytes = time.process_time() - began, peak() - least
        told["seconds"], told["megabytes"] = max(told["seconds"], seconds), max(told["megabytes"], megabytes)
        if seconds > SECONDS or (megabytes > MEGABYTES and peak() > before):
            told["wrong"].append([number, "too much", f"{seconds:.2f} s, {megabytes:.0f} MB"])
    told["wrong"], told["wrong_count"] = told["wrong"][:5], len(told["wrong"])
    return told


def main(first: int, step: int, count: int) -> None:
    """Fuzz every so many readers, from one on, with so many mutants each."""
    import resource

    torch.set_num_threads(1)
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGPROF, stop)
    mutants.bombs()
    if sys.platform == "linux":  # a reader that takes far too much ends, and not this machine
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + ROOM
        resource.setrlimit(resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))
    least = peak()
    for name, target in list(targets().items())[first::step]:
        sys.stdout.write(json.dumps(fuzz(name, target, count, least)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
