"""The weights in the repository: whole, of one kind, small enough, and good enough that a broken one is noticed.

The full measure is `python -m worldmodel.tinyworld evaluate`; the short form, with bars of its own, leaves room for
chance.
"""

import json

import pytest
from safetensors import safe_open

from worldmodel.tinyworld.evaluate import bars
from worldmodel.tinyworld.evaluate.report import evaluate
from worldmodel.tinyworld.evaluate.rows import GROUPS, SHORT, SHORT_GROUPS, Form
from worldmodel.tinyworld.player import MODEL_FILE, VAE_FILE, load_player

MEGABYTES = 30


@pytest.fixture(scope="module")
def player():
    return load_player()


def about(path) -> dict:
    with safe_open(path, "pt") as file:
        return json.loads(file.metadata()["worldmodel"])


def test_both_files_are_small_and_name_one_latent_format():
    assert MODEL_FILE.stat().st_size + VAE_FILE.stat().st_size <= MEGABYTES * 1_000_000
    model, vae = about(MODEL_FILE), about(VAE_FILE)
    for name in ("latent_format", "latent_mean", "latent_std"):
        assert model[name] == vae[name]


def test_both_files_say_how_they_were_made_and_what_they_measured():
    for path in (MODEL_FILE, VAE_FILE):
        assert about(path)["recipe"] and about(path)["measured"]


@pytest.mark.parametrize("group", SHORT_GROUPS)
def test_the_shipped_weights_pass_the_short_form(player, group):
    rows, missed = evaluate(Form(player, *SHORT), [group], bars.SHORT)
    assert rows and not missed, missed


def test_the_short_form_judges_every_group_that_needs_no_other_checkpoint_and_no_clock():
    assert set(SHORT_GROUPS) == GROUPS.keys() - {"drawn", "few-steps", "fast", "legible", "read"}
