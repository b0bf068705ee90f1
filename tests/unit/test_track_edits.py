"""Edits of whole tracks: nothing is lost on the way, and the way back leads back."""

from __future__ import annotations

import pytest
import torch

from worldmodel.binding.motion import integrate
from worldmodel.reading.limits import MAX_FRAMES
from worldmodel.track.edits import join, repeat, retime, reverse, there_and_back
from worldmodel.track.presets import preset
from worldmodel.track.track import Track, parse_track, same_track, sample
from worldmodel.variants import Motion


def walk(seed: int, frames: int = 50) -> Track:
    return sample(preset("random from a seed", frames, seed))._replace(prompts=((0, "sun"), (20, "rain")))


def test_joined_tracks_follow_each_other() -> None:
    a, b = parse_track("forward*3 idle"), parse_track("jump*2 back+yaw_left")
    assert same_track(join([a, b]), parse_track("forward*3 idle jump*2 back+yaw_left"))
    assert join([walk(1), walk(2)]).prompts == ((0, "sun"), (20, "rain"), (50, "sun"), (70, "rain"))
    assert same_track(join([join([walk(1), walk(2)]), walk(3)]), join([walk(1), join([walk(2), walk(3)])]))


def test_repeating_is_joining() -> None:
    assert same_track(repeat(walk(1), 3), join([walk(1)] * 3)) and same_track(repeat(walk(1), 1), walk(1))
    with pytest.raises(ValueError, match=f"track: found 150000 frames, expected at most {MAX_FRAMES}"):
        repeat(walk(1), 3000)


@pytest.mark.parametrize("seed", range(20))
def test_there_and_back_ends_where_it_began(seed: int) -> None:
    poses = integrate(there_and_back(walk(seed)), Motion(0.1235))
    assert len(poses) == 2 * 50 + 2
    torch.testing.assert_close(poses[-1], poses[0], atol=1e-5, rtol=0)
    assert (poses[:, :3, 3] - poses[0, :3, 3]).norm(dim=1).max() > 0.5
    back = poses[51:, :3, 3].flip(0)
    torch.testing.assert_close(back[:50], poses[:50, :3, 3], atol=1e-5, rtol=0)  # the same places


def test_the_way_back_undoes_turns_before_steps() -> None:
    track = parse_track("forward+yaw_right(10)*2 left+yaw_right(4)")
    assert same_track(reverse(track), parse_track("yaw_left(4) right+yaw_left(10) back+yaw_left(10) back"))
    assert not torch.signbit(reverse(walk(1)).mouse[reverse(walk(1)).mouse == 0]).any()


def test_prompts_hold_for_the_same_part_of_the_way_back() -> None:
    assert reverse(walk(1)).prompts == ((0, "rain"), (31, "sun"))
    assert there_and_back(walk(1)).prompts == ((0, "sun"), (20, "rain"), (50, "rain"), (81, "sun"))


@pytest.mark.parametrize("frames", [1, 25, 50, 77, 200])
def test_another_length_keeps_turns_and_shares(frames: int) -> None:
    track = walk(4)
    longer = retime(track, frames)
    assert longer.frames == frames and len(longer.prompts) <= 2
    torch.testing.assert_close(longer.mouse.sum(0), track.mouse.sum(0), atol=1e-3, rtol=0)
    torch.testing.assert_close(longer.keys.mean(0), track.keys.mean(0), atol=1.0 if frames == 1 else 0.05, rtol=0)


def test_the_same_length_is_the_same_track() -> None:
    track = parse_track("forward+yaw_right(1.5)*12 left*5")
    same = retime(track, 17)
    assert torch.equal(same.keys, track.keys)
    torch.testing.assert_close(same.mouse, track.mouse, atol=1e-6, rtol=0)
    assert same_track(retime(parse_track("forward*6 back*3"), 18), parse_track("forward*12 back*6"))
