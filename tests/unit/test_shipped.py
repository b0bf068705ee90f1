"""The weights in the repository: whole, of one kind, small enough, and good enough that a broken one is noticed.

The full measure is `python -m worldmodel.tinyworld evaluate`; the short form, with bars of its own, leaves room for
chance.
"""

import json

import pytest
import torch
from safetensors import safe_open

from worldmodel.rollout.sampling import warped_steps
from worldmodel.tinyworld.evaluate import bars, reader
from worldmodel.tinyworld.evaluate.report import evaluate
from worldmodel.tinyworld.evaluate.rows import SHORT, SHORT_EVENTS, SHORT_GROUPS, Form
from worldmodel.tinyworld.player import EVENTS_FILE, MEMORY_FILE, MODEL_FILE, VAE_FILE, load_player
from worldmodel.tinyworld.remember import train
from worldmodel.tinyworld.train_dit import build_network
from worldmodel.tinyworld.weather import train as weather

MEGABYTES, MEMORY_MEGABYTES, EVENTS_MEGABYTES, ALL_MEGABYTES = 30, 20, 13, 60
FILES = (MODEL_FILE, VAE_FILE, MEMORY_FILE, EVENTS_FILE)
MEMORY_GROUPS = (*SHORT_GROUPS, "glances")
BROKEN = (2, 2, 21)
"""Starts, walks and frames that a model which knows nothing already shows itself in."""
ONE_STEP = warped_steps([1000], 1.0)


@pytest.fixture(scope="module")
def player():
    return load_player()


@pytest.fixture(scope="module")
def rememberer():
    return load_player(MEMORY_FILE)


def about(path) -> dict:
    with safe_open(path, "pt") as file:
        return json.loads(file.metadata()["worldmodel"])


def test_the_files_are_small_and_name_one_latent_format():
    assert MODEL_FILE.stat().st_size + VAE_FILE.stat().st_size <= MEGABYTES * 1_000_000
    assert MEMORY_FILE.stat().st_size <= MEMORY_MEGABYTES * 1_000_000
    assert EVENTS_FILE.stat().st_size <= EVENTS_MEGABYTES * 1_000_000
    assert sum(path.stat().st_size for path in (*FILES, reader.FILE)) <= ALL_MEGABYTES * 1_000_000
    for name in ("latent_format", "latent_mean", "latent_std"):
        assert len({str(about(path)[name]) for path in FILES}) == 1


def test_the_files_say_how_they_were_made():
    assert all(about(path)["recipe"] for path in FILES)


@pytest.mark.parametrize("group", SHORT_GROUPS)
def test_the_shipped_weights_pass_the_short_form(player, group):
    rows, missed = evaluate(Form(player, *SHORT), [group], bars.SHORT)
    assert rows and not missed, missed


@pytest.mark.parametrize("group", MEMORY_GROUPS)
def test_the_weights_with_memory_pass_the_short_form(rememberer, group):
    rows, missed = evaluate(Form(rememberer, *SHORT), [group], bars.SHORT_WITH_MEMORY)
    assert rows and not missed, missed


@pytest.fixture(scope="module")
def weathered():
    return load_player(EVENTS_FILE)


def test_the_weights_with_events_pass_the_short_form(weathered):
    rows, missed = evaluate(Form(weathered, *SHORT_EVENTS), ["events"], bars.SHORT_WITH_EVENTS)
    assert rows and not missed, missed


def test_a_model_with_events_that_learnt_nothing_misses_the_short_form(weathered):
    broken = type(weathered)(weather.build_network(0).eval(), *weathered[1:])
    assert evaluate(Form(broken, *SHORT_EVENTS), ["events"], bars.SHORT_WITH_EVENTS)[1]


def test_a_model_with_memory_that_learnt_nothing_misses_the_short_form(rememberer):
    broken = type(rememberer)(train.build_network(0).eval(), *rememberer[1:])
    for group in MEMORY_GROUPS:
        assert evaluate(Form(broken, *BROKEN, ONE_STEP), [group], bars.SHORT_WITH_MEMORY)[1], group


def test_a_model_that_learnt_nothing_misses_the_short_form(player):
    torch.manual_seed(0)
    broken = player._replace(network=build_network(0).eval())
    for group in SHORT_GROUPS:
        assert evaluate(Form(broken, *BROKEN, ONE_STEP), [group], bars.SHORT)[1], group
