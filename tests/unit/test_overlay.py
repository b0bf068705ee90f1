"""Overlay: what is held is lit, what is not shown does not change, and the pictures that came in stay as they are."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from worldmodel.shown.overlay import draw_controls, enlarged, readable_scale
from worldmodel.track.track import parse_track

TRACK = parse_track("forward*4 right+yaw_right(3)*4 jump+pitch_up*2 idle*2")
GREY = torch.full((12, 64, 96, 3), 0.5)


def teal(pictures: Tensor) -> Tensor:
    """How much of each picture is the colour of a lit key."""
    return ((pictures - torch.tensor([63, 191, 155]) / 255).abs().amax(-1) < 0.05).float().mean((1, 2))


def test_equal_controls_look_equal_and_others_do_not() -> None:
    drawn = draw_controls(GREY, TRACK, path_map=False)[:, 60:]  # below the counter
    assert torch.equal(drawn[0], drawn[3]) and torch.equal(drawn[4], drawn[7])
    for a, b in ((0, 4), (4, 8), (8, 11), (0, 11)):
        assert not torch.equal(drawn[a], drawn[b])


def test_a_held_key_lights_up_and_nothing_does_when_idle() -> None:
    lit = teal(draw_controls(GREY, TRACK, path_map=False))
    assert (lit[:10] > 1e-3).all() and (lit[10:] == 0).all()


def test_the_first_picture_can_be_any_frame_of_the_track() -> None:
    whole = draw_controls(GREY, TRACK)
    assert torch.equal(draw_controls(GREY[:5], TRACK, first_frame=5), whole[5:10])


def test_pictures_after_the_end_show_no_keys() -> None:
    assert (teal(draw_controls(GREY, TRACK, first_frame=500, path_map=False)) == 0).all()


def test_the_pictures_that_came_in_stay_as_they_are() -> None:
    frames = GREY.clone()
    draw_controls(frames, TRACK, scale=1)
    assert torch.equal(frames, GREY)


def test_the_middle_of_the_picture_stays_free() -> None:
    frames = torch.rand(2, 352, 640, 3)
    drawn = draw_controls(frames, TRACK)
    assert drawn.shape == frames.shape
    assert torch.equal(drawn[:, :, 160:480], frames[:, :, 160:480])


@pytest.mark.parametrize(("height", "scale"), [(64, 6), (128, 3), (352, 1), (704, 1), (1, 16)])
def test_small_pictures_become_readable(height: int, scale: int) -> None:
    assert readable_scale(height) == scale


def test_enlarging_keeps_pixels_or_smooths_them() -> None:
    frames = torch.rand(1, 32, 48, 3)
    pixels = draw_controls(frames, TRACK, scale=4, smooth=False)
    assert torch.equal(
        pixels[:, 60:64, 76:116], frames.repeat_interleave(4, 1).repeat_interleave(4, 2)[:, 60:64, 76:116]
    )
    smooth = draw_controls(frames, TRACK, scale=4)
    assert smooth.shape == (1, 128, 192, 3) and smooth.min() >= 0 and smooth.max() <= 1


@pytest.mark.parametrize("size", [(8, 8), (64, 96), (17, 301), (301, 17)])
@pytest.mark.parametrize("text", ["", "idle", "jump*3", "forward*12 yaw_left*9 back*12"])
def test_any_size_and_any_track_can_be_drawn(size: tuple[int, int], text: str) -> None:
    for scale in (0, 1):
        drawn = draw_controls(torch.rand(3, *size, 3), parse_track(text), scale=scale)
        assert drawn.isfinite().all() and 0 <= drawn.min() and drawn.max() <= 1


def test_half_precision_stays_half_precision() -> None:
    assert draw_controls(GREY[:1].half(), TRACK).dtype == torch.float16


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match="images must be"):
        draw_controls(GREY[0], TRACK)
    with pytest.raises(ValueError, match="scale must be from 0"):
        draw_controls(GREY, TRACK, scale=99)
    with pytest.raises(ValueError, match="start frame must be 0 or more"):
        draw_controls(GREY, TRACK, first_frame=-1)


@pytest.mark.parametrize("scale", [2, 3, 6])
def test_smooth_enlarging_is_torchs_own(scale: int) -> None:
    frame = torch.rand(9, 14, 3, generator=torch.Generator().manual_seed(scale))
    planes = torch.nn.functional.interpolate(frame.movedim(-1, 0)[None], scale_factor=scale, mode="bicubic")
    torch.testing.assert_close(enlarged(frame, scale), planes[0].movedim(0, -1).clamp(0, 1), rtol=0, atol=1e-6)
