"""The retrieval benchmark: it times both sides of each ratio, says whether a bar is met, and refuses nonsense."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

import pytest
import retrieval_beside_authors
import torch
from comfy_host import HostError
from retrieval_beside_authors import authors_function, compare

from worldmodel.bench import retrieval as bench
from worldmodel.bench.__main__ import main
from worldmodel.memory.frames import MATRIX_GAME_3
from worldmodel.memory.policy import CORRECTED, RELEASED
from worldmodel.reading.safetensors_files import load_safetensors

GOLDEN = Path(__file__).parents[1] / "golden" / "matrix_game3" / "retrieval.safetensors"


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("PAST", 120), ("EARLY", 400), ("LATE", 3_000)):
        monkeypatch.setattr(bench, name, value)


def test_the_table_has_every_bar(small: None, capsys: pytest.CaptureFixture[str]) -> None:
    threads = torch.get_num_threads()
    try:
        assert main(["retrieval", "--repeats", "1"]) == 0
    finally:
        torch.set_num_threads(threads)
    lines = capsys.readouterr().out.splitlines()
    assert sum("same picks" in line for line in lines) == 5
    exact = [line for line in lines if "exact overlap, 120 past frames" in line]
    bars = [line.split("bar ")[1].split(":")[0] for line in lines if "bar " in line]
    measured = [">= 200", "<= 0.002"] if "not run" not in exact[0] else []
    assert bars == [">= 8", *measured, "<= 2", "<= 2"]


def test_the_formula_picks_what_the_release_picks() -> None:
    tensors, _ = load_safetensors(GOLDEN)
    for name in ("bench_random.", "turn_in_place.", "stationary_ties."):
        for clip in (1, 2, 4, 8):
            queries = tensors[f"{name}clip{clip}.query"].tolist()
            found = bench.formula(tensors[f"{name}extrinsics"], 40 * clip + 1, queries)
            assert found == tensors[f"{name}clip{clip}.gpu_selected"].tolist()


def test_the_authors_function_is_taken_from_their_file_as_a_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(HostError, match=r"found no utils/cam_utils\.py in .*; fetch https://github.com/SkyworkAI/"):
        authors_function(tmp_path)
    file = tmp_path / "Matrix-Game-3" / "utils" / "cam_utils.py"
    file.parent.mkdir(parents=True)
    monkeypatch.setattr(retrieval_beside_authors, "ASKED", {"no_such": (), "no_such.package": ("Thing",)})
    imports = "import no_such\nfrom no_such.package import Thing\n"
    file.write_text(imports)
    with pytest.raises(HostError, match="found no select_memory_idx_fov"):
        authors_function(tmp_path)
    name = "def select_memory_idx_fov(poses, start, queries, use_gpu):\n"
    file.write_text(f"{imports}{name}    return [start for _ in queries]\n")
    assert authors_function(tmp_path)(torch.zeros(1), 7, [1, 2]) == [7, 7]
    assert not [name for name in sys.modules if name.startswith("no_such")]
    file.write_text("import nothing_that_is_installed\n")
    with pytest.raises(HostError, match="their code needs nothing_that_is_installed, which is not installed"):
        authors_function(tmp_path)


def test_the_command_prints_the_authors_side(tmp_path: Path, small: None, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "utils" / "cam_utils.py"
    file.parent.mkdir()
    file.write_text(
        "from worldmodel.bench.retrieval import formula\n"
        "def select_memory_idx_fov(poses, start, queries, use_gpu):\n    return formula(poses, start, queries)\n"
    )
    threads = torch.get_num_threads()
    try:
        assert compare(Namespace(authors=tmp_path, repeats=1)) == 0
    finally:
        torch.set_num_threads(threads)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("the authors' own function, ours") and sum("same picks" in line for line in lines) == 5


def test_other_picks_than_theirs_are_an_error(small: None) -> None:
    poses = bench.walks(200)["round and round"]
    with pytest.raises(ValueError, match=r"picks: found .*, expected \[1, 1, 1, 1, 1\], theirs"):
        bench.beside_release(poses, lambda extrinsics, start, queries: [1] * len(queries), 1)


def test_the_past_within_sight_is_as_much_early_and_late() -> None:
    poses = bench.constant_density(20_001)
    places = poses[:, :3, 3]
    near = [int(((places[:end] - places[end]).norm(dim=1) < 60).sum()) for end in (1_000, 2_000, 10_000, 20_000)]
    assert max(near) < 1.5 * min(near)


@pytest.mark.parametrize("policy", [RELEASED, CORRECTED])
def test_chunks_are_timed_where_they_lie(policy: object) -> None:
    poses = bench.constant_density(700)
    early, late = bench.chunk_seconds(poses, (300, 660), policy, 1)
    assert early > 0 and late > 0
    assert MATRIX_GAME_3.end((660 - 57) // 40) <= 700


def test_no_repetitions_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["retrieval", "--repeats", "0"])
    assert "--repeats: found 0, expected 1 or more." in capsys.readouterr().err
