"""Planning what each chunk looks at again: laws, options, refusals; gathering it; and the survey of a walk."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from worldmodel.binding.motion import integrate
from worldmodel.memory.frames import MATRIX_GAME_3, Spans
from worldmodel.memory.index import PoseIndex
from worldmodel.memory.plan import Memory, memory_latents, plan
from worldmodel.memory.policy import CORRECTED, RELEASED, MemoryPolicy, allowed_frames, budget_latents
from worldmodel.memory.survey import COVERED, LEFT, SEEN, overlap_matrix, survey
from worldmodel.track.presets import preset
from worldmodel.track.track import parse_track, sample
from worldmodel.variants import MATRIX_GAME_3_CORRECTED, MATRIX_GAME_3_RELEASED
from worldmodel.world.state import Chunk, Controls

CHUNKS = 8
FRAMES = MATRIX_GAME_3.end(CHUNKS - 1)
LATENT_BYTES = 48 * 44 * 80 * 2


def walk(seed: int = 3, frames: int = FRAMES) -> Tensor:
    return integrate(sample(preset("random from a seed", frames, seed)), MATRIX_GAME_3_RELEASED)


def latents_of(memory: Memory) -> tuple[int, ...]:
    return tuple(sorted(memory.latents))


def test_the_first_chunk_looks_at_nothing() -> None:
    assert plan(walk(), 0) == Memory(0) and repr(plan(walk(), 0)) == "Memory(chunk 0)"


@pytest.mark.parametrize("policy", [RELEASED, CORRECTED])
def test_a_plan_depends_on_nothing_behind_its_chunk(policy: MemoryPolicy) -> None:
    """So it is the same twice, in a world that was rewound, and in one that went on another way."""
    poses = walk()
    index = PoseIndex(poses)
    for chunk in range(1, CHUNKS):
        end = MATRIX_GAME_3.end(chunk)
        found = plan(poses, chunk, policy)
        assert found == plan(poses[:end], chunk, policy) == plan(index, chunk, policy) == plan(index, chunk, policy)
        assert found == plan(torch.cat([poses[:end], walk(9)]), chunk, policy)


@pytest.mark.parametrize("policy", [CORRECTED, RELEASED._replace(distinct=True), CORRECTED._replace(pinned=(30,))])
@pytest.mark.parametrize("poses", [walk(), torch.eye(4, dtype=torch.float64).expand(FRAMES, 4, 4)])
def test_no_latent_is_looked_at_twice(policy: MemoryPolicy, poses: Tensor) -> None:
    for chunk in range(1, CHUNKS):
        memory = plan(poses, chunk, policy)
        assert len(set(memory.latents)) == len(memory.looks) == policy.slots


def test_as_released_a_latent_may_be_looked_at_twice() -> None:
    memory = plan(torch.eye(4, dtype=torch.float64).expand(FRAMES, 4, 4), 3, RELEASED)
    assert memory.frames == (1, 1, 1, 1, 4) and memory.latents == (1, 1, 1, 1, 1)


def test_a_look_says_what_it_is() -> None:
    memory = plan(walk(), 5)
    for slot, look in enumerate(memory.looks):
        assert look.query == MATRIX_GAME_3.end(5) - 1 - 8 * slot
        assert look.latent == MATRIX_GAME_3.latent_of(look.frame) and look.pose_frame == 4 * look.latent
        assert 0 < look.frame <= 200 and 0 <= look.overlap <= 1
    assert [look.why for look in memory.looks] == ["overlap"] * 4 + ["sink"]
    assert repr(memory) == f"Memory(chunk 5, 5 looks, frames {' '.join(map(str, memory.frames))})"


def test_what_is_pinned_is_looked_at_once_it_is_past() -> None:
    policy = CORRECTED._replace(pinned=(0, 90))
    for chunk in range(1, CHUNKS):
        looks = plan(walk(), chunk, policy).looks
        pinned = [look.frame for look in looks if look.why == "pinned"]
        assert pinned == ([0, 90] if MATRIX_GAME_3.start(chunk) > 90 else [0])
        assert looks[-1].why == "sink" and looks[-1].frame == 4 and len(looks) == 5


def test_every_slot_may_be_pinned() -> None:
    memory = plan(walk(), 5, CORRECTED._replace(pinned=(10, 20, 30, 40)))
    assert memory.frames == (10, 20, 30, 40, 4) and [look.why for look in memory.looks] == ["pinned"] * 4 + ["sink"]


def test_without_a_sink_its_slot_is_free() -> None:
    whys = [look.why for look in plan(walk(), 4, CORRECTED._replace(sink=None)).looks]
    assert whys == ["overlap"] * 5
    assert plan(walk(), 4, CORRECTED._replace(sink=77)).frames[-1] == 77


def test_what_is_dropped_is_never_looked_at_nor_its_latent() -> None:
    poses, policy = walk(), CORRECTED._replace(dropped=((50, 120), (7, 7)))
    for chunk in range(1, CHUNKS):
        held = {frame for latent in plan(poses, chunk, policy).latents for frame in MATRIX_GAME_3.frames_of(latent)}
        assert not held & {*range(49, 121), 5, 6, 7, 8}
    everything = CORRECTED._replace(dropped=((0, 1000),), sink=None)
    assert plan(poses, 4, everything) == Memory(4)


@pytest.mark.parametrize("budget", [4, 8, 20, 80, 10_000])
def test_a_budget_keeps_the_newest_beside_what_is_always_looked_at(budget: int) -> None:
    policy = CORRECTED._replace(budget_frames=budget)
    for chunk in range(1, CHUNKS):
        allowed = np.flatnonzero(allowed_frames(policy, chunk, FRAMES))
        behind = MATRIX_GAME_3.start(chunk)
        assert len(allowed) == min(budget, behind - 1) and allowed.max() < behind
        assert set(range(1, 5)) <= set(allowed.tolist())
        assert set(plan(walk(), chunk, policy).frames) <= set(allowed.tolist())


def test_a_budget_in_megabytes_is_one_in_latents() -> None:
    policy = CORRECTED._replace(budget_megabytes=10 * LATENT_BYTES / 1e6 + 0.01)
    assert budget_latents(policy, latent_bytes=LATENT_BYTES) == 10
    assert budget_latents(policy._replace(budget_frames=23), latent_bytes=LATENT_BYTES) == 5
    assert allowed_frames(policy, 5, FRAMES, latent_bytes=LATENT_BYTES).sum() == 40
    assert plan(walk(), 5, policy, latent_bytes=LATENT_BYTES) == plan(walk(), 5, CORRECTED._replace(budget_frames=40))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"budget_frames": 0}, "budget_frames: found 0, expected at least 4 frames, which one latent takes; raise it, "
         "or leave it out."),
        ({"budget_megabytes": 0}, "budget_megabytes: found 0, expected at least 0.338 MB, which one latent takes; "
         "raise it, or leave it out."),
        ({"budget_megabytes": float("nan")}, "budget_megabytes: found nan, expected at least 0.338 MB"),
        ({"budget_frames": 8, "pinned": (50, 60)}, "budget_frames: found 8, expected at least 12 frames, which the 3 "
         "frames that are always looked at take; raise it, or leave it out."),
        ({"pinned": (10, 20, 30, 40, 50)}, "pinned: found 5 frames, expected at most 4 (5 slots, one of them kept for "
         "frame 4); unpin some."),
        ({"pinned": (10, 20, 30), "slots": 2, "sink": None}, "pinned: found 3 frames, expected at most 2 (2 slots); "
         "unpin some."),
        ({"pinned": (FRAMES,)}, f"pinned: found frame {FRAMES}, expected 0 to {FRAMES - 1}, the frames of this world; "
         "choose one of them."),
        ({"pinned": (-1,)}, "pinned: found frame -1, expected 0 to"),
        ({"sink": 10_000}, "sink: found frame 10000, expected 0 to"),
        ({"pinned": (5, 8)}, "pinned: found frames 5 and 8, which lie in one latent; keep one of them."),
        ({"pinned": (2,)}, "sink: found frames 2 and 4, which lie in one latent; keep one of them."),
        ({"dropped": ((0, 3),)}, "dropped: found frames 0 to 3, in whose latents lies frame 4, which is always looked "
         "at; unpin it, choose another sink or none, or drop less."),
        ({"dropped": ((9, 3),)}, "dropped: found the range 9 to 3, expected a first frame from 0 on and a last one not "
         "before it; correct it."),
        ({"slots": 0}, "slots: found 0, expected 1 to 7 (the model was trained with 5); change it."),
        ({"form": "nearest"}, "form: found 'nearest', expected exact or released; choose one."),
    ],
)  # fmt: skip
def test_a_policy_that_cannot_be_is_refused_in_a_sentence(changes: dict, sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        plan(walk(), 3, CORRECTED._replace(**changes), latent_bytes=LATENT_BYTES)
    assert str(caught.value).startswith(sentence)


def test_poses_that_are_too_few_or_no_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="poses: found 100 frames, expected 177, the end of chunk 3; make the track"):
        plan(walk()[:100], 3)
    broken = walk()
    broken[12, 0, 0] = torch.nan
    with pytest.raises(ValueError, match="poses: found NaN or infinity in frame 12"):
        plan(broken, 3)


def test_latents_are_gathered_from_the_chunks_that_hold_them() -> None:
    held = [torch.arange(15.0), *(15 + 10 * chunk + torch.arange(10.0) for chunk in range(CHUNKS - 1))]
    chunks = [Chunk(each[None, :, None, None].expand(2, -1, 3, 4), Controls(None, None)) for each in held]
    for chunk in range(1, CHUNKS):
        memory = plan(walk(), chunk, CORRECTED._replace(pinned=(0, 57) if chunk > 2 else (0,)))
        found = memory_latents(chunks, memory)
        assert found.shape == (2, len(memory.looks), 3, 4) and found[0, :, 0, 0].tolist() == list(memory.latents)
    with pytest.raises(ValueError, match="memory: found latent .* expected one of the 1 finished chunks; plan with"):
        memory_latents(chunks[:1], plan(walk(), 6, CORRECTED._replace(pinned=(200,))))


def test_chunks_and_latents_lie_as_the_release_has_them() -> None:
    spans = MATRIX_GAME_3
    assert [spans.latent_of(frame) for frame in (0, 1, 4, 5, 8, 9, 56, 57)] == [0, 1, 1, 2, 2, 3, 14, 15]
    assert all(frame in spans.frames_of(spans.latent_of(frame)) for frame in range(200))
    assert [spans.pose_frame(spans.latent_of(frame)) for frame in (0, 1, 4, 5)] == [0, 4, 4, 8]
    assert (spans.start(0), spans.end(0), spans.latents(0), spans.fixed(0)) == (0, 57, range(15), 1)
    assert spans.samples(0) == tuple(range(0, 57, 4))
    for chunk in range(1, 30):
        start, end = spans.start(chunk), spans.end(chunk)
        assert (start, end) == (1 + 40 * chunk, 57 + 40 * chunk)
        assert spans.latents(chunk) == range(10 * chunk + 1, 10 * chunk + 15) and spans.fixed(chunk) == 4
        assert spans.samples(chunk) == tuple(range(start + 3, end, 4))
        assert spans.queries(chunk, 5) == (end - 1, end - 9, end - 17, end - 25, end - 33)
        assert spans.candidates(chunk) == range(1, 40 * chunk + 1)
    assert Spans(first=13, later=16, past=8).start(2) == 21


def test_a_survey_finds_the_return_and_the_turn_that_nothing_covers() -> None:
    there = parse_track("forward*60 yaw_right(3)*60 forward*60 yaw_right(3)*60 idle*137")  # turned about twice
    poses = integrate(there, MATRIX_GAME_3_CORRECTED)
    found = survey(poses)
    frames, shares = found.overlaps
    assert len(found.memories) == CHUNKS + 1 and found.memories[3] == plan(poses, 3)
    assert frames[0] == 0 and np.array_equal(shares, shares.T) and (shares.diagonal() == 1).all()
    assert [(each.frame // 40, each.then < 60) for each in found.returns] == [(6, True)]
    each = found.returns[0]
    row, then = frames.index(each.frame), frames.index(each.then)
    assert shares[row, then] == each.overlap >= SEEN and shares[row, then:row].min() <= LEFT
    assert each.first <= each.frame <= each.last
    uncovered = {each.frame for each in found.uncovered}
    assert {80, 88, 96, 120} <= uncovered <= set(range(64, 225))  # from the turn away until it sees the start
    assert all(each.memory <= each.all < COVERED for each in found.uncovered)
    assert [each.frame for each in found.coverage] == sorted(each.frame for each in found.coverage)


def test_a_standing_camera_is_covered_and_never_returns() -> None:
    found = survey(torch.eye(4, dtype=torch.float64).expand(FRAMES, 4, 4), samples=20)
    assert len(found.overlaps.frames) == 20 and not found.returns and not found.uncovered
    assert all(each.memory == each.all == 1 for each in found.coverage)


def test_a_walk_shorter_than_a_chunk_cannot_be_surveyed() -> None:
    with pytest.raises(ValueError, match="poses: found 40 frames, expected 57"):
        survey(walk()[:40])


def test_the_matrix_is_that_of_the_frames_named() -> None:
    index = PoseIndex(walk())
    assert overlap_matrix(index, (0, 8, 300)).shares.shape == (3, 3)
