"""The benchmark: it measures every stage of what the nodes do, and refuses nonsense."""

import time

import pytest

from worldmodel.bench import main, median_seconds, tiny_world


def test_every_stage_takes_time_and_the_whole_is_its_parts():
    stages, fps = tiny_world(repeats=1, chunks=1)
    seconds = {stage.name: stage.seconds for stage in stages}
    assert fps == 16 and min(seconds.values()) > 0
    assert seconds["generate and decode"] == seconds["generate"] + seconds["decode"]


def test_the_warming_run_does_not_count():
    delays = iter((0.3, 0.0))
    assert median_seconds(lambda: time.sleep(next(delays)), repeats=1) < 0.1


def test_the_table_has_a_ratio_in_every_row(capsys):
    assert main(["tiny-world", "--repeats", "1", "--chunks", "1"]) == 0
    rows = capsys.readouterr().out.strip().split("\n")[1:]
    assert len(rows) == 6 and all(row.endswith("x real time") for row in rows)


def test_no_repetitions_are_refused(capsys):
    with pytest.raises(SystemExit):
        main(["tiny-world", "--repeats", "0"])
    assert "expected 1 or more" in capsys.readouterr().err
