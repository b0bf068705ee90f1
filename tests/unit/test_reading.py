"""The reader and what is said of films with it: laws that hold whatever it was trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from worldmodel.tinyworld import pilot
from worldmodel.tinyworld.evaluate import reading
from worldmodel.tinyworld.evaluate.reader import CLASSES, FEATURES, Reader, Reading, export, load, load_run, read
from worldmodel.tinyworld.evaluate.train_reader import judged_films
from worldmodel.tinyworld.player import load_vae
from worldmodel.tinyworld.run import Run
from worldmodel.tinyworld.scene import clips, engine, themes


def frames_of(seeds: list[int]) -> tuple[Tensor, Tensor, Tensor]:
    """Return frames (B, 3, H, W) of places, their materials (B, H, W), and their themes (B,)."""
    places, which = engine.build(seeds), torch.arange(len(seeds))
    view = engine.render(places, which, *engine.random_starts(places, which, np.random.default_rng(0)), (64, 96))
    return view.pixels.movedim(-1, 1), view.materials.long(), places.theme


def true_reading(materials: Tensor, sure: float = 1.0) -> Reading:
    """Return what a perfect reader would say of films of one frame with these materials (B, H, W)."""
    shown = materials[:, None]
    certain = torch.full(shown.shape, sure)
    return Reading(shown, certain, torch.ones(shown.shape), torch.zeros(*shown.shape[:2], FEATURES))


def test_a_reader_says_of_every_pixel_what_it_is_and_of_a_frame_sixty_four_numbers() -> None:
    said = read(Reader().eval(), torch.rand(3, 3, 64, 96), batch=2)
    assert said.material.shape == said.sure.shape == said.near.shape == (3, 64, 96)
    assert said.features.shape == (3, FEATURES) and FEATURES == 64
    assert 0 <= said.material.min() and said.material.max() < CLASSES == 6 * len(themes.THEMES)
    assert 1 / CLASSES <= said.sure.min() and said.sure.max() <= 1


def test_shares_are_of_walls_and_of_the_walks_own_theme() -> None:
    _, materials, theme = frames_of([-1, -5])
    sure, own, sure_others, own_others, _ = reading.legible(true_reading(materials), theme)
    for share in (sure, own, sure_others, own_others):
        assert share.tolist() == [1, 1]
    # the same pictures said to be the other's walk; and a reader that is sure of nothing
    assert reading.legible(true_reading(materials), theme.flip(0))[1].tolist() == [0, 0]
    assert reading.legible(true_reading(materials, 0.5), theme)[0].tolist() == [0, 0]
    # half of the walls read as another theme's
    mixed = materials.clone()
    mixed[:, :, :48] = (mixed[:, :, :48] + themes.SURFACES) % CLASSES
    share = reading.legible(true_reading(mixed), theme)[1]
    left = reading.is_wall(materials[:, :, :48]).sum((1, 2)) / reading.is_wall(materials).sum((1, 2))
    torch.testing.assert_close(share, 1 - left)


def test_only_surfaces_that_the_start_showed_are_judged_and_every_material_counts_alike() -> None:
    _, materials, _ = frames_of([-1, -5])
    truth, near = materials[:, None], torch.ones_like(materials, dtype=torch.float)[:, None]
    seen = torch.ones_like(truth, dtype=torch.bool)
    assert bool(reading.judged(true_reading(materials), truth, near, ~seen).walls.isnan().all())
    right = reading.judged(true_reading(materials), truth, near, seen)
    assert right.walls.tolist() == right.others.tolist() == [1, 1] and right.depth.tolist() == [0, 0]
    assert reading.judged(true_reading(materials), truth, 2 * near, seen).depth.tolist() == [0.5, 0.5]
    # one of a walk's materials read wrong costs one part, however large it is
    kinds = [kind for kind in truth[0].unique() if reading.is_wall(kind) and (truth[0] == kind).sum() >= reading.LEAST]
    wrong = materials.clone()
    wrong[0][materials[0] == kinds[0]] = (kinds[0] + themes.SURFACES) % CLASSES
    found = reading.judged(true_reading(wrong), truth, near, seen).walls
    assert found.tolist() == pytest.approx([1 - 1 / len(kinds), 1])


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


def test_a_window_of_a_true_film_is_the_films_own() -> None:
    from worldmodel.tinyworld.evaluate.suites import Tracks
    from worldmodel.tinyworld.player import load_player

    player, places = load_player(), engine.build([-1, 4])
    start = engine.random_starts(places, torch.arange(2), np.random.default_rng(0))
    keys, turns = torch.zeros(2, 60, 4, dtype=torch.uint8), torch.full((2, 60), 700, dtype=torch.int16)
    tracks = Tracks(torch.tensor(places.seeds), *start, keys, turns)
    window = reading.true_window(player, tracks, (40, 47))
    worlds, walks = tracks.walk(frames=47)
    film = pilot.film(worlds, walks, clips.PICTURE, slice(40, 47)).movedim(-1, 2)
    assert window.shape == film.shape and (window - film).square().mean() < 0.01
    assert (window - film.flip(1)).square().mean() > 2 * (window - film).square().mean()


def test_an_exported_reader_reads_as_its_run(tmp_path: Path) -> None:
    reader = Reader()
    Run(tmp_path, 1, reader, [torch.optim.AdamW(reader.parameters())]).save()
    export(tmp_path, tmp_path / "reader.safetensors")
    frames, _, _ = frames_of([-1])
    ours, again = read(load_run(tmp_path), frames), read(load(tmp_path / "reader.safetensors"), frames)
    assert isinstance(again, Reading) and (ours.material == again.material).float().mean() > 0.98
    torch.testing.assert_close(ours.features, again.features, atol=2e-2, rtol=0)


def test_the_reader_is_judged_on_held_out_films_through_the_vae() -> None:
    shown, materials, near = judged_films(load_vae()[0], count=2)
    assert shown.shape == (len(materials), 3, 64, 96) and near.shape == materials.shape
    assert near.min() == 0 and 0.5 < near.max() < 3  # the sky is infinitely far
