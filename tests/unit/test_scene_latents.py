"""Encoded walks through the places, and sheets of what a model makes of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from worldmodel.metrics.pictures import psnr
from worldmodel.tinyworld import carried
from worldmodel.tinyworld.__main__ import main
from worldmodel.tinyworld.evaluate import sheets, suites
from worldmodel.tinyworld.latents import LONG, SHORT, Shards, encode_walks
from worldmodel.tinyworld.pilot import Actions, play, views
from worldmodel.tinyworld.player import MODEL_FILE, VAE_FILE, load_player
from worldmodel.tinyworld.scene import clips, engine, latents, plans
from worldmodel.vae.tiny import TinyVAE


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of two small shards in two levels."""
    folder = tmp_path_factory.mktemp("shards")
    torch.manual_seed(6)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(latents, "WALKS", {SHORT: 3, LONG: 2})
        vae = TinyVAE((8, 8, 8), (8, 8, 8)).eval()
        latents.write_shards(vae, folder, 4, 1, 1.0, ("Hedge Court", "Neon Corner"))
        before = (folder / "004_00000.safetensors").stat().st_mtime_ns
        latents.write_shards(vae, folder, 4, 2, 1.0, ("Hedge Court", "Neon Corner"))
        assert (folder / "004_00000.safetensors").stat().st_mtime_ns == before  # what is there is not made again
    return folder


def test_shards_hold_the_walks_that_their_poses_say(shards: Path) -> None:
    torch.manual_seed(6)
    vae = TinyVAE((8, 8, 8), (8, 8, 8)).eval()
    for number, frames in enumerate((SHORT, LONG)):
        shard = load_file(shards / f"004_{number:05d}.safetensors")
        assert shard["latents"].shape[2] == (frames + 3) // 4 and shard["keys"].shape[1] == frames
        assert set(shard["seeds"].tolist()) <= {engine.level_seed(name) for name in ("Hedge Court", "Neon Corner")}
        places = engine.build(shard["seeds"].tolist())
        start = shard["poses"][:, 0, :2].double(), shard["poses"][:, 0, 2].double()
        actions = Actions(shard["keys"][:, :-1], shard["turns"][:, :-1].double())
        walks = play(places, torch.arange(len(places.seeds)), start, actions)
        torch.testing.assert_close(walks.places.float(), shard["poses"][..., :2], atol=1e-3, rtol=0)
        again, _ = encode_walks(vae, clips.film(places, walks, slice(0, 9)))
        torch.testing.assert_close(again, shard["latents"][:, :, :3].float(), atol=0.05, rtol=0.05)


def test_the_trainer_reads_them(shards: Path) -> None:
    known = Shards(shards)
    known.refresh()
    assert known.short["latents"].shape[0] == 3 and known.long["latents"].shape[0] == 2


def test_a_sheet_shows_the_true_film_above_the_generated_one() -> None:
    tracks = suites.load("levels")["long"].part(slice(0, 2))
    shown = sheets.watch(load_player(), tracks, (0, 8, 12))
    assert shown.true.shape == shown.made.shape == (2, 3, 3, 64, 96)
    # the first frame is given, and the model's own VAE shows it
    assert (shown.true[:, 0] - shown.made[:, 0]).square().mean() < 0.02
    gains = sheets.gains(shown)
    assert len(gains) == 2 and all(abs(gain) < 15 for gain in gains)
    assert sheets.sheet(shown, 2).size == (3 * 96 * 2, 4 * 64 * 2)


def test_a_command_without_what_it_needs_says_so(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["train", "model", "--run", str(tmp_path)]) == 1
    assert "--shards: nothing was given" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["encode", "--vae", "x", "--shards", "y", "--count", "1", "--only", "Nowhere"])
    assert "invalid choice" in capsys.readouterr().err and "Nowhere" not in plans.NAMES


def test_only_the_walks_of_some_places_are_read(shards: Path) -> None:
    whole = Shards(shards)
    whole.refresh()
    for name in ("Hedge Court", "Neon Corner"):
        seed = engine.level_seed(name)
        known = Shards(shards, only=(seed,))
        known.refresh()
        for some, every in ((known.short, whole.short), (known.long, whole.long)):
            assert len(some["keys"]) == int((every["seeds"] == seed).sum()) and bool((some["seeds"] == seed).all())


def test_own_films_are_carried_through_places(shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 1000, 40))
    monkeypatch.setattr(carried.time, "monotonic", lambda: float(next(clock)))
    walkers = clips.walking_in(1.0, (plans.NAMES.index("Hedge Court"),))
    carried.write_own(MODEL_FILE, tmp_path, 3, 1.0, walkers, 2, VAE_FILE)
    walks = load_file(tmp_path / "003_00000.safetensors")
    latents_of_walk = 3 * carried.CHUNKS
    assert walks["made"].shape == (2, 16, latents_of_walk, 8, 12) and walks["wanted"].isfinite().all()
    assert 0.1 < walks["known"].float().mean() < 1


def test_a_true_frame_of_a_place_is_carried_to_the_true_frames() -> None:
    places, walks = clips.walking_in(0.5)(np.random.default_rng(3), 4, 9)
    view = views(places, walks, clips.PICTURE)
    frames, seen = carried.carry(view.pixels[:, 0].movedim(-1, 1), view, walks.places, walks.yaws, places.focal)
    error = ((frames - view.pixels[:, 1:].movedim(-1, 2)).square().mean(2) * seen).sum((2, 3)) / seen.sum((2, 3))
    assert psnr(error).min() > 22 and (seen.float().mean((2, 3)) > 0.3).all()


def test_a_rollout_needs_a_model_and_its_films(capsys: pytest.CaptureFixture[str], shards: Path) -> None:
    words = ["train", "rollout", "--run", str(shards / "run"), "--shards", str(shards)]
    assert main(words) == 1 and "--begin-with: nothing was given" in capsys.readouterr().err
    assert main([*words, "--begin-with", "x"]) == 1 and "--own: nothing was given" in capsys.readouterr().err
