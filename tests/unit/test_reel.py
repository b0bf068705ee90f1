"""Strips: every frame in order, cut where chunks end, small enough for a page; and a track as runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from worldmodel.shown.reel import COLUMNS, MOST_FRAMES, MOST_SIDE, Strip, StripWriter, reel_size, told_runs
from worldmodel.track.track import parse_track

LENGTHS = (9, 12, 40, 12)


@pytest.mark.parametrize("pieces", [[73], [4] * 18 + [1], [9, 12, 40, 12], [1] * 73])
def test_frames_are_cut_where_chunks_end_however_they_come(tmp_path: Path, pieces: list[int]) -> None:
    made: list[Strip] = []
    writer = StripWriter(tmp_path, 5, lambda chunk: LENGTHS[(chunk - 5) % 4], made.append)
    frames = torch.linspace(0, 1, 73).view(-1, 1, 1, 1).expand(-1, 8, 12, 3)
    for piece in frames.split(pieces):
        writer.append(piece)
    assert [(strip.chunk, strip.frames) for strip in made] == [(5, 9), (6, 12), (7, 16), (7, 16), (7, 8), (8, 12)]
    assert all(strip.bytes == strip.path.stat().st_size and strip.frames <= MOST_FRAMES for strip in made)
    frame = 0
    for strip in made:
        sheet = np.asarray(Image.open(strip.path)) / 255
        for index in range(strip.frames):
            row, column = divmod(index, COLUMNS)
            shown = sheet[row * 8 : row * 8 + 8, column * 12 : column * 12 + 12]
            assert abs(shown.mean() - frame / 72) < 0.02
            frame += 1
    assert frame == 73


def test_large_frames_are_made_smaller_and_small_ones_stay(tmp_path: Path) -> None:
    assert reel_size(64, 96) == (64, 96) and reel_size(352, MOST_SIDE) == (352, MOST_SIDE)
    assert reel_size(704, 1280) == (352, 640) and reel_size(545, 961) == (272, 480) and reel_size(2, 2000) == (1, 500)
    ramp = torch.linspace(0, 1, 961).view(1, 1, -1, 1)
    frames = torch.stack([ramp.expand(1, 545, -1, 3)[0], 1 - ramp.expand(1, 545, -1, 3)[0]])
    made: list[Strip] = []
    StripWriter(tmp_path, 0, lambda _: 2, made.append).append(frames)
    sheet = torch.from_numpy(np.asarray(Image.open(made[0].path)) / 255)
    assert sheet.shape == (272, 2 * 480, 3)
    expected = torch.linspace(0, 1, 480).view(1, -1, 1)
    assert (sheet[:, :480] - expected).abs().max() < 0.03 and (sheet[:, 480:] - 1 + expected).abs().max() < 0.03
    for height, width in ((1, 3000), (3000, 1)):
        StripWriter(tmp_path, 0, lambda _: 1, made.append).append(torch.rand(1, height, width, 3))
        assert Image.open(made[-1].path).size == reel_size(height, width)[::-1]


def test_a_track_is_told_as_runs() -> None:
    runs = told_runs(parse_track("forward*9 idle*3 forward+yaw_right(2)*4 yaw_left*1"))
    assert set(runs["words"]) >= {"forward"} and runs["keys"] == {"forward": [[0, 9], [12, 4]]}
    assert runs["turns"][:2] == [[0, 0, 0], [12, 2, 0]] and runs["turns"][2][0] == 16 and runs["turns"][2][1] < 0
    assert told_runs(parse_track("forward*3")._replace(mouse=torch.zeros(0, 2)))["turns"] == []
