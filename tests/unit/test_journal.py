"""The journal's laws: what is found is what was kept, bit for bit, and what leaves is what was not used for longest."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from worldmodel.world.journal import (
    LONGEST_NAMES,
    MODELS,
    NAMES,
    NAMES_OF_ONE,
    PARTIAL,
    SPACING_NS,
    STALE_SECONDS,
    SUFFIX,
    Journal,
    Usage,
    chunk_key,
    clear,
    parent_key,
    usage,
)
from worldmodel.world.state import Chunk, Controls, Start, World, new_world

ROOT = "ab" * 32
LARGE = 1 << 30


def chunk_of(number: int = 0, **changes: object) -> Chunk:
    """A chunk with a key that depends on its number, of about 5 KB as a file."""
    generator = torch.Generator().manual_seed(number)
    controls = Controls(torch.rand(12, 4, generator=generator).round(), torch.randn(12, 2, generator=generator))
    chunk = Chunk(torch.randn(16, 3, 4, 6, generator=generator), controls, number, f"{number:064x}")
    return chunk._replace(**changes)


TOLD = Controls(
    torch.zeros(12, 4), torch.zeros(12, 2), torch.eye(4).expand(12, 4, 4),
    'a "quoted" пещера\n, "checksum":"' + "0" * 64 + '"',
)  # fmt: skip


def same(one: Chunk, other: Chunk) -> bool:
    parts = [{"latents": chunk.latents, **chunk.controls.tensors} for chunk in (one, other)]
    equal = parts[0].keys() == parts[1].keys() and all(
        a.dtype == b.dtype and torch.equal(a, b) for a, b in zip(*map(dict.values, parts), strict=True)
    )
    return equal and one[2:] == other[2:] and one.controls.prompt == other.controls.prompt


def path_of(folder: Path, chunk: Chunk) -> Path:
    return folder / f"{chunk.key}{SUFFIX}"


def numbers_in(folder: Path) -> set[int]:
    return {int(path.name.removesuffix(SUFFIX), 16) for path in folder.glob(f"*{SUFFIX}")}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"latents": torch.randn(16, 3, 4, 6).bfloat16()},
        {"latents": torch.randn(6, 4, 3, 16).movedim(-1, 0)},
        {"controls": Controls(torch.zeros(9, 7), None)},
        {"controls": TOLD},
        {"seed": 2**64 - 1},
    ],
    ids=["plain", "bf16", "strided", "no mouse", "prompt", "large seed"],
)
def test_what_was_kept_is_found_bit_for_bit(tmp_path: Path, changes: dict) -> None:
    chunk = chunk_of(3, **changes)
    Journal(tmp_path / "new folder", LARGE).keep(chunk, ROOT)
    assert same(Journal(tmp_path / "new folder", LARGE).find(chunk.key), chunk)
    assert [path.suffix for path in (tmp_path / "new folder").iterdir()] == [SUFFIX]


def test_a_journal_that_is_not_there_yet_is_empty(tmp_path: Path) -> None:
    assert Journal(tmp_path / "none", LARGE).find(ROOT) is None
    assert usage(tmp_path / "none") == clear(tmp_path / "none") == Usage(0, 0)
    assert not (tmp_path / "none").exists()


def test_a_key_depends_on_all_that_a_chunk_is_made_of() -> None:
    controls = Controls(torch.zeros(9, 4), torch.zeros(9, 2))
    base = {"parent": ROOT, "controls": controls, "settings": ((1000, 500), 5.0, 6), "seed": 1, "model": "m"}
    others = {
        "parent": "cd" * 32,
        "controls": controls._replace(mouse=torch.ones(9, 2)),
        "settings": ((1000, 500), 5.0, 4),
        "seed": 2,
        "model": "n",
    }
    keys = [chunk_key(**base), *(chunk_key(**{**base, name: value}) for name, value in others.items())]
    keys.append(chunk_key(**{**base, "controls": Controls(torch.zeros(9, 4), None)}))
    keys.append(chunk_key(**{**base, "controls": controls._replace(prompt="rain")}))
    keys.append(chunk_key(**{**base, "controls": controls._replace(c2w=torch.eye(4).repeat(9, 1, 1))}))
    keys.append(chunk_key(**{**base, "controls": Controls(torch.zeros(12, 4), torch.zeros(6, 2))}))
    assert len(set(keys)) == len(keys)
    assert chunk_key(**{**base, "controls": controls.rows(slice(None))}) == keys[0]


def test_keys_stay_the_same_from_release_to_release() -> None:
    """Else the chunks that users have would be made again: see `VERSION`."""
    controls = Controls(torch.arange(36).view(9, 4).float(), None)
    key = chunk_key(ROOT, controls._replace(prompt="dusk"), ((1000, 500), 5.0, 6), 7, "model")
    assert key == "3a68804c30b23801f7daf88993d8fc0c7a1f6035648dace9a0882065e5761476"


def test_a_world_hands_on_its_last_key_or_its_digest_or_its_content() -> None:
    start = Start("tiny_world_2", "tiny_world", torch.randn(20, 5, 4, 6), torch.randn(7, 20))
    empty = new_world(start)
    assert parent_key(empty) == empty.digest
    keyed = empty._replace(chunks=(chunk_of(1), chunk_of(2)))
    assert parent_key(keyed) == chunk_of(2).key

    def unkeyed(*numbers: int) -> World:
        return empty._replace(chunks=tuple(chunk_of(number, key="") for number in numbers))

    keys = {parent_key(world) for world in (unkeyed(1), unkeyed(2), unkeyed(1, 2), unkeyed(2, 1), empty)}
    assert len(keys) == 5
    assert parent_key(unkeyed(1, 2)) == parent_key(unkeyed(1, 2))


@pytest.mark.parametrize(
    "damage", ["truncated", "flipped", "appended", "empty", "zeros", "foreign", "renamed", "older"]
)
def test_a_file_that_is_not_what_it_should_be_is_never_used_and_is_replaced(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    journal, chunk = Journal(tmp_path, LARGE), chunk_of(1)
    journal.keep(chunk, ROOT)
    path, rng = path_of(tmp_path, chunk), random.Random(damage)
    whole = path.read_bytes()
    for _ in range(60 if damage in ("truncated", "flipped") else 1):
        bad = bytearray(whole)
        match damage:
            case "truncated":
                bad = bad[: rng.randrange(len(bad))]
            case "flipped":
                bad[rng.randrange(len(bad))] ^= 1 << rng.randrange(8)
            case "appended":
                bad += b"\0"
            case "empty":
                bad = b""
            case "zeros":
                bad = bytes(len(bad))
            case "foreign":
                from safetensors.torch import save

                bad = save({"latents": chunk.latents}, metadata={"worldmodel": "{}"})
            case "renamed":
                Journal(tmp_path, LARGE).keep(chunk_of(2), chunk.key)
                bad = path_of(tmp_path, chunk_of(2)).read_bytes()
            case "older":
                bad = whole.replace(b'\\"journal\\": 1', b'\\"journal\\": 0')
        path.write_bytes(bad)
        caplog.clear()
        assert journal.find(chunk.key) is None
        assert path.name in caplog.text and "computed again" in caplog.text
    journal.keep(chunk, ROOT)
    assert same(journal.find(chunk.key), chunk)


def test_what_was_used_least_recently_leaves_first_and_leaves_before_parents(tmp_path: Path) -> None:
    size = None
    for lineage in range(4):  # chunks 10 ... 14, 20 ... 24, ...
        time.sleep(0.02)  # rollouts that begin within a few spacings of each other would mix
        journal = Journal(tmp_path, LARGE)
        for depth in range(5):
            journal.keep(chunk_of(10 * (lineage + 1) + depth), ROOT)
        size = size or path_of(tmp_path, chunk_of(10)).stat().st_size
    time.sleep(0.02)
    reader = Journal(tmp_path, LARGE)
    assert all(reader.find(chunk_of(number).key) for number in range(10, 15))  # the oldest is used again
    expected = [24, 23, 22, 21, 20, 34, 33, 32, 31, 30, 44]
    present = numbers_in(tmp_path)
    for room in range(1, len(expected) + 1):
        Journal(tmp_path, (len(present)) * size).keep(chunk_of(100 + room), ROOT)
        present = present - {expected[room - 1]} | {100 + room}
        assert numbers_in(tmp_path) == present


def test_a_branch_leaves_before_what_it_shares_with_a_later_one(tmp_path: Path) -> None:
    first = Journal(tmp_path, LARGE)
    for number in (1, 2, 3, 4):
        first.keep(chunk_of(number), ROOT)
    second = Journal(tmp_path, LARGE)
    for number in (1, 2):
        assert second.find(chunk_of(number).key)
    second.keep(chunk_of(30), chunk_of(2).key)
    assert first.find(chunk_of(1).key)  # an earlier rollout that is still running makes nothing look older
    size = path_of(tmp_path, chunk_of(1)).stat().st_size
    third = Journal(tmp_path, 4 * size)
    third.keep(chunk_of(50), ROOT)
    assert numbers_in(tmp_path) == {1, 2, 30, 50}
    Journal(tmp_path, 2 * size).keep(chunk_of(51), ROOT)
    assert numbers_in(tmp_path) == {50, 51}


def test_the_running_worlds_lineage_never_leaves(tmp_path: Path) -> None:
    old = Journal(tmp_path, LARGE)
    for number in range(6):
        old.keep(chunk_of(number), ROOT)
    start = Start("tiny_world_2", "tiny_world", torch.randn(20, 5, 4, 6), torch.randn(7, 20))
    journal = Journal(tmp_path, 0)
    journal.enter(new_world(start)._replace(chunks=(chunk_of(0), chunk_of(1), chunk_of(77, key=""))))
    assert journal.find(chunk_of(2).key)
    for number in range(10, 14):
        journal.keep(chunk_of(number), ROOT)
    assert numbers_in(tmp_path) == {0, 1, 2, 10, 11, 12, 13}


def test_the_folder_is_not_looked_through_for_every_chunk(tmp_path: Path) -> None:
    looks: list[str] = []
    sys.addaudithook(lambda event, _: looks.append(event) if event == "os.scandir" else None)
    journal = Journal(tmp_path, LARGE)
    for number in range(50):
        assert journal.find(chunk_of(number).key) is None
        journal.keep(chunk_of(number), ROOT)
    assert len(looks) == 2  # once for what killed writers left, once for the size
    size = path_of(tmp_path, chunk_of(0)).stat().st_size
    looks.clear()
    full = Journal(tmp_path, 50 * size)
    for number in range(100, 152):  # the last two find nothing but their own lineage
        full.keep(chunk_of(number), ROOT)
    assert numbers_in(tmp_path) == set(range(100, 152))
    assert len(looks) - 1 == 3  # and once for what leaves next; the assertion above looks itself


def test_a_file_that_cannot_be_deleted_is_skipped(tmp_path: Path) -> None:
    (tmp_path / f"{chunk_of(1).key}{SUFFIX}" / "in use").mkdir(parents=True)
    old = Journal(tmp_path, LARGE)
    old.keep(chunk_of(2), ROOT)
    Journal(tmp_path, 0).keep(chunk_of(3), ROOT)
    assert numbers_in(tmp_path) == {1, 3}
    assert clear(tmp_path).chunks == 1
    assert numbers_in(tmp_path) == {1}


def test_what_killed_writers_left_goes_and_what_is_being_written_stays(tmp_path: Path) -> None:
    left, fresh = (tmp_path / f".{chunk_of(n).key}.0123abcd{PARTIAL}" for n in (1, 2))
    for path in (left, fresh):
        path.write_bytes(b"half")
    long_ago = time.time() - STALE_SECONDS - 1
    os.utime(left, (long_ago, long_ago))
    Journal(tmp_path, LARGE).keep(chunk_of(3), ROOT)
    assert fresh.exists() and not left.exists()


A_MODEL, NAME, OTHER = ("aa" * 32, "bb" * 32, "cc" * 32)


def test_equal_models_are_known_by_each_others_names_in_every_later_rollout(tmp_path: Path) -> None:
    assert Journal(tmp_path / "new", LARGE).other_names(A_MODEL, NAME) == []
    assert Journal(tmp_path / "new", LARGE).other_names(A_MODEL, NAME) == []
    assert Journal(tmp_path / "new", LARGE).other_names(A_MODEL, OTHER) == [NAME]
    assert Journal(tmp_path / "new", LARGE).other_names(A_MODEL, NAME) == [OTHER]
    assert Journal(tmp_path / "new", LARGE).other_names("dd" * 32, NAME) == []
    assert usage(tmp_path / "new") == Usage(0, 0)
    clear(tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []


def test_the_first_of_several_keys_that_is_there_is_taken(tmp_path: Path) -> None:
    journal = Journal(tmp_path, LARGE)
    for number in (2, 3):
        journal.keep(chunk_of(number), ROOT)
    assert journal.find(*(chunk_of(number).key for number in (1, 2, 3))).seed == 2
    assert journal.find(chunk_of(1).key, chunk_of(4).key) is None


def test_the_file_of_names_stays_small(tmp_path: Path) -> None:
    for number in range(MODELS + 20):
        Journal(tmp_path, LARGE).other_names(f"{number:064x}", NAME)
    for number in range(NAMES_OF_ONE + 20):
        names = Journal(tmp_path, LARGE).other_names("ee" * 32, f"{number:064x}")
    assert len(names) == NAMES_OF_ONE
    assert (tmp_path / NAMES).stat().st_size < LONGEST_NAMES / 10


@pytest.mark.parametrize(
    "content",
    ["", "{half", "[]", "null", "7", '{"x": 1}', '{"aa": {}}', f'{{"{A_MODEL}": "{NAME}"}}', f'{{"{A_MODEL}": [1]}}',
     f'{{"{A_MODEL}": ["../x"]}}', "[" * 100_000, "x" * (LONGEST_NAMES + 1), "\udcff"],
)  # fmt: skip
def test_a_damaged_file_of_names_is_written_anew(tmp_path: Path, content: str) -> None:
    (tmp_path / NAMES).write_bytes(content.encode("utf-8", "surrogateescape"))
    assert Journal(tmp_path, LARGE).other_names(A_MODEL, NAME) == []
    assert Journal(tmp_path, LARGE).other_names(A_MODEL, OTHER) == [NAME]


def test_names_that_cannot_be_written_cost_no_chunk(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert Journal(tmp_path / "file", LARGE).other_names(A_MODEL, NAME) == []


def test_clearing_deletes_the_chunks_and_nothing_else(tmp_path: Path) -> None:
    journal = Journal(tmp_path, LARGE)
    for number in range(3):
        journal.keep(chunk_of(number), ROOT)
    foreign = tmp_path / "mine.safetensors"
    foreign.write_bytes(b"not a chunk")
    found = usage(tmp_path)
    assert found.chunks == 3 and found.bytes > 3 * 16 * 3 * 4 * 6 * 4
    assert clear(tmp_path) == found
    assert usage(tmp_path) == Usage(0, 0) and foreign.exists()


def test_a_folder_that_cannot_be_written_to_is_an_error_of_the_system(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    journal = Journal(tmp_path / "file", LARGE)
    with pytest.raises(OSError):
        journal.keep(chunk_of(1), ROOT)
    assert journal.find(chunk_of(1).key) is None
    assert usage(tmp_path / "file") == clear(tmp_path / "file") == Usage(0, 0)


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path) -> None:
    import resource

    journal, limits = Journal(tmp_path, LARGE), resource.getrlimit(resource.RLIMIT_FSIZE)
    journal.keep(chunk_of(1), ROOT)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))  # a file cannot grow any further, as on a full disk
    try:
        with pytest.raises(OSError):
            journal.keep(chunk_of(2), chunk_of(1).key)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [path.name for path in tmp_path.iterdir()] == [f"{chunk_of(1).key}{SUFFIX}"]
    journal.keep(chunk_of(2), chunk_of(1).key)
    assert same(journal.find(chunk_of(2).key), chunk_of(2))


def write_for_ever(folder: str, seed: int) -> None:
    rng = random.Random(seed)
    while True:
        journal = Journal(folder, 60_000)  # room for about ten
        for _ in range(20):
            work(journal, rng.randrange(40))


def work(journal: Journal, number: int) -> None:
    """Do what a rollout does with one chunk; what is found must be right."""
    found = journal.find(chunk_of(number).key)
    if found is None:
        journal.keep(chunk_of(number), ROOT)
    else:
        assert same(found, chunk_of(number))


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[subprocess.Popen]:
    """Another process, which reads, writes and evicts without end."""
    repository = str(Path(__file__).parents[2])
    process = subprocess.Popen(
        [sys.executable, __file__, str(tmp_path)], cwd=repository, env={**os.environ, "PYTHONPATH": repository}
    )
    yield process
    process.kill()
    process.wait()


def test_two_processes_share_a_journal_and_a_kill_at_any_moment_breaks_nothing(
    tmp_path: Path, writer: subprocess.Popen
) -> None:
    rng, journal = random.Random(2), Journal(tmp_path, 60_000)
    deadline = time.monotonic() + 120
    while len(numbers_in(tmp_path)) < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    for _ in range(150):
        work(journal, rng.randrange(40))
    assert writer.poll() is None, "the other process met an error"
    writer.kill()
    writer.wait()
    present = numbers_in(tmp_path)
    assert len(present) >= 5
    assert all(same(Journal(tmp_path, LARGE).find(chunk_of(number).key), chunk_of(number)) for number in present)


def test_a_rollout_dates_what_it_uses_from_its_beginning(tmp_path: Path) -> None:
    began = time.time_ns()
    journal = Journal(tmp_path, LARGE)
    for number in range(3):
        journal.keep(chunk_of(number), ROOT)
    dates = [path_of(tmp_path, chunk_of(number)).stat().st_mtime_ns for number in range(3)]
    assert dates[0] >= began - SPACING_NS
    assert [dates[0] - date for date in dates] == [0, SPACING_NS, 2 * SPACING_NS]


if __name__ == "__main__":  # the other process
    write_for_ever(sys.argv[1], 1)
