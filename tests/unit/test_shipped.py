"""The weights in the repository: whole, of one kind, small enough, and good enough that a broken one is noticed.

The full measure is `python -m worldmodel.tinyworld evaluate`; this short form leaves room for chance.
"""

import json

import pytest
from safetensors import safe_open

from worldmodel.metrics import obedience
from worldmodel.metrics.pictures import bicubic_copy, psnr, squared_error
from worldmodel.tinyworld import data
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


def test_the_vae_keeps_what_a_shrunken_copy_loses(player):
    clips = data.held_out_clips(4, 17, seed=2)
    decoded = player.vae.decode(player.vae.encode(clips))
    pictures, copies = ((value.transpose(1, 2).flatten(0, 1) + 1) / 2 for value in (clips, decoded))
    ours = psnr(squared_error(copies, pictures)).mean()
    plain = psnr(squared_error(bicubic_copy(pictures), pictures)).mean()
    assert ours > plain + 4.5


def test_the_model_does_what_the_keys_say(player):
    rows = list(obedience.measure(player, starts=16, seed=3, batch=16))
    assert sum(row.share for row in rows) / len(rows) >= 0.85, rows
