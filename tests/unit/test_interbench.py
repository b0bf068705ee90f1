"""InterBench: the arithmetic of its scores, what is refused, and a judge that is asked only where one is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from worldmodel.metrics import interbench_judge as judging
from worldmodel.metrics.interbench import Clip, Scores, main, mean_scores, read_scores, report, scores_of, written
from worldmodel.metrics.interbench_prompts import EVENTS, KINDS

GOOD = {"trigger": 1, "alignment": 5, "fluency": 3, "scope": 5, "end_state": 5, "physics": 1}


@pytest.mark.parametrize(
    ("row", "overall"),
    [
        ((0.962, 4.342, 4.247, 4.578, 4.688, 3.893), 4.426),
        ((0.983, 4.087, 4.191, 4.576, 4.686, 3.828), 4.3805),
        ((0.944, 4.292, 3.978, 4.410, 4.514, 3.578), 4.249),
    ],
)
def test_the_papers_rows(row: tuple[float, ...], overall: float) -> None:
    assert Scores(*row).overall == pytest.approx(overall, abs=5e-4)


def test_nothing_counts_where_nothing_happened() -> None:
    assert scores_of({**GOOD, "trigger": 0}, "clip").overall == 0
    assert scores_of(GOOD, "clip").overall == pytest.approx((5 + 19) / 6)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"fluency": 2}, "found 2 as fluency, expected 0 or 1 or 3 or 5"),
        ({"trigger": 3}, "found 3 as trigger, expected 0 or 1"),
        ({"physics": True}, "as physics, expected"),
        ({"scope": 5.0}, "as scope, expected"),
        ({"scope": "5"}, "as scope, expected"),
        ({"beauty": 5}, "expected trigger, alignment, fluency, scope, end_state, physics"),
    ],
)
def test_malformed_scores_are_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        scores_of({**GOOD, **change}, "clip")
    with pytest.raises(ValueError, match="expected trigger"):
        scores_of({name: value for name, value in GOOD.items() if name != "physics"}, "clip")
    with pytest.raises(ValueError, match="expected trigger"):
        scores_of([1, 5, 5, 5, 5, 5], "clip")


def test_the_table_of_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clips = [
        Clip("a", "snow", Scores(1, 5, 5, 5, 5, 5)), Clip("b", "snow", Scores(0, 0, 0, 0, 0, 0)),
        Clip("c", "cat", Scores(1, 3, 3, 3, 3, 3)),
    ]  # fmt: skip
    path = tmp_path / "scores.json"
    path.write_text(written(clips))
    assert read_scores(path) == clips and mean_scores(clips).overall == pytest.approx((5 + 0 + 20 / 6) / 3)
    assert main([str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:-1] == report(clips).splitlines() and lines[-1].startswith("3 clips;")
    assert [line.split()[0] for line in lines[1:6]] == ["snow", "environment", "cat", "entity", "all"]
    assert lines[1].split()[-1] == "2.500" and lines[3].split()[-1] == "3.333"
    for text, words in (("[]", "expected"), ("{", "cannot be read"), ('{"clips": [{"name": "x"}]}', "clip 0: found")):
        path.write_text(text)
        assert main([str(path)]) == 2 and words in capsys.readouterr().err


def test_prompts_of_all_three_kinds() -> None:
    assert {event.kind for event in EVENTS} == {*KINDS} and len({event.prompt for event in EVENTS}) == len(EVENTS) == 20


def test_a_judge_is_asked_with_frames_and_prompt(tmp_path: Path) -> None:
    asked: list[Any] = []

    def send(request: Any) -> bytes:
        asked.append((request.full_url, request.get_header("Authorization"), json.loads(request.data)))
        said = f"```json\n{json.dumps(GOOD)}\n```"
        return json.dumps({"choices": [{"message": {"content": said}}]}).encode()

    clip = tmp_path / "snow-1"
    clip.mkdir()
    for number in range(30):
        (clip / f"{number:03}.png").write_bytes(bytes([number]))
    judge = judging.Judge("http://localhost:1/v1", "eyes", "secret", send)
    assert judging.judge_folder(tmp_path, judge) == [Clip("snow-1", "snow", Scores(*GOOD.values()))]
    (url, key, body), *rest = asked
    text, *pictures = body["messages"][0]["content"]
    assert not rest and url == "http://localhost:1/v1/chat/completions" and key == "Bearer secret"
    assert "Snow begins to fall" in text["text"] and body["model"] == "eyes" and len(pictures) == judging.FRAMES
    assert pictures[0]["image_url"]["url"] == "data:image/png;base64,AA=="
    assert pictures[-1]["image_url"]["url"] == "data:image/png;base64,HQ=="
    for reply in (b"{}", b'{"choices": [{"message": {"content": "five stars"}}]}'):
        with pytest.raises(ValueError, match="snow-1: found"):
            judging.judge_folder(tmp_path, judge._replace(send=lambda _, reply=reply: reply))
    (tmp_path / "sunshine").mkdir()
    with pytest.raises(ValueError, match="sunshine: found the event 'sunshine'"):
        judging.judge_folder(tmp_path, judge)


def test_nobody_is_asked_unless_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "s.json"), "--clips", str(tmp_path)]) == 2
    assert "found no --endpoint" in capsys.readouterr().err
    assert main([str(tmp_path / "s.json"), "--clips", str(tmp_path), "--endpoint", "ftp://x", "--model", "m"]) == 2
    assert "--endpoint: found 'ftp://x'" in capsys.readouterr().err
