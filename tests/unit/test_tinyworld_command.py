"""`python -m worldmodel.tinyworld`: from runs to the files that are shipped, and what it says to mistakes."""

import sys

import pytest
import torch

from worldmodel.checkpoints.recognise import read_metadata
from worldmodel.reading.safetensors_files import load_safetensors
from worldmodel.tinyworld import pilot, train_dit, train_vae
from worldmodel.tinyworld.__main__ import main
from worldmodel.tinyworld.computing import computing
from worldmodel.tinyworld.export import describe, export_model, export_vae
from worldmodel.tinyworld.player import load_player
from worldmodel.tinyworld.run import Run
from worldmodel.vae.tiny import TinyVAE, initialise


@pytest.fixture
def runs(tmp_path):
    """A VAE's run and a model's run as training leaves them, without a step."""
    vae, network = TinyVAE(), train_dit.build_network(1)
    initialise(vae, 1)
    Run(tmp_path / "vae", 1.0, vae, train_vae.optimizers_for(vae, 1e-3)).save()
    run = Run(tmp_path / "model", 1.0, network, train_dit.optimizers_for(network, 1e-3))
    run.extra = {"mean": torch.full((16, 1, 1, 1), 0.5), "std": torch.full((16, 1, 1, 1), 2.0)}
    run.extra["average"] = network.state_dict()
    run.save()
    return tmp_path


def test_exported_files_play_and_carry_their_recipe(runs):
    model, vae = runs / "model.safetensors", runs / "vae.safetensors"
    export_vae(runs / "vae", runs / "model", {"recipe": "none"}, vae)
    export_model(runs / "model", {"recipe": "none"}, model)
    describe(model, {"obeys": 0.5})
    player = load_player(model, vae)
    assert player.mean.flatten().tolist() == [0.5] * 16 and player.std.flatten().tolist() == [2.0] * 16
    film = player.play(torch.rand(1, 3, 64, 96), pilot.hold(("forward",), 1.5, 1, 9), chunks=1, seed=0)
    assert film.shape == (1, 3, 9, 64, 96) and film.isfinite().all()
    about = read_metadata(load_safetensors(model)[1])
    assert about["recipe"] == "none" and about["measured"] == {"obeys": 0.5}


def test_the_average_is_exported_or_what_the_run_ended_with(runs):
    state = torch.load(runs / "model" / "state.pt", weights_only=True)
    state["extra"]["average"] = {name: value + 1 for name, value in state["model"].items()}
    torch.save(state, runs / "model" / "state.pt")
    for ended, more in ((False, 1), (True, 0)):
        path = runs / f"{ended}.safetensors"
        export_model(runs / "model", {}, path, ended=ended)
        weights, _ = load_safetensors(path)
        assert all(torch.equal(weights[name], (value + more).half()) for name, value in state["model"].items())


def test_the_latent_format_of_the_model_goes_into_both_files(runs):
    for name, export in (("vae", export_vae), ("model", export_model)):
        path = runs / f"{name}.safetensors"
        arguments = (runs / "vae", runs / "model") if name == "vae" else (runs / "model",)
        export(*arguments, {}, path)
        about = read_metadata(load_safetensors(path)[1])
        assert about["latent_format"] == "tiny_world" and about["latent_mean"] == [0.5] * 16


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["train", "model", "--run", "{}", "--minutes", "1"], "--shards: nothing was given"),
        (["train", "model", "--run", "{}", "--minutes", "1", "--shards", "{}"], "found no encoded walks"),
        (["train", "rollout", "--run", "{}", "--minutes", "1", "--shards", "{}"], "--begin-with: nothing was given"),
        (
            ["train", "rollout", "--run", "{}", "--minutes", "1", "--shards", "{}", "--begin-with", "{}"],
            "--own: nothing was given",
        ),
    ],
)
def test_a_mistake_is_one_sentence_and_status_one(words, sentence, tmp_path, capsys):
    status = main(["--threads", str(torch.get_num_threads()), *(word.format(tmp_path / "nothing") for word in words)])
    said = capsys.readouterr().err.strip()
    assert status == 1 and sentence in said and "\n" not in said


def test_only_a_model_is_trained_in_several_processes(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    threads = str(torch.get_num_threads())
    assert main(["--threads", threads, "train", "reader", "--run", str(tmp_path / "run"), "--minutes", "1"]) == 1
    assert "train reader: found 2 processes, expected one" in capsys.readouterr().err


def test_recipes_are_json(capsys):
    with pytest.raises(SystemExit):
        main(["export", "--model", "x", "--recipe", "{"])
    assert "--recipe" in capsys.readouterr().err


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_command_leaves_threads_and_floats_as_they_were(error):
    threads = torch.get_num_threads()
    with pytest.raises(error), computing(threads + 1):
        assert torch.get_num_threads() == threads + 1 and sys.float_info.min / 2 == 0
        raise error
    assert torch.get_num_threads() == threads and sys.float_info.min / 2 > 0


def test_a_command_within_a_command_goes_on_flushing_after_it():
    with computing(1):
        with computing(1):
            pass
        assert sys.float_info.min / 2 == 0
