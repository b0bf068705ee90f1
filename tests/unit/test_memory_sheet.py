"""The drawing and the table of a walk's memory: any walk can be drawn, and the words are those of the plan."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from worldmodel.binding.motion import integrate
from worldmodel.memory.frames import MATRIX_GAME_3
from worldmodel.memory.index import PoseIndex
from worldmodel.memory.policy import CORRECTED, RELEASED, MemoryPolicy
from worldmodel.memory.survey import Survey, survey
from worldmodel.shown.memory_sheet import MOST_ROWS, draw_memory
from worldmodel.shown.memory_words import MOST_LINES, memory_summary, memory_table
from worldmodel.track.track import parse_track
from worldmodel.variants import MATRIX_GAME_3_CORRECTED

AMBER, RED = (240, 179, 58), (226, 92, 92)
LOOP = "forward*57 yaw_right(3)*40 yaw_right(3)*20 idle*20 yaw_left(3)*60"


def walked(text: str, policy: MemoryPolicy = CORRECTED) -> tuple[Tensor, Survey]:
    c2w = integrate(parse_track(text), MATRIX_GAME_3_CORRECTED)
    found = survey(PoseIndex(c2w), policy)
    return c2w[: MATRIX_GAME_3.end(len(found.memories) - 1)], found


def coloured(picture: Tensor, colour: tuple[int, int, int]) -> int:
    return int(((picture[0] - torch.tensor(colour) / 255).abs().amax(-1) < 0.03).sum())


@pytest.mark.parametrize("text", ["idle*57", "idle*97", "forward*97", LOOP, "left+yaw_left(9)*300", "pitch_up(4)*137"])
@pytest.mark.parametrize("policy", [CORRECTED, RELEASED, CORRECTED._replace(slots=1, sink=None)])
def test_any_walk_can_be_drawn_and_told(text: str, policy: MemoryPolicy) -> None:
    c2w, found = walked(text, policy)
    picture = draw_memory(c2w, found, MATRIX_GAME_3, "a model", first_chunk=1)
    assert picture.shape[0] == 1 and picture.shape[3] == 3 and 0 <= picture.min() and picture.max() <= 1
    told = memory_table(found, MATRIX_GAME_3, 1).splitlines()
    assert told[0].startswith(memory_summary(found))
    assert sum("latent" in line for line in told) == sum(len(memory.looks) for memory in found.memories)


def test_what_was_pinned_and_what_nobody_saw_is_drawn_in_its_colour() -> None:
    c2w, found = walked(LOOP)
    assert found.uncovered and found.returns
    plain = draw_memory(c2w, found, MATRIX_GAME_3, "a model")
    assert coloured(plain, RED) and coloured(plain, AMBER)
    still, nothing = walked("idle*137")
    calm = draw_memory(still, nothing, MATRIX_GAME_3, "a model")
    assert not nothing.uncovered and coloured(calm, RED) < coloured(plain, RED)


def test_the_table_says_why() -> None:
    _, found = walked(LOOP, CORRECTED._replace(pinned=(20,)))
    told = memory_table(found, MATRIX_GAME_3)
    assert "pinned" in told and "always" in told and "by overlap" in told
    for heading, lines in (("Loops that close:", found.returns), ("Views that nothing shows:", found.uncovered)):
        after = told[told.index(heading) :].split("\n\n")[0].splitlines()
        assert len(after) == 1 + len(lines)
    assert "looks at nothing" in told.splitlines()[2] and "(made)" in memory_table(found, MATRIX_GAME_3, 2)


def test_a_long_walk_is_drawn_in_few_rows_and_told_from_its_end() -> None:
    c2w, found = walked(f"forward*{57 + 40 * 60}")
    short, few = walked(f"forward*{57 + 40 * MOST_ROWS}")
    shapes = [draw_memory(*walk, MATRIX_GAME_3, "a model").shape for walk in ((c2w, found), (short, few))]
    assert shapes[0] == shapes[1]
    long = found._replace(memories=found.memories * (1 + MOST_LINES // 300))
    assert "are left out here" in memory_table(long, MATRIX_GAME_3)
