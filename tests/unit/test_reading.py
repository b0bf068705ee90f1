"""The reader and what is said of films with it: laws that hold whatever it was trained on."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from worldmodel.metrics import reading
from worldmodel.metrics.reader import CLASSES, FEATURES, Reader, Reading, export, load, load_run, read
from worldmodel.metrics.train_reader import judge, judged_films
from worldmodel.tinyworld import pilot
from worldmodel.tinyworld.player import load_vae
from worldmodel.tinyworld.run import Run
from worldmodel.tinyworld.scene import clips, engine, themes


def frames_of(seeds: list[int]) -> tuple[Tensor, Tensor, Tensor]:
    """Return frames (B, 3, H, W) of places, their materials (B, H, W), and their themes (B,)."""
    places, which = engine.build(seeds), torch.arange(len(seeds))
    view = engine.render(places, which, *engine.random_starts(places, which, np.random.default_rng(0)), (64, 96))
    return view.pixels.movedim(-1, 1), view.materials.long(), places.theme


@pytest.fixture(scope="module")
def schooled() -> Reader:
    """Return a reader that knows the frames of `frames_of` in two themes by heart."""
    torch.manual_seed(0)
    reader = Reader()
    frames, materials, _ = frames_of([-1, -5])
    optimizer = torch.optim.AdamW(reader.parameters(), lr=4e-3)
    for _ in range(70):
        loss = cross_entropy(reader(frames)[0], materials)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return reader.eval()


def test_a_reader_says_of_every_pixel_what_it_is_and_of_a_frame_sixty_four_numbers() -> None:
    said = read(Reader().eval(), torch.rand(3, 3, 64, 96), batch=2)
    assert said.material.shape == said.sure.shape == said.near.shape == (3, 64, 96)
    assert said.features.shape == (3, FEATURES) and FEATURES == 64
    assert 0 <= said.material.min() and said.material.max() < CLASSES == 6 * len(themes.THEMES)
    assert 1 / CLASSES <= said.sure.min() and said.sure.max() <= 1


def test_what_a_reader_learnt_it_reads_and_what_is_another_theme_it_does_not(schooled: Reader) -> None:
    frames, materials, theme = frames_of([-1, -5])
    figures = judge(schooled, frames, materials, torch.ones_like(materials, dtype=torch.float))
    assert figures["walls"] > 0.9 and figures["floor_and_sky"] > 0.95
    sure, own, sure_others, own_others, features = reading._one(schooled, frames[:, None], theme)
    assert sure.min() > 0.6 and own.min() > 0.97 and own_others.min() > 0.97 and sure_others.min() > 0.6
    assert features.shape == (2, 1, FEATURES)
    # the same pictures said to be the other's walk
    assert reading._one(schooled, frames[:, None], theme.flip(0))[1].max() < 0.03


def test_only_surfaces_that_the_start_showed_are_judged(schooled: Reader) -> None:
    frames, materials, _ = frames_of([-1, -5])
    film, seen = frames[:, None], torch.zeros_like(materials, dtype=torch.bool)[:, None]
    near = torch.ones_like(materials, dtype=torch.float)[:, None]
    nothing = reading._judged(schooled, film, materials[:, None], near, seen)
    assert bool(nothing.walls.isnan().all())
    whole = reading._judged(schooled, film, materials[:, None], near, ~seen)
    assert whole.walls.min() > 0.85
    # a film of the other place is wrong
    assert reading._judged(schooled, film.flip(0), materials[:, None], near, ~seen).walls.max() < 0.1


def test_the_frechet_distance_is_that_of_two_normal_distributions() -> None:
    torch.manual_seed(0)
    one, other = torch.randn(20_000, FEATURES), torch.randn(20_000, FEATURES)
    assert reading.frechet(one, one) == pytest.approx(0, abs=1e-6)
    assert reading.frechet(one, other) < 0.15
    assert reading.frechet(one, other + 0.5) == pytest.approx(0.25 * FEATURES, rel=0.03)
    assert reading.frechet(one, 2 * other) == pytest.approx(FEATURES, rel=0.03)  # (2 - 1)^2 a feature
    assert reading.frechet(one, other + 0.5) == pytest.approx(reading.frechet(other + 0.5, one), rel=1e-6)


def test_films_like_the_true_ones_are_at_one_unit_and_others_are_farther() -> None:
    torch.manual_seed(1)
    true, others, like = (torch.randn(40, 20, FEATURES) + 0.2 * torch.randn(40, 1, FEATURES) for _ in range(3))
    same = reading.frechet_of_walks(like, true, others)
    assert same.value == pytest.approx(1.0, abs=0.4) and same.low <= same.high
    assert reading.frechet_of_walks(like + 1, true, others).value > 5 * same.value


def test_a_window_of_a_true_film_is_the_films_own(tmp_path) -> None:
    from worldmodel.metrics.suites2 import PlaceTracks
    from worldmodel.tinyworld.player import load_player

    player, places = load_player(), engine.build([-1, 4])
    start = engine.random_starts(places, torch.arange(2), np.random.default_rng(0))
    keys, turns = torch.zeros(2, 60, 4, dtype=torch.uint8), torch.full((2, 60), 700, dtype=torch.int16)
    tracks = PlaceTracks(torch.tensor(places.seeds), *start, keys, turns)
    window = reading.true_window(player, tracks, (40, 47))
    worlds, walks = tracks.walk(frames=47)
    film = pilot.film(worlds, walks, clips.PICTURE, slice(40, 47)).movedim(-1, 2)
    assert window.shape == film.shape and (window - film).square().mean() < 0.01
    assert (window - film.flip(1)).square().mean() > 2 * (window - film).square().mean()


def test_an_exported_reader_reads_as_its_run(tmp_path, schooled: Reader) -> None:
    run = Run(tmp_path, 1, schooled, [torch.optim.AdamW(schooled.parameters())])
    run.save()
    export(tmp_path, tmp_path / "reader.safetensors")
    frames, _, _ = frames_of([-1])
    ours, again = read(load_run(tmp_path), frames), read(load(tmp_path / "reader.safetensors"), frames)
    assert isinstance(again, Reading) and (ours.material == again.material).float().mean() > 0.999
    torch.testing.assert_close(ours.features, again.features, atol=2e-2, rtol=0)


def test_the_reader_is_judged_on_held_out_films_through_the_vae() -> None:
    shown, materials, near = judged_films(load_vae()[0], count=2)
    assert shown.shape == (len(materials), 3, 64, 96) and near.shape == materials.shape
    assert near.min() == 0 and 0.5 < near.max() < 3  # the sky is infinitely far
