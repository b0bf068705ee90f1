"""`evaluate`: where its model comes from, what its pictures show, how it answers."""

import pytest
import torch

from worldmodel.metrics.intervals import Estimate
from worldmodel.tinyworld import pilot, train_dit, train_vae
from worldmodel.tinyworld.__main__ import main
from worldmodel.tinyworld.evaluate import ahead, drift, plots, rows, suites, whereabouts
from worldmodel.tinyworld.evaluate.report import figures
from worldmodel.tinyworld.export import export_model, export_vae, open_player
from worldmodel.tinyworld.run import Run
from worldmodel.tinyworld.scene import clips
from worldmodel.vae.tiny import TinyVAE, initialise


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A VAE's run and a model's run as training leaves them, and the files exported from them."""
    folder = tmp_path_factory.mktemp("runs")
    vae, network = TinyVAE(), train_dit.build_network(1)
    initialise(vae, 1)
    Run(folder / "vae", 1.0, vae, train_vae.optimizers_for(vae, 1e-3)).save()
    run = Run(folder / "model", 1.0, network, train_dit.optimizers_for(network, 1e-3))
    run.extra = {"mean": torch.full((16, 1, 1, 1), 0.5), "std": torch.full((16, 1, 1, 1), 2.0)}
    torch.nn.init.normal_(network.head.head.weight, std=0.02)
    run.extra["average"] = {name: value.clone() for name, value in network.state_dict().items()}
    torch.nn.init.zeros_(network.head.head.weight)
    run.save()
    export_vae(folder / "vae", folder / "model", {}, folder / "vae.safetensors")
    export_model(folder / "model", {}, folder / "model.safetensors")
    return folder


def test_a_run_plays_as_the_files_exported_from_it(runs):
    actions, films = pilot.hold(("forward",), 1.5, 1, 9), []
    for model, vae in (("model", "vae/state.pt"), ("model/state.pt", "vae"), ("model.safetensors", "vae.safetensors")):
        player = open_player(runs / model, runs / vae)
        films.append(player.play(torch.full((1, 3, 64, 96), 0.5), actions, 1, seed=0))
    assert torch.equal(films[0], films[1])
    assert (films[0] - films[2]).abs().max() < 0.02  # files are in half precision
    assert films[0].std() > 0


def test_without_a_path_the_shipped_files_are_opened():
    assert open_player().variant.name == "tiny_world_2"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--only", "walls"], "--only: found walls, expected some of vae"),
        (["--only", "few-steps"], "--before: nothing was given"),
        (["--starts", "257"], "--starts: found 257, expected 2 to 256"),
        (["--frames", "1001"], "--frames: found 1001, expected 20 to 1000"),
        (["--record", "--model", "x"], "--record: found --model or --vae"),
        (["--model", "{}/nothing.safetensors"], "nothing.safetensors: found no such file"),
        (["--model", "{}"], "holds no state.pt"),
    ],
)
def test_a_mistake_is_one_sentence_and_status_one(words, sentence, tmp_path, capsys):
    options = ["--threads", str(torch.get_num_threads()), "evaluate"]
    assert main([*options, *(word.format(tmp_path) for word in words)]) == 1
    said = capsys.readouterr().err.strip()
    assert sentence in said and "\n" not in said


def test_levels_are_spread_evenly_over_the_schedule():
    player = open_player()
    levels = rows.even_levels(player, 4).timesteps
    own = rows.warped_steps((1000, 750, 500, 250), player.variant.shift).timesteps
    assert torch.equal(levels, own) and len(rows.even_levels(player, 20).timesteps) == 20


def test_figures_are_written_by_name():
    assert figures([rows.Row("world", "dB", Estimate(20.123456, 19.0, 21.0))]) == {"world": [20.1235, 19.0, 21.0]}


def test_a_known_pose_is_found_and_a_foreign_world_is_there_exactly():
    tracks = suites.load("layouts")["world"].part(slice(0, 3))
    worlds, walks = tracks.walk(frames=9)
    offset = torch.tensor([[0.1, 0.05, 2.0]]).double().expand(3, 3)
    place, yaw = whereabouts.moved(walks.places[:, 8], walks.yaws[:, 8], offset)
    there = pilot.Walks(walks.which, walks.actions, place[:, None], yaw[:, None], walks.bumped)
    film = pilot.film(worlds, there, clips.PICTURE).movedim(-1, 2)
    found = whereabouts.find(film, tracks, [8])
    assert (found.places[:, 0] - place).norm(dim=-1).max() < 0.07
    assert (found.yaws[:, 0] - yaw).rad2deg().abs().max() < 1.1
    assert whereabouts.find(torch.rand_like(film), tracks, [8]).yaws.isnan().all()


def test_where_the_past_is_the_truth_the_first_frames_are_near_to_it(monkeypatch):
    monkeypatch.setattr(ahead, "PASTS", (1,))
    found = ahead.measure(open_player(), suites.load("levels")["long"].part(slice(0, 2)), 2)
    assert found.made.shape == (2, 1, 24)
    assert (found.made[..., 0] > found.frozen[..., 0]).all() and (found.made[..., 0] > 20).all()


def test_a_past_that_is_given_is_not_made_and_what_follows_heeds_it():
    player, actions = open_player(), pilot.hold(("forward",), 0.0, 1, 30)
    past = torch.randn(2, 1, 16, 3, 8, 12, generator=torch.Generator().manual_seed(0))
    image = player.see(torch.full((1, 3, 64, 96), 0.5), 2)
    films = [list(player.roll_latents(image, actions, 2, 0, past=one)) for one in past]
    assert all(torch.equal(film[0], one) for film, one in zip(films, past, strict=True))
    assert not torch.equal(films[0][1], films[1][1])


def test_the_pictures_hold_what_they_are_given():
    tracks = suites.load("layouts")["world"].part(slice(0, 3))
    _, walks = tracks.walk(frames=9)
    there_exactly = whereabouts.Found(
        walks.places[:, [8]], walks.yaws[:, [8]], walks.places[:, [8]], walks.yaws[:, [8]]
    )
    plan = plots.path_plot(tracks, there_exactly, there_exactly, [8], columns=2)
    assert plan.size == (10 + 2 * 246, 44 + 2 * 246)

    shown = torch.rand(3, 2, 3, 64, 96)
    sheet = plots.contact_sheet({0: shown, 12: shown}, walks=2, scale=1)
    corner = torch.tensor(sheet.getpixel((148, 34))) / 255
    assert (corner - shown[0, 0, :, 0, 0]).abs().max() < 0.01

    ones = torch.ones(4, 2, 61)
    assert plots.ageing_plot(drift.Ageing(ones, ones, 2 * ones, {})).size == (1000, 424)
