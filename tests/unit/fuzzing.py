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
from tests.unit.samples import (
    BLENDER,
    EUROC,
    FILM,
    FOLDER,
    KITTI,
    MINERL,
    MODEL,
    PATH,
    POSES,
    SPLATS,
    TINY_WORLD,
    TRACK,
    VIEWER,
    VPT,
    WORLDPLAY,
    checkpoint_file,
    journal_file,
    made_up_world,
    pack_module,
    world_file,
)
from worldmodel import questions as editor
from worldmodel.binding.follow import follow
from worldmodel.camera.path_poses import parse_path, path_poses, write_path
from worldmodel.camera.poses import Poses, check_poses
from worldmodel.checkpoints.file_kinds import kind_of_file
from worldmodel.checkpoints.recognise import recognise
from worldmodel.formats import csv_table, nerfstudio, npz, poses_json, tum
from worldmodel.formats.files import Content, parse_colmap, parse_file
from worldmodel.formats.lens import listed
from worldmodel.reading.limits import MAX_FRAMES
from worldmodel.reading.safetensors_files import METADATA_KEY, load_safetensors
from worldmodel.reading.words import UNWRITABLE
from worldmodel.track.timeline import MAX_DEGREES
from worldmodel.track.track import parse_track, write_track
from worldmodel.variants import VARIANTS
from worldmodel.world.archive import _CHECKSUM, _HEADER, SUFFIX, _checksum, load_world
from worldmodel.world.chunk_file import _SEAL, _UNSEALED, Expected
from worldmodel.world.journal import Journal

SECONDS, MEGABYTES = 2.0, 500.0
"""What one file may take: seconds of one processor, and memory beyond that of the process before."""
HOPELESS, ROOM = 15, 2 * 2**30
"""Seconds after which a reader is stopped, and bytes beyond those of the process that it gets at most."""


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


def read_chunk(data: bytes) -> None:
    """Look a broken chunk up: a journal refuses nothing, it has the chunk that is wanted or none."""
    world = made_up_world(1)
    (wanted,) = world.chunks
    (FOLDER / "journal" / f"{wanted.key}.safetensors").write_bytes(sealed_again(data))
    expected = Expected(world.start, 0, wanted.controls, wanted.seed)
    chunk = Journal(FOLDER / "journal", 10**9).find(wanted.key, expected=expected)
    if chunk is None:
        raise ValueError("the chunk is not there, and is computed again")
    assert (chunk.controls.prompt, chunk.seed, chunk.key) == (wanted.controls.prompt, wanted.seed, wanted.key)
    assert chunk.latents.shape == wanted.latents.shape and chunk.latents.isfinite().all()


def sealed_again(data: bytes) -> bytes:
    """Give a chunk's bytes the checksum that fits them, where there is one."""
    seal = _SEAL.search(data)
    if seal is None:
        return data
    bare = data[: seal.start(1)] + _UNSEALED.encode() + data[seal.end(1) :]
    return data[: seal.start(1)] + sha256(bare).hexdigest().encode() + data[seal.end(1) :]


def read_checkpoint(data: bytes) -> None:
    """Tell what a checkpoint is, by its first bytes, its header and its tensors."""
    path = FOLDER / "model.safetensors"
    path.write_bytes(data)
    if kind_of_file(path, path.name) == "safetensors":
        tensors, metadata = load_safetensors(path)
        assert recognise(tensors, metadata, name=path.name).variant.name in VARIANTS


def read_settings(data: bytes) -> None:
    """Look up the journal's size in a user's settings: what is no size is the usual one."""
    settings, most = pack_module("nodes.host.settings"), 1_000_000
    path = FOLDER / "comfy.settings.json"
    path.write_bytes(data)
    found = settings._of_user(path, "wm.journal.gigabytes", most, "the size is the usual one")
    if found is None:
        raise ValueError("the journal has its usual size")
    assert found >= 0 and int(min(found, most) * 1e9) >= 0


def targets() -> dict[str, Target]:
    """Return every reader by its name."""
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
        "chunk": of_safetensors(journal_file(), METADATA_KEY, read_chunk),
        "checkpoint": of_safetensors(checkpoint_file(), METADATA_KEY, read_checkpoint),
        "settings": of_json({"Comfy.UseNewMenu": "Top", "wm.journal.gigabytes": 4.5}, read_settings),
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
