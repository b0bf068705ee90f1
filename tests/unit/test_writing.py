"""Files are written whole or not at all, under a name of their own; and what is told when that cannot be."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

from worldmodel.camera.poses import Poses
from worldmodel.formats.files import FORMATS, Content, write_track_file
from worldmodel.shown.film import FilmWriter, animation, read_film
from worldmodel.storage.locks import LOCK, FolderLock
from worldmodel.storage.tensors import save_tensors
from worldmodel.storage.troubles import Unwritable, told, trouble
from worldmodel.storage.writing import STALE_SECONDS, Numbered, Part, hidden_parts, try_out, write_file, write_files
from worldmodel.tinyworld import walk_files, walks
from worldmodel.tinyworld.captions import Captions
from worldmodel.track.track import parse_track
from worldmodel.world.archive import SUFFIX, load_world, save_world
from worldmodel.world.state import Start, World, new_world

REPOSITORY = Path(__file__).resolve().parents[2]
LONG_AGO = time.time() - STALE_SECONDS - 60
TRACK = parse_track("forward*40 right+yaw_right*12")
POSES = Poses(torch.eye(4, dtype=torch.float64).repeat(52, 1, 1), (0.6, 0.9, 0.5, 0.5), 16.0)
MAPS = walk_files.Maps(torch.rand(9, 64, 96), torch.zeros(9, 64, 96, dtype=torch.uint8))


def a_world() -> World:
    generator = torch.Generator().manual_seed(1)
    condition = torch.randn(20, 5, 8, 12, generator=generator)
    return new_world(Start("tiny_world_2", "tiny_world", condition, torch.randn(7, 20, generator=generator)))


def numbered(folder: Path, ending: str, field: str = "filename_prefix") -> Numbered:
    return Numbered(folder, "a", 1, ending, field)


def a_walk() -> walks.Walk:
    return walks.draw_walk(1, 0, "held", 9, "train")


def film(path: Path) -> None:
    with FilmWriter(path, 16) as writer:
        writer.append(torch.rand(9, 64, 96, 3, generator=torch.Generator().manual_seed(0)))


SAVERS: dict[str, Callable[[Path], object]] = {
    "world": lambda folder: save_world(a_world(), numbered(folder, SUFFIX)),
    "film": lambda folder: film(folder / "a.mp4"),
    "animation": lambda folder: animation(torch.rand(3, 64, 96, 3), folder / "a.webp", 16),
    "tensors": lambda folder: save_tensors(folder / "a.safetensors", {"a": torch.zeros(9000)}),
    "table": lambda folder: walk_files.write_table(a_walk(), folder / "a.csv"),
    "arrays": lambda folder: walk_files.write_arrays(a_walk(), folder / "a.npz", (64, 96), MAPS),
    "captions": lambda folder: walk_files.write_captions(Captions("x" * 9000, "y"), folder / "a.txt"),
    **{
        form: lambda folder, form=form, ending=ending: write_track_file(
            Content(TRACK, POSES), numbered(folder, ending), form
        )
        for form, ending in FORMATS.items()
    },
}
"""Everything in the library that writes a file that users get."""


@contextmanager
def room_for(count: int) -> Iterator[None]:
    """Let no file grow beyond so many bytes, in this process and in those it starts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (count, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@pytest.mark.parametrize("saver", SAVERS)
def test_a_full_disk_leaves_nothing_and_is_told_alike(saver: str, tmp_path: Path) -> None:
    with room_for(90), pytest.raises(Unwritable) as caught:
        SAVERS[saver](tmp_path)
    said = str(caught.value)
    assert "\n" not in said and said.endswith(".") and str(tmp_path)[:30] in said and "ffmpeg" not in said
    if saver != "film":  # what stopped the encoder is not told by it
        assert "found no room for" in said and said.endswith("make room and try again.")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("saver", SAVERS)
def test_files_are_as_open_as_the_user_has_it(saver: str, tmp_path: Path) -> None:
    with umask(0o027):
        SAVERS[saver](tmp_path)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files and {path.stat().st_mode & 0o777 for path in files} == {0o640}
    assert {path.stat().st_mode & 0o777 for path in tmp_path.rglob("*") if path.is_dir()} <= {0o750}


@pytest.mark.parametrize("saver", [name for name in SAVERS if name not in ("film", "animation", "tensors")])
def test_a_file_in_the_way_is_named_and_stays(saver: str, tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("mine")
    with pytest.raises(Unwritable, match=r"found a file, .*/folder, in the way, expected a folder .*; move it away"):
        SAVERS[saver](tmp_path / "folder")
    assert (tmp_path / "folder").read_text() == "mine" and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("second_names", [True, False])
@pytest.mark.parametrize("ending", [".csv", "/images.txt"])
def test_many_who_save_at_once_lose_nothing(
    ending: str, second_names: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not second_names:  # as on a memory card

        def refuse(*_: object) -> None:
            raise PermissionError(errno.EPERM, "Operation not permitted")

        monkeypatch.setattr(os, "link", refuse)
    paths: list[Path] = []

    def save(worker: int) -> None:
        for turn in range(12):
            data = f"{worker} {turn}".encode()
            contents = {"images.txt": data, "cameras.txt": data} if "/" in ending else {"a.csv": data}
            paths.append(write_files(numbered(tmp_path, ending), contents, "")[0])

    workers = [threading.Thread(target=save, args=(worker,)) for worker in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(set(paths)) == 48 and {path.read_text() for path in paths} == {
        f"{worker} {turn}" for worker in range(4) for turn in range(12)
    }
    assert not list(hidden_parts(tmp_path))


def test_two_processes_that_save_worlds_and_tracks_at_once_lose_nothing(tmp_path: Path) -> None:
    save_world(a_world(), tmp_path / f"given{SUFFIX}")
    code = (
        "import sys; from pathlib import Path\n"
        "from worldmodel.world.archive import SUFFIX, load_world, save_world\n"
        "from worldmodel.storage.writing import Numbered, write_files\n"
        "folder = Path(sys.argv[1]); world = load_world(folder / f'given{SUFFIX}')\n"
        "name = lambda ending: Numbered(folder, 'a', 1, ending, '')\n"
        "input()\n"
        "for _ in range(12):\n"
        "    save_world(world, name(SUFFIX)); write_files(name('.csv'), {'': b''}, '')\n"
        "    write_files(name('/images.txt'), {'images.txt': b'', 'cameras.txt': b''}, '')\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    both = [subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, text=True) for _ in range(2)]
    for process in both:
        process.stdin.write("\n")
        process.stdin.flush()
    for process in both:
        process.stdin.close()
        assert process.wait(120) == 0
    made = {f"a_{number:05}_{ending}" for number in range(1, 25) for ending in (SUFFIX, ".csv", "")}
    assert {path.name for path in tmp_path.iterdir()} == {*made, f"given{SUFFIX}"}
    assert {load_world(path).digest for path in tmp_path.glob(f"*{SUFFIX}")} == {a_world().digest}
    assert all(len(list(path.iterdir())) == 2 for path in tmp_path.iterdir() if path.is_dir())


def test_a_name_that_is_taken_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "a_00001_.csv").mkdir()
    (tmp_path / "a_00002_.csv").write_text("mine")
    (tmp_path / "a_00003_.csv").symlink_to("nowhere")
    assert write_file(numbered(tmp_path, ".csv"), b"new", "") == tmp_path / "a_00004_.csv"
    (tmp_path / "a_00001_").write_text("mine")
    (tmp_path / "a_00002_").mkdir()
    (tmp_path / "a_00002_" / "mine").touch()
    (images,) = write_files(numbered(tmp_path, "/images.txt"), {"images.txt": b""}, "")
    assert images == tmp_path / "a_00003_" / "images.txt"
    assert (tmp_path / "a_00002_.csv").read_text() == (tmp_path / "a_00001_").read_text() == "mine"


def hold_a_part(folder: Path) -> subprocess.Popen:
    """Start a process that is writing a file, and wait until it is."""
    code = (
        "import sys, time; from pathlib import Path; from worldmodel.storage.writing import Part\n"
        "with Part(Path(sys.argv[1]), '') as part:\n"
        "    part.path.write_bytes(b'half'); print('writing', flush=True); time.sleep(600)\n"
    )
    command = [sys.executable, "-c", code, str(folder / "a.csv")]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "writing\n"
    return process


def test_what_a_killed_process_left_goes_with_the_next_save_when_it_is_old(tmp_path: Path) -> None:
    process = hold_a_part(tmp_path)
    (part,) = hidden_parts(tmp_path)
    try:
        os.utime(part, (LONG_AGO, LONG_AGO))
        write_file(tmp_path / "b.csv", b"", "")
        assert part.exists()  # its writer is slow, not gone
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    os.utime(part)
    write_file(tmp_path / "b.csv", b"", "")
    assert part.exists()
    os.utime(part, (LONG_AGO, LONG_AGO))
    write_file(tmp_path / "b.csv", b"", "")
    assert [path.name for path in tmp_path.iterdir()] == ["b.csv"]


@pytest.mark.parametrize("saver", SAVERS)
def test_every_saver_clears_what_every_other_left(saver: str, tmp_path: Path) -> None:
    left = [
        tmp_path / name
        for name in (
            ".walk_00001_.world.safetensors.0123abcd.part",  # as earlier versions named it
            ".rollout_00001_.0123abcd.part.mp4",
            ".a.fedcba98.part",
        )
    ]
    folder = tmp_path / ".a_00001_.01234567.part"
    folder.mkdir()
    (folder / "cameras.txt").touch()
    mine = [tmp_path / ".notes.part", tmp_path / "a.0123abcd.part", tmp_path / ".a.0123abcd.part.mp4.txt"]
    for path in (*left, *mine):
        path.touch()
    for path in (*left, *mine, folder):
        os.utime(path, (LONG_AGO, LONG_AGO))
    SAVERS[saver](tmp_path)
    assert not any(path.exists() for path in (*left, folder)) and all(path.exists() for path in mine)


def test_an_error_of_the_writer_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("before")
    with pytest.raises(KeyboardInterrupt), Part(tmp_path / "a.csv", "") as part:
        part.path.write_text("half")
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"] and (tmp_path / "a.csv").read_text() == "before"


@pytest.mark.parametrize(
    ("stem", "said"),
    [
        (
            "x" * 300,
            "found a name of 323 letters, number and ending counted, expected one that the disk takes; shorten it",
        ),
        ("x" * 240, "found a name of 263 letters"),
        ("new/" + "x" * 240, "found a name of 263 letters"),
        ("x" * 300 + "/a", "found a name of 300 letters, expected"),
        ("a\0b", r"found the letter '\x00' in a name, expected one that file names may have; leave it out"),
        ("new\0/b", r"found the letter '\x00' in a name"),
        ("a\ud800", r"found the letter '\ud800' in a name"),
        ("file/a", "found a file, "),
        ("file/new/a", "found a file, "),
    ],
)
def test_a_name_is_tried_out_before_anything_is_made(stem: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    folder, _, name = stem.rpartition("/")
    target = Numbered(tmp_path / folder, name, 1, ".transforms.json", "filename_prefix")
    with pytest.raises(ValueError) as caught:
        try_out(target)
    sentence = str(caught.value)
    assert sentence.startswith("filename_prefix: ") and said in sentence and len(sentence) < 500
    assert "\n" not in sentence and [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("letters", [1, 200, 255 - len("_99999_.csv")])
def test_a_name_that_the_disk_takes_is_tried_out_and_written(letters: int, tmp_path: Path) -> None:
    target = Numbered(tmp_path / "new" / "folder", "x" * letters, 1, ".csv", "filename_prefix")
    try_out(target)
    assert list(tmp_path.iterdir()) == []
    assert write_file(target, b"1", "").read_bytes() == b"1"


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_a_closed_folder_is_told_with_what_to_do(number: int, tmp_path: Path) -> None:
    said = str(trouble("film", tmp_path / "a.mp4", OSError(number, os.strerror(number))))
    assert said.startswith(f"film: found that the folder {str(tmp_path)[:40]}")
    assert said.endswith(
        "may not be written to, expected a folder that may; change its permissions, or choose another folder."
    )


def test_whatever_the_system_says_is_one_sentence() -> None:
    path = Path("/") / ("folder\n" * 99) / ("name" * 999)
    for number in errno.errorcode:
        with pytest.raises(Unwritable) as caught, told("folder", path):
            raise OSError(number, os.strerror(number))
        said = str(caught.value)
        assert said.startswith("folder: found ") and ", expected " in said and "; " in said and said.endswith(".")
        assert "\n" not in said and len(said) < 500


def test_a_part_is_told_when_its_folder_goes_away(tmp_path: Path) -> None:
    folder = tmp_path / "temp"
    folder.mkdir()
    with pytest.raises(Unwritable, match="found the unfinished film gone from .*temp, expected it to stay"):
        with FilmWriter(folder / "a.mp4", 16) as writer:
            writer.append(torch.rand(9, 64, 96, 3))
            for path in folder.iterdir():
                path.unlink()
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("fps", [1e-9, 0.009, 1001.0, float("nan")])
def test_a_rate_that_no_film_can_have_is_refused_before_its_first_frame(fps: float, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="fps must be a number above 0, from 0.01 to 1000"):
        FilmWriter(tmp_path / "a.mp4", fps)


def test_the_slowest_and_the_fastest_film_can_be_read(tmp_path: Path) -> None:
    for fps in (0.01, 240):
        with FilmWriter(tmp_path / f"{fps}.mp4", fps) as writer:
            writer.append(torch.rand(3, 16, 16, 3))
        assert read_film(tmp_path / f"{fps}.mp4").fps == pytest.approx(fps)


def test_a_folder_has_one_writer_at_a_time(tmp_path: Path) -> None:
    together, most = 0, 0

    def add() -> None:
        nonlocal together, most
        lock = FolderLock(tmp_path, "folder")
        lock.waiting = lambda: None
        for _ in range(10):
            with lock, lock:
                together += 1
                most = max(most, together)
                time.sleep(0.002)
                together -= 1

    workers = [threading.Thread(target=add) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert most == 1 and list(tmp_path.iterdir()) == []


def test_who_does_not_wait_is_told_that_another_writes(tmp_path: Path) -> None:
    with (
        FolderLock(tmp_path, "--out"),
        pytest.raises(ValueError, match="--out: found another process that writes into"),
    ):
        FolderLock(tmp_path, "--out").__enter__()
    (tmp_path / LOCK).touch()  # of a process that was killed
    with FolderLock(tmp_path, "--out"):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16, torch.int64, torch.bool]
)
def test_tensors_are_written_as_the_format_says(dtype: torch.dtype, tmp_path: Path) -> None:
    from safetensors import safe_open

    tensors = {
        "a": (torch.arange(6).reshape(2, 3) % 2).to(dtype),
        "empty": torch.zeros(0, 4, dtype=dtype),
        "one": torch.ones((), dtype=dtype),
        "bytes": torch.arange(3, dtype=torch.uint8),
    }
    save_tensors(tmp_path / "a.safetensors", tensors, {"text": "Ä \n"})
    with safe_open(tmp_path / "a.safetensors", "pt") as file:
        assert set(file.keys()) == set(tensors) and file.metadata() == {"text": "Ä \n"}
        for name, tensor in tensors.items():
            assert file.get_tensor(name).dtype == tensor.dtype and torch.equal(file.get_tensor(name), tensor)
    assert np.fromfile(tmp_path / "a.safetensors", "<u8", 1)[0] % 8 == 0
