"""The measurement of long rollouts: it tells what grows from what is stored, and slower from fast."""

from __future__ import annotations

from mmap import mmap

import pytest

from worldmodel.bench.long import Figures, Walker, judge, main, resident_bytes, subject_of
from worldmodel.bench.retrieval import round_blocks
from worldmodel.models.matrix_game2.network import MatrixGame2
from worldmodel.models.matrix_game3.network import MatrixGame3
from worldmodel.models.yume.network import Yume


def test_a_short_run_says_figures_and_verdicts(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--model", "matrix_game_2_templerun", "--chunks", "20", "--threads", "1"])
    title, *trace, memory, time = capsys.readouterr().out.strip().split("\n")
    assert title == "Matrix-Game 2.0 Temple Run, 30 blocks of small random weights: 20 chunks on 1 threads"
    *trace, first, last = trace
    assert trace[0].startswith("  after chunk      1: ") and len(trace) == 19
    assert first.startswith("first quarter: ") and last.startswith("last quarter: ")
    assert memory.startswith("memory: ") and "stored latents 0.2 MB, at most 20.2 MB" in memory
    assert time.startswith("time: ") and time.endswith(("met", "MISSED"))


def test_memory_may_grow_by_what_is_stored_and_no_more_than_a_little() -> None:
    met = Figures(57_000_000, 37_000_000, [1.0], [1.0], 1)
    assert [verdict for _, verdict in judge(met)] == [True, True]
    assert [verdict for _, verdict in judge(met._replace(grown=57_000_001))] == [False, True]


@pytest.mark.parametrize(("late", "verdict"), [(1.09, True), (1.11, False), (0.91, True), (0.89, False)])
def test_time_is_judged_over_pairs(late: float, verdict: bool) -> None:
    weather = [1.0, 3.0, 1.0, 9.0, 1.0]  # of the machine: it is on both sides of a pair
    found = Figures(0, 0, weather, [late * early for early in weather], 5)
    assert judge(found)[1][1] is verdict


def test_memory_that_is_taken_is_seen() -> None:
    before = resident_bytes()
    with mmap(-1, 50_000_000) as taken:  # from the system: a heap may have as much to spare
        taken.write(bytes(1) * len(taken))
        assert 40_000_000 < resident_bytes() - before < 110_000_000


def test_the_layouts_look_back_as_far_as_the_released_models() -> None:
    stages = {
        name: subject_of(f"matrix_game_2_{name}").network.stages for name in ("universal", "gta_drive", "templerun")
    }
    assert stages == {"universal": 45, "gta_drive": 45, "templerun": 30}
    shipped = subject_of("tiny_world_2")
    assert isinstance(shipped.network, MatrixGame2) and shipped.title == "Tiny World, tiny_world_2.safetensors"


def test_too_few_chunks_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--chunks", "19"])
    assert "--chunks: found 19, expected 20 or more." in capsys.readouterr().err


@pytest.mark.parametrize("name", ["matrix_game_3_distilled", "matrix_game_3_base"])
def test_a_model_that_looks_back_walks_with_its_memory(name: str) -> None:
    subject = subject_of(name)
    assert isinstance(subject.network, MatrixGame3) and "4 blocks of small random weights" in subject.title
    assert (subject.start.negative is None) == (name == "matrix_game_3_distilled")
    if name == "matrix_game_3_distilled":
        walker = Walker(subject, 3)
        assert all(walker.step() > 0 for _ in range(3))
        assert walker.stored_bytes(1) == 2 * 10 * 48 * 4 * 6 * 4


def test_a_model_that_is_given_all_of_its_past_is_judged_where_that_is_full() -> None:
    subject = subject_of("yume_1_5")
    assert isinstance(subject.network, Yume) and subject.full == 171 and subject.said.shape == (512, 16)
    walker = Walker(subject, 2)
    assert all(walker.step() > 0 for _ in range(2))
    assert walker.stored_bytes(0, 1) == 8 * 48 * 4 * 6 * 4


def test_early_and_late_chunks_of_the_bar_see_as_much_of_the_past() -> None:
    track, apart = round_blocks(57 + 40 * 999), 40 * 900  # frames between a chunk and the one it is paired with
    for rows in (track.keys, track.mouse):
        assert (rows[2017:4017] == rows[2017 + apart :]).all()
