"""The reader that ships with the evaluation, and what is made of what it says."""

import pytest
import torch

from worldmodel.tinyworld.evaluate import reader, reading
from worldmodel.tinyworld.evaluate.reader import CONFIDENT, FEATURES, Reading
from worldmodel.tinyworld.evaluate.train_reader import Films, judge, judged_films
from worldmodel.tinyworld.player import load_vae
from worldmodel.tinyworld.scene import themes

WALL, TOWER, OTHER_WALL = 0, themes.MATERIALS - 1, themes.SURFACES
"""Of the first theme, and a wall of the second."""
READ = 0.9
"""Share of the pixels of few true frames; more are told of in docs/tiny-world-2.md."""


@pytest.fixture(scope="module")
def vae():
    return load_vae()[0]


@pytest.fixture(scope="module")
def shipped():
    return reader.load()


def test_the_shipped_reader_reads_true_frames_that_it_never_saw(shipped, vae):
    found = judge(shipped, *judged_films(vae, count=4, seed=3, frames=13))
    assert found["wall_pixels"] > READ and found["floor_and_sky"] > READ and found["depth_off"] < 0.25


def test_a_reader_that_learnt_nothing_reads_nothing(vae):
    assert judge(reader.Reader().eval(), *judged_films(vae, count=2, frames=5))["wall_pixels"] < 0.3


def test_it_learns_from_films_some_of_which_are_under_an_event(vae, monkeypatch):
    monkeypatch.setattr("worldmodel.tinyworld.evaluate.train_reader.FRAMES", 5)
    monkeypatch.setattr("worldmodel.tinyworld.evaluate.train_reader.CHANGED", 1.0)
    monkeypatch.setattr("worldmodel.tinyworld.evaluate.train_reader.PLAIN", 1.0)
    monkeypatch.setattr("worldmodel.tinyworld.evaluate.train_reader.FIRST", 1)
    shown, materials, near = Films(vae, 0).draw()
    assert shown.shape == (16, 3, 64, 96) and shown.max() <= 1 and near.min() >= 0
    assert materials.max() < reader.CLASSES and (materials % themes.SURFACES == themes.SKY).any()


def said(material: torch.Tensor, sure: float = 1.0) -> Reading:
    return Reading(
        material,
        torch.full(material.shape, sure),
        torch.ones(material.shape),
        torch.zeros(*material.shape[:2], FEATURES),
    )


def test_every_material_counts_alike_and_small_ones_do_not():
    there = torch.full((1, 1, 20, 30), WALL)
    there[..., 25:] = TOWER  # a hundred pixels
    there[..., 0, 0] = themes.FLOOR
    there[..., :4, 1] = 1  # too few to be judged
    read = there.clone()
    read[..., 25:] = WALL
    found = reading.judged(said(read), there, torch.ones(there.shape), torch.ones(there.shape, dtype=torch.bool))
    assert found.walls.tolist() == [0.5] and found.others.tolist() == [1.0] and found.depth.tolist() == [0.0]
    hidden = reading.judged(said(read), there, torch.ones(there.shape), torch.zeros(there.shape, dtype=torch.bool))
    assert hidden.walls.isnan().all()


def test_only_what_is_surely_read_is_asked_for_its_theme():
    shown = torch.full((1, 1, 10, 10), WALL)
    shown[..., 5:] = OTHER_WALL
    sure, own, *_, features = reading.legible(said(shown), torch.tensor([0]))
    assert sure.tolist() == [1.0] and own.tolist() == [0.5] and features.shape == (1, 1, FEATURES)
    assert reading.legible(said(shown, CONFIDENT - 0.01), torch.tensor([0]))[0].tolist() == [0.0]


def test_the_distance_of_features_is_that_of_normal_distributions():
    some = torch.randn(4000, FEATURES, generator=torch.Generator().manual_seed(0))
    assert reading.frechet(some, some) == pytest.approx(0, abs=1e-6)
    assert reading.frechet(some, some + 0.5) == pytest.approx(FEATURES * 0.25, rel=1e-6)
    spread = 4 * (some.var(0).sum() + some.mean(0).square().sum())
    assert reading.frechet(some, 3 * some) == pytest.approx(spread.item(), rel=1e-4)


def test_distances_are_told_in_units_of_two_sets_of_true_films():
    films = torch.randn(4, 24, 40, FEATURES, generator=torch.Generator().manual_seed(1))
    true, others, near, far = films[0], films[1], films[2] + 0.1, films[3] + 0.3
    one, other = (reading.frechet_of_walks(made, true, others) for made in (near, far))
    assert 1 < one.value < other.value and one.low < one.value < one.high
    gap = reading.frechet_gap(far, near, true, others)
    assert gap.value == pytest.approx(other.value - one.value) and gap.low > 0
