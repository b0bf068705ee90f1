"""The measure of drawn paths: it finds the motion that a film really makes."""

import pytest
import torch

from worldmodel.tinyworld import pilot
from worldmodel.tinyworld.evaluate import follows, suites
from worldmodel.tinyworld.scene import clips
from worldmodel.variants import VARIANTS

VARIANT = VARIANTS["tiny_world_2"]
WALKS = 3


@pytest.fixture(scope="module")
def tracks() -> suites.Tracks:
    return suites.load("layouts")["drawn"].part(slice(0, WALKS))


def film_at(tracks: suites.Tracks, pace: float) -> torch.Tensor:
    """Render the walks at a pace of their own: frame i shows the pose of frame pace * i."""
    worlds, walk = tracks.walk()
    at = torch.arange(VARIANT.chunking.first_frame(follows.chunks_in(VARIANT)), dtype=torch.float64) * pace
    row, rest = at.long(), at % 1
    places, yaws = (
        torch.lerp(value[:, row], value[:, row + 1], rest.view(1, -1, *[1] * (value.ndim - 2)))
        for value in (walk.places, walk.yaws)
    )
    return pilot.film(worlds, walk._replace(places=places, yaws=yaws), clips.PICTURE).movedim(-1, 2)


def test_drawn_walks_touch_no_wall(tracks):
    assert not tracks.walk()[1].bumped.any()


def test_the_truth_moves_as_it_is_told(tracks):
    found = follows.slopes(follows.explain(film_at(tracks, 1.0), tracks, VARIANT))
    assert found.metres.value == pytest.approx(1, abs=0.03) and found.degrees.value == pytest.approx(1, abs=0.04)
    assert found.shown.value > 0.9


def test_a_film_that_falls_behind_is_found_as_slow_as_it_is_in_every_chunk(tracks):
    worlds, walk = tracks.walk()
    start = walk.places[:, :1]
    short = walk._replace(places=start + 0.8 * (walk.places - start))
    frames = slice(0, VARIANT.chunking.first_frame(follows.chunks_in(VARIANT)))
    motion = follows.explain(pilot.film(worlds, short, clips.PICTURE, frames).movedim(-1, 2), tracks, VARIANT)
    shares = motion.found_metres / motion.metres
    chunks = follows.chunks_in(VARIANT)
    assert shares.shape == (WALKS, chunks)
    torch.testing.assert_close(shares.nanmean(0), torch.full((chunks,), 0.8).double(), atol=0.05, rtol=0)
    assert follows.slopes(motion).degrees.value == pytest.approx(1, abs=0.04)


def test_a_film_at_half_the_speed_is_found_to_be_slow(tracks):
    # the pictures show other places of the same path, so the slope is half only where the path is even
    found = follows.slopes(follows.explain(film_at(tracks, 0.5), tracks, VARIANT))
    assert 0.3 < found.metres.value < 0.7


def test_a_frozen_film_does_not_move(tracks):
    film = film_at(tracks, 1.0)
    motion = follows.explain(film[:, :1].expand_as(film), tracks, VARIANT)
    # where it would have had to turn far, a pose beyond the turns that are searched fits by chance
    assert motion.found_metres.nanmedian().abs() < 0.05
